//! Answers and refusals as the storage service writes them.

use std::fmt::Write;
use std::io;

use hyper::StatusCode;
use hyper::body::Bytes;

pub(super) use crate::http::Answer;
use crate::http::{is_token, is_value};

/// Why a request is not granted: the service's status and code, and words of Hubnerite's own.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) text: String,
    /// Beside the usual ones.
    pub(super) header: Option<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            code,
            text: text.into(),
            header: None,
        }
    }

    pub(super) fn bad(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }

    /// Legal on the real service, not built here.
    pub(super) fn not_built(gap: &str) -> Self {
        let text = format!("Hubnerite's blob folder does not implement {gap}");
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", text)
    }

    pub(super) fn no_container() -> Self {
        let text = "The specified container does not exist.";
        Self::new(StatusCode::NOT_FOUND, "ContainerNotFound", text)
    }

    pub(super) fn no_blob() -> Self {
        let text = "The specified blob does not exist.";
        Self::new(StatusCode::NOT_FOUND, "BlobNotFound", text)
    }

    pub(super) fn into_answer(self) -> Answer {
        let mut xml = String::from(XML);
        let text = escaped(&self.text);
        write!(
            xml,
            "<Error><Code>{}</Code><Message>{text}</Message></Error>",
            self.code
        )
        .expect("a String takes any text");
        let mut answer = Answer::new(self.status, xml);
        set(&mut answer, "content-type", "application/xml");
        set(&mut answer, ERROR_CODE, self.code);
        if let Some((name, value)) = self.header {
            set(&mut answer, name, &value);
        }
        answer
    }
}

/// A disk that does not do what it should is no fault of the client.
impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let text = format!("the folder cannot be used: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", text)
    }
}

pub(super) fn empty(status: StatusCode) -> Answer {
    Answer::new(status, Bytes::new())
}

pub(super) fn xml(body: String) -> Answer {
    let mut answer = Answer::new(StatusCode::OK, body);
    set(&mut answer, "content-type", "application/xml");
    answer
}

/// Sets a header; one that cannot be printed is left out.
pub(super) fn set(answer: &mut Answer, name: &str, value: &str) {
    if is_value(value) && name.bytes().all(is_token) {
        answer.set(name, value);
    }
}

/// A text in XML. What XML 1.0 cannot say at all stands as `?`.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('?'),
            c if c.is_control() && c != '\n' && c != '\t' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

pub(super) const XML: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
const ERROR_CODE: &str = "x-ms-error-code";
