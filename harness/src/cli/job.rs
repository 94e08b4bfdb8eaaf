//! `hubnerite job`, in the words of `az iot hub job`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::twin::json_argument;
use super::{CliError, ToolArgs, say, say_json, top};
use crate::exit_code;
use crate::output::style::{FAINT, STRONG, paint};
use crate::output::table;
use crate::service_client::JobFilter;
use crate::target::HubTarget;

mod follow;

use follow::style_of;
pub(super) use follow::{ended, tell, verdict};

/// Twin updates and direct methods on many devices; imports and exports
#[derive(Subcommand, Debug)]
pub(super) enum JobCommand {
    Create(CreateArgs),
    Show(ShowArgs),
    List(ListArgs),
    Watch(WatchArgs),
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
  hubnerite job create site-b -q \"tags.site = 'b'\" --twin-patch patch.json
  hubnerite job create tonight -q '*' --method-name reboot --start-time 2026-11-22T22:00:00Z --ttl 600")]
#[command(group(clap::ArgGroup::new("work").args(["method_name", "twin_patch"]).required(true)))]
pub(super) struct CreateArgs {
    /// The job's name, new for 30 days
    job_id: String,
    /// Which devices: what follows WHERE in a query of twins, or '*' for all
    #[arg(short, long, value_name = "CONDITION")]
    query_condition: String,
    /// The direct method to call
    #[arg(long, alias = "mn", value_name = "NAME")]
    method_name: Option<String>,
    /// The method's argument, any JSON or a file with it; default: null
    #[arg(long, alias = "mp", value_name = "JSON", requires = "method_name")]
    method_payload: Option<String>,
    /// How long a device may take to answer, 5 to 300; default: 30
    #[arg(long, alias = "mrt", value_name = "SECONDS", requires = "method_name")]
    method_response_timeout: Option<u64>,
    /// How long a device may take to connect, 0 to 300; default: 0, it must be connected
    #[arg(long, alias = "mct", value_name = "SECONDS", requires = "method_name")]
    method_connect_timeout: Option<u64>,
    /// The twin's change: a JSON object with tags, properties.desired or both, or a file with it
    #[arg(long, alias = "patch", value_name = "JSON")]
    twin_patch: Option<String>,
    /// When it starts, up to 168 hours ahead, as 2026-11-22T22:00:00Z; default: now
    #[arg(long, alias = "start", value_name = "TIME")]
    start_time: Option<String>,
    /// How long it may run; default: 3600
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    ttl: u64,
    /// Wait until the job has ended
    #[arg(short, long)]
    wait: bool,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Show a job, an import or an export
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite job show reboot-all
  hubnerite job show reboot-all --wait --json | jq .deviceJobStatistics")]
pub(super) struct ShowArgs {
    /// The job's name
    job_id: String,
    /// Wait until the job has ended
    #[arg(short, long)]
    wait: bool,
    #[command(flatten)]
    tool: ToolArgs,
}

/// List scheduled jobs in the order in which they were made, then imports and exports
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite job list
  hubnerite job list --job-status running --json
  hubnerite job list --job-type export")]
pub(super) struct ListArgs {
    /// Of this kind only: scheduleUpdateTwin, scheduleDeviceMethod, import or export
    #[arg(long, alias = "jt", value_name = "TYPE")]
    job_type: Option<String>,
    /// With this status only: enqueued, queued, scheduled, running, completed, failed or cancelled
    #[arg(long, alias = "js", value_name = "STATUS")]
    job_status: Option<String>,
    /// At most this many; default: all
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = top)]
    top: Option<usize>,
    /// Print JSON, one job a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Follow a job to its end
///
/// On a terminal the line changes in place, in a pipe there is a line for each change. The exit code is 0
/// if the job is completed and no device failed, and 1 otherwise.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite job watch reboot-all
  hubnerite job watch reboot-all --json | jq .deviceJobStatistics.succeededCount")]
pub(super) struct WatchArgs {
    /// The job's name
    job_id: String,
    /// Print JSON, a line for each change
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Cancel a job that has not started, or stop an import or export
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite job cancel tonight")]
pub(super) struct CancelArgs {
    /// The job's name
    job_id: String,
    #[command(flatten)]
    tool: ToolArgs,
}

pub(super) async fn run(command: JobCommand) -> Result<u8, CliError> {
    match command {
        JobCommand::Create(args) => create(args).await,
        JobCommand::Show(args) => show(args).await,
        JobCommand::List(args) => list(args).await,
        JobCommand::Watch(args) => {
            let mut client = args.target.client().await?;
            let job = follow::watch(&mut client, &args.job_id, args.json).await?;
            Ok(verdict(&job))
        }
        JobCommand::Cancel(args) => cancel(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<u8, CliError> {
    let request = request(&args)?;
    let mut client = args.tool.target.client().await?;
    let made = client.create_job(&args.job_id, &request).await?;
    if !args.wait {
        tell(&made, args.tool.json);
        return Ok(exit_code::OK);
    }
    let job = ended(&mut client, &args.job_id).await?;
    tell(&job, args.tool.json);
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
    let mut client = args.tool.target.client().await?;
    let job = if args.wait {
        ended(&mut client, &args.job_id).await?
    } else {
        follow::find(&mut client, &args.job_id).await?
    };
    tell(&job, args.tool.json);
    Ok(if args.wait {
        verdict(&job)
    } else {
        exit_code::OK
    })
}

async fn cancel(args: CancelArgs) -> Result<u8, CliError> {
    let mut client = args.tool.target.client().await?;
    let job = follow::find(&mut client, &args.job_id).await?;
    let cancelled = if follow::is_transfer(&job) {
        client.cancel_transfer(&args.job_id).await?;
        follow::find(&mut client, &args.job_id).await?
    } else {
        client.cancel_job(&args.job_id).await?
    };
    tell(&cancelled, args.tool.json);
    Ok(exit_code::OK)
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let limit = args.top.unwrap_or(usize::MAX);
    let mut client = args.target.client().await?;
    let (kind, status) = (args.job_type.as_deref(), args.job_status.as_deref());
    let is_transfer = kind.map(|kind| ["import", "export"].contains(&kind));
    let mut jobs = Vec::new();
    // `enqueued` is a word of imports and exports, which the other list refuses.
    if is_transfer != Some(true) && status != Some("enqueued") {
        let filter = JobFilter {
            job_type: args.job_type.clone(),
            status: args.job_status.clone(),
        };
        jobs = client.jobs(&filter, limit).await?;
    }
    if is_transfer != Some(false) {
        // The hub has no filter for these.
        let is_wanted = |job: &Value| {
            kind.is_none_or(|kind| job["type"] == kind)
                && status.is_none_or(|status| job["status"] == status)
        };
        jobs.extend(client.transfers().await?.into_iter().filter(is_wanted));
        jobs.truncate(limit);
    }
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
    let start = job["startTime"].as_str().or(job["startTimeUtc"].as_str());
    let start = start.unwrap_or("-");
    let status = text("status");
    let status_style = style_of(&status);
    vec![
        painted(text("jobId"), STRONG),
        painted(text("type"), FAINT),
        painted(status, status_style),
        painted(count("deviceCount"), STRONG),
        painted(count("failedCount"), STRONG),
        painted(start.to_owned(), FAINT),
    ]
}
