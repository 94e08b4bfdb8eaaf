//! What a direct method costs the hub, beside what mosquitto spends on the same request and response
//! through plain topics.
//!
//! `cargo bench -p hubnerite-tests --bench method_round_trip`
//!
//! Both servers get the same devices over plain MQTT and the same number of calls in flight. The
//! hub's callers speak REST over TLS, one call at a time on each connection, as HTTP/1.1 has it.
//! mosquitto is measured twice: with as many callers on MQTT, one call at a time each, and with a
//! single caller that keeps all calls in flight on one connection and so spares most system calls.
//!
//! The figure to read is the server's CPU time per round trip: rates move with the machine's other
//! work. Rounds are interleaved; medians of the ratios within each round are printed. Without
//! mosquitto on the PATH only the hub is measured.

mod callers;
mod devices;
mod mqtt;
mod server;

use std::time::Duration;

use anyhow::Context;

use crate::server::Server;

/// How the load is shaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    devices: usize,
    in_flight: usize,
    warm_up: Duration,
    measured: Duration,
}

/// What one server did in one round.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    round_trips: usize,
    seconds: f64,
    server_cpu_us: f64,
    latencies_us: Vec<u32>,
}

impl Figures {
    fn rate(&self) -> f64 {
        as_f64(self.round_trips) / self.seconds
    }

    fn cpu_per_round_trip(&self) -> f64 {
        self.server_cpu_us / as_f64(self.round_trips)
    }

    fn latency_ms(&self, share: f64) -> f64 {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= share <= 1"
        )]
        let index = (as_f64(last) * share).round() as usize;
        f64::from(sorted.get(index).copied().unwrap_or(0)) / 1000.0
    }
}

const LOAD: Load = Load {
    devices: 1000,
    in_flight: 64,
    warm_up: Duration::from_secs(1),
    measured: Duration::from_secs(5),
};
const ROUNDS: usize = 3;
/// Connections on which mosquitto's callers share the calls in flight.
const CALLERS: [usize; 2] = [LOAD.in_flight, 1];

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mosquitto = Server::mosquitto_path();
    if mosquitto.is_none() {
        say("mosquitto is not on the PATH: only the hub is measured");
    }
    say("| server | round trips/s | server CPU us/rt | p50 ms | p99 ms |");
    say("|---|---|---|---|---|");
    let mut hub_cpu = Vec::new();
    let mut ratios = vec![Vec::new(); CALLERS.len()];
    for _ in 0..ROUNDS {
        let hub = runtime
            .block_on(measure_hub())
            .context("measuring the hub")?;
        report("hubnerite", &hub);
        hub_cpu.push(hub.cpu_per_round_trip());
        let Some(path) = &mosquitto else { continue };
        for (callers, ratios) in CALLERS.iter().zip(&mut ratios) {
            let peer = runtime
                .block_on(measure_mosquitto(path, *callers))
                .context("measuring mosquitto")?;
            report(&format!("mosquitto, {callers} caller(s)"), &peer);
            ratios.push(hub.cpu_per_round_trip() / peer.cpu_per_round_trip());
        }
    }
    say(&format!(
        "hub, CPU per round trip, median: {:.1} us",
        median(&mut hub_cpu)
    ));
    for (callers, ratios) in CALLERS
        .iter()
        .zip(&mut ratios)
        .filter(|(_, ratios)| !ratios.is_empty())
    {
        let ratio = median(ratios);
        say(&format!(
            "hub / mosquitto with {callers} caller(s), CPU per round trip, median: {ratio:.2}"
        ));
    }
    Ok(())
}

async fn measure_hub() -> anyhow::Result<Figures> {
    let hub = server::Hub::start().await?;
    let names = hub.register_devices(LOAD.devices).await?;
    devices::connect_to_hub(&hub, &names).await?;
    callers::call_over_rest(&hub, &names, LOAD).await
}

async fn measure_mosquitto(path: &str, connections: usize) -> anyhow::Result<Figures> {
    let broker = Server::start_mosquitto(path).await?;
    let names: Vec<_> = (0..LOAD.devices).map(|n| format!("device-{n}")).collect();
    devices::connect_to_broker(broker.mqtt, &names).await?;
    callers::call_over_mqtt(&broker, &names, LOAD, connections).await
}

fn report(server: &str, figures: &Figures) {
    say(&format!(
        "| {server} | {:.0} | {:.1} | {:.2} | {:.2} |",
        figures.rate(),
        figures.cpu_per_round_trip(),
        figures.latency_ms(0.5),
        figures.latency_ms(0.99),
    ));
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of round trips are far below 2^52"
)]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn say(line: &str) {
    println!("{line}");
}
