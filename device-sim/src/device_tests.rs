//! A device against a hub that consists of bytes written out by hand.

use hub_proto::time::Timestamp;

use super::*;

fn at(ms: u64) -> Now {
    let since = Duration::from_millis(ms);
    Now {
        mono: Instant::from_start(since),
        wall: Timestamp::from_unix(Duration::from_secs(1_795_000_000) + since),
    }
}

fn pump() -> Device {
    Device::new(
        Identity {
            host: "localhost".into(),
            device_id: "pump-1".into(),
            key: SasKey::from_bytes(&[7; 32]),
        },
        Settings::default(),
    )
}

fn commands(device: &mut Device) -> Vec<Command> {
    std::iter::from_fn(|| device.poll_command()).collect()
}

fn facts(device: &mut Device) -> Vec<Fact> {
    std::iter::from_fn(|| device.poll_fact()).collect()
}

fn bring_online(device: &mut Device, now: Now) {
    assert_eq!(commands(device), [Command::Dial]);
    device.handle_opened(now);
    device.handle_bytes(now, &[0x20, 2, 0, 0]);
    device.handle_bytes(now, &[0x90, 5, 0, 1, 1, 1, 1]);
    device.take_output();
}

fn call_reboot(device: &mut Device, now: Now) {
    let topic = b"$iothub/methods/POST/reboot/?$rid=1";
    let mut bytes = vec![0x30, u8::try_from(topic.len() + 6).unwrap(), 0, 35];
    bytes.extend_from_slice(topic);
    bytes.extend_from_slice(b"null");
    device.handle_bytes(now, &bytes);
}

const REPORT_STORED: &[u8] = b"\x30\x29\x00\x27$iothub/twin/res/204/?$rid=1&$version=2";

#[test]
fn a_reboot_closes_the_socket_dials_again_and_reports_booted() {
    let mut device = pump();
    bring_online(&mut device, at(0));
    facts(&mut device);
    call_reboot(&mut device, at(10));
    let said = String::from_utf8_lossy(&device.take_output()).into_owned();
    let answer = said
        .find("$iothub/methods/res/200/?$rid=1")
        .expect("the call is answered");
    let report = said
        .find("\"status\":\"rebooting\"")
        .expect("the reboot is announced");
    assert!(answer < report);

    device.handle_bytes(at(20), REPORT_STORED);
    assert_eq!(commands(&mut device), [Command::Close]);
    assert_eq!(device.take_output(), [0xe0, 0], "DISCONNECT");
    assert!(matches!(
        facts(&mut device)[..],
        [
            Fact::MethodCalled { .. },
            Fact::Answered { status: 200, .. },
            Fact::Reporting { .. },
            Fact::Reported {
                version: Some(2),
                ..
            },
            Fact::WentOffline
        ]
    ));

    let back = device.poll_deadline().expect("it comes back by itself");
    let now = Now {
        mono: back,
        ..at(2000)
    };
    device.handle_deadline(now);
    bring_online(&mut device, now);
    assert!(matches!(
        facts(&mut device)[..],
        [
            Fact::Connected { .. },
            Fact::Online { .. },
            Fact::Reporting { .. }
        ]
    ));
}

#[test]
fn a_lost_connection_is_dialled_again_later_and_later() {
    let mut device = pump();
    let mut now = at(0);
    let mut last = Duration::ZERO;
    for _ in 0..4 {
        assert_eq!(commands(&mut device), [Command::Dial]);
        device.handle_lost(now, "refused");
        assert_eq!(commands(&mut device), []);
        let until = device.poll_deadline().unwrap();
        let waited = until.saturating_since(now.mono);
        assert!(waited >= last, "{waited:?} after {last:?}");
        (last, now) = (waited, Now { mono: until, ..now });
        device.handle_deadline(now);
    }
    assert!(last >= Duration::from_secs(4), "{last:?}");
}

#[test]
fn a_refused_connection_closes_its_socket_and_says_why() {
    let mut device = pump();
    commands(&mut device);
    device.handle_opened(at(0));
    device.handle_bytes(at(1), &[0x20, 2, 0, 5]);
    assert_eq!(commands(&mut device), [Command::Close]);
    let [Fact::Lost { reason }] = &facts(&mut device)[..] else {
        panic!("one fact")
    };
    assert_eq!(reason, "the hub refused the connection: NotAuthorized");
}

#[test]
fn a_connection_is_renewed_before_its_token_runs_out() {
    let mut device = pump();
    bring_online(&mut device, at(0));
    // Answer each ping until the renewal is due.
    loop {
        let deadline = device.poll_deadline().unwrap();
        let now = Now {
            mono: deadline,
            ..at(0)
        };
        device.handle_deadline(now);
        if let [Command::Close, Command::Dial] = commands(&mut device)[..] {
            assert_eq!(deadline.since_start(), Duration::from_mins(51));
            return;
        }
        device.handle_bytes(now, &[0xd0, 0]);
    }
}
