//! Many connections on one thread: opening them, carrying bytes between them and their talkers.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use super::meter::{Meter, Window, new_histogram};
use super::stream::Stream;
use super::talker::{Talker, Turn};
use super::tls::ClientTls;
use crate::clock::now;
use crate::inspect::Attached;
use crate::sample::{CpuReading, Sample};
use crate::server::Process;

/// A connection to be made.
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<ClientTls>,
    pub(crate) talker: Box<dyn Talker>,
}

/// The connections of one load.
pub(crate) struct Reactor {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    meter: Meter,
    input: Vec<u8>,
    output: Vec<u8>,
    /// 127.x.y.0, where its source addresses begin.
    sources: Ipv4Addr,
}

struct Connection {
    stream: Stream,
    talker: Box<dyn Talker>,
    /// When it was dialled; gone once it counts as connected.
    dialled: Option<Instant>,
    stands: bool,
    /// The start of a packet.
    cut: Vec<u8>,
    /// What the socket did not take.
    unsent: Vec<u8>,
}

/// Addresses that no other load used lately: the system would search long for a port among those that an
/// earlier one left in TIME-WAIT, and that would be measured.
fn fresh_sources() -> Ipv4Addr {
    static LOADS: AtomicU8 = AtomicU8::new(0);
    let load = LOADS.fetch_add(1, Ordering::Relaxed);
    let [.., process] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, process.max(1), load, 0)
}

/// How many sockets one source address is given.
const CONNECTIONS_PER_SOURCE: usize = 4_000;
/// How long nothing may happen while connections open.
const PATIENCE: Duration = Duration::from_secs(10);

impl Reactor {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::new(),
            meter: Meter::new(),
            input: vec![0; 64 * 1024],
            output: Vec::new(),
            sources: fresh_sources(),
        })
    }

    /// Opens connections, `at_once` at a time, and returns when all have signed in: how long each took
    /// from the call of `connect`, in nanoseconds.
    pub(crate) fn open(
        &mut self,
        plans: impl IntoIterator<Item = Plan>,
        at_once: usize,
    ) -> anyhow::Result<Histogram<u64>> {
        let mut plans = plans.into_iter();
        let mut took = new_histogram();
        let (mut opening, mut heard_at) = (0, now());
        loop {
            while opening < at_once
                && let Some(plan) = plans.next()
            {
                self.dial(plan)?;
                opening += 1;
            }
            if opening == 0 {
                return Ok(took);
            }
            let (ready, heard) = self.turn(PATIENCE, |after| {
                let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
                took.saturating_record(nanos);
            })?;
            opening -= ready;
            if heard {
                heard_at = now();
            }
            ensure!(
                heard_at.elapsed() < PATIENCE,
                "{opening} connections do not come about"
            );
        }
    }

    /// Opens connections as [`Self::open`] does: how many a second, and what the server spends on each.
    pub(crate) fn measure_opening(
        &mut self,
        server: &Process,
        plans: Vec<Plan>,
        at_once: usize,
    ) -> anyhow::Result<Sample> {
        let count = u64::try_from(plans.len())?;
        let inspected = server.inspect()?;
        let before = CpuReading::of(server)?;
        let from = now();
        let took = self.open(plans, at_once)?;
        inspected.map(Attached::end).transpose()?;
        let mut sample = Sample::of(count, from.elapsed(), took);
        sample.cpu = Some(CpuReading::of(server)?.since(before, sample.elapsed));
        Ok(sample)
    }

    /// How many connections resumed a TLS session.
    pub(crate) fn resumed(&self) -> usize {
        let all = self.connections.iter();
        all.filter(|it| it.stream.is_resumed()).count()
    }

    /// Carries the talkers' load: warms up, then counts, reading the server's CPU at both ends.
    pub(crate) fn run(&mut self, server: &Process, window: Window) -> anyhow::Result<Sample> {
        let begun = self.start()?;
        self.carry(begun + window.warm_up)?;
        let inspected = server.inspect()?;
        let before = CpuReading::of(server)?;
        self.meter.begin();
        let from = now();
        self.carry(from + window.measured)?;
        let (operations, latency) = self.meter.end();
        inspected.map(Attached::end).transpose()?;
        let mut sample = Sample::of(operations, from.elapsed(), latency);
        sample.cpu = Some(CpuReading::of(server)?.since(before, sample.elapsed));
        ensure!(operations > 0, "nothing was answered");
        Ok(sample)
    }

    /// Carries the talkers' load for so long, all of it counted: how many operations, and how long each took.
    pub(crate) fn run_for(&mut self, time: Duration) -> anyhow::Result<(u64, Histogram<u64>)> {
        self.meter.begin();
        let begun = self.start()?;
        self.carry(begun + time)?;
        Ok(self.meter.end())
    }

    fn start(&mut self) -> anyhow::Result<Instant> {
        let begun = now();
        for index in 0..self.connections.len() {
            self.speak(index, begun, |talker, turn| {
                talker.start(turn);
                Ok(())
            })?;
        }
        Ok(begun)
    }

    /// Carries bytes until an instant.
    pub(crate) fn carry(&mut self, until: Instant) -> anyhow::Result<()> {
        loop {
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left, |_| {})?;
        }
    }

    fn dial(&mut self, plan: Plan) -> anyhow::Result<()> {
        let token = self.connections.len();
        let share = u8::try_from(token / CONNECTIONS_PER_SOURCE)?;
        let [_, net, load, _] = self.sources.octets();
        let source = Ipv4Addr::new(127, net, load, 1 + share);
        let dialled = now();
        let mut stream = Stream::dial(plan.address, source, plan.tls.as_ref())?;
        // Both, once and for all: the events come at the edges.
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream.tcp, Token(token), both)?;
        self.connections.push(Connection {
            stream,
            talker: plan.talker,
            dialled: Some(dialled),
            stands: false,
            cut: Vec::new(),
            unsent: Vec::new(),
        });
        Ok(())
    }

    /// Waits for events and serves them: how many connections became ready, and whether anything came.
    fn turn(
        &mut self,
        patience: Duration,
        mut became_ready: impl FnMut(Duration),
    ) -> anyhow::Result<(usize, bool)> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(patience)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let mut ready = 0;
        for event in &events {
            let Token(index) = event.token();
            self.serve(index)
                .with_context(|| format!("connection {index}"))?;
            let connection = &mut self.connections[index];
            if connection.talker.is_ready()
                && connection.stands
                && let Some(dialled) = connection.dialled.take()
            {
                became_ready(now().saturating_duration_since(dialled));
                ready += 1;
            }
        }
        let heard = !events.is_empty();
        self.events = events;
        Ok((ready, heard))
    }

    fn serve(&mut self, index: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[index];
        if !connection.stands {
            connection.stands = connection.stream.stands()?;
            if !connection.stands {
                return Ok(());
            }
            self.speak(index, now(), |talker, turn| {
                talker.open(turn.output);
                Ok(())
            })?;
        }
        let mut input = std::mem::take(&mut self.input);
        let heard = self.hear_all(index, &mut input);
        self.input = input;
        heard
    }

    fn hear_all(&mut self, index: usize, input: &mut [u8]) -> anyhow::Result<()> {
        loop {
            let (bytes, more) = self.connections[index].stream.read(input)?;
            let came = &input[..bytes];
            if bytes > 0 {
                let mut cut = std::mem::take(&mut self.connections[index].cut);
                let rest = self.speak(index, now(), |talker, turn| {
                    if cut.is_empty() {
                        let used = talker.hear(came, turn)?;
                        return Ok(came[used..].to_vec());
                    }
                    cut.extend_from_slice(came);
                    let used = talker.hear(&cut, turn)?;
                    Ok(cut.split_off(used))
                })?;
                self.connections[index].cut = rest;
            } else {
                self.flush(index)?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Gives a talker the floor, and sends what it says.
    fn speak<T>(
        &mut self,
        index: usize,
        now: Instant,
        say: impl FnOnce(&mut dyn Talker, &mut Turn<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let connection = &mut self.connections[index];
        self.output.clear();
        let mut turn = Turn {
            now,
            output: &mut self.output,
            meter: &mut self.meter,
        };
        let said = say(connection.talker.as_mut(), &mut turn)?;
        if !connection.unsent.is_empty() {
            connection.unsent.extend_from_slice(&self.output);
            self.flush(index)?;
        } else if !self.output.is_empty() {
            let sent = connection.stream.write(&self.output)?;
            connection.unsent.extend_from_slice(&self.output[sent..]);
        }
        Ok(said)
    }

    fn flush(&mut self, index: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[index];
        if !connection.unsent.is_empty() {
            let sent = connection.stream.write(&connection.unsent)?;
            connection.unsent.drain(..sent);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    use super::*;
    use crate::load::{Idle, SignedIn, connect_packet};

    /// A server that answers the first words of each connection with these.
    fn server(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut some = [0; 256];
                assert!(stream.read(&mut some).unwrap() > 0);
                for byte in answer {
                    stream.write_all(&[*byte]).unwrap();
                }
                kept.push(stream);
            }
        });
        address
    }

    fn device(address: SocketAddr) -> Plan {
        let signed_in = SignedIn::new(connect_packet("device", None), None);
        Plan {
            address,
            tls: None,
            talker: Box::new(Idle::new(signed_in)),
        }
    }

    #[test]
    fn connections_open_a_few_at_a_time_and_count_once_they_have_signed_in() {
        let address = server(&[0x20, 2, 0, 0]);
        let mut reactor = Reactor::new().unwrap();
        let took = reactor.open((0..20).map(|_| device(address)), 3).unwrap();
        assert_eq!(took.len(), 20);
        assert_eq!(reactor.connections.len(), 20);
    }

    #[test]
    fn a_device_that_is_refused_breaks_the_run() {
        let address = server(&[0x20, 2, 0, 5]);
        let refused = Reactor::new().unwrap().open([device(address)], 1);
        let refused = format!("{:#}", refused.unwrap_err());
        assert!(refused.contains("refused with code 5"), "{refused}");
    }
}
