//! Scenario files from outside: what must not be read is refused with exactly the message beside it,
//! what the documentation shows is read, and no text whatever makes the reader panic.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use harness::scenario::ast::{Condition, Rule, StepKind};
use harness::scenario::{LoadOptions, load, parse};
use proptest::prelude::*;

const OPTIONS: LoadOptions<'static> = LoadOptions {
    variables: &[],
    behaviours: &["firmware-update", "flaky", "reboot", "telemetry", "zombie"],
};

/// Set to write the expectations anew; the difference is then read by a person.
const UPDATE: &str = "HUBNERITE_UPDATE_EXPECTED";

fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .expect("the directory of the cases is there")
        .map(|entry| entry.expect("its entries can be read").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

#[test]
fn every_invalid_file_is_refused_with_exactly_the_message_beside_it() {
    let cases = files("tests/cases/invalid", "yaml");
    assert!(cases.len() >= 25, "only {} cases", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let Err(errors) = load(case, OPTIONS) else {
            panic!("{} was read", case.display());
        };
        let expected = case.with_extension("expected");
        let rendered = errors.to_string();
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&expected, &rendered).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        if rendered != expected {
            let name = case.display();
            writeln!(
                wrong,
                "== {name}, expected:\n{expected}\n-- found:\n{rendered}"
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for expected in files("tests/cases/invalid", "expected") {
        assert!(
            expected.with_extension("yaml").exists(),
            "{}",
            expected.display()
        );
    }
}

/// What an example of the documentation leaves out.
fn completed(example: &str) -> String {
    let has = |key: &str| example.lines().any(|line| line.starts_with(key));
    let mut text = example.to_owned();
    if !has("fleet:") {
        text.push_str(
            "\nfleet: {pumps: {count: 10, behaviour: reboot}, taps: {behaviour: reboot}}\n",
        );
    }
    if !has("steps:") && !has("checks:") {
        text.push_str("\nsteps: [{connect: all}]\n");
    }
    if !has("variables:") && !has("table:") && text.contains("${") {
        text.push_str("\nvariables: {count: 3}\n");
    }
    text
}

#[test]
fn every_example_of_the_documentation_is_read() {
    let text = std::fs::read_to_string("../docs/SCENARIOS.md").unwrap();
    let examples: Vec<_> = text
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 6, "only {} examples", examples.len());
    for example in examples {
        if let Err(errors) = parse(&completed(example), "SCENARIOS.md", OPTIONS) {
            panic!("{errors}");
        }
    }
}

#[test]
fn every_key_is_described_in_the_documentation() {
    let text = std::fs::read_to_string("../docs/SCENARIOS.md").unwrap();
    let schema = std::fs::read_to_string("../scenarios/schema.json").unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    for (form, definition) in schema["$defs"].as_object().unwrap() {
        let keys = definition["properties"].as_object();
        for key in keys.into_iter().flat_map(|keys| keys.keys()) {
            let shown = text.contains(&format!("`{key}`")) || text.contains(&format!("{key}:"));
            assert!(shown, "{form}: `{key}` is not in docs/SCENARIOS.md");
        }
        for word in definition["enum"].as_array().into_iter().flatten() {
            let word = word.as_str().unwrap();
            assert!(
                text.contains(&format!("`{word}`")),
                "{form}: `{word}` is not described"
            );
        }
    }
}

#[test]
fn a_file_is_run_once_a_row_of_its_table_with_its_variables_filled_in() {
    let text = "\
name: many
variables: {method: reboot, count: 1}
table: [{count: 2}, {count: 3, method: \"5\"}]
fleet: {pumps: {count: \"${count}\", behaviour: reboot}}
steps: [{send: {to: all, body: \"${method} of ${count} $${HOME}\"}}]
";
    let scenarios = parse(text, "many.yaml", OPTIONS).unwrap();
    let found: Vec<_> = scenarios
        .iter()
        .map(|scenario| {
            let StepKind::Send { body, .. } = &scenario.steps[0].kind else {
                panic!("{:?}", scenario.steps);
            };
            (
                scenario.name.as_str(),
                scenario.fleet[0].count,
                body.as_str(),
            )
        })
        .collect();
    let expected = [
        ("many [1: count=2]", 2, "reboot of 2 ${HOME}"),
        ("many [2: count=3, method=5]", 3, "5 of 3 ${HOME}"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_callers_variables_win_and_must_exist() {
    let text = "\
variables: {count: 1, version: '1.0'}
fleet: {pumps: {count: \"${count}\", behaviour: reboot}}
checks: [{each: pumps, eventually: {reported.fw: \"${version}\"}}]
";
    let variables = [
        ("count".to_owned(), "7".to_owned()),
        ("version".to_owned(), "1.1".to_owned()),
    ];
    let options = LoadOptions {
        variables: &variables,
        ..OPTIONS
    };
    let scenarios = parse(text, "x.yaml", options).unwrap();
    assert_eq!(scenarios[0].fleet[0].count, 7);
    let Rule::Eventually { condition, .. } = &scenarios[0].checks[0].rule else {
        panic!("{:?}", scenarios[0].checks);
    };
    let Condition::Path { predicate, .. } = condition else {
        panic!("{condition:?}");
    };
    // Text in the file, so text from the caller, whatever it looks like.
    assert_eq!(format!("{predicate:?}"), "Equals(String(\"1.1\"))");

    let variables = [("cuont".to_owned(), "7".to_owned())];
    let options = LoadOptions {
        variables: &variables,
        ..OPTIONS
    };
    let refused = parse(text, "x.yaml", options).unwrap_err();
    let expected = "x.yaml: error: the scenario has no variable `cuont` to be set\n  help: did you mean `count`?\n";
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn included_parts_come_first_and_keep_their_places() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    std::fs::create_dir(directory.path().join("parts")).unwrap();
    write(
        "main.yaml",
        "include: [parts/a.yaml, parts/b.yaml]\nvariables: {n: 2}\nsteps: [{wait: 2s}]\n",
    );
    write("parts/a.yaml", "include: [b.yaml]\nsteps: [{wait: 1s}]\n");
    write(
        "parts/b.yaml",
        "variables: {n: 1}\nfleet: {pumps: {count: \"${n}\", behaviour: own/pump.yaml}}\n",
    );
    std::fs::create_dir(directory.path().join("parts/own")).unwrap();
    write("parts/own/pump.yaml", "");
    let scenarios = load(&directory.path().join("main.yaml"), OPTIONS).unwrap();
    let scenario = &scenarios[0];
    assert_eq!(scenario.name, "main");
    assert_eq!(scenario.fleet[0].count, 2, "the main file's variable wins");
    let places: Vec<_> = scenario
        .steps
        .iter()
        .map(|step| scenario.place(step.span).unwrap())
        .map(|place| Path::new(&place).file_name().unwrap().to_owned())
        .collect();
    assert_eq!(places, ["a.yaml:2", "main.yaml:3"]);
    let file = scenario.behaviour_file(&scenario.fleet[0]).unwrap();
    assert!(file.ends_with("parts/own/pump.yaml"), "{}", file.display());
}

/// Two clients with one identity are how a connection is taken over, so that is no slip.
#[test]
fn a_device_may_have_a_copy_with_its_id_written_out() {
    let text = "\
fleet:
  original: {id: pump, behaviour: reboot}
  copy: {id: pump, behaviour: reboot, autostart: false}
steps: [{connect: copy}]
";
    assert!(parse(text, "x.yaml", OPTIONS).is_ok());
    let slip = text.replace(
        "id: pump, behaviour: reboot, a",
        "id: 'pum{n}', behaviour: reboot, a",
    );
    assert!(parse(&slip, "x.yaml", OPTIONS).is_ok());
    let slip = text.replace("id: pump", "id: 'pump{n}'");
    let refused = parse(&slip, "x.yaml", OPTIONS).unwrap_err().to_string();
    assert!(
        refused.contains("the device `pump1` belongs to `original` already"),
        "{refused}"
    );
}

#[test]
fn no_file_is_larger_than_its_bound_and_no_expansion_either() {
    let large = format!("name: {}", "x".repeat(1 << 20));
    let refused = parse(&large, "x.yaml", OPTIONS).unwrap_err().to_string();
    assert!(refused.contains("larger than 1048576 bytes"), "{refused}");

    let long = "x".repeat(100_000);
    let uses = "${long}".repeat(300);
    let text = format!(
        "variables: {{long: {long}}}\nfleet: {{p: {{behaviour: reboot}}}}\nsteps: [{{send: {{to: p, body: \"{uses}\"}}}}]\n"
    );
    let refused = parse(&text, "x.yaml", OPTIONS).unwrap_err().to_string();
    assert!(refused.contains("the scenario is too large"), "{refused}");
}

/// Lines as scenarios have them, so that random files get past the first mistake.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("fleet: {pumps: {behaviour: reboot, count: 3}}".to_owned()),
        Just("steps: [{connect: pumps}, {wait: 1s}]".to_owned()),
        Just("variables: {a: 1}".to_owned()),
        Just("- {each: pumps, never: {connected: false}}".to_owned()),
        Just("checks:".to_owned()),
        "(name|seed|table|hub|steps|checks|fleet|include): \\PC{0,20}",
        " {0,4}[a-z-]{1,12}: [\\[{]?[a-z0-9${}%'\": ]{0,12}[\\]}]?",
        " {0,4}- \\PC{0,30}",
    ]
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}|(?s).{0,200}") {
        _ = parse(&text, "x.yaml", OPTIONS).map_err(|errors| errors.render());
    }

    #[test]
    fn no_lines_panic(lines in prop::collection::vec(line(), 0..12)) {
        _ = parse(&lines.join("\n"), "x.yaml", OPTIONS).map_err(|errors| errors.render());
    }

    #[test]
    fn a_mistake_is_found_where_it_stands_in_multi_byte_text(
        lines in prop::collection::vec("[äß検査📈a-z ]{0,20}", 0..8),
        before in "[ä検査📈a-z]{1,20}",
    ) {
        let comments: Vec<_> = lines.iter().map(|line| format!("# {line}\n")).collect();
        let text = format!("{}\"{before}\": 1\nfleet: {{pumps: {{behaviour: reboot}}}}\n\
            steps: [{{send: {{to: all, body: \"{before}\", wrong: 1}}}}]\n", comments.concat());
        let errors = parse(&text, "x.yaml", OPTIONS).unwrap_err().errors;
        let last = errors.last().unwrap();
        let line = text.lines().nth(lines.len() + 2).unwrap();
        let byte = line.find("wrong").unwrap();
        let column = line[..byte].chars().count() + 1;
        prop_assert_eq!(last.span.line as usize, lines.len() + 3);
        prop_assert_eq!(last.span.column as usize, column);
    }
}
