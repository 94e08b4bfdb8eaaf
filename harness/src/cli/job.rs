//! `hubnerite job`, in the words of `az iot hub job`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::twin::json_argument;
use super::{CliError, say, say_json};
use crate::exit_code;
use crate::output::style::{BAD, FAINT, GOOD, STRONG, paint};
use crate::output::table;
use crate::service_client::{JobFilter, ServiceClient};
use crate::target::HubTarget;

/// Schedule a twin update or a direct method on many devices
#[derive(Subcommand, Debug)]
pub(super) enum JobCommand {
    Create(CreateArgs),
    Show(ShowArgs),
    List(ListArgs),
    Cancel(CancelArgs),
}

/// Schedule a job
///
/// With --wait the exit code is 0 if the job is completed and no device failed, and 1 otherwise.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite job create reboot-all --query-condition '*' --method-name reboot --wait
  hubnerite job create site-a -q \"tags.site = 'a'\" --twin-patch '{\"properties\":{\"desired\":{\"interval\":5}}}'
  hubnerite job create tonight -q '*' --method-name reboot --start-time 2026-11-22T22:00:00Z --ttl 600")]
#[command(group(clap::ArgGroup::new("work").args(["method_name", "twin_patch"]).required(true)))]
pub(super) struct CreateArgs {
    /// The job's name, new for 30 days
    job_id: String,
    /// Which devices: what follows WHERE in a query of twins, or '*' for all
    #[arg(short, long, value_name = "CONDITION")]
    query_condition: String,
    /// The direct method to call
    #[arg(long, value_name = "NAME")]
    method_name: Option<String>,
    /// The method's argument, any JSON; default: null
    #[arg(long, value_name = "JSON", requires = "method_name")]
    method_payload: Option<String>,
    /// How long a device may take to answer, 5 to 300; default: 30
    #[arg(long, value_name = "SECONDS", requires = "method_name")]
    method_response_timeout: Option<u64>,
    /// How long a device may take to connect, 0 to 300; default: 0, it must be connected
    #[arg(long, value_name = "SECONDS", requires = "method_name")]
    method_connect_timeout: Option<u64>,
    /// The twin's change: a JSON object with tags, properties.desired or both
    #[arg(long, value_name = "JSON")]
    twin_patch: Option<String>,
    /// When it starts, up to 168 hours ahead, as 2026-11-22T22:00:00Z; default: now
    #[arg(long, value_name = "TIME")]
    start_time: Option<String>,
    /// How long it may run; default: 3600
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    ttl: u64,
    /// Wait until the job has ended
    #[arg(long)]
    wait: bool,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Show a job
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite job show reboot-all
  hubnerite job show reboot-all --wait --json | jq .deviceJobStatistics")]
pub(super) struct ShowArgs {
    /// The job's name
    job_id: String,
    /// Wait until the job has ended
    #[arg(long)]
    wait: bool,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// List jobs in the order in which they were made
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  hubnerite job list\n  hubnerite job list --job-status running --json"
)]
pub(super) struct ListArgs {
    /// Of this kind only: scheduleUpdateTwin or scheduleDeviceMethod
    #[arg(long, value_name = "TYPE")]
    job_type: Option<String>,
    /// With this status only: queued, scheduled, running, completed, failed or cancelled
    #[arg(long, value_name = "STATUS")]
    job_status: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    top: usize,
    /// Print JSON, one job a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Cancel a job that has not started
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite job cancel tonight")]
pub(super) struct CancelArgs {
    /// The job's name
    job_id: String,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(command: JobCommand) -> Result<u8, CliError> {
    match command {
        JobCommand::Create(args) => create(args).await,
        JobCommand::Show(args) => show(args).await,
        JobCommand::List(args) => list(args).await,
        JobCommand::Cancel(args) => {
            let job = args.target.client().await?.cancel_job(&args.job_id).await?;
            tell(&job, args.json);
            Ok(exit_code::OK)
        }
    }
}

async fn create(args: CreateArgs) -> Result<u8, CliError> {
    let request = request(&args)?;
    let mut client = args.target.client().await?;
    let made = client.create_job(&args.job_id, &request).await?;
    if !args.wait {
        tell(&made, args.json);
        return Ok(exit_code::OK);
    }
    let job = ended(&mut client, &args.job_id).await?;
    tell(&job, args.json);
    Ok(verdict(&job))
}

/// The body of the request, as `az iot hub job create` makes it.
fn request(args: &CreateArgs) -> Result<Value, CliError> {
    let mut request = json!({
        "jobId": args.job_id,
        "queryCondition": args.query_condition,
        "startTime": args.start_time,
        "maxExecutionTimeInSeconds": args.ttl,
    });
    if let Some(patch) = &args.twin_patch {
        let mut patch = json_argument("--twin-patch", patch)?;
        let Some(members) = patch.as_object_mut() else {
            let words = "--twin-patch takes a JSON object, such as '{\"tags\": {\"site\": \"a\"}}'";
            return Err(CliError::usage(words.to_owned()));
        };
        members.insert("etag".to_owned(), "*".into());
        request["type"] = "scheduleUpdateTwin".into();
        request["updateTwin"] = patch;
    } else {
        let payload = args.method_payload.as_deref();
        let payload = payload.map(|text| json_argument("--method-payload", text));
        request["type"] = "scheduleDeviceMethod".into();
        request["cloudToDeviceMethod"] = json!({
            "methodName": args.method_name,
            "payload": payload.transpose()?,
            "responseTimeoutInSeconds": args.method_response_timeout.unwrap_or(30),
            "connectTimeoutInSeconds": args.method_connect_timeout.unwrap_or(0),
        });
    }
    Ok(request)
}

async fn show(args: ShowArgs) -> Result<u8, CliError> {
    let mut client = args.target.client().await?;
    let job = if args.wait {
        ended(&mut client, &args.job_id).await?
    } else {
        known(client.job(&args.job_id).await?)?
    };
    tell(&job, args.json);
    Ok(if args.wait {
        verdict(&job)
    } else {
        exit_code::OK
    })
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let filter = JobFilter {
        job_type: args.job_type,
        status: args.job_status,
    };
    let jobs = args.target.client().await?.jobs(&filter, args.top).await?;
    if args.json {
        for job in &jobs {
            say_json(job, true);
        }
    } else if jobs.is_empty() {
        say("no jobs; `hubnerite job create ID` makes one");
    } else {
        let rows: Vec<_> = jobs.iter().map(row).collect();
        let heading = ["JOB", "TYPE", "STATUS", "DEVICES", "FAILED", "START"];
        say(table(&heading, &rows).trim_end());
    }
    Ok(exit_code::OK)
}

fn row(job: &Value) -> Vec<(String, String)> {
    let text = |key: &str| job[key].as_str().unwrap_or("-").to_owned();
    let count = |key: &str| {
        let count = &job["deviceJobStatistics"][key];
        count
            .as_u64()
            .map_or("-".to_owned(), |count| count.to_string())
    };
    let painted = |text: String, style| {
        let painted = paint(style, &text);
        (text, painted)
    };
    let status = text("status");
    let status_style = style_of(&status);
    vec![
        painted(text("jobId"), STRONG),
        painted(text("type"), FAINT),
        painted(status, status_style),
        painted(count("deviceCount"), STRONG),
        painted(count("failedCount"), STRONG),
        painted(text("startTime"), FAINT),
    ]
}

fn style_of(status: &str) -> anstyle::Style {
    match status {
        "completed" | "running" => GOOD,
        "failed" => BAD,
        _ => FAINT,
    }
}

/// The job when it has ended. The hub has no way to wait, so it is asked again and again.
async fn ended(client: &mut ServiceClient, id: &str) -> Result<Value, CliError> {
    loop {
        let job = known(client.job(id).await?)?;
        if ["completed", "failed", "cancelled"].contains(&job["status"].as_str().unwrap_or("")) {
            return Ok(job);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Of a job that is not there, the hub says "unknown" and no 404.
fn known(job: Value) -> Result<Value, CliError> {
    if job["status"] != "unknown" {
        return Ok(job);
    }
    let words = format!("the hub knows no job {}", job["jobId"]);
    Err(CliError::failed(words).with_remedy("`hubnerite job list` shows those it knows"))
}

fn verdict(job: &Value) -> u8 {
    let is_good = job["status"] == "completed" && job["deviceJobStatistics"]["failedCount"] == 0;
    if is_good {
        exit_code::OK
    } else {
        exit_code::FAILED
    }
}

/// One line: what became of the job, and of how many devices.
fn tell(job: &Value, is_json: bool) {
    if is_json {
        return say_json(job, true);
    }
    let status = job["status"].as_str().unwrap_or("-");
    let mut line = format!(
        "{}  {}",
        paint(STRONG, job["jobId"].as_str().unwrap_or("-")),
        paint(style_of(status), status)
    );
    if let Some(counts) = job["deviceJobStatistics"].as_object() {
        let count = |key: &str| counts.get(key).and_then(Value::as_u64).unwrap_or(0);
        let (devices, good, bad) = (
            count("deviceCount"),
            count("succeededCount"),
            count("failedCount"),
        );
        let _ = write!(line, "  {devices} devices: {good} succeeded, {bad} failed");
        let open = count("pendingCount") + count("runningCount");
        if open > 0 {
            let _ = write!(line, ", {open} not done");
        }
    }
    for key in ["failureReason", "statusMessage"] {
        if let Some(text) = job[key].as_str() {
            let _ = write!(line, "\n{text}");
        }
    }
    say(line);
}

const POLL_EVERY: Duration = Duration::from_millis(200);
