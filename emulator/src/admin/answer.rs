//! What the endpoint says: whole bodies, streams, and problems that name their remedy (RFC 9457).

use std::convert::Infallible;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

/// An answer; its body may be a stream.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

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
        if let Some(allow) = self.allow.and_then(|verbs| verbs.try_into().ok()) {
            answer.headers_mut().insert(ALLOW, allow);
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
    answer(status, content_type, Full::new(body.into()).boxed_unsync())
}

/// An answer with any body.
pub(super) fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: UnsyncBoxBody<Bytes, Infallible>,
) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
