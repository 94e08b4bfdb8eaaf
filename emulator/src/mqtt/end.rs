//! Why a connection ended, and how that is told.

use std::net::SocketAddr;

use hub_core::link::LinkClose;
use hub_proto::ids::ClientIdentity;
use hub_proto::mqtt::violation::Violation;
use tracing::{debug, info, warn};

use super::authenticate::Refusal;
use crate::hub::HubHandle;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// Before the device was let in.
    NotLetIn(NotLetIn),
    /// On this side; the hub is yet to be told.
    Here(LinkClose),
    /// The hub closed it, and has forgotten the link.
    ByHub(LinkClose),
}

/// Why a connection ended before the device was let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotLetIn {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Violation(#[from] Violation),
    #[error("no CONNECT came in time")]
    ConnectTimeout,
    /// What carries MQTT was broken by the peer: TLS, WebSocket.
    #[error("{0}")]
    Transport(String),
    #[error("the connection was lost before CONNECT")]
    Lost,
    #[error("the hub is stopping")]
    Shutdown,
}

impl End {
    /// Whether there may be somebody at the other end to read what still waits.
    pub(super) fn is_worth_a_farewell(&self) -> bool {
        match self {
            Self::NotLetIn(NotLetIn::Lost) => false,
            Self::Here(reason) | Self::ByHub(reason) => !matches!(
                reason,
                LinkClose::Lost | LinkClose::SlowReader(_) | LinkClose::KeepAlive
            ),
            Self::NotLetIn(_) => true,
        }
    }

    /// Tells the process's log; called once a connection.
    pub(super) fn log(&self, peer: SocketAddr, client: Option<&ClientIdentity>, hub: &HubHandle) {
        let device = client.map(tracing::field::display);
        match self {
            // Port probes do this all day.
            Self::NotLetIn(NotLetIn::Lost) => debug!(%peer, "connection closed without CONNECT"),
            Self::NotLetIn(NotLetIn::Shutdown) => info!(%peer, "connection closed: stopping"),
            Self::NotLetIn(NotLetIn::Refused(refusal)) => {
                let device = refusal.client().map(tracing::field::display);
                // Devices that are refused come again, and a fleet of them for hours.
                let who = refusal.client().map(ToString::to_string);
                if hub.refusal_is_news(&format!("{} {refusal}", who.unwrap_or_default())) {
                    warn!(%peer, device, reason = %refusal, "device refused");
                } else {
                    debug!(%peer, device, reason = %refusal, "device refused");
                }
            }
            Self::NotLetIn(reason) => warn!(%peer, %reason, "connection closed before CONNECT"),
            Self::Here(reason) | Self::ByHub(reason) => match reason {
                LinkClose::Violation(_)
                | LinkClose::SlowReader(_)
                | LinkClose::Throttled
                | LinkClose::QuotaExceeded => {
                    warn!(%peer, device, %reason, "link closed");
                }
                LinkClose::Goodbye
                | LinkClose::Lost
                | LinkClose::KeepAlive
                | LinkClose::TakenOver
                | LinkClose::CredentialExpired
                | LinkClose::CredentialRevoked
                | LinkClose::Disabled
                | LinkClose::Deleted
                | LinkClose::Shutdown => info!(%peer, device, %reason, "link closed"),
            },
        }
    }
}
