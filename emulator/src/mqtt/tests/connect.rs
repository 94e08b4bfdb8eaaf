//! Who is let in, and what those are told who are not.

use hub_core::event::EventKind;
use hub_core::registry::DeviceSpec;
use hub_core::registry::{IfMatch, Status};
use hub_proto::sas::{self, SasKey};

use super::support::{
    Bench, CONNACK, Connect, DISCONNECT, EXPIRY, HOST, KEY, PINGREQ, device_id, spec, telemetry,
};
use crate::config::Policies;

#[tokio::test(start_paused = true)]
async fn a_device_with_a_good_token_is_let_in() {
    let bench = Bench::new();
    let mut device = bench.connect("dev1").await;
    assert!(bench.hub.device(&device_id("dev1")).unwrap().connected);
    device.send(DISCONNECT).await;
    device.expect_closed().await;
    assert!(!bench.hub.device(&device_id("dev1")).unwrap().connected);
    assert_eq!(bench.disconnects(), ["the device sent DISCONNECT"]);
}

/// A good CONNECT of `dev1`, but for one thing.
fn but(change: impl FnOnce(&mut Connect)) -> Connect {
    let mut connect = Connect::of("dev1");
    change(&mut connect);
    connect
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_a_connect_gets_its_code_and_a_closed_connection() {
    // CON-1, CON-2, CON-11
    let bench = Bench::new();
    bench.register("dev2");
    let disabled = DeviceSpec {
        status: Status::Disabled,
        ..spec("off")
    };
    bench.hub.create_device(disabled).unwrap();
    let key = SasKey::from_base64(KEY).unwrap();
    let other_key = SasKey::from_bytes(b"another key of thirty-two bytes!");
    let sign = |audience: &str, key, expiry| Some(sas::sign(audience, key, expiry, None));
    let dev1 = format!("{HOST}/devices/dev1");
    let foreign = "example.com/devices/dev1";
    let is_old = EXPIRY - 3600 - 301;
    let module = |connect: &mut Connect| {
        connect.client_id = "dev1/mod1".into();
        connect.user_name = format!("{HOST}/dev1/mod1/?api-version=2021-04-12");
    };
    let nameless = |clean_session| {
        but(|connect| {
            connect.client_id = String::new();
            connect.clean_session = clean_session;
        })
    };
    let cases: Vec<(&str, u8, Connect)> = vec![
        ("MQTT 3.1", 1, but(|c| c.level = 3)),
        ("no password", 5, but(|c| c.password = None)),
        ("no token", 5, but(|c| c.password = Some("secret".into()))),
        (
            "another key",
            5,
            but(|c| c.password = sign(&dev1, &other_key, EXPIRY)),
        ),
        (
            "another device",
            5,
            but(|c| c.password = Connect::of("dev2").password),
        ),
        (
            "another hub's token",
            5,
            but(|c| c.password = sign(foreign, &key, EXPIRY)),
        ),
        (
            "an old token",
            5,
            but(|c| c.password = sign(&dev1, &key, is_old)),
        ),
        (
            "another hub",
            5,
            but(|c| c.user_name = "example.com/dev1/".into()),
        ),
        ("another client id", 5, but(|c| c.client_id = "dev2".into())),
        ("no client id to keep a session for", 2, nameless(false)),
        ("no client id", 5, nameless(true)),
        ("a module that is not registered", 5, but(module)),
        ("unknown device", 5, Connect::of("nobody")),
        ("disabled device", 3, Connect::of("off")),
    ];
    for (fault, code, connect) in cases {
        let mut device = bench.dial();
        // A client that does not wait for the answer must get it all the same.
        let pipelined = [connect.packet(), PINGREQ.to_vec()].concat();
        device.send(&pipelined).await;
        let answer = device.read_to_end().await;
        assert_eq!(answer, [0x20, 2, 0, code], "{fault}");
    }
    assert!(bench.disconnects().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_connect_of_a_registered_device_is_in_the_event_log_with_its_reason() {
    // LOG-1, CON-2
    let bench = Bench::new();
    let key = SasKey::from_bytes(b"another key of thirty-two bytes!");
    let dev1 = format!("{HOST}/devices/dev1");
    let foreign_key = sas::sign(&dev1, &key, EXPIRY, None);
    let old = sas::sign(&dev1, &key, 1, None);
    let cases = [
        ("noToken", but(|c| c.password = None)),
        ("badToken", but(|c| c.password = Some("secret".into()))),
        ("badSignature", but(|c| c.password = Some(foreign_key))),
        ("expired", but(|c| c.password = Some(old))),
        (
            "foreignHost",
            but(|c| c.user_name = "example.com/dev1/".into()),
        ),
    ];
    let mut expected = Vec::new();
    for (reason, connect) in cases {
        let mut device = bench.dial();
        device.send(&connect.packet()).await;
        device.read_to_end().await;
        expected.push(reason);
    }
    let mut stranger = bench.dial();
    stranger.send(&Connect::of("nobody").packet()).await;
    stranger.read_to_end().await;
    let mut told = Vec::new();
    for event in bench.events() {
        if let EventKind::ConnectRefused { reason, message } = &event.kind {
            assert_eq!(event.client, device_id("dev1").into());
            // What is not built is named: a device with a certificate sends no password.
            assert_eq!(message.contains("X.509"), *reason == "noToken", "{message}");
            told.push(*reason);
        }
    }
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_policy_opens_a_device_if_the_policy_permits_it() {
    let bench = Bench::new();
    let policies = Policies::well_known();
    for (name, code) in [
        ("device", 0),
        ("iothubowner", 0),
        ("service", 5),
        ("nobody", 5),
    ] {
        let key = policies
            .get(name)
            .map_or(SasKey::from_base64(KEY).unwrap(), |policy| {
                policy.secondary.clone()
            });
        let password = Some(sas::sign(HOST, &key, EXPIRY, Some(name)));
        let mut device = bench.dial();
        let connect = Connect {
            password,
            clean_session: true,
            ..Connect::of("dev1")
        };
        device.send(&connect.packet()).await;
        device.expect(&[0x20, 2, 0, code]).await;
        if code == 0 {
            device.send(DISCONNECT).await;
        }
        device.expect_closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_begin_with_connect_or_connects_twice_gets_no_answer() {
    // CON-3
    let bench = Bench::new();
    for first in [
        PINGREQ.to_vec(),
        telemetry("dev1", Some(1), "x"),
        b"GET / HTTP/1.1".to_vec(),
    ] {
        let mut device = bench.dial();
        device.send(&first).await;
        device.expect_closed().await;
    }
    let mut device = bench.connect("dev1").await;
    device.send(&Connect::of("dev1").packet()).await;
    device.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_will_must_be_for_the_devices_own_telemetry() {
    let bench = Bench::new();
    for (topic, qos) in [
        ("devices/dev2/messages/events/", 1),
        ("$iothub/twin/GET/?$rid=1", 1),
        ("anything", 0),
        ("devices/dev1/messages/events/", 2),
    ] {
        let mut device = bench.dial();
        let will = Some((topic.to_owned(), "bye".to_owned(), qos));
        device
            .send(
                &Connect {
                    will,
                    ..Connect::of("dev1")
                }
                .packet(),
            )
            .await;
        device.expect_closed().await;
    }
    for event in &bench.events()[1..] {
        let EventKind::ConnectRefused { reason, .. } = event.kind else {
            panic!("{event:?}");
        };
        assert_eq!(reason, "will");
    }
}

#[tokio::test(start_paused = true)]
async fn a_will_is_published_when_the_device_vanishes_and_void_after_goodbye() {
    let bench = Bench::new();
    let topic = "devices/dev1/messages/events/a=b".to_owned();
    let will = Some((topic, "gone".to_owned(), 1));
    let packet = Connect {
        will,
        clean_session: true,
        ..Connect::of("dev1")
    }
    .packet();

    let mut polite = bench.dial();
    polite.send(&packet).await;
    polite.expect(CONNACK).await;
    polite.send(DISCONNECT).await;
    polite.expect_closed().await;
    assert!(bench.telemetry().is_empty());

    let mut rude = bench.dial();
    rude.send(&packet).await;
    rude.expect(CONNACK).await;
    rude.vanish().await;
    assert_eq!(bench.telemetry(), ["gone"]);
    assert_eq!(bench.disconnects()[1], "the connection was lost");
}

#[tokio::test(start_paused = true)]
async fn disabling_or_deleting_a_device_closes_its_connection() {
    let bench = Bench::new();
    let device = bench.connect("dev1").await;
    let disabled = DeviceSpec {
        status: Status::Disabled,
        ..spec("dev1")
    };
    bench.hub.update_device(disabled, &IfMatch::Any).unwrap();
    device.expect_closed().await;

    bench.register("dev2");
    let device = bench.connect("dev2").await;
    bench
        .hub
        .delete_device(&device_id("dev2"), &IfMatch::Any)
        .unwrap();
    device.expect_closed().await;
    assert_eq!(
        bench.disconnects(),
        ["the device was disabled", "the device was deleted"]
    );
}
