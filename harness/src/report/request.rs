//! `--report KIND=FILE`: which report is wanted, and where. Knows nothing of what is in it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A form of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportKind {
    /// For a terminal; coloured, to be printed through `anstream`.
    Human,
    /// For build servers.
    Junit,
    /// Everything there is, versioned; the one that can be read back as a baseline.
    Json,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// One self-contained page with charts.
    Html,
}

impl ReportKind {
    /// All of them, in the order they are listed to a user.
    pub const ALL: [Self; 5] = [Self::Human, Self::Junit, Self::Json, Self::Tap, Self::Html];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Junit => "junit",
            Self::Json => "json",
            Self::Tap => "tap",
            Self::Html => "html",
        }
    }
}

impl fmt::Display for ReportKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for ReportKind {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| RequestError::UnknownKind {
                found: text.to_owned(),
                suggestion: nearest(text),
            })
    }
}

/// Where a report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// `-`: standard output.
    Stdout,
    /// A file, replaced if it is there.
    File(PathBuf),
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => formatter.write_str("standard output"),
            Self::File(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// One `--report`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRequest {
    /// Which form.
    pub kind: ReportKind,
    /// Where to.
    pub destination: Destination,
}

impl FromStr for ReportRequest {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let Some((kind, path)) = text.split_once('=') else {
            // `--report out.xml` is as likely as `--report junit`; the first names no kind.
            let kind: ReportKind = text.parse()?;
            return Err(RequestError::NoFile { kind });
        };
        let kind = kind.parse()?;
        let destination = match path {
            "" => return Err(RequestError::NoFile { kind }),
            "-" => Destination::Stdout,
            path => Destination::File(path.into()),
        };
        Ok(Self { kind, destination })
    }
}

/// Why a `--report` was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No such kind.
    #[error(
        "no report is called `{found}`{}; write KIND=FILE with one of human, junit, json, tap, html",
        suggestion.map_or(String::new(), |kind| format!(", did you mean `{kind}`?"))
    )]
    UnknownKind {
        /// As written.
        found: String,
        /// What was probably meant.
        suggestion: Option<ReportKind>,
    },
    /// A kind without a file.
    #[error("`{kind}` names no file; write `{kind}=FILE`, or `{kind}=-` for standard output")]
    NoFile {
        /// The kind.
        kind: ReportKind,
    },
}

/// The kind that `text` probably means: a slip of the fingers, or the ending of a file name.
fn nearest(text: &str) -> Option<ReportKind> {
    let text = text.to_lowercase();
    match text.rsplit('.').next() {
        Some("xml") => return Some(ReportKind::Junit),
        Some("txt" | "text") => return Some(ReportKind::Human),
        Some("htm") => return Some(ReportKind::Html),
        Some(ending)
            if let Some(kind) = ReportKind::ALL.into_iter().find(|k| k.name() == ending) =>
        {
            return Some(kind);
        }
        _ => {}
    }
    ReportKind::ALL
        .into_iter()
        .map(|kind| (strsim::damerau_levenshtein(kind.name(), &text), kind))
        .filter(|(distance, _)| *distance <= 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        text.parse::<ReportRequest>().unwrap_err().to_string()
    }

    #[test]
    fn a_request_names_a_kind_and_a_file() {
        let file = |path: &str| Destination::File(path.into());
        let table = [
            ("junit=out.xml", ReportKind::Junit, file("out.xml")),
            ("json=-", ReportKind::Json, Destination::Stdout),
            ("html=a=b.html", ReportKind::Html, file("a=b.html")),
            ("tap=./-", ReportKind::Tap, file("./-")),
            ("human=run.txt", ReportKind::Human, file("run.txt")),
        ];
        for (text, kind, destination) in table {
            assert_eq!(
                text.parse(),
                Ok(ReportRequest { kind, destination }),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_answered_with_what_would_be() {
        let list = "write KIND=FILE with one of human, junit, json, tap, html";
        let table = [
            (
                "junt=o.xml",
                format!("no report is called `junt`, did you mean `junit`?; {list}"),
            ),
            (
                "JSON=o",
                format!("no report is called `JSON`, did you mean `json`?; {list}"),
            ),
            (
                "out.xml",
                format!("no report is called `out.xml`, did you mean `junit`?; {list}"),
            ),
            (
                "report.html",
                format!("no report is called `report.html`, did you mean `html`?; {list}"),
            ),
            ("sarif=o", format!("no report is called `sarif`; {list}")),
            ("", format!("no report is called ``; {list}")),
            (
                "tap",
                "`tap` names no file; write `tap=FILE`, or `tap=-` for standard output".into(),
            ),
            (
                "tap=",
                "`tap` names no file; write `tap=FILE`, or `tap=-` for standard output".into(),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(message(text), expected);
        }
    }
}
