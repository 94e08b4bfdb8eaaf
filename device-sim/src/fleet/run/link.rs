//! The way of bytes between a running device and its socket, through the network in between.

use std::io;
use std::task::{Context, Poll};

use hub_proto::time::Now;

use super::super::line::Line;
use super::{CROSSING_BYTES_MAX, Link, Run, Stage};
use crate::metrics::Phase;
use crate::netem::Way;
use crate::transport::Connection;

impl Run {
    /// Moves bytes. Whether the device heard something, or the link changed.
    pub(super) fn poll_link(&mut self, context: &mut Context<'_>, now: Now) -> bool {
        match &mut self.link {
            Link::None => false,
            Link::Dialling(dialling) => match dialling.as_mut().poll(context) {
                Poll::Pending => false,
                Poll::Ready(result) => {
                    self.handle_dialled(self.kind.shared.clock.now(), result);
                    true
                }
            },
            Link::Open(_) => {
                self.arrive(now, Way::Up);
                // Both ways, always: each leaves its waker.
                let written = self.poll_output(context, now);
                let read = self.poll_input(context, now);
                written || read
            }
        }
    }

    fn handle_dialled(&mut self, now: Now, result: io::Result<Connection>) {
        self.link = Link::None;
        let (Stage::Alive(device) | Stage::Leaving(device)) = &mut self.stage else {
            return;
        };
        let connection = match result {
            Ok(connection) => connection,
            Err(error) => return device.handle_lost(now, &error.to_string()),
        };
        let mut metrics = self.kind.shared.metrics();
        let tcp_at = self.kind.shared.clock.instant(connection.tcp_at);
        if let Some(due) = self.watch.dial_due {
            metrics.record(Phase::Tcp, tcp_at.saturating_since(due));
        }
        if let Some(took) = connection.tls_took {
            metrics.record(Phase::Tls, took);
        }
        if let Some(took) = connection.web_socket_took {
            metrics.record(Phase::WebSocket, took);
        }
        drop(metrics);
        if let Some(network) = &mut self.network {
            network.handle_opened(now.mono);
        }
        self.watch.is_open = true;
        self.link = Link::Open(Line::new(connection.stream));
        device.handle_opened(now);
    }

    fn poll_output(&mut self, context: &mut Context<'_>, now: Now) -> bool {
        let Link::Open(line) = &mut self.link else {
            return false;
        };
        match line.poll_write(context) {
            Poll::Pending => false,
            Poll::Ready(Err(error)) => {
                self.lose(now, &error.to_string());
                true
            }
            Poll::Ready(Ok(count)) => {
                if count > 0 {
                    let count = u64::try_from(count).unwrap_or(u64::MAX);
                    self.kind.shared.metrics().counts.bytes_sent += count;
                }
                self.poll_close(context)
            }
        }
    }

    /// Closes when that is wanted and everything is written.
    fn poll_close(&mut self, context: &mut Context<'_>) -> bool {
        let Link::Open(line) = &mut self.link else {
            return false;
        };
        let is_crossing = self
            .network
            .as_ref()
            .is_some_and(|network| network.crossing_bytes(Way::Up) > 0);
        if line.closing_until.is_none() || is_crossing || line.poll_shutdown(context).is_pending() {
            return false;
        }
        // The hub may have closed first; either way it is closed.
        self.close();
        true
    }

    fn poll_input(&mut self, context: &mut Context<'_>, now: Now) -> bool {
        let heard = self.arrive(now, Way::Down);
        let Link::Open(line) = &mut self.link else {
            return true;
        };
        let (is_deaf, crossing) = match &self.network {
            Some(network) => (network.is_deaf(), network.crossing_bytes(Way::Down)),
            None => (false, 0),
        };
        if line.closing_until.is_some() {
            return heard;
        }
        if let Some(reason) = &line.ended {
            // What the hub said before it went arrives first; in silence nobody hears it go.
            if is_deaf || crossing > 0 {
                return heard;
            }
            let reason = reason.clone();
            self.lose(now, &reason);
            return true;
        }
        if crossing > CROSSING_BYTES_MAX {
            return heard;
        }
        let (Stage::Alive(device) | Stage::Leaving(device)) = &mut self.stage else {
            return heard;
        };
        let network = &mut self.network;
        let read = line.poll_read(context, |bytes| {
            match network {
                _ if bytes.is_empty() => {}
                Some(network) => network.send(now.mono, Way::Down, bytes.to_vec()),
                None => device.handle_bytes(now, bytes),
            }
            bytes.len()
        });
        match read {
            Poll::Pending => return heard,
            Poll::Ready(Ok(0)) => line.ended = Some("the hub closed the connection".into()),
            Poll::Ready(Ok(count)) => {
                self.cause = now.mono;
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                self.kind.shared.metrics().counts.bytes_received += count;
            }
            Poll::Ready(Err(error)) => line.ended = Some(error.to_string().into()),
        }
        true
    }

    /// Takes what has crossed the network out of it.
    fn arrive(&mut self, now: Now, way: Way) -> bool {
        let mut heard = false;
        while let Some(network) = &mut self.network
            && let Some(bytes) = network.poll_arrived(now.mono, way)
            && let Link::Open(line) = &mut self.link
        {
            heard = true;
            match (way, &mut self.stage) {
                (Way::Down, Stage::Alive(device)) => {
                    self.cause = now.mono;
                    device.handle_bytes(now, &bytes);
                    // What it says to this packet counts from now, not from the next.
                    self.settle(now);
                }
                (Way::Down, Stage::Due(_) | Stage::Leaving(_)) => {}
                (Way::Up, _) => {
                    if let Err(error) = line.queue(bytes) {
                        self.lose(now, &error.to_string());
                    }
                }
            }
        }
        heard
    }
}
