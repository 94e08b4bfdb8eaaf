//! One request on its way to its operation: what it asks for, and its body in bounds.

use std::borrow::Cow;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::answer::Problem;
use super::route::{RequestBody, Route};
use super::serve::AdminContext;
use crate::http::{Body, BodyFault, Head, query_parameter};
use crate::hub::HubHandle;

/// A request as its operation sees it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) context: AdminContext,
    /// The hub that is meant.
    pub(super) hub: HubHandle,
    /// The name under which the endpoint was asked, without port.
    pub(super) host: String,
    pub(super) head: Head,
    /// What stands in place of the path's segments in braces, in order.
    pub(super) values: Vec<String>,
    /// Empty where the operation takes none.
    pub(super) body: Bytes,
}

impl Call {
    /// What stands in place of the path's `index`th segment in braces.
    pub(super) fn value(&self, index: usize) -> &str {
        self.values.get(index).map_or("", String::as_str)
    }

    /// A parameter of the query.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        query_parameter(&self.head, name).map(Cow::into_owned)
    }

    /// A number of the query.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            Problem::bad_request(format!("{name} must be a whole number, not {text:?}"))
        })
    }

    /// A flag of the query: `true`, `false`, or its name alone.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(other) => Err(Problem::bad_request(format!(
                "{name} must be true or false, not {other:?}"
            ))),
        }
    }

    /// The body as JSON of a known form.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Problem::bad_request(format!(
                "the body is not what this operation takes: {error}"
            ))
            .with_remedy("see /admin/openapi.json for its form")
        })
    }
}

/// Refuses parameters that the operation does not know: a misspelt one would change what is asked.
pub(super) fn check_parameters(head: &Head, route: &Route) -> Result<(), Problem> {
    let pairs = head.query().unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        let name = percent_decode_str(name).decode_utf8_lossy();
        if !route
            .known_parameters()
            .any(|known| known.name.eq_ignore_ascii_case(&name))
        {
            let known = route.known_parameters();
            let names: Vec<_> = known.map(|parameter| parameter.name).collect();
            let remedy = if names.is_empty() {
                "this operation has none".to_owned()
            } else {
                format!("the parameters are {}", names.join(", "))
            };
            let detail = format!("there is no parameter {name:?} here");
            return Err(Problem::bad_request(detail).with_remedy(remedy));
        }
    }
    Ok(())
}

/// Reads a body in bounded room and time.
pub(super) async fn read_body(
    mut body: Body<'_>,
    expected: &RequestBody,
) -> Result<Bytes, Problem> {
    let max = expected.bytes_max;
    let bytes = match body.whole(max, BODY_PATIENCE).await {
        Ok(bytes) => bytes,
        Err(BodyFault::TooLarge) => {
            let detail = format!("the body has more than {max} bytes");
            return Err(
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).with_remedy(expected.too_large)
            );
        }
        Err(BodyFault::Torn(error)) => {
            let detail = format!("the body broke off: {error}");
            return Err(Problem::bad_request(detail));
        }
        Err(BodyFault::TooSlow) => {
            let detail = format!("the body did not come within {BODY_PATIENCE:?}");
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail));
        }
    };
    if bytes.is_empty() && expected.is_required {
        return Err(Problem::bad_request("the body is missing")
            .with_remedy("see /admin/openapi.json for its form"));
    }
    Ok(bytes)
}

/// Patience with the network is real time, whatever the hub's clock does.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
