//! One task a device, or many devices in one task: what each costs the process of a fleet (docs/adr/0007).
//!
//! A device here is a socket and 400 bytes of state; it answers each 64 bytes with as many. A process of its own calls, 64 calls in
//! flight, one device after the other, as back ends call a fleet: between two calls a device sleeps. Each fleet is a fresh process, and the
//! kinds alternate.
//!
//! `ulimit -n 20000; cargo bench -p device-sim --bench tasks`

#![expect(clippy::unwrap_used, reason = "a measurement that fails is a panic")]
#![expect(clippy::print_stdout, reason = "the result of a measurement")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures of a few digits are printed"
)]

use std::alloc::System;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DEVICES: usize = 9_000;
const IN_FLIGHT: usize = 64;
/// Calls of a round, in all.
const CALLS: usize = 960_000;
const ROUNDS: usize = 5;
const STATE_BYTES: usize = 400;
const CALL_BYTES: usize = 64;
/// Devices in a task; 1: one task a device.
const KINDS: [usize; 4] = [1, 10, 100, 1_000];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("call") => call(),
        Some("fleet") => {
            let port: u16 = arguments[2].parse().unwrap();
            fleet(([127, 0, 0, 1], port).into(), arguments[3].parse().unwrap());
        }
        _ => rounds(),
    }
}

/// Starts a caller and a fleet for each kind and round; tells the medians.
fn rounds() {
    let own = std::env::current_exe().unwrap();
    let mut told = KINDS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (kind, told) in KINDS.into_iter().zip(&mut told) {
            let caller = Command::new(&own)
                .arg("call")
                .stdout(Stdio::piped())
                .spawn();
            let mut caller = caller.unwrap();
            let mut port = String::new();
            let mut lines = BufReader::new(caller.stdout.take().unwrap());
            lines.read_line(&mut port).unwrap();
            let arguments = ["fleet", port.trim(), &kind.to_string()];
            let fleet = Command::new(&own).args(arguments).output().unwrap();
            let line = String::from_utf8(fleet.stdout).unwrap();
            let numbers: Vec<f64> = line
                .split(' ')
                .map(|it| it.trim().parse().unwrap())
                .collect();
            told.push(numbers);
            caller.wait().unwrap();
        }
    }
    println!("{DEVICES} devices, medians (and extremes) of {ROUNDS} rounds");
    println!("devices a task   heap bytes a device   us of CPU a call");
    for (kind, told) in KINDS.into_iter().zip(told) {
        let of = |column: usize| {
            let mut all: Vec<f64> = told.iter().map(|it| it[column]).collect();
            all.sort_by(f64::total_cmp);
            (all[ROUNDS / 2], all[0], all[ROUNDS - 1])
        };
        let ((heap, ..), (cpu, least, most)) = (of(0), of(1));
        println!("{kind:>14}   {heap:>19.0}   {cpu:>7.2} ({least:.2} to {most:.2})");
    }
}

/// Takes the connections of all devices, calls them, and closes.
#[tokio::main]
async fn call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let mut shares: Vec<Vec<TcpStream>> = (0..IN_FLIGHT).map(|_| Vec::new()).collect();
    for number in 0..DEVICES {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        shares[number % IN_FLIGHT].push(stream);
    }
    let callers: Vec<_> = shares
        .into_iter()
        .map(|mut share| {
            tokio::spawn(async move {
                let count = share.len();
                for number in 0..CALLS / IN_FLIGHT {
                    let stream = &mut share[number % count];
                    let mut answer = [0; CALL_BYTES];
                    stream.write_all(&[1; CALL_BYTES]).await.unwrap();
                    stream.read_exact(&mut answer).await.unwrap();
                }
                share
            })
        })
        .collect();
    let mut open = Vec::new();
    for caller in callers {
        open.push(caller.await.unwrap());
    }
}

/// Drives all devices until they are hung up on; tells heap and CPU time.
#[tokio::main]
async fn fleet(hub: SocketAddr, devices_a_task: usize) {
    let (connected, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let before = in_use();
    let mut tasks = Vec::with_capacity(DEVICES);
    for from in (0..DEVICES).step_by(devices_a_task) {
        let count = devices_a_task.min(DEVICES - from);
        let device = {
            let (connected, all) = (Arc::clone(&connected), Arc::clone(&all));
            move || device(hub, Arc::clone(&connected), Arc::clone(&all))
        };
        tasks.push(if count == 1 {
            tokio::spawn(device())
        } else {
            tokio::spawn(async move {
                let mut devices: FuturesUnordered<_> = (0..count).map(|_| device()).collect();
                while devices.next().await.is_some() {}
            })
        });
    }
    all.notified().await;
    let (heap, cpu) = (in_use() - before, cpu_us());
    for task in tasks {
        task.await.unwrap();
    }
    let cpu = cpu_us() - cpu;
    println!("{} {}", heap as f64 / DEVICES as f64, cpu / CALLS as f64);
}

/// One device: answers until it is hung up on.
async fn device(hub: SocketAddr, connected: Arc<AtomicUsize>, all: Arc<Notify>) {
    let mut state = [0_u8; STATE_BYTES];
    let mut stream = TcpStream::connect(hub).await.unwrap();
    stream.set_nodelay(true).unwrap();
    if connected.fetch_add(1, Ordering::AcqRel) + 1 == DEVICES {
        all.notify_one();
    }
    drop((connected, all));
    while stream.read_exact(&mut state[..CALL_BYTES]).await.is_ok() {
        state[STATE_BYTES - 1] = state[0];
        if stream.write_all(&state[..CALL_BYTES]).await.is_err() {
            break;
        }
    }
    std::hint::black_box(&state);
}

/// What was asked of the allocator and not given back.
fn in_use() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// User and system time of this process: fields 14 and 15 of its line, in hundredths of a second.
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields = fields.split(' ').skip(11).take(2);
    let ticks: u64 = fields.map(|it| it.parse::<u64>().unwrap()).sum();
    ticks as f64 * 10_000.0
}
