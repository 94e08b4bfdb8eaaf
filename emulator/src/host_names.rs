//! Which host names are this hub.
//!
//! Devices and services name the hub they talk to in SNI, in the MQTT user name, in SAS tokens and
//! in the `Host` header; this module alone decides whether such a name is ours. It never asks a
//! resolver.

use std::net::IpAddr;

/// The names and addresses a hub answers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNames {
    extra: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl HostNames {
    /// `localhost`, names under `.localhost` and loopback addresses always; further the names
    /// `extra` and the bound `addresses`. A bound unspecified address (0.0.0.0, ::) stands for any
    /// address, since whatever was dialled reached us.
    pub fn new(extra: &[String], addresses: &[IpAddr]) -> Self {
        Self {
            extra: extra.iter().map(|name| normalise(name)).collect(),
            addresses: addresses.iter().map(IpAddr::to_canonical).collect(),
        }
    }

    /// The further names, in lower case.
    pub fn extra(&self) -> &[String] {
        &self.extra
    }

    /// Whether `host` (without port) is this hub. Case does not matter, nor does a final dot; an
    /// IPv6 address may stand in brackets.
    pub fn accepts(&self, host: &str) -> bool {
        if host.len() > HOST_BYTES_MAX {
            return false;
        }
        let host = normalise(host);
        if self.extra.contains(&host) {
            return true;
        }
        match host.parse::<IpAddr>() {
            Ok(address) => self.accepts_address(address.to_canonical()),
            Err(_) => is_localhost(&host),
        }
    }

    fn accepts_address(&self, address: IpAddr) -> bool {
        address.is_loopback()
            || self
                .addresses
                .iter()
                .any(|bound| bound.is_unspecified() || *bound == address)
    }
}

/// Lower case, without a final dot and without the brackets of an IPv6 address.
fn normalise(host: &str) -> String {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

/// `localhost` and any name of well-formed labels under it (RFC 6761, section 6.3).
fn is_localhost(host: &str) -> bool {
    let Some(labels) = host.strip_suffix("localhost") else {
        return false;
    };
    if labels.is_empty() {
        return true;
    }
    labels
        .strip_suffix('.')
        .is_some_and(|labels| labels.split('.').all(is_label))
}

fn is_label(label: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !label.is_empty() && label.len() <= LABEL_BYTES_MAX && label.bytes().all(good)
}

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
            &["127.0.0.1".parse().unwrap(), "10.1.2.3".parse().unwrap()],
        )
    }

    #[test]
    fn loopback_bound_and_listed_hosts_are_ours_whatever_their_case() {
        for host in [
            "localhost",
            "LocalHost",
            "localhost.",
            "orders.localhost",
            "a.b_c.LOCALHOST",
            "127.0.0.1",
            "127.0.0.7",
            "::1",
            "[::1]",
            "0:0:0:0:0:0:0:1",
            "::ffff:127.0.0.1",
            "10.1.2.3",
            "myhub.azure-devices.net",
            "MYHUB.AZURE-DEVICES.NET",
            "2001:db8::1",
            "[2001:DB8::1]",
        ] {
            assert!(names().accepts(host), "{host}");
        }
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
    fn a_hub_bound_on_every_address_answers_to_every_address() {
        let names = HostNames::new(&[], &["0.0.0.0".parse().unwrap()]);
        assert!(names.accepts("192.168.1.20"));
        assert!(!names.accepts("example.com"));
    }
}
