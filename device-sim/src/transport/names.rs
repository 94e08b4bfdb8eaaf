//! The addresses of a hub's name, asked for once in a while and not for each device: a lookup is a call of the
//! system that blocks, on a thread of its own, and takes longer than all else of a dial. Opens no socket.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Names that were looked up lately.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: std::sync::Mutex<Vec<Known>>,
    /// Held while the system is asked: of many devices that dial at once one asks, and the others wait for
    /// its answer.
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Known {
    host: Box<str>,
    port: u16,
    addresses: Arc<[SocketAddr]>,
    until: Instant,
}

impl Names {
    /// The addresses of a host, in the order in which to try them; none if it has none.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> io::Result<Arc<[SocketAddr]>> {
        match self.find(host, port) {
            Some(addresses) => Ok(addresses),
            // On the heap: few devices ever ask, and all that dial would hold the room for it.
            None => Box::pin(self.ask(host, port)).await,
        }
    }

    /// This address of the host was reached, and is tried first from here on: `localhost` is often two, and
    /// a hub on one of them.
    pub(super) fn prefer(&self, host: &str, port: u16, reached: SocketAddr) {
        if let Some(it) = self.known().iter_mut().find(|it| it.is(host, port)) {
            let others = it.addresses.iter().filter(|it| **it != reached);
            it.addresses = std::iter::once(&reached).chain(others).copied().collect();
        }
    }

    async fn ask(&self, host: &str, port: u16) -> io::Result<Arc<[SocketAddr]>> {
        let _turn = self.turn.lock().await;
        if let Some(addresses) = self.find(host, port) {
            return Ok(addresses);
        }
        let addresses: Arc<[SocketAddr]> = lookup_host((host, port)).await?.collect();
        let mut known = self.known();
        if known.len() < NAMES_MAX {
            known.push(Known {
                host: host.into(),
                port,
                addresses: Arc::clone(&addresses),
                until: Instant::now() + KNOWN_FOR,
            });
        }
        Ok(addresses)
    }

    fn find(&self, host: &str, port: u16) -> Option<Arc<[SocketAddr]>> {
        let now = Instant::now();
        let mut known = self.known();
        known.retain(|it| it.until > now);
        let found = known.iter().find(|it| it.is(host, port))?;
        Some(Arc::clone(&found.addresses))
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is(&self, host: &str, port: u16) -> bool {
        *self.host == *host && self.port == port
    }
}

/// How long an answer holds: no longer than a hub may take to move.
const KNOWN_FOR: Duration = Duration::from_secs(5);
/// A fleet dials one hub in three ways at most.
const NAMES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_is_asked_for_once_in_a_while_and_the_address_that_answers_comes_first() {
        let names = Names::default();
        let first = names.addresses("127.0.0.1", 1883).await.unwrap();
        assert_eq!(*first, ["127.0.0.1:1883".parse().unwrap()]);
        let again = names.addresses("127.0.0.1", 1883).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again), "it is kept");
        let other = names.addresses("127.0.0.1", 8883).await.unwrap();
        assert_eq!(other[0].port(), 8883);

        let reached = "127.0.0.2:1883".parse().unwrap();
        names.prefer("127.0.0.1", 1883, reached);
        let preferred = names.addresses("127.0.0.1", 1883).await.unwrap();
        assert_eq!(*preferred, [reached, first[0]]);

        tokio::time::advance(KNOWN_FOR).await;
        let later = names.addresses("127.0.0.1", 1883).await.unwrap();
        assert_eq!(*later, *first, "it was asked for anew");
    }
}
