//! The one loop of a run. Everything that happens comes through here, one after the other: events of the
//! hub, messages of the steps, deadlines, the interrupt. The judge and the observer are told from here.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hub_proto::time::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::event::{Observer, RunEvent};
use super::hub::Hub;
use super::message::{Ending, Message};
use super::observe::Follower;
use super::plan::Plan;
use crate::judge::verdict::{Outcome, StepResult, whole_ms};
use crate::judge::{self, Judge};
use crate::scenario::ast::{Check, ClockKind, Step, StepKind};

/// A run under way.
pub(super) struct Course<'a> {
    hub: &'a Hub,
    start: Timestamp,
    follower: Follower,
    judge: Judge,
    waits: Vec<Wait>,
    /// Whom the hub has online: linked and subscribed.
    online: BTreeSet<Arc<str>>,
    results: Vec<StepResult>,
    events: u64,
    missed: u64,
    observer: &'a mut dyn Observer,
    is_interrupted: bool,
    /// In real time whoever watches sees it pass; virtual time is not to be slowed by a beat.
    has_beat: bool,
}

/// What the loop leaves behind.
pub(super) struct Finished {
    pub(super) judge: Judge,
    pub(super) steps: Vec<StepResult>,
    pub(super) at: Duration,
    pub(super) is_interrupted: bool,
    /// Events that the judge did not see.
    pub(super) missed: u64,
    /// Why the last of them could not be read.
    pub(super) trouble: Option<String>,
    /// What whoever reads the verdict must know of how they were got.
    pub(super) note: Option<String>,
}

/// Somebody waits for something.
enum Wait {
    Presence {
        pending: BTreeSet<Arc<str>>,
        online: bool,
        missing: watch::Sender<usize>,
    },
    Condition {
        wait: judge::Wait,
        missing: watch::Sender<usize>,
    },
}

impl<'a> Course<'a> {
    /// Starts now, by the hub's clock.
    pub(super) async fn new(
        plan: &Plan,
        hub: &'a Hub,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, String> {
        let start = hub.now();
        let follower = hub.follower(start).await?;
        let mut judge = Judge::new(&plan.scenario.checks, &plan.membership);
        prepare(&mut judge, &plan.scenario.steps);
        Ok(Self {
            hub,
            start,
            follower,
            judge,
            waits: Vec::new(),
            online: BTreeSet::new(),
            results: Vec::new(),
            events: 0,
            missed: 0,
            observer,
            is_interrupted: false,
            has_beat: plan.scenario.clock == ClockKind::Real,
        })
    }

    /// Drives `steps` to their end, then waits for what the judge still waits for.
    pub(super) async fn run(
        mut self,
        mut steps: Pin<&mut impl Future<Output = ()>>,
        mut inbox: mpsc::Receiver<Message>,
        mut interrupt: watch::Receiver<bool>,
    ) -> Finished {
        loop {
            tokio::select! {
                biased;
                () = interrupted(&mut interrupt) => {
                    self.is_interrupted = true;
                    break;
                }
                Some(message) = inbox.recv() => self.handle(message).await,
                () = self.follower.appended() => {
                    self.feed_some().await;
                }
                () = steps.as_mut() => break,
                () = sleep(BEAT), if self.has_beat => {}
            }
            self.show();
        }
        while let Ok(message) = inbox.try_recv() {
            self.handle(message).await;
        }
        if self.is_interrupted {
            self.note_interrupt();
        } else {
            self.wait_for_the_judge(&mut interrupt).await;
        }
        self.feed_all().await;
        Finished {
            trouble: self.follower.trouble().map(str::to_owned),
            note: self.follower.note(),
            at: self.at(),
            judge: self.judge,
            steps: self.results,
            is_interrupted: self.is_interrupted,
            missed: self.missed,
        }
    }

    async fn wait_for_the_judge(&mut self, interrupt: &mut watch::Receiver<bool>) {
        self.feed_all().await;
        self.judge.advance(self.at());
        let until = self.judge.undecided_until();
        self.observer.event(&RunEvent::Judging {
            at: self.at(),
            until,
        });
        let beat = if self.has_beat { BEAT } else { Duration::MAX };
        while !self.judge.is_settled() {
            let Some(until) = self.judge.undecided_until() else {
                return;
            };
            let Some(left) = until.checked_sub(self.at()).filter(|left| !left.is_zero()) else {
                return;
            };
            tokio::select! {
                biased;
                () = interrupted(interrupt) => {
                    self.is_interrupted = true;
                    return;
                }
                () = self.follower.appended() => {
                    self.feed_some().await;
                }
                () = sleep(left.min(beat)) => {}
            }
            self.feed_all().await;
            self.judge.advance(self.at());
            self.show();
        }
    }

    async fn handle(&mut self, message: Message) {
        // What the hub has logged so far lies before what the step says. Progress says nothing.
        if !matches!(message, Message::Progress { .. }) {
            self.feed_all().await;
        }
        match message {
            Message::Started {
                anchor,
                name,
                at,
                reply,
            } => self.step_started(&anchor, name, at, reply),
            Message::Progress { step, done, of } => {
                let name = self.results[step].name.clone();
                self.observer
                    .event(&RunEvent::StepProgress { name, done, of });
            }
            Message::Ended {
                step,
                ending,
                reply,
            } => {
                self.step_ended(step, ending);
                // An interrupted step does not wait any more.
                let _ = reply.send(());
            }
            Message::Skipped { name, at } => self.results.push(StepResult {
                name,
                at,
                outcome: Outcome::Skipped,
                started_ms: whole_ms(self.at()),
                took_ms: 0,
                problem: None,
            }),
            Message::AwaitPresence {
                devices,
                online,
                missing,
                reply,
            } => {
                self.await_presence(devices, online, missing);
                let _ = reply.send(());
            }
            Message::AwaitCondition {
                check,
                devices,
                missing,
            } => self.await_condition(&check, &devices, missing),
        }
    }

    fn step_started(
        &mut self,
        anchor: &str,
        name: String,
        at: Option<String>,
        reply: tokio::sync::oneshot::Sender<usize>,
    ) {
        let now = self.at();
        self.judge.step_started(anchor, now);
        self.observer.event(&RunEvent::StepStarted {
            name: name.clone(),
            at: now,
        });
        let place = self.results.len();
        self.results.push(StepResult {
            name,
            at,
            // Until it ends as something else: what is cut off could not be run.
            outcome: Outcome::Error,
            started_ms: whole_ms(now),
            took_ms: 0,
            problem: Some(CUT_OFF.to_owned()),
        });
        let _ = reply.send(place);
    }

    fn step_ended(&mut self, step: usize, ending: Ending) {
        let now_ms = whole_ms(self.at());
        let result = &mut self.results[step];
        result.outcome = ending.outcome();
        result.took_ms = now_ms.saturating_sub(result.started_ms);
        result.problem = ending.problem();
        self.observer.event(&RunEvent::StepEnded(result.clone()));
    }

    fn await_presence(
        &mut self,
        devices: Vec<Arc<str>>,
        online: bool,
        missing: watch::Sender<usize>,
    ) {
        let is_pending = |id: &Arc<str>| self.online.contains(id) != online;
        let pending: BTreeSet<_> = devices.into_iter().filter(is_pending).collect();
        missing.send_replace(pending.len());
        self.waits.push(Wait::Presence {
            pending,
            online,
            missing,
        });
    }

    fn await_condition(
        &mut self,
        check: &Check,
        devices: &[Arc<str>],
        missing: watch::Sender<usize>,
    ) {
        self.judge.advance(self.at());
        let wait = self.judge.wait(check, devices);
        missing.send_replace(self.judge.missing(&wait));
        self.waits.push(Wait::Condition { wait, missing });
    }

    async fn feed_all(&mut self) {
        while self.feed_some().await {}
    }

    /// One stretch; whether there may be another.
    async fn feed_some(&mut self) -> bool {
        let (stretch, may_be_more) = self.follower.read().await;
        self.missed += stretch.missed;
        if stretch.events.is_empty() {
            return may_be_more;
        }
        self.events += stretch.events.len() as u64;
        for event in &stretch.events {
            self.judge.observe(event);
        }
        for (device, is_online) in &stretch.presence {
            if *is_online {
                self.online.insert(Arc::clone(device));
            } else {
                self.online.remove(device);
            }
        }
        for mut wait in std::mem::take(&mut self.waits) {
            if let Wait::Presence {
                pending, online, ..
            } = &mut wait
            {
                for (device, is_online) in &stretch.presence {
                    if is_online == online {
                        pending.remove(device);
                    }
                }
            }
            self.tell(wait);
        }
        may_be_more
    }

    /// Tells who waits, and keeps the wait if it is not over.
    fn tell(&mut self, wait: Wait) {
        let (missing, count) = match &wait {
            Wait::Presence {
                pending, missing, ..
            } => (missing, pending.len()),
            Wait::Condition { wait, missing } => (missing, self.judge.missing(wait)),
        };
        missing.send_if_modified(|told| std::mem::replace(told, count) != count);
        if count > 0 && !missing.is_closed() {
            self.waits.push(wait);
        } else if let Wait::Condition { wait, .. } = wait {
            self.judge.forget(wait);
        }
    }

    fn show(&mut self) {
        if self.observer.wants_picture() {
            self.observer.event(&RunEvent::Picture {
                at: self.at(),
                events: self.events,
                tally: self.judge.tally(),
            });
        }
    }

    fn note_interrupt(&mut self) {
        for result in &mut self.results {
            if result.problem.as_deref() == Some(CUT_OFF) {
                result.problem = Some("interrupted".to_owned());
            }
        }
    }

    /// Since the scenario's start.
    fn at(&self) -> Duration {
        self.hub.now().saturating_since(self.start)
    }
}

/// What any step waits for.
fn prepare(judge: &mut Judge, steps: &[Step]) {
    for step in steps {
        if let StepKind::WaitUntil { condition, .. } = &step.kind {
            judge.prepare(condition);
        }
        prepare(judge, step.kind.inner());
    }
}

/// Comes back when the run shall end; never if nobody can ask for that any more.
async fn interrupted(interrupt: &mut watch::Receiver<bool>) {
    if interrupt.wait_for(|asked| *asked).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How often a picture is offered when nothing happens.
const BEAT: Duration = Duration::from_millis(100);
/// Why a step has no end of its own.
const CUT_OFF: &str = "the run ended before it";
