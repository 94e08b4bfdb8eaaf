//! Who calls: the client id and user name of a CONNECT.

use crate::ids::ClientIdentity;

use super::packet::Connect;

/// What a CONNECT says about its sender, before any credential is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login<'a> {
    /// The hub's host name as the client spells it.
    pub host: &'a str,
    /// The device or module.
    pub identity: ClientIdentity,
    /// `api-version` of the user name; `None` if missing.
    pub api_version: Option<String>,
    /// The Plug and Play model id, percent-decoded.
    pub model_id: Option<String>,
    /// `DeviceClientType`: the SDK's user agent, percent-decoded.
    pub client_type: Option<String>,
}

/// Why client id and user name name nobody: answered with CONNACK 5.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// No user name at all.
    #[error("CONNECT carries no user name")]
    NoUserName,
}

impl<'a> Login<'a> {
    /// Reads client id and user name by the grammar `{host}/{clientId}[/][?]{k=v&…}`.
    pub fn parse(connect: &Connect<'a>) -> Result<Self, LoginError> {
        todo!("{connect:?}")
    }
}
