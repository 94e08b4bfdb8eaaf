//! Twins read and written as digital twins.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DigitalTwinPatch, print};
use crate::error::HubError;
use crate::limits::Limits;
use crate::twin::{Twin, TwinUpdate, UpdateMode};
use hub_proto::time::Timestamp;

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_594_966_231 + second)
}

/// A thermostat of a temperature controller, as in Microsoft's page.
fn twin() -> Twin {
    let mut twin = Twin::new(at(0));
    twin.set_model_id("dtmi:com:example:TemperatureController;1");
    desire(
        &mut twin,
        &json!({"thermostat1": {"__t": "c", "targetTemperature": 21.8}, "plain": {"a": 1, "b": 2}}),
    );
    report(
        &mut twin,
        &json!({
            "serialNumber": "alwinexlepaho8329",
            "thermostat1": {
                "__t": "c",
                "maxTempSinceLastReboot": 25.3,
                "targetTemperature": {"value": 21.8, "ac": 200, "ad": "done", "av": 2}
            }
        }),
    );
    twin
}

fn desire(twin: &mut Twin, desired: &Value) {
    let body = json!({"properties": {"desired": desired}}).to_string();
    let update = TwinUpdate::parse(body.as_bytes(), &Limits::default()).unwrap();
    let written = twin.update(at(1), update, UpdateMode::Merge, &Limits::default());
    written.unwrap();
}

fn report(twin: &mut Twin, patch: &Value) {
    let body = patch.to_string();
    let reported = twin.patch_reported(at(2), body.as_bytes(), None, &Limits::default());
    reported.unwrap();
}

fn read(twin: &Twin) -> Value {
    serde_json::from_str(&print("d1", twin)).unwrap()
}

fn patch(twin: &mut Twin, patch: &Value) -> Result<(), HubError> {
    let limits = Limits::default();
    let update = DigitalTwinPatch::parse(patch.to_string().as_bytes())?.update(twin, &limits)?;
    let written = twin.update(at(3), update, UpdateMode::Merge, &limits);
    written.map(drop)
}

/// Desired properties as the device reads them.
fn desired(twin: &Twin) -> Value {
    let mut view: Value = serde_json::from_slice(&twin.device_view()).unwrap();
    let mut desired = view["desired"].take();
    desired.as_object_mut().unwrap().remove("$version");
    desired
}

#[test]
fn reports_are_values_and_what_was_desired_and_acknowledged_is_metadata() {
    // PNP-1, PNP-2
    let (desired_at, reported_at) = (at(1).to_string(), at(2).to_string());
    assert_eq!(
        read(&twin()),
        json!({
            "$dtId": "d1",
            "serialNumber": "alwinexlepaho8329",
            "thermostat1": {
                "maxTempSinceLastReboot": 25.3,
                "targetTemperature": 21.8,
                "$metadata": {
                    "maxTempSinceLastReboot": {"lastUpdateTime": reported_at},
                    "targetTemperature": {
                        "desiredValue": 21.8,
                        "desiredVersion": 2,
                        "ackVersion": 2,
                        "ackCode": 200,
                        "ackDescription": "done",
                        "lastUpdateTime": reported_at
                    }
                }
            },
            "$metadata": {
                "$model": "dtmi:com:example:TemperatureController;1",
                "serialNumber": {"lastUpdateTime": reported_at},
                "plain": {
                    "desiredValue": {"a": 1, "b": 2},
                    "desiredVersion": 2,
                    "lastUpdateTime": desired_at
                }
            }
        })
    );
}

#[test]
fn a_device_without_a_model_has_an_empty_digital_twin() {
    // PNP-1
    let mut twin = Twin::new(at(0));
    report(&mut twin, &json!({"a": 1}));
    assert_eq!(
        print("d1", &twin),
        r#"{"$dtId":"d1","$metadata":{"$model":""}}"#
    );
}

#[test]
fn a_patch_writes_desired_properties_and_marks_components() {
    // PNP-3
    let cases = [
        (
            json!([{"op": "add", "path": "/level", "value": 1.5}]),
            json!({"level": 1.5}),
        ),
        // The whole value is replaced: what the new one has not goes.
        (
            json!([{"op": "replace", "path": "/plain", "value": {"b": 3}}]),
            json!({"plain": {"b": 3}}),
        ),
        (
            json!([{"op": "remove", "path": "/plain"}]),
            json!({"plain": null}),
        ),
        (
            json!([{"op": "replace", "path": "/thermostat1/targetTemperature", "value": 30}]),
            json!({"thermostat1": {"__t": "c", "targetTemperature": 30}}),
        ),
        (
            json!([{"op": "remove", "path": "/thermostat1/targetTemperature"}]),
            json!({"thermostat1": {"__t": "c"}}),
        ),
        // Desired properties that a component's value does not list go.
        (
            json!([{"op": "replace", "path": "/thermostat1", "value": {"x": 1, "$metadata": {}}}]),
            json!({"thermostat1": {"__t": "c", "x": 1}}),
        ),
        (
            json!([{"op": "add", "path": "/fan/speed", "value": 3}]),
            json!({"fan": {"__t": "c", "speed": 3}}),
        ),
        // Later operations see what earlier ones wrote.
        (
            json!([
                {"op": "add", "path": "/fan", "value": {"$metadata": {}}},
                {"op": "add", "path": "/fan/speed", "value": 3},
                {"op": "replace", "path": "/fan/speed", "value": 4}
            ]),
            json!({"fan": {"__t": "c", "speed": 4}}),
        ),
    ];
    for (operations, changed) in cases {
        let mut twin = twin();
        let mut expected = desired(&twin);
        for (key, value) in changed.as_object().unwrap() {
            if value.is_null() {
                expected.as_object_mut().unwrap().remove(key);
            } else {
                expected[key] = value.clone();
            }
        }
        patch(&mut twin, &operations).unwrap();
        assert_eq!(desired(&twin), expected, "{operations}");
    }
}

#[test]
fn a_patch_that_breaks_a_rule_is_refused_and_nothing_of_it_is_written() {
    // PNP-4
    let code = |operations: Value| {
        let mut twin = twin();
        let before = desired(&twin);
        let refused = patch(&mut twin, &operations).unwrap_err();
        assert_eq!(desired(&twin), before);
        refused.code().name()
    };
    let set = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    let (json_patch, in_patch, wrong_path) = (
        "InvalidDigitalTwinJsonPatch",
        "InvalidDigitalTwinPatch",
        "InvalidDigitalTwinPatchPath",
    );
    let long = format!("/{}", "a".repeat(65));
    let cases = [
        (
            json!([{"op": "test", "path": "/a", "value": 1}]),
            json_patch,
        ),
        (json!([{"op": "add"}]), json_patch),
        (json!(["add"]), json_patch),
        (json!([{"op": "add", "path": "/a"}]), in_patch),
        (json!([{"op": "remove", "path": "/nothing"}]), in_patch),
        (
            json!([{"op": "replace", "path": "/thermostat1/nothing", "value": 1}]),
            in_patch,
        ),
        (set("/a", json!([1])), in_patch),
        (set("/a", json!({"b": [1]})), in_patch),
        (set("/a", json!({"a b": 1})), in_patch),
        (
            set("/a", json!({"b": {"c": {"d": {"e": {"f": 1}}}}})),
            in_patch,
        ),
        (set("/thermostat1", json!({"x": 1})), in_patch),
        (
            set("/thermostat1", json!({"$metadata": {"a": 1}})),
            in_patch,
        ),
        (set("a", json!(1)), wrong_path),
        (set("", json!(1)), wrong_path),
        (set("/", json!(1)), wrong_path),
        (set("/a/b/c", json!(1)), wrong_path),
        (set("/a_", json!(1)), wrong_path),
        (set("/$metadata", json!(1)), wrong_path),
        (set(&long, json!(1)), wrong_path),
        (set("/plain/a", json!(1)), "ArgumentInvalid"),
        (set("/plain", json!({"$metadata": {}})), "ArgumentInvalid"),
    ];
    for (operations, expected) in cases {
        assert_eq!(code(operations.clone()), expected, "{operations}");
    }
    assert!(matches!(
        DigitalTwinPatch::parse(b"{}"),
        Err(HubError::WrongType(_))
    ));
    assert!(matches!(
        DigitalTwinPatch::parse(b"["),
        Err(HubError::Format(_))
    ));
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")].prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop::collection::btree_map(name(), inner, 0..3)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    })
}

proptest! {
    /// Whatever was there, a property that was added is there as it was given, and nothing else changed.
    #[test]
    fn what_is_added_is_desired_exactly(
        writes in prop::collection::vec((name(), value()), 1..8),
    ) {
        let mut twin = Twin::new(at(0));
        let mut expected = serde_json::Map::new();
        for (name, value) in writes {
            let operations = json!([{"op": "add", "path": format!("/{name}"), "value": value}]);
            patch(&mut twin, &operations).unwrap();
            expected.insert(name, value);
            prop_assert_eq!(desired(&twin), Value::Object(expected.clone()));
        }
    }

    /// Any bytes are refused or understood, and never a panic.
    #[test]
    fn any_patch_is_applied_whole_or_not_at_all(
        operations in prop::collection::vec(
            (prop_oneof!["add", "replace", "remove", "copy"], "/[a-d]{1}(/[a-d]{1})?", value()),
            0..5,
        ),
    ) {
        let operations: Vec<Value> = operations
            .into_iter()
            .map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
            .collect();
        let mut twin = twin();
        let before = desired(&twin);
        if patch(&mut twin, &Value::Array(operations)).is_err() {
            prop_assert_eq!(desired(&twin), before);
        }
        prop_assert!(read(&twin).is_object());
    }
}
