//! Cohorts of devices.

use std::time::Duration;

use super::condition::transposed;
use crate::scenario::ast::{Arrival, Cohort, Network, Transport};
use crate::scenario::fields::{Fields, Mistakes, word};
use crate::scenario::ids::IdPattern;
use crate::scenario::keys;
use crate::scenario::node::{Key, Node, found, quote};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::values;

/// One entry of `fleet:`.
pub(super) fn cohort(name: &Key, node: &Node, mistakes: &mut Mistakes) -> Option<Cohort> {
    if name.text == "all" || name.text.is_empty() {
        let message = format!("{} is no name for a cohort", quote(&name.text));
        mistakes.add(name.place, message);
    }
    let fields = Fields::of(node, &keys::COHORT, mistakes)?;
    let count = fields.get("count").map_or(Some(1), |node| {
        mistakes.whole(node, "`count`", 1..=super::top::DEVICES_MAX)
    });
    let id = fields.get("id").map(|node| mistakes.text(node, "`id`"));
    let behaviour = fields
        .require("behaviour", mistakes)
        .and_then(|node| mistakes.text(node, "`behaviour`"));
    let with = fields
        .get("with")
        .map_or(Some(Vec::new()), |node| with(node, mistakes));
    let arrive = fields
        .get("arrive")
        .map_or(Some(Arrival::Burst), |node| arrival(node, mistakes));
    let network = fields
        .get("network")
        .map_or(Some(Network::default()), |node| network(node, mistakes));
    let transport = fields
        .get("transport")
        .map_or(Some(Transport::Auto), |node| {
            mistakes.word(node, "transport", keys::TRANSPORTS)
        });
    let token_life = fields.get("token-life").map_or(Some(TOKEN_LIFE), |node| {
        at_least_a_second(node, "`token-life`", mistakes)
    });
    let autostart = fields
        .get("autostart")
        .map_or(Some(true), |node| mistakes.boolean(node, "`autostart`"));
    let id = transposed(id)?.unwrap_or_else(|| Spanned {
        value: format!("{}-{{n}}", name.text),
        span: name.place,
    });
    check_ids(&id, count?, mistakes);
    let cohort = Cohort {
        name: Spanned {
            value: name.text.clone(),
            span: name.place,
        },
        count: count?,
        id: id.value,
        behaviour: behaviour?,
        with: with?,
        arrive: arrive?,
        network: network?,
        transport: transport?,
        token_life: token_life?,
        autostart: autostart?,
    };
    if !cohort.is_external() {
        return Some(cohort);
    }
    for (key, _) in fields.entries(|key| keys::OF_VIRTUAL_DEVICES.contains(&key)) {
        let message = format!(
            "{} is for virtual devices; these are run by somebody else",
            quote(&key.text)
        );
        mistakes.add(key.place, message);
    }
    Some(Cohort {
        autostart: false,
        ..cohort
    })
}

/// The last id is the longest; its characters are those of all.
fn check_ids(id: &Spanned<String>, count: u32, mistakes: &mut Mistakes) {
    let pattern = match IdPattern::parse(&id.value) {
        Ok(pattern) => pattern,
        Err(problem) => {
            mistakes.add(id.span, format!("the id {} {problem}", quote(&id.value)));
            return;
        }
    };
    if count > 1 && !pattern.is_numbered() {
        let message = format!(
            "{count} devices cannot all have the id {}",
            quote(&id.value)
        );
        mistakes.add_with_help(id.span, message, "put `{n}` where the device's number goes");
    }
    if let Err(error) = hub_proto::ids::DeviceId::parse(&pattern.id(count)) {
        mistakes.add(id.span, format!("no device can have this id: {error}"));
    }
}

fn with(node: &Node, mistakes: &mut Mistakes) -> Option<Vec<(String, serde_json::Value)>> {
    let Some(entries) = node.entries() else {
        let message = format!(
            "`with` is a mapping of parameters, but {} is given",
            found(node)
        );
        mistakes.add(node.place, message);
        return None;
    };
    entries
        .iter()
        .map(|(key, node)| Some((key.text.clone(), mistakes.json(node)?)))
        .collect()
}

fn arrival(node: &Node, mistakes: &mut Mistakes) -> Option<Arrival> {
    let text = mistakes.text(node, "`arrive`")?.value;
    if text == "burst" {
        return Some(Arrival::Burst);
    }
    if let Some(rate) = values::rate(&text) {
        return Some(Arrival::Rate(rate));
    }
    let over = text
        .strip_prefix("over ")
        .map(|rest| values::duration(rest.trim()));
    if let Some(Ok(over)) = over
        && !over.is_zero()
    {
        return Some(Arrival::Over(over));
    }
    let message = format!("{} is no way to arrive", found(node));
    mistakes.add_with_help(node.place, message, "write `burst`, `500/s` or `over 10s`");
    None
}

fn network(node: &Node, mistakes: &mut Mistakes) -> Option<Network> {
    let Some(_) = node.entries() else {
        let named = node.scalar().and_then(|name| word(keys::NETWORKS, name));
        let Some((least_ms, most_ms, cuts_per_hour)) = named else {
            return mistakes.word(node, "network", keys::NETWORKS).and(None);
        };
        return Some(Network {
            delay_least: Duration::from_millis(least_ms),
            delay_most: Duration::from_millis(most_ms),
            cuts_per_minute: cuts_per_hour / 60.0,
        });
    };
    let fields = Fields::of(node, &keys::NETWORK, mistakes)?;
    let least = fields
        .get("delay-least")
        .map(|node| mistakes.duration(node, "`delay-least`"));
    let most = fields
        .get("delay-most")
        .map(|node| mistakes.duration(node, "`delay-most`"));
    let cuts = fields
        .get("cuts-per-minute")
        .map_or(Some(0.0), |node| cuts(node, mistakes));
    let delay_least = transposed(least)?.unwrap_or_default();
    let delay_most = transposed(most)?.unwrap_or(delay_least);
    orderly_delays(node.place, delay_least, delay_most, mistakes);
    Some(Network {
        delay_least,
        delay_most,
        cuts_per_minute: cuts?,
    })
}

fn cuts(node: &Node, mistakes: &mut Mistakes) -> Option<f64> {
    let cuts = mistakes.number(node, "`cuts-per-minute`")?;
    if !(0.0..=1.0).contains(&cuts) {
        let message = format!(
            "`cuts-per-minute` is a chance from 0 to 1, but {} is given",
            found(node)
        );
        mistakes.add(node.place, message);
        return None;
    }
    Some(cuts)
}

fn orderly_delays(span: Span, least: Duration, most: Duration, mistakes: &mut Mistakes) {
    if least > most {
        let message =
            format!("the shortest delay, {least:?}, is longer than the longest, {most:?}");
        mistakes.add(span, message);
    }
    if most > DELAY_MAX {
        mistakes.add(
            span,
            format!("a delay of {most:?} is longer than {DELAY_MAX:?}"),
        );
    }
}

fn at_least_a_second(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Duration> {
    let duration = mistakes.duration(node, what)?;
    if duration < Duration::from_secs(1) {
        let message = format!("{what} is at least a second, but {} is given", found(node));
        mistakes.add(node.place, message);
        return None;
    }
    Some(duration)
}

/// Default of `token-life`.
const TOKEN_LIFE: Duration = Duration::from_hours(1);
/// One way.
const DELAY_MAX: Duration = Duration::from_mins(1);
