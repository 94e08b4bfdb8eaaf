//! What one server did in one round, and medians of several.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;

use crate::load::new_histogram;
use crate::server::Process;

/// What one server did in one round.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) operations: u64,
    pub(crate) elapsed: Duration,
    /// Of each operation, in nanoseconds; empty where none is measured alone.
    pub(crate) latency: Histogram<u64>,
    pub(crate) cpu: Option<Cpu>,
    /// User-space memory an operation left behind, in bytes.
    pub(crate) bytes_each: Option<f64>,
}

/// Who used the cores meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    pub(crate) server: Duration,
    /// The load generator: whether it was the bottleneck is seen here.
    pub(crate) generator: Duration,
    /// What anybody else used, as a share of one core.
    pub(crate) others: f64,
}

impl Sample {
    pub(crate) fn of(operations: u64, elapsed: Duration, latency: Histogram<u64>) -> Self {
        Self {
            operations,
            elapsed,
            latency,
            cpu: None,
            bytes_each: None,
        }
    }

    /// One of which the time says nothing.
    pub(crate) fn untimed() -> Self {
        Self::of(1, Duration::ZERO, new_histogram())
    }

    pub(crate) fn value(&self, measure: Measure) -> Option<f64> {
        let operations = as_f64(self.operations);
        match measure {
            Measure::CpuMicros => self.cpu.map(|cpu| micros(cpu.server) / operations),
            Measure::GeneratorMicros => self.cpu.map(|cpu| micros(cpu.generator) / operations),
            Measure::OthersPercent => self.cpu.map(|cpu| cpu.others * 100.0),
            Measure::Rate => Some(operations / self.elapsed.as_secs_f64()),
            Measure::P50Millis => self.latency_ms(0.5),
            Measure::P99Millis => self.latency_ms(0.99),
            Measure::BytesEach => self.bytes_each,
        }
        .filter(|value| value.is_finite())
    }

    fn latency_ms(&self, share: f64) -> Option<f64> {
        (!self.latency.is_empty())
            .then(|| as_f64(self.latency.value_at_quantile(share)) / 1_000_000.0)
    }
}

/// What a sample can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// The server's CPU time, user and system, for each operation.
    CpuMicros,
    /// The load generator's.
    GeneratorMicros,
    /// What others used of the cores meanwhile.
    OthersPercent,
    /// Operations a second.
    Rate,
    P50Millis,
    P99Millis,
    BytesEach,
}

impl Measure {
    pub(crate) const ALL: [Self; 7] = [
        Self::Rate,
        Self::CpuMicros,
        Self::GeneratorMicros,
        Self::OthersPercent,
        Self::P50Millis,
        Self::P99Millis,
        Self::BytesEach,
    ];

    /// For a column's head and for JSON.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::CpuMicros => "server CPU us/op",
            Self::GeneratorMicros => "load CPU us/op",
            Self::OthersPercent => "others %",
            Self::Rate => "op/s",
            Self::P50Millis => "p50 ms",
            Self::P99Millis => "p99 ms",
            Self::BytesEach => "bytes each",
        }
    }
}

/// CPU clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuReading {
    server: Duration,
    generator: Duration,
    machine: Duration,
}

impl CpuReading {
    pub(crate) fn of(server: &Process) -> anyhow::Result<Self> {
        Ok(Self {
            server: server.cpu_time()?,
            generator: cpu_time("/proc/self/stat")?,
            machine: machine_busy()?,
        })
    }

    /// What was used since `earlier`, over `elapsed`.
    pub(crate) fn since(self, earlier: Self, elapsed: Duration) -> Cpu {
        let server = self.server.saturating_sub(earlier.server);
        let generator = self.generator.saturating_sub(earlier.generator);
        let machine = self.machine.saturating_sub(earlier.machine);
        let others = machine.saturating_sub(server + generator);
        Cpu {
            server,
            generator,
            others: others.as_secs_f64() / elapsed.as_secs_f64().max(1e-9),
        }
    }
}

/// User and system time in a file like `/proc/PID/stat`.
pub(crate) fn cpu_time(file: &str) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
    // The second field is the command in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("an unreadable stat file")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    // utime and stime are fields 14 and 15 of the whole line.
    let field = |index: usize| -> anyhow::Result<u64> {
        Ok(fields.get(index).context("a short stat file")?.parse()?)
    };
    Ok(ticks(field(11)? + field(12)?))
}

/// The time in which the machine's cores did something.
fn machine_busy() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let line = stat.lines().next().context("an empty /proc/stat")?;
    let fields: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    let busy = [0, 1, 2, 5, 6, 7].map(|index| fields.get(index).copied().unwrap_or(0));
    Ok(ticks(busy.iter().sum()))
}

/// Linux counts in hundredths of a second, whatever the kernel's own tick.
fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 10)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// The middle one, the upper of two.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn this_process_has_a_cpu_time_and_the_machine_a_larger_one() {
        let own = cpu_time("/proc/self/stat").unwrap();
        assert!(machine_busy().unwrap() > own);
    }
}
