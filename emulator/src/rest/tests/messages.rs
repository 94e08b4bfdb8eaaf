//! Messages for devices and what became of them, as services see it.

use std::time::Duration;

use hub_core::c2d::Settlement;
use hub_proto::ids::DeviceId;
use hub_proto::property_bag::PropertyBag;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::serve_connection;
use super::support::{Answer, TestHub};

const FEEDBACK: &str = "/messages/serviceBound/feedback";

fn device() -> DeviceId {
    DeviceId::parse("d").unwrap()
}

impl TestHub {
    async fn send_asking(&self, ack: &str, message_id: &str) -> Answer {
        let request = self
            .request("POST", "/devices/d/messages/deviceBound")
            .header("iothub-ack", ack)
            .header("iothub-messageid", message_id);
        self.call(request, "hello").await
    }

    /// The device takes the oldest message and says what becomes of it.
    fn settle(&self, settlement: Settlement) {
        let hub = &self.context.hub;
        let (token, _) = hub.receive_message(&device(), None).unwrap().unwrap();
        hub.settle_message(&device(), &token, settlement).unwrap();
    }

    /// Reads feedback and completes it: message ids and outcomes.
    async fn feedback(&self) -> Vec<(String, String)> {
        let answer = self.quick("GET", FEEDBACK, "").await;
        if answer.status == 204 {
            return Vec::new();
        }
        let token = answer.header("etag").unwrap().trim_matches('"').to_owned();
        let done = self
            .quick("DELETE", &format!("{FEEDBACK}/{token}"), "")
            .await;
        assert_eq!(done.status, 204, "{}", done.body);
        let text = |record: &Value, key: &str| record[key].as_str().unwrap().to_owned();
        let records = answer.json();
        let records = records.as_array().unwrap().iter();
        records
            .map(|record| {
                (
                    text(record, "originalMessageId"),
                    text(record, "statusCode"),
                )
            })
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn feedback_is_read_under_a_lock_and_completed_or_abandoned() {
    // C2D-8
    let hub = TestHub::start();
    hub.register("d").await;
    assert_eq!(hub.quick("GET", FEEDBACK, "").await.status, 204);
    assert_eq!(hub.send_asking("full", "m1").await.status, 204);
    hub.settle(Settlement::Complete);
    let first = hub.quick("GET", FEEDBACK, "").await;
    assert_eq!(
        first.header("content-type"),
        Some("application/vnd.microsoft.iothub.feedback.json")
    );
    let generation = hub.quick("GET", "/devices/d", "").await.json()["generationId"].clone();
    assert_eq!(
        first.json(),
        json!([{
            "originalMessageId": "m1",
            "description": "Success",
            "deviceGenerationId": generation,
            "deviceId": "d",
            "enqueuedTimeUtc": "2026-11-22T10:00:00.0000000Z",
            "statusCode": "Success"
        }])
    );
    assert_eq!(
        hub.quick("GET", FEEDBACK, "").await.status,
        204,
        "it is locked"
    );
    // Clients send the token with its quotes or without.
    let quoted = first.header("etag").unwrap();
    let abandon = format!("{FEEDBACK}/{}/abandon", quoted.replace('"', "%22"));
    assert_eq!(hub.quick("POST", &abandon, "").await.status, 204);
    let lost = hub.quick("POST", &abandon, "").await;
    assert_eq!(
        (lost.status.as_u16(), lost.code()),
        (412, "DeviceMessageLockLost")
    );
    assert_eq!(
        hub.feedback().await,
        [("m1".to_owned(), "Success".to_owned())]
    );
    assert_eq!(hub.quick("GET", FEEDBACK, "").await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn every_end_of_a_message_has_its_name_in_feedback() {
    // C2D-6, C2D-7
    let hub = TestHub::start();
    hub.register("d").await;
    for id in ["completed", "rejected", "exceeded", "purged", "expired"] {
        assert_eq!(hub.send_asking("full", id).await.status, 204);
        match id {
            "completed" => hub.settle(Settlement::Complete),
            "rejected" => hub.settle(Settlement::Reject),
            "exceeded" => (0..10).for_each(|_| hub.settle(Settlement::Abandon)),
            "purged" => drop(hub.quick("DELETE", "/devices/d/commands", "").await),
            _ => tokio::time::sleep(Duration::from_hours(1)).await,
        }
        tokio::time::sleep(Duration::from_secs(15)).await;
        let status = match id {
            "completed" => "Success",
            "rejected" => "Rejected",
            "exceeded" => "DeliveryCountExceeded",
            "purged" => "Purged",
            _ => "Expired",
        };
        assert_eq!(hub.feedback().await, [(id.to_owned(), status.to_owned())]);
    }
    let unknown = hub.send_asking("all", "m").await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.code()),
        (400, "ArgumentInvalid")
    );
}

#[tokio::test(start_paused = true)]
async fn names_of_properties_keep_their_case() {
    // C2D-9
    let hub = TestHub::start();
    hub.register("d").await;
    let (mut pipe, server) = tokio::io::duplex(64 * 1024);
    tokio::spawn(serve_connection(server, hub.context.clone()));
    let request = format!(
        "POST /devices/d/messages/deviceBound?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: {}\r\nContent-Length: 28\r\nIotHub-App-fanSpeed: 5\r\niothub-app-FANSPEED: 6 7\r\n\
         IOTHUB-APP-x_Y!#: a:b\r\niothub-messageid: M1\r\n\r\niothub-app-fanspeed: 1\r\n\r\n\r\n",
        hub.token("iothubowner")
    );
    pipe.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    pipe.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 204");
    let received = hub.context.hub.receive_message(&device(), None);
    let PropertyBag { application, .. } = received.unwrap().unwrap().1.properties;
    let application: Vec<_> = application
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref().unwrap()))
        .collect();
    assert_eq!(
        application,
        [("fanSpeed", "5"), ("FANSPEED", "6 7"), ("x_Y!#", "a:b")]
    );
}
