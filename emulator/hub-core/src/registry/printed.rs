//! What the registry shows of an identity in the same form wherever it does: in answers, in the lines
//! of an export, in twins.

use std::fmt;

use serde::Serialize;

use super::authentication::Authentication;

/// An authentication as JSON: this casing, this order, and all three parts always.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrintedAuthentication<'a> {
    symmetric_key: PrintedKeys<'a>,
    x509_thumbprint: PrintedThumbprints<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrintedKeys<'a> {
    primary_key: Option<&'a str>,
    secondary_key: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PrintedThumbprints<'a> {
    primary_thumbprint: Option<&'a str>,
    secondary_thumbprint: Option<&'a str>,
}

impl<'a> PrintedAuthentication<'a> {
    /// Without keys they are null.
    pub fn of(authentication: &'a Authentication, with_keys: bool) -> Self {
        let keys = authentication.keys().filter(|_| with_keys);
        let thumbprints = authentication.thumbprints();
        Self {
            symmetric_key: PrintedKeys {
                primary_key: keys.map(|keys| keys.primary.expose()),
                secondary_key: keys.map(|keys| keys.secondary.expose()),
            },
            x509_thumbprint: PrintedThumbprints {
                primary_thumbprint: thumbprints.and_then(|both| both.primary.as_deref()),
                secondary_thumbprint: thumbprints.and_then(|both| both.secondary.as_deref()),
            },
            kind: authentication.kind(),
        }
    }
}

impl fmt::Debug for PrintedKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrintedKeys(…)")
    }
}

/// The connection state as documents name it.
pub const fn connection_state(connected: bool) -> &'static str {
    if connected {
        "Connected"
    } else {
        "Disconnected"
    }
}
