//! Cloud-to-device messages as a tester sends and sees them: with whatever properties, and with what
//! became of those that ended.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hub_core::HubError;
use hub_core::c2d::{Acknowledgement, C2dMessage};
use hub_proto::ids::DeviceId;
use hub_proto::property_bag::PropertyBag;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, JSON, Problem, json_document};
use super::call::Call;
use super::iso;
use super::route::{Handler, RequestBody, ResponseBody, Route};

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "messages",
        verb: Method::GET,
        path: "/admin/devices/{id}/messages",
        summary: "A device's queue of messages, and how many ended in which way",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: queue_schema,
        },
        handler: Handler::Now(show),
    },
    Route {
        name: "sendMessage",
        verb: Method::POST,
        path: "/admin/devices/{id}/messages",
        summary: "Queues a message for a device",
        parameters: &[],
        request: Some(RequestBody::json(message_schema)),
        response: ResponseBody {
            content_type: JSON,
            schema: sent_schema,
        },
        handler: Handler::Now(send),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct MessageBody {
    body: Option<String>,
    body_base64: Option<String>,
    #[serde(default)]
    properties: Map<String, Value>,
    message_id: Option<String>,
    correlation_id: Option<String>,
    user_id: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    ack: Option<String>,
    expiry: Option<String>,
}

fn send(call: &Call) -> Result<Answer, Problem> {
    let id = device(call)?;
    let message = call.json::<MessageBody>()?;
    let expires = message.expiry.as_deref().map(iso::timestamp).transpose()?;
    let sent = C2dMessage {
        payload: message.payload()?,
        properties: message.properties()?,
        expires,
    };
    let sequence = call.hub.send_to_device(&id, sent).map_err(refused)?;
    Ok(json_document(&json!({ "sequence": sequence })))
}

impl MessageBody {
    fn payload(&self) -> Result<Vec<u8>, Problem> {
        match (&self.body, &self.body_base64) {
            (Some(_), Some(_)) => Err(Problem::bad_request("body and bodyBase64 are one too many")
                .with_remedy("give text as body, or bytes as bodyBase64")),
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(text)) => BASE64_STANDARD.decode(text).map_err(|error| {
                Problem::bad_request(format!("bodyBase64 is not base64: {error}"))
            }),
            (None, None) => Ok(Vec::new()),
        }
    }

    fn properties(&self) -> Result<PropertyBag, Problem> {
        if let Some(ack) = &self.ack
            && Acknowledgement::parse(ack).is_none()
        {
            return Err(Problem::bad_request(format!("there is no ack {ack:?}"))
                .with_remedy("ack is none, positive, negative or full"));
        }
        let system = [
            ("$.mid", &self.message_id),
            ("$.cid", &self.correlation_id),
            ("$.uid", &self.user_id),
            ("$.ct", &self.content_type),
            ("$.ce", &self.content_encoding),
            ("iothub-ack", &self.ack),
        ];
        let system = system
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
        let application = self.properties.iter().map(|(key, value)| match value {
            Value::String(text) => Ok((key.clone(), Some(text.clone()))),
            _ => Err(Problem::bad_request(format!(
                "property {key:?} must be a string"
            ))),
        });
        Ok(PropertyBag {
            system: system.collect(),
            application: application.collect::<Result<_, _>>()?,
        })
    }
}

fn show(call: &Call) -> Result<Answer, Problem> {
    let queue = call.hub.message_queue(&device(call)?).map_err(refused)?;
    let message = |message: &hub_core::c2d::QueuedView| {
        json!({
            "sequence": message.sequence,
            "messageId": message.message_id,
            "state": if message.is_locked { "invisible" } else { "enqueued" },
            "deliveries": message.deliveries,
            "abandoned": message.abandoned,
            "enqueuedTime": message.enqueued.to_string(),
            "bytes": message.bytes,
        })
    };
    let ended = queue.ended;
    Ok(json_document(&json!({
        "messages": queue.messages.iter().map(message).collect::<Vec<_>>(),
        "completed": ended.completed,
        "purged": ended.purged,
        "deadLettered": {
            "expired": ended.expired,
            "deliveryCountExceeded": ended.delivery_count_exceeded,
            "rejected": ended.rejected,
        },
    })))
}

fn device(call: &Call) -> Result<DeviceId, Problem> {
    DeviceId::parse(call.value(0)).map_err(|error| Problem::bad_request(error.to_string()))
}

fn refused(error: HubError) -> Problem {
    let status = StatusCode::from_u16(error.code().http_status());
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    match error {
        HubError::DeviceNotFound(id) => Problem::new(status, format!("there is no device {id}"))
            .with_remedy("`hubnerite device list` shows those there are"),
        HubError::QueueFull(_) => Problem::new(status, error.to_string())
            .with_remedy("`hubnerite c2d purge` empties the queue"),
        error => Problem::new(status, error.to_string()),
    }
}

fn message_schema() -> Value {
    let text = |words: &str| json!({ "type": ["string", "null"], "description": words });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "body": text("text; or else bodyBase64"),
            "bodyBase64": text("bytes"),
            "properties": { "type": "object", "additionalProperties": { "type": "string" } },
            "messageId": text("named by feedback"),
            "correlationId": text(""),
            "userId": text(""),
            "contentType": text(""),
            "contentEncoding": text(""),
            "ack": { "enum": ["none", "positive", "negative", "full", null] },
            "expiry": text("a time to come, at most two days ahead; default: in an hour")
        }
    })
}

fn sent_schema() -> Value {
    json!({
        "type": "object",
        "required": ["sequence"],
        "properties": { "sequence": { "type": "integer", "description": "the message's number in the event log" } }
    })
}

fn queue_schema() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "required": ["messages", "completed", "purged", "deadLettered"],
        "properties": {
            "messages": { "type": "array", "items": { "type": "object" } },
            "completed": count,
            "purged": count,
            "deadLettered": {
                "type": "object",
                "properties": { "expired": count, "deliveryCountExceeded": count, "rejected": count }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{context, get, send};
    use crate::test_hub::TestHub;

    const PATH: &str = "/admin/devices/d/messages";

    #[tokio::test]
    async fn a_message_is_sent_with_its_properties_seen_and_counted_at_its_end() {
        // ADM-1, C2D-7
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        hub.create("d");
        let context = context(&hub, dir.path());
        let body = json!({
            "bodyBase64": "/w==", "messageId": "m1", "ack": "Full", "properties": {"fanSpeed": "5"}
        });
        let (status, answer) = send(&context, "POST", PATH, "localhost", &body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        let id = hub_proto::ids::DeviceId::parse("d").unwrap();
        let (token, message) = hub.context.hub.receive_message(&id, None).unwrap().unwrap();
        assert_eq!(message.payload, [0xff]);
        let fan_speed = ("fanSpeed".to_owned(), Some("5".to_owned()));
        assert_eq!(message.properties.application, [fan_speed]);
        let seen = async || {
            let (_, body) = get(&context, PATH, "localhost").await;
            serde_json::from_str::<Value>(&body).unwrap()
        };
        let waiting = seen().await;
        assert_eq!(waiting["messages"][0]["messageId"], "m1");
        assert_eq!(waiting["messages"][0]["state"], "invisible");
        let reject = hub_core::c2d::Settlement::Reject;
        hub.context.hub.settle_message(&id, &token, reject).unwrap();
        let ended = seen().await;
        assert_eq!(ended["messages"], json!([]));
        assert_eq!(
            ended["deadLettered"],
            json!({"expired": 0, "deliveryCountExceeded": 0, "rejected": 1})
        );
    }

    #[tokio::test]
    async fn a_message_that_cannot_be_sent_is_refused_with_its_remedy() {
        // ADM-1
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        hub.create("d");
        let context = context(&hub, dir.path());
        for (path, body, status) in [
            (PATH, r#"{"ack":"all"}"#, 400),
            (PATH, r#"{"body":"a","bodyBase64":"YQ=="}"#, 400),
            (PATH, r#"{"bodyBase64":"?"}"#, 400),
            (PATH, r#"{"properties":{"a":1}}"#, 400),
            (PATH, r#"{"expiry":"tomorrow"}"#, 400),
            (PATH, r#"{"expiry":"2020-01-01T00:00:00Z"}"#, 403),
            (PATH, r#"{"text":"a"}"#, 400),
            ("/admin/devices/nobody/messages", "{}", 404),
        ] {
            let (seen, answer) = send(&context, "POST", path, "localhost", body).await;
            assert_eq!(seen, status, "{body}: {answer}");
        }
    }
}
