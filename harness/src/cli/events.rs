//! `hubnerite events`

use clap::Args;
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use super::{CliError, say};
use crate::exit_code;
use crate::output::style::{BAD, FAINT, GOOD, LABEL, STRONG, paint};
use crate::target::{AdminTarget, HubName, encode};

/// Show what happened in the hub of this machine
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite events                          everything since the hub started
  hubnerite events --follow --device pump-1
  hubnerite events --json | jq -c 'select(.type == \"reported\") | .patch'")]
pub(super) struct EventsArgs {
    /// Go on with what happens from now on, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only events of this device
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// Only events numbered above this
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        hide_default_value = true
    )]
    after: u64,
    /// Print each event as the hub tells it, one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    name: HubName,
    #[command(flatten)]
    admin: AdminTarget,
}

pub(super) async fn run(args: EventsArgs) -> Result<u8, CliError> {
    let mut path = format!("/admin/events?after={}&follow={}", args.after, args.follow);
    if let Some(device) = &args.device {
        path.push_str("&device=");
        path.push_str(&encode(device));
    }
    let path = args.name.path(&path);
    let answer = args.admin.client().open(&path).await.map_err(|error| {
        CliError::could_not_run_because(&error)
            .with_remedy("start a hub with `hubnerite up`, or name its admin API with --admin URL")
    })?;
    let mut body = answer.into_body();
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            CliError::could_not_run(format!(
                "the hub went away in the middle of an event: {error}"
            ))
        })?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        rest.extend_from_slice(data);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line[..end]);
            if args.json {
                say(text);
            } else {
                say(describe(&text));
            }
        }
        if rest.len() > LINE_BYTES_MAX {
            return Err(CliError::could_not_run(
                "the hub tells an event of more than 16 MiB",
            ));
        }
    }
    Ok(exit_code::OK)
}

/// An event on one line for people; one that cannot be read stands as it is.
fn describe(line: &str) -> String {
    let Ok(Value::Object(mut event)) = serde_json::from_str::<Value>(line) else {
        return line.to_owned();
    };
    let mut take = |key: &str| match event.remove(key) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let (number, at, device, kind) = (take("seq"), take("at"), take("device"), take("type"));
    if kind == "gap" {
        let missed = event
            .get("missed")
            .map(Value::to_string)
            .unwrap_or_default();
        return paint(
            BAD,
            format!("… {missed} events fell out of the log before they were read"),
        );
    }
    let clock = at.split_once('T').map_or(at.as_str(), |(_, clock)| clock);
    let clock = clock.get(..12).unwrap_or(clock);
    let style = match kind.as_str() {
        "connected" | "methodAnswered" | "reported" => GOOD,
        "disconnected" | "methodFailed" | "reportedRefused" => BAD,
        _ => LABEL,
    };
    let details = details(&event);
    let kind = if details.is_empty() {
        kind
    } else {
        format!("{kind:<15}")
    };
    let line = format!(
        "{} {}  {} {} {details}",
        paint(FAINT, format!("{number:>5}")),
        paint(FAINT, clock),
        paint(STRONG, format!("{device:<12}")),
        paint(style, kind),
    );
    line.trim_end().to_owned()
}

fn details(event: &Map<String, Value>) -> String {
    let mut parts: Vec<(usize, String)> = event
        .iter()
        // The number of a call joins lines for programs; a reader sees them side by side.
        .filter(|(key, value)| *key != "call" && !value.is_null())
        .map(|(key, value)| {
            let rank = FIRST
                .iter()
                .position(|first| first == key)
                .unwrap_or(FIRST.len());
            match value {
                // A body may be a text itself, and that is not the same as a word of the hub.
                Value::String(text) if !BODIES.contains(&key.as_str()) => {
                    (rank, format!("{key}={text}"))
                }
                other => (rank, format!("{key}={other}")),
            }
        })
        .collect();
    parts.sort_by_key(|(rank, _)| *rank);
    parts
        .into_iter()
        .map(|(_, part)| part)
        .collect::<Vec<_>>()
        .join(" ")
}

/// What identifies comes before what may be long.
const FIRST: [&str; 6] = ["name", "code", "status", "version", "reason", "clientType"];
const BODIES: [&str; 2] = ["payload", "patch"];
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_with_its_details() {
        let line = r#"{"seq":12,"at":"2026-11-22T10:00:05.1234567Z","device":"pump-1","type":"reported","version":3,"patch":{"a":1}}"#;
        let plain = anstream::adapter::strip_str(&describe(line)).to_string();
        assert_eq!(
            plain,
            r#"   12 10:00:05.123  pump-1       reported        version=3 patch={"a":1}"#
        );
        let line = r#"{"seq":3,"at":"","device":"d","type":"methodAnswered","call":1,"status":200,"payload":"ok"}"#;
        let plain = anstream::adapter::strip_str(&describe(line)).to_string();
        assert!(
            plain.ends_with(r#"methodAnswered  status=200 payload="ok""#),
            "{plain}"
        );
        let gap = anstream::adapter::strip_str(&describe(r#"{"type":"gap","missed":7,"next":8}"#))
            .to_string();
        assert_eq!(gap, "… 7 events fell out of the log before they were read");
        assert_eq!(describe("not json"), "not json");
    }
}
