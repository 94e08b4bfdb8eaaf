//! Connections of devices: how many a second, plain and over TLS 1.3.
//!
//! Plain: 8,000 devices connect, 64 at a time, say CONNECT and SUBSCRIBE, and stay. The hub checks a token for
//! each; mosquitto lets everybody in.
//!
//! TLS: 3,000 devices do the same without SUBSCRIBE, with full handshakes and with tickets of an earlier
//! connection (every device resumes, which is checked). `bare rustls` is tokio and rustls and nothing else: it takes the
//! handshake, and answers the first words with a fixed CONNACK. Why it is fair: the same library and options as the hub's (ring, a
//! leaf and its authority on P-256, a stateless ticketer, one ticket), and the same client.

use std::sync::Arc;

use anyhow::ensure;

use super::shape::OURS;
use super::{Comparison, Contestant, Figure, Goal, Needs};
use crate::bench::{Bench, device_names};
use crate::load::{ClientTls, Plan, Reactor, TicketPool};
use crate::sample::{Measure, Sample};
use crate::serve::Served;
use crate::server::{Broker, Certificates, Process, SpeaksMqtt, Transport};

const DEVICES: usize = 8_000;
const TLS_DEVICES: usize = 3_000;
const AT_ONCE: usize = 64;

pub(super) const PLAIN: Figure = Figure {
    name: "connect",
    about: "8,000 plain connections with CONNECT and SUBSCRIBE; the hub checks a token",
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
        Contestant::new(BARE, |_| tls_on_bare(Handshakes::Full)),
    ],
    comparisons: &[
        Comparison::with(BARE, Measure::Rate, Goal::AtLeast(0.85)),
        Comparison::with(BARE, Measure::CpuMicros, Goal::None),
    ],
};

pub(super) const TLS_RESUMED: Figure = Figure {
    name: "connect-resumed",
    about: "3,000 TLS 1.3 connections, resumed by ticket, with CONNECT",
    contestants: &[
        Contestant::new(OURS, |bench| tls_on_hub(bench, Handshakes::Resumed)),
        Contestant::new(BARE, |_| tls_on_bare(Handshakes::Resumed)),
    ],
    comparisons: &[
        Comparison::with(BARE, Measure::Rate, Goal::AtLeast(0.85)),
        Comparison::with(BARE, Measure::CpuMicros, Goal::None),
    ],
};

const BARE: &str = "bare rustls";

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

fn tls_on_bare(handshakes: Handshakes) -> anyhow::Result<Sample> {
    let tickets = Arc::new(TicketPool::default());
    let certificates = Certificates::make()?;
    let trust = ClientTls::trusting(&certificates.ca(), Some(Arc::clone(&tickets)))?;
    let broker = Broker::served_over_tls(Served::Rustls, certificates, trust)?;
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
    let first = open(server, plans())?;
    if handshakes == Handshakes::Full {
        return Ok(first);
    }
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
