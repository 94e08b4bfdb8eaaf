//! Connection strings: `Key=Value` joined by `;`, read and printed in exactly the forms that every
//! SDK accepts (no port, no trailing `;`).

use thiserror::Error;

use crate::sas::SasKey;

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
#[non_exhaustive]
pub enum ConnectionStringError {
    /// A required part is missing.
    #[error("the connection string has no {0}")]
    Missing(&'static str),
}

impl ConnectionString {
    /// Reads a connection string.
    pub fn parse(text: &str) -> Result<Self, ConnectionStringError> {
        todo!("{text}")
    }

    /// Prints the string, key included. Never log it.
    pub fn expose(&self) -> String {
        todo!("{self:?}")
    }
}
