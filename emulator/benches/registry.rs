//! Registering 10,000 devices, 100 a request, and emptying a hub of 1,000.
//!
//! `cargo bench -p emulator --bench registry`

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use emulator::config::Ports;
use emulator::{Config, Emulator, HubHandle, ResetOptions, RunningEmulator};
use hub_core::registry::{Authentication, DeviceSpec, SymmetricKeys};
use hub_proto::connection_string::ConnectionString;
use hub_proto::ids::DeviceId;
use hub_proto::sas::{SasKey, sign};
use tokio::time::{Instant, sleep};

const BULK: u32 = 10_000;
const PER_REQUEST: u32 = 100;
const RESET: u32 = 1_000;
const ROUNDS: usize = 7;
/// After a reset the memory is given back on another thread, which the next figure must not share the
/// allocator with.
const GIVEN_BACK: Duration = Duration::from_millis(100);

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let hub = Emulator::start(Config {
        ports: Ports::ANY,
        ..Config::new(folder.path())
    })
    .await
    .map_err(|error| error.to_string())?;
    let (mut rest, mut direct, mut resets, mut posted) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        rest.push(bulk_over_rest(&hub).await?);
        empty(&hub).await;
        let start = Instant::now();
        register(hub.hub(), BULK)?;
        direct.push(start.elapsed());
        empty(&hub).await;
        register(hub.hub(), RESET)?;
        let start = Instant::now();
        hub.hub().reset(ResetOptions::default());
        resets.push(start.elapsed());
        sleep(GIVEN_BACK).await;
        register(hub.hub(), RESET)?;
        posted.push(post_reset(&hub).await?);
        sleep(GIVEN_BACK).await;
    }
    for (what, times) in [
        ("10,000 devices over REST, 100 a request", rest),
        ("10,000 devices through the handle", direct),
        ("reset of 1,000 devices through the handle", resets),
        ("reset of 1,000 devices, POST /admin/reset", posted),
    ] {
        let (median, slowest) = median(times);
        say(&format!("{what}: {median:.2?}, slowest {slowest:.2?}"));
    }
    hub.stop().await;
    Ok(())
}

/// What the next figure begins with.
async fn empty(hub: &RunningEmulator) {
    hub.hub().reset(ResetOptions::default());
    sleep(GIVEN_BACK).await;
}

fn register(hub: &HubHandle, devices: u32) -> Result<(), Failure> {
    for device in 0..devices {
        let keys = SymmetricKeys {
            primary: SasKey::from_bytes(&[1; 32]),
            secondary: SasKey::from_bytes(&[2; 32]),
        };
        let id = DeviceId::parse(&format!("device-{device:07}"))?;
        hub.create_device(DeviceSpec::enabled(id, Authentication::Sas(keys)))?;
    }
    Ok(())
}

/// One request after the other on a kept connection, as a script would.
async fn bulk_over_rest(hub: &RunningEmulator) -> Result<Duration, Failure> {
    let port = hub.ports().http.ok_or("no port for HTTP")?;
    let text = hub.connection_string("iothubowner", "localhost");
    let text = ConnectionString::parse(&text.ok_or("no such policy")?)?;
    let expiry = 4_000_000_000;
    let token = sign("localhost", &text.key, expiry, Some("iothubowner"));
    let bodies: Vec<String> = (0..BULK / PER_REQUEST).map(body).collect();
    tokio::task::spawn_blocking(move || {
        let mut connection = Connection::open(port)?;
        let start = Instant::now();
        for body in bodies {
            let head = format!("Authorization: {token}\r\nContent-Type: application/json\r\n");
            connection.post("/devices?api-version=2021-04-12", &head, &body)?;
        }
        Ok(start.elapsed())
    })
    .await?
}

async fn post_reset(hub: &RunningEmulator) -> Result<Duration, Failure> {
    let port = hub.ports().admin.ok_or("no port for the admin API")?;
    tokio::task::spawn_blocking(move || {
        let mut connection = Connection::open(port)?;
        let start = Instant::now();
        connection.post("/admin/reset", "", "")?;
        Ok(start.elapsed())
    })
    .await?
}

fn body(request: u32) -> String {
    let first = request * PER_REQUEST;
    let rows = (first..first + PER_REQUEST).map(|device| {
        format!(r#"{{"id":"device-{device:07}","status":"enabled","importMode":"create"}}"#)
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(","))
}

/// A kept connection that speaks as much HTTP as this needs.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(port: u16) -> Result<Self, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    fn post(&mut self, target: &str, head: &str, body: &str) -> Result<(), Failure> {
        let length = body.len();
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if status.is_empty() {
                line.clone_into(&mut status);
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.parse()?;
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer)?;
        if status.split(' ').nth(1) != Some("200") {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(())
    }
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn say(line: &str) {
    println!("{line}");
}
