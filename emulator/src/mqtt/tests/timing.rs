//! Time limits of a connection, in virtual time.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hub_core::Limits;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::time::{Instant, sleep};

use super::support::{Bench, CONNACK, Connect, PINGREQ, PINGRESP, TOKEN_LIFE};
use crate::clock::VirtualClock;

/// How far a timer may be late.
const TICK: Duration = Duration::from_millis(5);

#[track_caller]
fn assert_took(started: Instant, expected: Duration) {
    let took = started.elapsed();
    assert!(
        took >= expected && took <= expected + TICK,
        "{took:?} is not {expected:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_connect_is_closed_after_a_minute() {
    // CON-3
    let bench = Bench::new();
    let started = Instant::now();
    let mut device = bench.dial();
    // Half a packet is no CONNECT.
    device.send(&Connect::of("dev1").packet()[..20]).await;
    device.expect_closed().await;
    assert_took(started, Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn silence_of_one_and_a_half_keep_alives_ends_the_connection() {
    // CON-5
    let bench = Bench::new();
    let mut device = bench.dial();
    device
        .send(
            &Connect {
                keep_alive_s: 10,
                ..Connect::of("dev1")
            }
            .packet(),
        )
        .await;
    device.expect(CONNACK).await;
    sleep(Duration::from_secs(14)).await;
    device.send(PINGREQ).await;
    device.expect(PINGRESP).await;
    let started = Instant::now();
    device.expect_closed().await;
    assert_took(started, Duration::from_secs(15));
    assert_eq!(
        bench.disconnects(),
        ["nothing arrived within 1.5 times the keep-alive"]
    );
}

#[tokio::test(start_paused = true)]
async fn without_keep_alive_silence_is_bounded_by_the_hubs_cap() {
    // CON-5
    let bench = Bench::new();
    let mut device = bench.dial();
    device
        .send(
            &Connect {
                keep_alive_s: 0,
                ..Connect::of("dev1")
            }
            .packet(),
        )
        .await;
    device.expect(CONNACK).await;
    let started = Instant::now();
    device.expect_closed().await;
    assert_took(started, Duration::from_secs(1767));
}

#[tokio::test(start_paused = true)]
async fn a_live_connection_outlasts_its_token_by_the_grace_and_no_longer() {
    // AUTH-2
    let bench = Bench::new();
    let started = Instant::now();
    let mut device = bench.dial();
    device
        .send(
            &Connect {
                keep_alive_s: 120,
                ..Connect::of("dev1")
            }
            .packet(),
        )
        .await;
    device.expect(CONNACK).await;
    let end = TOKEN_LIFE + Limits::default().sas_live_grace;
    while started.elapsed() + Duration::from_mins(1) < end {
        device.send(PINGREQ).await;
        device.expect(PINGRESP).await;
        sleep(Duration::from_secs(50)).await;
    }
    device.expect_closed().await;
    assert_took(started, end);
    assert_eq!(bench.disconnects(), ["the SAS token ran out"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_connections_until_its_grace_is_over() {
    // AUTH-2
    let limits = Limits {
        sas_connect_grace: Duration::from_mins(5),
        ..Limits::default()
    };
    let bench = Bench::with_limits(limits);
    sleep(TOKEN_LIFE + Duration::from_secs(299)).await;
    bench.connect("dev1").await.vanish().await;
    sleep(Duration::from_secs(2)).await;
    let mut device = bench.dial();
    device.send(&Connect::of("dev1").packet()).await;
    device.expect(&[0x20, 2, 0, 5]).await;
    device.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_stopping_hub_ends_connections_let_in_and_not_yet_let_in() {
    let bench = Bench::new();
    let linked = bench.connect("dev1").await;
    let fresh = bench.dial();
    let started = Instant::now();
    bench.switch.signal();
    bench.hub.close_links();
    linked.expect_closed().await;
    fresh.expect_closed().await;
    let mut late = bench.dial();
    late.send(&Connect::of("dev1").packet()).await;
    let _ = late.read_to_end().await;
    assert_eq!(bench.disconnects()[0], "the hub is stopping");
    assert!(bench.switch.drained(Duration::from_secs(2)).await);
    assert!(started.elapsed() < Duration::from_secs(3));
}

/// A stream that notes, whenever something is written, up to when the hub's clock could be moved at once.
struct Watched {
    io: DuplexStream,
    clock: VirtualClock,
    notes: Arc<Mutex<Vec<Option<Duration>>>>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let first = self.clock.first_waited_for();
        let since_start = first.map(hub_proto::time::Instant::since_start);
        self.notes.lock().unwrap().push(since_start);
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// Whoever has read the CONNACK may move the clock. When it was written before the connection waited
/// for its deadline, the clock could pass that by, and the connection ended late or not in its turn.
#[tokio::test]
async fn who_reads_that_it_is_let_in_cannot_move_the_clock_past_the_keep_alive() {
    // CLK-2
    for connects_at_once in [true, false] {
        let clock = VirtualClock::start();
        let bench = Bench::by_hand(&clock);
        let (mut device, io) = duplex(1024);
        let notes = Arc::new(Mutex::new(Vec::new()));
        let watched = Watched {
            io,
            clock,
            notes: Arc::clone(&notes),
        };
        let connect = Connect {
            keep_alive_s: 10,
            ..Connect::of("dev1")
        };
        let serving = crate::mqtt::serve(watched, bench.arrival());
        if connects_at_once {
            device.write_all(&connect.packet()).await.unwrap();
            tokio::spawn(serving);
        } else {
            tokio::spawn(serving);
            tokio::task::yield_now().await;
            device.write_all(&connect.packet()).await.unwrap();
        }
        let mut connack = [0; CONNACK.len()];
        device.read_exact(&mut connack).await.unwrap();
        assert_eq!(connack, CONNACK);
        let notes = notes.lock().unwrap();
        assert_eq!(notes[..], [Some(Duration::from_secs(15))]);
    }
}
