//! `hubnerite query`

use clap::Args;

use hub_core::query::{Collection, Query};
use serde_json::Value;

use super::{CliError, say, say_on, top};
use crate::exit_code;
use crate::output::{Sheet, cell};
use crate::target::HubTarget;

/// Ask for twins in the query language of IoT Hub
///
/// The columns of the table are the members of the projection; `SELECT *` shows who it is, its state and
/// the versions of the twin and of its desired and reported properties. What is wide is cut on a
/// terminal, never in a pipe and never with --json.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite query \"SELECT * FROM devices\"
  hubnerite query \"SELECT * FROM devices WHERE tags.site = 'Oslo' AND status = 'enabled'\"
  hubnerite query \"SELECT deviceId, properties.reported.firmware AS firmware FROM devices\" --top 20
  hubnerite query \"SELECT tags.site AS site, COUNT() AS pumps FROM devices GROUP BY tags.site\"
  hubnerite query --json \"SELECT * FROM devices\" | jq -r .deviceId
  hubnerite query --explain \"SELECT * FROM devices WHERE STARTSWITH(deviceId, 'pump-')\"")]
pub(super) struct QueryArgs {
    /// The query; quote it for the shell
    query: String,
    /// At most this many results; default: all, a page at a time
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = top)]
    top: Option<usize>,
    /// Print JSON, one result a line
    #[arg(long)]
    json: bool,
    /// Say which rows Hubnerite would look at, and ask no hub
    #[arg(long, conflicts_with = "json")]
    explain: bool,
    #[command(flatten)]
    target: HubTarget,
}

pub(super) async fn run(args: QueryArgs) -> Result<u8, CliError> {
    if args.explain {
        say(plan(&args.query)?);
        return Ok(exit_code::OK);
    }
    let limit = args.top.unwrap_or(usize::MAX);
    let mut client = args.target.client().await?;
    let (mut printer, mut count) = (None, 0);
    let mut continuation = None;
    loop {
        let page = client
            .query_page(&args.query, limit - count, continuation)
            .await?;
        let items = &page.items[..page.items.len().min(limit - count)];
        count += items.len();
        let printer = printer.get_or_insert_with(|| Printer::new(&args, items));
        continuation = page.continuation;
        if !printer.print(items) || continuation.is_none() || count >= limit {
            break;
        }
    }
    if count == 0 && !args.json {
        say("no results");
    }
    Ok(exit_code::OK)
}

/// How results are printed.
enum Printer {
    Json,
    Table(Vec<Column>, Sheet),
}

/// A heading, and where in a result its cells are.
type Column = (String, &'static [&'static str]);

impl Printer {
    fn new(args: &QueryArgs, first_page: &[Value]) -> Self {
        if args.json {
            return Self::Json;
        }
        let columns = columns(&args.query, first_page);
        let headings = columns.iter().map(|(heading, _)| heading.clone());
        let sheet = Sheet::for_stdout(headings.collect());
        Self::Table(columns, sheet)
    }

    /// False once nobody reads any more.
    fn print(&mut self, items: &[Value]) -> bool {
        match self {
            Self::Json => items.iter().all(|item| say_on(format_args!("{item}\n"))),
            Self::Table(..) if items.is_empty() => true,
            Self::Table(columns, sheet) => {
                let rows = items.iter().map(|item| row(columns, item));
                say_on(sheet.page(&rows.collect::<Vec<_>>()))
            }
        }
    }
}

/// The columns of a query's results. A hub may know more than this parser: then the first page tells.
fn columns(query: &str, first_page: &[Value]) -> Vec<Column> {
    let column = |name: &str| -> Column { (name.to_owned(), &[]) };
    let Ok(query) = Query::parse(query) else {
        let mut names: Vec<&String> = Vec::new();
        for name in first_page
            .iter()
            .filter_map(Value::as_object)
            .flat_map(|item| item.keys())
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        return names.into_iter().map(|name| column(name)).collect();
    };
    if let Some(members) = query.members() {
        return members.into_iter().map(column).collect();
    }
    let chosen: &[&str] = match query.collection() {
        Collection::Devices => &["deviceId", "status", "connectionState"],
        Collection::Modules => &["deviceId", "moduleId", "status", "connectionState"],
        Collection::Jobs => {
            let chosen = [
                "jobId",
                "deviceId",
                "jobType",
                "status",
                "lastUpdatedDateTimeUtc",
            ];
            return chosen.map(column).to_vec();
        }
    };
    let versions: [Column; 4] = [
        ("version".to_owned(), &[]),
        ("desired".to_owned(), &["properties", "desired", "$version"]),
        (
            "reported".to_owned(),
            &["properties", "reported", "$version"],
        ),
        ("lastActivityTime".to_owned(), &[]),
    ];
    chosen
        .iter()
        .map(|name| column(name))
        .chain(versions)
        .collect()
}

fn row(columns: &[Column], item: &Value) -> Vec<String> {
    let cell_of = |(heading, path): &Column| {
        if path.is_empty() {
            return cell(item.get(heading));
        }
        let found = path.iter().try_fold(item, |inside, name| inside.get(name));
        cell(found)
    };
    columns
        .iter()
        .map(|column| match cell_of(column) {
            // How the hub writes that there was no such time.
            never if column.0 == "lastActivityTime" && never.starts_with("0001-01-01T") => {
                "never".to_owned()
            }
            text => text,
        })
        .collect()
}

/// Which rows a query looks at, from its text alone.
fn plan(text: &str) -> Result<String, CliError> {
    let query = Query::parse(text).map_err(|error| {
        CliError::usage(format!("not a query: {error}"))
            .with_remedy("the place is line:column of the query")
    })?;
    let indexed: Vec<String> = query.indexable().map(|path| path.to_string()).collect();
    let by_index = if indexed.is_empty() || query.ids().singles().is_some() {
        String::new()
    } else {
        let paths = indexed.join(" or ");
        format!("; of a large hub, where few match, by an index on {paths}")
    };
    Ok(match query.collection() {
        Collection::Devices => format!("{}{by_index}", query.ids()),
        Collection::Modules => format!("modules of: {}", query.ids()),
        Collection::Jobs => "scan of all device-job rows".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headings(query: &str, first_page: &[Value]) -> String {
        let columns = columns(query, first_page).into_iter();
        columns
            .map(|(heading, _)| heading)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_columns_are_the_members_of_the_projection_or_a_chosen_set() {
        let cases = [
            (
                "SELECT * FROM devices",
                "deviceId status connectionState version desired reported lastActivityTime",
            ),
            (
                "SELECT * FROM devices.modules",
                "deviceId moduleId status connectionState version desired reported lastActivityTime",
            ),
            (
                "SELECT * FROM devices.jobs",
                "jobId deviceId jobType status lastUpdatedDateTimeUtc",
            ),
            (
                "SELECT deviceid, tags.a.b, tags.a AS c, c FROM devices",
                "deviceId b c",
            ),
            (
                "SELECT tags.site, COUNT() AS pumps FROM devices GROUP BY tags.site",
                "site pumps",
            ),
            ("SELECT COUNT() FROM devices", "$1"),
            ("a language of another hub", "a b c"),
        ];
        let first_page = [json!({"a": 1, "b": 2}), json!({"b": 3, "c": 4})];
        for (query, expected) in cases {
            assert_eq!(headings(query, &first_page), expected, "{query}");
        }
    }

    #[test]
    fn a_row_shows_what_a_result_has_and_a_dash_for_what_it_has_not() {
        let columns = columns("SELECT * FROM devices", &[]);
        let twin = json!({
            "deviceId": "d", "status": "enabled", "connectionState": "Disconnected", "version": 3,
            "properties": {"desired": {"$version": 1}, "reported": {"$version": 2}},
            "lastActivityTime": "0001-01-01T00:00:00Z",
        });
        assert_eq!(
            row(&columns, &twin).join(" "),
            "d enabled Disconnected 3 1 2 never"
        );
        assert_eq!(
            row(&columns, &json!({"deviceId": "d"})).join(" "),
            "d - - - - - -"
        );
    }

    #[test]
    fn a_plan_says_which_rows_are_looked_at() {
        //
        let cases = [
            ("devices", "scan of all devices"),
            (
                "devices WHERE tags.a = 1 AND status = 'enabled'",
                "scan of all devices; of a large hub, where few match, by an index on tags.a or status",
            ),
            ("devices WHERE tags.a > 1", "scan of all devices"),
            (
                "devices WHERE deviceId = 'a' AND tags.a = 1",
                "look-up of device \"a\"",
            ),
            ("devices WHERE id IN ['a', 'b']", "look-up of 2 devices"),
            (
                "devices WHERE STARTSWITH(deviceId, 'p')",
                "scan of devices that begin with \"p\"",
            ),
            (
                "devices WHERE deviceId > 'a' AND deviceId <= 'c'",
                "scan of devices from \"a\" to \"c\"",
            ),
            (
                "devices WHERE id = 'a' AND id = 'b'",
                "nothing: no device id can match",
            ),
            (
                "devices.modules WHERE deviceId = 'a'",
                "modules of: look-up of device \"a\"",
            ),
            ("devices.jobs", "scan of all device-job rows"),
        ];
        for (from, expected) in cases {
            let plan = plan(&format!("SELECT * FROM {from}")).ok();
            assert_eq!(plan.as_deref(), Some(expected), "{from}");
        }
        assert!(plan("SELECT *").is_err());
    }
}
