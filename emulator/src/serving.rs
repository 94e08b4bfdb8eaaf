//! The task of a connection: the handshake, if there is one, and then what serves it.
//!
//! Each is in a box of its own size, which goes when it is over: an idle device is not to occupy what
//! its handshake needed, nor what the largest of the front ends needs.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What a front end does with a connection until its end.
pub(crate) type Service = Pin<Box<dyn Future<Output = ()> + Send>>;
/// A handshake, and who goes on; `None` if it came to nothing.
pub(crate) type Handshake = Pin<Box<dyn Future<Output = Option<Service>> + Send>>;

/// A connection, to be spawned.
pub(crate) enum Serving {
    ShakingHands(Handshake),
    Open(Service),
}

impl Future for Serving {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut *self {
                Self::ShakingHands(handshake) => match ready!(handshake.as_mut().poll(context)) {
                    Some(service) => *self = Self::Open(service),
                    None => return Poll::Ready(()),
                },
                Self::Open(service) => return service.as_mut().poll(context),
            }
        }
    }
}
