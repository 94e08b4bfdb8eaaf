//! A hub whose time is moved by hand, on real sockets: hours pass in the hub while the machine's clock
//! goes on by milliseconds.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::net::Ipv4Addr;
use std::time::Duration;

use emulator::config::{ClockMode, Ports};
use emulator::{Config, Emulator, HubHandle, RunningEmulator};
use hub_core::HubError;
use hub_core::c2d::C2dMessage;
use hub_core::event::{C2dOutcome, EventKind};
use hub_core::link::LinkClose;
use hub_core::method::{InvokeMethod, Timeouts};
use hub_core::registry::{Authentication, DeviceSpec, SymmetricKeys};
use hub_proto::ids::{DeviceId, MethodName};
use hub_proto::property_bag::PropertyBag;
use hub_proto::sas::{SasKey, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HOUR: Duration = Duration::from_hours(1);

async fn start(dir: &tempfile::TempDir) -> RunningEmulator {
    let config = Config {
        ports: Ports::ANY,
        clock: ClockMode::Virtual,
        ..Config::new(dir.path())
    };
    let emulator = Emulator::start(config).await.unwrap();
    emulator.hub().create_device(spec()).unwrap();
    emulator
}

fn key() -> SasKey {
    SasKey::from_bytes(b"a device's key for these tests..")
}

fn id() -> DeviceId {
    DeviceId::parse("d").unwrap()
}

fn spec() -> DeviceSpec {
    DeviceSpec::enabled(
        id(),
        Authentication::Sas(SymmetricKeys {
            primary: key(),
            secondary: key(),
        }),
    )
}

/// A connected device that only listens; its token runs out after `token_life`.
async fn connect(emulator: &RunningEmulator, keep_alive_s: u16, token_life: Duration) -> TcpStream {
    let end = emulator.hub().now().wall.saturating_add(token_life);
    let token = sign("localhost/devices/d", &key(), end.unix_seconds(), None);
    let text = |text: &str| {
        let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes
    };
    // MQTT-3.1.1, section 3.1: clean session, user name, password.
    let mut rest = [&text("MQTT")[..], &[4, 0b1100_0010]].concat();
    rest.extend(keep_alive_s.to_be_bytes());
    for field in ["d", "localhost/d/?api-version=2021-04-12", &token] {
        rest.extend(text(field));
    }
    assert!((128..16_384).contains(&rest.len()));
    let low = u8::try_from(rest.len() % 128).unwrap() | 0x80;
    let high = u8::try_from(rest.len() / 128).unwrap();
    let port = emulator.ports().mqtt.unwrap();
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    socket
        .write_all(&[&[0x10, low, high], &rest[..]].concat())
        .await
        .unwrap();
    let mut answer = [0; 4];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0]);
    socket
}

/// The last fact, and when it was, in seconds since `start`.
fn last(hub: &HubHandle, start: i64) -> (EventKind, i64) {
    let log = hub.event_log();
    let event = log.read(log.newest() - 1, 1).events.remove(0).1;
    (event.kind.clone(), event.at.unix_seconds() - start)
}

#[tokio::test]
async fn keep_alive_and_tokens_run_out_when_the_clock_passes_them_and_not_before() {
    // CLK-1 CLK-2
    let dir = tempfile::tempdir().unwrap();
    let emulator = start(&dir).await;
    let (hub, clock) = (emulator.hub(), emulator.virtual_clock().unwrap());
    for (keep_alive_s, token_life, reason, after_s) in [
        (100, 10 * HOUR, LinkClose::KeepAlive, 150),
        // The cap of the keep-alive is longer than the token and its grace of ten minutes.
        (
            1_000,
            Duration::from_mins(1),
            LinkClose::CredentialExpired,
            660,
        ),
    ] {
        // A whole second, since tokens name their end in such.
        clock.set(whole_second(hub)).await.unwrap();
        let start = hub.now().wall.unix_seconds();
        let mut socket = connect(&emulator, keep_alive_s, token_life).await;
        clock.advance(Duration::from_secs(30)).await.unwrap();
        assert!(hub.device(&id()).unwrap().connected);
        clock.advance(HOUR).await.unwrap();
        let expected = (EventKind::Disconnected { reason }, after_s);
        assert_eq!(last(hub, start), expected);
        assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
    }
    emulator.stop().await;
}

fn whole_second(hub: &HubHandle) -> hub_proto::time::Timestamp {
    hub_proto::time::Timestamp::from_unix_seconds(hub.now().wall.unix_seconds() + 1)
}

#[tokio::test]
async fn a_method_call_and_a_message_end_at_their_time_and_the_call_is_answered() {
    // CLK-1 CLK-2
    let dir = tempfile::tempdir().unwrap();
    let emulator = start(&dir).await;
    let (hub, clock) = (emulator.hub().clone(), emulator.virtual_clock().unwrap());
    clock.set(whole_second(&hub)).await.unwrap();
    let start = hub.now().wall.unix_seconds();
    let message = C2dMessage {
        properties: PropertyBag::default(),
        payload: Vec::new(),
        expires: Some(hub.now().wall.saturating_add(HOUR)),
    };
    hub.send_to_device(&id(), message).unwrap();
    let invoke = InvokeMethod {
        client: id().into(),
        name: MethodName::parse("reboot").unwrap(),
        payload: b"null".to_vec(),
        timeouts: Timeouts::checked(Some(300), Some(300)).unwrap(),
    };
    let call = tokio::spawn({
        let hub = hub.clone();
        async move { hub.invoke_method(invoke).await }
    });
    while hub.event_log().newest() < 3 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(299)).await.unwrap();
    assert!(!call.is_finished());
    clock.advance(Duration::from_secs(1)).await.unwrap();
    assert!(matches!(
        last(&hub, start),
        (EventKind::MethodFailed { .. }, 300)
    ));
    assert_eq!(call.await.unwrap(), Err(HubError::DeviceNotOnline));
    clock.advance(HOUR).await.unwrap();
    let expired = EventKind::C2dSettled {
        sequence: 1,
        outcome: C2dOutcome::Expired,
    };
    assert_eq!(last(&hub, start), (expired, 3600));
    emulator.stop().await;
}
