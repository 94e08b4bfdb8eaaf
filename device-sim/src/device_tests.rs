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
    device_running(Program::built_in("reboot").unwrap())
}

fn device_running(program: Arc<Program>) -> Device {
    let identity = Identity {
        host: "localhost".into(),
        device_id: "pump-1".into(),
        key: SasKey::from_bytes(&[7; 32]),
    };
    let settings = Settings {
        program,
        ..Settings::default()
    };
    Device::new(Arc::new(identity), Arc::new(settings), Place::default())
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
    let subscribe = String::from_utf8_lossy(&device.take_output()).into_owned();
    let filters = u8::try_from(subscribe.matches('#').count()).unwrap();
    let codes = [1, 1, 1, 1];
    device.handle_bytes(now, &[0x90, 2 + filters, 0, 1]);
    device.handle_bytes(now, &codes[..usize::from(filters)]);
}

fn call_reboot(device: &mut Device, now: Now) {
    let topic = b"$iothub/methods/POST/reboot/?$rid=1";
    let mut bytes = vec![0x30, u8::try_from(topic.len() + 6).unwrap(), 0, 35];
    bytes.extend_from_slice(topic);
    bytes.extend_from_slice(b"null");
    device.handle_bytes(now, &bytes);
}

/// The first request was for the twin.
const TWIN_CAME: &[u8] = b"\x30\x20\0\x1c$iothub/twin/res/200/?$rid=1{}";
/// The first report.
const REPORT_STORED: &[u8] = b"\x30\x29\x00\x27$iothub/twin/res/204/?$rid=2&$version=2";

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
    let subscribed = device.settings.program.uses();
    assert!(!subscribed.desired && !subscribed.messages);

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
                took
            },
            Fact::WentOffline
        ] if took == Duration::from_millis(10)
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
            Fact::Dialling,
            Fact::Connected { .. },
            Fact::Online { .. },
            Fact::Reporting { .. }
        ]
    ));
}

#[test]
fn a_lost_connection_is_dialled_again_later_and_later_up_to_ten_seconds() {
    let mut device = pump();
    let mut now = at(0);
    let mut waits = Vec::new();
    for _ in 0..9 {
        assert_eq!(commands(&mut device), [Command::Dial]);
        device.handle_lost(now, "refused");
        assert_eq!(commands(&mut device), []);
        let until = device.poll_deadline().unwrap();
        waits.push(until.saturating_since(now.mono).as_millis());
        now = Now { mono: until, ..now };
        device.handle_deadline(now);
    }
    // 100 ms + (2^x - 1) × 50 to 125 ms
    for (index, wait) in waits.iter().enumerate() {
        let times = 2_u128.pow(u32::try_from(index).unwrap() + 1) - 1;
        let (least, most) = (100 + times * 50, 100 + times * 125);
        assert!(
            (least.min(10_000)..=most.min(10_000)).contains(wait),
            "{waits:?}"
        );
    }
    assert_eq!(waits[8], 10_000);
}

#[test]
fn a_refused_connection_closes_its_socket_and_says_why() {
    let mut device = pump();
    commands(&mut device);
    device.handle_opened(at(0));
    device.handle_bytes(at(1), &[0x20, 2, 0, 5]);
    assert_eq!(commands(&mut device), [Command::Close]);
    let [Fact::Dialling, Fact::Lost { reason }] = &facts(&mut device)[..] else {
        panic!("two facts")
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

fn written(device: &mut Device) -> String {
    String::from_utf8_lossy(&device.take_output()).into_owned()
}

#[test]
fn a_report_that_the_hub_did_not_store_is_sent_again_after_a_lost_connection() {
    let mut device = pump();
    bring_online(&mut device, at(0));
    call_reboot(&mut device, at(10));
    assert!(written(&mut device).contains("rebooting"));
    device.handle_lost(at(20), "cut");
    assert_eq!(
        commands(&mut device),
        [],
        "it does not go before the hub knows"
    );
    let now = Now {
        mono: device.poll_deadline().unwrap(),
        ..at(20)
    };
    device.handle_deadline(now);
    bring_online(&mut device, now);
    let said = written(&mut device);
    assert!(said.contains("reported/?$rid=2"), "{said}");
    assert!(said.contains("\"status\":\"rebooting\""), "{said}");
}

#[test]
fn a_device_that_vanishes_drops_its_socket_without_goodbye() {
    let flaky = Program::built_in("flaky").unwrap();
    let always = [("vanish".to_owned(), 100.into())];
    let mut device = device_running(flaky.with(&always).unwrap());
    bring_online(&mut device, at(0));
    call_reboot(&mut device, at(10));
    assert_eq!(commands(&mut device), [Command::Drop]);
    assert!(device.take_output().is_empty(), "no DISCONNECT");
    assert!(device.poll_deadline().is_some(), "it comes back");
}

#[test]
fn of_a_renewed_connection_the_behaviour_hears_nothing() {
    let text = "states:\n  only:\n    - on-connect: {patch: {up: true}}";
    let mut device = device_running(Arc::new(Program::parse(text, "up").unwrap()));
    bring_online(&mut device, at(0));
    assert!(written(&mut device).contains("\"up\":true"));
    device.handle_bytes(at(1), TWIN_CAME);
    device.handle_bytes(at(1), REPORT_STORED);
    let renewal = Now {
        mono: at(0).mono + Duration::from_mins(51),
        ..at(0)
    };
    device.handle_deadline(renewal);
    assert_eq!(device.poll_command(), Some(Command::Close));
    assert!(written(&mut device).ends_with('\u{0}'), "DISCONNECT");
    bring_online(&mut device, renewal);
    assert_eq!(
        written(&mut device),
        "",
        "no second report, no second look at the twin"
    );
}

#[test]
fn an_idle_device_is_small_and_holds_nothing_for_what_it_might_do() {
    let fixed = size_of::<Device>();
    assert!(fixed <= 200, "{fixed} bytes");
    let mut device = pump();
    bring_online(&mut device, at(0));
    device.handle_bytes(at(5), TWIN_CAME);
    assert_eq!(facts(&mut device).len(), 4);
    device.take_output();
    let is_idle = device.open.get().is_none() && device.outbox.get().is_none();
    assert!(is_idle, "{device:?}");
    let is_idle = matches!(&device.link, Link::Open { session, .. } if session.is_idle());
    assert!(is_idle, "{device:?}");
    assert!(device.behaviour.is_idle(), "{device:?}");
}
