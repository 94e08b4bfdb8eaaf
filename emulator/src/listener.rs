//! Being written.

use std::net::SocketAddr;

use crate::hub::HubHandle;
use crate::stop::StopToken;

/// What a front end needs to serve one connection. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionContext {
    /// The hub.
    pub(crate) hub: HubHandle,
    /// Who is at the other end.
    pub(crate) peer: SocketAddr,
    /// To be held as long as the connection lives; comes back when it shall end.
    pub(crate) stop: StopToken,
}
