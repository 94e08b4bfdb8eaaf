//! What the requests of one connection have in common: the hub that their `Host` names and whom
//! their token shows. A kept connection repeats both, so the last of each is remembered, and what is
//! remembered counts only as long as nothing it rests on has changed.
//!
//! What a token must say, and what an operation needs, is `auth`'s to know.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hub_proto::error_code::ErrorCode;
use hyper::header::{HOST, HeaderValue};
use hyper::{HeaderMap, Request};
use tracing::warn;

use super::auth::{self, Bearer};
use super::error::Refusal;
use super::operation::Operation;
use crate::http;
use crate::hub::{HubHandle, WeakHub};
use crate::listener::ConnectionContext;

/// The client at the other end of one connection, whose requests come one after the other.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) context: ConnectionContext,
    last: Mutex<Last>,
}

/// Of the request before.
#[derive(Debug, Default)]
struct Last {
    /// A `Host` and its hub. What a host means changes only when its hub is removed. A connection that
    /// rests must not keep such a hub in memory.
    hub: Option<(HeaderValue, WeakHub)>,
    /// Somebody that this hub let in.
    bearer: Option<Bearer>,
}

impl Caller {
    pub(super) fn new(context: ConnectionContext) -> Self {
        Self {
            context,
            last: Mutex::default(),
        }
    }

    /// The hub that a request names.
    pub(super) fn hub<B>(&self, request: &Request<B>) -> Result<HubHandle, Refusal> {
        let mut last = self.last();
        let host = only_host(request);
        if let Some((known, hub)) = &last.hub
            && host == Some(known)
            && let Some(hub) = hub.upgrade()
            && !hub.is_retired()
        {
            return Ok(hub);
        }
        *last = Last::default();
        let hub = self.named(request)?.hub;
        last.hub = host.map(|host| (host.clone(), hub.downgrade()));
        Ok(hub)
    }

    /// The connection as one to the hub that a request names.
    pub(super) fn named<B>(&self, request: &Request<B>) -> Result<ConnectionContext, Refusal> {
        let Some(host) = http::host(request) else {
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
        headers: &HeaderMap,
        operation: &Operation,
    ) -> Result<(), Refusal> {
        auth::authorise(hub, headers, operation, &mut self.last().bearer)
    }

    /// Whole at every instant, so a panic elsewhere does not spoil it.
    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one header that says all of the host; `None` if the request line or several headers have a say.
fn only_host<B>(request: &Request<B>) -> Option<&HeaderValue> {
    let mut values = request.headers().get_all(HOST).iter();
    let only = values.next().filter(|_| values.next().is_none());
    only.filter(|_| request.uri().host().is_none())
}
