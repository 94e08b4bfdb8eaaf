//! How long a tier takes for a load, and how much of a day's messages it costs. Pure: knows the throttles,
//! neither scenarios nor how a table looks.

use hub_core::throttle::{Row, Scale, Shaping};
use serde::Serialize;

/// What a fleet does in all, counted as the throttles count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Identities to register.
    pub registered: f64,
    /// Connections, the first and every later one.
    pub connects: f64,
    /// Method calls, in blocks of 4 KB.
    pub methods: f64,
    /// Changes of twins, by devices and by the service.
    pub twin_updates: f64,
    /// Twins read.
    pub twin_reads: f64,
    /// Messages from devices.
    pub messages: f64,
    /// Pages of queries.
    pub queries: f64,
}

/// One phase on one tier.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseTime {
    /// In words.
    pub phase: &'static str,
    /// How much there is of it.
    pub count: f64,
    /// What the tier does a minute; absent: the tier has no such thing.
    pub per_minute: Option<u64>,
    /// How long it takes at least, after a minute's worth at once; absent likewise.
    pub seconds: Option<f64>,
}

/// A load on one tier.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// `S1`
    pub tier: &'static str,
    /// Units.
    pub units: u16,
    /// Every phase there is anything of.
    pub phases: Vec<PhaseTime>,
    /// The phase that takes longest, if any takes longer than no time.
    pub binds: Option<&'static str>,
    /// Messages charged: each thing as one, methods as two.
    pub messages: f64,
    /// Messages that the tier takes a day.
    pub messages_per_day: u64,
}

impl Load {
    /// The phases in the order of a fleet's life.
    fn phases(&self) -> [(&'static str, Row, f64); 7] {
        [
            ("register", Row::Registry, self.registered),
            ("connect", Row::Connections, self.connects),
            ("method", Row::Methods, self.methods),
            ("twin updates", Row::TwinUpdates, self.twin_updates),
            ("twin reads", Row::TwinReads, self.twin_reads),
            ("telemetry", Row::DeviceToCloud, self.messages),
            ("queries", Row::Queries, self.queries),
        ]
    }

    /// What it comes to on a hub of that scale.
    pub fn on(&self, scale: Scale) -> Estimate {
        let burst_s = Shaping::default().burst.as_secs_f64();
        let mut phases = Vec::new();
        for (phase, row, count) in self.phases() {
            if count <= 0.0 {
                continue;
            }
            let per_minute = row.rate(scale).map(hub_core::throttle::Rate::per_minute);
            #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^52")]
            let seconds = per_minute.map(|rate| (count / (rate as f64 / 60.0) - burst_s).max(0.0));
            phases.push(PhaseTime {
                phase,
                count,
                per_minute,
                seconds,
            });
        }
        let slowest = phases
            .iter()
            .filter(|one| one.seconds.is_some_and(|seconds| seconds > 0.0))
            .max_by(|one, other| {
                one.seconds
                    .unwrap_or(0.0)
                    .total_cmp(&other.seconds.unwrap_or(0.0))
            });
        Estimate {
            tier: scale.tier().name(),
            units: scale.units(),
            binds: slowest.map(|one| one.phase),
            messages: 2.0 * self.methods
                + self.twin_updates
                + self.twin_reads
                + self.messages
                + self.queries,
            messages_per_day: scale.messages_per_day(),
            phases,
        }
    }
}

#[cfg(test)]
mod tests {
    use hub_core::throttle::Tier;

    use super::*;

    fn seconds(load: Load, tier: Tier) -> Vec<(&'static str, Option<f64>)> {
        let phases = load.on(Scale::one(tier)).phases;
        phases.iter().map(|one| (one.phase, one.seconds)).collect()
    }

    #[test]
    fn a_phase_takes_its_count_over_the_rate_less_the_first_minute() {
        // LIM-8
        let load = Load {
            registered: 10_000.0,
            connects: 100_000.0,
            methods: 2_400.0,
            ..Load::default()
        };
        assert_eq!(
            seconds(load, Tier::S1),
            [
                ("register", Some(5_940.0)),
                ("connect", Some(940.0)),
                ("method", Some(0.0))
            ]
        );
        let estimate = load.on(Scale::one(Tier::S1));
        assert_eq!(estimate.binds, Some("register"));
        assert!((estimate.messages - 4_800.0).abs() < 0.1);
    }

    #[test]
    fn a_basic_tier_has_no_methods_whatever_their_number() {
        // LIM-8
        let load = Load {
            methods: 1.0,
            ..Load::default()
        };
        assert_eq!(seconds(load, Tier::B1), [("method", None)]);
        assert_eq!(load.on(Scale::one(Tier::B1)).binds, None);
    }
}
