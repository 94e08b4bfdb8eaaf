//! A hub without an event log, a real IoT Hub: twins looked at again and again, and facts made of how they
//! differ. What comes and goes between two looks is not seen, so that only checks are judged which that
//! cannot make pass.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::observe::Stretch;
use super::rest_service::RestService;
use crate::judge::observed::{Observed, What};
use crate::scenario::ScenarioError;
use crate::scenario::ast::{Check, Condition, Document, Rule, Scenario, Step, StepKind};

/// Looks at the twins of a run's devices.
#[derive(Debug)]
pub(super) struct Poller {
    service: RestService,
    devices: Vec<(Arc<str>, Known)>,
    start: Instant,
    looked_at: Option<Instant>,
    pause: Duration,
    seq: u64,
    /// The longest time between two looks.
    longest: Duration,
}

/// What a device was like at the last look. A device that was just made is like the default.
#[derive(Clone, Debug, Default)]
struct Known {
    is_connected: bool,
    is_disabled: bool,
    reported: Part,
    desired: Part,
    tags: Part,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Part {
    /// `None`: of an empty twin.
    version: Option<u64>,
    properties: Map<String, Value>,
}

impl Poller {
    /// From now on, of devices that were just made.
    pub(super) fn new(service: RestService, devices: impl Iterator<Item = Arc<str>>) -> Self {
        Self {
            service,
            devices: devices.map(|device| (device, Known::default())).collect(),
            start: Instant::now(),
            looked_at: None,
            pause: LOOK_EVERY,
            seq: 0,
            longest: Duration::ZERO,
        }
    }

    /// Comes back when it is time to look again.
    pub(super) async fn due(&self) {
        if let Some(looked_at) = self.looked_at {
            tokio::time::sleep_until(looked_at + self.pause).await;
        }
    }

    /// What has changed since the last look; nothing if that was just now.
    pub(super) async fn look(&mut self) -> Result<Stretch, String> {
        let since = self.looked_at.map(|looked_at| looked_at.elapsed());
        if since.is_some_and(|since| since < LOOK_LEAST.max(self.pause / 4)) {
            return Ok(Stretch::default());
        }
        let ids: Vec<Arc<str>> = self.devices.iter().map(|(id, _)| Arc::clone(id)).collect();
        let service = &self.service;
        let mut twins = stream::iter(ids)
            .map(|id| async move { service.twin(&id).await })
            .buffered(CONNECTIONS);
        let (mut found, mut is_throttled) = (Vec::new(), false);
        while let Some(twin) = twins.next().await {
            match twin {
                Ok(twin) => found.push(Some(twin)),
                Err(refused) if refused.status == NOT_FOUND => found.push(Some(Value::Null)),
                Err(refused) if refused.status == TOO_MANY_REQUESTS => {
                    is_throttled = true;
                    found.push(None);
                }
                Err(refused) => return Err(refused.to_string()),
            }
        }
        drop(twins);
        self.pause = if is_throttled {
            (self.pause * 2).min(LOOK_SELDOM)
        } else {
            LOOK_EVERY
        };
        self.longest = self.longest.max(since.unwrap_or_default());
        self.looked_at = Some(Instant::now());
        let at = self.start.elapsed();
        let mut stretch = Stretch::default();
        for ((device, known), twin) in self.devices.iter_mut().zip(found) {
            // Of one that was throttled the next look tells.
            let Some(twin) = twin else { continue };
            for what in known.learn(&twin) {
                match &what {
                    What::Connected { .. } => stretch.presence.push((Arc::clone(device), true)),
                    What::Disconnected { .. } => stretch.presence.push((Arc::clone(device), false)),
                    _ => {}
                }
                self.seq += 1;
                stretch.events.push(Observed {
                    seq: self.seq,
                    at,
                    device: Arc::clone(device),
                    what,
                });
            }
        }
        Ok(stretch)
    }

    /// What whoever reads the verdict must know.
    pub(super) fn note(&self) -> String {
        format!(
            "judged by polling: twins were looked at every {:.1} s or less, and what came and went between two \
             looks was not seen; times are those of the looks",
            self.longest.as_secs_f64()
        )
    }
}

impl Known {
    /// What must have happened for the twin to be like this; null: it is gone.
    fn learn(&mut self, twin: &Value) -> Vec<What> {
        let now = Self {
            is_connected: twin["connectionState"] == "Connected",
            is_disabled: twin["status"] == "disabled",
            reported: Part::of(&twin["properties"]["reported"]),
            desired: Part::of(&twin["properties"]["desired"]),
            tags: Part::of(&twin["tags"]),
        };
        let mut facts = Vec::new();
        if now.is_disabled != self.is_disabled {
            facts.push(What::Updated {
                enabled: !now.is_disabled,
            });
        }
        if let Some((version, patch)) = self.reported.to(&now.reported) {
            facts.push(What::Reported { version, patch });
        }
        if let Some((version, patch)) = self.desired.to(&now.desired) {
            facts.push(What::Desired { version, patch });
        }
        if let Some((_, patch)) = self.tags.to(&now.tags) {
            facts.push(What::Tags { patch });
        }
        if now.is_connected != self.is_connected {
            facts.push(if now.is_connected {
                What::Connected {
                    session_present: false,
                }
            } else {
                What::Disconnected {
                    reason: "unknown".to_owned(),
                }
            });
        }
        *self = now;
        facts
    }
}

impl Part {
    fn of(part: &Value) -> Self {
        let mut properties = part.as_object().cloned().unwrap_or_default();
        properties.remove("$metadata");
        let version = properties.remove("$version").and_then(|one| one.as_u64());
        Self {
            version: version.filter(|version| *version > 1 || !properties.is_empty()),
            properties,
        }
    }

    /// The new version and a merge patch, if there is a difference.
    fn to(&self, new: &Self) -> Option<(u64, Value)> {
        let patch = Value::Object(merge_patch(&self.properties, &new.properties));
        (self != new).then(|| (new.version.unwrap_or(1), patch))
    }
}

/// What makes `new` of `old` (RFC 7396).
fn merge_patch(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match (old.get(key), value) {
            (Some(before), _) if before == value => {}
            (Some(Value::Object(before)), Value::Object(after)) => {
                patch.insert(key.clone(), merge_patch(before, after).into());
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    patch
}

/// What of a scenario polling cannot judge, or cannot do.
pub(super) fn refusals(scenario: &Scenario) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
    let mut refuse = |span, message: String| {
        errors.push(ScenarioError {
            span,
            message: format!("{message}, and the hub of --hub shows no event log"),
            help: Some(
                "only a Hubnerite shows one; name its admin API with --admin URL".to_owned(),
            ),
        });
    };
    for cohort in scenario.fleet.iter().filter(|cohort| cohort.is_external()) {
        let message = "devices of others find the hub by what its admin API tells".to_owned();
        refuse(cohort.behaviour.span, message);
    }
    super::elsewhere::each(&scenario.steps, &mut |step: &Step| match &step.kind {
        StepKind::Shell(_) => {
            let message = "commands find the hub by what its admin API tells".to_owned();
            refuse(step.span, message);
        }
        StepKind::WaitUntil { condition, .. } => {
            if let Err(message) = one_part(&[condition]) {
                refuse(step.span, message);
            }
        }
        _ => {}
    });
    for Check { span, rule, .. } in &scenario.checks {
        if let Err(message) = judgeable(rule) {
            refuse(*span, message);
        }
    }
    errors
}

fn judgeable(rule: &Rule) -> Result<(), String> {
    let name = match rule {
        Rule::Eventually { condition, .. } => return one_part(&[condition]),
        Rule::InOrder { conditions, .. } => {
            return one_part(&conditions.iter().collect::<Vec<_>>());
        }
        Rule::Never(_) => "never",
        Rule::Stays { .. } => "stays",
        Rule::Times { .. } => "times",
        Rule::AtOnce { .. } => "at-once",
    };
    Err(format!(
        "`{name}` would pass on what polling has missed between two looks"
    ))
}

/// All about one part of the device: what changes in two parts between two looks has no order.
fn one_part(conditions: &[&Condition]) -> Result<(), String> {
    let mut parts = Vec::new();
    for condition in conditions {
        collect(condition, &mut parts)?;
    }
    parts.sort_unstable();
    parts.dedup();
    if parts.len() < 2 {
        return Ok(());
    }
    Err(format!(
        "polling does not tell in which order {} change",
        parts.join(" and ")
    ))
}

fn collect(condition: &Condition, parts: &mut Vec<&'static str>) -> Result<(), String> {
    let unseen = match condition {
        Condition::Path { document, .. } => {
            parts.push(match document {
                Document::Reported => "`reported`",
                Document::Desired => "`desired`",
                Document::Tags => "`tags`",
            });
            return Ok(());
        }
        Condition::Connected(_) => {
            parts.push("`connected`");
            return Ok(());
        }
        Condition::All(inner) | Condition::Any(inner) => {
            return inner.iter().try_for_each(|one| collect(one, parts));
        }
        Condition::Not(inner) => return collect(inner, parts),
        Condition::MethodAnswered { .. } => "method",
        Condition::MethodFailed(_) => "method-failed",
        Condition::Message { .. } => "message",
        Condition::C2dSettled(_) => "c2d",
        Condition::DisconnectedBy(_) => "disconnected-by",
    };
    Err(format!("polling sees nothing of `{unseen}`"))
}

/// The twins of a fleet are read at most so often, each with a request: reads have the widest throttle of a
/// real hub, and unlike queries' results they are not seconds old.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// However often somebody asks.
const LOOK_LEAST: Duration = Duration::from_millis(250);
/// At a hub that throttles.
const LOOK_SELDOM: Duration = Duration::from_secs(30);
const CONNECTIONS: usize = 16;
const NOT_FOUND: u16 = 404;
const TOO_MANY_REQUESTS: u16 = 429;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn twin(connected: bool, reported: &Value, version: u64) -> Value {
        let mut reported = reported.clone();
        reported["$version"] = version.into();
        reported["$metadata"] = json!({"$lastUpdated": "2026-01-01T00:00:00Z"});
        json!({
            "connectionState": if connected { "Connected" } else { "Disconnected" },
            "status": "enabled",
            "properties": {"reported": reported, "desired": {"$version": 1}},
        })
    }

    #[test]
    fn facts_are_made_of_what_two_looks_differ_in() {
        let mut known = Known::default();
        assert_eq!(known.learn(&twin(false, &json!({}), 1)), []);
        let facts = known.learn(&twin(true, &json!({"a": {"b": 1, "c": 2}, "d": 3}), 4));
        let patch = json!({"a": {"b": 1, "c": 2}, "d": 3});
        let connected = What::Connected {
            session_present: false,
        };
        assert_eq!(facts, [What::Reported { version: 4, patch }, connected]);
        let facts = known.learn(&twin(true, &json!({"a": {"b": 1, "c": 5}}), 5));
        let patch = json!({"a": {"c": 5}, "d": null});
        assert_eq!(facts, [What::Reported { version: 5, patch }]);
        // The same properties reported again are a fact as well.
        let facts = known.learn(&twin(true, &json!({"a": {"b": 1, "c": 5}}), 6));
        let patch = json!({});
        assert_eq!(facts, [What::Reported { version: 6, patch }]);
    }

    #[test]
    fn only_what_polling_cannot_make_pass_is_judged() {
        let path = |document| Condition::Path {
            document,
            path: vec!["a".to_owned()],
            predicate: crate::scenario::ast::Predicate::Exists(true),
        };
        let (reported, desired) = (path(Document::Reported), path(Document::Desired));
        let in_order = |conditions| Rule::InOrder {
            conditions,
            within: None,
        };
        let eventually = |condition| Rule::Eventually {
            condition,
            within: None,
        };
        for (rule, refused) in [
            (in_order(vec![reported.clone(), reported.clone()]), None),
            (eventually(Condition::Not(Box::new(reported.clone()))), None),
            (
                in_order(vec![reported.clone(), desired]),
                Some("`desired` and `reported`"),
            ),
            (
                eventually(Condition::All(vec![
                    Condition::Connected(true),
                    reported.clone(),
                ])),
                Some("`connected` and `reported`"),
            ),
            (
                eventually(Condition::MethodFailed(None)),
                Some("`method-failed`"),
            ),
            (Rule::Never(reported), Some("`never`")),
        ] {
            let judged = judgeable(&rule);
            match refused {
                None => assert_eq!(judged, Ok(()), "{rule:?}"),
                Some(part) => assert!(judged.unwrap_err().contains(part), "{rule:?}"),
            }
        }
    }
}
