//! Random lives of jobs, beside a reference that knows only what it told them: every device of every
//! job gets exactly one outcome, whatever is cancelled, runs out of time, or comes late.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hub_core::jobs::{JobOutput, JobSpec, JobStatus, Jobs, Operation, Run};
use hub_core::limits::JobLimits;
use hub_core::{EventKind, HubError};
use hub_proto::ids::DeviceId;
use hub_proto::time::Now;
use proptest::prelude::*;

use crate::support::*;

const ACTIVE: usize = 3;
const IN_FLIGHT: usize = 3;
const PER_SEARCH: usize = 2;

#[derive(Clone, Debug)]
enum Op {
    Create {
        name: u8,
        wait_s: u8,
        lasts_s: u8,
        targets: u8,
    },
    Cancel(u8),
    /// Answers the nth search that is open.
    Find {
        nth: usize,
        is_refused: bool,
    },
    /// Ends the nth operation that is open.
    End {
        nth: usize,
        is_good: bool,
    },
    Advance {
        seconds: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0_u8..6, prop::sample::select(&[0_u8, 0, 1, 5, 20][..]), 1_u8..30, 0_u8..8)
            .prop_map(|(name, wait_s, lasts_s, targets)| Op::Create {
                name, wait_s, lasts_s, targets
            }),
        1 => (0_u8..6).prop_map(Op::Cancel),
        8 => (0_usize..4, prop::bool::weighted(0.05))
            .prop_map(|(nth, is_refused)| Op::Find { nth, is_refused }),
        8 => (0_usize..4, prop::bool::weighted(0.7))
            .prop_map(|(nth, is_good)| Op::End { nth, is_good }),
        3 => (0_u8..12).prop_map(|seconds| Op::Advance { seconds }),
    ]
}

/// What the reference knows of a job.
#[derive(Default)]
struct Known {
    targets: usize,
    found: BTreeSet<DeviceId>,
    all_found: bool,
    refused: bool,
    cancelled: bool,
    starts_s: u64,
    ends_s: u64,
    /// Handed out.
    begun: BTreeSet<DeviceId>,
    /// What we said of it in time; `None` is well.
    said: BTreeMap<DeviceId, Option<&'static str>>,
    /// What the log says.
    logged: BTreeMap<DeviceId, Option<&'static str>>,
}

struct Pair {
    jobs: Jobs,
    now_s: u64,
    known: BTreeMap<String, Known>,
    searches: Vec<(Run, String, Option<DeviceId>)>,
    operations: Vec<(Operation, String, DeviceId)>,
}

fn target(number: usize) -> DeviceId {
    device(&format!("d{number}"))
}

impl Pair {
    fn new() -> Self {
        let limits = JobLimits {
            active: ACTIVE,
            operations_in_flight: IN_FLIGHT,
            targets_per_search: PER_SEARCH,
            ..JobLimits::default()
        };
        Self {
            jobs: Jobs::new(limits),
            now_s: 0,
            known: BTreeMap::new(),
            searches: Vec::new(),
            operations: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        at(self.now_s)
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Create {
                name,
                wait_s,
                lasts_s,
                targets,
            } => self.create(name, wait_s, lasts_s, targets),
            Op::Cancel(name) => self.cancel(&format!("j{name}")),
            Op::Find { nth, is_refused } => self.find(nth, is_refused),
            Op::End { nth, is_good } => self.end(nth, is_good),
            Op::Advance { seconds } => {
                let until = self.now_s + u64::from(seconds);
                while self.now_s < until {
                    self.now_s += 1;
                    self.run();
                }
            }
        }
        self.run();
        self.check();
    }

    fn create(&mut self, name: u8, wait_s: u8, lasts_s: u8, targets: u8) {
        let name = format!("j{name}");
        let starts_s = self.now_s + u64::from(wait_s);
        let spec = JobSpec {
            max_execution: Duration::from_secs(lasts_s.into()),
            ..starting(method_job(&name), starts_s.cast_signed())
        };
        let created = self.jobs.create(self.now(), spec);
        let is_active = |job: &&Known| !self.has_ended(job);
        if self.known.contains_key(&name) {
            assert!(matches!(created, Err(HubError::JobAlreadyExists(_))));
        } else if self.known.values().filter(is_active).count() >= ACTIVE {
            assert_eq!(created, Err(HubError::TooManyActiveJobs(ACTIVE)));
        } else {
            created.unwrap();
            let known = Known {
                targets: targets.into(),
                starts_s,
                ends_s: starts_s + u64::from(lasts_s),
                ..Known::default()
            };
            self.known.insert(name, known);
        }
    }

    fn cancel(&mut self, name: &str) {
        let cancelled = self.jobs.cancel(self.now(), &id(name));
        let (now_s, known) = (self.now_s, self.known.get_mut(name));
        match known {
            None => assert!(matches!(cancelled, Err(HubError::JobNotFound(_)))),
            // One that starts now has started: `run` was called since.
            Some(known) if known.starts_s > now_s && !known.cancelled => {
                assert_eq!(cancelled.unwrap().status, JobStatus::Cancelled);
                known.cancelled = true;
            }
            Some(_) => assert!(matches!(cancelled, Err(HubError::WrongState(_)))),
        }
    }

    fn find(&mut self, nth: usize, is_refused: bool) {
        if self.searches.is_empty() {
            return;
        }
        let (run, name, after) = self.searches.remove(nth % self.searches.len());
        let now = self.now();
        let known = self.known.get_mut(&name).unwrap();
        let is_late = known.ends_s <= self.now_s;
        if is_refused && after.is_none() {
            known.refused = !is_late;
            self.jobs.condition_refused(now, run, "bad".to_owned());
            return;
        }
        let all = (0..known.targets).map(target);
        let page: Vec<DeviceId> = all
            .filter(|target| after.as_ref().is_none_or(|after| target > after))
            .take(PER_SEARCH)
            .collect();
        let is_last = page.len() < PER_SEARCH;
        if !is_late {
            known.found.extend(page.iter().cloned());
            known.all_found = is_last;
        }
        self.jobs.targets_found(now, run, page, is_last);
    }

    fn end(&mut self, nth: usize, is_good: bool) {
        if self.operations.is_empty() {
            return;
        }
        let (operation, name, device) = self.operations.remove(nth % self.operations.len());
        let known = self.known.get_mut(&name).unwrap();
        if known.ends_s > self.now_s {
            let error = (!is_good).then_some("DeviceNotOnline");
            assert_eq!(known.said.insert(device, error), None);
        }
        let result = if is_good {
            answered("{}")
        } else {
            Err(HubError::DeviceNotOnline)
        };
        self.jobs.operation_ended(self.now(), operation, result);
    }

    fn run(&mut self) {
        let now = self.now();
        if self.jobs.poll_deadline().is_some_and(|due| due <= now.mono) {
            self.jobs.handle_deadline(now);
        }
        while let Some(output) = self.jobs.poll_output(now) {
            match output {
                JobOutput::FindTargets {
                    run, spec, after, ..
                } => self.searches.push((run, spec.id.to_string(), after)),
                JobOutput::Operate {
                    operation,
                    device,
                    spec,
                } => {
                    let name = spec.id.to_string();
                    let known = self.known.get_mut(&name).unwrap();
                    assert!(known.all_found && known.found.contains(&device));
                    assert!(known.ends_s > self.now_s, "an expired job begins nothing");
                    assert!(known.begun.insert(device.clone()), "begun twice");
                    self.operations.push((operation, name, device));
                }
                JobOutput::Event(event) => {
                    let EventKind::DeviceJobEnded(end) = event.kind else {
                        panic!("jobs tell of device jobs alone");
                    };
                    let known = self.known.get_mut(end.job.as_str()).unwrap();
                    let before = known
                        .logged
                        .insert(event.client.device_id().clone(), end.error);
                    assert_eq!(before, None, "one outcome for each device");
                }
            }
            assert!(self.operations.len() <= IN_FLIGHT);
        }
    }

    fn has_ended(&self, known: &Known) -> bool {
        let is_done = known.all_found && known.said.len() == known.found.len();
        known.cancelled || known.refused || is_done || known.ends_s <= self.now_s
    }

    fn expected_status(&self, known: &Known) -> JobStatus {
        if known.cancelled {
            JobStatus::Cancelled
        } else if known.starts_s > self.now_s {
            // The two differ by the time of making, which the reference does not keep.
            JobStatus::Scheduled
        } else if known.refused || (known.ends_s <= self.now_s && !known.all_found) {
            JobStatus::Failed
        } else if self.has_ended(known) {
            JobStatus::Completed
        } else {
            JobStatus::Running
        }
    }

    fn check(&self) {
        for (name, known) in &self.known {
            let job = self.jobs.job(&id(name)).unwrap();
            let waits = |status| match status {
                JobStatus::Queued => JobStatus::Scheduled,
                status => status,
            };
            assert_eq!(waits(job.status), self.expected_status(known), "{name}");
            let mut expected = known.said.clone();
            if known.ends_s <= self.now_s && !known.refused {
                for device in &known.found {
                    expected
                        .entry(device.clone())
                        .or_insert(Some("GatewayTimeout"));
                }
            }
            assert_eq!(known.logged, expected, "{name}");
            let rows = self.jobs.rows(None);
            let rows: BTreeMap<DeviceId, Option<&str>> = rows
                .filter(|(_, row)| row.job.id.as_str() == name && row.ended.is_some())
                .map(|(_, row)| (row.device.clone(), row.error.map(|error| error.code.name())))
                .collect();
            assert_eq!(rows, expected, "{name}");
            if let Some(statistics) = job.statistics {
                assert_eq!(statistics.devices(), known.found.len());
                let failed = expected.values().flatten().count();
                assert_eq!(statistics.failed, failed);
                assert_eq!(statistics.succeeded, expected.len() - failed);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn every_device_of_every_job_gets_one_outcome(ops in prop::collection::vec(op(), 1..60)) {
        // JOB-2, JOB-4, JOB-7, JOB-8, JOB-9
        let mut pair = Pair::new();
        for op in &ops {
            pair.apply(op);
        }
        // In the end everything is over, whatever was left open.
        pair.apply(&Op::Advance { seconds: 60 });
        for known in pair.known.values() {
            prop_assert!(pair.has_ended(known));
        }
    }
}
