//! Judged by bytes written out by hand from MQTT 3.1.1 and the hub's topic grammar.

use super::*;

fn at(seconds: u64) -> Instant {
    Instant::from_start(Duration::from_secs(seconds))
}

fn opened() -> Session {
    let login = Login {
        host: "localhost",
        device_id: "pump-1",
        token: "SharedAccessSignature sr=x",
        keep_alive_s: 60,
        uses: Uses {
            methods: true,
            twin: true,
            desired: true,
            messages: false,
        },
    };
    Session::open(login, at(0))
}

fn online() -> Session {
    let mut session = opened();
    session.receive(at(0), CONNACK).unwrap();
    session.receive(at(0), SUBACK).unwrap();
    session.take_output();
    while session.poll_event().is_some() {}
    session
}

fn publish(topic: &str, payload: &str) -> Vec<u8> {
    let length = u8::try_from(2 + topic.len() + payload.len()).unwrap();
    assert!(length < 128, "one length byte");
    let mut bytes = vec![0x30, length, 0, u8::try_from(topic.len()).unwrap()];
    bytes.extend_from_slice(topic.as_bytes());
    bytes.extend_from_slice(payload.as_bytes());
    bytes
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

const CONNACK: &[u8] = &[0x20, 2, 0, 0];
const SUBACK: &[u8] = &[0x90, 5, 0, 1, 1, 1, 1];

#[test]
fn the_connect_is_that_of_an_sdk() {
    let bytes = opened().take_output();
    assert_eq!(bytes[0], 0x10);
    // Level 4; user name and password, no will, no clean session; 60 s.
    assert_eq!(
        &bytes[3..13],
        [0, 4, b'M', b'Q', b'T', b'T', 4, 0xc0, 0, 60]
    );
    let text = String::from_utf8_lossy(&bytes[13..]);
    assert!(text.starts_with("\0\u{6}pump-1"), "{text:?}");
    assert!(
        text.contains("localhost/pump-1/?api-version=2021-04-12&DeviceClientType="),
        "{text}"
    );
    assert!(text.ends_with("SharedAccessSignature sr=x"), "{text:?}");
}

#[test]
fn a_good_connack_is_followed_by_one_subscribe_and_then_the_session_is_online() {
    let mut session = opened();
    session.take_output();
    session.receive(at(0), CONNACK).unwrap();
    let mut expected = vec![0x82, 90, 0, 1];
    for filter in [
        "$iothub/methods/POST/#",
        "$iothub/twin/res/#",
        "$iothub/twin/PATCH/properties/desired/#",
    ] {
        expected.extend_from_slice(&[0, u8::try_from(filter.len()).unwrap()]);
        expected.extend_from_slice(filter.as_bytes());
        expected.push(1);
    }
    expected[1] = u8::try_from(expected.len() - 2).unwrap();
    assert_eq!(session.take_output(), expected);
    assert!(!session.is_online());
    session.receive(at(0), SUBACK).unwrap();
    assert!(session.is_online());
    assert_eq!(
        events(&mut session),
        [
            Event::Connected {
                session_present: false
            },
            Event::Subscribed
        ]
    );
}

#[test]
fn a_method_call_cut_anywhere_is_heard_once_and_its_answer_carries_the_rid() {
    let bytes = publish("$iothub/methods/POST/reboot/?$rid=1f", "null");
    for cut in 0..bytes.len() {
        let mut session = online();
        session.receive(at(1), &bytes[..cut]).unwrap();
        session.receive(at(1), &bytes[cut..]).unwrap();
        assert_eq!(
            events(&mut session),
            [Event::Method {
                name: "reboot".into(),
                rid: "1f".into(),
                payload: b"null".to_vec()
            }]
        );
        session.respond("1f", 200, b"\"ok\"");
        assert_eq!(
            session.take_output(),
            publish("$iothub/methods/res/200/?$rid=1f", "\"ok\"")
        );
    }
}

#[test]
fn what_a_remembered_session_delivers_early_is_told_once_the_session_is_online() {
    let mut session = opened();
    session.receive(at(0), &[0x20, 2, 1, 0]).unwrap();
    session
        .receive(
            at(0),
            &publish("$iothub/methods/POST/reboot/?$rid=1", "null"),
        )
        .unwrap();
    assert_eq!(
        events(&mut session),
        [Event::Connected {
            session_present: true
        }]
    );
    session.receive(at(0), SUBACK).unwrap();
    assert!(
        matches!(
            events(&mut session)[..],
            [Event::Subscribed, Event::Method { .. }]
        ),
        "in this order"
    );
}

#[test]
fn a_message_at_qos_1_is_acknowledged() {
    let mut session = online();
    let mut bytes = publish("$iothub/methods/POST/a/?$rid=1", "");
    let topic_end = bytes.len();
    bytes.splice(topic_end..topic_end, [0x12, 0x34]);
    bytes[0] = 0x32;
    bytes[1] += 2;
    session.receive(at(1), &bytes).unwrap();
    assert_eq!(session.take_output(), [0x40, 2, 0x12, 0x34]);
    assert_eq!(events(&mut session).len(), 1);
}

#[test]
fn twin_answers_find_their_request_and_strangers_are_ignored() {
    let mut session = online();
    session.get_twin();
    session.report(r#"{"a":1}"#);
    let mut expected = publish("$iothub/twin/GET/?$rid=1", "");
    expected.extend(publish(
        "$iothub/twin/PATCH/properties/reported/?$rid=2",
        r#"{"a":1}"#,
    ));
    assert_eq!(session.take_output(), expected);

    let answers = [
        ("$iothub/twin/res/204/?$rid=2&$version=5", ""),
        ("$iothub/twin/res/204/?$rid=2&$version=5", ""), // a second answer to the same request
        ("$iothub/twin/res/200/?$rid=99", "{}"),
        ("$iothub/twin/res/429/?$rid=1", "{}"),
        (
            "$iothub/twin/PATCH/properties/desired/?$version=3",
            r#"{"b":2}"#,
        ),
    ];
    for (topic, payload) in answers {
        session.receive(at(1), &publish(topic, payload)).unwrap();
    }
    assert_eq!(
        events(&mut session),
        [
            Event::Reported {
                rid: 2,
                version: Some(5)
            },
            Event::TwinRefused {
                rid: 1,
                status: 429,
                body: "{}".into()
            },
            Event::Desired {
                version: 3,
                patch: r#"{"b":2}"#.into()
            },
        ]
    );
}

#[test]
fn a_refusal_ends_the_session_with_its_code() {
    let error = opened().receive(at(0), &[0x20, 2, 0, 5]).unwrap_err();
    assert_eq!(error, SessionError::Refused(ConnectCode::NotAuthorized));
    let mut session = opened();
    session.receive(at(0), CONNACK).unwrap();
    let error = session
        .receive(at(0), &[0x90, 5, 0, 1, 1, 0x80, 1])
        .unwrap_err();
    assert_eq!(error, SessionError::SubscriptionRefused);
}

#[test]
fn a_packet_out_of_turn_ends_the_session() {
    let mut session = opened();
    let error = session.receive(at(0), SUBACK).unwrap_err();
    assert_eq!(error, SessionError::Protocol("SUBACK out of turn".into()));
}

#[test]
fn a_quiet_line_is_pinged_and_a_dead_one_given_up() {
    let mut session = online();
    assert_eq!(session.poll_deadline(), at(30));
    session.handle_deadline(at(30)).unwrap();
    assert_eq!(session.take_output(), [0xc0, 0]);
    session.receive(at(31), &[0xd0, 0]).unwrap();
    assert_eq!(session.poll_deadline(), at(61));
    session.handle_deadline(at(61)).unwrap();
    let error = session
        .handle_deadline(session.poll_deadline())
        .unwrap_err();
    assert_eq!(error, SessionError::Silent(ANSWER_WITHIN));

    let mut silent = opened();
    assert!(
        silent.handle_deadline(silent.poll_deadline()).is_err(),
        "no CONNACK"
    );
}

fn opened_using(uses: Uses) -> Session {
    let login = Login {
        host: "localhost",
        device_id: "pump-1",
        token: "SharedAccessSignature sr=x",
        keep_alive_s: 60,
        uses,
    };
    let mut session = Session::open(login, at(0));
    session.take_output();
    session
}

#[test]
fn nothing_is_subscribed_to_but_what_is_used() {
    let mut session = opened_using(Uses::default());
    session.receive(at(0), CONNACK).unwrap();
    assert!(session.take_output().is_empty(), "no SUBSCRIBE at all");
    assert!(session.is_online());

    let mut session = opened_using(Uses {
        messages: true,
        ..Uses::default()
    });
    session.receive(at(0), CONNACK).unwrap();
    let mut expected = vec![0x82, 43, 0, 1, 0, 38];
    expected.extend_from_slice(b"devices/pump-1/messages/devicebound/#");
    expected.push(1);
    expected[1] = u8::try_from(expected.len() - 2).unwrap();
    expected[5] = 37;
    assert_eq!(session.take_output(), expected);
}

#[test]
fn telemetry_goes_out_at_qos_1_with_its_properties_and_is_acknowledged() {
    let mut session = online();
    let packet_id = PacketId::new(7).unwrap();
    let properties = [("level".to_owned(), "a b".to_owned())];
    session.send("pump-1", packet_id, &properties, b"hi", false);
    let topic = b"devices/pump-1/messages/events/level=a%20b";
    let mut expected = vec![0x32, 0, 0, u8::try_from(topic.len()).unwrap()];
    expected.extend_from_slice(topic);
    expected.extend_from_slice(&[0, 7]);
    expected.extend_from_slice(b"hi");
    expected[1] = u8::try_from(expected.len() - 2).unwrap();
    assert_eq!(session.take_output(), expected);
    session.receive(at(0), &[0x40, 2, 0, 7]).unwrap();
    assert_eq!(events(&mut session), [Event::Acknowledged { packet_id }]);
    // The same on the next connection says that it may be the second. [MQTT-4.4.0-1]
    session.send("pump-1", packet_id, &properties, b"hi", true);
    assert_eq!(session.take_output()[0], 0x3a);
}

#[test]
fn a_message_for_the_device_is_told_and_acknowledged() {
    let mut session = online();
    let mut bytes = publish("devices/pump-1/messages/devicebound/a=b", "\0\u{9}on");
    bytes[0] = 0x32;
    session.receive(at(0), &bytes).unwrap();
    assert_eq!(session.take_output(), [0x40, 2, 0, 9]);
    assert_eq!(
        events(&mut session),
        [Event::Message {
            body: b"on".to_vec()
        }]
    );
}
