//! The one failure that tells most, kept while the run goes on: the failing device with the shortest
//! story, and the closest that any failing device came.

use std::sync::Arc;
use std::time::Duration;

use super::condition::{Kinds, Prepared, Test};
use super::device::Device;
use super::monitor::{Monitor, Rule};
use super::predicate;
use super::verdict::{Counterexample, Difference, TimeLineEntry};
use super::watched::Watched;
use super::words;
use crate::scenario::ast::Document;

/// What made a device fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The state at the anchor.
    Anchor,
    /// A fact.
    Fact,
    /// `within` was over.
    TooLate,
    /// Not a failure of its own: what should have come in time has come.
    CameLate,
    /// With this device there were so many at once.
    OneTooMany(u64),
    /// The run's end.
    End,
}

/// A device's failure at the moment it failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure<'a> {
    pub(super) rule: &'a Rule,
    pub(super) kinds: Kinds,
    pub(super) anchor: Duration,
    pub(super) monitor: &'a Monitor,
    pub(super) device: &'a Device,
    pub(super) now: Duration,
    pub(super) watched: &'a Watched,
    pub(super) cause: Cause,
}

/// What speaks against a check by now.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The conditions of `in-order`, in words.
    conditions: Vec<String>,
    best: Option<Candidate>,
    nearest: Option<Miss>,
}

#[derive(Debug)]
struct Candidate {
    facts: usize,
    device: Arc<str>,
    found: String,
    time_line: Vec<TimeLineEntry>,
    difference: Vec<Difference>,
}

/// How close a device came.
#[derive(Debug)]
struct Miss {
    /// Smaller is closer; what came late at all is closer than what did not come.
    distance: (bool, u128),
    words: String,
}

impl Evidence {
    /// For a check whose conditions, if they have an order, read so.
    pub(super) fn new(conditions: Vec<String>) -> Self {
        Self {
            conditions,
            ..Self::default()
        }
    }

    /// Takes a failure, and keeps it if it tells more than what there was.
    pub(super) fn offer(&mut self, failure: &Failure<'_>) {
        self.note_miss(failure);
        let device = &failure.device.name;
        if failure.cause == Cause::CameLate {
            if let Some(best) = &mut self.best
                && best.device == *device
            {
                best.found.push_str("; it came ");
                best.found.push_str(&failure.lateness());
                best.time_line = failure.device.story.time_line(failure.kinds);
            }
            return;
        }
        let facts = failure.device.story.len(failure.kinds);
        let tells_more = |best: &Candidate| (facts, device) < (best.facts, &best.device);
        if self.best.as_ref().is_none_or(tells_more) {
            self.best = Some(Candidate {
                facts,
                device: Arc::clone(device),
                found: failure.found(&self.conditions),
                time_line: failure.device.story.time_line(failure.kinds),
                difference: failure.difference(),
            });
        }
    }

    fn note_miss(&mut self, failure: &Failure<'_>) {
        let Some(distance) = failure.distance() else {
            return;
        };
        if self
            .nearest
            .as_ref()
            .is_none_or(|nearest| distance < nearest.distance)
        {
            let name = &failure.device.name;
            self.nearest = Some(Miss {
                distance,
                words: format!("{name} came {}", failure.nearness(&self.conditions)),
            });
        }
    }

    /// The counterexample, if any device failed. `most` says how many devices were in the condition
    /// of `at-once` at the most, and when.
    pub(super) fn counterexample(
        self,
        expected: String,
        most: Option<(u64, Duration)>,
        replay: Option<String>,
    ) -> Option<Counterexample> {
        let best = self.best?;
        let mut found = best.found;
        if let Some((most, at)) = most {
            let at = words::duration(at);
            found = format!("{found}; at the most there were {most}, at {at}");
        }
        Some(Counterexample {
            device: best.device.to_string(),
            expected,
            found,
            nearest_miss: self.nearest.map(|miss| miss.words),
            time_line: best.time_line,
            difference: best.difference,
            replay,
        })
    }
}

impl Failure<'_> {
    /// What was found, in words.
    fn found(&self, conditions: &[String]) -> String {
        let now = words::duration(self.now);
        let end = match self.cause {
            Cause::TooLate => format!("by {now}, when the time was over"),
            _ => format!("by {now}, when the run ended"),
        };
        match self.rule {
            Rule::Eventually { goal, .. } => {
                with_state(format!("it had not come {end}"), &self.state(goal))
            }
            Rule::Never(_) if self.cause == Cause::Anchor => {
                format!("it was so already at {now}, when the check began to count")
            }
            Rule::Never(goal) => with_state(format!("it was so at {now}"), &self.state(goal)),
            Rule::InOrder { goals, .. } => {
                let step = self.monitor.count as usize;
                let words = conditions.get(step).map_or("", String::as_str);
                let of = goals.len();
                let came = format!("step {} of {of} ({words}) had not come {end}", step + 1);
                let state = goals
                    .get(step)
                    .map_or_else(Vec::new, |goal| self.state(goal));
                let before = (step > 0).then(|| {
                    format!(
                        "; step {step} had come at {}",
                        words::duration(self.monitor.since)
                    )
                });
                with_state(came + &before.unwrap_or_default(), &state)
            }
            Rule::Stays { goal, lasts } => self.found_stays(goal, *lasts, &end),
            Rule::Times { goal, .. } => {
                let times = words::times(self.monitor.count);
                match (self.cause, self.monitor.count) {
                    (Cause::End, 0) => {
                        with_state(format!("it never became so {end}"), &self.state(goal))
                    }
                    (Cause::End, _) => format!("it became so {times} {end}"),
                    _ => format!("it became so {times}, the last time at {now}"),
                }
            }
            Rule::AtOnce { .. } => match self.cause {
                Cause::OneTooMany(together) => {
                    format!("with it there were {together} at once at {now}")
                }
                _ => "there were too many at once".to_owned(),
            },
        }
    }

    fn found_stays(&self, goal: &Test, lasts: Duration, end: &str) -> String {
        let lasted = words::duration(self.now.saturating_sub(self.monitor.since));
        let (since, now) = (
            words::duration(self.monitor.since),
            words::duration(self.now),
        );
        let lasts = words::duration(lasts);
        if self.cause != Cause::End {
            let broke = format!("it was so from {since} to {now}, {lasted} instead of {lasts}");
            return with_state(broke, &self.state(goal));
        }
        if self.monitor.is_true() {
            return format!("it was so from {since} and had lasted {lasted} of {lasts} {end}");
        }
        with_state(format!("it never became so {end}"), &self.state(goal))
    }

    /// How close it came; smaller is closer. `None` if that cannot be said.
    fn distance(&self) -> Option<(bool, u128)> {
        let distance = match (self.rule, self.cause) {
            (Rule::Eventually { .. } | Rule::InOrder { .. }, Cause::CameLate) => {
                return Some((false, self.overshoot().as_nanos()));
            }
            (Rule::InOrder { goals, .. }, _) if self.monitor.count > 0 => {
                goals.len() as u128 - u128::from(self.monitor.count)
            }
            (Rule::Stays { lasts, .. }, _) if self.has_lasted() => {
                lasts.saturating_sub(self.lasted()).as_nanos()
            }
            (Rule::Times { at_least, .. }, Cause::End) if self.monitor.count > 0 => {
                u128::from(at_least - self.monitor.count)
            }
            _ => return None,
        };
        Some((true, distance))
    }

    /// How close it came, in words after `pump-3 came`.
    fn nearness(&self, conditions: &[String]) -> String {
        match (self.rule, self.cause) {
            (Rule::Eventually { .. } | Rule::InOrder { .. }, Cause::CameLate) => self.lateness(),
            (Rule::InOrder { goals, .. }, _) => {
                let step = self.monitor.count as usize;
                let words = conditions
                    .get(step.wrapping_sub(1))
                    .map_or("", String::as_str);
                let at = words::duration(self.monitor.since);
                format!(
                    "as far as step {step} of {} ({words}), at {at}",
                    goals.len()
                )
            }
            (Rule::Stays { lasts, .. }, _) => {
                let (lasted, lasts) = (words::duration(self.lasted()), words::duration(*lasts));
                format!("closest: so for {lasted} of {lasts}")
            }
            (
                Rule::Eventually { .. } | Rule::Never(_) | Rule::Times { .. } | Rule::AtOnce { .. },
                _,
            ) => {
                format!("closest: so {}", words::times(self.monitor.count))
            }
        }
    }

    fn has_lasted(&self) -> bool {
        self.cause != Cause::End || self.monitor.is_true()
    }

    fn lasted(&self) -> Duration {
        self.now.saturating_sub(self.monitor.since)
    }

    fn overshoot(&self) -> Duration {
        let within = self.rule.within().unwrap_or_default();
        self.now.saturating_sub(self.anchor).saturating_sub(within)
    }

    /// `after 31.2 s, 1.2 s too late`
    fn lateness(&self) -> String {
        let after = words::duration(self.now.saturating_sub(self.anchor));
        format!(
            "after {after}, {} too late",
            words::duration(self.overshoot())
        )
    }

    /// The state that a condition looks at, in words.
    fn state(&self, goal: &Test) -> Vec<String> {
        let mut state = Vec::new();
        if !self.device.exists {
            return vec!["the device was no longer registered".to_owned()];
        }
        goal.condition.each_leaf(&mut |leaf| {
            let words = match leaf {
                Prepared::Path { place, .. } => {
                    let (document, keys) = self.watched.path(*place);
                    let path = words::path(document, keys);
                    match self.device.values.get(*place) {
                        Some(value) => format!("{path} was {}", words::json(value)),
                        None => format!("{path} was absent"),
                    }
                }
                Prepared::Version { document, .. } => {
                    let version = self.device.version(*document);
                    format!("{} was {version}", version_path(*document))
                }
                Prepared::Connected(_) if self.device.is_online => "it was connected".to_owned(),
                Prepared::Connected(_) => "it was not connected".to_owned(),
                _ => return,
            };
            if !state.contains(&words) {
                state.push(words);
            }
        });
        state
    }

    /// The values that are not as the failed condition wants them.
    fn difference(&self) -> Vec<Difference> {
        let goal = match self.rule {
            Rule::Eventually { goal, .. } | Rule::Stays { goal, .. } => goal,
            Rule::InOrder { goals, .. } => match goals.get(self.monitor.count as usize) {
                Some(goal) => goal,
                None => return Vec::new(),
            },
            // What is counted or forbidden has no one value to be expected.
            Rule::Never(_) | Rule::Times { .. } | Rule::AtOnce { .. } => return Vec::new(),
        };
        let mut differences = Vec::new();
        let leaves = expected_leaves(&goal.condition);
        for leaf in leaves {
            if leaf.holds(self.device, None) {
                continue;
            }
            let difference = match leaf {
                Prepared::Path { place, predicate } => {
                    let (document, keys) = self.watched.path(*place);
                    Difference {
                        path: words::path(document, keys),
                        expected: predicate::expectation(predicate).into_owned(),
                        found: self.device.values.get(*place).map(words::json),
                    }
                }
                Prepared::Version {
                    document,
                    predicate,
                } => Difference {
                    path: version_path(*document),
                    expected: predicate::expectation(predicate).into_owned(),
                    found: Some(self.device.version(*document).to_string()),
                },
                _ => continue,
            };
            differences.push(difference);
        }
        differences
    }
}

/// The leaves that are expected to hold; what stands below a `not` is not.
fn expected_leaves(condition: &Prepared) -> Vec<&Prepared> {
    match condition {
        Prepared::All(several) | Prepared::Any(several) => {
            several.iter().flat_map(expected_leaves).collect()
        }
        Prepared::Not(_) => Vec::new(),
        leaf => vec![leaf],
    }
}

fn version_path(document: Document) -> String {
    words::path(document, &["$version".to_owned()])
}

fn with_state(found: String, state: &[String]) -> String {
    if state.is_empty() {
        return found;
    }
    format!("{found}; {}", state.join(", "))
}
