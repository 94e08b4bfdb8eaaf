//! How a twin is printed: the service's document and the device's view.

use hub_proto::ids::DeviceId;
use hub_proto::time::Timestamp;

use crate::registry::Status;

/// A twin as the service sees it: the whole document as JSON text, and its etag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwinDocument {
    /// Without quotes.
    pub etag: String,
    /// The document.
    pub json: String,
}

/// What a twin's document shows of the device's identity.
#[derive(Clone, Copy, Debug)]
pub struct DocumentIdentity<'a> {
    /// Who.
    pub device_id: &'a DeviceId,
    /// The identity's etag, without quotes.
    pub device_etag: &'a str,
    /// Whether it may connect.
    pub status: Status,
    /// Why, if the service said.
    pub status_reason: Option<&'a str>,
    /// When the status last changed; [`Timestamp::NEVER`] if it never did.
    pub status_updated: Timestamp,
    /// Whether a link is up.
    pub connected: bool,
    /// When the device last connected, sent or received.
    pub last_activity: Timestamp,
    /// Messages waiting for the device.
    pub c2d_messages: usize,
}
