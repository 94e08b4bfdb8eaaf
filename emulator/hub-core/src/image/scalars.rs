//! What images are made of that has a form of its own: keys, times, JSON texts.

use std::fmt;

use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A key, in base64 as text. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyImage(pub SasKey);

/// A time, as the hub prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeImage(pub Timestamp);

/// JSON, byte for byte as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonImage(pub Box<str>);

impl fmt::Debug for KeyImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyImage(…)")
    }
}

impl Serialize for KeyImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for KeyImage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The error must not repeat what may be a secret.
        let key = SasKey::from_base64(&text);
        key.map(Self)
            .map_err(|_| D::Error::custom("a key must be 16 to 64 bytes in base64"))
    }
}

impl Serialize for TimeImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TimeImage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not a time as the hub prints it")))
    }
}

impl Serialize for JsonImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonImage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(text.into()))
    }
}
