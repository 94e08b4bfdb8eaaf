//! One device's run of a behaviour.
//!
//! Pure and seeded. Feed an [`Input`], then drain [`Machine::poll_action`]; call [`Machine::handle`]
//! with [`Input::Deadline`] when [`Machine::poll_deadline`] has come. It knows nothing of MQTT.
//!
//! Every trigger starts a thread of its own: a list of actions with a place in it. A thread that waits
//! is put aside, so that a device can answer one call while another is being worked on; leaving a
//! state ends the threads and timers that began in it.

mod run;

use std::collections::VecDeque;
use std::sync::Arc;

use hub_proto::time::{Instant, Now, Timestamp};
use serde_json::Value;

use crate::behaviour::{Program, Trigger, When, leads_somewhere};
use crate::random::Random;
use crate::rare::Rare;

/// Whose run it is, for `${id}` and `${n}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The device.
    pub device_id: Arc<str>,
    /// Its place in its cohort, from 1.
    pub number: u64,
}

/// What happens to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The hub can be talked to.
    Online,
    /// The hub cannot be talked to any more, or not yet; not by the behaviour's own wish.
    Offline,
    /// The service calls a method.
    Method {
        /// Its name.
        name: &'a str,
        /// To be given back with the answer.
        rid: &'a str,
        /// JSON text, or whatever was sent.
        payload: &'a [u8],
    },
    /// The whole twin: `{"desired":…,"reported":…}`.
    Twin {
        /// JSON text.
        document: &'a str,
    },
    /// Desired properties changed.
    Desired {
        /// JSON text: a merge patch with `$version`.
        patch: &'a str,
    },
    /// A cloud-to-device message.
    Message {
        /// JSON text, or whatever was sent.
        body: &'a [u8],
    },
    /// The oldest open report was stored, or will never be.
    ReportSettled,
    /// The time of [`Machine::poll_deadline`] has come.
    Deadline,
}

/// What a device does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answer a method call.
    Respond {
        /// The call's.
        rid: String,
        /// The device's verdict.
        status: i32,
        /// JSON text.
        payload: String,
    },
    /// Patch the reported properties; [`Input::ReportSettled`] follows in the end, unless the
    /// behaviour goes offline before.
    Report {
        /// JSON text.
        patch: String,
    },
    /// Send telemetry.
    Send {
        /// As it is sent.
        body: String,
        /// Application properties.
        properties: Vec<(String, String)>,
    },
    /// Say goodbye, go offline and stay there.
    GoOffline,
    /// The same without a goodbye.
    Vanish,
    /// Come back.
    GoOnline,
    /// Nothing more: so much was done at once that it would never have ended.
    Stop {
        /// What it was doing.
        reason: String,
    },
    /// Something was not done, since too much of it is under way.
    Drop {
        /// What.
        what: &'static str,
    },
}

/// One device's run of a behaviour.
#[derive(Debug)]
pub struct Machine {
    program: Arc<Program>,
    who: Who,
    random: Random,
    state: u16,
    /// Counts the states entered, to see whether one was left.
    entered: u32,
    phase: Phase,
    /// Reports not settled yet.
    open_reports: u16,
    timers: Vec<Timer>,
    busy: Rare<Busy>,
    memory: Rare<Memory>,
}

/// What is under way.
#[derive(Debug, Default)]
struct Busy {
    threads: Vec<Thread>,
    late_answers: Vec<LateAnswer>,
    actions: VecDeque<Action>,
}

/// What it has learnt.
#[derive(Debug, Default)]
struct Memory {
    /// Empty until one is set.
    marks: Box<[Option<Timestamp>]>,
    /// Empty until one is set.
    variables: Box<[Value]>,
    /// Null until known, and always if the behaviour does not ask.
    desired: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has happened: the start state is entered with the first input, which brings the time.
    New,
    Running,
    Stopped,
}

/// A list of actions under way.
#[derive(Debug)]
struct Thread {
    next: u32,
    /// Began in `always`: it outlives states.
    is_global: bool,
    wake: Wake,
    about: Option<Box<About>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    Now,
    At(Instant),
    Stored,
}

/// The call or message that a thread is about.
#[derive(Clone, Debug)]
struct About {
    /// Of a call.
    rid: Option<Box<str>>,
    payload: Value,
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    at: Instant,
    trigger: u16,
    is_global: bool,
}

#[derive(Debug)]
struct LateAnswer {
    at: Instant,
    rid: Box<str>,
    status: i32,
    payload: String,
}

impl Machine {
    /// A device that runs `program`; `seed` decides what is random.
    pub fn new(program: Arc<Program>, who: Who, seed: u64) -> Self {
        Self {
            who,
            random: Random::seeded(seed),
            state: program.start,
            entered: 0,
            phase: Phase::New,
            open_reports: 0,
            timers: Vec::new(),
            busy: Rare::default(),
            memory: Rare::default(),
            program,
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.busy.get_mut()?.actions.pop_front();
        self.busy.give_back_if(Busy::is_over);
        action
    }

    /// When [`Input::Deadline`] is due.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let timers = self.timers.iter().map(|timer| timer.at);
        let busy = self.busy.get().and_then(Busy::poll_deadline);
        timers.chain(busy).min()
    }

    /// The state it is in, for whoever watches.
    pub fn state(&self) -> &str {
        &self.program.states[usize::from(self.state)].name
    }

    /// What of the hub it uses.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Whether it holds no room for anything under way.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.busy.get().is_none()
    }

    /// Feeds one event.
    pub fn handle(&mut self, now: Now, input: &Input<'_>) {
        let program = Arc::clone(&self.program);
        let mut budget = STEPS_AT_ONCE_MAX;
        match self.phase {
            Phase::Stopped => return,
            Phase::Running => {}
            Phase::New => {
                self.phase = Phase::Running;
                self.set_timers(now, &program.always, true);
                self.enter(now, self.state, None, &mut budget);
            }
        }
        match *input {
            Input::Online => self.trigger(now, &When::Connect, None, &mut budget),
            Input::Offline => self.trigger(now, &When::Disconnect, None, &mut budget),
            Input::Method { name, rid, payload } => {
                self.handle_method(now, name, rid, payload, &mut budget);
            }
            Input::Twin { document } => self.handle_twin(now, document, &mut budget),
            Input::Desired { patch } => self.handle_desired(now, patch, &mut budget),
            Input::Message { body } => {
                let about = self.about(None, body);
                self.trigger(now, &When::Message, Some(Box::new(about)), &mut budget);
            }
            Input::ReportSettled => self.open_reports = self.open_reports.saturating_sub(1),
            Input::Deadline => self.handle_deadline(now, &mut budget),
        }
        self.wake_stored(now, &mut budget);
        if self.timers.is_empty() {
            self.timers = Vec::new();
        }
        self.busy.give_back_if(Busy::is_over);
    }

    fn handle_method(&mut self, now: Now, name: &str, rid: &str, payload: &[u8], budget: &mut u32) {
        let about = self.about(Some(rid), payload);
        let named = When::Method(Some(name.into()));
        let found = self
            .find(|when| *when == named)
            .filter(|(_, is_global)| !is_global)
            .or_else(|| {
                self.find(|when| *when == When::Method(None))
                    .filter(|(_, is_global)| !is_global)
            })
            .or_else(|| self.find(|when| *when == named))
            .or_else(|| self.find(|when| *when == When::Method(None)));
        match found {
            Some((first, is_global)) => {
                self.start(now, first, is_global, Some(Box::new(about)), budget);
            }
            None => self.answer_by_default(now, &about),
        }
    }

    fn handle_twin(&mut self, now: Now, document: &str, budget: &mut u32) {
        if !self.program.uses.desired {
            return;
        }
        let Ok(mut twin) = serde_json::from_str::<Value>(document) else {
            return;
        };
        let desired = twin["desired"].take();
        let known = &mut self.memory.room().desired;
        if desired["$version"] == known["$version"] && !known.is_null() {
            return;
        }
        let before = std::mem::replace(known, desired);
        let changed = |path: &[Box<str>], machine: &Self| {
            let at = |root: &Value| {
                path.iter()
                    .try_fold(root, |value, key| value.get(&**key))
                    .cloned()
            };
            let (old, new) = (at(&before), at(machine.desired()));
            // An empty section, but for its version, is no news.
            new != old
                && !matches!(&new, Some(Value::Object(entries))
                    if entries.keys().all(|key| key.starts_with('$')))
        };
        self.trigger_desired(now, &changed, budget);
    }

    fn handle_desired(&mut self, now: Now, patch: &str, budget: &mut u32) {
        if !self.program.uses.desired {
            return;
        }
        let Ok(patch) = serde_json::from_str::<Value>(patch) else {
            return;
        };
        merge(&mut self.memory.room().desired, &patch);
        self.trigger_desired(now, &|path, _| leads_somewhere(&patch, path), budget);
    }

    fn trigger_desired(
        &mut self,
        now: Now,
        changed: &dyn Fn(&[Box<str>], &Self) -> bool,
        budget: &mut u32,
    ) {
        let program = Arc::clone(&self.program);
        let entered = self.entered;
        let own = &program.states[usize::from(self.state)].triggers;
        let is_meant = |trigger: &&Trigger| match &trigger.when {
            When::Desired(path) => changed(path, self),
            _ => false,
        };
        let mut meant: Vec<_> = own
            .iter()
            .filter(is_meant)
            .map(|t| (t.first, false))
            .collect();
        if meant.is_empty() {
            let global = program.always.iter().filter(is_meant);
            meant = global.map(|trigger| (trigger.first, true)).collect();
        }
        for (first, is_global) in meant {
            if self.entered == entered && self.phase == Phase::Running {
                self.start(now, first, is_global, None, budget);
            }
        }
    }

    /// Does all that is due, the earliest first.
    fn handle_deadline(&mut self, now: Now, budget: &mut u32) {
        while let Some(at) = self.poll_deadline()
            && at <= now.mono
            && self.phase == Phase::Running
        {
            let busy = self.busy.room();
            if let Some(index) = busy.late_answers.iter().position(|late| late.at == at) {
                let late = busy.late_answers.remove(index);
                busy.actions.push_back(Action::Respond {
                    rid: late.rid.into(),
                    status: late.status,
                    payload: late.payload,
                });
            } else if let Some(index) = busy.threads.iter().position(|t| t.wake == Wake::At(at)) {
                let thread = busy.threads.remove(index);
                self.run(now, thread, budget);
            } else if let Some(index) = self.timers.iter().position(|timer| timer.at == at) {
                self.fire(now, index, budget);
            }
        }
    }

    fn desired(&self) -> &Value {
        let memory = self.memory.get();
        memory.map_or(&Value::Null, |memory| &memory.desired)
    }

    fn about(&self, rid: Option<&str>, payload: &[u8]) -> About {
        let payload = if self.program.needs_payload {
            serde_json::from_slice(payload)
                .unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned().into())
        } else {
            Value::Null
        };
        About {
            rid: rid.map(Into::into),
            payload,
        }
    }
}

impl Busy {
    fn is_over(&self) -> bool {
        self.threads.is_empty() && self.late_answers.is_empty() && self.actions.is_empty()
    }

    fn poll_deadline(&self) -> Option<Instant> {
        let threads = self.threads.iter().filter_map(|thread| match thread.wake {
            Wake::At(at) => Some(at),
            Wake::Now | Wake::Stored => None,
        });
        let late = self.late_answers.iter().map(|answer| answer.at);
        threads.chain(late).min()
    }
}

/// JSON merge patch: null removes. (RFC 7386)
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(entries) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (key, value) in entries {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Steps of one event: no behaviour of people's has so many, one that goes round in circles does.
const STEPS_AT_ONCE_MAX: u32 = 1000;

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
