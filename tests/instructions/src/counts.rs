//! The committed file: what was counted, and with which tools.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};

/// One operation on one path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// Machine instructions, those of the allocator included.
    pub instructions: f64,
    /// Calls of the allocator that may give memory.
    pub allocations: f64,
}

/// All paths, in their order, and the tools they were counted with.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// As `Toolchain` prints itself.
    pub toolchain: String,
    /// By the path's name.
    pub paths: Vec<(String, Count)>,
}

const TOOLCHAIN: &str = "counted with: ";
const HEAD: &str = "\
# Instructions and allocations of one operation on each hot path, counted by callgrind. Whoever changes a
# number says in the commit why. Compared by `cargo run --profile instructions -p hubnerite-instructions`,
# and written by it with HUBNERITE_UPDATE_EXPECTED=1.
";

impl Counts {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self> {
        let (mut toolchain, mut paths) = (None, Vec::new());
        for line in text.lines() {
            if let Some(tools) = line.strip_prefix(TOOLCHAIN) {
                toolchain = Some(tools.to_owned());
            } else if !line.is_empty() && !line.starts_with('#') {
                let row = parse_row(line).with_context(|| format!("in the row {line:?}"))?;
                paths.push(row);
            }
        }
        let Some(toolchain) = toolchain else {
            bail!("the file does not say what it was counted with");
        };
        Ok(Self { toolchain, paths })
    }

    /// The file's text.
    pub fn print(&self) -> String {
        let mut text = format!("{HEAD}{TOOLCHAIN}{}\n\n", self.toolchain);
        writeln!(text, "# {:<24}instructions  allocations", "path").unwrap();
        for (name, count) in &self.paths {
            let Count {
                instructions,
                allocations,
            } = count;
            writeln!(text, "{name:<26}{instructions:>12.1}{allocations:>13.2}").unwrap();
        }
        text
    }

    /// The count of a path.
    pub fn get(&self, name: &str) -> Option<Count> {
        let mut paths = self.paths.iter();
        paths
            .find(|(known, _)| known == name)
            .map(|(_, count)| *count)
    }
}

fn parse_row(line: &str) -> Result<(String, Count)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [name, instructions, allocations] = words[..] else {
        bail!("a row has a name and two numbers");
    };
    let count = Count {
        instructions: instructions.parse()?,
        allocations: allocations.parse()?,
    };
    Ok((name.to_owned(), count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::PATHS;

    #[test]
    fn the_file_is_read_as_it_is_written() {
        let counts = Counts {
            toolchain: "rustc 1.95.0, x86_64".to_owned(),
            paths: vec![(
                "decode-publish".to_owned(),
                Count {
                    instructions: 120.5,
                    allocations: 0.25,
                },
            )],
        };
        assert_eq!(Counts::parse(&counts.print()).unwrap(), counts);
        assert_eq!(counts.get("decode-publish"), Some(counts.paths[0].1));
        assert_eq!(counts.get("decode"), None);
    }

    #[test]
    fn a_row_that_is_not_one_is_an_error() {
        for row in ["decode 12", "decode 12 1 1", "decode x 1"] {
            let text = format!("{TOOLCHAIN}rustc\n{row}\n");
            assert!(Counts::parse(&text).is_err(), "{row}");
        }
        assert!(Counts::parse("decode 12 1\n").is_err());
    }

    #[test]
    fn the_committed_file_has_every_path_and_no_other() {
        let committed = Counts::parse(include_str!("../counts.txt")).unwrap();
        let names: Vec<&str> = committed.paths.iter().map(|(name, _)| &**name).collect();
        let paths: Vec<&str> = PATHS.iter().map(|path| path.name).collect();
        assert_eq!(names, paths);
    }
}
