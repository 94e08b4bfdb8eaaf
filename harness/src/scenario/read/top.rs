//! The outermost mapping, and the parts that includes bring along.

use std::time::Duration;

use hub_core::Lags;
use hub_core::throttle::Scale;

use super::checks::check;
use super::condition::transposed;
use super::fleet::cohort;
use super::steps::step;
use crate::scenario::ast::{HubSpec, Scenario};
use crate::scenario::fields::{Fields, Mistakes};
use crate::scenario::keys;
use crate::scenario::node::{Entry, Kind, Node, found};
use crate::scenario::span::Source;
use crate::scenario::variables::Variables;

/// What the main file and its includes hold together, before variables are filled in.
#[derive(Debug, Default)]
pub(in crate::scenario) struct Parts {
    pub(in crate::scenario) variables: Vec<Entry>,
    pub(in crate::scenario) fleet: Vec<Entry>,
    pub(in crate::scenario) steps: Vec<Node>,
    pub(in crate::scenario) checks: Vec<Node>,
}

impl Parts {
    /// Adds what one file holds.
    pub(in crate::scenario) fn add(&mut self, fields: &Fields<'_>, mistakes: &mut Mistakes) {
        let mapping = |key: &str, mistakes: &mut Mistakes| match fields.get(key) {
            None => Vec::new(),
            Some(Node {
                kind: Kind::Map(entries),
                ..
            }) => entries.clone(),
            Some(node) => {
                let message = format!(
                    "`{key}` is a mapping of names, but {} is given",
                    found(node)
                );
                mistakes.add(node.place, message);
                Vec::new()
            }
        };
        self.variables.extend(mapping("variables", mistakes));
        self.fleet.extend(mapping("fleet", mistakes));
        self.steps.extend(list(fields, "steps", mistakes));
        self.checks.extend(list(fields, "checks", mistakes));
    }
}

fn list(fields: &Fields<'_>, key: &str, mistakes: &mut Mistakes) -> Vec<Node> {
    match fields.get(key) {
        None => Vec::new(),
        Some(Node {
            kind: Kind::List(items),
            ..
        }) => items.clone(),
        Some(node) => {
            let message = format!("`{key}` is a list, but {} is given", found(node));
            mistakes.add(node.place, message);
            Vec::new()
        }
    }
}

/// What is read into one scenario.
#[derive(Debug)]
pub(in crate::scenario) struct Top<'a> {
    pub(in crate::scenario) fields: &'a Fields<'a>,
    pub(in crate::scenario) parts: &'a Parts,
    pub(in crate::scenario) sources: &'a [Source],
    /// The file's, if it names itself no other way.
    pub(in crate::scenario) name: &'a str,
}

/// One scenario with one set of variables.
pub(in crate::scenario) fn scenario(
    top: &Top<'_>,
    variables: &mut Variables,
    mistakes: &mut Mistakes,
) -> Read {
    let mut filled = |node: &Node, mistakes: &mut Mistakes| {
        let span = node.place;
        let filled = variables.fill(node, mistakes);
        if filled.is_none() {
            let message = "with its variables filled in, the scenario is too large";
            if mistakes
                .all
                .iter()
                .all(|mistake| mistake.message != message)
            {
                mistakes.add(span, message);
            }
        }
        filled
    };
    let mut get = |key, mistakes: &mut Mistakes| {
        let node = top.fields.get(key)?;
        Some(filled(node, mistakes))
    };
    let name = get("name", mistakes).map(|node| mistakes.text(&node?, "`name`"));
    let about = get("about", mistakes).map(|node| mistakes.text(&node?, "`about`"));
    let tags = get("tags", mistakes).map(|node| tags(&node?, mistakes));
    let seed = get("seed", mistakes).map(|node| mistakes.whole(&node?, "`seed`", 0..=u64::MAX));
    let clock = get("clock", mistakes).map(|node| mistakes.word(&node?, "clock", keys::CLOCKS));
    let hub = get("hub", mistakes).map(|node| hub(&node?, mistakes));
    let fleet: Vec<_> = top
        .parts
        .fleet
        .iter()
        .map(|(name, node)| cohort(name, &filled(node, mistakes)?, mistakes))
        .collect();
    let mut each = |nodes: &[Node], mistakes: &mut Mistakes| -> Vec<Option<Node>> {
        nodes.iter().map(|node| filled(node, mistakes)).collect()
    };
    let steps: Vec<_> = each(&top.parts.steps, mistakes)
        .into_iter()
        .map(|node| step(&node?, mistakes))
        .collect();
    let checks: Vec<_> = each(&top.parts.checks, mistakes)
        .into_iter()
        .map(|node| check(&node?, mistakes))
        .collect();
    Read {
        fleet_is_whole: fleet.iter().all(Option::is_some),
        steps_are_whole: steps.iter().all(Option::is_some),
        scenario: Scenario {
            sources: top.sources.to_vec(),
            name: name
                .flatten()
                .map_or_else(|| top.name.to_owned(), |name| name.value),
            about: about.flatten().map(|about| about.value),
            tags: tags.flatten().unwrap_or_default(),
            seed: seed.flatten().unwrap_or(SEED),
            clock: clock.flatten().unwrap_or_default(),
            hub: hub.flatten().unwrap_or_default(),
            fleet: fleet.into_iter().flatten().collect(),
            steps: steps.into_iter().flatten().collect(),
            checks: checks.into_iter().flatten().collect(),
        },
    }
}

/// What could be read. Only without a mistake is it the scenario that was meant; with mistakes it is
/// what further ones can be found in.
#[derive(Debug)]
pub(in crate::scenario) struct Read {
    pub(in crate::scenario) scenario: Scenario,
    /// Every cohort was read, so that a name that is not there is a mistake.
    pub(in crate::scenario) fleet_is_whole: bool,
    /// Every step was read.
    pub(in crate::scenario) steps_are_whole: bool,
}

fn tags(node: &Node, mistakes: &mut Mistakes) -> Option<Vec<String>> {
    let Kind::List(items) = &node.kind else {
        let message = format!("`tags` is a list of words, but {} is given", found(node));
        mistakes.add_with_help(node.place, message, "write it as `[nightly, slow]`");
        return None;
    };
    items
        .iter()
        .map(|item| mistakes.text(item, "a tag").map(|tag| tag.value))
        .collect()
}

fn hub(node: &Node, mistakes: &mut Mistakes) -> Option<HubSpec> {
    let fields = Fields::of(node, &keys::HUB, mistakes)?;
    let mut spec = HubSpec {
        scale: scale(&fields, mistakes)?,
        ..HubSpec::default()
    };
    if let Some(node) = fields.get("sas-grace") {
        let grace = Fields::of(node, &keys::SAS_GRACE, mistakes)?;
        let connect = grace
            .get("connect")
            .map(|node| mistakes.duration(node, "`connect`"));
        let live = grace
            .get("live")
            .map(|node| mistakes.duration(node, "`live`"));
        spec.sas_connect_grace = transposed(connect)?;
        spec.sas_live_grace = transposed(live)?;
    }
    let query = lag(&fields, "query-lag", mistakes);
    let connection_state = lag(&fields, "connection-state-lag", mistakes);
    spec.lags = Lags {
        query: query?,
        connection_state: connection_state?,
    };
    Some(spec)
}

/// One that is not given is none.
fn lag(fields: &Fields<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Duration> {
    let Some(node) = fields.get(key) else {
        return Some(Duration::ZERO);
    };
    let lag = mistakes.duration(node, &format!("`{key}`"))?;
    if lag > Lags::MAX {
        let message = format!("`{key}` is a day at most, but {} is given", found(node));
        mistakes.add(node.place, message);
        return None;
    }
    Some(lag)
}

/// `tier` with its `units`; the inner `None`: there is none.
#[expect(clippy::option_option, reason = "the outer one is a mistake told")]
fn scale(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<Option<Scale>> {
    let units = fields.get("units");
    let Some(tier) = fields.get("tier") else {
        if let Some(units) = units {
            mistakes.add_with_help(
                units.place,
                "`units` of no tier",
                "write `tier: S1` beside it",
            );
            return None;
        }
        return Some(None);
    };
    let tier = mistakes.word(tier, "tier", keys::TIERS)?;
    let Some(node) = units else {
        return Some(Some(Scale::one(tier)));
    };
    let units = mistakes.whole(node, &format!("`units` of {tier}"), 1..=tier.units_max())?;
    let scale = Scale::new(tier, units);
    scale
        .map(Some)
        .map_err(|error| mistakes.add(node.place, error.to_string()))
        .ok()
}

/// Devices of one cohort, and of a fleet.
pub(in crate::scenario) const DEVICES_MAX: u32 = 1_000_000;
/// Default of `seed`.
const SEED: u64 = 1;
