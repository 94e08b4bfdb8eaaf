//! An event of the log as one line of JSON. `docs/ADMIN.md` documents every type.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hub_core::configuration::{ConfigurationId, ConfigurationStatus};
use hub_core::event::{DeviceJobEnd, Event, EventKind};
use hub_core::method::CallId;
use hub_proto::ids::ClientIdentity;
use hub_proto::property_bag::PropertyBag;
use hub_proto::topic::Subscription;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Appends an event and a line break.
pub(super) fn write_event(out: &mut Vec<u8>, seq: u64, event: &Event) {
    write_line(out, &Line { seq, event });
}

/// Appends the notice that events are missing here: they fell out of the log before they were read.
pub(super) fn write_gap(out: &mut Vec<u8>, missed: u64, next: u64) {
    write_line(
        out,
        &Gap {
            kind: "gap",
            missed,
            next,
        },
    );
}

fn write_line(out: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *out, line).expect("an event is always JSON");
    out.push(b'\n');
}

#[derive(Serialize)]
struct Gap {
    #[serde(rename = "type")]
    kind: &'static str,
    missed: u64,
    next: u64,
}

struct Line<'a> {
    seq: u64,
    event: &'a Event,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("seq", &self.seq)?;
        map.serialize_entry("at", &self.event.at.to_string())?;
        map.serialize_entry("device", self.event.client.device_id().as_str())?;
        if let Some(module) = self.event.client.module_id() {
            map.serialize_entry("module", module.as_str())?;
        }
        map.serialize_entry("type", type_name(&self.event.kind))?;
        write_details(&mut map, self.event)?;
        map.end()
    }
}

/// Every type there is.
pub(super) const TYPES: [&str; 27] = [
    "deviceCreated",
    "deviceUpdated",
    "deviceDeleted",
    "moduleCreated",
    "moduleUpdated",
    "moduleDeleted",
    "connected",
    "connectRefused",
    "disconnected",
    "subscribed",
    "unsubscribed",
    "reported",
    "reportedRefused",
    "desired",
    "tags",
    "methodInvoked",
    "methodDelivered",
    "methodAnswered",
    "methodFailed",
    "methodAnswerIgnored",
    "configurationChanged",
    "configurationRefused",
    "telemetry",
    "c2dEnqueued",
    "c2dDelivered",
    "c2dSettled",
    "deviceJobEnded",
];

/// An event's line as a value.
pub(super) fn value(seq: u64, event: &Event) -> Value {
    let mut line = Vec::new();
    write_event(&mut line, seq, event);
    serde_json::from_slice(&line).expect("an event is always JSON")
}

pub(super) fn type_name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::DeviceCreated => "deviceCreated",
        EventKind::DeviceUpdated { .. } => "deviceUpdated",
        EventKind::DeviceDeleted => "deviceDeleted",
        EventKind::ModuleCreated => "moduleCreated",
        EventKind::ModuleUpdated => "moduleUpdated",
        EventKind::ModuleDeleted => "moduleDeleted",
        EventKind::Connected { .. } => "connected",
        EventKind::ConnectRefused { .. } => "connectRefused",
        EventKind::Disconnected { .. } => "disconnected",
        EventKind::Subscribed { .. } => "subscribed",
        EventKind::Unsubscribed { .. } => "unsubscribed",
        EventKind::Reported { .. } => "reported",
        EventKind::ReportedRefused { .. } => "reportedRefused",
        EventKind::Desired { .. } => "desired",
        EventKind::Tags { .. } => "tags",
        EventKind::MethodInvoked { .. } => "methodInvoked",
        EventKind::MethodDelivered { .. } => "methodDelivered",
        EventKind::MethodAnswered { .. } => "methodAnswered",
        EventKind::MethodFailed { .. } => "methodFailed",
        EventKind::MethodAnswerIgnored { .. } => "methodAnswerIgnored",
        EventKind::ConfigurationChanged { .. } => "configurationChanged",
        EventKind::ConfigurationRefused { .. } => "configurationRefused",
        EventKind::Telemetry { .. } => "telemetry",
        EventKind::C2dEnqueued { .. } => "c2dEnqueued",
        EventKind::C2dDelivered { .. } => "c2dDelivered",
        EventKind::C2dSettled { .. } => "c2dSettled",
        EventKind::DeviceJobEnded { .. } => "deviceJobEnded",
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm for each kind of event, each a line or two"
)]
fn write_details<M: SerializeMap>(map: &mut M, event: &Event) -> Result<(), M::Error> {
    let client = &event.client;
    match &event.kind {
        EventKind::DeviceCreated
        | EventKind::DeviceDeleted
        | EventKind::ModuleCreated
        | EventKind::ModuleUpdated
        | EventKind::ModuleDeleted => Ok(()),
        EventKind::DeviceUpdated { enabled } => map.serialize_entry("enabled", enabled),
        EventKind::Connected {
            session_present,
            client_type,
        } => {
            map.serialize_entry("sessionPresent", session_present)?;
            map.serialize_entry("clientType", client_type)
        }
        EventKind::ConnectRefused { reason, message } => write_why(map, reason, message),
        EventKind::Disconnected { reason } => write_why(map, reason.name(), &reason.to_string()),
        EventKind::Subscribed { subscriptions } => write_filters(map, client, subscriptions),
        EventKind::Unsubscribed { subscription } => {
            write_filters(map, client, std::slice::from_ref(subscription))
        }
        EventKind::Reported { version, patch }
        | EventKind::Desired { version, patch }
        | EventKind::Tags { version, patch } => {
            map.serialize_entry("version", version)?;
            write_body(map, "patch", patch.as_bytes())
        }
        EventKind::ReportedRefused { status, message } => {
            map.serialize_entry("status", status)?;
            map.serialize_entry("message", message)
        }
        EventKind::MethodInvoked {
            call,
            name,
            payload,
        } => write_call(map, *call, ("name", name.as_str()), payload.as_bytes()),
        EventKind::MethodDelivered { call } => map.serialize_entry("call", &call.0),
        EventKind::MethodAnswered {
            call,
            status,
            payload,
        } => write_call(map, *call, ("status", status), payload),
        EventKind::MethodFailed { call, code } => {
            map.serialize_entry("call", &call.0)?;
            map.serialize_entry("code", code)
        }
        EventKind::MethodAnswerIgnored { rid } => map.serialize_entry("rid", rid),
        EventKind::ConfigurationChanged {
            configuration,
            status,
        } => {
            let status = status.map(ConfigurationStatus::name);
            write_of_configuration(map, configuration, "status", &status)
        }
        EventKind::ConfigurationRefused {
            configuration,
            message,
        } => write_of_configuration(map, configuration, "message", message),
        EventKind::Telemetry {
            properties,
            payload,
        } => {
            write_properties(map, &properties.read())?;
            write_body(map, "payload", payload)
        }
        EventKind::C2dEnqueued { sequence } => map.serialize_entry("sequence", sequence),
        EventKind::C2dDelivered {
            sequence,
            deliveries,
        } => {
            map.serialize_entry("sequence", sequence)?;
            map.serialize_entry("deliveries", deliveries)
        }
        EventKind::C2dSettled { sequence, outcome } => {
            map.serialize_entry("sequence", sequence)?;
            map.serialize_entry("outcome", outcome.name())
        }
        EventKind::DeviceJobEnded(end) => write_device_job(map, end),
    }
}

fn write_filters<M: SerializeMap>(
    map: &mut M,
    client: &ClientIdentity,
    subscriptions: &[Subscription],
) -> Result<(), M::Error> {
    let filters: Vec<String> = subscriptions
        .iter()
        .map(|subscription| subscription.filter(client))
        .collect();
    map.serialize_entry("filters", &filters)
}

fn write_device_job<M: SerializeMap>(map: &mut M, end: &DeviceJobEnd) -> Result<(), M::Error> {
    map.serialize_entry("job", end.job.as_str())?;
    map.serialize_entry("jobType", end.job_type.name())?;
    let status = end.error.map_or("completed", |_| "failed");
    map.serialize_entry("status", status)?;
    map.serialize_entry("code", &end.error)
}

fn write_of_configuration<M: SerializeMap>(
    map: &mut M,
    configuration: &ConfigurationId,
    name: &'static str,
    value: &impl Serialize,
) -> Result<(), M::Error> {
    map.serialize_entry("configuration", configuration.as_str())?;
    map.serialize_entry(name, value)
}

/// A call's request or answer: its number, what is said of it, and its body.
fn write_call<M: SerializeMap, V: Serialize>(
    map: &mut M,
    call: CallId,
    (name, value): (&str, V),
    payload: &[u8],
) -> Result<(), M::Error> {
    map.serialize_entry("call", &call.0)?;
    map.serialize_entry(name, &value)?;
    write_body(map, "payload", payload)
}

fn write_why<M: SerializeMap>(map: &mut M, reason: &str, message: &str) -> Result<(), M::Error> {
    map.serialize_entry("reason", reason)?;
    map.serialize_entry("message", message)
}

fn write_properties<M: SerializeMap>(map: &mut M, bag: &PropertyBag) -> Result<(), M::Error> {
    map.serialize_entry("systemProperties", &Pairs(&bag.system))?;
    map.serialize_entry("properties", &Pairs(&bag.application))
}

/// A body as JSON under `name` if it is JSON, else as base64 under the name with `Base64` behind.
fn write_body<M: SerializeMap>(map: &mut M, name: &str, body: &[u8]) -> Result<(), M::Error> {
    match one_line_json(body) {
        Some(json) => map.serialize_entry(name, &json),
        None => map.serialize_entry(&format!("{name}Base64"), &BASE64_STANDARD.encode(body)),
    }
}

/// The same JSON text on one line. Strings cannot hold a raw line break, so every one there is stands
/// between tokens.
fn one_line_json(body: &[u8]) -> Option<Box<RawValue>> {
    let json: &RawValue = serde_json::from_slice(body).ok()?;
    if !json.get().contains(['\n', '\r']) {
        return Some(json.to_owned());
    }
    RawValue::from_string(json.get().replace(['\n', '\r'], " ")).ok()
}

/// Pairs as an object in their order; a key without a value has null.
struct Pairs<'a, V>(&'a [(String, V)]);

impl<V: Serialize> Serialize for Pairs<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use hub_core::jobs::{JobId, JobType};
    use hub_proto::ids::{DeviceId, MethodName};
    use hub_proto::raw_bag::RawBag;
    use hub_proto::time::Timestamp;

    use super::*;
    use hub_core::event::C2dOutcome;
    use hub_core::link::LinkClose;

    fn line(kind: EventKind) -> String {
        let client = DeviceId::parse("pump-1").unwrap().into();
        let event = Event {
            at: Timestamp::from_unix_seconds(1_795_341_600),
            client,
            kind,
        };
        let mut out = Vec::new();
        write_event(&mut out, 7, &event);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        text.trim_end().to_owned()
    }

    fn registry_link_and_twin_events() -> Vec<EventKind> {
        let version = 2;
        vec![
            EventKind::DeviceCreated,
            EventKind::DeviceUpdated { enabled: false },
            EventKind::DeviceDeleted,
            EventKind::Connected {
                session_present: true,
                client_type: Some("py".to_owned()),
            },
            EventKind::ConnectRefused {
                reason: "badSignature",
                message: "the token is not signed with a key of device pump-1".to_owned(),
            },
            EventKind::Disconnected {
                reason: LinkClose::KeepAlive,
            },
            EventKind::Subscribed {
                subscriptions: [Subscription::Methods].into(),
            },
            EventKind::Unsubscribed {
                subscription: Subscription::Methods,
            },
            EventKind::Reported {
                version,
                patch: r#"{"fw":1.0}"#.into(),
            },
            EventKind::ReportedRefused {
                status: 400,
                message: "too deep".to_owned(),
            },
            EventKind::Desired {
                version,
                patch: r#"{"fw":null}"#.into(),
            },
            EventKind::Tags {
                version,
                patch: r#"{"site":"a"}"#.into(),
            },
        ]
    }

    fn method_and_message_events() -> Vec<EventKind> {
        let call = CallId(3);
        let name = MethodName::parse("reboot").unwrap();
        let properties = RawBag::new("%24.ct=application%2Fjson&alert=a%26b&flag");
        let (status, sequence) = (200, 1);
        vec![
            EventKind::MethodInvoked {
                call,
                name,
                payload: "null".into(),
            },
            EventKind::MethodDelivered { call },
            EventKind::MethodAnswered {
                call,
                status,
                payload: br#""started""#.to_vec(),
            },
            EventKind::MethodFailed {
                call,
                code: "GatewayTimeout",
            },
            EventKind::MethodAnswerIgnored {
                rid: "1f".to_owned(),
            },
            EventKind::ConfigurationChanged {
                configuration: ConfigurationId::parse("chiller").unwrap(),
                status: Some(ConfigurationStatus::Applied),
            },
            EventKind::ConfigurationRefused {
                configuration: ConfigurationId::parse("chiller").unwrap(),
                message: "too large".to_owned(),
            },
            EventKind::Telemetry {
                properties,
                payload: b"{\"t\": 21.50}".to_vec(),
            },
            EventKind::C2dEnqueued { sequence },
            EventKind::C2dDelivered {
                sequence,
                deliveries: 2,
            },
            EventKind::C2dSettled {
                sequence,
                outcome: C2dOutcome::Completed,
            },
            EventKind::DeviceJobEnded(DeviceJobEnd {
                job: JobId::parse("reboot-all").unwrap(),
                job_type: JobType::ScheduleDeviceMethod,
                error: Some("DeviceNotOnline"),
            }),
        ]
    }

    /// The lines that docs/ADMIN.md promises.
    #[test]
    fn every_type_of_event_has_its_documented_line() {
        let kinds = registry_link_and_twin_events()
            .into_iter()
            .chain(method_and_message_events());
        let mut lines: Vec<String> = kinds.map(line).collect();
        let mut gap = Vec::new();
        write_gap(&mut gap, 12, 13);
        lines.push(String::from_utf8(gap).unwrap().trim_end().to_owned());
        let documented: Vec<&str> = include_str!("../../../docs/ADMIN.md")
            .lines()
            .filter(|line| line.starts_with("{\"seq\":7,") || line.starts_with("{\"type\":\"gap\""))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(lines, documented);
    }

    #[test]
    fn a_body_that_is_not_json_comes_in_base64() {
        let telemetry = |payload: &[u8]| {
            line(EventKind::Telemetry {
                properties: RawBag::default(),
                payload: payload.to_vec(),
            })
        };
        assert!(telemetry(b"21.5 C").ends_with(r#","payloadBase64":"MjEuNSBD"}"#));
        assert!(telemetry(b"").ends_with(r#","payloadBase64":""}"#));
        assert!(telemetry(b"\xff").ends_with(r#","payloadBase64":"/w=="}"#));
    }

    #[test]
    fn json_with_line_breaks_stays_on_one_line() {
        let kind = EventKind::Reported {
            version: 2,
            patch: "{\r\n  \"a\": \"x\\n\"\n}".into(),
        };
        assert!(line(kind).ends_with(r#""patch":{    "a": "x\n" }}"#));
    }
}
