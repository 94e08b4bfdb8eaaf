//! What a fleet did, counted and measured.
//!
//! Durations count from when something was meant to begin, not from when the driver got round to it:
//! a driver that is late must not flatter the hub ("coordinated omission"). Whether it was late is
//! measured too. Knows neither devices nor how numbers are shown.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// A part of a device's life that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// From the meant start of a dial to the open socket.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// The WebSocket handshake.
    WebSocket,
    /// From CONNECT to CONNACK.
    Connect,
    /// From CONNACK to SUBACK.
    Subscribe,
    /// From the meant start of a dial to being online: all of the above.
    Online,
    /// From asking for the twin to having it.
    TwinGet,
    /// From reporting to the acknowledgement.
    TwinAck,
    /// From the arrival of a method call to the answer's sending.
    MethodHandling,
    /// From sending telemetry to the acknowledgement.
    MessageAck,
}

impl Phase {
    /// All of them, in the order of a device's life.
    pub const ALL: [Self; 10] = [
        Self::Tcp,
        Self::Tls,
        Self::WebSocket,
        Self::Connect,
        Self::Subscribe,
        Self::Online,
        Self::TwinGet,
        Self::TwinAck,
        Self::MethodHandling,
        Self::MessageAck,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::WebSocket => "webSocket",
            Self::Connect => "connect",
            Self::Subscribe => "subscribe",
            Self::Online => "online",
            Self::TwinGet => "twinGet",
            Self::TwinAck => "twinAck",
            Self::MethodHandling => "methodHandling",
            Self::MessageAck => "messageAck",
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Devices in the plan.
    pub devices: u64,
    /// Devices that were started, each time.
    pub started: u64,
    /// Devices that run now.
    pub running: u64,
    /// Devices that are online now.
    pub online: u64,
    /// Connections tried.
    pub dials: u64,
    /// Connections that came to no socket.
    pub dial_failures: u64,
    /// CONNACK 0.
    pub connects: u64,
    /// Times a device came online.
    pub onlines: u64,
    /// Connections lost, not closed.
    pub losses: u64,
    /// Method calls heard.
    pub method_calls: u64,
    /// Method calls answered.
    pub answers: u64,
    /// Reports sent.
    pub reports: u64,
    /// Reports stored.
    pub reports_stored: u64,
    /// Twins read.
    pub twins_read: u64,
    /// Twin requests refused.
    pub twin_refusals: u64,
    /// Changes of desired properties heard.
    pub desired_changes: u64,
    /// Telemetry sent.
    pub messages_sent: u64,
    /// Telemetry acknowledged.
    pub messages_acknowledged: u64,
    /// Cloud-to-device messages heard.
    pub messages_received: u64,
    /// Devices whose behaviour did so much at once that it was stopped.
    pub stopped: u64,
    /// Bytes of MQTT written.
    pub bytes_sent: u64,
    /// Bytes of MQTT read.
    pub bytes_received: u64,
}

/// Percentiles of a duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many were measured.
    pub count: u64,
    /// The shortest.
    pub least: Duration,
    /// The median.
    pub p50: Duration,
    /// Nine in ten are no longer.
    pub p90: Duration,
    /// 99 in 100 are no longer.
    pub p99: Duration,
    /// 999 in 1000 are no longer.
    pub p999: Duration,
    /// The longest.
    pub most: Duration,
}

/// A snapshot of what was counted and measured.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// What was counted.
    pub counts: Counts,
    /// Why connections were lost or did not come about, and how often.
    pub losses: BTreeMap<String, u64>,
    phases: BTreeMap<Phase, Latencies>,
    lag: Latencies,
    late_starts: u64,
}

/// Durations in microseconds, to three digits.
#[derive(Clone, Debug)]
struct Latencies(Histogram<u64>);

impl Metrics {
    /// Percentiles of a phase.
    pub fn phase(&self, phase: Phase) -> Summary {
        self.phases
            .get(&phase)
            .map(Latencies::summary)
            .unwrap_or_default()
    }

    /// How late the driver itself was, whenever something was due.
    pub fn lag(&self) -> Summary {
        self.lag.summary()
    }

    /// Whether the driver fell behind its own plan, in which case the figures say as much of this
    /// process as of the hub; and how it shows.
    pub fn generator_bottleneck(&self) -> Option<String> {
        let lag = self.lag().p99;
        if lag > LAG_MOST {
            return Some(format!(
                "the generator was the bottleneck: 1 in 100 of its actions came {} ms late or later",
                lag.as_millis()
            ));
        }
        let Counts { started, .. } = self.counts;
        (self.late_starts * 10 > started).then(|| {
            format!(
                "the generator was the bottleneck: {} of {started} devices started late",
                self.late_starts
            )
        })
    }

    /// Records how long a phase took.
    pub(crate) fn record(&mut self, phase: Phase, took: Duration) {
        self.phases.entry(phase).or_default().record(took);
    }

    /// Records how late something came that was due.
    pub(crate) fn record_lag(&mut self, lag: Duration) {
        self.lag.record(lag);
    }

    /// Records a device's start, and how late it came.
    pub(crate) fn record_start(&mut self, lag: Duration) {
        self.counts.started += 1;
        self.late_starts += u64::from(lag > LATE);
        self.record_lag(lag);
    }

    /// Counts a reason why a connection is not there.
    pub(crate) fn record_loss(&mut self, reason: &str) {
        if let Some(count) = self.losses.get_mut(reason) {
            *count += 1;
        } else {
            let is_full = self.losses.len() >= REASONS_MAX;
            let reason = if is_full { "other reasons" } else { reason };
            *self.losses.entry(reason.to_owned()).or_default() += 1;
        }
    }
}

impl Latencies {
    fn record(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(LONGEST_US);
        let recorded = self.0.record(us.clamp(1, LONGEST_US));
        recorded.expect("the histogram grows to a day");
    }

    fn summary(&self) -> Summary {
        let at = |quantile| Duration::from_micros(self.0.value_at_quantile(quantile));
        Summary {
            count: self.0.len(),
            least: Duration::from_micros(if self.0.is_empty() { 0 } else { self.0.min() }),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            most: Duration::from_micros(self.0.max()),
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        let mut histogram = Histogram::new_with_bounds(1, 2, 3).expect("the bounds are good");
        // A phase of milliseconds needs a tenth of the room that one of an hour does.
        histogram.auto(true);
        Self(histogram)
    }
}

/// A day.
const LONGEST_US: u64 = 24 * 60 * 60 * 1_000_000;
/// A driver is behind when one in a hundred of its actions is later than this.
const LAG_MOST: Duration = Duration::from_millis(50);
/// A start is late beyond this; timers have a grain of a millisecond.
const LATE: Duration = Duration::from_millis(20);
/// Reasons carry the words of systems; their number is bounded.
const REASONS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut metrics = Metrics::default();
        for ms in 1..=1000 {
            metrics.record(Phase::Connect, MS * ms);
        }
        let summary = metrics.phase(Phase::Connect);
        assert_eq!(summary.count, 1000);
        for (found, expected_ms) in [
            (summary.least, 1.0),
            (summary.p50, 500.0),
            (summary.p90, 900.0),
            (summary.p99, 990.0),
            (summary.most, 1000.0),
        ] {
            let found_ms = found.as_secs_f64() * 1000.0;
            assert!(
                (found_ms - expected_ms).abs() / expected_ms < 0.002,
                "{found_ms}"
            );
        }
        assert_eq!(metrics.phase(Phase::Tls), Summary::default());
        metrics.record(Phase::Tls, Duration::MAX);
        assert!(metrics.phase(Phase::Tls).most >= Duration::from_hours(23));
    }

    #[test]
    fn a_driver_that_falls_behind_says_so() {
        let mut metrics = Metrics::default();
        assert_eq!(metrics.generator_bottleneck(), None);
        for _ in 0..89 {
            metrics.record_start(MS);
        }
        assert_eq!(metrics.generator_bottleneck(), None);
        for _ in 0..11 {
            metrics.record_start(MS * 30);
        }
        assert_eq!(
            metrics.generator_bottleneck().unwrap(),
            "the generator was the bottleneck: 11 of 100 devices started late"
        );
        for _ in 0..2 {
            metrics.record_lag(MS * 60);
        }
        let note = metrics.generator_bottleneck().unwrap();
        assert!(
            note.contains("1 in 100 of its actions came 60 ms late"),
            "{note}"
        );
    }

    #[test]
    fn reasons_are_bounded_in_number() {
        let mut metrics = Metrics::default();
        for number in 0..100 {
            metrics.record_loss(&format!("reason {number:02}"));
            metrics.record_loss("reason 00");
        }
        assert_eq!(metrics.losses.len(), REASONS_MAX + 1);
        assert_eq!(metrics.losses["reason 00"], 101);
        assert_eq!(metrics.losses["other reasons"], 84);
    }
}
