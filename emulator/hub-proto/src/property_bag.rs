//! Message properties as they travel in a topic: `k=v&k2=v2`, both sides percent-encoded.
//!
//! System properties have wire keys such as `$.mid`; everything else is the application's.

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
        todo!("{bag}")
    }

    /// Prints a cloud-to-device bag as every SDK can read it: system properties first with `%24`,
    /// nothing empty, no duplicate keys.
    pub fn to_devicebound(&self) -> String {
        todo!("{self:?}")
    }

    /// Prints a telemetry bag as the Python SDK does (everything percent-encoded).
    pub fn to_telemetry(&self) -> String {
        todo!("{self:?}")
    }

    /// Bytes that count against the message size: system values, application names and values.
    pub fn size_bytes(&self) -> usize {
        todo!()
    }
}
