//! `hubnerite demo`: the reboot, told as it happens.
//!
//! Nothing is staged: hub, device and back end run in this process, but they talk over TLS sockets.

mod back_end;
mod tell;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use device_sim::behaviour::Program;
use device_sim::device::{Device, Fact, Identity, Place, Settings as DeviceSettings};
use device_sim::driver::{Clock, drive};
use device_sim::transport::{Target, Tls};
use emulator::RunningEmulator;
use emulator::config::Ports;
use hub_proto::connection_string::ConnectionString;
use hub_proto::sas::SasKey;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use self::back_end::{News, back_end};
use super::signals::Signals;
use super::{CliError, say, start};
use crate::clock::wall_now;
use crate::exit_code;
use crate::output::{Lane, Narrative, Ready};
use crate::service_client::{Endpoint, ServiceClient, trusted_roots};
use crate::settings::{ConfigFlag, EndpointFlags, HubFlags, Settings, SettingsFile};

/// Watch a device reboot on command, in three seconds
///
/// Starts a hub on free ports, registers a device, connects it over MQTT and TLS, and calls its
/// method `reboot` over REST; the device answers, goes away, comes back and reports in its twin, which
/// the back end reads. Needs nothing and leaves nothing behind but the certificate authority.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite demo
  hubnerite demo --keep        leaves hub and device running, to be played with
  hubnerite demo --json        one JSON object a step")]
pub(super) struct DemoArgs {
    /// Leave the hub and the device running until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Tell the story in JSON, one step a line
    #[arg(long)]
    json: bool,
    /// Decides how long the device's reboot takes
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Keep the certificate authority in DIR; default: the user's data folder
    #[arg(long, value_name = "DIR", env = "HUBNERITE_CA", hide_env_values = true)]
    ca: Option<std::path::PathBuf>,
    #[command(flatten)]
    config: ConfigFlag,
}

/// What it came to.
struct Ending {
    took: Duration,
    reported_version: u64,
}

pub(super) async fn run(args: DemoArgs) -> Result<u8, CliError> {
    let file = SettingsFile::load(args.config.config.as_deref())?;
    let flags = HubFlags {
        ca: args.ca,
        ..HubFlags::default()
    };
    let settings = Settings::merge(EndpointFlags::default(), flags, file)?;
    let mut signals = Signals::listen()
        .map_err(|error| CliError::could_not_run(format!("cannot listen for signals: {error}")))?;
    let mut story = Narrative::begin(args.json);
    story.title("A device reboots on command. Hub, device and back end are in this process; between them is TLS.");
    let mut config = settings.to_config();
    config.addresses = vec![IpAddr::from([127, 0, 0, 1])];
    config.ports = Ports {
        mqtts: Some(0),
        amqps: None,
        https: Some(0),
        mqtt: None,
        http: None,
        admin: Some(0),
    };
    let (hub, took) = start::start(config).await?;
    let ready = Ready::of(&hub, took);
    story.step(
        Lane::Hub,
        "is up, in memory",
        &format!(
            "MQTT at 127.0.0.1:{}, HTTPS at 127.0.0.1:{}",
            ready.ports.mqtts.unwrap_or_default(),
            ready.ports.https.unwrap_or_default()
        ),
    );
    let (stop, stopped) = watch::channel(false);
    let play = play(&mut story, &ready, args.seed, stopped);
    let (code, device) = tokio::select! {
        played = play => conclude(&story, played)?,
        ending = signals.next() => (ending.exit_code(), None),
    };
    if args.keep && code == exit_code::OK {
        stay(&ready, args.json, &mut signals).await;
    }
    stop.send_replace(true);
    if let Some(device) = device {
        // It says goodbye first; a device that hangs is cut off with the hub.
        let _ = tokio::time::timeout(Duration::from_secs(1), device).await;
    }
    stop_hub(hub, &mut signals).await;
    Ok(code)
}

type DeviceTask = tokio::task::JoinHandle<()>;

/// Runs the reboot from registration to `booted`.
async fn play(
    story: &mut Narrative,
    ready: &Ready,
    seed: u64,
    stopped: watch::Receiver<bool>,
) -> Result<(Ending, DeviceTask), CliError> {
    let tls = trusted_roots(Some(&ready.ca))?;
    let mut client = service(ready, Arc::clone(&tls))?;
    let identity = client.create_device(DEVICE).await?;
    story.step(
        Lane::Service,
        "registers the device",
        &format!("PUT /devices/{DEVICE} → 200"),
    );

    let (facts, mut heard) = mpsc::channel(64);
    let target = Target {
        dial_host: "127.0.0.1".to_owned(),
        port: ready.ports.mqtts.unwrap_or_default(),
        tls: Some(Tls {
            config: tls,
            name: server_name(&ready.host)?,
        }),
    };
    let identity = Identity {
        host: ready.host.as_str().into(),
        device_id: DEVICE.into(),
        key: device_key(&identity)?,
    };
    let settings = DeviceSettings {
        program: reboot(),
        ..DeviceSettings::default()
    };
    let place = Place { number: 1, seed };
    let device = Device::new(Arc::new(identity), Arc::new(settings), place);
    let device = tokio::spawn(drive(
        device,
        target,
        Clock::starting_at(wall_now()),
        facts,
        stopped,
    ));

    let told = tokio::time::timeout(PATIENCE, follow(story, client, &mut heard)).await;
    // From here on nobody listens to the device, and that must not hold it up.
    tokio::spawn(async move { while heard.recv().await.is_some() {} });
    let ending = told.map_err(|_| {
        CliError::failed(format!(
            "the device did not boot within {} s",
            PATIENCE.as_secs()
        ))
    })??;
    Ok((ending, device))
}

/// Tells what device and back end do, until the back end has seen `booted`.
async fn follow(
    story: &mut Narrative,
    client: ServiceClient,
    heard: &mut mpsc::Receiver<Fact>,
) -> Result<Ending, CliError> {
    let (news, mut read) = mpsc::channel(16);
    let mut client = Some(client);
    let mut called_at = Duration::ZERO;
    loop {
        tokio::select! {
            // What the device does comes before what follows from it.
            biased;
            Some(fact) = heard.recv() => {
                if let Fact::Lost { reason } = &fact {
                    return Err(CliError::failed(format!("the device lost its connection: {reason}")));
                }
                tell::fact(story, &fact);
                if matches!(fact, Fact::Online { .. }) && let Some(client) = client.take() {
                    called_at = story.elapsed();
                    story.step(
                        Lane::Service,
                        "calls the method reboot",
                        &format!("POST /twins/{DEVICE}/methods  {{\"methodName\":\"reboot\"}}"),
                    );
                    tokio::spawn(back_end(client, news.clone()));
                }
            }
            Some(news) = read.recv() => match news {
                News::Failed(error) => return Err(error.into()),
                News::TwinSays { status, version } if status == "booted" => {
                    tell::twin(story, &status, version);
                    let took = story.elapsed().saturating_sub(called_at);
                    return Ok(Ending { took, reported_version: version });
                }
                News::TwinSays { status, version } => tell::twin(story, &status, version),
                News::Answered { status, payload } => story.step(
                    Lane::Service,
                    "has the device's answer",
                    &format!("200  {{\"status\":{status},\"payload\":{payload}}}"),
                ),
            },
        }
    }
}

/// The verdict, and the device's task if it is still there.
fn conclude(
    story: &Narrative,
    played: Result<(Ending, DeviceTask), CliError>,
) -> Result<(u8, Option<DeviceTask>), CliError> {
    match played {
        Ok((ending, device)) => {
            let summary = format!(
                "{DEVICE} was told to reboot and had booted {:.1} s later; the twin's reported \
                 version is {}",
                ending.took.as_secs_f64(),
                ending.reported_version
            );
            story.end(true, &summary);
            Ok((exit_code::OK, Some(device)))
        }
        Err(error) => {
            story.end(false, "the story stopped here");
            Err(error)
        }
    }
}

async fn stay(ready: &Ready, json: bool, signals: &mut Signals) {
    if json {
        say(ready.to_json());
    } else {
        say(format_args!(
            "\nHub and device keep running until Ctrl-C. In another terminal:\n"
        ));
        let url = ready.admin_url.as_deref().unwrap_or_default();
        say(format_args!("  export HUBNERITE_ADMIN_URL={url}"));
        say(format_args!("  hubnerite method invoke {DEVICE} reboot"));
        say(format_args!("  hubnerite events --follow"));
    }
    signals.next().await;
}

async fn stop_hub(hub: RunningEmulator, signals: &mut Signals) {
    tokio::select! {
        () = hub.stop() => {}
        _ = signals.next() => {}
    }
}

fn service(ready: &Ready, tls: Arc<ClientConfig>) -> Result<ServiceClient, CliError> {
    let credential = ConnectionString::parse(ready.connection_string.expose())
        .map_err(|error| CliError::could_not_run(error.to_string()))?;
    let endpoint = Endpoint {
        host_name: ready.host.clone(),
        dial_host: "127.0.0.1".to_owned(),
        port: ready.ports.https.unwrap_or_default(),
        tls,
    };
    Ok(ServiceClient::new(endpoint, credential))
}

fn server_name(host: &str) -> Result<ServerName<'static>, CliError> {
    ServerName::try_from(host.to_owned())
        .map_err(|error| CliError::could_not_run(error.to_string()))
}

fn device_key(identity: &Value) -> Result<SasKey, CliError> {
    let key = identity["authentication"]["symmetricKey"]["primaryKey"].as_str();
    SasKey::from_base64(key.unwrap_or_default())
        .map_err(|error| CliError::failed(format!("the hub drew a bad key: {error}")))
}

/// Away long enough to be watched.
fn reboot() -> Arc<Program> {
    let down = serde_json::json!({"between": ["1500ms", "2500ms"]});
    Program::built_in("reboot")
        .expect("reboot is built in")
        .with(&[("down".to_owned(), down)])
        .expect("reboot has this parameter")
}

const DEVICE: &str = "demo-pump";
/// Ten times what the story takes.
const PATIENCE: Duration = Duration::from_secs(30);
