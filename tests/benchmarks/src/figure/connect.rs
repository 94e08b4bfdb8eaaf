//! Connections of devices: how many a second, plain and over TLS 1.3.
//!
//! Plain: 16,000 devices connect, 64 at a time, say CONNECT and SUBSCRIBE, and stay. The hub checks a token for
//! each; mosquitto lets everybody in.
//!
//! TLS: 3,000 devices do the same without SUBSCRIBE, with full handshakes and with tickets of an earlier
//! connection (every device resumes, which is checked). `bare rustls` is tokio and rustls and nothing else: it takes the
//! handshake, and answers the first words with a fixed CONNACK. Why it is fair: the same library and options as the hub's (ring, a
//! leaf and its authority on P-256, a stateless ticketer, one ticket), and the same client. `bare rustls on aws-lc-rs` (`--features aws-lc`) is
//! the same again with the other cryptography, to say what the hub would gain by it; the client stays on ring. Bytes are those of
//! a bare server's connections, to set the two side by side; what the hub keeps of one is the figure `memory-tls`.

use std::sync::Arc;

use anyhow::ensure;

use super::shape::OURS;
use super::{Comparison, Contestant, Figure, Goal, Needs};
use crate::bench::{Bench, device_names};
use crate::load::{ClientTls, Plan, Reactor, TicketPool};
use crate::sample::{Measure, Sample, as_f64};
use crate::serve::Served;
use crate::server::{Broker, Certificates, Process, SpeaksMqtt, Transport};

const DEVICES: usize = 16_000;
const TLS_DEVICES: usize = 3_000;
const AT_ONCE: usize = 64;

pub(super) const PLAIN: Figure = Figure {
    name: "connect",
    about: "16,000 plain connections with CONNECT and SUBSCRIBE; the hub checks a token",
    contestants: &[
        Contestant::new(OURS, plain_on_hub),
        Contestant::new("mosquitto", |bench| {
            let broker = bench.mosquitto(Transport::Plain)?;
            let plans = broker.idle(&device_names(DEVICES)).collect();
            open(broker.process(), plans)
        })
        .needing(Needs::Mosquitto),
    ],
    comparisons: &[
        Comparison::with("mosquitto", Measure::Rate, Goal::AtLeast(1.0)),
        Comparison::with("mosquitto", Measure::CpuMicros, Goal::None),
    ],
};

pub(super) const TLS_FULL: Figure = Figure {
    name: "connect-tls",
    about: "3,000 TLS 1.3 connections, full handshakes that earn a ticket, with CONNECT",
    contestants: &[
        Contestant::new(OURS, |bench| tls_on_hub(bench, Handshakes::Full)),
        Contestant::new(BARE, |_| tls_on_bare(Served::Rustls, Handshakes::Full)),
        Contestant::new(AWS_LC, |_| {
            tls_on_bare(Served::RustlsAwsLc, Handshakes::Full)
        })
        .needing(HAS_AWS_LC),
    ],
    comparisons: &[
        Comparison::with(BARE, Measure::Rate, Goal::AtLeast(0.85)),
        Comparison::with(BARE, Measure::CpuMicros, Goal::None),
        Comparison::with(BARE, Measure::CpuMicros, Goal::None).of(AWS_LC),
        Comparison::with(BARE, Measure::BytesEach, Goal::None).of(AWS_LC),
    ],
};

pub(super) const TLS_RESUMED: Figure = Figure {
    name: "connect-resumed",
    about: "3,000 TLS 1.3 connections, resumed by ticket, with CONNECT",
    contestants: &[
        Contestant::new(OURS, |bench| tls_on_hub(bench, Handshakes::Resumed)),
        Contestant::new(BARE, |_| tls_on_bare(Served::Rustls, Handshakes::Resumed)),
        Contestant::new(AWS_LC, |_| {
            tls_on_bare(Served::RustlsAwsLc, Handshakes::Resumed)
        })
        .needing(HAS_AWS_LC),
    ],
    comparisons: &[
        Comparison::with(BARE, Measure::Rate, Goal::AtLeast(0.85)),
        Comparison::with(BARE, Measure::CpuMicros, Goal::None),
        Comparison::with(BARE, Measure::CpuMicros, Goal::None).of(AWS_LC),
    ],
};

const BARE: &str = "bare rustls";
const AWS_LC: &str = "bare rustls on aws-lc-rs";
const HAS_AWS_LC: Needs = Needs::Feature("aws-lc", cfg!(feature = "aws-lc"));

/// Which handshakes are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handshakes {
    Full,
    Resumed,
}

fn plain_on_hub(bench: &Bench) -> anyhow::Result<Sample> {
    let hub = bench.hub(Transport::Plain)?;
    let devices = device_names(DEVICES);
    hub.register(&devices)?;
    open(hub.process(), hub.idle(&devices).collect())
}

fn tls_on_hub(bench: &Bench, handshakes: Handshakes) -> anyhow::Result<Sample> {
    let tickets = Arc::new(TicketPool::default());
    let hub = bench.hub(Transport::Tls)?.with_tickets(&tickets)?;
    let devices = device_names(TLS_DEVICES);
    hub.register(&devices)?;
    let plans = || hub.silent(&devices).collect();
    tls(hub.process(), handshakes, &tickets, plans)
}

fn tls_on_bare(served: Served, handshakes: Handshakes) -> anyhow::Result<Sample> {
    let tickets = Arc::new(TicketPool::default());
    let certificates = Certificates::make()?;
    let trust = ClientTls::trusting(&certificates.ca(), Some(Arc::clone(&tickets)))?;
    let broker = Broker::served_over_tls(served, certificates, trust)?;
    let devices = device_names(TLS_DEVICES);
    let plans = || broker.silent(&devices).collect();
    tls(broker.process(), handshakes, &tickets, plans)
}

fn tls(
    server: &Process,
    handshakes: Handshakes,
    tickets: &TicketPool,
    plans: impl Fn() -> Vec<Plan>,
) -> anyhow::Result<Sample> {
    let idle = server.memory()?;
    let mut reactor = Reactor::new()?;
    let mut first = reactor.measure_opening(server, plans(), AT_ONCE)?;
    if handshakes == Handshakes::Full {
        let grown = server.memory()?.saturating_sub(idle);
        first.bytes_each = Some(as_f64(grown) / as_f64(first.operations));
        return Ok(first);
    }
    drop(reactor);
    tickets.hand_out();
    let mut reactor = Reactor::new()?;
    let sample = reactor.measure_opening(server, plans(), AT_ONCE)?;
    let resumed = reactor.resumed();
    ensure!(
        resumed == TLS_DEVICES,
        "only {resumed} of {TLS_DEVICES} resumed"
    );
    Ok(sample)
}

fn open(server: &Process, plans: Vec<Plan>) -> anyhow::Result<Sample> {
    Reactor::new()?.measure_opening(server, plans, AT_ONCE)
}
