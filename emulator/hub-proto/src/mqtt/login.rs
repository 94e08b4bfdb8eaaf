//! Who calls: the client id and user name of a CONNECT.
//!
//! `{host}/{clientId}[/][?]{k=v&…}`, where the client id is `{deviceId}` or `{deviceId}/{moduleId}`.
//! Whether the host is this hub, and whether the caller is who it says, is for others to check.
//!
//! Source: "Communicate with your hub using the MQTT protocol", Azure/iotedge
//! `MqttUsernameParser.cs`, and the user names that the SDKs build.

use crate::ids::{ClientIdentity, DeviceId, IdError, ModuleId};
use crate::percent;

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
pub enum LoginError {
    /// No user name at all.
    #[error("CONNECT carries no user name")]
    NoUserName,
    /// The user name does not begin with `{host}/`.
    #[error("the user name does not begin with the hub's host name and a slash")]
    NoHost,
    /// The client id, or its part before the slash, is no device id.
    #[error("the client id names no device")]
    DeviceId(#[source] IdError),
    /// The part of the client id behind the slash is no module id.
    #[error("the client id names no module")]
    ModuleId(#[source] IdError),
    /// Client id and user name disagree; case counts.
    #[error("the user name does not go on with the client id {client_id:?} behind the host name")]
    OtherIdentity {
        /// A legal client id, so it is not long.
        client_id: String,
    },
}

impl<'a> Login<'a> {
    /// Reads client id and user name by the grammar `{host}/{clientId}[/][?]{k=v&…}`.
    ///
    /// Ids are compared as they stand, never percent-decoded: `%41` and `A` are two devices.
    pub fn parse(connect: &Connect<'a>) -> Result<Self, LoginError> {
        let user_name = connect.user_name.ok_or(LoginError::NoUserName)?;
        let identity = parse_identity(connect.client_id)?;
        let (host, rest) = user_name
            .split_once('/')
            .filter(|(host, _)| !host.is_empty())
            .ok_or(LoginError::NoHost)?;
        let parameters = rest
            .strip_prefix(connect.client_id)
            .and_then(parameter_part)
            .ok_or_else(|| LoginError::OtherIdentity {
                client_id: connect.client_id.to_owned(),
            })?;
        Ok(Self {
            host,
            identity,
            api_version: parameter(parameters, "api-version"),
            model_id: parameter(parameters, "model-id"),
            client_type: parameter(parameters, "DeviceClientType"),
        })
    }
}

fn parse_identity(client_id: &str) -> Result<ClientIdentity, LoginError> {
    let device = |text| DeviceId::parse(text).map_err(LoginError::DeviceId);
    match client_id.split_once('/') {
        None => Ok(ClientIdentity::Device(device(client_id)?)),
        Some((device_id, module_id)) => {
            let module_id = ModuleId::parse(module_id).map_err(LoginError::ModuleId)?;
            Ok(ClientIdentity::module(device(device_id)?, module_id))
        }
    }
}

/// What follows the client id, without `/` and `?`; `None` if the id itself goes on there.
///
/// `host/dev/mod/?api-version=…` with the client id `dev` is a module's user name, and `host/dev2`
/// another device's. No key holds `/` or `?`, so a first key that does is the rest of another id.
/// (Values may: some clients do not encode `DeviceClientType`.)
fn parameter_part(rest: &str) -> Option<&str> {
    let behind_slash = rest.strip_prefix('/');
    let behind_mark = behind_slash.unwrap_or(rest).strip_prefix('?');
    if let Some(parameters) = behind_mark {
        let key = parameters.split(['=', '&']).next().unwrap_or_default();
        return (!key.contains(['/', '?'])).then_some(parameters);
    }
    match (rest, behind_slash) {
        ("", _) | (_, Some("")) => Some(""),
        // Clients of 2016 leave the `?` out: `host/dev/api-version=2016-11-14`.
        (_, Some(parameters)) => {
            let (key, _) = parameters.split_once('=')?;
            (!key.contains(['/', '?', '&'])).then_some(parameters)
        }
        (_, None) => None,
    }
}

/// The first value of `name`, percent-decoded; one that is not UTF-8 then stays as it was.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut values = parameters
        .split('&')
        .filter_map(|p| p.strip_prefix(name)?.strip_prefix('='));
    let value = values.next()?;
    Some(percent::decode_or_keep(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(client_id: &'a str, user_name: &'a str) -> Result<Login<'a>, LoginError> {
        Login::parse(&Connect {
            client_id,
            clean_session: false,
            keep_alive_s: 60,
            will: None,
            user_name: Some(user_name),
            password: None,
        })
    }

    fn parameters<'a>(login: &'a Login<'_>) -> [Option<&'a str>; 3] {
        [&login.api_version, &login.model_id, &login.client_type].map(Option::as_deref)
    }

    #[test]
    fn user_names_of_the_sdks_are_understood() {
        // As captured from azure-iot-device for Node.js and Python.
        let node = "localhost/myDeviceId/?api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.4%20(node%20v20.20.2%3B%20Debian%2012%3B%20x64)";
        let login = parse("myDeviceId", node).unwrap();
        assert_eq!(login.host, "localhost");
        assert_eq!(
            login.identity,
            ClientIdentity::Device(DeviceId::parse("myDeviceId").unwrap())
        );
        let agent = "azure-iot-device/1.18.4 (node v20.20.2; Debian 12; x64)";
        assert_eq!(parameters(&login), [Some("2021-04-12"), None, Some(agent)]);

        let cases = [
            ("d", "h/d", [None, None, None]),
            ("d", "h/d/", [None, None, None]),
            ("d", "h/d/?", [None, None, None]),
            ("d", "h/d?api-version=1", [Some("1"), None, None]),
            (
                "d",
                "h/d/api-version=2016-11-14",
                [Some("2016-11-14"), None, None],
            ),
            (
                "d",
                "h/d/?api-version=1&api-version=2&x=y",
                [Some("1"), None, None],
            ),
            (
                "d",
                "h/d/?model-id=dtmi%3Aa%3Ab%3B1&api-version=1",
                [Some("1"), Some("dtmi:a:b;1"), None],
            ),
            (
                "d",
                "h/d/?DeviceClientType=a/b&api-version=1",
                [Some("1"), None, Some("a/b")],
            ),
            (
                "d",
                "h/d/?DeviceClientType=a+b%ff%zz",
                [None, None, Some("a+b%ff%zz")],
            ),
            (
                "a#b%41?c=$+",
                "h/a#b%41?c=$+/?api-version=1",
                [Some("1"), None, None],
            ),
            ("d/m", "h/d/m/?api-version=1", [Some("1"), None, None]),
        ];
        for (client_id, user_name, expected) in cases {
            let login = parse(client_id, user_name).unwrap();
            assert_eq!(parameters(&login), expected, "{user_name}");
        }
        let module = parse("d/$edgeHub", "h/d/$edgeHub/?api-version=1")
            .unwrap()
            .identity;
        assert!(
            matches!(module, ClientIdentity::Module(module) if module.id().as_str() == "$edgeHub")
        );
    }

    #[test]
    fn a_user_name_of_another_identity_is_refused() {
        let cases = [
            ("d", "h/e/?api-version=1"),
            ("d", "h/D/?api-version=1"),
            ("D", "h/d/?api-version=1"),
            ("d", "h/d2/?api-version=1"),
            ("d", "h/d2"),
            ("d", "h/d/m/?api-version=1"),
            ("d", "h/d/m"),
            ("d", "h/d/m/api-version=1"),
            ("d", "h/d/?m/?api-version=1"),
            ("d", "h/d?x/?api-version=1"),
            ("d/m", "h/d/?api-version=1"),
            ("d/m", "h/d/m2/?api-version=1"),
            ("A", "h/%41/?api-version=1"),
            ("d", "h/"),
        ];
        for (client_id, user_name) in cases {
            let expected = LoginError::OtherIdentity {
                client_id: client_id.to_owned(),
            };
            assert_eq!(parse(client_id, user_name), Err(expected), "{user_name}");
        }
    }

    #[test]
    fn what_names_nobody_says_why() {
        for user_name in ["", "h", "/d/?api-version=1"] {
            assert_eq!(parse("d", user_name), Err(LoginError::NoHost));
        }
        assert!(matches!(
            parse("", "h//"),
            Err(LoginError::DeviceId(IdError::Empty { .. }))
        ));
        assert!(matches!(
            parse("a b", "h/a b"),
            Err(LoginError::DeviceId(_))
        ));
        assert!(matches!(
            parse("d/", "h/d/"),
            Err(LoginError::ModuleId(IdError::Empty { .. }))
        ));
        assert!(matches!(
            parse("d/m/x", "h/d/m/x"),
            Err(LoginError::ModuleId(_))
        ));
        let anonymous = Connect {
            client_id: "d",
            clean_session: true,
            keep_alive_s: 0,
            will: None,
            user_name: None,
            password: None,
        };
        assert_eq!(Login::parse(&anonymous), Err(LoginError::NoUserName));
    }
}
