//! Shared access policies that change while clients come and go.

use emulator::hub::RotatedKey;
use hubnerite_tests::wire::Next;
use hubnerite_tests::{Connect, Packet, TestHub, soon, token};

// SEMANTICS AUTH-8
#[tokio::test]
async fn a_rotated_key_opens_nothing_more_and_its_links_live_until_they_are_closed() {
    let hub = TestHub::start().await;
    let key = hub.rest().create_device("d").await;
    let of_policy = |hub: &TestHub| {
        let policies = hub.emulator().hub().policies();
        let key = policies.get("device").unwrap().primary.expose().to_owned();
        let audience = format!("{}/devices/d", hub.host());
        Connect {
            password: Some(token(&audience, &key, soon(), Some("device"))),
            ..Connect::of(&hub.host(), "d", &key)
        }
    };
    let old = of_policy(&hub);
    let mut wire = hub.dial().await;
    wire.connect(&old).await;

    let handle = hub.emulator().hub();
    handle.rotate_policy("device", RotatedKey::Both).unwrap();
    wire.send(&[0xc0, 0]).await;
    let pong = Packet {
        first: 0xd0,
        body: Vec::new(),
    };
    assert_eq!(wire.next().await, Next::Packet(pong), "the link lives on");
    let mut late = hub.dial().await;
    late.send(&old.bytes()).await;
    let refusal = Packet {
        first: 0x20,
        body: vec![0, 5],
    };
    assert_eq!(late.next().await, Next::Packet(refusal));

    assert_eq!(handle.close_links_of_policy("device"), 1);
    wire.expect_end().await;
    hub.dial().await.connect(&of_policy(&hub)).await;
    // A link by the device's own key is not the policy's.
    let mut own = hub.dial().await;
    own.connect(&Connect::of(&hub.host(), "d", &key)).await;
    assert_eq!(handle.close_links_of_policy("device"), 0);
}

// SEMANTICS AUTH-8
#[tokio::test]
async fn a_back_end_by_a_rotated_or_removed_policy_is_refused_at_its_next_request() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    rest.create_device("d").await;
    let status = async || {
        let answer = rest.send("GET", "/devices/d", &[], Vec::new()).await;
        answer.status
    };
    let handle = hub.emulator().hub();
    handle
        .rotate_policy("iothubowner", RotatedKey::Secondary)
        .unwrap();
    assert_eq!(status().await, 200, "the primary key is as it was");
    handle
        .rotate_policy("iothubowner", RotatedKey::Primary)
        .unwrap();
    assert_eq!(status().await, 401);
}
