//! What the endpoint says: whole bodies, streams, and problems that name their remedy (RFC 9457).

use hyper::StatusCode;
use hyper::body::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

pub(super) use crate::http::Answer;
use crate::http::Pieces;

pub(super) const JSON: &str = "application/json; charset=utf-8";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const PROBLEM: &str = "application/problem+json";

/// Why a request was not carried out, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    remedy: Option<String>,
    allow: Option<String>,
    /// Every single thing that is wrong, where the operation tells them apart.
    mistakes: Vec<Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            remedy: None,
            allow: None,
            mistakes: Vec::new(),
        }
    }

    /// 400.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Says what to do.
    pub(super) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Names every single thing that is wrong.
    pub(super) fn with_mistakes(mut self, mistakes: Vec<Value>) -> Self {
        self.mistakes = mistakes;
        self
    }

    /// Names the verbs that the path does answer.
    pub(super) fn allowing(mut self, verbs: String) -> Self {
        self.allow = Some(verbs);
        self
    }

    pub(super) fn into_answer(self) -> Answer {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "remedy": self.remedy,
        });
        if !self.mistakes.is_empty() {
            body["mistakes"] = self.mistakes.into();
        }
        let mut answer = whole(self.status, PROBLEM, body.to_string());
        if let Some(allow) = self.allow {
            answer.push("allow", &allow);
        }
        answer
    }

    /// The schema of the body.
    pub(super) fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": { "type": "string" },
                "title": { "type": "string", "description": "the status in words" },
                "status": { "type": "integer" },
                "detail": { "type": "string", "description": "what is wrong with this request" },
                "remedy": { "type": ["string", "null"], "description": "what to do about it" },
                "mistakes": {
                    "type": "array",
                    "description": "of a seed: line, column and message of each",
                    "items": { "type": "object" }
                }
            }
        })
    }
}

/// 200 with a JSON document.
pub(super) fn json_document(document: &impl Serialize) -> Answer {
    let text = serde_json::to_vec_pretty(document).expect("the endpoint's documents are JSON");
    whole(StatusCode::OK, JSON, text)
}

/// An answer whose body is there.
pub(super) fn whole(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    described(Answer::new(status, body), content_type)
}

/// 200 with a body that is made while it is sent.
pub(super) fn stream(content_type: &'static str, pieces: Pieces) -> Answer {
    described(Answer::stream(pieces, None), content_type)
}

fn described(mut answer: Answer, content_type: &'static str) -> Answer {
    answer.push("content-type", content_type);
    answer.push("cache-control", "no-store");
    answer
}
