//! Cloud-to-device messages: a bounded queue per device, one in flight, at least once.

use hub_proto::property_bag::PropertyBag;
use hub_proto::time::Timestamp;

/// A message for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct C2dMessage {
    /// System and application properties, `$.to` excepted, which the hub sets.
    pub properties: PropertyBag,
    /// The body.
    pub payload: Vec<u8>,
    /// When it is given up; the hub's default if the sender does not say.
    pub expires: Option<Timestamp>,
}
