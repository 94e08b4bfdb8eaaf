//! The name of a configuration, checked at birth.
//!
//! Grammar: `^[a-z0-9\-+%_*!']{1,128}$`, from the path parameter of `/configurations/{id}` in
//! Azure/azure-iot-hub-python `service.json`; a live hub refuses capitals with 400.

use std::fmt;
use std::sync::Arc;

use crate::error::HubError;

/// Longest id, in characters.
const CHARS_MAX: usize = 128;

/// The name of a configuration: 1 to 128 characters. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigurationId(Arc<str>);

impl ConfigurationId {
    /// Checks `text` against the grammar.
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let is_allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-+%_*!'".contains(c);
        let refuse = |rule: String| Err(HubError::Argument(rule));
        if text.is_empty() {
            return refuse("configuration id is empty".to_owned());
        }
        if let Some(character) = text.chars().find(|c| !is_allowed(*c)) {
            return refuse(format!(
                "configuration id contains {character:?}, which is not allowed: lower-case letters, \
                 digits and -+%_*!' are"
            ));
        }
        // Only ASCII is left, so bytes are characters.
        if text.len() > CHARS_MAX {
            return refuse(format!(
                "configuration id has {} characters, at most {CHARS_MAX} are allowed",
                text.len()
            ));
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConfigurationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConfigurationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::borrow::Borrow<str> for ConfigurationId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_lower_case_and_say_what_is_wrong() {
        // CFG-1
        let every = "az09-+%_*!'";
        assert_eq!(ConfigurationId::parse(every).unwrap().as_str(), every);
        let long = "x".repeat(129);
        assert!(ConfigurationId::parse(&long[..128]).is_ok());
        for (text, expected) in [
            ("", "configuration id is empty"),
            ("Upper", "configuration id contains 'U'"),
            ("a.b", "configuration id contains '.'"),
            ("ä", "configuration id contains 'ä'"),
            (&long, "configuration id has 129 characters"),
        ] {
            let error = ConfigurationId::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
