//! The callers: REST over TLS for the hub, MQTT for a broker. Both keep the same number of calls in
//! flight and spend as little as they can.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use hub_proto::mqtt::encode::encode_publish;
use hub_proto::mqtt::packet::Delivery;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::mqtt::Client;
use crate::server::{Hub, Registered, Server, TlsClient};
use crate::{Figures, Load};

/// What is called.
const BODY: &str = r#"{"methodName":"reboot","payload":{"delay":5},"responseTimeoutInSeconds":30}"#;
const PAYLOAD: &[u8] = br#"{"delay":5}"#;

/// Counts only between two instants; the server's CPU is read at both.
#[derive(Debug)]
struct Meter {
    counts_from: Instant,
    counts_until: Instant,
    latencies_us: Vec<u32>,
}

impl Meter {
    fn new(load: Load) -> Self {
        let counts_from = Instant::now() + load.warm_up;
        let counts_until = counts_from + load.measured;
        Self {
            counts_from,
            counts_until,
            latencies_us: Vec::with_capacity(1 << 20),
        }
    }

    fn record(&mut self, asked: Instant, answered: Instant) {
        if answered >= self.counts_from && answered < self.counts_until {
            let micros = (answered - asked).as_micros();
            self.latencies_us
                .push(u32::try_from(micros).unwrap_or(u32::MAX));
        }
    }
}

/// Reads the server's CPU over the measured time.
async fn watch(server: &Server, from: Instant, until: Instant) -> anyhow::Result<Duration> {
    tokio::time::sleep_until(from).await;
    let before = server.cpu_time()?;
    tokio::time::sleep_until(until).await;
    Ok(server.cpu_time()?.saturating_sub(before))
}

/// Keeps `load.in_flight` requests open, each on a connection of its own.
pub(crate) async fn call_over_rest(
    hub: &Hub,
    devices: &[Registered],
    load: Load,
) -> anyhow::Result<Figures> {
    let mut connections = Vec::new();
    for _ in 0..load.in_flight {
        connections.push(hub.connect().await?);
    }
    let meter = Rc::new(RefCell::new(Meter::new(load)));
    let (from, until) = (meter.borrow().counts_from, meter.borrow().counts_until);
    let tasks = LocalSet::new();
    let share = devices.len() / load.in_flight;
    let mut callers = Vec::new();
    for (number, connection) in connections.into_iter().enumerate() {
        let requests: Vec<_> = devices[number * share..(number + 1) * share]
            .iter()
            .map(|device| hub.request("POST", &format!("/twins/{}/methods", device.id), BODY))
            .collect();
        let meter = Rc::clone(&meter);
        callers.push(tasks.spawn_local(call_in_turn(connection, requests, meter, until)));
    }
    let cpu = tasks.run_until(watch(hub.server(), from, until)).await?;
    tasks.await;
    for caller in callers {
        caller.await??;
    }
    Ok(figures(&meter.borrow(), load, cpu))
}

async fn call_in_turn(
    mut connection: TlsClient,
    requests: Vec<Vec<u8>>,
    meter: Rc<RefCell<Meter>>,
    until: Instant,
) -> anyhow::Result<()> {
    let mut answer = Vec::with_capacity(4096);
    for request in requests.iter().cycle() {
        let asked = Instant::now();
        if asked >= until {
            break;
        }
        connection.write_all(request).await?;
        read_answer(&mut connection, &mut answer).await?;
        meter.borrow_mut().record(asked, Instant::now());
    }
    Ok(())
}

/// Reads one answer with a `content-length`; anything but 200 is an error.
pub(crate) async fn read_answer(
    connection: &mut TlsClient,
    answer: &mut Vec<u8>,
) -> anyhow::Result<()> {
    answer.clear();
    loop {
        if connection.read_buf(answer).await? == 0 {
            bail!("the hub closed the connection");
        }
        let Some(head_bytes) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&answer[..head_bytes])?;
        if !head.starts_with("HTTP/1.1 200") {
            bail!("the hub answered {}", String::from_utf8_lossy(answer));
        }
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .context("an answer without content-length")?;
        let body_bytes: usize = length.1.trim().parse()?;
        if answer.len() >= head_bytes + 4 + body_bytes {
            return Ok(());
        }
    }
}

/// Keeps `load.in_flight` requests open over `callers` MQTT connections.
pub(crate) async fn call_over_mqtt(
    broker: &Server,
    names: &[String],
    load: Load,
    callers: usize,
) -> anyhow::Result<Figures> {
    let mut connections = Vec::new();
    for number in 0..callers {
        let filter = format!("callers/{number}/#");
        connections
            .push(Client::connect(broker.mqtt, &format!("caller-{number}"), None, &filter).await?);
    }
    let meter = Rc::new(RefCell::new(Meter::new(load)));
    let (from, until) = (meter.borrow().counts_from, meter.borrow().counts_until);
    let tasks = LocalSet::new();
    let share = names.len() / callers;
    let mut running = Vec::new();
    for (number, client) in connections.into_iter().enumerate() {
        let turn = MqttCaller {
            number,
            names: names[number * share..(number + 1) * share].to_vec(),
            asked_at: vec![Instant::now(); load.in_flight / callers],
            next: 0,
        };
        running.push(tasks.spawn_local(turn.call(client, Rc::clone(&meter), until)));
    }
    let cpu = tasks.run_until(watch(broker, from, until)).await?;
    tasks.await;
    for caller in running {
        caller.await??;
    }
    Ok(figures(&meter.borrow(), load, cpu))
}

/// One caller on MQTT, with its share of the devices and of the requests in flight.
#[derive(Debug)]
struct MqttCaller {
    number: usize,
    names: Vec<String>,
    /// When each request in flight was asked. Its slot is part of its id, so the answer finds it.
    asked_at: Vec<Instant>,
    next: usize,
}

impl MqttCaller {
    async fn call(
        mut self,
        mut client: Client,
        meter: Rc<RefCell<Meter>>,
        until: Instant,
    ) -> anyhow::Result<()> {
        for slot in 0..self.asked_at.len() {
            self.ask(slot, &mut client.output);
        }
        client.flush().await?;
        while Instant::now() < until {
            client
                .on_publish(|topic, _, out| {
                    let slot = topic
                        .rsplit_once('-')
                        .and_then(|(_, slot)| slot.parse().ok());
                    let slot: usize = slot.expect("a device echoes the request's id");
                    meter
                        .borrow_mut()
                        .record(self.asked_at[slot], Instant::now());
                    self.ask(slot, out);
                })
                .await?;
        }
        Ok(())
    }

    fn ask(&mut self, slot: usize, out: &mut Vec<u8>) {
        let name = &self.names[self.next % self.names.len()];
        self.next += 1;
        self.asked_at[slot] = Instant::now();
        let topic = format!(
            "devices/{name}/methods/POST/reboot/?$rid={}-{slot}",
            self.number
        );
        let print = |out: &mut Vec<u8>| out.extend_from_slice(topic.as_bytes());
        encode_publish(out, Delivery::AtMostOnce, false, print, PAYLOAD);
    }
}

fn figures(meter: &Meter, load: Load, cpu: Duration) -> Figures {
    Figures {
        round_trips: meter.latencies_us.len(),
        seconds: load.measured.as_secs_f64(),
        server_cpu_us: cpu.as_secs_f64() * 1e6,
        latencies_us: meter.latencies_us.clone(),
    }
}
