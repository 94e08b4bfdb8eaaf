//! The README's table of operations is the ledger's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use emulator::ledger::{Entry, Fidelity, entries};

const BEGIN: &str = "<!-- operations: begin -->\n";
const END: &str = "<!-- operations: end -->";
/// Set to 1, the README is written anew instead of compared.
const UPDATE: &str = "HUBNERITE_UPDATE_EXPECTED";

#[test]
fn the_readme_has_the_operations_as_the_ledger_has_them() {
    // LED-4
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).expect("the README can be read");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the mark");
    let (table, after) = rest.split_once(END).expect("the README has the end mark");
    let expected = print_table();
    if table == expected {
        return;
    }
    if std::env::var_os(UPDATE).is_some_and(|value| value == "1") {
        let readme = format!("{before}{BEGIN}{expected}{END}{after}");
        fs::write(&path, readme).expect("the README can be written");
        return;
    }
    panic!(
        "the README's table of operations is not the ledger's; write it with\n  \
         {UPDATE}=1 cargo test -p hubnerite-tests --test it ledger\n\n{expected}"
    );
}

/// A row a feature, in the order of the ledger.
fn print_table() -> String {
    let mut features: Vec<(&str, Vec<&Entry>)> = Vec::new();
    for entry in entries() {
        match features.iter_mut().find(|(name, _)| *name == entry.feature) {
            Some((_, of_feature)) => of_feature.push(entry),
            None => features.push((entry.feature, vec![entry])),
        }
    }
    let mut table =
        String::from("| Operations | State | Exact | What differs |\n|---|---|---|---|\n");
    for (name, of_feature) in features {
        let count = |name| {
            of_feature
                .iter()
                .filter(|entry| entry.fidelity.name() == name)
                .count()
        };
        let (exact, absent) = (count("exact"), count("absent"));
        let state = match of_feature.len() {
            all if exact == all => "done",
            all if absent == all => "refused",
            _ => "partial",
        };
        let all = of_feature.len();
        let notes = notes(&of_feature);
        let row = writeln!(table, "| {name} | {state} | {exact} of {all} | {notes} |");
        row.expect("a String takes any text");
    }
    table
}

fn notes(of_feature: &[&Entry]) -> String {
    let mut notes = Vec::new();
    let mut gaps: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in of_feature {
        match entry.fidelity {
            Fidelity::Exact => {}
            Fidelity::Partial(note) => notes.push(format!("`{}` without {note}", entry.what)),
            Fidelity::Approximate(note) => notes.push(format!("`{}`: {note}", entry.what)),
            Fidelity::Absent(gap) => *gaps.entry(gap).or_default() += 1,
        }
    }
    let absent: Vec<String> = gaps
        .into_iter()
        .map(|(gap, count)| match count {
            1 => gap.to_owned(),
            _ => format!("{gap} ({count} operations)"),
        })
        .collect();
    if !absent.is_empty() {
        notes.push(format!("absent: {}", absent.join(", ")));
    }
    notes.join("; ")
}
