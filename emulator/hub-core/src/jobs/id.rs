//! The name of a job.

use std::fmt;
use std::sync::Arc;

use hub_proto::ids::IdError;

/// Longest job id, in characters.
const CHARS_MAX: usize = 64;

/// The name of a job, chosen by the service: 1 to 64 characters of `A-Za-z0-9-:.+%_#*?!(),=@;$'`,
/// case-sensitive. The real hub was seen to take lower case only, and Microsoft's own samples and
/// tests use upper case, so the wider grammar of device ids holds. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Arc<str>);

impl JobId {
    /// Checks `text` against the grammar.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let what = "job id";
        if text.is_empty() {
            return Err(IdError::Empty { what });
        }
        if let Some(character) = text.chars().find(|c| !is_allowed(*c)) {
            return Err(IdError::Character { what, character });
        }
        // Only ASCII is left, so bytes are characters.
        if text.len() > CHARS_MAX {
            return Err(IdError::TooLong {
                what,
                chars: text.len(),
                max: CHARS_MAX,
            });
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-:.+%_#*?!(),=@;$'".contains(character)
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_microsofts_samples_are_ids_and_others_say_why_not() {
        // JOB-1
        let csharp = "JOBSAMPLE5b1f0d6e-92cb-4b0a-8d2b-64f2be0a4f1f";
        for text in [csharp, "method-job-1", "a'b", &"x".repeat(64)] {
            assert_eq!(JobId::parse(text).unwrap().as_str(), text);
        }
        let cases = [
            (String::new(), "job id is empty"),
            (
                "a/b".to_owned(),
                "job id contains '/', which is not allowed",
            ),
            (
                "x".repeat(65),
                "job id has 65 characters, at most 64 are allowed",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(JobId::parse(&text).unwrap_err().to_string(), expected);
        }
    }
}
