//! Carries the steps out, one after the other or at once. Knows the hub's service side and the fleet; what
//! the judge sees is the loop's.

mod devices;
mod invoke;
mod job;
mod service;
mod shell;
mod wait;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use device_sim::fleet::Fleet;
use emulator::Links;
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

use super::access::Environment;
use super::hub::{Hub, Keys};
use super::message::{Ending, Message};
use super::plan::Plan;
use super::roster::Chosen;
use super::service::Service;
use super::words;
use crate::judge::verdict::Outcome;
use crate::scenario::ast::{Step, StepKind, Target};

/// What steps work on.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) plan: &'a Plan,
    pub(super) hub: &'a Hub,
    pub(super) keys: &'a Keys,
    pub(super) service: Service,
    pub(super) fleet: &'a Mutex<Fleet>,
    pub(super) inbox: mpsc::Sender<Message>,
    /// What commands are started with, where the hub can be reached by them.
    pub(super) environment: Option<Environment>,
    pub(super) background: &'a Background,
}

pub(super) use shell::Background;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl<'a> Stage<'a> {
    /// Runs all of the scenario.
    pub(super) async fn run(&self) {
        let outcome = self.bring_up().await;
        let steps = &self.plan.scenario.steps;
        if outcome == Outcome::Error {
            self.skip(steps).await;
        } else {
            self.sequence(steps).await;
        }
    }

    /// Brings up the devices that come by themselves.
    async fn bring_up(&self) -> Outcome {
        let cohorts = &self.plan.scenario.fleet;
        let coming: Vec<&str> = cohorts
            .iter()
            .filter(|cohort| cohort.autostart)
            .map(|cohort| cohort.name.value.as_str())
            .collect();
        if coming.is_empty() {
            return Outcome::Passed;
        }
        let name = format!("bring up {}", coming.join(", "));
        let place = self.started(BRING_UP.to_owned(), name, None).await;
        let ending = self.connect_autostart(place).await;
        self.ended(place, ending).await
    }

    /// One after the other; the worst outcome. After an error the rest is skipped, after a failure
    /// it is not: what fails afterwards tells more.
    fn sequence<'b>(&'b self, steps: &'b [Step]) -> Boxed<'b, Outcome> {
        Box::pin(async move {
            let mut worst = Outcome::Passed;
            for (index, step) in steps.iter().enumerate() {
                worst = worst.max(self.step(step).await);
                if worst == Outcome::Error {
                    self.skip(&steps[index + 1..]).await;
                    break;
                }
            }
            worst
        })
    }

    async fn step(&self, step: &Step) -> Outcome {
        let at = words::place(&self.plan.scenario.sources, step.span);
        let anchor = words::anchor(step);
        let place = self.started(anchor, words::step(step), at).await;
        let ending = self.carry_out(place, &step.kind).await;
        self.ended(place, ending).await
    }

    async fn carry_out(&self, place: usize, kind: &StepKind) -> Ending {
        match kind {
            StepKind::Connect(on) => self.connect(place, &self.choose(on)).await,
            StepKind::Disconnect(on) => self.disconnect(place, &self.choose(on)).await,
            StepKind::Invoke(invoke) => self.invoke(place, invoke).await,
            StepKind::Patch {
                on,
                desired,
                tags,
                if_match,
                expect_status,
            } => {
                let patch = service::Patch {
                    desired: desired.as_ref(),
                    tags: tags.as_ref(),
                    if_match: if_match.as_deref(),
                };
                self.patch(&self.choose(on), &patch, *expect_status).await
            }
            StepKind::Send {
                to,
                body,
                properties,
                expires,
                expect_status,
            } => {
                let message = super::service::MessageToDevice {
                    body,
                    properties,
                    expires_in: *expires,
                };
                self.send(&self.choose(to), &message, *expect_status).await
            }
            StepKind::Job(job) => self.job(place, job).await,
            StepKind::Query { text, expect_count } => self.query(&text.value, *expect_count).await,
            StepKind::Identity { on, change } => self.identity(&self.choose(on), *change).await,
            StepKind::Fault { on, kind, lasts } => {
                self.fault(&self.choose(on), *kind, *lasts);
                Ending::Passed
            }
            StepKind::CutAllLinks => {
                self.hub.close_links();
                Ending::Passed
            }
            StepKind::Outage { lasts, keeps_links } => self.outage(*lasts, *keeps_links).await,
            StepKind::Throttle(time) => {
                self.hub.throttle_everything(*time);
                Ending::Passed
            }
            StepKind::Wait(time) => {
                tokio::time::sleep(*time).await;
                Ending::Passed
            }
            StepKind::WaitUntil {
                on,
                condition,
                at_most,
            } => self.wait_until(place, on, condition, *at_most).await,
            StepKind::Parallel(steps) => {
                of_parts(join_all(steps.iter().map(|step| self.step(step))).await)
            }
            StepKind::Repeat { times, steps } => of_parts([self.rounds(*times, steps).await]),
            StepKind::Shell(shell) => self.shell(place, shell).await,
            StepKind::NotBuilt(_) => Ending::Error("this step is not built yet".to_owned()),
        }
    }

    async fn outage(&self, lasts: Duration, keeps_links: bool) -> Ending {
        let links = if keeps_links { Links::Keep } else { Links::Cut };
        let Some(outage) = self.service.begin_outage(links) else {
            return Ending::Error("the hub is away already, by another outage".to_owned());
        };
        self.hub.close(links).await;
        tokio::time::sleep(lasts).await;
        let reopened = self.hub.reopen().await;
        drop(outage);
        match reopened {
            Ok(()) => Ending::Passed,
            Err(problem) => Ending::Error(problem),
        }
    }

    async fn rounds(&self, times: u32, steps: &[Step]) -> Outcome {
        let mut worst = Outcome::Passed;
        for _ in 0..times {
            worst = worst.max(self.sequence(steps).await);
            if worst == Outcome::Error {
                break;
            }
        }
        worst
    }

    async fn skip(&self, steps: &[Step]) {
        for step in steps {
            let name = words::step(step);
            let at = words::place(&self.plan.scenario.sources, step.span);
            self.tell(Message::Skipped { name, at }).await;
        }
    }

    /// The plan has found every target.
    fn choose(&self, target: &Target) -> Chosen {
        self.plan
            .roster
            .choose(target)
            .expect("the plan resolved every target")
    }

    fn fleet(&self) -> MutexGuard<'a, Fleet> {
        self.fleet
            .lock()
            .expect("a fleet takes orders without panic")
    }

    async fn started(&self, anchor: String, name: String, at: Option<String>) -> usize {
        let (reply, place) = oneshot::channel();
        self.tell(Message::Started {
            anchor,
            name,
            at,
            reply,
        })
        .await;
        place.await.expect("the loop lives longer than its steps")
    }

    async fn progress(&self, step: usize, done: usize, of: usize) {
        self.tell(Message::Progress { step, done, of }).await;
    }

    async fn ended(&self, step: usize, ending: Ending) -> Outcome {
        let outcome = ending.outcome();
        let (reply, noted) = oneshot::channel();
        self.tell(Message::Ended {
            step,
            ending,
            reply,
        })
        .await;
        noted.await.expect("the loop lives longer than its steps");
        outcome
    }

    async fn tell(&self, message: Message) {
        let told = self.inbox.send(message).await;
        told.expect("the loop lives longer than its steps");
    }
}

/// What is at once or repeated ends as the worst of its parts, which say for themselves what was wrong.
fn of_parts(outcomes: impl IntoIterator<Item = Outcome>) -> Ending {
    let outcomes: Vec<Outcome> = outcomes.into_iter().collect();
    match outcomes.iter().max() {
        Some(Outcome::Failed) => Ending::Failed("a step in it failed".to_owned()),
        Some(Outcome::Error | Outcome::Skipped) => {
            Ending::Error("a step in it could not be run".to_owned())
        }
        Some(Outcome::Passed) | None => Ending::Passed,
    }
}

/// The name of what precedes the first step.
const BRING_UP: &str = "bring-up";

/// The first of several problems with how many there were, for a step about many devices.
#[derive(Debug, Default)]
struct Problems {
    count: usize,
    first: Option<(Arc<str>, String)>,
}

impl Problems {
    fn add(&mut self, device: &Arc<str>, problem: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some((Arc::clone(device), problem()));
        }
    }

    /// `what`: `calls`, `patches`.
    fn ending(self, of: usize, what: &str) -> Ending {
        match self.first {
            None => Ending::Passed,
            Some((device, problem)) if of == 1 => Ending::Failed(format!("{device}: {problem}")),
            Some((device, problem)) => Ending::Failed(format!(
                "{} of {of} {what} did not end as expected; the first was {device}: {problem}",
                self.count
            )),
        }
    }
}
