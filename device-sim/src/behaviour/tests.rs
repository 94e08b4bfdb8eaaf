//! The language: what is read, and how mistakes are told.

use super::*;

#[test]
fn every_built_in_is_read_and_says_what_it_is_about() {
    for name in Program::built_in_names() {
        let program = Program::built_in(name).unwrap();
        assert!(program.about().is_some(), "{name}");
        assert_eq!(program.name(), *name);
    }
    assert_eq!(Program::built_in("nonsense"), None);
}

/// What is wrong with `text`, as `line:column message | help`.
fn fault(text: &str) -> String {
    let error = Program::parse(text, "pump.yaml").expect_err(text);
    let help = error.help.as_deref().unwrap_or("-");
    assert!(error.to_string().starts_with("pump.yaml:"));
    format!("{}:{} {} | {help}", error.line, error.column, error.message)
}

/// A behaviour of one state with this trigger.
fn with_trigger(trigger: &str) -> String {
    format!("states:\n  only:\n    - {trigger}\n")
}

#[test]
fn mistakes_in_the_frame_are_told_with_their_place() {
    let cases = [
        ("", "1:1 the file is empty | -"),
        (
            "[1",
            "2:1 this is not YAML: while parsing a flow sequence, expected ',' or ']' | -",
        ),
        ("text", "1:1 a behaviour is a mapping, not \"text\" | -"),
        ("start: a", "1:1 the behaviour has no states | -"),
        ("states: {}", "1:9 there are 0 states; 1 to 100 can be | -"),
        (
            "state: {}",
            "1:1 key \"state\" is not known | did you mean \"states\"?",
        ),
        (
            "states: {a: [], b: []}\nstart: c",
            "2:8 state \"c\" is not known | known are a, b",
        ),
        (
            "states: {a: [], a: []}",
            "1:17 key \"a\" stands here a second time | the first is in line 1",
        ),
        (
            "states: {a: &x [], b: *x}",
            "1:13 anchors are not read | write the value out, or make it a parameter",
        ),
        (
            "parameters: {now: 1}\nstates: {a: []}",
            "1:14 \"now\" means something else already | -",
        ),
        (
            "parameters: {a: 1}\nvariables: {a: 1}\nstates: {a: []}",
            "2:13 \"a\" means something else already | -",
        ),
        (
            "variables: {1a: 1}\nstates: {a: []}",
            "1:13 \"1a\" is no name of a variable | names are of letters, digits, - and _, and begin with a letter",
        ),
        (
            "states:\n  a:\n    - on-enter: {goto: b}\n  b:\n    - on-enter: {goto: a}",
            "1:1 these states go round for ever: a → b → a | let one of them wait, or leave by a trigger",
        ),
        (
            "always:\n  - after: 5s\n    do: connect\nstates: {a: []}",
            "2:5 after belongs to a state | -",
        ),
        (
            "default-answer: {status: 200, after: 5s}\nstates: {a: []}",
            "1:31 key of default-answer \"after\" is not known | known are status, payload",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(fault(text), expected, "{text}");
    }
    let deep = "[".repeat(40);
    assert!(fault(&format!("states: {deep}")).contains("nest more than 32 deep"));
    assert!(fault(&" ".repeat(300_000)).contains("at most 262144 are read"));
}

/// What stands after the dash, and what is said of it.
const FAULTY_TRIGGERS: &[(&str, &str)] = &[
    (
        "on-conect: connect",
        "trigger \"on-conect\" is not known | did you mean \"on-connect\"?",
    ),
    (
        "{after: 5s, every: 5s, do: connect}",
        "a trigger has exactly one when",
    ),
    ("after: 5s", "a trigger has one list of actions"),
    (
        "{on-method: [a], do: connect}",
        "on-method takes a name, not a list",
    ),
    (
        "{after: soon, do: connect}",
        "\"soon\" is no duration | a duration is 800ms",
    ),
    (
        "on-connect: reconnect",
        "action \"reconnect\" is not known | did you mean \"connect\"?",
    ),
    (
        "on-connect: {pach: {}}",
        "action \"pach\" is not known | did you mean \"patch\"?",
    ),
    ("on-connect: {patch: 5}", "a patch is a mapping, not \"5\""),
    (
        "on-connect: {patch: {}, goto: only}",
        "an action has one key, not 2 | begin each action",
    ),
    (
        "on-connect: [{goto: only}, connect]",
        "nothing after goto is reached",
    ),
    (
        "on-connect: {goto: olny}",
        "state \"olny\" is not known | did you mean \"only\"?",
    ),
    (
        "on-connect: {wait-for: ever}",
        "wait-for takes stored, not \"ever\"",
    ),
    (
        "on-connect: {answer: {status: ok}}",
        "\"ok\" is no whole number",
    ),
    (
        "on-connect: {answer: {state: 1}}",
        "key of an answer \"state\" is not known",
    ),
    ("on-connect: {send: {}}", "send has no body"),
    (
        "on-connect: {set: {a: 1}}",
        "variable \"a\" is not known | declare it: variables: {a: 0}",
    ),
    ("on-connect: {chance: []}", "no alternative has any weight"),
    (
        "on-connect: {chance: [{weight: -1, do: []}]}",
        "\"-1\" is no weight",
    ),
    (
        "on-connect: {chance: [{weight: 1}]}",
        "an alternative without do",
    ),
    (
        "on-connect: {if: a, then: []}",
        "if takes one of equals, matches and exists",
    ),
    (
        "on-connect: {patch: {a: \"${nwo}\"}}",
        "value \"nwo\" is not known | did you mean \"now\"?",
    ),
    (
        "on-connect: {patch: {a: \"${now\"}}",
        "${ has no } in \"${now\"",
    ),
    (
        "on-connect: {patch: {a: \"${now.a}\"}}",
        "only payload and desired have parts",
    ),
    (
        "on-connect: {patch: {a: \"${payload..a}\"}}",
        "has an empty key",
    ),
    (
        "on-connect: {patch: {\"${id}\": 1}}",
        "a key cannot hold ${…}",
    ),
    (
        "on-connect: {patch: {a: \"${random: 6..1}\"}}",
        "\"6..1\" is no range",
    ),
    (
        "on-connect: {patch: {a: \"${elapsed-ms: m}\"}}",
        "mark \"m\" is not known",
    ),
];

#[test]
fn mistakes_in_triggers_and_actions_are_told_with_their_place() {
    for (trigger, expected) in FAULTY_TRIGGERS {
        let found = fault(&with_trigger(trigger));
        assert!(found.contains(expected), "{trigger}\n{found}");
        assert!(found.starts_with("3:"), "{found}");
    }
    let twice = "states:\n  a:\n    - on-connect: connect\n    - on-connect: connect";
    assert_eq!(fault(twice), "4:7 this trigger stands here already | -");
}

#[test]
fn parameters_are_replaced_by_values_of_their_kind_only() {
    let reboot = Program::built_in("reboot").unwrap();
    let set = |name: &str, value: serde_json::Value| reboot.with(&[(name.to_owned(), value)]);
    let longer = set("down", "5s".into()).unwrap();
    assert_eq!(
        longer.parameters().collect::<Vec<_>>(),
        [("down", "5s".into())]
    );
    let unknown = set("donw", "5s".into()).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "reboot: parameter \"donw\" is not known"
    );
    assert_eq!(unknown.help.as_deref(), Some("did you mean \"down\"?"));
    let wrong = set("down", 5.into()).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "reboot: parameter \"down\" takes a duration, not 5"
    );
}

#[test]
fn a_behaviour_uses_what_its_triggers_and_actions_need() {
    let uses = |name| Program::built_in(name).unwrap().uses();
    assert_eq!(uses("telemetry"), Uses::default());
    let (methods, twin) = (true, true);
    assert_eq!(
        uses("reboot"),
        Uses {
            methods,
            twin,
            ..Uses::default()
        }
    );
    assert!(uses("firmware-update").desired);
    assert!(!uses("flaky").twin);
    let hears = Program::parse(&with_trigger("on-message: []"), "x").unwrap();
    assert!(hears.uses().messages);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[-a-z:{}\\[\\]$\n \"0-9]{0,200}") {
        let _ = Program::parse(&text, "x");
        let _ = Program::parse(&with_trigger(&text), "x");
    }
}
