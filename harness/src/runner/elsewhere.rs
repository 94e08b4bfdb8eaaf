//! A hub that runs elsewhere: what of a scenario cannot hold there, its devices made and removed, its
//! time. A Hubnerite is judged by its event log, any other hub by polling.

use std::sync::{Arc, Mutex, PoisonError};

use device_sim::transport::Endpoints;
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;
use tokio::time::Instant;

use super::access::Access;
use super::plan::Plan;
use super::poll::{self, Poller};
use super::remote_log::{RemoteLog, instant};
use super::rest_service::RestService;
use crate::admin_client::AdminClient;
use crate::clock::wall_now;
use crate::registration;
use crate::scenario::ast::{ClockKind, HubSpec, Scenario, Step, StepKind};
use crate::scenario::{ScenarioError, ScenarioErrors};
use crate::target::Reached;

/// A hub elsewhere, and how it is reached. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    pub(crate) reached: Reached,
    /// For its devices.
    pub(crate) endpoints: Endpoints,
    /// A Hubnerite's; of any other hub the twins are looked at.
    pub(crate) admin: Option<AdminClient>,
    /// Leave the devices registered that the run made.
    pub(crate) keep_devices: bool,
}

/// A hub elsewhere with the devices of a run.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) hub: Elsewhere,
    made: Vec<Arc<str>>,
    /// In the order of the roster.
    pub(super) keys: Vec<(Arc<str>, SasKey)>,
    /// What the hub's clock showed, and when.
    time: (Timestamp, Instant),
}

impl Elsewhere {
    /// What of a scenario cannot hold there.
    pub fn refuse(scenario: &Scenario) -> Result<(), ScenarioErrors> {
        let mut errors = Vec::new();
        let mut refuse = |span, message: &str, help: Option<&str>| {
            errors.push(ScenarioError {
                span,
                message: format!("{message}, and the hub is elsewhere"),
                help: help.map(str::to_owned),
            });
        };
        if scenario.clock == ClockKind::Virtual {
            let span = scenario.fleet.first().map(|cohort| cohort.name.span);
            let help = "run it with `--clock real`";
            let message = "time is virtual in this process alone";
            refuse(span.unwrap_or_default(), message, Some(help));
        }
        if scenario.hub != HubSpec::default() {
            let span = scenario.fleet.first().map(|cohort| cohort.name.span);
            let message = "what `hub:` sets is set of the embedded hub alone";
            refuse(span.unwrap_or_default(), message, None);
        }
        each(&scenario.steps, &mut |step| match &step.kind {
            StepKind::CutAllLinks => {
                refuse(
                    step.span,
                    "only the embedded hub can be told to cut all links",
                    None,
                );
            }
            StepKind::Outage { .. } => {
                let message = "only the embedded hub can be told to be away";
                refuse(step.span, message, None);
            }
            StepKind::Throttle(_) => {
                let message = "only the embedded hub can be told to throttle";
                refuse(step.span, message, None);
            }
            // A header's name has no case, and so the property would lose its own.
            StepKind::Send { properties, .. } => {
                if let Some((name, _)) = properties.iter().find(|(name, _)| !is_header(name)) {
                    let message = format!("`{name}` cannot be sent, as properties go in headers");
                    refuse(step.span, &message, Some("use a-z, 0-9, `-` and `_`"));
                }
            }
            _ => {}
        });
        if errors.is_empty() {
            return Ok(());
        }
        Err(ScenarioErrors {
            sources: scenario.sources.clone(),
            errors,
        })
    }

    /// What of a scenario cannot be judged of a hub without an event log.
    pub fn refuse_polled(scenario: &Scenario) -> Result<(), ScenarioErrors> {
        let errors = poll::refusals(scenario);
        if errors.is_empty() {
            return Ok(());
        }
        Err(ScenarioErrors {
            sources: scenario.sources.clone(),
            errors,
        })
    }

    /// Registers the devices of `plan`; what was made is removed if one cannot be.
    pub(super) async fn join(self, plan: &Plan) -> Result<Joined, String> {
        let time = self.time().await?;
        let ids = plan.roster.ids().map(|(id, _)| Arc::clone(id)).collect();
        let made = Arc::default();
        let created = registration::create(&self.reached, ids, Arc::clone(&made)).await;
        let take = |made: &Mutex<Vec<_>>| {
            std::mem::take(&mut *made.lock().unwrap_or_else(PoisonError::into_inner))
        };
        match created {
            Ok(keys) => Ok(Joined {
                made: take(&made),
                hub: self,
                keys,
                time,
            }),
            Err(error) => {
                let made = take(&made);
                let help = match &error {
                    crate::service_client::ServiceError::Refused(refusal)
                        if refusal.status == 409 =>
                    {
                        "; a run makes its own devices: remove that one, or give the cohort \
                         another `id`"
                    }
                    _ => "",
                };
                let removed = registration::remove(&self.reached, made, Arc::default()).await;
                let left = removed
                    .err()
                    .map(|error| format!("; what was made stays: {error}"));
                let left = left.unwrap_or_default();
                Err(format!(
                    "the devices cannot be registered: {error}{help}{left}"
                ))
            }
        }
    }

    /// The hub's time, which must be the wall's.
    async fn time(&self) -> Result<(Timestamp, Instant), String> {
        let told = match &self.admin {
            Some(admin) => admin.json("/admin/clock").await.ok(),
            None => None,
        };
        let Some(told) = told else {
            // One that does not tell has no other time than the wall's.
            return Ok((wall_now(), Instant::now()));
        };
        if told["mode"] == "virtual" {
            return Err("the hub's clock is moved by hand: a run would wait for ever".to_owned());
        }
        let now = told["now"].as_str().and_then(instant);
        Ok((now.unwrap_or_else(wall_now), Instant::now()))
    }
}

/// Whether a property of that name keeps it as a part of a header's.
fn is_header(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    !name.is_empty() && name.chars().all(is_fine)
}

/// Every step, those inside others too.
pub(super) fn each(steps: &[Step], see: &mut impl FnMut(&Step)) {
    for step in steps {
        see(step);
        each(step.kind.inner(), see);
    }
}

impl Joined {
    /// The hub's time.
    pub(super) fn now(&self) -> Timestamp {
        let (then, at) = self.time;
        then.saturating_add(at.elapsed())
    }

    pub(super) fn host(&self) -> &str {
        &self.hub.reached.credential.host_name
    }

    /// Its event log, if it shows one.
    pub(super) async fn log(&self) -> Result<Option<RemoteLog>, String> {
        match &self.hub.admin {
            Some(admin) => RemoteLog::from_newest(admin.clone(), self.host())
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    /// Its twins instead.
    pub(super) fn poller(&self) -> Poller {
        let devices = self.keys.iter().map(|(device, _)| Arc::clone(device));
        Poller::new(RestService::new(self.hub.reached.clone()), devices)
    }

    pub(super) fn access(&self) -> Option<Access> {
        let ca = self.hub.reached.told["caPath"].as_str()?;
        Some(Access {
            host: self.host().to_owned(),
            connection_string: self.hub.reached.credential.expose().into(),
            admin_url: Some(self.hub.admin.as_ref()?.url().to_owned()),
            ca_dir: std::path::Path::new(ca).parent()?.to_owned(),
        })
    }

    /// Removes what the run made; in words what could not be.
    pub(super) async fn leave(self) -> Option<String> {
        if self.hub.keep_devices {
            return None;
        }
        let count = self.made.len();
        let removed = registration::remove(&self.hub.reached, self.made, Arc::default()).await;
        let error = removed.err()?;
        Some(format!(
            "of the {count} devices the run made, some were not removed: {error}"
        ))
    }
}
