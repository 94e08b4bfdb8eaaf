//! Counts the facts that a matcher means, as the log goes on; finds the one that nearly is one.

use std::collections::VecDeque;
use std::sync::Arc;

use hub_core::event::Event;

use super::matcher::{Calls, Matcher};
use crate::event_log::EventLog;

/// How many there shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    AtLeast(u64),
    AtMost(u64),
    Exactly(u64),
}

impl Count {
    pub(super) fn holds(self, count: u64) -> bool {
        match self {
            Self::AtLeast(least) => count >= least,
            Self::AtMost(most) => count <= most,
            Self::Exactly(exact) => count == exact,
        }
    }

    /// Whether no further event could change the answer.
    pub(super) fn is_settled(self, count: u64) -> bool {
        match self {
            Self::AtLeast(least) => count >= least,
            Self::AtMost(bound) | Self::Exactly(bound) => count > bound,
        }
    }

    pub(super) fn words(self) -> String {
        match self {
            Self::AtLeast(count) => format!("at least {count}"),
            Self::AtMost(count) => format!("at most {count}"),
            Self::Exactly(count) => format!("exactly {count}"),
        }
    }
}

/// A matcher that has looked at the log up to some event.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) matcher: Matcher,
    pub(super) since: u64,
    calls: Calls,
    /// The last event looked at.
    pub(super) looked_until: u64,
    pub(super) count: u64,
    /// The first of those found.
    pub(super) found: Vec<(u64, Arc<Event>)>,
    /// How many events fell out of the log before they were looked at.
    pub(super) missed: u64,
}

impl Watch {
    /// Of events numbered above `since`.
    pub(super) fn new(log: &EventLog, matcher: Matcher, since: u64) -> Self {
        let calls = match matcher.method {
            Some(_) => Calls::at(log, since),
            None => Calls::default(),
        };
        Self {
            matcher,
            since,
            calls,
            looked_until: since,
            count: 0,
            found: Vec::new(),
            missed: 0,
        }
    }

    /// Looks at what has happened up to now.
    pub(super) async fn catch_up(&mut self, log: &EventLog) {
        let newest = log.newest();
        while self.looked_until < newest {
            let page = log.read(self.looked_until, PAGE_EVENTS);
            self.missed += page.missed;
            self.looked_until += page.missed;
            for (seq, event) in page.events {
                self.looked_until = seq;
                let method = self.calls.method(&event);
                if self.matcher.matches(seq, &event, method.as_deref()) {
                    self.count += 1;
                    if self.found.len() < FOUND_MAX {
                        self.found.push((seq, event));
                    }
                }
            }
            // Devices do not wait behind a long look.
            tokio::task::yield_now().await;
        }
    }

    /// The event that differs least from what is meant, the newest of several, and how it differs.
    pub(super) async fn nearest(&self, log: &EventLog) -> Option<Miss> {
        let (mut calls, mut after) = (Calls::default(), self.since);
        if self.matcher.method.is_some() {
            calls = Calls::at(log, self.since);
        }
        let (mut weight_min, mut near) = (u32::MAX, VecDeque::new());
        while after < self.looked_until {
            let page = log.read(after, PAGE_EVENTS);
            let Some((last, _)) = page.events.last() else {
                break;
            };
            after = *last;
            for (seq, event) in page.events {
                let method = calls.method(&event);
                let differences = self.matcher.head_differences(&event, method.as_deref());
                let weight = differences.iter().map(|(weight, _)| weight).sum();
                if weight < weight_min {
                    (weight_min, near) = (weight, VecDeque::new());
                }
                if weight == weight_min {
                    near.push_back((seq, event, differences));
                    if near.len() > NEAR_MAX {
                        near.pop_front();
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        let misses = near.into_iter().rev().map(|(seq, event, head)| {
            let mut differences: Vec<_> = head.into_iter().map(|(_, words)| words).collect();
            differences.extend(self.matcher.inside_differences(seq, &event));
            Miss {
                seq,
                event,
                differences,
            }
        });
        let misses = misses.filter(|miss| !miss.differences.is_empty());
        misses.min_by_key(|miss| miss.differences.len())
    }
}

/// An event that is nearly what is meant.
#[derive(Debug)]
pub(super) struct Miss {
    pub(super) seq: u64,
    pub(super) event: Arc<Event>,
    pub(super) differences: Vec<String>,
}

const PAGE_EVENTS: usize = 256;
/// Events that an answer shows.
const FOUND_MAX: usize = 50;
/// Candidates that are looked into.
const NEAR_MAX: usize = 256;
