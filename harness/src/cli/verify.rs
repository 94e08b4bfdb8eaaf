//! `hubnerite verify` and `hubnerite wait`: did the hub see it?

use clap::Args;
use serde_json::{Map, Value, json};

use super::admin::iso_duration;
use super::{CliError, say, say_json};
use crate::admin_client::AdminError;
use crate::exit_code;
use crate::target::{AdminTarget, HubName};

/// Ask whether the hub of this machine saw events as described; if not, tell the nearest miss
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite verify --type telemetry --device pump-1 --where payload.t=21.5
  hubnerite verify --type telemetry --property alert=true --at-least 3
  hubnerite verify --method reboot --type methodAnswered --where status=200
  hubnerite verify --type connectRefused --exactly 0

Exit code 1 if it does not hold.")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    matcher: MatcherFlags,
    #[command(flatten)]
    count: CountFlags,
    #[command(flatten)]
    common: Common,
}

/// Wait until the hub of this machine saw events, or twins are, as described
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite wait --type connected --device pump-1
  hubnerite wait --type methodAnswered --method reboot --timeout 30s
  hubnerite wait --twins \"properties.reported.fw = '1.2'\" --at-least 10

Exit code 1 if the time is over first.")]
pub(super) struct WaitArgs {
    /// Wait until devices match CONDITION, which stands behind WHERE in a query
    #[arg(long, value_name = "CONDITION", conflicts_with = "MatcherFlags")]
    twins: Option<String>,
    /// How long, by this machine's time, 100 s at most: 5s, 1m30s
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    timeout: String,
    #[command(flatten)]
    matcher: MatcherFlags,
    #[command(flatten)]
    count: CountFlags,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct MatcherFlags {
    /// Events of this type, as `hubnerite events` names it; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Events of this device
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// Events of devices like this: * is any text, ? one character
    #[arg(long, value_name = "PATTERN")]
    device_pattern: Option<String>,
    /// Events of this module
    #[arg(long, value_name = "ID")]
    module: Option<String>,
    /// Events of calls of this method
    #[arg(long, value_name = "NAME")]
    method: Option<String>,
    /// Messages with this application property; may be given several times
    #[arg(long = "property", value_name = "NAME=VALUE")]
    properties: Vec<String>,
    /// What stands at a path of the event: PATH=VALUE, PATH~PATTERN, PATH or !PATH; may be given
    /// several times
    #[arg(long = "where", value_name = "PLACE")]
    places: Vec<String>,
    /// Only events numbered above this; default: the newest at the last reset
    #[arg(long, value_name = "NUMBER")]
    since: Option<u64>,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct CountFlags {
    /// So many or more; the default is 1
    #[arg(long, value_name = "NUMBER")]
    at_least: Option<u64>,
    /// So many or fewer
    #[arg(long, value_name = "NUMBER")]
    at_most: Option<u64>,
    /// So many
    #[arg(long, value_name = "NUMBER")]
    exactly: Option<u64>,
}

#[derive(Args, Debug)]
struct Common {
    /// Print the hub's answer, JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    name: HubName,
    #[command(flatten)]
    admin: AdminTarget,
}

pub(super) async fn verify(args: VerifyArgs) -> Result<u8, CliError> {
    let mut body = args.matcher.body()?;
    args.count.add_to(&mut body);
    args.common.ask("/admin/verify", body).await
}

pub(super) async fn wait(args: WaitArgs) -> Result<u8, CliError> {
    let mut body = Map::new();
    if let Some(condition) = args.twins {
        body.insert("twins".to_owned(), condition.into());
        args.count.add_to(&mut body);
    } else {
        let mut event = args.matcher.body()?;
        args.count.add_to(&mut event);
        body.insert("event".to_owned(), event.into());
    }
    body.insert("timeout".to_owned(), iso_duration(&args.timeout)?.into());
    args.common.ask("/admin/wait", body).await
}

impl MatcherFlags {
    fn body(&self) -> Result<Map<String, Value>, CliError> {
        let mut body = Map::new();
        let mut add = |key: &str, value: Value| {
            let is_given =
                !matches!(&value, Value::Null) && value != json!([]) && value != json!({});
            if is_given {
                body.insert(key.to_owned(), value);
            }
        };
        let mut properties = Map::new();
        for pair in &self.properties {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                CliError::usage(format!("--property {pair:?} has no value"))
                    .with_remedy("give it as NAME=VALUE")
            })?;
            properties.insert(name.to_owned(), value.into());
        }
        add("type", json!(self.types));
        add("device", json!(self.device));
        add("devicePattern", json!(self.device_pattern));
        add("module", json!(self.module));
        add("method", json!(self.method));
        add("properties", properties.into());
        add("where", json!(self.places));
        add("since", json!(self.since));
        Ok(body)
    }
}

impl CountFlags {
    fn add_to(&self, body: &mut Map<String, Value>) {
        let given = [
            ("atLeast", self.at_least),
            ("atMost", self.at_most),
            ("exactly", self.exactly),
        ];
        if let Some((key, Some(count))) = given.into_iter().find(|(_, count)| count.is_some()) {
            body.insert("count".to_owned(), json!({ key: count }));
        }
    }
}

impl Common {
    async fn ask(&self, path: &str, body: Map<String, Value>) -> Result<u8, CliError> {
        let (path, body) = (self.name.path(path), Value::from(body).to_string());
        let answered = self.admin.client().post(&path, body.into()).await;
        let answer = match answered {
            Err(AdminError::Refused { problem, .. }) if self.json => {
                say_json(&problem, true);
                let is_usage = problem["status"] == 400;
                return Ok(if is_usage {
                    exit_code::USAGE
                } else {
                    exit_code::FAILED
                });
            }
            answered => answered?,
        };
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|error| CliError::could_not_run(format!("the hub's answer: {error}")))?;
        if self.json {
            say_json(&answer, true);
        } else {
            let expected = answer["expected"].as_str().unwrap_or_default();
            say(format!("{} found ({expected} expected)", answer["count"]));
        }
        Ok(exit_code::OK)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: WaitArgs,
    }

    #[test]
    fn flags_become_the_body_that_the_hub_takes() {
        let flags =
            "_ --type telemetry --device a --property k=v=w --where payload.t=1 --exactly 0";
        let args = Line::parse_from(flags.split(' ')).args;
        let mut body = args.matcher.body().unwrap();
        args.count.add_to(&mut body);
        let expected = json!({ "type": ["telemetry"], "device": "a", "properties": { "k": "v=w" },
            "where": ["payload.t=1"], "count": { "exactly": 0 } });
        assert_eq!(Value::from(body), expected);
        assert!(Line::try_parse_from("_ --twins a=1 --device b".split(' ')).is_err());
        assert!(Line::try_parse_from("_ --exactly 1 --at-least 1".split(' ')).is_err());
    }
}
