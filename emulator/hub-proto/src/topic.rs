//! The hub's topic grammar, both ways. There is no topic matching: the few legal topics are parsed
//! into an enum once.
//!
//! This module is the judge of wildcards, because it knows whose topics may appear: ids may hold `#`
//! and `+`, so `devices/a#b/messages/devicebound/#` is a plain prefix and one wildcard, which no
//! general MQTT codec can know. Case counts, and ids are never percent-decoded.
//!
//! Source: "Communicate with your hub using the MQTT protocol", and the SDKs' topic code.

use thiserror::Error;

use crate::ids::{ClientIdentity, MethodName};

/// Longest request id. SDKs send a number or a GUID; the bound makes sure that a topic with an echoed
/// id never outgrows a topic's 65,535 bytes, which an id as long as its own topic could.
pub const RID_BYTES_MAX: usize = 1024;
/// How much of a foreign topic an error repeats.
const SHOWN_CHARS_MAX: usize = 128;

const TWIN_GET: &str = "$iothub/twin/GET/";
const TWIN_PATCH: &str = "$iothub/twin/PATCH/properties/reported/";
const TWIN_RESPONSE: &str = "$iothub/twin/res/";
const TWIN_DESIRED: &str = "$iothub/twin/PATCH/properties/desired/";
const METHOD_REQUEST: &str = "$iothub/methods/POST/";
const METHOD_RESPONSE: &str = "$iothub/methods/res/";

/// A topic on which a device or module publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishTopic<'a> {
    /// Telemetry, with its raw property bag (no trailing `/`).
    Telemetry {
        /// Still percent-encoded; see [`crate::property_bag`].
        bag: &'a str,
    },
    /// Read the twin.
    TwinGet {
        /// Echoed byte for byte.
        rid: &'a str,
    },
    /// Patch the reported properties.
    TwinPatchReported {
        /// Echoed byte for byte; without one there is no answer.
        rid: Option<&'a str>,
        /// The reported version the patch is based on.
        if_version: Option<u64>,
    },
    /// Answer a direct method.
    MethodResponse {
        /// The device's status, as text: whether it is an integer is for the method's owner to say.
        status: &'a str,
        /// The request's id.
        rid: &'a str,
    },
}

/// A subscription the hub grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// `devices/{d}/messages/devicebound/#` (and a module's like)
    CloudToDevice,
    /// `$iothub/twin/res/#`
    TwinResponses,
    /// `$iothub/twin/PATCH/properties/desired/#`
    DesiredChanges,
    /// `$iothub/methods/POST/#`
    Methods,
    /// `$iothub/methods/POST/{name}/#`
    Method(MethodName),
    /// `devices/{d}/modules/{m}/#` or `…/inputs/#`
    ModuleInputs,
}

impl Subscription {
    /// The filter that `client` was granted.
    pub fn filter(&self, client: &ClientIdentity) -> String {
        let id = match client {
            ClientIdentity::Device(device) => device.to_string(),
            ClientIdentity::Module(module) => {
                format!("{}/modules/{}", module.device(), module.id())
            }
        };
        match self {
            Self::CloudToDevice => format!("devices/{id}/messages/devicebound/#"),
            Self::TwinResponses => format!("{TWIN_RESPONSE}#"),
            Self::DesiredChanges => format!("{TWIN_DESIRED}#"),
            Self::Methods => format!("{METHOD_REQUEST}#"),
            Self::Method(name) => format!("{METHOD_REQUEST}{name}/#"),
            // Stands for both forms that the clients of modules use.
            Self::ModuleInputs => format!("devices/{id}/inputs/#"),
        }
    }
}

/// A topic on which the hub publishes to a client. Prints and parses; the simulator reads with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubTopic<'a> {
    /// `$iothub/twin/res/{status}/?$rid={rid}[&$version={n}]`
    TwinResponse {
        /// Three digits.
        status: u16,
        /// As the device sent it.
        rid: &'a str,
        /// The new reported version, on 204.
        version: Option<u64>,
    },
    /// `$iothub/twin/PATCH/properties/desired/?$version={n}`
    DesiredChange {
        /// The new desired version.
        version: u64,
    },
    /// `$iothub/methods/POST/{name}/?$rid={rid}`; the rid prints as lower-case hex.
    MethodRequest {
        /// The method.
        name: &'a str,
        /// Lower-case hex, as printed.
        rid: &'a str,
    },
    /// `devices/{d}/messages/devicebound/{bag}`
    CloudToDevice {
        /// The device.
        device_id: &'a str,
        /// The encoded bag.
        bag: &'a str,
    },
}

/// Why a topic or filter is not the hub's: the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopicError {
    /// None of the hub's topics.
    #[error("topic {topic:?} is none of the hub's")]
    Unknown {
        /// The topic, cut to a sensible length.
        topic: String,
    },
    /// None of the filters the hub grants.
    #[error("filter {filter:?} is none the hub grants")]
    UnknownFilter {
        /// The filter, cut to a sensible length.
        filter: String,
    },
    /// A topic or filter of another device or module.
    #[error("{topic:?} is not the client's own: it names another device or module")]
    Foreign {
        /// The topic or filter, cut to a sensible length.
        topic: String,
    },
    /// A wildcard in a topic that holds no id. [MQTT-3.3.2-2]
    #[error("topic {topic:?} holds a wildcard")]
    Wildcard {
        /// The topic, cut to a sensible length.
        topic: String,
    },
    /// A request that must have a `$rid` has none.
    #[error("topic {topic:?} has no $rid")]
    NoRid {
        /// The topic, cut to a sensible length.
        topic: String,
    },
    /// The request id is longer than [`RID_BYTES_MAX`].
    #[error("the $rid has {bytes} bytes, at most {RID_BYTES_MAX} are allowed")]
    RidTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// `$version` is not a number.
    #[error("topic {topic:?} has a $version that is not a number")]
    Version {
        /// The topic, cut to a sensible length.
        topic: String,
    },
}

/// Reads the topic of a PUBLISH from `client`.
pub fn parse_publish<'a>(
    topic: &'a str,
    client: &ClientIdentity,
) -> Result<PublishTopic<'a>, TopicError> {
    let unknown = || TopicError::Unknown {
        topic: shown(topic),
    };
    if topic.starts_with("devices/") {
        let own = own_part(topic, client).ok_or_else(|| TopicError::Foreign {
            topic: shown(topic),
        })?;
        return match own.strip_prefix("messages/events") {
            Some("") => Ok(PublishTopic::Telemetry { bag: "" }),
            Some(rest) => match rest.strip_prefix('/') {
                Some(bag) => Ok(PublishTopic::Telemetry { bag: trim_bag(bag) }),
                None => Err(unknown()),
            },
            None if names_module(own, client) => Err(TopicError::Foreign {
                topic: shown(topic),
            }),
            None => Err(unknown()),
        };
    }
    if has_wildcard(topic) {
        return Err(TopicError::Wildcard {
            topic: shown(topic),
        });
    }
    let no_rid = || TopicError::NoRid {
        topic: shown(topic),
    };
    if let Some(rest) = topic.strip_prefix(TWIN_GET) {
        // Between `GET/` and `?` a sub-resource could stand; the hub knows none.
        let query = rest.strip_prefix('?').ok_or_else(|| match rest {
            "" => no_rid(),
            _ => unknown(),
        })?;
        return Ok(PublishTopic::TwinGet {
            rid: rid(query)?.ok_or_else(no_rid)?,
        });
    }
    if let Some(rest) = topic.strip_prefix(TWIN_PATCH) {
        let query = match rest {
            "" => "",
            _ => rest.strip_prefix('?').ok_or_else(unknown)?,
        };
        let if_version = parameter(query, "$version").map(str::parse).transpose();
        return Ok(PublishTopic::TwinPatchReported {
            rid: rid(query)?,
            if_version: if_version.map_err(|_| TopicError::Version {
                topic: shown(topic),
            })?,
        });
    }
    if let Some(rest) = topic.strip_prefix(METHOD_RESPONSE) {
        let (status, rest) = rest.split_once('/').ok_or_else(unknown)?;
        let query = match rest {
            "" => "",
            _ => rest.strip_prefix('?').ok_or_else(unknown)?,
        };
        return Ok(PublishTopic::MethodResponse {
            status: if status.is_empty() {
                return Err(unknown());
            } else {
                status
            },
            rid: rid(query)?.ok_or_else(no_rid)?,
        });
    }
    Err(unknown())
}

/// Reads a filter of a SUBSCRIBE from `client`.
pub fn parse_filter(filter: &str, client: &ClientIdentity) -> Result<Subscription, TopicError> {
    let unknown = || TopicError::UnknownFilter {
        filter: shown(filter),
    };
    if filter.starts_with("devices/") {
        let foreign = || TopicError::Foreign {
            topic: shown(filter),
        };
        let own = own_part(filter, client).ok_or_else(foreign)?;
        return match (own, client) {
            ("messages/devicebound/#", _) => Ok(Subscription::CloudToDevice),
            ("#" | "inputs/#", ClientIdentity::Module(..)) => Ok(Subscription::ModuleInputs),
            _ if names_module(own, client) => Err(foreign()),
            _ => Err(unknown()),
        };
    }
    match filter {
        "$iothub/twin/res/#" => return Ok(Subscription::TwinResponses),
        "$iothub/twin/PATCH/properties/desired/#" => return Ok(Subscription::DesiredChanges),
        "$iothub/methods/POST/#" => return Ok(Subscription::Methods),
        _ => {}
    }
    let name = filter
        .strip_prefix(METHOD_REQUEST)
        .and_then(|rest| rest.strip_suffix("/#"));
    let name = name
        .and_then(|name| MethodName::parse(name).ok())
        .ok_or_else(unknown)?;
    Ok(Subscription::Method(name))
}

impl<'a> HubTopic<'a> {
    /// Appends the topic's text to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            // SDKs find the request id only as the first parameter, directly after the `?`.
            Self::TwinResponse {
                status,
                rid,
                version,
            } => {
                put(out, &[TWIN_RESPONSE]);
                put_decimal(out, status.into(), 3);
                put(out, &["/?$rid=", rid]);
                if let Some(version) = version {
                    put(out, &["&$version="]);
                    put_decimal(out, version, 1);
                }
            }
            Self::DesiredChange { version } => {
                put(out, &[TWIN_DESIRED, "?$version="]);
                put_decimal(out, version, 1);
            }
            // Nothing may follow the rid: the C and C# SDKs take the whole rest as rid.
            Self::MethodRequest { name, rid } => put(out, &[METHOD_REQUEST, name, "/?$rid=", rid]),
            Self::CloudToDevice { device_id, bag } => {
                put(out, &["devices/", device_id, "/messages/devicebound/", bag]);
            }
        }
    }

    /// Reads a topic that a hub published on.
    pub fn parse(topic: &'a str) -> Result<Self, TopicError> {
        Self::read(topic).ok_or_else(|| TopicError::Unknown {
            topic: shown(topic),
        })
    }

    fn read(topic: &'a str) -> Option<Self> {
        if let Some(rest) = topic.strip_prefix(TWIN_RESPONSE) {
            let (status, query) = rest.split_once("/?")?;
            if status.len() != 3 || !status.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let rid = parameter(query, "$rid")?;
            let version = match parameter(query, "$version") {
                Some(version) => Some(version.parse().ok()?),
                None => None,
            };
            return Some(Self::TwinResponse {
                status: status.parse().ok()?,
                rid,
                version,
            });
        }
        if let Some(rest) = topic.strip_prefix(TWIN_DESIRED) {
            let version = parameter(rest.strip_prefix('?')?, "$version")?
                .parse()
                .ok()?;
            return Some(Self::DesiredChange { version });
        }
        if let Some(rest) = topic.strip_prefix(METHOD_REQUEST) {
            let (name, rid) = rest.split_once("/?$rid=")?;
            let is_plain = !name.is_empty() && !name.contains('/') && !rid.is_empty();
            return is_plain.then_some(Self::MethodRequest { name, rid });
        }
        let (device_id, rest) = topic.strip_prefix("devices/")?.split_once('/')?;
        let bag = rest.strip_prefix("messages/devicebound/")?;
        (!device_id.is_empty()).then_some(Self::CloudToDevice { device_id, bag })
    }
}

/// Appends texts. (The formatting machinery would take ten times as long.)
fn put(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends a number, with zeros in front up to `digits_min` digits.
fn put_decimal(out: &mut Vec<u8>, mut number: u64, digits_min: usize) {
    // As many digits as the largest number has.
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while number > 0 || digits.len() - start < digits_min {
        start -= 1;
        digits[start] = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
    out.extend_from_slice(&digits[start..]);
}

/// Looks at every character, without leaving at the first that is found: sixteen at a time.
fn has_wildcard(topic: &str) -> bool {
    let is_wildcard = |byte: u8| byte == b'#' || byte == b'+';
    topic
        .bytes()
        .fold(false, |found, byte| found | is_wildcard(byte))
}

/// What follows the client's own prefix: `devices/{d}/` or `devices/{d}/modules/{m}/`.
fn own_part<'a>(topic: &'a str, client: &ClientIdentity) -> Option<&'a str> {
    let after = |text: &'a str, id: &str| text.strip_prefix(id)?.strip_prefix('/');
    let rest = after(topic.strip_prefix("devices/")?, client.device_id().as_str())?;
    match client {
        ClientIdentity::Device(_) => Some(rest),
        ClientIdentity::Module(module) => {
            after(rest.strip_prefix("modules/")?, module.id().as_str())
        }
    }
}

/// Whether a device's topic goes on to one of its modules, which is another client.
fn names_module(own: &str, client: &ClientIdentity) -> bool {
    matches!(client, ClientIdentity::Device(_)) && own.starts_with("modules/")
}

/// Takes the `?` of `events/?a=b` off, and the one `/` that the C# SDK puts behind a bag.
fn trim_bag(bag: &str) -> &str {
    let bag = bag.strip_prefix('?').unwrap_or(bag);
    bag.strip_suffix('/').unwrap_or(bag)
}

/// The request id of a query, if there is one that is not empty.
fn rid(query: &str) -> Result<Option<&str>, TopicError> {
    match parameter(query, "$rid") {
        Some(rid) if rid.len() > RID_BYTES_MAX => Err(TopicError::RidTooLong { bytes: rid.len() }),
        rid => Ok(rid),
    }
}

/// The value of `name` in `k=v&k2=v2`, raw; the first counts, and an empty one is none.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = query;
    loop {
        let end = rest.bytes().position(|byte| byte == b'&');
        let part = end.map_or(rest, |end| &rest[..end]);
        let value = part
            .strip_prefix(name)
            .and_then(|value| value.strip_prefix('='));
        if let Some(value) = value {
            return Some(value).filter(|value| !value.is_empty());
        }
        rest = &rest[end? + 1..];
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
