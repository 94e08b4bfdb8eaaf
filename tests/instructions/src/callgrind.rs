//! Runs a path under callgrind, and reads the profile it writes.
//!
//! Each path has a process of its own: what one path leaves on the heap would show in the next one's
//! counts.

use std::collections::HashMap;
use std::path::Path as FilePath;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::counts::Count;
use crate::meter::{COUNTED_FUNCTION, COUNTED_FUNCTION_IN_FULL};

/// Calls of these are counted as allocations. All of them, since one that only resizes may move.
const ALLOCATORS: [&str; 5] = [
    "malloc",
    "calloc",
    "realloc",
    "aligned_alloc",
    "posix_memalign",
];

/// The C library picks how it copies by the processor; every x86-64 has the plainest way.
const BASELINE_PROCESSOR: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX2_Usable,-AVX,-AVX_Usable,\
    -AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-BMI2,-MOVBE,-SSE4_2,-SSE4_1,-SSSE3";

/// Valgrind is not installed.
#[derive(Debug)]
pub struct Missing;

/// Counts the path called `name`: `program --path NAME` is to run it and print how many operations it
/// counted. `scratch` is a folder for the profile.
pub fn count_path(
    program: &FilePath,
    name: &str,
    scratch: &FilePath,
) -> Result<Result<Count, Missing>> {
    let profile = scratch.join(format!("{name}.callgrind"));
    // The first dump; the one without a number is of what came after.
    let counted = scratch.join(format!("{name}.callgrind.1"));
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        // From where the loop begins to where it ends. With one pattern for both, valgrind 3.19 forgets
        // the one; and `--toggle-collect` would count calls outside the loop.
        .arg(format!("--zero-before={COUNTED_FUNCTION}"))
        .arg(format!("--dump-after={COUNTED_FUNCTION_IN_FULL}"))
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .args(["--path", name])
        // The environment lies on the stack of the program that is counted.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", BASELINE_PROCESSOR)
        .output();
    let run = match run {
        Ok(run) => run,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Err(Missing)),
        Err(error) => return Err(error).context("cannot start valgrind"),
    };
    ensure!(
        run.status.success(),
        "{name} failed under valgrind: {}",
        String::from_utf8_lossy(&run.stderr)
    );
    let operations: usize = String::from_utf8(run.stdout)?.trim().parse()?;
    let text = std::fs::read_to_string(&counted)
        .with_context(|| format!("cannot read {}", counted.display()))?;
    // In place of the part nobody asked for.
    std::fs::write(&profile, without_idle_calls(&text))?;
    let total = Profile::parse(&text).with_context(|| format!("the profile of {name}"))?;
    Ok(Ok(total.per_operation(operations)))
}

/// The profile without calls that were never made: callgrind mentions those that are still under way, and
/// `callgrind_annotate` then credits the caller with everything.
fn without_idle_calls(text: &str) -> String {
    let mut lines = text.lines();
    let mut kept = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        if line.starts_with("calls=0 ") {
            // The next line has its cost.
            lines.next();
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// What a profile says in all.
#[derive(Debug, PartialEq, Eq)]
struct Profile {
    instructions: u64,
    allocations: u64,
}

impl Profile {
    /// Reads callgrind's format: `totals:` has the instructions, and each `calls=` belongs to the `cfn=`
    /// before it. A name is spelled out where it comes first, and a number in parentheses thereafter.
    /// (Valgrind's manual, "Callgrind Format Specification")
    fn parse(text: &str) -> Result<Self> {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let (mut instructions, mut allocations, mut callee) = (None, 0, "");
        for line in text.lines() {
            if let Some(function) = line.strip_prefix("fn=") {
                name_of(function, &mut names);
            } else if let Some(function) = line.strip_prefix("cfn=") {
                callee = name_of(function, &mut names);
            } else if let Some(calls) = line.strip_prefix("calls=") {
                let count = calls.split(' ').next().unwrap_or_default();
                if ALLOCATORS.contains(&callee) {
                    allocations += count.parse::<u64>()?;
                }
            } else if let Some(total) = line.strip_prefix("totals: ") {
                instructions = Some(total.trim().parse()?);
            }
        }
        match instructions {
            Some(instructions) if instructions > 0 => Ok(Self {
                instructions,
                allocations,
            }),
            _ => bail!("callgrind counted nothing: was {COUNTED_FUNCTION} inlined or renamed?"),
        }
    }

    fn per_operation(&self, operations: usize) -> Count {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count of 2^53 instructions would take months"
        )]
        let each = |total: u64| total as f64 / operations as f64;
        Count {
            instructions: each(self.instructions),
            allocations: each(self.allocations),
        }
    }
}

/// The name in `(12) name`, or the one that `(12)` stood for before.
fn name_of<'a>(text: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    if let Some((number, name)) = text.split_once(") ") {
        names.insert(number, name);
        name
    } else {
        let number = text.trim_end_matches(')');
        names.get(number).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
version: 1
events: Ir
fl=(1)
fn=(10) counted_operations
0 12
cob=(2) /usr/lib/libc.so.6
cfi=(3)
cfn=(11) malloc
calls=3 0
0 450
cfn=(12) free
calls=3 0
0 300

fn=(13) grow
0 8
cfn=(11)
calls=2 0
0 300
cfn=(14) realloc
calls=1 0
0 90
totals: 1160
";

    #[test]
    fn a_profile_gives_instructions_and_calls_of_the_allocator() {
        let profile = Profile::parse(PROFILE).unwrap();
        let expected = Profile {
            instructions: 1160,
            allocations: 6,
        };
        assert_eq!(profile, expected);
        let count = profile.per_operation(4);
        assert_eq!((count.instructions, count.allocations), (290.0, 1.5));
    }

    #[test]
    fn calls_that_were_not_made_are_left_out() {
        let text = "fn=(1) main\ncfn=(2) run\ncalls=0 1\n7 900\nfn=(2)\n0 12\n";
        let kept = "fn=(1) main\ncfn=(2) run\nfn=(2)\n0 12\n";
        assert_eq!(without_idle_calls(text), kept);
    }

    #[test]
    fn a_profile_without_counts_is_an_error() {
        for text in ["", "events: Ir\n", "events: Ir\ntotals: 0\n"] {
            let error = Profile::parse(text).unwrap_err().to_string();
            assert!(error.contains("counted nothing"), "{error}");
        }
    }
}
