//! What a machine lacks: said aloud, and a failure where `CI` is set.

use std::fmt;
use std::io::{self, Write};

/// Why a test cannot run on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip(String);

impl Skip {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value, or `None` after a line that nobody can overlook. Where `CI` is set a test that cannot
/// run has failed.
pub fn or_skip<T>(found: Result<T, Skip>) -> Option<T> {
    let why = match found {
        Ok(value) => return Some(value),
        Err(why) => why,
    };
    assert!(
        std::env::var_os("CI").is_none(),
        "cannot run, and CI is set: {why}"
    );
    // The test runner swallows what `println!` writes of a test that passes.
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    writeln!(io::stderr(), "SKIPPED: {test}: {why}").ok();
    None
}
