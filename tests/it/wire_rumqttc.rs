//! An MQTT client that knows nothing of IoT Hub meets the hub: rumqttc on the plain port.

use std::time::Duration;

use hubnerite_tests::{DEADLINE, TestHub, soon, token};
use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, Publish, QoS};
use serde_json::{Value, json};
use tokio::time::timeout;

fn client(hub: &TestHub, device: &str, key: &str) -> (AsyncClient, EventLoop) {
    let host = hub.host();
    let port = hub.emulator().ports().mqtt.expect("the hub has plain MQTT");
    let mut options = MqttOptions::new(device, host.clone(), port);
    let password = token(&format!("{host}/devices/{device}"), key, soon(), None);
    options.set_credentials(format!("{host}/{device}/?api-version=2021-04-12"), password);
    options
        .set_clean_session(false)
        .set_keep_alive(Duration::from_mins(1));
    AsyncClient::new(options, 16)
}

/// Polls until `pick` takes a packet.
async fn incoming<T>(events: &mut EventLoop, pick: impl Fn(&Incoming) -> Option<T>) -> T {
    let search = async {
        loop {
            let event = events.poll().await.expect("the connection lives");
            if let Event::Incoming(packet) = &event
                && let Some(found) = pick(packet)
            {
                return found;
            }
        }
    };
    timeout(DEADLINE, search)
        .await
        .expect("the packet comes in time")
}

async fn publication(events: &mut EventLoop) -> Publish {
    incoming(events, |packet| match packet {
        Incoming::Publish(publish) => Some(publish.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn rumqttc_sends_receives_and_resumes() {
    let hub = TestHub::start().await;
    let rest = hub.rest();
    let key = rest.create_device("d").await;
    let (device, mut events) = client(&hub, "d", &key);
    let session = |packet: &Incoming| match packet {
        Incoming::ConnAck(ack) => Some(ack.session_present),
        _ => None,
    };
    assert!(!incoming(&mut events, session).await);

    for filter in ["$iothub/twin/res/#", "devices/d/messages/devicebound/#"] {
        device.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        incoming(&mut events, |packet| {
            matches!(packet, Incoming::SubAck(_)).then_some(())
        })
        .await;
    }
    device
        .publish("$iothub/twin/GET/?$rid=1", QoS::AtMostOnce, false, "")
        .await
        .unwrap();
    let twin = publication(&mut events).await;
    assert_eq!(twin.topic, "$iothub/twin/res/200/?$rid=1");
    let document: Value = serde_json::from_slice(&twin.payload).unwrap();
    assert_eq!(document["desired"], json!({ "$version": 1 }));

    device
        .publish(
            "devices/d/messages/events/a=1",
            QoS::AtLeastOnce,
            false,
            "hello",
        )
        .await
        .unwrap();
    incoming(&mut events, |packet| {
        matches!(packet, Incoming::PubAck(_)).then_some(())
    })
    .await;
    assert_eq!(hub.telemetry("d").await.1, b"hello");

    drop((device, events));
    rest.send_to_device("d", &[], "while away").await;
    let (device, mut events) = client(&hub, "d", &key);
    assert!(
        incoming(&mut events, session).await,
        "the session is resumed"
    );
    let message = publication(&mut events).await;
    assert_eq!(
        (message.qos, &message.payload[..]),
        (QoS::AtLeastOnce, &b"while away"[..])
    );
    device.disconnect().await.unwrap();
}
