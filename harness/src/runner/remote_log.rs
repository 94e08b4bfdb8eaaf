//! The event log of a Hubnerite elsewhere, read from its admin API from one number to the next: nothing
//! is missed and nothing comes twice, whatever becomes of a connection.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hub_proto::time::Timestamp;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::observe::{Names, Stretch};
use crate::admin_client::AdminClient;
use crate::judge::observed::{Observed, What};
use crate::target::HubName;

/// Reads on from where it is.
#[derive(Debug)]
pub(super) struct RemoteLog {
    admin: AdminClient,
    /// Which hub of the process it is.
    hub: HubName,
    /// The number of the last event read.
    read: u64,
    names: Names,
}

impl RemoteLog {
    /// From the newest event on.
    pub(super) async fn from_newest(admin: AdminClient, host: &str) -> Result<Self, String> {
        let mut log = Self {
            admin,
            hub: HubName::of(host),
            read: 0,
            names: Names::default(),
        };
        // There is something after `least`, and nothing after `most`.
        let (mut least, mut most) = (0, 1);
        while log.has_after(most).await? {
            (least, most) = (most, most.saturating_mul(2));
        }
        while most > least + 1 {
            let middle = least + (most - least) / 2;
            if log.has_after(middle).await? {
                least = middle;
            } else {
                most = middle;
            }
        }
        log.read = if log.has_after(least).await? {
            most
        } else {
            least
        };
        Ok(log)
    }

    async fn has_after(&self, number: u64) -> Result<bool, String> {
        let path = format!("/admin/events?after={number}&limit=1");
        let path = self.hub.path(&path);
        let answer = self.admin.bytes(&path).await;
        answer
            .map(|body| !body.is_empty())
            .map_err(|error| error.to_string())
    }

    /// What has been appended since the last call, and whether there may be more of it by now.
    pub(super) async fn read(&mut self, start: Timestamp) -> Result<(Stretch, bool), String> {
        let path = format!("/admin/events?after={}&limit={PAGE_EVENTS}", self.read);
        let path = self.hub.path(&path);
        let answer = self.admin.open(&path).await;
        let mut body = answer.map_err(|error| error.to_string())?.into_body();
        let mut stretch = Stretch::default();
        let (mut rest, mut count) = (Vec::new(), 0);
        loop {
            let frame = tokio::time::timeout(PATIENCE, body.frame()).await;
            let frame = frame.map_err(|_| "the event log does not go on".to_owned())?;
            let Some(frame) = frame else {
                return Ok((stretch, count == PAGE_EVENTS));
            };
            let frame = frame.map_err(|error| error.to_string())?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            rest.extend_from_slice(data);
            let mut begin = 0;
            while let Some(length) = rest[begin..].iter().position(|byte| *byte == b'\n') {
                self.line(&rest[begin..begin + length], start, &mut stretch)?;
                begin += length + 1;
                count += 1;
            }
            rest.drain(..begin);
            if rest.len() > LINE_BYTES_MAX {
                return Err("the hub tells an event of more than 16 MiB".to_owned());
            }
        }
    }

    fn line(&mut self, line: &[u8], start: Timestamp, stretch: &mut Stretch) -> Result<(), String> {
        let event: Value = serde_json::from_slice(line)
            .map_err(|error| format!("the hub tells an event that is no JSON: {error}"))?;
        if event["type"] == "gap" {
            stretch.missed += event["missed"].as_u64().unwrap_or(1);
            self.read = event["next"].as_u64().map_or(self.read, |next| next - 1);
            return Ok(());
        }
        let seq = event["seq"].as_u64().filter(|seq| *seq > self.read);
        let at = event["at"].as_str().and_then(instant);
        let (Some(seq), Some(at)) = (seq, at) else {
            return Err("the hub tells an event without number and time".to_owned());
        };
        self.read = seq;
        // What a module does is no deed of its device; of the hub itself no check speaks.
        let Some(device) = event["device"]
            .as_str()
            .filter(|_| event["module"].is_null())
        else {
            return Ok(());
        };
        let device = self.names.name(device);
        match event["type"].as_str() {
            Some("subscribed") => stretch.presence.push((Arc::clone(&device), true)),
            Some("disconnected") => stretch.presence.push((Arc::clone(&device), false)),
            _ => {}
        }
        stretch.events.push(Observed {
            seq,
            at: at.saturating_since(start),
            device,
            what: what(&event),
        });
        Ok(())
    }
}

/// A time as the admin API writes it.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let nanos = u64::try_from(at.unix_timestamp_nanos()).ok()?;
    Some(Timestamp::from_unix(Duration::from_nanos(nanos)))
}

/// As docs/ADMIN.md has it; what this does not know, no check speaks of.
fn what(event: &Value) -> What {
    let number = |key: &str| event[key].as_u64().unwrap_or_default();
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    match event["type"].as_str().unwrap_or_default() {
        "deviceCreated" => What::Created,
        "deviceUpdated" => What::Updated {
            enabled: event["enabled"] == true,
        },
        "deviceDeleted" => What::Deleted,
        "connected" => What::Connected {
            session_present: event["sessionPresent"] == true,
        },
        "disconnected" => What::Disconnected {
            reason: text("reason"),
        },
        "reported" => What::Reported {
            version: number("version"),
            patch: event["patch"].clone(),
        },
        "desired" => What::Desired {
            version: number("version"),
            patch: event["patch"].clone(),
        },
        "tags" => What::Tags {
            patch: event["patch"].clone(),
        },
        "methodInvoked" => What::MethodInvoked {
            call: number("call"),
            name: text("name"),
        },
        "methodDelivered" => What::MethodDelivered {
            call: number("call"),
        },
        "methodAnswered" => What::MethodAnswered {
            call: number("call"),
            status: event["status"]
                .as_i64()
                .and_then(|status| status.try_into().ok())
                .unwrap_or(0),
        },
        "methodFailed" => What::MethodFailed {
            call: number("call"),
            code: text("code"),
        },
        "methodAnswerIgnored" => What::MethodAnswerIgnored,
        "telemetry" => What::Telemetry { body: body(event) },
        "c2dEnqueued" => What::C2dEnqueued {
            sequence: number("sequence"),
        },
        "c2dDelivered" => What::C2dDelivered {
            sequence: number("sequence"),
            deliveries: u32::try_from(number("deliveries")).unwrap_or(u32::MAX),
        },
        "c2dSettled" => What::C2dSettled {
            sequence: number("sequence"),
            outcome: text("outcome"),
        },
        _ => What::Other,
    }
}

/// A body that is JSON has lost the spaces between its parts, no more; another one is in base64.
fn body(event: &Value) -> String {
    use base64::Engine;
    let Some(encoded) = event["payloadBase64"].as_str() else {
        return event["payload"].to_string();
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded);
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

const PAGE_EVENTS: usize = 4096;
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
