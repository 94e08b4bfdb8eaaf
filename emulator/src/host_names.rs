//! Which host names are ours, and whether such a name is the default hub's or that of another.
//!
//! Devices and services name the hub they talk to in SNI, in the MQTT user name, in SAS tokens and
//! in the `Host` header; this module alone knows what such a name means. It never asks a resolver,
//! and does not know which other hubs there are: that is the directory's.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// The host names of a process: those of its default hub, and those that another hub may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNames {
    extra: Vec<String>,
    addresses: Vec<IpAddr>,
    /// Where `localhost` does not lead.
    main_address: Option<String>,
}

impl HostNames {
    /// `localhost`, names under `.localhost` and loopback addresses always; further the names
    /// `extra` and the bound `addresses`. A bound unspecified address (0.0.0.0, ::) stands for any
    /// address, since whatever was dialled reached us.
    pub fn new(extra: &[String], addresses: &[IpAddr]) -> Self {
        let leads_here = |address: &IpAddr| address.is_unspecified() || is_usual_loopback(*address);
        let is_elsewhere = !addresses.iter().any(leads_here);
        Self {
            extra: extra.iter().map(|name| normalise(name)).collect(),
            main_address: addresses
                .first()
                .filter(|_| is_elsewhere)
                .map(ToString::to_string),
            addresses: addresses.iter().map(IpAddr::to_canonical).collect(),
        }
    }

    /// The further names, in lower case.
    pub fn extra(&self) -> &[String] {
        &self.extra
    }

    /// Whether `host` (without port) can only mean this process. Case does not matter, nor does a
    /// final dot; an IPv6 address may stand in brackets.
    pub fn accepts(&self, host: &str) -> bool {
        self.whose(host).is_some()
    }

    /// Whose `host` is; `None` if it is nobody's here.
    pub(crate) fn whose(&self, host: &str) -> Option<Whose> {
        if host.len() > HOST_BYTES_MAX {
            return None;
        }
        let host = normalise(host);
        if self.extra.contains(&host) {
            return Some(Whose::Default);
        }
        match host.parse::<IpAddr>() {
            Ok(address) => self.whose_address(address.to_canonical()),
            Err(_) if host == LOCALHOST => Some(Whose::Default),
            Err(_) => is_under_localhost(&host).then_some(Whose::Own(HubHost(host))),
        }
    }

    /// Whether any address of the machine leads here.
    pub(crate) fn is_bound_on_any(&self) -> bool {
        self.addresses.iter().any(IpAddr::is_unspecified)
    }

    fn whose_address(&self, address: IpAddr) -> Option<Whose> {
        if is_usual_loopback(address) || self.addresses.contains(&address) {
            return Some(Whose::Default);
        }
        if address.is_loopback() {
            return Some(Whose::Own(HubHost(address.to_string())));
        }
        self.is_bound_on_any().then_some(Whose::Default)
    }
}

/// The names of one hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HubNames {
    /// The default hub's.
    Default(HostNames),
    /// That of a hub of its own.
    Own(HubHost),
}

impl HubNames {
    /// Whether `host`, as a client spells it, is this hub.
    pub(crate) fn accepts(&self, host: &str) -> bool {
        match self {
            Self::Default(names) => names.whose(host) == Some(Whose::Default),
            Self::Own(own) => own.is(host),
        }
    }

    /// The name for connection strings.
    pub(crate) fn main(&self) -> &str {
        match self {
            Self::Default(names) => names.main_address.as_deref().unwrap_or(LOCALHOST),
            Self::Own(own) => own.as_str(),
        }
    }

    /// The name of a hub that is not the default one.
    pub(crate) fn own(&self) -> Option<&HubHost> {
        match self {
            Self::Default(_) => None,
            Self::Own(own) => Some(own),
        }
    }
}

/// Whose a host name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The default hub's.
    Default,
    /// That of a hub of its own, whether there is one or not.
    Own(HubHost),
}

/// The host name of a hub other than the default one: a name under `.localhost`, a loopback address,
/// or a full host name. Lower case, without a final dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubHost(String);

/// Why a text is no name for a hub of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HubNameError {
    /// It means the hub that is always there.
    #[error("{0:?} is the default hub")]
    Default(String),
    /// Neither a name nor an address.
    #[error(
        "{0:?} is no name for a hub: take letters, digits, - and _ (orders, for the host \
         orders.localhost), a loopback address (127.0.0.7) or a full host name"
    )]
    Malformed(String),
    /// An address that is not a loopback one.
    #[error("{0} is not a loopback address")]
    NotLoopback(IpAddr),
}

impl HubHost {
    /// Reads what a person calls a hub: `orders` stands for `orders.localhost`.
    pub fn parse(text: &str) -> Result<Self, HubNameError> {
        // Cut, since it may come from outside.
        let told = || text.chars().take(HOST_BYTES_MAX).collect::<String>();
        let malformed = || HubNameError::Malformed(told());
        if text.len() > HOST_BYTES_MAX {
            return Err(malformed());
        }
        let host = normalise(text);
        if let Ok(address) = host.parse::<IpAddr>() {
            let address = address.to_canonical();
            if is_usual_loopback(address) {
                return Err(HubNameError::Default(told()));
            }
            if !address.is_loopback() {
                return Err(HubNameError::NotLoopback(address));
            }
            return Ok(Self(address.to_string()));
        }
        if host == LOCALHOST {
            return Err(HubNameError::Default(told()));
        }
        if !host.split('.').all(is_label) {
            return Err(malformed());
        }
        if host.contains('.') {
            return Ok(Self(host));
        }
        Ok(Self(format!("{host}.{LOCALHOST}")))
    }

    /// As in a connection string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As people call it: without `.localhost`.
    pub fn short(&self) -> &str {
        self.0.strip_suffix(".localhost").unwrap_or(&self.0)
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// Whether it can only mean this machine, whatever a resolver says.
    pub fn is_local(&self) -> bool {
        self.address().is_some() || is_under_localhost(&self.0)
    }

    /// Whether `host`, as a client spells it, is this name.
    pub(crate) fn is(&self, host: &str) -> bool {
        // Without an allocation in the usual case.
        host.eq_ignore_ascii_case(&self.0) || Self::spelled(host).is_some_and(|host| host == *self)
    }

    /// What a client says, for a look in the directory: not checked to be a name at all.
    pub(crate) fn spelled(host: &str) -> Option<Self> {
        if host.len() > HOST_BYTES_MAX {
            return None;
        }
        let host = normalise(host);
        Some(match host.parse::<IpAddr>() {
            Ok(address) => Self(address.to_canonical().to_string()),
            Err(_) => Self(host),
        })
    }
}

impl FromStr for HubHost {
    type Err = HubNameError;

    fn from_str(text: &str) -> Result<Self, HubNameError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for HubHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for HubHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_usual_loopback(address: IpAddr) -> bool {
    address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}

/// Lower case, without a final dot and without the brackets of an IPv6 address.
fn normalise(host: &str) -> String {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

/// A name of well-formed labels under `localhost` (RFC 6761, section 6.3).
fn is_under_localhost(host: &str) -> bool {
    host.strip_suffix(".localhost")
        .is_some_and(|labels| labels.split('.').all(is_label))
}

fn is_label(label: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !label.is_empty() && label.len() <= LABEL_BYTES_MAX && label.bytes().all(good)
}

const LOCALHOST: &str = "localhost";
/// RFC 1035, section 2.3.4, with room for a final dot.
const HOST_BYTES_MAX: usize = 254;
/// RFC 1035, section 2.3.4.
const LABEL_BYTES_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> HostNames {
        HostNames::new(
            &[
                "MyHub.azure-devices.net".to_owned(),
                "[2001:db8::1]".to_owned(),
            ],
            &["127.0.0.5", "10.1.2.3"].map(|text| text.parse().unwrap()),
        )
    }

    #[test]
    fn localhost_bound_and_listed_hosts_are_the_default_hub_whatever_their_case() {
        // HUB-1
        for host in [
            "localhost",
            "LocalHost",
            "localhost.",
            "127.0.0.1",
            "::1",
            "[::1]",
            "0:0:0:0:0:0:0:1",
            "::ffff:127.0.0.1",
            "10.1.2.3",
            "127.0.0.5",
            "myhub.azure-devices.net",
            "MYHUB.AZURE-DEVICES.NET",
            "2001:db8::1",
            "[2001:DB8::1]",
        ] {
            assert_eq!(names().whose(host), Some(Whose::Default), "{host}");
        }
    }

    #[test]
    fn names_under_localhost_and_other_loopback_addresses_are_hubs_of_their_own() {
        // HUB-1
        for (host, own) in [
            ("orders.localhost", "orders.localhost"),
            ("a.b_c.LOCALHOST.", "a.b_c.localhost"),
            ("127.0.0.7", "127.0.0.7"),
            ("::ffff:127.0.0.7", "127.0.0.7"),
        ] {
            let Some(Whose::Own(found)) = names().whose(host) else {
                panic!("{host} is not a hub of its own");
            };
            assert_eq!(found.as_str(), own);
            assert!(found.is(host) && !found.is("localhost"), "{host}");
        }
    }

    #[test]
    fn a_hub_is_called_by_a_word_an_address_or_a_full_name() {
        for (text, host, short) in [
            ("orders", "orders.localhost", "orders"),
            ("Orders.localhost", "orders.localhost", "orders"),
            ("127.0.0.7", "127.0.0.7", "127.0.0.7"),
            ("shop.example.", "shop.example", "shop.example"),
        ] {
            let name = HubHost::parse(text).unwrap();
            assert_eq!((name.as_str(), name.short()), (host, short), "{text}");
        }
        for text in ["", ".", "a b", "a/b", "ä", "*", "a..b", "orders:8883"] {
            let refused = HubHost::parse(text);
            assert!(matches!(refused, Err(HubNameError::Malformed(_))), "{text}");
        }
        for text in ["localhost", "LOCALHOST.", "127.0.0.1", "[::1]"] {
            let refused = HubHost::parse(text);
            assert!(matches!(refused, Err(HubNameError::Default(_))), "{text}");
        }
        let foreign = HubHost::parse("10.0.0.1");
        assert!(matches!(foreign, Err(HubNameError::NotLoopback(_))));
    }

    #[test]
    fn every_other_host_is_not_ours() {
        let long = format!("{}.localhost", "a.".repeat(200));
        for host in [
            "",
            ".",
            "[]",
            ".localhost",
            "a..localhost",
            "notlocalhost",
            "localhost.example.com",
            "other.azure-devices.net",
            "sub.myhub.azure-devices.net",
            "10.1.2.4",
            "128.0.0.1",
            "::2",
            "*.localhost",
            "localhost:8883",
            "orders/x.localhost",
            long.as_str(),
        ] {
            assert!(!names().accepts(host), "{host}");
        }
    }

    #[test]
    fn the_default_hub_is_localhost_exactly_where_that_leads_to_it() {
        let cases: [(&[&str], &str); 5] = [
            (&["127.0.0.1", "::1"], "localhost"),
            (&["0.0.0.0"], "localhost"),
            (&["127.3.2.1"], "127.3.2.1"),
            (&["10.0.0.1", "::1"], "localhost"),
            (&[], "localhost"),
        ];
        for (addresses, expected) in cases {
            let addresses: Vec<IpAddr> =
                addresses.iter().map(|text| text.parse().unwrap()).collect();
            let names = HubNames::Default(HostNames::new(&[], &addresses));
            assert_eq!(names.main(), expected, "{addresses:?}");
        }
    }

    #[test]
    fn a_hub_bound_on_every_address_answers_to_every_address() {
        let names = HostNames::new(&[], &["0.0.0.0".parse().unwrap()]);
        assert_eq!(names.whose("192.168.1.20"), Some(Whose::Default));
        assert!(matches!(names.whose("127.0.0.7"), Some(Whose::Own(_))));
        assert!(!names.accepts("example.com"));
    }
}
