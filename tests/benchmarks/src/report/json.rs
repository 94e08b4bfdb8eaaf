//! Everything, for programs: every sample of every round, and every comparison.

use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::figure::{Against, Goal};
use crate::machine::Machine;
use crate::run::{Measured, Outcome};
use crate::sample::{Measure, Sample};

pub(crate) fn write_json(
    file: &Path,
    machine: &Machine,
    outcomes: &[Outcome],
) -> anyhow::Result<()> {
    let figures: Vec<_> = outcomes.iter().map(outcome).collect();
    let document = json!({ "machine": machine.to_json(), "figures": figures });
    let text = serde_json::to_string_pretty(&document)?;
    std::fs::write(file, text + "\n").with_context(|| format!("writing {}", file.display()))
}

fn outcome(outcome: &Outcome) -> Value {
    let figure = outcome.figure;
    let comparisons = figure.comparisons.iter().map(|comparison| {
        let compared = outcome.compare(comparison);
        let (goal, bound) = match comparison.goal {
            Goal::AtMost(most) => (Some("atMost"), Some(most)),
            Goal::AtLeast(least) => (Some("atLeast"), Some(least)),
            Goal::None => (None, None),
        };
        let peer = match comparison.against {
            Against::Contestant(name) => Some(name),
            Against::Nobody => None,
        };
        json!({
            "measure": comparison.measure.label(),
            "ours": comparison.ours,
            "peer": peer,
            "oursValue": compared.map(|it| it.ours),
            "peerValue": compared.and_then(|it| it.theirs),
            "ratio": compared.filter(|it| it.theirs.is_some()).map(|it| it.held),
            "goal": goal.map(|goal| json!({ goal: bound })),
            "isReached": compared.and_then(|it| comparison.goal.is_reached_by(it.held)),
        })
    });
    json!({
        "name": figure.name,
        "about": figure.about,
        "servers": outcome.measured.iter().map(measured).collect::<Vec<_>>(),
        "comparisons": comparisons.collect::<Vec<_>>(),
    })
}

fn measured(measured: &Measured) -> Value {
    json!({
        "name": measured.contestant.name,
        "median": values(|measure| measured.median(measure)),
        "rounds": measured.rounds.iter().map(sample).collect::<Vec<_>>(),
    })
}

fn sample(sample: &Sample) -> Value {
    values(|measure| sample.value(measure))
}

fn values(value: impl Fn(Measure) -> Option<f64>) -> Value {
    let told = Measure::ALL
        .into_iter()
        .filter_map(|measure| Some((measure.label().to_owned(), value(measure)?.into())));
    Value::Object(told.collect::<Map<_, _>>())
}
