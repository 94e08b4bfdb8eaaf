//! From a file to the scenarios it describes.

use std::path::Path;

use super::ast::Scenario;
use super::error::ScenarioErrors;

/// What a caller adds to what the file says.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions<'a> {
    /// `--var name=value`; they win over the file's. The name must be one the file defines.
    pub variables: &'a [(String, String)],
    /// The names of the behaviours that are built in.
    pub behaviours: &'a [&'a str],
}

/// Reads a scenario file and everything that it includes: one scenario, or one for each row of its
/// `table:`. Every mistake is found, and nothing is started before there is none.
pub fn load(path: &Path, options: LoadOptions<'_>) -> Result<Vec<Scenario>, ScenarioErrors> {
    let _ = (path, options);
    todo!("under way")
}

/// Reads a scenario from its text; `name` stands for its path in messages, and what it includes is
/// looked for beside that path.
pub fn parse(
    text: &str,
    name: &str,
    options: LoadOptions<'_>,
) -> Result<Vec<Scenario>, ScenarioErrors> {
    let _ = (text, name, options);
    todo!("under way")
}
