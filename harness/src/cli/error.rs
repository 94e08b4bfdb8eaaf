//! Why a sub-command did not do what it was asked, as a person reads it.

use std::error::Error;
use std::fmt::Write as _;

use crate::exit_code;
use crate::output::style::{BAD, LABEL, paint};
use crate::service_client::ServiceError;
use crate::settings::{FileError, SettingsError};

/// A message, what can be done about it, and an exit code.
#[derive(Debug)]
pub struct CliError {
    code: u8,
    message: String,
    remedies: Vec<String>,
}

impl CliError {
    /// The command line or a file is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(exit_code::USAGE, message)
    }

    /// Somebody said no.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(exit_code::FAILED, message)
    }

    /// It could not even be tried.
    pub fn could_not_run(message: impl Into<String>) -> Self {
        Self::new(exit_code::COULD_NOT_RUN, message)
    }

    /// With a code of its own.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            remedies: Vec::new(),
        }
    }

    /// `error` with the chain of its causes.
    pub fn could_not_run_because(error: &dyn Error) -> Self {
        Self::could_not_run(chain(error))
    }

    /// Adds something that can be done about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// All of it, for stderr.
    pub fn render(&self) -> String {
        let mut text = format!("{} {}", paint(BAD, "error:"), self.message);
        for remedy in &self.remedies {
            let _ = write!(text, "\n {} {remedy}", paint(LABEL, "help:"));
        }
        text
    }
}

/// `error` and its causes, joined by `: `.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Some errors print their cause themselves.
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

impl From<FileError> for CliError {
    fn from(error: FileError) -> Self {
        let told = Self::usage(error.to_string());
        match error.remedy() {
            Some(remedy) => told.with_remedy(remedy),
            None => told,
        }
    }
}

impl From<SettingsError> for CliError {
    fn from(error: SettingsError) -> Self {
        Self::could_not_run_because(&error).with_remedy("name a folder with --ca DIR")
    }
}

impl From<ServiceError> for CliError {
    fn from(error: ServiceError) -> Self {
        let told = match &error {
            ServiceError::Refused(_) => Self::failed(error.to_string()),
            ServiceError::Unreachable { .. } | ServiceError::Protocol(_) => {
                Self::could_not_run_because(&error)
            }
        };
        match error.remedy() {
            Some(remedy) => told.with_remedy(remedy),
            None => told,
        }
    }
}
