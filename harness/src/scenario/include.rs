//! Reads a file and what it includes, each once and within bounds.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::fields::{Fields, Mistakes};
use super::keys;
use super::names::beside_file;
use super::node::{Kind, Node, found, quote};
use super::read::Parts;
use super::span::{Source, Span};
use super::yaml;

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) sources: Vec<Source>,
    pub(super) parts: Parts,
    pub(super) mistakes: Mistakes,
    /// By their real paths, those that are still being read.
    open: Vec<PathBuf>,
    done: Vec<PathBuf>,
}

impl Files {
    /// The main file, from its text, after everything that it includes.
    pub(super) fn main(&mut self, path: &str, text: &str) -> Option<Node> {
        let real = Path::new(path).canonicalize();
        self.open.push(real.unwrap_or_else(|_| PathBuf::from(path)));
        let node = self.parse(path, text)?;
        self.take(&node, path);
        Some(node)
    }

    fn parse(&mut self, path: &str, text: &str) -> Option<Node> {
        // Without its byte order mark, so that columns are what an editor shows.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = u16::try_from(self.sources.len()).ok()?;
        self.sources.push(Source {
            path: path.into(),
            text: text.into(),
        });
        let span = Span {
            source,
            ..Span::default()
        };
        if text.len() > FILE_BYTES_MAX {
            let message = format!("the file is larger than {FILE_BYTES_MAX} bytes");
            self.mistakes.add(span, message);
            return None;
        }
        let before = self.mistakes.all.len();
        let node = yaml::read(source, text, &mut self.mistakes.all);
        if node.is_none() && self.mistakes.all.len() == before {
            self.mistakes.add(span, "the file is empty");
        }
        node
    }

    /// Reads the includes of one file, then its own parts.
    fn take(&mut self, node: &Node, path: &str) {
        let Some(fields) = Fields::of(node, &keys::SCENARIO, &mut self.mistakes) else {
            return;
        };
        match fields.get("include").map(|node| (&node.kind, node)) {
            None => {}
            Some((Kind::List(items), _)) => {
                for item in items {
                    self.include(item, path);
                }
            }
            Some((_, node)) => {
                let message = format!("`include` is a list of files, but {} is given", found(node));
                self.mistakes.add(node.place, message);
            }
        }
        self.parts.add(&fields, &mut self.mistakes);
    }

    fn include(&mut self, item: &Node, from: &str) {
        let Some(name) = self.mistakes.text(item, "an included file") else {
            return;
        };
        let path = beside_file(from, &name.value);
        let text = match read(&path) {
            Ok(text) => text,
            Err(problem) => {
                let shown = quote(&path.to_string_lossy());
                let message = format!("cannot include {shown}: {problem}");
                self.mistakes.add(item.place, message);
                return;
            }
        };
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if self.open.contains(&real) {
            let message = format!("{} includes itself", quote(&path.to_string_lossy()));
            self.mistakes.add(item.place, message);
            return;
        }
        if self.done.contains(&real) {
            return;
        }
        if self.sources.len() > INCLUDES_MAX {
            let message = format!("more than {INCLUDES_MAX} files are included");
            self.mistakes.add(item.place, message);
            return;
        }
        self.open.push(real.clone());
        let path = path.to_string_lossy();
        if let Some(node) = self.parse(&path, &text) {
            self.only_includable(&node);
            self.take(&node, &path);
        }
        self.open.pop();
        self.done.push(real);
    }

    fn only_includable(&mut self, node: &Node) {
        let Some(entries) = node.entries() else {
            return;
        };
        for (key, _) in entries {
            let name = key.text.as_str();
            if keys::SCENARIO.keys.contains(&name) && !keys::INCLUDABLE.contains(&name) {
                let message = format!("{} is for the scenario itself", quote(name));
                let help = format!("an included file has {}", keys::INCLUDABLE.join(", "));
                self.mistakes.add_with_help(key.place, message, help);
            }
        }
    }
}

/// The text of a file; the error says why there is none.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let metadata = path.metadata().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    })?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let mut bytes = Vec::new();
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

/// Of one file.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Files besides the main one.
const INCLUDES_MAX: usize = 16;
