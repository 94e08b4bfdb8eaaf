//! Runs lists of actions: one step after the other, until one waits.

use std::sync::Arc;
use std::time::Duration;

use hub_proto::time::Now;
use serde_json::Value;

use super::{About, Action, Busy, LateAnswer, Machine, Phase, Thread, Timer, Wake};
use crate::behaviour::{Body, Scope, Span, Step, Template, Test, Trigger, When, unit};

/// What becomes of a thread after a step.
enum Flow {
    Next,
    To(u32),
    Pause(Wake),
    Enter(u16),
    End,
}

impl Machine {
    /// The first step of the trigger that `is_meant` chooses, the state's own before `always`.
    pub(super) fn find(&self, is_meant: impl Fn(&When) -> bool) -> Option<(u32, bool)> {
        let first = |triggers: &[Trigger]| {
            let found = triggers.iter().find(|trigger| is_meant(&trigger.when));
            found.map(|trigger| trigger.first)
        };
        let own = first(&self.program.states[usize::from(self.state)].triggers);
        own.map(|first| (first, false))
            .or_else(|| first(&self.program.always).map(|first| (first, true)))
    }

    pub(super) fn trigger(
        &mut self,
        now: Now,
        when: &When,
        about: Option<Box<About>>,
        budget: &mut u32,
    ) {
        if let Some((first, is_global)) = self.find(|known| known == when) {
            self.start(now, first, is_global, about, budget);
        }
    }

    pub(super) fn start(
        &mut self,
        now: Now,
        first: u32,
        is_global: bool,
        about: Option<Box<About>>,
        budget: &mut u32,
    ) {
        let thread = Thread {
            next: first,
            is_global,
            wake: Wake::Now,
            about,
        };
        self.run(now, thread, budget);
    }

    /// Enters a state; what led to it is still known there.
    pub(super) fn enter(
        &mut self,
        now: Now,
        state: u16,
        about: Option<Box<About>>,
        budget: &mut u32,
    ) {
        if let Some(thread) = self.change_state(now, state, about) {
            self.run(now, thread, budget);
        }
    }

    fn change_state(&mut self, now: Now, state: u16, about: Option<Box<About>>) -> Option<Thread> {
        self.state = state;
        self.entered = self.entered.wrapping_add(1);
        if let Some(busy) = self.busy.get_mut() {
            busy.threads.retain(|thread| thread.is_global);
        }
        self.timers.retain(|timer| timer.is_global);
        let program = Arc::clone(&self.program);
        let triggers = &program.states[usize::from(state)].triggers;
        self.set_timers(now, triggers, false);
        let enter = triggers.iter().find(|t| t.when == When::Enter)?;
        Some(Thread {
            next: enter.first,
            is_global: false,
            wake: Wake::Now,
            about,
        })
    }

    pub(super) fn set_timers(&mut self, now: Now, triggers: &[Trigger], is_global: bool) {
        let is_timed = |trigger: &&Trigger| matches!(trigger.when, When::After(_) | When::Every(_));
        // Often one, which a vector left to itself gives the room of four.
        self.timers
            .reserve_exact(triggers.iter().filter(is_timed).count());
        for (index, trigger) in triggers.iter().enumerate() {
            if let When::After(span) | When::Every(span) = trigger.when {
                let at = now.mono + self.draw(span);
                let trigger = u16::try_from(index).expect("triggers are bounded");
                self.timers.push(Timer {
                    at,
                    trigger,
                    is_global,
                });
            }
        }
    }

    pub(super) fn fire(&mut self, now: Now, index: usize, budget: &mut u32) {
        let program = Arc::clone(&self.program);
        let Timer {
            at,
            trigger,
            is_global,
        } = self.timers[index];
        let triggers = if is_global {
            &program.always
        } else {
            &program.states[usize::from(self.state)].triggers
        };
        let trigger = &triggers[usize::from(trigger)];
        match trigger.when {
            // From the time it was due: a beat that is heard late does not drift.
            When::Every(span) => {
                let next = at + self.draw(span);
                self.timers[index].at = next.max(now.mono + SPAN_MIN);
            }
            _ => {
                self.timers.remove(index);
            }
        }
        self.start(now, trigger.first, is_global, None, budget);
    }

    /// Goes on with what waited for its reports.
    pub(super) fn wake_stored(&mut self, now: Now, budget: &mut u32) {
        while self.open_reports == 0
            && let Some(Busy { threads, .. }) = self.busy.get_mut()
            && let Some(index) = threads.iter().position(|t| t.wake == Wake::Stored)
        {
            let thread = threads.remove(index);
            self.run(now, thread, budget);
        }
    }

    fn want(&mut self, action: Action) {
        self.busy.room().actions.push_back(action);
    }

    /// Runs a thread until it waits or ends.
    pub(super) fn run(&mut self, now: Now, mut thread: Thread, budget: &mut u32) {
        let program = Arc::clone(&self.program);
        loop {
            let Some(left) = budget.checked_sub(1) else {
                return self.stop();
            };
            *budget = left;
            let step = &program.steps[thread.next as usize];
            match self.step(now, step, thread.about.as_deref()) {
                Flow::Next => thread.next += 1,
                Flow::To(next) => thread.next = next,
                Flow::Pause(wake) => {
                    thread.next += 1;
                    thread.wake = wake;
                    let threads = &mut self.busy.room().threads;
                    if threads.len() < THREADS_MAX {
                        threads.push(thread);
                    } else {
                        let what = "actions: too many lists wait";
                        self.want(Action::Drop { what });
                    }
                    return;
                }
                Flow::Enter(state) => match self.change_state(now, state, thread.about.take()) {
                    Some(enter) => thread = enter,
                    None => return,
                },
                Flow::End => return,
            }
        }
    }

    fn stop(&mut self) {
        let reason = format!(
            "more than {} actions at once, in state {:?}",
            super::STEPS_AT_ONCE_MAX,
            self.state()
        );
        self.phase = Phase::Stopped;
        let busy = self.busy.room();
        busy.threads.clear();
        busy.late_answers.clear();
        self.timers.clear();
        self.want(Action::Stop { reason });
    }

    fn step(&mut self, now: Now, step: &Step, about: Option<&About>) -> Flow {
        match step {
            Step::Answer {
                status,
                payload,
                after,
            } => self.answer(now, about, status, payload, *after),
            Step::Patch(patch) => {
                let patch = patch.to_json(&mut self.scope(now, about));
                self.open_reports = self.open_reports.saturating_add(1);
                self.want(Action::Report { patch });
            }
            Step::Send { body, properties } => {
                let mut scope = self.scope(now, about);
                let body = match body {
                    Body::Text(text) => text.to_plain(&mut scope),
                    Body::Json(json) => json.to_json(&mut scope),
                };
                let properties = properties
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_plain(&mut scope)))
                    .collect();
                self.want(Action::Send { body, properties });
            }
            Step::Disconnect => self.go(Action::GoOffline),
            Step::Vanish => self.go(Action::Vanish),
            Step::Connect => self.want(Action::GoOnline),
            Step::Wait(span) => return Flow::Pause(Wake::At(now.mono + self.draw(*span))),
            Step::WaitForStored if self.open_reports > 0 => return Flow::Pause(Wake::Stored),
            Step::WaitForStored => {}
            Step::Goto(state) => return Flow::Enter(*state),
            Step::Set(variable, value) => {
                let json = value.to_json(&mut self.scope(now, about));
                if json.len() > VARIABLE_BYTES_MAX {
                    let what = "the setting of a variable: its value is too long";
                    self.want(Action::Drop { what });
                } else {
                    let value = serde_json::from_str(&json).unwrap_or(Value::Null);
                    *self.variable(*variable) = value;
                }
            }
            Step::Add(variable, value) => {
                let value = value.to_value(&mut self.scope(now, about));
                let variable = self.variable(*variable);
                *variable = sum(variable, &value);
            }
            Step::Mark(mark) => self.mark(now, *mark),
            Step::Chance(table) => {
                let total = table.last().map_or(0.0, |(end, _)| *end);
                let drawn = unit(&mut self.random) * total;
                let chosen = table.iter().find(|(end, _)| drawn < *end);
                return chosen.map_or(Flow::Next, |(_, first)| Flow::To(*first));
            }
            Step::Unless { test, otherwise } => {
                if !self.holds(now, test, about) {
                    return Flow::To(*otherwise);
                }
            }
            Step::Jump(next) => return Flow::To(*next),
            Step::End => return Flow::End,
        }
        Flow::Next
    }

    /// The process is gone: what it had under way with the hub is forgotten.
    fn go(&mut self, action: Action) {
        self.open_reports = 0;
        self.busy.room().late_answers.clear();
        self.want(action);
    }

    fn mark(&mut self, now: Now, mark: u16) {
        let marks = &mut self.memory.room().marks;
        if marks.is_empty() {
            *marks = vec![None; self.program.marks.len()].into();
        }
        marks[usize::from(mark)] = Some(now.wall);
    }

    fn variable(&mut self, variable: u16) -> &mut Value {
        let variables = &mut self.memory.room().variables;
        if variables.is_empty() {
            let first_values = self.program.variables.iter();
            *variables = first_values.map(|(_, value)| value.clone()).collect();
        }
        &mut variables[usize::from(variable)]
    }

    pub(super) fn answer_by_default(&mut self, now: Now, about: &About) {
        let program = Arc::clone(&self.program);
        let (status, payload) = &program.default_answer;
        self.answer(now, Some(about), status, payload, None);
    }

    /// Answers the call that the thread is about; without a call there is nothing to answer.
    fn answer(
        &mut self,
        now: Now,
        about: Option<&About>,
        status: &Template,
        payload: &Template,
        after: Option<Span>,
    ) {
        let Some(rid) = about.and_then(|about| about.rid.as_deref()) else {
            return;
        };
        let mut scope = self.scope(now, about);
        let status = whole(&status.to_value(&mut scope)).unwrap_or(STATUS_OF_NONSENSE);
        let payload = payload.to_json(&mut scope);
        match after {
            None => self.want(Action::Respond {
                rid: rid.to_owned(),
                status,
                payload,
            }),
            Some(_) if self.busy.room().late_answers.len() == THREADS_MAX => {
                let what = "an answer: too many are late";
                self.want(Action::Drop { what });
            }
            Some(span) => {
                let at = now.mono + self.draw(span);
                self.busy.room().late_answers.push(LateAnswer {
                    at,
                    rid: rid.into(),
                    status,
                    payload,
                });
            }
        }
    }

    fn holds(&mut self, now: Now, test: &Test, about: Option<&About>) -> bool {
        let mut scope = self.scope(now, about);
        match test {
            Test::Equals(that, other) => that.to_value(&mut scope) == other.to_value(&mut scope),
            Test::Matches(that, glob) => {
                matches(&that.to_plain(&mut scope), &glob.to_plain(&mut scope))
            }
            Test::Exists(that, exists) => that.to_value(&mut scope).is_null() != *exists,
        }
    }

    fn scope<'a>(&'a mut self, now: Now, about: Option<&'a About>) -> Scope<'a> {
        let memory = self.memory.get();
        Scope {
            now,
            device_id: &self.who.device_id,
            number: self.who.number,
            payload: about.map_or(&Value::Null, |about| &about.payload),
            desired: memory.map_or(&Value::Null, |memory| &memory.desired),
            marks: memory.map_or(&[], |memory| &memory.marks),
            variables: memory.map_or(&[], |memory| &memory.variables),
            first_values: &self.program.variables,
            random: &mut self.random,
        }
    }

    fn draw(&mut self, span: Span) -> Duration {
        span.draw(&mut self.random).max(SPAN_MIN)
    }
}

fn whole(value: &Value) -> Option<i32> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        other => other.as_i64()?,
    };
    i32::try_from(number).ok()
}

/// Whole if both are; what is no number counts as 0.
fn sum(one: &Value, other: &Value) -> Value {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one.saturating_add(other).into(),
        _ => (one.as_f64().unwrap_or(0.0) + other.as_f64().unwrap_or(0.0)).into(),
    }
}

/// `*` stands for any text, `?` for one character.
fn matches(text: &str, glob: &str) -> bool {
    let (text, glob): (Vec<char>, Vec<char>) = (text.chars().collect(), glob.chars().collect());
    let (mut at, mut in_glob) = (0, 0);
    // Where the last star stood, and how far the text was then.
    let mut star = None;
    while at < text.len() {
        match glob.get(in_glob) {
            Some('*') => {
                star = Some((in_glob, at));
                in_glob += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[at] => {
                at += 1;
                in_glob += 1;
            }
            _ => match star {
                Some((star_at, from)) => {
                    star = Some((star_at, from + 1));
                    (at, in_glob) = (from + 1, star_at + 1);
                }
                None => return false,
            },
        }
    }
    glob[in_glob..].iter().all(|rest| *rest == '*')
}

/// Lists that may wait at a time, and answers that may be late.
const THREADS_MAX: usize = 16;
/// A variable can be set to itself twice over, and again.
const VARIABLE_BYTES_MAX: usize = 64 * 1024;
/// Nothing waits shorter, so that time always passes.
const SPAN_MIN: Duration = Duration::from_millis(1);
/// Of an answer whose `status` came out as no number.
const STATUS_OF_NONSENSE: i32 = 500;
