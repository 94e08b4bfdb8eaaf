//! `hubnerite fleet`: virtual devices against any hub.

mod arguments;
mod tell;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use device_sim::behaviour::Program;
use device_sim::device::Settings;
use device_sim::driver::Clock;
use device_sim::fleet::{Arrival, CohortPlan, DevicePlan, Fleet, FleetPlan, Selection, Transport};
use device_sim::metrics::Metrics;
use device_sim::netem::NetworkProfile;
use serde_json::Value;
use tokio::time::Instant;

use self::tell::Teller;
use super::CliError;
use super::signals::{Ending, Signals};
use crate::clock::wall_now;
use crate::device_side::Reach;
use crate::exit_code;
use crate::open_files;
use crate::registration;
use crate::scenario::IdPattern;
use crate::service_client::ServiceError;
use crate::target::{HubTarget, Reached};

/// Drive virtual devices against a hub, until Ctrl-C
///
/// Registers the devices with the hub, connects them as they arrive, and lets them behave. Shows how
/// many are online and how long it takes, and sums up at the end.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite fleet --count 1000
  hubnerite fleet --count 200 --behaviour reboot --with down=2s --id 'pump-{n:4}'
  hubnerite fleet --count 5000 --arrive 'over 1m' --network 3g --for 10m --json
  hubnerite fleet --devices pumps.txt --hub \"$IOTHUB_CONNECTION_STRING\"")]
pub(super) struct FleetArgs {
    /// How many devices
    #[arg(long, value_name = "NUMBER", required_unless_present = "devices",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: Option<u32>,
    /// What they do: a behaviour that comes with Hubnerite, or a file
    #[arg(long, value_name = "NAME", default_value = "reboot")]
    behaviour: String,
    /// Set a parameter of the behaviour
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = arguments::parameter)]
    parameters: Vec<(String, Value)>,
    /// What they are called; {n} counts from 1, {n:4} with at least four digits
    #[arg(long, value_name = "PATTERN", default_value = "device-{n}")]
    id: String,
    /// How they come: `burst`, `500/s`, `over 10s`
    #[arg(long, value_name = "ARRIVAL", default_value = "500/s", value_parser = arguments::arrival)]
    arrive: Arrival,
    /// What they speak
    #[arg(long, value_name = "TRANSPORT", default_value = "mqtts")]
    transport: TransportFlag,
    /// Dial this port instead of the transport's own
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// What lies between them and the hub: good, 3g, satellite
    #[arg(long, value_name = "NETWORK", default_value = "good", value_parser = arguments::network)]
    network: NetworkProfile,
    /// How long their SAS tokens live
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = arguments::duration)]
    token_life: Duration,
    /// Register nobody: drive the devices of the connection strings in FILE, one a line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["count", "id", "cleanup"])]
    devices: Option<PathBuf>,
    /// Stop after so long
    #[arg(long = "for", value_name = "TIME", value_parser = arguments::duration)]
    lasts: Option<Duration>,
    /// Remove the devices from the hub at the end
    #[arg(long)]
    cleanup: bool,
    /// Decides whatever is random about the devices
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Tell everything in JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TransportFlag {
    /// MQTT over TLS
    Mqtts,
    /// MQTT over plain TCP, to a Hubnerite that was told to
    Mqtt,
    /// MQTT over WebSocket
    Wss,
}

impl TransportFlag {
    fn transport(self) -> Transport {
        match self {
            Self::Mqtts => Transport::Mqtts,
            Self::Mqtt => Transport::Mqtt,
            Self::Wss => Transport::Wss,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mqtts => "mqtts",
            Self::Mqtt => "mqtt",
            Self::Wss => "wss",
        }
    }
}

pub(super) async fn run(args: FleetArgs) -> Result<u8, CliError> {
    // Whatever is wrong with the command line shows before anything is registered.
    let program = arguments::behaviour(&args.behaviour, &args.parameters)?;
    let listed = args.devices.as_deref().map(read_devices).transpose()?;
    let ids = match (&listed, args.count) {
        (None, Some(count)) => ids(&args.id, count)?,
        _ => Vec::new(),
    };
    has_room(listed.as_ref().map_or(ids.len(), Vec::len))?;
    let mut signals = Signals::listen()
        .map_err(|error| CliError::could_not_run(format!("cannot listen for signals: {error}")))?;
    let hub = match &listed {
        Some(_) => None,
        None => Some(args.target.reach().await?),
    };
    let reach = Reach::find(&args.target, hub.as_ref(), listed.as_deref()).await?;
    let transport = args.transport.transport();
    let endpoints = reach.endpoints(transport, args.port).await?;
    let mut teller = Teller::begin(args.json);
    let devices = match (listed, &hub) {
        (Some(devices), _) => devices,
        (None, Some(hub)) => {
            let work = registration::register;
            match counted(&mut teller, "registering", hub, ids, work, &mut signals).await {
                Ok(devices) => devices?,
                Err(ending) => return Ok(ending.exit_code()),
            }
        }
        (None, None) => Vec::new(),
    };
    teller.title(&format!(
        "{} devices, behaviour {}, at {} over {}",
        devices.len(),
        program.name(),
        reach.host_name,
        args.transport.name(),
    ));
    let ids: Vec<Arc<str>> = devices
        .iter()
        .map(|device| Arc::clone(&device.id))
        .collect();
    let plan = plan(&args, program, devices);
    let fleet = Fleet::new(plan, endpoints, Clock::starting_at(wall_now()));
    let (metrics, ran) = drive(fleet, args.lasts, &mut teller, &mut signals).await;
    teller.summary(&metrics, ran);
    if let (true, Some(hub)) = (args.cleanup, &hub) {
        let work = registration::remove;
        match counted(&mut teller, "removing", hub, ids, work, &mut signals).await {
            Ok(removed) => removed?,
            Err(ending) => return Ok(ending.exit_code()),
        }
    }
    verdict(&metrics)
}

fn plan(args: &FleetArgs, program: Arc<Program>, devices: Vec<DevicePlan>) -> FleetPlan {
    FleetPlan {
        seed: args.seed,
        cohorts: vec![CohortPlan {
            name: "fleet".into(),
            devices,
            settings: Settings {
                program,
                token_life: args.token_life,
                ..Settings::default()
            },
            arrival: args.arrive,
            network: args.network,
            transport: args.transport.transport(),
            autostart: true,
        }],
    }
}

/// Runs the fleet until its time is over or a signal comes; what it came to, and how long it ran.
async fn drive(
    mut fleet: Fleet,
    lasts: Option<Duration>,
    teller: &mut Teller,
    signals: &mut Signals,
) -> (Metrics, Duration) {
    let started = Instant::now();
    fleet.start(&Selection::All);
    let mut ticks = tokio::time::interval(teller.pace());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let over = async {
        match lasts {
            Some(lasts) => tokio::time::sleep(lasts).await,
            None => std::future::pending().await,
        }
    };
    let mut over = std::pin::pin!(over);
    loop {
        tokio::select! {
            biased;
            _ = signals.next() => break,
            () = &mut over => break,
            _ = ticks.tick() => teller.status(&fleet.metrics()),
        }
    }
    // Before the goodbyes, which are no part of what was asked.
    let (metrics, ran) = (fleet.metrics(), started.elapsed());
    tokio::select! {
        () = fleet.shutdown() => {}
        // A second signal cuts the goodbyes short.
        _ = signals.next() => {}
    }
    (metrics, ran)
}

/// Works on identities and tells how far it is; the signal that ends it.
async fn counted<'a, T, W>(
    teller: &mut Teller,
    what: &str,
    hub: &'a Reached,
    ids: Vec<Arc<str>>,
    work: impl FnOnce(&'a Reached, Vec<Arc<str>>, Arc<AtomicUsize>) -> W,
    signals: &mut Signals,
) -> Result<Result<T, ServiceError>, Ending>
where
    W: Future<Output = Result<T, ServiceError>>,
{
    let (of, done) = (ids.len(), Arc::new(AtomicUsize::new(0)));
    let mut work = std::pin::pin!(work(hub, ids, Arc::clone(&done)));
    let mut ticks = tokio::time::interval(teller.pace());
    loop {
        tokio::select! {
            biased;
            ending = signals.next() => return Err(ending),
            result = &mut work => {
                teller.progress(what, done.load(Ordering::Relaxed), of);
                return Ok(result);
            }
            _ = ticks.tick() => {
                teller.progress(what, done.load(Ordering::Relaxed).min(of - 1), of);
            }
        }
    }
}

/// A fleet that never came online has failed; what it did beyond is for its user to judge.
fn verdict(metrics: &Metrics) -> Result<u8, CliError> {
    let counts = &metrics.counts;
    if counts.onlines > 0 || counts.dials == 0 {
        return Ok(exit_code::OK);
    }
    let commonest = metrics.losses.iter().max_by_key(|(_, count)| **count);
    let reason = commonest.map_or("nothing was heard of it", |(reason, _)| reason);
    Err(
        CliError::failed(format!("no device came online: {reason}")).with_remedy(
            "`hubnerite doctor` looks for what is in the way; `hubnerite events` shows what the hub \
             of this machine refused",
        ),
    )
}

fn read_devices(file: &std::path::Path) -> Result<Vec<DevicePlan>, CliError> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::usage(format!("cannot read {name}: {error}")))?;
    arguments::devices(&text, &name)
}

fn ids(pattern: &str, count: u32) -> Result<Vec<Arc<str>>, CliError> {
    let parsed = IdPattern::parse(pattern)
        .map_err(|problem| CliError::usage(format!("the id {pattern:?} {problem}")))?;
    if count > 1 && !parsed.is_numbered() {
        return Err(
            CliError::usage(format!("{count} devices cannot all be called {pattern:?}"))
                .with_remedy("number them: --id 'pump-{n}'"),
        );
    }
    Ok((1..=count).map(|number| parsed.id(number).into()).collect())
}

/// Every device is an open file: says so before anything is begun when this process may not have as
/// many.
fn has_room(devices: usize) -> Result<(), CliError> {
    let needed = u64::try_from(devices).unwrap_or(u64::MAX) + OTHER_FILES;
    match allowed_files() {
        Some(allowed) if allowed < needed => Err(CliError::could_not_run(format!(
            "{devices} devices need {needed} open files, and this process may have {allowed}"
        ))
        .with_remedy("raise the limit: `ulimit -n NUMBER` in a shell that may")
        .with_remedy(
            "or run several fleets side by side: --count 10000 --id 'a-{n}' and --id 'b-{n}'",
        )
        .with_remedy(
            "or use no sockets: a scenario with `transport: memory` has the hub in its process",
        )),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn allowed_files() -> Option<u64> {
    open_files::open_files().soft
}

#[cfg(not(unix))]
fn allowed_files() -> Option<u64> {
    None
}

/// Connections of the registration, the runtime's own files, standard streams.
const OTHER_FILES: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbered_or_alone() {
        let all = ids("pump-{n:3}", 2).unwrap();
        assert_eq!(
            all.iter().map(|id| &**id).collect::<Vec<_>>(),
            ["pump-001", "pump-002"]
        );
        assert_eq!(ids("pump", 1).unwrap().len(), 1);
        for (pattern, count) in [("pump", 2), ("pump-{x}", 1)] {
            assert_eq!(ids(pattern, count).unwrap_err().code(), exit_code::USAGE);
        }
    }

    #[cfg(unix)]
    #[test]
    fn more_devices_than_open_files_are_refused_with_their_remedies() {
        assert!(has_room(1).is_ok());
        if allowed_files().is_some() {
            let error = has_room(usize::MAX >> 1).unwrap_err();
            assert_eq!(error.code(), exit_code::COULD_NOT_RUN);
            let told = error.render();
            for words in [
                "open files",
                "ulimit -n",
                "--id 'b-{n}'",
                "transport: memory",
            ] {
                assert!(told.contains(words), "{told}");
            }
        }
    }

    #[test]
    fn a_fleet_that_never_came_online_has_failed_and_says_the_commonest_reason() {
        let mut metrics = Metrics::default();
        assert_eq!(verdict(&metrics).unwrap(), exit_code::OK, "nobody tried");
        metrics.counts.dials = 9;
        metrics.losses.insert("rare".to_owned(), 1);
        metrics.losses.insert("usual".to_owned(), 8);
        let error = verdict(&metrics).unwrap_err();
        assert_eq!(error.code(), exit_code::FAILED);
        assert!(error.render().contains("no device came online: usual"));
        metrics.counts.onlines = 1;
        assert_eq!(verdict(&metrics).unwrap(), exit_code::OK);
    }
}
