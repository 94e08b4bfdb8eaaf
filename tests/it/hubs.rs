//! Many hubs in one process: who names which, that they share nothing, and how they come and go.

use emulator::{HubHandle, HubHost};
use hubnerite_tests::wire::{Next, publish};
use hubnerite_tests::{Connect, Packet, TestHub, soon, token};
use serde_json::json;

/// A hub beside the default one.
fn create(hub: &TestHub, name: &str) -> HubHandle {
    let name = HubHost::parse(name).expect("tests choose good names");
    hub.emulator().create_hub(name).expect("the name is free")
}

// SEMANTICS HUB-1
#[tokio::test]
async fn devices_of_the_same_id_on_two_hubs_know_nothing_of_each_other() {
    let hub = TestHub::start().await;
    let mut devices = Vec::new();
    for name in ["orders", "billing"] {
        let handle = create(&hub, name);
        let host = handle.host_name().to_owned();
        let rest = hub.rest().at(&host);
        let key = rest.create_device("d").await;
        let mut wire = hub.dial().await;
        assert!(!wire.connect(&Connect::of(&host, "d", &key)).await);
        wire.send(&publish(
            0b010,
            "devices/d/messages/events/",
            1,
            name.as_bytes(),
        ))
        .await;
        rest.patch_twin("d", json!({ "tags": { "hub": name } }))
            .await;
        devices.push((name, handle, rest, wire, key));
    }
    for (name, handle, rest, wire, _) in &mut devices {
        assert_eq!(rest.twin("d").await["tags"]["hub"], *name);
        let answer = Packet {
            first: 0x40,
            body: vec![0, 1],
        };
        assert_eq!(wire.next().await, Next::Packet(answer), "{name}");
        assert_eq!(handle.device_count(), 1);
    }
    assert_eq!(hub.emulator().hub().device_count(), 0);
    // A key of one hub opens no other.
    let of_orders = &devices[0].4;
    let mut wire = hub.dial().await;
    wire.send(&Connect::of("billing.localhost", "d", of_orders).bytes())
        .await;
    refused(&mut wire).await;
    let mixed = Connect {
        password: Some(token("orders.localhost/devices/d", of_orders, soon(), None)),
        ..Connect::of("billing.localhost", "d", of_orders)
    };
    let mut wire = hub.dial().await;
    wire.send(&mixed.bytes()).await;
    refused(&mut wire).await;
}

async fn refused(wire: &mut hubnerite_tests::Wire) {
    let refusal = Packet {
        first: 0x20,
        body: vec![0, 5],
    };
    assert_eq!(wire.next().await, Next::Packet(refusal));
    wire.expect_end().await;
}

// SEMANTICS HUB-2, REST-9
#[tokio::test]
async fn a_hub_that_is_not_there_is_refused_with_its_remedy() {
    let hub = TestHub::start().await;
    let rest = hub.rest().at("orders.localhost");
    let answer = rest.send("GET", "/devices/d", &[], Vec::new()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.error_code.as_deref(), Some("IotHubNotFound"));
    assert!(answer.body.contains("--hub-name orders"), "{}", answer.body);

    let key = hub.rest().create_device("d").await;
    let mut wire = hub.dial().await;
    wire.send(&Connect::of("orders.localhost", "d", &key).bytes())
        .await;
    refused(&mut wire).await;
    hub.event("the refusal", |event| match &event.kind {
        hub_core::EventKind::ConnectRefused { reason, message } => {
            assert_eq!(*reason, "unknownHub");
            assert!(message.contains("--hub-name orders"), "{message}");
            Some(())
        }
        _ => None,
    })
    .await;
}

// SEMANTICS HUB-5
#[tokio::test]
async fn who_came_by_tls_to_one_hub_names_no_other() {
    let hub = TestHub::start().await;
    let mut devices = Vec::new();
    for name in ["orders", "billing"] {
        let host = create(&hub, name).host_name().to_owned();
        let key = hub.rest().at(&host).create_device("d").await;
        devices.push(Connect::of(&host, "d", &key));
    }
    // (the server's name in the handshake, whether the device of `billing` is let in)
    for (server_name, is_let_in) in [
        ("billing.localhost", true),
        ("orders.localhost", false),
        ("localhost", true),
    ] {
        let mut wire = hub.dial_tls(server_name).await;
        if is_let_in {
            wire.connect(&devices[1]).await;
        } else {
            wire.send(&devices[1].bytes()).await;
            refused(&mut wire).await;
        }
    }
}

// SEMANTICS HUB-4
#[tokio::test]
async fn a_removed_hub_closes_its_links_and_no_others() {
    let hub = TestHub::start().await;
    let orders = create(&hub, "orders");
    let mut wires = Vec::new();
    for host in [orders.host_name().to_owned(), hub.host()] {
        let key = hub.rest().at(&host).create_device("d").await;
        let mut wire = hub.dial().await;
        wire.connect(&Connect::of(&host, "d", &key)).await;
        wires.push(wire);
    }
    let name = HubHost::parse("orders").unwrap();
    assert!(hub.emulator().delete_hub(&name));
    wires[0].expect_end().await;
    wires[1].send(&[0xc0, 0]).await;
    let pong = Packet {
        first: 0xd0,
        body: Vec::new(),
    };
    assert_eq!(wires[1].next().await, Next::Packet(pong));
    let gone = hub.rest().at("orders.localhost");
    assert_eq!(
        gone.send("GET", "/devices/d", &[], Vec::new()).await.status,
        401
    );
}
