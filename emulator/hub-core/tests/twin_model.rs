//! Twins against a naive model: plain JSON values merged by RFC 7386 with the hub's deviations.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

use std::fmt::Write as _;

use hub_core::Limits;
use hub_core::registry::{Authentication, Status, SymmetricKeys};
use hub_core::twin::{DocumentIdentity, Twin, TwinUpdate, UpdateMode};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// One write.
#[derive(Clone, Debug)]
enum Write {
    Report(Value),
    Patch {
        tags: Option<Value>,
        desired: Option<Value>,
    },
    Put {
        tags: Option<Value>,
        desired: Option<Value>,
    },
}

/// A twin as the model knows it.
#[derive(Clone, Debug)]
struct Model {
    tags: Value,
    desired: Value,
    reported: Value,
    version: u64,
    etag: u64,
    desired_version: u64,
    reported_version: u64,
}

/// Merges as RFC 7386 does. Says whether it counted: whether anything was set or deleted.
fn merge(target: &mut Value, patch: &Value) -> bool {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return true;
    };
    let mut counted = false;
    if !target.is_object() {
        *target = json!({});
        // The hub's own: an object is stored even if all it holds is nulls.
        counted = true;
    }
    let members = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            counted |= members.remove(key).is_some();
        } else {
            counted |= merge(members.entry(key).or_insert(Value::Null), value);
        }
    }
    counted
}

impl Model {
    fn new() -> Self {
        Self {
            tags: json!({}),
            desired: json!({}),
            reported: json!({}),
            version: 2,
            etag: 1,
            desired_version: 1,
            reported_version: 1,
        }
    }

    fn apply(&mut self, write: &Write) {
        let replace = |section: &mut Value, new: Option<&Value>| {
            let was_empty = *section == json!({});
            *section = json!({});
            let sets = new.is_some_and(|new| merge(section, new));
            sets || !was_empty
        };
        let (tags, desired) = match write {
            Write::Report(patch) => {
                let counted = u64::from(merge(&mut self.reported, patch));
                self.reported_version += counted;
                self.version += counted;
                return;
            }
            Write::Patch { tags, desired } => (
                tags.as_ref()
                    .is_some_and(|patch| merge(&mut self.tags, patch)),
                desired
                    .as_ref()
                    .is_some_and(|patch| merge(&mut self.desired, patch)),
            ),
            Write::Put { tags, desired } => (
                replace(&mut self.tags, tags.as_ref()),
                replace(&mut self.desired, desired.as_ref()),
            ),
        };
        self.desired_version += u64::from(desired);
        self.version += u64::from(tags || desired);
        self.etag += u64::from(tags || desired);
    }
}

/// What a value counts, naively.
fn size(value: &Value) -> usize {
    let text = |text: &str| -> usize {
        text.chars()
            .filter(|c| !c.is_control())
            .map(|c| c.to_string().len())
            .sum()
    };
    match value {
        Value::Null => 0,
        Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(value) => text(value),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| text(key) + size(value))
            .sum(),
    }
}

/// The metadata must have the keys of the values, at every level, and stamps.
fn assert_mirrored(values: &Map<String, Value>, metadata: &Map<String, Value>, stamps: &[&str]) {
    for stamp in stamps {
        assert!(metadata.contains_key(*stamp), "{stamp} in {metadata:?}");
    }
    let data = |map: &Map<String, Value>| -> Vec<String> {
        map.keys()
            .filter(|key| !key.starts_with('$'))
            .cloned()
            .collect()
    };
    assert_eq!(data(values), data(metadata));
    assert_eq!(metadata.len(), data(values).len() + stamps.len());
    for key in data(values) {
        let empty = Map::new();
        let below = values[&key].as_object().unwrap_or(&empty);
        assert_mirrored(below, metadata[&key].as_object().unwrap(), stamps);
    }
}

/// The values of a printed section, without `$metadata` and `$version`.
fn values_of(section: &Value) -> Value {
    let mut section = section.clone();
    let members = section.as_object_mut().unwrap();
    members.remove("$metadata");
    members.remove("$version");
    section
}

fn check(twin: &Twin, model: &Model) {
    let client = ClientIdentity::Device(DeviceId::parse("dev1").unwrap());
    let authentication = keys();
    let identity = DocumentIdentity {
        status: Status::Disabled,
        status_reason: Some("because \"so\"\n"),
        ..DocumentIdentity::new(&client, "NzQ=", &authentication)
    };
    let text = twin.document(&identity).json;
    assert!(!text.contains('\n'));
    let document: Value = serde_json::from_str(&text).unwrap();
    let (desired, reported) = (
        &document["properties"]["desired"],
        &document["properties"]["reported"],
    );
    let tags = document.get("tags").cloned();
    assert_eq!(tags.unwrap_or(json!({})), model.tags);
    assert_eq!(document.get("tags").is_some(), model.tags != json!({}));
    assert_eq!(values_of(desired), model.desired);
    assert_eq!(values_of(reported), model.reported);
    assert_eq!(document["version"], model.version);
    assert_eq!(desired["$version"], model.desired_version);
    assert_eq!(reported["$version"], model.reported_version);
    let was_written = model.desired_version > 1;
    let stamps: &[&str] = if was_written {
        &["$lastUpdated", "$lastUpdatedVersion"]
    } else {
        &["$lastUpdated"]
    };
    let members = |value: &Value| value.as_object().unwrap().clone();
    assert_mirrored(
        &members(&values_of(desired)),
        &members(&desired["$metadata"]),
        stamps,
    );
    let stamps = ["$lastUpdated"];
    assert_mirrored(
        &members(&values_of(reported)),
        &members(&reported["$metadata"]),
        &stamps,
    );
    if was_written {
        assert_eq!(
            desired["$metadata"]["$lastUpdatedVersion"],
            model.desired_version
        );
    }
    let view: Value = serde_json::from_slice(&twin.device_view()).unwrap();
    assert_eq!(values_of(&view["desired"]), model.desired);
    assert_eq!(values_of(&view["reported"]), model.reported);
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-5_i64..5).prop_map(Value::from),
        Just(json!(1.5)),
        prop_oneof![Just("x"), Just("a\"b\\c\n\u{85}é")].prop_map(Value::from),
        Just(json!([1, "two", {"three": [true]}])),
        Just(json!([])),
        "[ -~]{20,40}".prop_map(Value::from),
    ]
}

fn object() -> impl Strategy<Value = Value> {
    let node = prop_oneof![3 => leaf(), 1 => Just(Value::Null)];
    let node = node.prop_recursive(3, 12, 4, |inner| {
        prop::collection::btree_map("[a-c]|é\"", inner, 0..4).prop_map(|members| json!(members))
    });
    prop_oneof![
        4 => prop::collection::btree_map("[a-c]", node.clone(), 0..4),
        // Enough members for the index.
        1 => prop::collection::btree_map("k[0-9]{2}", node, 15..40),
    ]
    .prop_map(|members| json!(members))
}

fn write() -> impl Strategy<Value = Write> {
    let section = || prop::option::of(object());
    prop_oneof![
        object().prop_map(Write::Report),
        (section(), section()).prop_map(|(tags, desired)| Write::Patch { tags, desired }),
        (section(), section()).prop_map(|(tags, desired)| Write::Put { tags, desired }),
    ]
}

fn body(tags: Option<&Value>, desired: Option<&Value>) -> Vec<u8> {
    let mut body = json!({"ignored": [null]});
    if let Some(tags) = tags {
        body["tags"] = tags.clone();
    }
    if let Some(desired) = desired {
        body["properties"] = json!({ "desired": desired });
    }
    serde_json::to_vec_pretty(&body).unwrap()
}

/// Applies one write; a device that merges what it is told must come to the new desired properties.
fn apply(twin: &mut Twin, at: Timestamp, write: &Write, limits: &Limits) -> bool {
    let (mode, tags, desired) = match write {
        Write::Report(patch) => {
            return twin
                .patch_reported(at, patch.to_string().as_bytes(), None, limits)
                .is_ok();
        }
        Write::Patch { tags, desired } => (UpdateMode::Merge, tags, desired),
        Write::Put { tags, desired } => (UpdateMode::Replace, tags, desired),
    };
    let view = |twin: &Twin| -> Value { serde_json::from_slice(&twin.device_view()).unwrap() };
    let mut device = view(twin)["desired"].clone();
    let update = TwinUpdate::parse(&body(tags.as_ref(), desired.as_ref()), limits).unwrap();
    let Ok(change) = twin.update(at, update, mode, limits) else {
        return false;
    };
    if let Some(change) = change.desired {
        let told: Value = serde_json::from_str(&change.notification).unwrap();
        assert_eq!(told["$version"], change.version);
        assert!(
            change
                .notification
                .ends_with(&format!(",\"$version\":{}}}", change.version))
        );
        merge(&mut device, &told);
    }
    assert_eq!(device, view(twin)["desired"]);
    true
}

proptest! {
    #[test]
    fn a_twin_does_what_the_model_does(writes in prop::collection::vec(write(), 1..8)) {
        let limits = Limits::default();
        let (mut twin, mut model) = (Twin::new(Timestamp::NEVER), Model::new());
        check(&twin, &model);
        for (second, write) in (1..).zip(&writes) {
            prop_assert!(apply(&mut twin, Timestamp::from_unix_seconds(second), write, &limits));
            model.apply(write);
            check(&twin, &model);
        }
    }

    #[test]
    fn a_section_is_refused_exactly_when_the_naive_count_says_so(
        writes in prop::collection::vec(write(), 1..8),
        max in 0_usize..400,
    ) {
        let limits =
            Limits { tags_bytes: max, desired_bytes: max, reported_bytes: max, ..Limits::default() };
        let (mut twin, mut model) = (Twin::new(Timestamp::NEVER), Model::new());
        for write in &writes {
            let mut next = model.clone();
            next.apply(write);
            let fits = |old: &Value, new: &Value| size(new) <= max || size(new) <= size(old);
            let expected = fits(&model.tags, &next.tags)
                && fits(&model.desired, &next.desired)
                && fits(&model.reported, &next.reported);
            let accepted = apply(&mut twin, Timestamp::NEVER, write, &limits);
            prop_assert_eq!(accepted, expected, "{:?} onto {:?}", write, model);
            if accepted {
                model = next;
            }
            check(&twin, &model);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let limits = Limits::default();
        let _ = TwinUpdate::parse(&bytes, &limits);
        let _ = Twin::new(Timestamp::NEVER).patch_reported(Timestamp::NEVER, &bytes, None, &limits);
    }

    #[test]
    fn any_row_of_tokens_is_read_or_refused(tokens in prop::collection::vec(
        prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"a\"", "\"tags\"", "\"properties\"", "\"desired\"",
            "null", "true", "1", "-", "1e9", " ", "\n", "\"\\ud83d\"", "\"\\\"", "\"$version\"", "é",
        ]),
        0..24,
    )) {
        let text = tokens.concat();
        let limits = Limits::default();
        let body = format!("{{\"tags\":{{\"a\":{text}}}}}");
        let _ = TwinUpdate::parse(body.as_bytes(), &limits);
        let mut twin = Twin::new(Timestamp::NEVER);
        let at = Timestamp::NEVER;
        if twin.patch_reported(at, format!("{{\"a\":{text}}}").as_bytes(), None, &limits).is_ok() {
            let view: Result<Value, _> = serde_json::from_slice(&twin.device_view());
            prop_assert!(view.is_ok());
        }
    }
}

#[test]
fn a_large_object_is_merged_in_linear_time() {
    // 50,000 members onto as many: quadratic would be 2.5 × 10^9 comparisons, not a blink.
    let limits = Limits {
        reported_bytes: usize::MAX,
        ..Limits::default()
    };
    let mut body = String::from("{");
    for key in 0..50_000 {
        write!(body, "\"key{key}\":{key},").unwrap();
    }
    body.pop();
    body.push('}');
    let mut twin = Twin::new(Timestamp::NEVER);
    for version in 2..4 {
        let change = twin.patch_reported(Timestamp::NEVER, body.as_bytes(), None, &limits);
        assert_eq!(change.unwrap().version, version);
    }
}

fn keys() -> Authentication {
    Authentication::Sas(SymmetricKeys {
        primary: SasKey::from_bytes(&[1; 32]),
        secondary: SasKey::from_bytes(&[2; 32]),
    })
}
