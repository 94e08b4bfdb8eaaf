//! The demo's lines: what each party does, and how it goes over the wire.

use device_sim::device::Fact;

use super::DEVICE;
use crate::output::{Lane, Narrative};

/// Tells what the device does, or what the hub answers it.
pub(super) fn fact(story: &mut Narrative, fact: &Fact) {
    let (what, detail) = match fact {
        Fact::Connected {
            session_present, ..
        } => (
            "connects over MQTT and TLS",
            format!(
                "CONNECT → CONNACK 0, {}",
                if *session_present {
                    "its session is remembered"
                } else {
                    "a new session"
                }
            ),
        ),
        Fact::Online { .. } => (
            "listens for methods",
            "SUBSCRIBE $iothub/methods/POST/#  → SUBACK".to_owned(),
        ),
        Fact::MethodCalled { name } => (
            "hears the call",
            format!("PUBLISH $iothub/methods/POST/{name}/?$rid=…  from the hub"),
        ),
        Fact::Answered {
            status, payload, ..
        } => (
            "answers",
            format!("PUBLISH $iothub/methods/res/{status}/?$rid=…  {payload}"),
        ),
        Fact::Reporting { patch } => (
            "reports in its twin",
            format!("PUBLISH $iothub/twin/PATCH/properties/reported/?$rid=…  {patch}"),
        ),
        Fact::Reported { version, .. } => {
            let version = version.map_or_else(String::new, |version| version.to_string());
            return story.step(
                Lane::Hub,
                "has stored the report",
                &format!("$iothub/twin/res/204/?$rid=…&$version={version}"),
            );
        }
        Fact::WentOffline => ("reboots: its connection is gone", "DISCONNECT".to_owned()),
        Fact::Lost { reason } => ("lost its connection", reason.clone()),
        Fact::Stopped { reason } => ("stopped", reason.clone()),
        Fact::TwinRefused { status } => (
            "is refused by the hub",
            format!("$iothub/twin/res/{status}/?$rid=…"),
        ),
        // Not part of this story.
        Fact::Dialling
        | Fact::TwinGot { .. }
        | Fact::DesiredChanged { .. }
        | Fact::MessageReceived
        | Fact::Dropped { .. }
        | Fact::Sent
        | Fact::Acknowledged { .. } => return,
    };
    story.step(Lane::Device, what, &detail);
}

/// Tells what the back end reads.
pub(super) fn twin(story: &mut Narrative, status: &str, version: u64) {
    story.step(
        Lane::Service,
        &format!("reads in the twin: {status}"),
        &format!("GET /twins/{DEVICE} → 200, reported version {version}"),
    );
}
