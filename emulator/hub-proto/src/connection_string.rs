//! Connection strings: `Key=Value` joined by `;`, printed in exactly the forms that every SDK
//! accepts (no port, no trailing `;`), and read as people paste them (any order, a trailing `;`).
//!
//! Only strings with a key are known here. An id that holds `;` cannot travel in a connection string:
//! every SDK splits there.

use std::fmt;

use thiserror::Error;

use crate::sas::{SasError, SasKey};

/// A connection string of a hub policy or a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionString {
    /// The hub's host name.
    pub host_name: String,
    /// Dialled in place of the host, if given.
    pub gateway_host_name: Option<String>,
    /// Whose key it is.
    pub owner: Owner,
    /// The shared access key.
    pub key: SasKey,
}

/// Whose key a connection string carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A hub policy: `SharedAccessKeyName=…`.
    Policy(String),
    /// A device: `DeviceId=…`.
    Device(String),
    /// A module: `DeviceId=…;ModuleId=…`.
    Module(String, String),
}

/// Why a text is not a connection string. Never names the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectionStringError {
    /// A required part is missing.
    #[error("the connection string has no {0}")]
    Missing(&'static str),
    /// A part without `=`, without a value, with white space in it, or whose key is no word: its text
    /// may be a secret, so
    /// only its place is told.
    #[error("part {part} of the connection string is not of the form Key=Value")]
    Malformed {
        /// Counted from 1.
        part: usize,
    },
    /// A part nobody knows.
    #[error("the connection string has an unknown part {0}")]
    Unknown(String),
    /// A part stands twice.
    #[error("the connection string has {0} twice")]
    Twice(&'static str),
    /// A string with a ready-made token.
    #[error(
        "the connection string carries a SharedAccessSignature; one with a SharedAccessKey is needed"
    )]
    ReadyToken,
    /// A string of a device with a certificate.
    #[error(
        "the connection string is for a device with an X.509 certificate; one with a SharedAccessKey is needed"
    )]
    X509,
    /// Both a policy and a device.
    #[error("the connection string names a policy and a device; it is for one of them")]
    TwoOwners,
    /// The key is not a key.
    #[error(transparent)]
    Key(#[from] SasError),
}

impl ConnectionString {
    /// Reads a connection string.
    pub fn parse(text: &str) -> Result<Self, ConnectionStringError> {
        let mut parts = Parts::default();
        // Pasted text often brings a line end along; no value begins or ends with white space.
        let text = text.trim();
        for (index, part) in text
            .strip_suffix(';')
            .unwrap_or(text)
            .split(';')
            .enumerate()
        {
            parts.take(part, index + 1)?;
        }
        let missing = ConnectionStringError::Missing;
        let key = parts.key.ok_or(missing("SharedAccessKey"))?;
        let owner = match (parts.policy, parts.device, parts.module) {
            (Some(policy), None, None) => Owner::Policy(policy.to_owned()),
            (None, Some(device), None) => Owner::Device(device.to_owned()),
            (None, Some(device), Some(module)) => {
                Owner::Module(device.to_owned(), module.to_owned())
            }
            (None, None, Some(_)) => return Err(missing("DeviceId")),
            (None, None, None) => return Err(missing("SharedAccessKeyName or DeviceId")),
            (Some(_), _, _) => return Err(ConnectionStringError::TwoOwners),
        };
        Ok(Self {
            host_name: parts.host.ok_or(missing("HostName"))?.to_owned(),
            gateway_host_name: parts.gateway.map(str::to_owned),
            owner,
            key: SasKey::from_base64(key)?,
        })
    }

    /// Prints the string, key included. Never log it.
    pub fn expose(&self) -> String {
        let host = &self.host_name;
        let key = self.key.expose();
        let mut text = format!("HostName={host};{};SharedAccessKey={key}", self.owner);
        if let Some(gateway) = &self.gateway_host_name {
            text.push_str(";GatewayHostName=");
            text.push_str(gateway);
        }
        text
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(policy) => write!(f, "SharedAccessKeyName={policy}"),
            Self::Device(device) => write!(f, "DeviceId={device}"),
            Self::Module(device, module) => write!(f, "DeviceId={device};ModuleId={module}"),
        }
    }
}

/// The values found, each once.
#[derive(Default)]
struct Parts<'a> {
    host: Option<&'a str>,
    gateway: Option<&'a str>,
    policy: Option<&'a str>,
    device: Option<&'a str>,
    module: Option<&'a str>,
    key: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn take(&mut self, text: &'a str, part: usize) -> Result<(), ConnectionStringError> {
        let malformed = ConnectionStringError::Malformed { part };
        // The value starts after the first `=`; keys and ids may hold more of them.
        let Some((name, value)) = text.split_once('=') else {
            return Err(malformed);
        };
        let (known, slot) = match name {
            "HostName" => ("HostName", &mut self.host),
            "GatewayHostName" => ("GatewayHostName", &mut self.gateway),
            "SharedAccessKeyName" => ("SharedAccessKeyName", &mut self.policy),
            "DeviceId" => ("DeviceId", &mut self.device),
            "ModuleId" => ("ModuleId", &mut self.module),
            "SharedAccessKey" => ("SharedAccessKey", &mut self.key),
            "SharedAccessSignature" => return Err(ConnectionStringError::ReadyToken),
            "x509" | "X509" => return Err(ConnectionStringError::X509),
            _ if is_word(name) => return Err(ConnectionStringError::Unknown(name.to_owned())),
            _ => return Err(malformed),
        };
        if value.is_empty() || value.contains(char::is_whitespace) {
            return Err(malformed);
        }
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(ConnectionStringError::Twice(known)),
        }
    }
}

/// Whether a part's name may be shown: a bare key pasted by mistake is longer than this.
fn is_word(name: &str) -> bool {
    (1..=20).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    #[test]
    fn every_form_of_the_documentation_is_read_and_printed_again() {
        let forms = [
            "HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=KEY",
            "HostName=h;DeviceId=a=b@c;SharedAccessKey=KEY",
            "HostName=h;DeviceId=d;ModuleId=m;SharedAccessKey=KEY",
            "HostName=h.azure-devices.net;DeviceId=d;SharedAccessKey=KEY;GatewayHostName=localhost",
        ];
        for form in forms {
            let form = form.replace("KEY", KEY);
            assert_eq!(ConnectionString::parse(&form).unwrap().expose(), form);
        }
    }

    #[test]
    fn pasted_strings_may_come_in_any_order_with_a_trailing_semicolon() {
        let pasted = format!(" SharedAccessKey={KEY};DeviceId=d;HostName=h;\n");
        let read = ConnectionString::parse(&pasted).unwrap();
        assert_eq!(read.owner, Owner::Device("d".to_owned()));
        assert_eq!(
            read.expose(),
            format!("HostName=h;DeviceId=d;SharedAccessKey={KEY}")
        );
    }

    const REFUSED: &[(&str, &str)] = &[
        (
            "",
            "part 1 of the connection string is not of the form Key=Value",
        ),
        (
            "HostName=h;;SharedAccessKey=KEY",
            "part 2 of the connection string is not of the form Key=Value",
        ),
        (
            "HostName=;DeviceId=d;SharedAccessKey=KEY",
            "part 1 of the connection string is not of the form Key=Value",
        ),
        (
            "KEY",
            "part 1 of the connection string is not of the form Key=Value",
        ),
        (
            "HostName=h;DeviceId=d",
            "the connection string has no SharedAccessKey",
        ),
        (
            "DeviceId=d;SharedAccessKey=KEY",
            "the connection string has no HostName",
        ),
        (
            "HostName=h;ModuleId=m;SharedAccessKey=KEY",
            "the connection string has no DeviceId",
        ),
        (
            "HostName=h;SharedAccessKey=KEY",
            "the connection string has no SharedAccessKeyName or DeviceId",
        ),
        (
            "HostName=h;DeviceId=d;DeviceId=d;SharedAccessKey=KEY",
            "the connection string has DeviceId twice",
        ),
        (
            "HostName=h;DeviceID=d;SharedAccessKey=KEY",
            "the connection string has an unknown part DeviceID",
        ),
        (
            "HostName=h;DeviceId=d;SharedAccessKeyName=p;SharedAccessKey=KEY",
            "the connection string names a policy and a device; it is for one of them",
        ),
        (
            "HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature sr=x",
            "the connection string carries a SharedAccessSignature; one with a SharedAccessKey is needed",
        ),
        (
            "HostName=h;DeviceId=d;x509=true",
            "the connection string is for a device with an X.509 certificate; one with a SharedAccessKey is needed",
        ),
        (
            "HostName=h;DeviceId=d ;SharedAccessKey=KEY",
            "part 2 of the connection string is not of the form Key=Value",
        ),
        (
            "HostName=h;DeviceId=d;SharedAccessKey=no-base64!",
            "the key is not base64",
        ),
        (
            "HostName=h;DeviceId=d;SharedAccessKey=MQ==",
            "the key decodes to 1 bytes; 16 to 64 are allowed",
        ),
    ];

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        for (text, expected) in REFUSED {
            let error = ConnectionString::parse(&text.replace("KEY", KEY))
                .unwrap_err()
                .to_string();
            assert_eq!(error, *expected, "{text}");
            assert!(!error.contains("MDEy"));
        }
        let debug = format!(
            "{:?}",
            ConnectionString::parse(&format!("HostName=h;DeviceId=d;SharedAccessKey={KEY}"))
                .unwrap()
        );
        assert!(
            debug.contains("SasKey(***)") && !debug.contains("MDEy"),
            "{debug}"
        );
    }
}
