//! A device's recent facts in words, kept in bounds: the raw material of a counterexample's time line.

use std::collections::VecDeque;
use std::time::Duration;

use super::condition::Kinds;
use super::observed::{Observed, What};
use super::verdict::{TimeLineEntry, whole_ms};
use super::words;

/// Facts kept of a device at most.
const FACTS: usize = 64;
/// Facts kept of a device once [`Budget`] is used up.
const FACTS_WHEN_SHORT: usize = 8;
/// Facts kept of all devices together: about 100 bytes each.
const FACTS_TOGETHER: usize = 2_000_000;

/// How many facts are kept, of all devices together.
#[derive(Debug, Default)]
pub(super) struct Budget {
    used: usize,
}

#[cfg(test)]
impl Budget {
    pub(super) fn used(&self) -> usize {
        self.used
    }
}

/// One device's facts, oldest first; the oldest go first.
#[derive(Debug, Default)]
pub(super) struct Story {
    facts: VecDeque<Fact>,
}

#[derive(Debug)]
struct Fact {
    at: Duration,
    seq: u64,
    kinds: Kinds,
    words: Box<str>,
}

/// A method call that a fact speaks of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    /// Since it was called.
    pub(super) took: Duration,
}

impl Story {
    /// Keeps a fact, in words.
    pub(super) fn keep(
        &mut self,
        observed: &Observed,
        at: Duration,
        call: Option<Call<'_>>,
        budget: &mut Budget,
    ) {
        let Some(words) = fact_in_words(&observed.what, call) else {
            return;
        };
        let most = if budget.used < FACTS_TOGETHER {
            FACTS
        } else {
            FACTS_WHEN_SHORT
        };
        if self.facts.len() >= most {
            self.facts.pop_front();
            budget.used -= 1;
        }
        budget.used += 1;
        self.facts.push_back(Fact {
            at,
            seq: observed.seq,
            kinds: told_with(&observed.what),
            words: words.into_boxed_str(),
        });
    }

    /// Forgets everything: nobody will ask any more.
    pub(super) fn forget(&mut self, budget: &mut Budget) {
        budget.used -= self.facts.len();
        self.facts = VecDeque::new();
    }

    /// How many facts matter to a rule about `kinds`.
    pub(super) fn len(&self, kinds: Kinds) -> usize {
        self.facts.iter().filter(|fact| fact.matters(kinds)).count()
    }

    /// The facts that matter to a rule about `kinds`.
    pub(super) fn time_line(&self, kinds: Kinds) -> Vec<TimeLineEntry> {
        let facts = self.facts.iter().filter(|fact| fact.matters(kinds));
        let entry = |fact: &Fact| TimeLineEntry {
            at_ms: whole_ms(fact.at),
            seq: fact.seq,
            what: fact.words.to_string(),
        };
        facts.map(entry).collect()
    }
}

impl Fact {
    /// Messages come in crowds and matter only to rules about messages; all else tells of the device.
    fn matters(&self, kinds: Kinds) -> bool {
        self.kinds == Kinds::NONE || self.kinds.meets(kinds)
    }
}

/// With which rules alone a fact is told; `NONE` if with all.
fn told_with(what: &What) -> Kinds {
    match what {
        What::Telemetry { .. } => Kinds::TELEMETRY,
        What::C2dEnqueued { .. } | What::C2dDelivered { .. } | What::C2dSettled { .. } => {
            Kinds::C2D
        }
        _ => Kinds::NONE,
    }
}

/// Whether a fact is worth keeping for rules that together speak of `kinds`.
pub(super) fn is_kept(what: &What, kinds: Kinds) -> bool {
    let only = told_with(what);
    *what != What::Other && (only == Kinds::NONE || only.meets(kinds))
}

/// A fact in words, as in a time line.
pub(super) fn fact_in_words(what: &What, call: Option<Call<'_>>) -> Option<String> {
    let method = call.map_or_else(
        || "a method".to_owned(),
        |call| format!("method {}", call.method),
    );
    let after = call.map_or_else(String::new, |call| {
        format!(" after {}", words::duration(call.took))
    });
    Some(match what {
        What::Created => "registered".to_owned(),
        What::Updated { enabled: true } => "enabled".to_owned(),
        What::Updated { enabled: false } => "disabled".to_owned(),
        What::Deleted => "removed from the registry".to_owned(),
        What::Connected {
            session_present: true,
        } => "connected, session resumed".to_owned(),
        What::Connected {
            session_present: false,
        } => "connected".to_owned(),
        What::Disconnected { reason } => disconnected(reason),
        What::Reported { version, patch } => {
            format!("reported {} (version {version})", words::json(patch))
        }
        What::Desired { version, patch } => {
            format!(
                "desired changed by {} (version {version})",
                words::json(patch)
            )
        }
        What::Tags { patch } => format!("tags changed by {}", words::json(patch)),
        What::MethodInvoked { name, .. } => format!("method {name} called"),
        What::MethodDelivered { .. } => format!("{method} handed over{after}"),
        What::MethodAnswered { status, .. } => format!("{method} answered {status}{after}"),
        What::MethodFailed { code, .. } => format!("{method} failed with {code}{after}"),
        What::MethodAnswerIgnored => "answered a method call that was not open".to_owned(),
        What::Telemetry { body } => format!("sent {}", words::brief(body)),
        What::C2dEnqueued { sequence } => format!("message {sequence} queued for it"),
        What::C2dDelivered {
            sequence,
            deliveries: 1,
        } => format!("message {sequence} handed over"),
        What::C2dDelivered {
            sequence,
            deliveries,
        } => format!("message {sequence} handed over, {deliveries} times by now"),
        What::C2dSettled { sequence, outcome } => format!("message {sequence} {outcome}"),
        What::DeviceJobEnded { job, error: None } => format!("its part of job {job} done"),
        What::DeviceJobEnded {
            job,
            error: Some(code),
        } => format!("its part of job {job} failed with {code}"),
        What::Other => return None,
    })
}

/// The reasons are those of docs/ADMIN.md.
fn disconnected(reason: &str) -> String {
    match reason {
        "goodbye" => "disconnected by itself",
        "lost" => "connection lost",
        "keepAlive" => "disconnected: silent for longer than its keep-alive allows",
        "takenOver" => "disconnected: a newer connection took its place",
        "credentialExpired" => "disconnected: its token expired",
        "credentialRevoked" => "disconnected: its policy was changed",
        "disabled" => "disconnected: its identity was disabled",
        "deleted" => "disconnected: its identity was removed",
        "violation" => "disconnected: it broke the protocol",
        "slowReader" => "disconnected: it read too slowly",
        "throttled" => "disconnected: it was throttled",
        "quotaExceeded" => "disconnected: the messages of the day are used up",
        "shutdown" => "disconnected: the hub stopped",
        other => return format!("disconnected: {}", words::brief(other)),
    }
    .to_owned()
}
