//! Holds `behaviours/schema.json` to the reader: files that are read are legal, and every word is known.

use serde_json::Value;

use super::super::yaml;
use super::{TOP_KEYS, TRIGGERS};
use crate::behaviour::read_action::ACTIONS;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../behaviours/schema.json")).unwrap()
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other}"),
    }
}

fn bound(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// As much of JSON Schema as the file uses; a keyword beyond that is a fault of this test.
fn is_legal(root: &Value, schema: &Value, value: &Value) -> bool {
    let Some(rules) = schema.as_object() else {
        return schema.as_bool().unwrap();
    };
    let entries = value.as_object();
    let length = value.as_array().map(Vec::len);
    let is_held = |(keyword, rule): (&String, &Value)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" => true,
        "$ref" => {
            let target = rule.as_str().unwrap().trim_start_matches('#');
            is_legal(root, root.pointer(target).unwrap(), value)
        }
        "type" => match rule {
            Value::Array(kinds) => kinds
                .iter()
                .any(|kind| is_of(kind.as_str().unwrap(), value)),
            kind => is_of(kind.as_str().unwrap(), value),
        },
        "enum" => rule.as_array().unwrap().contains(value),
        "anyOf" => {
            let mut ways = rule.as_array().unwrap().iter();
            ways.any(|way| is_legal(root, way, value))
        }
        "properties" => entries
            .into_iter()
            .flatten()
            .all(|(key, value)| rule.get(key).is_none_or(|rule| is_legal(root, rule, value))),
        "additionalProperties" => entries.into_iter().flatten().all(|(key, value)| {
            let is_named = rules
                .get("properties")
                .is_some_and(|p| p.get(key).is_some());
            is_named || is_legal(root, rule, value)
        }),
        "required" => entries.is_none_or(|entries| {
            let mut keys = rule.as_array().unwrap().iter();
            keys.all(|key| entries.contains_key(key.as_str().unwrap()))
        }),
        "items" => {
            let mut items = value.as_array().into_iter().flatten();
            items.all(|item| is_legal(root, rule, item))
        }
        "minItems" => length.is_none_or(|length| length >= bound(rule)),
        "maxItems" => length.is_none_or(|length| length <= bound(rule)),
        "minProperties" => entries.is_none_or(|entries| entries.len() >= bound(rule)),
        "maxProperties" => entries.is_none_or(|entries| entries.len() <= bound(rule)),
        other => panic!("the keyword {other}"),
    };
    rules.iter().all(is_held)
}

fn accepts(text: &str) -> bool {
    let root = schema();
    is_legal(&root, &root, &yaml::parse(text).unwrap().to_json().unwrap())
}

#[test]
fn every_shipped_behaviour_and_every_example_is_legal_by_the_schema() {
    let mut count = 0;
    for entry in std::fs::read_dir("behaviours").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(accepts(&text), "{}", path.display());
            count += 1;
        }
    }
    assert_eq!(count, crate::behaviour::built_in::NAMES.len());
    let docs = include_str!("../../../docs/BEHAVIOURS.md");
    let mut examples = docs.split("```yaml\n").skip(1).peekable();
    assert!(examples.peek().is_some());
    for example in examples {
        assert!(accepts(example.split("```").next().unwrap()), "{example}");
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    for text in [
        "about: nothing\n",
        "states: {}\n",
        "states: {a: []}\nstate: a\n",
        "states: {a: [{on-conect: [connect]}]}\n",
        "states: {a: [{on-method: m}]}\n",
        "states: {a: [{on-connect: [{wait: 5}]}]}\n",
        "states: {a: [{on-connect: [hang-up]}]}\n",
        "states: {a: [{on-connect: [{send: {}}]}]}\n",
        "states: {a: [{on-connect: [{if: a, then: []}]}]}\n",
        "states: {a: [{on-connect: [{chance: [{weight: 1}]}]}]}\n",
        "states: {a: [{on-method: m, do: [{answer: {state: 200}}]}]}\n",
    ] {
        assert!(
            crate::behaviour::Program::parse(text, "a.yaml").is_err(),
            "{text}"
        );
        assert!(!accepts(text), "{text}");
    }
}

#[test]
fn the_schema_names_every_key_trigger_and_action_and_no_other() {
    let root = schema();
    let mut keys: Vec<_> = root["properties"].as_object().unwrap().keys().collect();
    let mut known = TOP_KEYS.to_vec();
    keys.sort();
    known.sort_unstable();
    assert_eq!(keys, known);
    let mut found = std::collections::BTreeSet::new();
    for form in ["trigger", "action"] {
        for way in root["$defs"][form]["anyOf"].as_array().unwrap() {
            let named = way["required"].as_array().or(way["enum"].as_array());
            found.extend(named.unwrap().iter().map(|name| name.as_str().unwrap()));
        }
    }
    let besides = ["do", "equals", "exists", "matches"];
    let known = [TRIGGERS, ACTIONS, &besides].concat();
    assert_eq!(found, known.into_iter().collect());
}
