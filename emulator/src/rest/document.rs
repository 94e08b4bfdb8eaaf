//! What a row says to readers of the `OpenAPI` document, and to the tests that hold it to its word.
//!
//! What is the same for every operation (the version, the token, a body that is no JSON) is not said
//! in rows: [`Operation::errors`] adds it.

use hub_proto::error_code::ErrorCode;

use super::auth::Need;
use super::operation::{Answer, Fidelity, Operation};

/// An operation as its clients see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document {
    /// One sentence.
    pub(super) summary: &'static str,
    /// The query parameters it reads, beside `api-version`.
    pub(super) query: &'static [&'static str],
    /// The request headers it reads, beside `Authorization`.
    pub(super) headers: &'static [&'static str],
    pub(super) body: Body,
    /// What it answers when all is well: status, and the name of the body's schema; `""` for no
    /// body.
    pub(super) answers: &'static [(u16, &'static str)],
    /// The refusals that are its own.
    pub(super) errors: &'static [ErrorCode],
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Nothing that is read.
    None,
    /// JSON; the text is the name of its schema in `schemas.json`.
    Json(&'static str),
    /// Any bytes.
    Bytes,
}

impl Document {
    /// Of what is not built: nothing but its refusal.
    pub(super) const ABSENT: Self = Self {
        summary: "Not built: answers 501.",
        query: &[],
        headers: &[],
        body: Body::None,
        answers: &[],
        errors: &[],
    };
}

impl Operation {
    /// Every code that the operation may be refused with.
    pub(super) fn errors(&self) -> Vec<ErrorCode> {
        let mut codes = vec![
            ErrorCode::GenericBadRequest,
            ErrorCode::IotHubNotFound,
            ErrorCode::NotImplemented,
        ];
        if self.need != Need::Nothing {
            codes.push(ErrorCode::IotHubUnauthorizedAccess);
        }
        if !matches!(self.answer, Answer::WebSocket | Answer::NotBuilt) {
            codes.push(ErrorCode::InvalidProtocolVersion);
            // A hub with a tier.
            codes.extend([
                ErrorCode::IotHubQuotaExceeded,
                ErrorCode::OperationNotAvailableInCurrentTier,
                ErrorCode::ThrottlingException,
                ErrorCode::ThrottlingBacklogTimeout,
            ]);
            if self.path.contains('{') {
                codes.push(ErrorCode::ArgumentInvalid);
            }
        }
        match self.document.body {
            Body::None => {}
            Body::Json(_) => codes.extend([
                ErrorCode::IotHubFormatError,
                ErrorCode::DeserializationError,
                ErrorCode::ArgumentInvalid,
                ErrorCode::GenericRequestEntityTooLarge,
            ]),
            Body::Bytes => codes.push(ErrorCode::GenericRequestEntityTooLarge),
        }
        if !matches!(self.fidelity, Fidelity::Absent(_)) {
            codes.extend(self.document.errors);
        }
        codes.sort_unstable_by_key(|code| code.number());
        codes.dedup();
        codes
    }
}
