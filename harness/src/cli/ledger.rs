//! `hubnerite ledger`

use std::io::Write;

use clap::Args;
use emulator::RunningEmulator;
use emulator::ledger::{Entry, entries};
use serde_json::{Value, json};

use super::{CliError, say, say_json};
use crate::exit_code;
use crate::output::style::{BAD, FAINT, GOOD, NOTE, paint};
use crate::output::table;
use crate::reliance;
use crate::target::{AdminTarget, HubName};

/// List every operation and how near it is to the real hub's
///
/// exact: no difference is known. partial: the same as far as it goes; the note says what is refused.
/// approximate: it works, and the note says what differs. absent: it is refused; the note names the gap.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite ledger
  hubnerite ledger --used                            of the running hub: what its clients asked for
  hubnerite ledger --json | jq -r '.[] | select(.fidelity != \"exact\") | .id'")]
pub(super) struct LedgerArgs {
    /// Only what the running hub was asked for, with counts
    #[arg(long)]
    used: bool,
    /// Print JSON, one array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    name: HubName,
    #[command(flatten)]
    admin: AdminTarget,
}

pub(super) async fn run(args: LedgerArgs) -> Result<u8, CliError> {
    let mut rows = if args.used {
        let told = args
            .admin
            .client()
            .json(&args.name.path("/admin/ledger"))
            .await;
        let told = told.map_err(|error| {
            CliError::could_not_run_because(&error).with_remedy(
                "start a hub with `hubnerite up`, or name its admin API with --admin URL",
            )
        })?;
        match &told["operations"] {
            Value::Array(rows) => rows.clone(),
            _ => Vec::new(),
        }
    } else {
        entries().iter().map(row).collect()
    };
    if args.used {
        rows.retain(|row| row["uses"] != 0 || row["refused"] != 0);
    }
    if args.json {
        say_json(&Value::Array(rows), true);
    } else {
        say(render(&rows, args.used).trim_end());
    }
    Ok(exit_code::OK)
}

fn row(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "protocol": entry.protocol.name(),
        "feature": entry.feature,
        "what": entry.what,
        "fidelity": entry.fidelity.name(),
        "note": entry.fidelity.note(),
    })
}

fn render(rows: &[Value], with_counts: bool) -> String {
    let mut heading = vec!["OPERATION", "FIDELITY", "ID"];
    if with_counts {
        heading.extend(["USES", "REFUSED"]);
    }
    heading.push("NOTE");
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let plain = |text: String| (text.clone(), text);
    let cells = |row: &Value| {
        let fidelity = text(row, "fidelity");
        let style = match fidelity.as_str() {
            "exact" => GOOD,
            "partial" | "approximate" => NOTE,
            _ => BAD,
        };
        let mut cells = vec![
            plain(text(row, "what")),
            (fidelity.clone(), paint(style, &fidelity)),
            plain(text(row, "id")),
        ];
        if with_counts {
            cells.extend([
                plain(row["uses"].to_string()),
                plain(row["refused"].to_string()),
            ]);
        }
        let note = text(row, "note");
        cells.push((note.clone(), paint(FAINT, &note)));
        cells
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    table(&heading, &rows)
}

/// Tells on stderr what the clients of an emulator that ends relied on that is not exact.
pub(super) fn tell_reliance(emulator: &RunningEmulator) {
    let named = emulator.hubs();
    let named = named.iter().map(|(_, hub)| hub);
    let lines = reliance::lines(std::iter::once(emulator.hub()).chain(named));
    if lines.is_empty() {
        return;
    }
    let mut stderr = anstream::stderr().lock();
    // A reader that has closed the pipe wants no more.
    let _ = writeln!(
        stderr,
        "{} (see `hubnerite ledger`)",
        paint(NOTE, "Relied on, and not exact")
    );
    for line in lines {
        let _ = writeln!(stderr, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_a_table_with_a_note_for_all_that_is_not_exact() {
        // LED-3
        let rows: Vec<Value> = entries().iter().map(row).collect();
        for row in &rows {
            assert_eq!(row["note"] == "", row["fidelity"] == "exact", "{row}");
        }
        let find = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap().clone();
        let mut used = find("Devices_GetTwin");
        used["uses"] = json!(12);
        used["refused"] = json!(0);
        let text = render(&[used], true);
        let text = anstream::adapter::strip_str(&text).to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "OPERATION        FIDELITY  ID               USES  REFUSED  NOTE",
                "GET /twins/{id}  exact     Devices_GetTwin  12    0",
            ]
        );
    }
}
