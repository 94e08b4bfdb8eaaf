//! The judge itself: facts come in by order, each goes straight to its device and the rules still
//! open there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::activity::Activity;
use super::check::{Check, Scene};
use super::condition::{Kinds, Moment};
use super::device::Device;
use super::membership::{Membership, ReplayContext};
use super::observed::{Observed, What};
use super::story::{self, Budget, Call};
use super::verdict::{CheckResult, CohortSummary, Latency, WavePoint};
use super::watched::{PathIndex, Watched};
use super::wave::Wave;
use crate::scenario::ast::{self, Document, Target};

/// Judges the checks of one run. Call [`Judge::observe`], [`Judge::step_started`] and
/// [`Judge::advance`] in the order of time, then [`Judge::finish`] once.
#[derive(Debug)]
pub struct Judge {
    pub(super) now: Duration,
    /// When something is next decided without a fact.
    wakes_at: Option<Duration>,
    pub(super) devices: Vec<Device>,
    /// Looked up, never listed.
    places: HashMap<Arc<str>, u32>,
    /// Those of the scenario, then those that steps wait for.
    pub(super) checks: Vec<Check>,
    /// How many of them are the scenario's.
    judged: usize,
    /// Places of waits that are over.
    pub(super) free: Vec<u16>,
    pub(super) watched: Watched,
    /// Where a device's status for the wave is looked for, the first that is text.
    status_paths: Vec<PathIndex>,
    /// Which kinds of fact any check speaks of.
    kinds: Kinds,
    /// The same of any check or wait.
    pub(super) asked: Kinds,
    /// Whether a check's step has not started yet, so that every device's story may be asked for.
    is_step_awaited: bool,
    budget: Budget,
    wave: Wave,
    activity: Activity,
}

impl Judge {
    /// A judge of these checks over these devices, at the scenario's start.
    pub fn new(checks: &[ast::Check], members: &Membership) -> Self {
        let mut roll = Roll::new(members);
        let mut watched = Watched::default();
        let mut judged = Vec::with_capacity(checks.len());
        for (index, check) in checks.iter().enumerate() {
            let devices = roll.targets(index, &check.on, members);
            judged.push(Check::new(check, devices, &mut watched));
        }
        let status_paths = status_paths(&mut watched);
        let cohorts = members.cohorts.iter();
        let kinds = judged.iter().map(Check::kinds);
        let kinds = kinds.fold(Kinds::NONE, Kinds::and);
        let mut judge = Self {
            now: Duration::ZERO,
            wakes_at: None,
            kinds,
            asked: kinds,
            judged: judged.len(),
            free: Vec::new(),
            checks: judged,
            watched,
            status_paths,
            is_step_awaited: true,
            budget: Budget::default(),
            wave: Wave::new(roll.devices.len()),
            activity: Activity::new(cohorts.map(|(name, ids)| (name.clone(), ids.len() as u64))),
            devices: roll.devices,
            places: roll.places,
        };
        judge.anchor(None);
        judge
    }

    /// Anchors every check that counts from this step. What was observed before this call lies
    /// before the anchor, so hand over everything the hub has logged so far first. Of a step that
    /// starts several times (`repeat`) the first start counts.
    pub fn step_started(&mut self, name: &str, at: Duration) {
        self.advance(at);
        self.anchor(Some(name));
    }

    fn anchor(&mut self, step: Option<&str>) {
        for index in 0..self.judged {
            if self.checks[index].is_anchored_by(step) {
                self.start(index);
            }
        }
        self.is_step_awaited = !self.checks.iter().all(Check::is_anchored);
        self.set_alarm();
    }

    /// Counts a check from now on.
    pub(super) fn start(&mut self, index: usize) {
        let scene = Scene {
            now: self.now,
            devices: &self.devices,
            watched: &self.watched,
        };
        let check = &mut self.checks[index];
        let open = check.start(scene);
        let devices: Vec<u32> = check.devices().collect();
        let index = u16::try_from(index).expect("fewer than 65,536 checks");
        for place in open {
            let device = devices[place as usize] as usize;
            self.devices[device].open.push((index, place));
        }
    }

    /// A device's place.
    pub(super) fn place_of(&self, device: &str) -> Option<u32> {
        self.places.get(device).copied()
    }

    fn set_alarm(&mut self) {
        self.wakes_at = self.checks.iter().filter_map(Check::wakes_at).min();
    }

    /// Takes the next fact. Facts of devices that are not in the plan are passed over.
    pub fn observe(&mut self, observed: &Observed) {
        self.advance(observed.at);
        let Some(place) = self.places.get(&observed.device).copied() else {
            return;
        };
        let what = &observed.what;
        let device = &mut self.devices[place as usize];
        let call = self.activity.observe(place, device, what, self.now);
        let link_before = device.exists.then_some(device.is_online);
        device.apply(what, &self.watched);
        let link_now = device.exists.then_some(device.is_online);
        self.wave.link(self.now, link_before, link_now);
        if matches!(what, What::Reported { .. } | What::Created | What::Deleted) {
            let values = self
                .status_paths
                .iter()
                .map(|path| device.values.get(*path));
            let status = values.flatten().find_map(|value| value.as_str());
            device.status = self.wave.status(self.now, device.status, status);
        }
        let is_open = self.is_step_awaited || !device.open.is_empty();
        if is_open && story::is_kept(what, self.kinds) {
            let call = call.as_ref().map(|call| Call {
                method: &call.method,
                took: self.now.saturating_sub(call.since),
            });
            device
                .story
                .keep(observed, self.now, call, &mut self.budget);
        }
        let moment = Moment {
            what,
            method: call.as_ref().map(|call| &*call.method),
        };
        self.ask(place, &moment);
    }

    /// Asks the monitors open on a device; the decided ones drop out.
    fn ask(&mut self, place: u32, moment: &Moment<'_>) {
        let kinds = Kinds::of(moment.what);
        if !kinds.meets(self.asked) {
            return;
        }
        let place = place as usize;
        let mut open = std::mem::take(&mut self.devices[place].open);
        let before = open.len();
        let scene = Scene {
            now: self.now,
            devices: &self.devices,
            watched: &self.watched,
        };
        let device = &self.devices[place];
        let mut wakes_at = self.wakes_at;
        open.retain(|(index, monitor)| {
            let check = &mut self.checks[usize::from(*index)];
            let is_open = check.ask(*monitor, kinds, device, moment, scene);
            wakes_at = wakes_at.into_iter().chain(check.wakes_at()).min();
            is_open
        });
        self.wakes_at = wakes_at;
        let device = &mut self.devices[place];
        if open.is_empty() && before > 0 && !self.is_step_awaited {
            device.story.forget(&mut self.budget);
        }
        device.open = open;
    }

    /// Says that time has passed without an event, so that deadlines can be decided.
    pub fn advance(&mut self, at: Duration) {
        // A log told by several nodes may be a little out of order; time does not run back.
        self.now = self.now.max(at);
        if self.wakes_at.is_none_or(|wakes_at| wakes_at > self.now) {
            return;
        }
        let scene = Scene {
            now: self.now,
            devices: &self.devices,
            watched: &self.watched,
        };
        for check in &mut self.checks {
            check.advance(scene);
        }
        self.set_alarm();
    }

    /// Whether there is nothing left to wait for. Rules that forbid (`never`, `at-most`, `at-once`)
    /// hold as long as the run lasts and do not prolong it.
    pub fn is_settled(&self) -> bool {
        self.judged().all(Check::is_settled)
    }

    /// The latest time that a running `within` or `stays` still needs: after `advance` to it they
    /// are decided. `None` if none is running.
    pub fn undecided_until(&self) -> Option<Duration> {
        self.judged().filter_map(Check::undecided_until).max()
    }

    /// The scenario's checks, of which the verdict speaks.
    fn judged(&self) -> impl Iterator<Item = &Check> {
        self.checks[..self.judged].iter()
    }

    /// How things stand, for a live view.
    pub fn tally(&self) -> Tally {
        Tally {
            checks: self.judged().map(Check::tally).collect(),
            states: self.wave.now(),
        }
    }

    /// What is held of devices not decided yet.
    #[cfg(test)]
    pub(super) fn open_rules_and_kept_facts(&self) -> (usize, usize) {
        let open = self.devices.iter().map(|device| device.open.len());
        (open.sum(), self.budget.used())
    }

    /// Ends the run: what has not come by now does not come.
    pub fn finish(mut self, at: Duration, context: &ReplayContext) -> Judgement {
        self.advance(at);
        let scene = Scene {
            now: self.now,
            devices: &self.devices,
            watched: &self.watched,
        };
        let checks = self.checks.into_iter().take(self.judged);
        let checks = checks.map(|check| check.finish(scene, context)).collect();
        let (cohorts, phases) = self.activity.finish();
        Judgement {
            checks,
            cohorts,
            wave: self.wave.finish(self.now),
            phases,
        }
    }
}

/// The devices while they are entered, each once.
struct Roll {
    devices: Vec<Device>,
    places: HashMap<Arc<str>, u32>,
}

impl Roll {
    fn new(members: &Membership) -> Self {
        let mut roll = Self {
            devices: Vec::new(),
            places: HashMap::new(),
        };
        for (cohort, (_, ids)) in members.cohorts.iter().enumerate() {
            for id in ids {
                roll.place(id, Some(cohort));
            }
        }
        roll
    }

    fn place(&mut self, id: &Arc<str>, cohort: Option<usize>) -> u32 {
        if let Some(place) = self.places.get(id) {
            return *place;
        }
        let place = u32::try_from(self.devices.len()).expect("fewer than 2^32 devices");
        self.places.insert(Arc::clone(id), place);
        self.devices.push(Device::new(Arc::clone(id), cohort));
        place
    }

    /// The places of the devices a check is about.
    fn targets(&mut self, index: usize, target: &Target, members: &Membership) -> Vec<u32> {
        let drawn = members.drawn.get(&index).map_or(&[][..], Vec::as_slice);
        let of_cohort = |name: &str| {
            let cohort = members.cohorts.iter().find(|(cohort, _)| cohort == name);
            cohort.map_or(&[][..], |(_, ids)| ids.as_slice())
        };
        let alone;
        let ids = match target {
            Target::Cohort(cohort) => of_cohort(&cohort.value),
            Target::Share { .. } => drawn,
            Target::Device(device) => {
                alone = [Arc::from(device.value.as_str())];
                &alone
            }
            Target::All => {
                let all = members.cohorts.iter().flat_map(|(_, ids)| ids);
                return all.map(|id| self.place(id, None)).collect();
            }
        };
        ids.iter().map(|id| self.place(id, None)).collect()
    }
}

/// The wave shows the first reported path that a check watches and that ends in `status`, else those
/// of the reboot tutorials.
fn status_paths(watched: &mut Watched) -> Vec<PathIndex> {
    let is_status = |(document, keys): &(Document, &[String])| {
        let last = keys.last().map(|key| key.to_ascii_lowercase());
        *document == Document::Reported && last.is_some_and(|last| last.ends_with("status"))
    };
    let found = watched
        .iter()
        .find(is_status)
        .map(|(_, keys)| keys.to_vec());
    if let Some(keys) = found {
        return vec![watched.index(Document::Reported, &keys)];
    }
    let tutorials: [&[&str]; 2] = [&["status"], &["iothubDM", "reboot", "status"]];
    let path = |keys: &&[&str]| {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        watched.index(Document::Reported, &keys)
    };
    tutorials.iter().map(path).collect()
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The checks in the order of the file.
    pub checks: Vec<CheckTally>,
    /// Devices by state, as in the wave.
    pub states: BTreeMap<String, u64>,
}

/// How one check stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckTally {
    /// In words.
    pub name: String,
    /// Devices judged.
    pub devices: u64,
    /// Devices that have passed for good.
    pub passed: u64,
    /// Devices that have failed for good.
    pub failed: u64,
    /// Devices still open.
    pub pending: u64,
    /// Whether its step has started.
    pub started: bool,
    /// Whether too many devices have failed for it to pass.
    pub lost: bool,
}

/// What the judge adds to a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The checks in the order of the file.
    pub checks: Vec<CheckResult>,
    /// The cohorts in the order of the file.
    pub cohorts: Vec<CohortSummary>,
    /// Devices by state over time.
    pub wave: Vec<WavePoint>,
    /// `method` (called to answered) and `offline` (link lost to link up), where there were any.
    pub phases: BTreeMap<String, Latency>,
}
