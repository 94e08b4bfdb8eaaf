//! Why a call came to nothing: the hub said no, or was not reached.

use std::fmt;

use serde_json::Value;
use thiserror::Error;

/// Why a call came to nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The hub said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No connection, or it broke.
    #[error("cannot reach the hub at {host}:{port}")]
    Unreachable {
        /// What was dialled.
        host: String,
        /// The port dialled.
        port: u16,
        /// What the system or TLS says.
        source: std::io::Error,
    },
    /// What came back is not what a hub answers.
    #[error("{0}")]
    Protocol(String),
}

/// The hub's no.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code's name, `DeviceNotFound`, if the hub gave one.
    pub code: Option<String>,
    /// The hub's own words.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the hub answered {}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl Refusal {
    /// Reads an answer with an error status. The hub has three forms of body, and puts the code's
    /// name in a header as well.
    pub(super) fn read(status: u16, code_header: Option<&str>, body: &[u8]) -> Self {
        let mut code = code_header.map(str::to_owned);
        let text = String::from_utf8_lossy(body);
        let message = match serde_json::from_slice::<Value>(body) {
            Ok(envelope) => {
                let outer = ["Message", "message", "ExceptionMessage"]
                    .iter()
                    .find_map(|key| envelope[key].as_str())
                    .unwrap_or_default();
                if outer.is_empty() {
                    row_errors(&envelope)
                } else {
                    unwrap_message(outer, &mut code)
                }
            }
            Err(_) => text.trim().to_owned(),
        };
        Self {
            status,
            code,
            message,
        }
    }
}

/// A bulk operation of which every row failed tells of each.
pub(crate) fn row_errors(answer: &Value) -> String {
    let rows = answer["errors"].as_array().into_iter().flatten();
    let told = |row: &Value| {
        let id = row["id"].as_str().or(row["deviceId"].as_str());
        let words = row["errorStatus"].as_str().unwrap_or("refused");
        format!("{}: {words}", id.unwrap_or("-"))
    };
    rows.map(told).collect::<Vec<_>>().join("; ")
}

/// `ErrorCode:Name;words`, or JSON with a `message` of its own, or just words.
fn unwrap_message(outer: &str, code: &mut Option<String>) -> String {
    if let Ok(inner) = serde_json::from_str::<Value>(outer)
        && let Some(message) = inner["message"].as_str()
    {
        return message.to_owned();
    }
    let Some((name, words)) = outer
        .strip_prefix("ErrorCode:")
        .and_then(|rest| rest.split_once(';'))
    else {
        return outer.to_owned();
    };
    code.get_or_insert_with(|| name.to_owned());
    words.to_owned()
}

impl ServiceError {
    /// What can be done about it.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.remedy().map(str::to_owned),
            Self::Unreachable { source, .. } => Some(match source.kind() {
                std::io::ErrorKind::ConnectionRefused => {
                    "is a hub running there? start one with `hubnerite up`, or name another with \
                     --hub CONNECTION_STRING"
                        .to_owned()
                }
                std::io::ErrorKind::InvalidData => {
                    "if that is a Hubnerite with a CA of its own, name its folder with --ca DIR"
                        .to_owned()
                }
                _ => "check the host name and port of the connection string".to_owned(),
            }),
            Self::Protocol(_) => None,
        }
    }
}

impl Refusal {
    fn remedy(&self) -> Option<&'static str> {
        match self.code.as_deref()? {
            "DeviceNotFound" => Some("`hubnerite device list` shows the devices there are"),
            "DeviceNotOnline" => {
                Some("connect the device, or wait for it with --connect-timeout SECONDS")
            }
            "ModuleNotFound" => Some("`hubnerite module list DEVICE` shows the modules there are"),
            "ModuleAlreadyExistsOnDevice" => {
                Some("`hubnerite module delete DEVICE MODULE` removes it")
            }
            "ConfigurationNotFound" => {
                Some("`hubnerite configuration list` shows the configurations there are")
            }
            "ConfigurationAlreadyExists" => Some("`hubnerite configuration delete ID` removes it"),
            "DeviceAlreadyExists" => Some("`hubnerite device delete ID` removes it"),
            "IotHubUnauthorizedAccess" | "IotHubUnauthorized" => {
                Some("check the connection string: policy, key and host name")
            }
            "PreconditionFailed" => Some("somebody changed it meanwhile: read it again"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_hubs_envelopes_yields_code_and_words() {
        let cases = [
            (
                409,
                Some("DeviceAlreadyExists"),
                r#"{"Message":"ErrorCode:DeviceAlreadyExists;A device with ID 'x' is already registered.","ExceptionMessage":"Tracking ID:0"}"#,
                "the hub answered 409 DeviceAlreadyExists: A device with ID 'x' is already \
                 registered.",
            ),
            (
                404,
                None,
                r#"{"Message":"ErrorCode:DeviceNotFound;x","ExceptionMessage":""}"#,
                "the hub answered 404 DeviceNotFound: x",
            ),
            (
                404,
                Some("DeviceNotOnline"),
                r#"{"Message":"{\"errorCode\":404103,\"message\":\"The operation failed because the requested device isn't online.\",\"info\":null}","ExceptionMessage":""}"#,
                "the hub answered 404 DeviceNotOnline: The operation failed because the requested \
                 device isn't online.",
            ),
            (
                409,
                None,
                r#"{"errorCode":409301,"message":"Device d already contains Module m."}"#,
                "the hub answered 409: Device d already contains Module m.",
            ),
            (
                502,
                None,
                "bad gateway\n",
                "the hub answered 502: bad gateway",
            ),
            (500, None, "", "the hub answered 500"),
            (
                400,
                Some("BulkRegenerateDeviceKeyOperationFailure"),
                r#"{"rotatedKeys":[],"errors":[{"id":"d","errorCode":404001,"errorStatus":"no d"}]}"#,
                "the hub answered 400 BulkRegenerateDeviceKeyOperationFailure: d: no d",
            ),
        ];
        for (status, header, body, expected) in cases {
            assert_eq!(
                Refusal::read(status, header, body.as_bytes()).to_string(),
                expected
            );
        }
    }
}
