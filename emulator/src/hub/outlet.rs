//! What the hub wants of a connection: a place to put messages, which never makes it wait.

use std::fmt;

use hub_core::link::{LinkAccepted, LinkClose};
use hub_core::output::ToDevice;
use hub_proto::ids::ClientIdentity;

/// The hub's end of one device connection. Called with a shard locked: implementations only append
/// to a bounded buffer and wake somebody.
pub(crate) trait LinkOutlet: fmt::Debug + Send + Sync {
    /// The device was let in. Comes before anything else.
    fn accepted(&self, accepted: LinkAccepted);

    /// A message for `client`, whose connection this is. An error ends the link.
    fn deliver(&self, client: &ClientIdentity, message: ToDevice) -> Result<(), LinkClose>;

    /// The hub has forgotten the link; the connection is to be closed.
    fn close(&self, reason: LinkClose);
}
