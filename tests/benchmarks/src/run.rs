//! Interleaved rounds of a figure, and what comes of them.

use anyhow::Context;

use crate::bench::Bench;
use crate::figure::{Against, Comparison, Contestant, Figure, Needs};
use crate::report;
use crate::sample::{Measure, Sample, median};

/// A figure, measured.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) figure: &'static Figure,
    pub(crate) measured: Vec<Measured>,
}

/// What one contestant did, round by round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) contestant: &'static Contestant,
    pub(crate) rounds: Vec<Sample>,
}

/// Both sides of a comparison: medians, and the median of the ratios within each round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compared {
    pub(crate) ours: f64,
    pub(crate) theirs: Option<f64>,
    /// What the goal is on: the ratio, or ours where there is no other.
    pub(crate) held: f64,
}

/// Measures a figure; contestants that lack something are left out aloud.
pub(crate) fn run(figure: &'static Figure, bench: &Bench, rounds: u32) -> anyhow::Result<Outcome> {
    let mut measured = Vec::new();
    for contestant in figure.contestants {
        match missing(contestant, bench) {
            Some(missing) => report::left_out(figure, contestant, &missing),
            None => measured.push(Measured {
                contestant,
                rounds: Vec::new(),
            }),
        }
    }
    for round in 1..=rounds {
        for one in &mut measured {
            report::progress(figure, one.contestant, round, rounds);
            let sample = (one.contestant.measure)(bench);
            let what = || format!("measuring {} on {}", figure.name, one.contestant.name);
            one.rounds.push(sample.with_context(what)?);
        }
    }
    Ok(Outcome { figure, measured })
}

fn missing(contestant: &Contestant, bench: &Bench) -> Option<String> {
    match contestant.needs {
        Needs::Mosquitto if bench.mosquitto.is_none() => {
            Some("mosquitto is not installed; --install-peers does so".to_owned())
        }
        Needs::Feature(feature, false) => Some(format!("built without --features {feature}")),
        Needs::Nothing | Needs::Mosquitto | Needs::Feature(_, true) => None,
    }
}

impl Measured {
    /// The median over the rounds.
    pub(crate) fn median(&self, measure: Measure) -> Option<f64> {
        median(
            self.rounds
                .iter()
                .filter_map(|it| it.value(measure))
                .collect(),
        )
    }
}

impl Outcome {
    fn of(&self, name: &str) -> Option<&Measured> {
        self.measured.iter().find(|it| it.contestant.name == name)
    }

    /// What a comparison gives; nothing if a side of it was left out.
    pub(crate) fn compare(&self, comparison: &Comparison) -> Option<Compared> {
        let measure = comparison.measure;
        let ours = self.of(comparison.ours)?;
        let our_median = ours.median(measure)?;
        let Against::Contestant(peer) = comparison.against else {
            return Some(Compared {
                ours: our_median,
                theirs: None,
                held: our_median,
            });
        };
        let theirs = self.of(peer)?;
        let in_each_round = ours.rounds.iter().zip(&theirs.rounds);
        let ratios = in_each_round
            .filter_map(|(ours, theirs)| Some(ours.value(measure)? / theirs.value(measure)?));
        Some(Compared {
            ours: our_median,
            theirs: theirs.median(measure),
            held: median(ratios.collect())?,
        })
    }
}
