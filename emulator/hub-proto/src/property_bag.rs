//! Message properties as they travel in a topic: `k=v&k2=v2`, both sides percent-encoded.
//!
//! System properties have wire keys such as `$.mid`; everything else is the application's. What a
//! property means is for others to say.
//!
//! Source: "Communicate with your hub using the MQTT protocol", and what the SDKs' parsers accept.

use std::collections::BTreeSet;

use percent_encoding::utf8_percent_encode;

use crate::percent;
use crate::sas::UNRESERVED;

/// The system properties' keys on the wire. Any other `$.…` is the application's.
const SYSTEM_KEYS: [&str; 18] = [
    "$.mid",
    "$.cid",
    "$.uid",
    "$.ct",
    "$.ce",
    "$.on",
    "$.to",
    "$.exp",
    "$.ctime",
    "$.schema",
    "$.ifid",
    "$.sub",
    "$.cdid",
    "$.cmid",
    "$.diagid",
    "$.diagctx",
    "iothub-ack",
    "iothub-operation",
];

/// The order in which the Python SDK prints system properties; others follow.
/// (Azure/azure-iot-sdk-python `mqtt_topic_iothub.py`)
const TELEMETRY_ORDER: [&str; 8] = [
    "$.on", "$.mid", "$.cid", "$.uid", "$.ct", "$.ce", "$.ifid", "$.exp",
];

/// Names at which the Java SDK throws when a message arrives with them.
/// (Azure/azure-iot-sdk-java `MessageProperty.java`; `iothub-ack` is read before the check.)
const RESERVED_NAMES: [&str; 23] = [
    "iothub-enqueuedtime",
    "iothub-messagelocktoken",
    "iothub-sequencenumber",
    "iothub-operation",
    "iothub-partition-key",
    "iothub-connection-device-id",
    "iothub-connection-auth-method",
    "iothub-connection-auth-generation-id",
    "iothub-messageid",
    "iothub-correlationid",
    "iothub-userid",
    "iothub-to",
    "iothub-content-type",
    "iothub-contenttype",
    "iothub-content-encoding",
    "iothub-contentencoding",
    "iothub-absolute-expiry-time",
    "IoThub-methodname",
    "connectionDeviceId",
    "connectionModuleId",
    "iothub-outputname",
    "iothub-inputname",
    "iothub-connection-module-id",
];

/// The properties of one message, in the order sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyBag {
    /// System properties by wire key, `$.mid` and the like, decoded.
    pub system: Vec<(String, String)>,
    /// Application properties; a key without `=` has no value.
    pub application: Vec<(String, Option<String>)>,
}

impl PropertyBag {
    /// Reads a bag. Never fails: a bad escape stands for itself, since some SDKs do not encode.
    pub fn parse(bag: &str) -> Self {
        let mut parsed = Self::default();
        for part in bag.split('&') {
            let (key, value) = match part.split_once('=') {
                Some((key, value)) => (decode(key), Some(decode(value))),
                None => (decode(part), None),
            };
            // The C# and C SDKs send `%24.mid`, Java `$.mid`: compared after decoding, they agree.
            if is_system_key(&key) {
                parsed.system.push((key, value.unwrap_or_default()));
            } else if !key.is_empty() {
                parsed.application.push((key, value));
            }
        }
        parsed
    }

    /// The value of the first property of that name in a bag that is not read otherwise.
    pub fn find(bag: &str, name: &str) -> Option<String> {
        bag.split('&').find_map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (percent::decode_or_keep(key) == name).then(|| decode(value))
        })
    }

    /// Prints a cloud-to-device bag as every SDK can read it, with `to` (the target's address, such as
    /// `/devices/{d}/messages/deviceBound`) in front: system properties first with `%24`, nothing
    /// empty, no duplicate keys, no reserved names.
    ///
    /// C# faults without any bag, so `$.to` is always there; Java drops all before the first `%24` and
    /// throws at a key without a value; C# throws at a key that comes twice.
    pub fn to_devicebound(&self, to: &str) -> String {
        let (dollar, plain): (Vec<_>, Vec<_>) = self
            .system
            .iter()
            .partition(|(key, _)| key.starts_with('$'));
        let system = dollar
            .into_iter()
            .chain(plain)
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let application = self
            .application
            .iter()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)));
        let mut printer = Printer::default();
        let mut seen = BTreeSet::new();
        for (key, value) in std::iter::once(("$.to", to))
            .chain(system)
            .chain(application)
        {
            let is_legal = !key.is_empty() && !value.is_empty() && !RESERVED_NAMES.contains(&key);
            if is_legal && seen.insert(key) {
                printer.property(key, Some(value));
            }
        }
        printer.out
    }

    /// Prints a telemetry bag as the Python SDK does: everything percent-encoded, system properties
    /// first in its order, then the application's by name.
    pub fn to_telemetry(&self) -> String {
        let place = |key: &str| {
            TELEMETRY_ORDER
                .iter()
                .position(|known| *known == key)
                .unwrap_or(TELEMETRY_ORDER.len())
        };
        let mut system: Vec<_> = self.system.iter().collect();
        system.sort_by_key(|(key, _)| place(key));
        let mut application: Vec<_> = self.application.iter().collect();
        application.sort_by_key(|(key, _)| key);
        let mut printer = Printer::default();
        for (key, value) in system {
            printer.property(key, Some(value));
        }
        for (key, value) in application {
            printer.property(key, value.as_deref());
        }
        printer.out
    }

    /// Bytes that count against the message size: system values, application names and values.
    pub fn size_bytes(&self) -> usize {
        let system: usize = self.system.iter().map(|(_, value)| value.len()).sum();
        let application: usize = self
            .application
            .iter()
            .map(|(key, value)| key.len() + value.as_ref().map_or(0, String::len))
            .sum();
        system + application
    }
}

#[derive(Default)]
struct Printer {
    out: String,
}

impl Printer {
    fn property(&mut self, key: &str, value: Option<&str>) {
        if !self.out.is_empty() {
            self.out.push('&');
        }
        self.out.extend(utf8_percent_encode(key, UNRESERVED));
        if let Some(value) = value {
            self.out.push('=');
            self.out.extend(utf8_percent_encode(value, UNRESERVED));
        }
    }
}

fn decode(text: &str) -> String {
    percent::decode_or_keep(text).into_owned()
}

pub(crate) fn is_system_key(key: &str) -> bool {
    (key.starts_with("$.") || key.starts_with("iothub-")) && SYSTEM_KEYS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bag(system: &[(&str, &str)], application: &[(&str, Option<&str>)]) -> PropertyBag {
        let own = str::to_owned;
        PropertyBag {
            system: system.iter().map(|(k, v)| (own(k), own(v))).collect(),
            application: application
                .iter()
                .map(|(k, v)| (own(k), v.map(own)))
                .collect(),
        }
    }

    #[test]
    fn bags_of_every_sdk_are_read() {
        let odd = "TestKey1234!#$%&'*+-^_`|~";
        let cases = [
            ("", bag(&[], &[])),
            ("&&", bag(&[], &[])),
            // Python.
            (
                "%24.mid=m%201&%24.ct=application%2Fjson&alert=a%26b%3Dc%2Fd",
                bag(
                    &[("$.mid", "m 1"), ("$.ct", "application/json")],
                    &[("alert", Some("a&b=c/d"))],
                ),
            ),
            // Java: raw `$`, and every odd character in a name.
            (
                "$.mid=1&TestKey1234%21%23%24%25%26%27*%2B-%5E_%60%7C~=a%20b%09%22%7B%7D",
                bag(&[("$.mid", "1")], &[(odd, Some("a b\t\"{}"))]),
            ),
            // C: values as they are.
            (
                "path=a/b=c+d%zz&%24.mid=x",
                bag(&[("$.mid", "x")], &[("path", Some("a/b=c+d%zz"))]),
            ),
            // No value, an empty value, no name, a system key that nobody knows, not UTF-8.
            (
                "k&e=&=v&$.new=1&b=%FF&$.mid&iothub-ack=full",
                bag(
                    &[("$.mid", ""), ("iothub-ack", "full")],
                    &[
                        ("k", None),
                        ("e", Some("")),
                        ("$.new", Some("1")),
                        ("b", Some("%FF")),
                    ],
                ),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(PropertyBag::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn one_property_is_found_without_reading_the_others() {
        let bag = "%24.to=%2Fdevices&iothub-ack=full&a%20b=1&a%20b=2&none";
        let cases = [
            ("$.to", Some("/devices")),
            ("iothub-ack", Some("full")),
            ("a b", Some("1")),
            ("none", Some("")),
            ("ack", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(PropertyBag::find(bag, name).as_deref(), expected, "{name}");
        }
        assert_eq!(PropertyBag::find("", "$.to"), None);
    }

    #[test]
    fn a_devicebound_bag_is_what_every_sdk_can_read() {
        let to = "/devices/dev_c/messages/deviceBound";
        let encoded_to = "%24.to=%2Fdevices%2Fdev_c%2Fmessages%2FdeviceBound";
        assert_eq!(bag(&[], &[]).to_devicebound(to), encoded_to);
        let full = bag(
            &[
                ("iothub-ack", "full"),
                ("$.to", "/x"),
                ("$.mid", "m 1"),
                ("$.cid", ""),
                ("iothub-operation", "d2c"),
            ],
            &[
                ("a/&=+%#?$ä", Some("v &=")),
                ("none", None),
                ("empty", Some("")),
                ("twice", Some("1")),
                ("twice", Some("2")),
                ("iothub-messageid", Some("x")),
            ],
        );
        assert_eq!(
            full.to_devicebound(to),
            format!(
                "{encoded_to}&%24.mid=m%201&iothub-ack=full\
                 &a%2F%26%3D%2B%25%23%3F%24%C3%A4=v%20%26%3D&twice=1"
            ),
        );
    }

    #[test]
    fn a_telemetry_bag_is_printed_in_the_python_sdks_order() {
        let full = bag(
            &[
                ("$.schema", "s"),
                ("$.ct", "application/json"),
                ("$.mid", "m 1"),
            ],
            &[("b", None), ("a", Some("a/b"))],
        );
        let text = "%24.mid=m%201&%24.ct=application%2Fjson&%24.schema=s&a=a%2Fb&b";
        assert_eq!(full.to_telemetry(), text);
    }

    #[test]
    fn size_counts_system_values_and_application_names_and_values() {
        assert_eq!(
            PropertyBag::parse("%24.mid=abc&na%20me=v&k").size_bytes(),
            3 + 5 + 1 + 1
        );
    }
}
