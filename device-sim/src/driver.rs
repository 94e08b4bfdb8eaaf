//! Owns the socket and the timer of a device. The only place of this crate that waits.
//!
//! One loop drives one device: many in one loop would cost about as much (docs/adr/0007-one-task-a-device.md).

use std::io;
use std::time::Duration;

use hub_proto::time::{Instant, Now, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

use crate::device::{Command, Device, Fact};
use crate::transport::{Stream, Target, connect};

/// Tells the time: tokio's, so that virtual time moves it, counted from a wall time that the caller
/// read.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: tokio::time::Instant,
    wall_start: Timestamp,
}

impl Clock {
    /// A clock that shows `wall` now.
    pub fn starting_at(wall: Timestamp) -> Self {
        Self {
            start: tokio::time::Instant::now(),
            wall_start: wall,
        }
    }

    /// The time now.
    pub fn now(&self) -> Now {
        let since = self.start.elapsed();
        Now {
            mono: Instant::from_start(since),
            wall: self.wall_start.saturating_add(since),
        }
    }

    /// `at` in this clock's terms.
    pub(crate) fn instant(&self, at: tokio::time::Instant) -> Instant {
        Instant::from_start(at.saturating_duration_since(self.start))
    }

    /// `instant` in tokio's terms, for its timers.
    pub(crate) fn timer_instant(&self, instant: Instant) -> tokio::time::Instant {
        self.start
            .checked_add(instant.since_start())
            // Beyond what the platform can name is "never"; a year is far enough to ask again.
            .unwrap_or_else(|| self.start + Duration::from_hours(365 * 24))
    }

    async fn sleep_until(&self, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => {
                tokio::time::sleep_until(self.timer_instant(deadline)).await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Drives `device` until `stop` turns true or its sender is gone. Facts go to `facts`; a watcher that
/// does not keep up slows the device down rather than miss one, and one that has left is no matter.
pub async fn drive(
    mut device: Device,
    target: Target,
    clock: Clock,
    facts: mpsc::Sender<Fact>,
    mut stop: watch::Receiver<bool>,
) {
    let mut socket: Option<Box<dyn Stream>> = None;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => break,
            () = settle(&mut device, &mut socket, &target, &clock, &facts) => {}
        }
        let deadline = device.poll_deadline();
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => break,
            () = clock.sleep_until(deadline) => device.handle_deadline(clock.now()),
            read = read(socket.as_mut(), &mut buffer) => match read {
                Ok(0) => lose(&mut device, &mut socket, &clock, "the hub closed the connection"),
                Ok(bytes) => device.handle_bytes(clock.now(), &buffer[..bytes]),
                Err(error) => lose(&mut device, &mut socket, &clock, &error.to_string()),
            },
        }
    }
    device.stop();
    settle(&mut device, &mut socket, &target, &clock, &facts).await;
}

/// Carries out everything the device wants, until it wants nothing.
async fn settle(
    device: &mut Device,
    socket: &mut Option<Box<dyn Stream>>,
    target: &Target,
    clock: &Clock,
    facts: &mpsc::Sender<Fact>,
) {
    loop {
        // Facts go first: what they tell is not yet answered, so a watcher hears cause before effect.
        while let Some(fact) = device.poll_fact() {
            tracing::debug!(?fact, "device");
            // A watcher that has left is no reason to stop.
            let _ = facts.send(fact).await;
        }
        let output = device.take_output();
        if !output.is_empty()
            && let Some(stream) = socket.as_mut()
            && let Err(error) = write(stream, &output).await
        {
            lose(device, socket, clock, &error.to_string());
        }
        match device.poll_command() {
            Some(Command::Close) => {
                if let Some(mut stream) = socket.take() {
                    // The hub may have closed first; either way it is closed.
                    let _ = stream.shutdown().await;
                }
            }
            Some(Command::Drop) => *socket = None,
            Some(Command::Dial) => match connect(target).await {
                Ok(stream) => {
                    *socket = Some(stream);
                    device.handle_opened(clock.now());
                }
                Err(error) => device.handle_lost(clock.now(), &error.to_string()),
            },
            None if output.is_empty() => return,
            None => {}
        }
    }
}

fn lose(device: &mut Device, socket: &mut Option<Box<dyn Stream>>, clock: &Clock, reason: &str) {
    *socket = None;
    device.handle_lost(clock.now(), reason);
}

async fn read(socket: Option<&mut Box<dyn Stream>>, buffer: &mut [u8]) -> io::Result<usize> {
    match socket {
        Some(stream) => stream.read(buffer).await,
        None => std::future::pending().await,
    }
}

async fn write(stream: &mut Box<dyn Stream>, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

const READ_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hub_proto::sas::SasKey;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::device::{Identity, Place, Settings};

    /// Reads one packet of less than 128 or, with a second length byte, of less than 16,384 bytes.
    async fn read_packet(socket: &mut TcpStream) -> Vec<u8> {
        let kind = socket.read_u8().await.unwrap();
        let mut length = usize::from(socket.read_u8().await.unwrap());
        if length >= 128 {
            length += (usize::from(socket.read_u8().await.unwrap()) << 7) - 128;
        }
        let mut packet = vec![0; length + 1];
        packet[0] = kind;
        socket.read_exact(&mut packet[1..]).await.unwrap();
        packet
    }

    #[tokio::test]
    async fn a_driven_device_comes_online_and_says_goodbye_when_stopped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target {
            dial_host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            tls: None,
        };
        let identity = Identity {
            host: "localhost".into(),
            device_id: "pump-1".into(),
            key: SasKey::from_bytes(&[7; 32]),
        };
        let settings = Arc::new(Settings::default());
        let device = Device::new(Arc::new(identity), settings, Place::default());
        let clock = Clock::starting_at(Timestamp::from_unix(Duration::from_secs(1_795_000_000)));
        let (facts, mut heard) = mpsc::channel(16);
        let (stop, stopped) = watch::channel(false);
        let driven = tokio::spawn(drive(device, target, clock, facts, stopped));

        let (mut hub, _) = listener.accept().await.unwrap();
        let connect = read_packet(&mut hub).await;
        assert_eq!(connect[0], 0x10);
        // The token lives an hour from the wall time given.
        assert!(String::from_utf8_lossy(&connect).contains("&se=1795003600"));
        hub.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        assert_eq!(read_packet(&mut hub).await[0], 0x82);
        hub.write_all(&[0x90, 5, 0, 1, 1, 1, 1]).await.unwrap();
        assert_eq!(heard.recv().await, Some(Fact::Dialling));
        assert!(matches!(
            heard.recv().await,
            Some(Fact::Connected {
                session_present: false,
                ..
            })
        ));
        assert!(matches!(heard.recv().await, Some(Fact::Online { .. })));

        assert_eq!(read_packet(&mut hub).await[0], 0x30, "it reads its twin");
        stop.send_replace(true);
        assert_eq!(read_packet(&mut hub).await, [0xe0], "DISCONNECT");
        driven.await.unwrap();
        assert_eq!(
            hub.read(&mut [0; 8]).await.unwrap(),
            0,
            "the socket is closed"
        );
    }
}
