//! Who is let in, who is not, and what a session remembers: MQTT bytes on the plain port.

use hubnerite_tests::wire::{Next, publish};
use hubnerite_tests::{Connect, Packet, TestHub, long_ago, soon, token};
use serde_json::json;

const METHODS: &str = "$iothub/methods/POST/#";

/// Each of these is answered with its return code, and the connection ends.
async fn each_is_refused(hub: &TestHub, cases: &[(&str, Connect, u8)]) {
    for (what, connect, code) in cases {
        let mut wire = hub.dial().await;
        wire.send(&connect.bytes()).await;
        let refusal = Packet {
            first: 0x20,
            body: vec![0, *code],
        };
        assert_eq!(wire.next().await, Next::Packet(refusal), "{what}");
        wire.expect_end().await;
    }
}

// SEMANTICS CON-2
#[tokio::test]
async fn each_fault_of_a_login_has_its_return_code() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let host = hub.host();
    let good = Connect::of(&host, "d", &rest.create_device("d").await);
    let disabled = json!({ "deviceId": "off", "status": "disabled" });
    assert_eq!(rest.call("PUT", "/devices/off", disabled).await.status, 200);
    let disabled = Connect::of(&host, "off", &hub.primary_key("off"));

    let level_3 = Connect {
        protocol: "MQIsdp".into(),
        level: 3,
        ..good.clone()
    };
    let level_5 = Connect {
        level: 5,
        ..good.clone()
    };
    let nobody = Connect::of(&host, "nobody", &hub.primary_key("d"));
    let in_capitals = Connect::of(&host, "D", &hub.primary_key("d"));
    let two_names = Connect {
        client_id: "other".into(),
        ..good.clone()
    };
    let user = "elsewhere.example/d/?api-version=2021-04-12";
    let elsewhere = Connect {
        user: Some(user.into()),
        ..good.clone()
    };
    let no_user = Connect {
        user: None,
        password: None,
        ..good.clone()
    };
    each_is_refused(
        &hub,
        &[
            ("MQTT 3.1", level_3, 1),
            ("MQTT 5", level_5, 1),
            ("a disabled device", disabled, 3),
            ("a device that nobody registered", nobody, 5),
            ("a device in another case", in_capitals, 5),
            ("a client identifier that is not the user", two_names, 5),
            ("a host that is not this hub", elsewhere, 5),
            ("nobody at all", no_user, 5),
        ],
    )
    .await;
    // None of them has harmed the good device.
    assert!(!hub.dial().await.connect(&good).await);
}

// SEMANTICS AUTH-2, AUTH-3
#[tokio::test]
async fn each_fault_of_a_password_is_return_code_5() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let host = hub.host();
    let (key, other_key) = (
        rest.create_device("d").await,
        rest.create_device("other").await,
    );
    let good = Connect::of(&host, "d", &key);
    let with = |password: String| Connect {
        password: Some(password),
        ..good.clone()
    };
    let expired = with(token(&format!("{host}/devices/d"), &key, long_ago(), None));
    let for_other = with(token(
        &format!("{host}/devices/other"),
        &other_key,
        soon(),
        None,
    ));
    let other_host = with(token("elsewhere.example/devices/d", &key, soon(), None));
    let tampered = with(token(&format!("{host}/devices/d"), &key, soon(), None) + "0");
    each_is_refused(
        &hub,
        &[
            (
                "a key of another device",
                Connect::of(&host, "d", &other_key),
                5,
            ),
            ("an expired token", expired, 5),
            ("a token for another device", for_other, 5),
            ("a token for another hub", other_host, 5),
            ("a token with a later end than was signed", tampered, 5),
            ("no token", with("secret".into()), 5),
            ("an empty password", with(String::new()), 5),
            (
                "no password",
                Connect {
                    password: None,
                    ..good.clone()
                },
                5,
            ),
        ],
    )
    .await;
}

// SEMANTICS CON-6
#[tokio::test]
async fn a_session_is_resumed_with_its_subscriptions_unless_it_is_clean() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let key = rest.create_device("d").await;
    let lasting = Connect::of(&hub.host(), "d", &key);
    let clean = Connect {
        clean: true,
        ..lasting.clone()
    };

    let mut first = hub.dial().await;
    assert!(!first.connect(&lasting).await, "nothing to resume");
    assert_eq!(first.subscribe(METHODS, 0).await, 0);
    first.send(&[0xe0, 0]).await;
    first.expect_end().await;

    let mut second = hub.dial().await;
    assert!(second.connect(&lasting).await, "the session is still there");
    let call = tokio::spawn({
        let rest = rest.clone();
        async move { rest.invoke("d", "ring", json!(7)).await }
    });
    let (_, topic, _, payload) = second.publication().await;
    assert_eq!(payload, b"7");
    let rid = topic
        .strip_prefix("$iothub/methods/POST/ring/?$rid=")
        .expect(&topic);
    second
        .send(&publish(
            0,
            &format!("$iothub/methods/res/200/?$rid={rid}"),
            0,
            b"8",
        ))
        .await;
    assert_eq!(
        call.await.unwrap().json(),
        json!({ "status": 200, "payload": 8 })
    );

    let mut third = hub.dial().await;
    assert!(
        !third.connect(&clean).await,
        "a clean session resumes nothing"
    );
    let offline = rest.invoke("d", "ring", json!(null)).await;
    assert_eq!(
        (offline.status, offline.error_code.as_deref()),
        (404, Some("DeviceNotOnline"))
    );
    third.send(&[0xe0, 0]).await;
    third.expect_end().await;
    assert!(
        !hub.dial().await.connect(&lasting).await,
        "a clean session leaves nothing behind"
    );
}

// SEMANTICS CON-4, REG-5
#[tokio::test]
async fn the_newer_connection_of_a_device_wins_and_no_other_device_notices() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let (key, bystander_key) = (
        rest.create_device("d").await,
        rest.create_device("by").await,
    );
    let (mut older, mut newer, mut bystander) =
        (hub.dial().await, hub.dial().await, hub.dial().await);
    older.log_in("d", &key).await;
    bystander.log_in("by", &bystander_key).await;
    newer.log_in("d", &key).await;
    older.expect_end().await;
    newer.expect_quiet().await;
    bystander.expect_quiet().await;
    assert_eq!(rest.twin("d").await["connectionState"], "Connected");
}

// SEMANTICS CON-5
#[tokio::test]
async fn a_silent_device_is_dropped_after_one_and_a_half_times_its_keep_alive() {
    let hub = TestHub::start().await;
    let key = hub.rest().create_device("d").await;
    let mut wire = hub.dial().await;
    wire.connect(&Connect {
        keep_alive: 1,
        ..Connect::of(&hub.host(), "d", &key)
    })
    .await;
    wire.expect_quiet().await;
    wire.expect_end().await;
    let twin = hub.rest().twin("d").await;
    assert_eq!(twin["connectionState"], "Disconnected");
}

// SEMANTICS REG-4
#[tokio::test]
async fn a_device_that_is_disabled_or_deleted_loses_its_connection() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    for (device, verb, body) in [
        (
            "off",
            "PUT",
            json!({ "deviceId": "off", "status": "disabled" }),
        ),
        ("gone", "DELETE", json!(null)),
    ] {
        let key = rest.create_device(device).await;
        let mut wire = hub.dial().await;
        wire.log_in(device, &key).await;
        let any = [("if-match", "*"), ("content-type", "application/json")];
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into()
        };
        let answer = rest
            .send(verb, &format!("/devices/{device}"), &any, body)
            .await;
        assert!(answer.status < 300, "{answer:?}");
        wire.expect_end().await;
    }
}
