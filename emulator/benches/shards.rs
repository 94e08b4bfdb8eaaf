//! Who keeps a shard: a mutex that everybody locks, or a task with an inbox? (ADR 2)
//!
//! `cargo bench -p emulator --bench shards`
//!
//! The same pure shards, the same log, the same devices and callers on tokio tasks; no sockets, so that
//! what differs is not lost in what does not. A device's answer or message wakes it as a socket would.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub_core::link::{Credential, LinkId, LinkUp};
use hub_core::method::{CallId, InvokeMethod, MethodResult, Timeouts};
use hub_core::output::ToDevice;
use hub_core::registry::{Authentication, DeviceSpec, SymmetricKeys};
use hub_core::{Event, Limits, MethodResponse, Output, Shard, Telemetry};
use hub_proto::ids::{ClientIdentity, DeviceId, MethodName};
use hub_proto::mqtt::packet::QoS;
use hub_proto::sas::SasKey;
use hub_proto::time::{Instant, Now, Timestamp};
use hub_proto::topic::Subscription;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

const SHARDS: usize = 16;
const DEVICES: usize = 1_000;
const CALLERS: usize = 64;
const INBOX: usize = 256;
const ROUNDS: usize = 5;
const MEASURED: Duration = Duration::from_secs(1);
const FACTS_MAX: usize = 100_000;
const PAYLOAD: &[u8] = br#"{"temperature":21.5,"humidity":40}"#;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let works = [("method", Work::Method), ("message", Work::Message)];
    for (name, work) in works {
        let (mut mutex, mut task) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            mutex.push(measure(Hub::new(Keep::Mutex)?, work).await?);
            task.push(measure(Hub::new(Keep::Task)?, work).await?);
        }
        for (keep, samples) in [("mutex", mutex), ("task", task)] {
            let of = |field: fn(&Sample) -> f64| {
                let mut values: Vec<f64> = samples.iter().map(field).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            let (cpu, p50, p99) = (of(|one| one.cpu), of(|one| one.p50), of(|one| one.p99));
            let rate = of(|one| one.rate);
            let line = format!(
                "{name:8} {keep:6} {cpu:6.2} us CPU, {rate:9.0}/s, p50 {p50:6.1} us, p99 {p99:7.1} us"
            );
            writeln!(std::io::stdout(), "{line}")?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Keep {
    Mutex,
    Task,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Method,
    Message,
}

struct Sample {
    cpu: f64,
    rate: f64,
    p50: f64,
    p99: f64,
}

/// A shard and what its outputs go to.
struct Cell {
    shard: Shard,
    calls: HashMap<CallId, oneshot::Sender<MethodResult>>,
    facts: Vec<Arc<Event>>,
    around: Arc<Around>,
}

/// What all shards share.
struct Around {
    started: tokio::time::Instant,
    log: Mutex<VecDeque<Arc<Event>>>,
    /// The mailboxes of the devices, by link.
    mailboxes: Vec<mpsc::Sender<String>>,
}

/// What the inbox of a shard's task takes. It outlives its sender, so it owns what it carries.
enum Command {
    Invoke(InvokeMethod, oneshot::Sender<MethodResult>),
    Answer {
        client: ClientIdentity,
        device: usize,
        rid: String,
    },
    Message {
        client: ClientIdentity,
        device: usize,
        bag: Box<str>,
        payload: Box<[u8]>,
        taken: oneshot::Sender<()>,
    },
}

enum Shards {
    Mutex(Vec<Mutex<Cell>>),
    Task(Vec<mpsc::Sender<Command>>),
}

struct Hub {
    shards: Shards,
    clients: Vec<ClientIdentity>,
    mail: Mutex<Vec<mpsc::Receiver<String>>>,
}

impl Hub {
    fn new(keep: Keep) -> Result<Arc<Self>, Failure> {
        let (mailboxes, mail) = (0..DEVICES).map(|_| mpsc::channel(16)).unzip();
        let around = Arc::new(Around {
            started: tokio::time::Instant::now(),
            log: Mutex::default(),
            mailboxes,
        });
        let names = (0..DEVICES).map(|number| DeviceId::parse(&format!("device-{number}")));
        let clients: Vec<ClientIdentity> = names
            .map(|id| id.map(ClientIdentity::Device))
            .collect::<Result<_, _>>()?;
        let mut cells: Vec<Cell> = (0..SHARDS).map(|_| Cell::new(&around)).collect();
        for (device, client) in clients.iter().enumerate() {
            cells[device % SHARDS].connect(client, LinkId(device as u64))?;
        }
        let shards = match keep {
            Keep::Mutex => Shards::Mutex(cells.into_iter().map(Mutex::new).collect()),
            Keep::Task => Shards::Task(cells.into_iter().map(start).collect()),
        };
        Ok(Arc::new(Self {
            shards,
            clients,
            mail: Mutex::new(mail),
        }))
    }

    async fn invoke(&self, device: usize, invoke: InvokeMethod) -> Result<MethodResult, Failure> {
        let (caller, answer) = oneshot::channel();
        match &self.shards {
            Shards::Mutex(cells) => lock(&cells[device % SHARDS]).invoke(invoke, caller)?,
            Shards::Task(inboxes) => {
                let command = Command::Invoke(invoke, caller);
                inboxes[device % SHARDS].send(command).await?;
            }
        }
        Ok(answer.await?)
    }

    async fn answer(&self, device: usize, rid: String) -> Result<(), Failure> {
        match &self.shards {
            Shards::Mutex(cells) => {
                let client = &self.clients[device];
                lock(&cells[device % SHARDS]).answer(client, device, &rid);
            }
            Shards::Task(inboxes) => {
                let command = Command::Answer {
                    client: self.clients[device].clone(),
                    device,
                    rid,
                };
                inboxes[device % SHARDS].send(command).await?;
            }
        }
        Ok(())
    }

    /// When this is over the message is in the log, and could be acknowledged.
    async fn message(&self, device: usize) -> Result<(), Failure> {
        let bag = "%24.ct=application%2Fjson&%24.ce=utf-8";
        match &self.shards {
            Shards::Mutex(cells) => {
                let client = &self.clients[device];
                lock(&cells[device % SHARDS]).message(client, device, bag, PAYLOAD);
            }
            Shards::Task(inboxes) => {
                let (taken, is_taken) = oneshot::channel();
                let command = Command::Message {
                    client: self.clients[device].clone(),
                    device,
                    bag: bag.into(),
                    payload: PAYLOAD.into(),
                    taken,
                };
                inboxes[device % SHARDS].send(command).await?;
                is_taken.await?;
            }
        }
        Ok(())
    }
}

/// A task that keeps a shard. It takes what has gathered at once.
fn start(mut cell: Cell) -> mpsc::Sender<Command> {
    let (inbox, mut commands) = mpsc::channel(INBOX);
    tokio::spawn(async move {
        let mut some = Vec::with_capacity(INBOX);
        while commands.recv_many(&mut some, INBOX).await > 0 {
            for command in some.drain(..) {
                cell.act(command);
            }
        }
    });
    inbox
}

impl Cell {
    fn new(around: &Arc<Around>) -> Self {
        Self {
            shard: Shard::new(Limits::default()),
            calls: HashMap::new(),
            facts: Vec::new(),
            around: Arc::clone(around),
        }
    }

    fn connect(&mut self, client: &ClientIdentity, link: LinkId) -> Result<(), Failure> {
        let now = self.around.now();
        let keys = SymmetricKeys {
            primary: SasKey::from_bytes(&[1; 32]),
            secondary: SasKey::from_bytes(&[2; 32]),
        };
        let spec = DeviceSpec::enabled(client.device_id().clone(), Authentication::Sas(keys));
        self.shard
            .create_device(now, spec)
            .map_err(|error| error.to_string())?;
        let link_up = LinkUp {
            link,
            client: client.clone(),
            credential: Credential::Policy,
            clean_session: true,
            will: None,
            model_id: None,
            client_type: None,
        };
        self.shard
            .link_up(now, link_up)
            .map_err(|error| error.to_string())?;
        let listens = [(Subscription::Methods, QoS::AtMostOnce)];
        self.shard.subscribe(now, client, link, &listens);
        self.carry_out();
        Ok(())
    }

    fn act(&mut self, command: Command) {
        match command {
            Command::Invoke(invoke, caller) => {
                // Whoever waits for one that was refused finds the channel closed.
                let _ = self.invoke(invoke, caller);
            }
            Command::Answer {
                client,
                device,
                rid,
            } => self.answer(&client, device, &rid),
            Command::Message {
                client,
                device,
                bag,
                payload,
                taken,
            } => {
                self.message(&client, device, &bag, &payload);
                let _ = taken.send(());
            }
        }
    }

    fn invoke(
        &mut self,
        invoke: InvokeMethod,
        caller: oneshot::Sender<MethodResult>,
    ) -> Result<(), Failure> {
        let now = self.around.now();
        let call = self.shard.invoke_method(now, invoke);
        self.calls
            .insert(call.map_err(|error| error.to_string())?, caller);
        self.carry_out();
        Ok(())
    }

    fn answer(&mut self, client: &ClientIdentity, device: usize, rid: &str) {
        let response = MethodResponse {
            rid,
            status: "200",
            payload: br#"{"ok":true}"#,
        };
        let now = self.around.now();
        self.shard
            .method_response(now, client, LinkId(device as u64), response);
        self.carry_out();
    }

    fn message(&mut self, client: &ClientIdentity, device: usize, bag: &str, payload: &[u8]) {
        let message = Telemetry {
            bag,
            payload,
            retain: false,
            dup: false,
        };
        let now = self.around.now();
        let taken = self
            .shard
            .telemetry(now, client, LinkId(device as u64), &[message]);
        taken.expect("every device is connected");
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Event(event) => self.facts.push(Arc::new(event)),
                Output::ToLink {
                    link,
                    message: ToDevice::MethodRequest { rid, .. },
                } => {
                    self.tell();
                    let mailbox = usize::try_from(link.0).map(|at| &self.around.mailboxes[at]);
                    let mailbox = mailbox.expect("a link is a place");
                    // Never full: a call at a time. At the end of a round nobody reads any more.
                    let _ = mailbox.try_send(rid.to_string());
                }
                Output::MethodAnswered { call, result } => {
                    self.tell();
                    let caller = self.calls.remove(&call).expect("each call has a caller");
                    let _ = caller.send(result.expect("each device answers"));
                }
                Output::ToLink { .. } | Output::CloseLink { .. } | Output::Feedback(_) => {}
            }
        }
        self.tell();
    }

    /// What a device or caller is told follows from facts that are in the log.
    fn tell(&mut self) {
        if self.facts.is_empty() {
            return;
        }
        let mut log = lock(&self.around.log);
        log.extend(self.facts.drain(..));
        let excess = log.len().saturating_sub(FACTS_MAX);
        log.drain(..excess);
    }
}

impl Around {
    fn now(&self) -> Now {
        let elapsed = self.started.elapsed();
        Now {
            mono: Instant::from_start(elapsed),
            wall: Timestamp::from_unix_seconds(1_700_000_000).saturating_add(elapsed),
        }
    }
}

/// Runs the work for a while; what is still open then is given up.
async fn measure(hub: Arc<Hub>, work: Work) -> Result<Sample, Failure> {
    let mut tasks = JoinSet::new();
    for (device, mut mail) in std::mem::take(&mut *lock(&hub.mail))
        .into_iter()
        .enumerate()
    {
        let hub = Arc::clone(&hub);
        tasks.spawn(async move {
            while let Some(rid) = mail.recv().await {
                hub.answer(device, rid).await.expect("the hub is there");
            }
        });
    }
    let latencies = Arc::new(Mutex::new(Vec::new()));
    for caller in 0..CALLERS {
        tasks.spawn(call(Arc::clone(&hub), work, caller, Arc::clone(&latencies)));
    }
    tokio::time::sleep(MEASURED / 4).await;
    lock(&latencies).clear();
    let (before, from) = (cpu_seconds()?, tokio::time::Instant::now());
    tokio::time::sleep(MEASURED).await;
    let (cpu, elapsed) = (cpu_seconds()? - before, from.elapsed());
    let mut latencies: Vec<f64> = std::mem::take(&mut *lock(&latencies));
    tasks.shutdown().await;
    latencies.sort_by(f64::total_cmp);
    let done = f64::from(u32::try_from(latencies.len())?);
    Ok(Sample {
        cpu: cpu * 1e6 / done,
        rate: done / elapsed.as_secs_f64(),
        p50: latencies[latencies.len() / 2],
        p99: latencies[latencies.len() * 99 / 100],
    })
}

async fn call(hub: Arc<Hub>, work: Work, caller: usize, latencies: Arc<Mutex<Vec<f64>>>) {
    let name = MethodName::parse("reboot").expect("a sound name");
    for device in (caller..DEVICES).step_by(CALLERS).cycle() {
        let from = tokio::time::Instant::now();
        match work {
            Work::Method => {
                let invoke = InvokeMethod {
                    client: hub.clients[device].clone(),
                    name: name.clone(),
                    payload: br#"{"delay":5}"#.to_vec(),
                    timeouts: Timeouts::checked(Some(30), None).expect("within bounds"),
                };
                hub.invoke(device, invoke).await.expect("it is answered");
            }
            Work::Message => {
                hub.message(device).await.expect("it is taken");
                // As the next read of a socket would.
                tokio::task::yield_now().await;
            }
        }
        lock(&latencies).push(from.elapsed().as_secs_f64() * 1e6);
    }
}

/// CPU time of this process so far.
fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(") ").ok_or("no process name")?.1;
    // User and system time, in ticks of a hundredth of a second.
    let ticks = after_name.split(' ').skip(11).take(2);
    let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
