//! What devices do, as data: the programs that a [`crate::machine::Machine`] runs.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

/// A parsed behaviour, shared by all devices that run it.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub(crate) down: (Duration, Duration),
}

/// Why a text is no behaviour.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name}:{line}:{column}: {message}")]
pub struct ProgramError {
    /// The file, as given to [`Program::parse`].
    pub name: String,
    /// From 1; 0 if the fault lies outside the text, as with a parameter of [`Program::with`].
    pub line: usize,
    /// In characters, from 1; 0 as with `line`.
    pub column: usize,
    /// What is wrong, with the value found.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Program {
    /// Reads a behaviour; `name` is for messages.
    pub fn parse(_yaml: &str, name: &str) -> Result<Program, ProgramError> {
        Err(ProgramError {
            name: name.to_owned(),
            line: 1,
            column: 1,
            message: "behaviours of one's own are not read yet".to_owned(),
            help: None,
        })
    }

    /// A behaviour that comes with the program.
    pub fn built_in(name: &str) -> Option<Arc<Program>> {
        static REBOOT: LazyLock<Arc<Program>> = LazyLock::new(|| {
            Arc::new(Program {
                down: (Duration::from_millis(800), Duration::from_millis(1600)),
            })
        });
        (name == "reboot").then(|| Arc::clone(&REBOOT))
    }

    /// The names [`Program::built_in`] knows.
    pub fn built_in_names() -> &'static [&'static str] {
        &["reboot"]
    }

    /// The same behaviour with other parameters.
    pub fn with(&self, parameters: &[(String, Value)]) -> Result<Arc<Program>, ProgramError> {
        match parameters.first() {
            None => Ok(Arc::new(self.clone())),
            Some((parameter, _)) => Err(ProgramError {
                name: String::new(),
                line: 0,
                column: 0,
                message: format!("parameter {parameter:?} cannot be set yet"),
                help: None,
            }),
        }
    }
}
