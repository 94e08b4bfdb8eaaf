//! What the requests of one connection have in common: the hub that their `Host` names and whom
//! their token shows. A kept connection repeats both, so the last of each is remembered, and what is
//! remembered counts only as long as nothing it rests on has changed.
//!
//! What a token must say, and what an operation needs, is `auth`'s to know.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use hub_proto::error_code::ErrorCode;
use tracing::warn;

use super::auth::{self, Bearer};
use super::error::Refusal;
use super::operation::Operation;
use crate::http::{self, Head};
use crate::hub::{HubHandle, WeakHub};
use crate::listener::ConnectionContext;

/// The client at the other end of one connection, whose requests come one after the other.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) context: ConnectionContext,
    last: Mutex<Last>,
    /// The hub with which the connection goes on as a WebSocket.
    upgraded: OnceLock<Box<ConnectionContext>>,
}

/// Of the request before.
#[derive(Debug, Default)]
struct Last {
    /// A `Host` and its hub. What a host means changes only when its hub is removed. A connection that
    /// rests must not keep such a hub in memory.
    hub: Option<(Box<[u8]>, WeakHub)>,
    /// Somebody that this hub let in.
    bearer: Option<Bearer>,
}

impl Caller {
    pub(super) fn new(context: ConnectionContext) -> Self {
        Self {
            context,
            last: Mutex::default(),
            upgraded: OnceLock::new(),
        }
    }

    /// The hub that a request names.
    pub(super) fn hub(&self, head: &Head) -> Result<HubHandle, Refusal> {
        let mut last = self.last();
        let host = http::only_host(head);
        if let Some((known, hub)) = &last.hub
            && host == Some(&**known)
            && let Some(hub) = hub.upgrade()
            && !hub.is_retired()
        {
            return Ok(hub);
        }
        *last = Last::default();
        let hub = self.named(head)?.hub;
        last.hub = host.map(|host| (host.into(), hub.downgrade()));
        Ok(hub)
    }

    /// The connection as one to the hub that a request names.
    pub(super) fn named(&self, head: &Head) -> Result<ConnectionContext, Refusal> {
        let Some(host) = http::host(head) else {
            return Err(Refusal::new(
                ErrorCode::GenericBadRequest,
                "The request names no host.",
            ));
        };
        self.context.to(&host).map_err(|no_hub| {
            warn!(reason = %no_hub, "a request names no hub that is here");
            Refusal::new(ErrorCode::IotHubNotFound, no_hub.to_string())
        })
    }

    /// Checks that the bearer may do what `operation` asks of `hub`, which [`Caller::hub`] gave for the
    /// same request.
    pub(super) fn authorise(
        &self,
        hub: &HubHandle,
        head: &Head,
        operation: &Operation,
    ) -> Result<(), Refusal> {
        auth::authorise(hub, head, operation, &mut self.last().bearer)
    }

    /// Notes that the connection goes on as a WebSocket to that hub.
    pub(super) fn upgrade(&self, context: ConnectionContext) {
        // There is one upgrade at most: no request comes after it.
        let _ = self.upgraded.set(Box::new(context));
    }

    /// To which hub the connection goes on as a WebSocket.
    pub(super) fn take_upgraded(&mut self) -> Option<ConnectionContext> {
        self.upgraded.take().map(|context| *context)
    }

    /// Whole at every instant, so a panic elsewhere does not spoil it.
    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
