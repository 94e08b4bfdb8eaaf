//! `hubnerite policy`: the shared access policies of a running hub.

use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{CliError, say, say_json};
use crate::exit_code;
use crate::output::style::{FAINT, GOOD, STRONG, paint};
use crate::output::table;
use crate::target::{AdminTarget, HubName, encode};

/// List, make, rotate and remove shared access policies of the hub of this machine
#[derive(Subcommand, Debug)]
pub(super) enum PolicyCommand {
    List(ListArgs),
    Create(CreateArgs),
    Rotate(RotateArgs),
    Delete(DeleteArgs),
}

/// List the policies and what they permit
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite policy list
  hubnerite policy list --json | jq -r '.[].name'    the JSON has the keys, too")]
pub(super) struct ListArgs {
    #[command(flatten)]
    common: Common,
}

/// Make a policy with fresh keys; of one that is there the permissions change and the keys stay
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite policy create gate --permissions DeviceConnect
  hubnerite policy create ops --permissions RegistryRead,ServiceConnect")]
pub(super) struct CreateArgs {
    /// Up to 64 letters, digits, '-', '_' or '.'
    name: String,
    #[arg(
        long,
        value_name = "NAME",
        required = true,
        value_delimiter = ',',
        help = "RegistryRead, RegistryWrite, ServiceConnect or DeviceConnect"
    )]
    permissions: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Draw keys of a policy afresh; who is connected stays so, unless told otherwise
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite policy rotate service primary
  hubnerite policy rotate device both --close-links")]
pub(super) struct RotateArgs {
    /// The policy
    name: String,
    /// Which of its keys
    key: Key,
    #[command(flatten)]
    links: Links,
    #[command(flatten)]
    common: Common,
}

/// Remove a policy
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite policy delete gate --close-links")]
pub(super) struct DeleteArgs {
    /// The policy
    name: String,
    #[command(flatten)]
    links: Links,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Links {
    /// End the connections that came in by a token of the policy
    #[arg(long)]
    close_links: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Key {
    Primary,
    Secondary,
    Both,
}

#[derive(Args, Debug)]
struct Common {
    /// Print the hub's answer, JSON on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    name_of_hub: HubName,
    #[command(flatten)]
    admin: AdminTarget,
}

impl Common {
    async fn ask(&self, verb: Method, path: &str, body: Option<Value>) -> Result<Value, CliError> {
        let path = self.name_of_hub.path(&format!("/admin/policies{path}"));
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let answer = self.admin.client().ask(verb, &path, body).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| CliError::could_not_run(format!("the hub's answer: {error}")))
    }

    /// Keys are shown to those who ask for JSON alone.
    fn tell(&self, answer: &Value, what: &str, name: &str) {
        if self.json {
            return say_json(answer, true);
        }
        let closed = match answer["closedLinks"].as_u64() {
            None | Some(0) => String::new(),
            Some(count) => format!(", {count} connections closed"),
        };
        say(format_args!("{} {name}{closed}", paint(GOOD, what)));
    }
}

pub(super) async fn run(command: PolicyCommand) -> Result<u8, CliError> {
    match command {
        PolicyCommand::List(args) => list(&args.common).await?,
        PolicyCommand::Create(args) => {
            let (path, body) = (
                in_path(&args.name),
                json!({ "permissions": args.permissions }),
            );
            let answer = args.common.ask(Method::PUT, &path, Some(body)).await?;
            args.common.tell(&answer, "made", &args.name);
        }
        PolicyCommand::Rotate(args) => {
            let key = match args.key {
                Key::Primary => "primary",
                Key::Secondary => "secondary",
                Key::Both => "both",
            };
            let path = format!("{}/rotate", in_path(&args.name));
            let body = json!({ "key": key, "closeLinks": args.links.close_links });
            let answer = args.common.ask(Method::POST, &path, Some(body)).await?;
            args.common.tell(&answer, "rotated", &args.name);
        }
        PolicyCommand::Delete(args) => {
            let close = args.links.close_links;
            let path = format!("{}?closeLinks={close}", in_path(&args.name));
            let answer = args.common.ask(Method::DELETE, &path, None).await?;
            args.common.tell(&answer, "deleted", &args.name);
        }
    }
    Ok(exit_code::OK)
}

fn in_path(name: &str) -> String {
    format!("/{}", encode(name))
}

async fn list(common: &Common) -> Result<(), CliError> {
    let told = common.ask(Method::GET, "", None).await?;
    if common.json {
        say_json(&told["policies"], true);
        return Ok(());
    }
    let rows = told["policies"].as_array().into_iter().flatten();
    let rows: Vec<_> = rows.map(row).collect();
    say(table(&["POLICY", "PERMISSIONS"], &rows).trim_end());
    Ok(())
}

fn row(policy: &Value) -> Vec<(String, String)> {
    let name = policy["name"].as_str().unwrap_or("-");
    let permissions = policy["permissions"].as_array().into_iter().flatten();
    let permissions: Vec<_> = permissions.filter_map(Value::as_str).collect();
    let permissions = permissions.join(", ");
    let painted = paint(FAINT, &permissions);
    vec![
        (name.to_owned(), paint(STRONG, name)),
        (permissions, painted),
    ]
}
