//! `hubnerite c2d`: messages to devices, and what became of them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::{Args, Subcommand};
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::{CliError, ToolArgs, say, say_json};
use crate::admin_client::AdminError;
use crate::exit_code;
use crate::output::style::{BAD, FAINT, GOOD, STRONG, paint};
use crate::output::{Sheet, cell};
use crate::target::{AdminTarget, HubName, HubTarget, encode};

/// Send messages to devices, and read what became of them
#[derive(Subcommand, Debug)]
pub(super) enum C2dCommand {
    Send(Box<SendArgs>),
    #[command(visible_alias = "peek")]
    List(ListArgs),
    Purge(PurgeArgs),
    Feedback(FeedbackArgs),
}

/// Send a message to a device, over the admin API of the hub of this machine
///
/// A real IoT Hub takes messages over AMQP, which this does not speak.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite c2d send pump-1 'wake up' --property level=3 --property zone=A
  hubnerite c2d send pump-1 '{\"on\": true}' --content-type application/json
  hubnerite c2d send pump-1 hello --message-id m1 --ack full && hubnerite c2d feedback")]
pub(super) struct SendArgs {
    /// The device's name
    id: String,
    /// The message's text; default: none
    #[arg(default_value = "", hide_default_value = true)]
    body: String,
    /// The body is base64, of any bytes
    #[arg(long)]
    base64: bool,
    /// A property; may be given several times
    #[arg(short, long = "property", value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
    /// By which feedback calls the message
    #[arg(long, alias = "mid", value_name = "TEXT")]
    message_id: Option<String>,
    /// The correlation id
    #[arg(long, alias = "cid", value_name = "TEXT")]
    correlation_id: Option<String>,
    /// The user id
    #[arg(long, alias = "uid", value_name = "TEXT")]
    user_id: Option<String>,
    /// What the body is, such as application/json
    #[arg(long, alias = "ct", value_name = "TYPE")]
    content_type: Option<String>,
    /// How the body is written, such as utf-8
    #[arg(long, alias = "ce", value_name = "ENCODING")]
    content_encoding: Option<String>,
    /// Which ends feedback is wanted of: none, positive, negative or full
    #[arg(long, value_name = "ACK")]
    ack: Option<String>,
    /// When it is given up, as 2026-11-22T22:00:00Z; default: in an hour
    #[arg(long, value_name = "TIME")]
    expiry: Option<String>,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    name: HubName,
    #[command(flatten)]
    admin: AdminTarget,
}

/// List the messages in a device's queue, which stay there, and count those that ended
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite c2d list pump-1
  hubnerite c2d list pump-1 --json | jq .deadLettered")]
pub(super) struct ListArgs {
    /// The device's name
    id: String,
    /// Print JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    name: HubName,
    #[command(flatten)]
    admin: AdminTarget,
}

/// Empty a device's queue
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite c2d purge pump-1")]
pub(super) struct PurgeArgs {
    /// The device's name
    id: String,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Read what became of messages that asked for feedback, and take it out
///
/// Feedback comes in batches, at most one in 15 seconds.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite c2d feedback
  hubnerite c2d feedback --keep             leaves it for another reader
  hubnerite c2d feedback --json | jq -r .statusCode")]
pub(super) struct FeedbackArgs {
    /// Give it back after reading
    #[arg(long)]
    keep: bool,
    /// Print JSON, one record a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(command: C2dCommand) -> Result<u8, CliError> {
    match command {
        C2dCommand::Send(args) => send(*args).await,
        C2dCommand::List(args) => list(args).await,
        C2dCommand::Purge(args) => {
            let purged = args
                .tool
                .target
                .client()
                .await?
                .purge_messages(&args.id)
                .await?;
            if args.tool.json {
                say_json(&purged, true);
            } else {
                say(format_args!("purged {}", purged["totalMessagesPurged"]));
            }
            Ok(exit_code::OK)
        }
        C2dCommand::Feedback(args) => feedback(args).await,
    }
}

async fn send(args: SendArgs) -> Result<u8, CliError> {
    let path = format!("/admin/devices/{}/messages", encode(&args.id));
    let body = Bytes::from(message(&args)?.to_string());
    let client = args.admin.client();
    let sent = client.post(&args.name.path(&path), body).await;
    let sent = sent.map_err(told)?;
    let sent: Value = serde_json::from_slice(&sent).unwrap_or_default();
    if args.json {
        say_json(&sent, true);
    } else {
        let number = &sent["sequence"];
        say(format_args!(
            "sent to {} as message {number}",
            paint(STRONG, &args.id)
        ));
    }
    Ok(exit_code::OK)
}

fn told(error: AdminError) -> CliError {
    match error {
        AdminError::Refused {
            detail,
            remedy: Some(remedy),
            ..
        } => CliError::failed(detail).with_remedy(remedy),
        AdminError::Refused { detail, .. } => CliError::failed(detail),
        error => CliError::could_not_run_because(&error)
            .with_remedy("start a hub with `hubnerite up`, or name its admin API with --admin URL"),
    }
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let path = args
        .name
        .path(&format!("/admin/devices/{}/messages", encode(&args.id)));
    let queue = args
        .admin
        .client()
        .json_or_refusal(&path)
        .await
        .map_err(told)?;
    if args.json {
        say_json(&queue, true);
        return Ok(exit_code::OK);
    }
    let messages = queue["messages"].as_array().map_or(&[][..], Vec::as_slice);
    if messages.is_empty() {
        say("no messages");
    } else {
        let names = [
            "sequence",
            "messageId",
            "state",
            "deliveries",
            "bytes",
            "enqueuedTime",
        ];
        let row = |message: &Value| names.map(|name| cell(message.get(name))).to_vec();
        let mut sheet = Sheet::for_stdout(names.map(str::to_owned).to_vec());
        let rows: Vec<_> = messages.iter().map(row).collect();
        say(sheet.page(&rows).trim_end());
    }
    let ended = &queue["deadLettered"];
    say(format_args!(
        "ended: {} completed, {} purged, {} expired, {} delivered too often, {} rejected",
        queue["completed"],
        queue["purged"],
        ended["expired"],
        ended["deliveryCountExceeded"],
        ended["rejected"],
    ));
    Ok(exit_code::OK)
}

fn message(args: &SendArgs) -> Result<Value, CliError> {
    let body = if args.base64 {
        BASE64_STANDARD
            .decode(&args.body)
            .map_err(|error| CliError::usage(format!("the body is not base64: {error}")))?;
        "bodyBase64"
    } else {
        "body"
    };
    let properties = args.properties.iter().cloned();
    let properties: Map<_, _> = properties
        .map(|(name, value)| (name, value.into()))
        .collect();
    let mut message = json!({
        "properties": properties,
        "messageId": args.message_id,
        "correlationId": args.correlation_id,
        "userId": args.user_id,
        "contentType": args.content_type,
        "contentEncoding": args.content_encoding,
        "ack": args.ack,
        "expiry": args.expiry,
    });
    message[body] = args.body.as_str().into();
    Ok(message)
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a property is NAME=VALUE".to_owned()),
    }
}

async fn feedback(args: FeedbackArgs) -> Result<u8, CliError> {
    let mut client = args.target.client().await?;
    let Some((lock, records)) = client.receive_feedback().await? else {
        if !args.json {
            say("no feedback; messages sent with --ack full tell of their end");
        }
        return Ok(exit_code::OK);
    };
    for record in &records {
        if args.json {
            say_json(record, true);
        } else {
            say(line(record));
        }
    }
    client.settle_feedback(&lock, args.keep).await?;
    Ok(exit_code::OK)
}

fn line(record: &Value) -> String {
    let text = |key: &str| record[key].as_str().unwrap_or("-");
    let outcome = text("statusCode");
    let style = if outcome == "Success" { GOOD } else { BAD };
    format!(
        "{}  {}  {}  {}",
        paint(FAINT, text("enqueuedTimeUtc")),
        paint(STRONG, text("deviceId")),
        text("originalMessageId"),
        paint(style, outcome)
    )
}
