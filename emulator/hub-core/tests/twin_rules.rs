//! Twins against the service's documented rules and captured documents, case by case.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

use hub_core::registry::{Authentication, SymmetricKeys};
use hub_core::twin::{DocumentIdentity, Twin, TwinUpdate, UpdateMode};
use hub_core::{HubError, Limits};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;

use UpdateMode::{Merge, Replace};

/// Seconds after 2026-11-22T10:00:00Z.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_795_341_600 + seconds)
}

fn update(
    twin: &mut Twin,
    mode: UpdateMode,
    body: &str,
) -> Result<hub_core::twin::TwinChange, HubError> {
    let limits = Limits::default();
    twin.update(
        at(1),
        TwinUpdate::parse(body.as_bytes(), &limits)?,
        mode,
        &limits,
    )
}

/// Writes desired properties; gives what the device is told.
fn desired(twin: &mut Twin, mode: UpdateMode, section: &str) -> Option<String> {
    let body = format!(r#"{{"properties":{{"desired":{section}}}}}"#);
    update(twin, mode, &body)
        .unwrap()
        .desired
        .map(|change| change.notification.into())
}

fn report(twin: &mut Twin, body: &str) -> Result<hub_core::twin::ReportedChange, HubError> {
    twin.patch_reported(at(2), body.as_bytes(), None, &Limits::default())
}

fn document(twin: &Twin) -> String {
    let client = ClientIdentity::Device(DeviceId::parse("dev1").unwrap());
    let authentication = keys();
    let identity = DocumentIdentity::new(&client, "NzQxMTYyNTA3", &authentication);
    twin.document(&identity).json
}

fn device_view(twin: &Twin) -> String {
    String::from_utf8(twin.device_view()).unwrap()
}

/// The device's view, which must hold `reported` and nothing desired.
fn reported_view(twin: &Twin) -> String {
    let view = device_view(twin);
    let inner = view
        .strip_prefix(r#"{"desired":{"$version":1},"reported":"#)
        .unwrap();
    inner.strip_suffix('}').unwrap().to_owned()
}

/// Version, etag and both `$version`s.
fn counters(twin: &Twin) -> (u64, String, u64, u64) {
    let view: serde_json::Value = serde_json::from_slice(&twin.device_view()).unwrap();
    let version = |section: &str| view[section]["$version"].as_u64().unwrap();
    (
        twin.version(),
        twin.etag(),
        version("desired"),
        version("reported"),
    )
}

#[test]
fn a_new_twin_is_the_one_the_service_shows() {
    // TW-1
    let twin = Twin::new(at(0));
    assert_eq!(
        document(&twin),
        concat!(
            r#"{"deviceId":"dev1","etag":"AAAAAAAAAAE=","deviceEtag":"NzQxMTYyNTA3","status":"enabled","#,
            r#""statusUpdateTime":"0001-01-01T00:00:00Z","connectionState":"Disconnected","#,
            r#""lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,"#,
            r#""authenticationType":"sas","#,
            r#""x509Thumbprint":{"PrimaryThumbprint":null,"SecondaryThumbprint":null},"#,
            r#""modelId":"","version":2,"properties":{"#,
            r#""desired":{"$metadata":{"$lastUpdated":"2026-11-22T10:00:00.0000000Z"},"$version":1},"#,
            r#""reported":{"$metadata":{"$lastUpdated":"2026-11-22T10:00:00.0000000Z"},"$version":1}},"#,
            r#""capabilities":{"iotEdge":false}}"#,
        )
    );
    assert_eq!(
        device_view(&twin),
        r#"{"desired":{"$version":1},"reported":{"$version":1}}"#
    );
}

#[test]
fn metadata_mirrors_every_level_and_untouched_siblings_keep_theirs() {
    // TW-8
    let mut twin = Twin::new(at(0));
    update(
        &mut twin,
        Merge,
        r#"{"tags":{"t":1},"properties":{"desired":{"old":[1]}}}"#,
    )
    .unwrap();
    let limits = Limits::default();
    let body = br#"{"properties":{"desired":{"telemetry":{"interval":5}}}}"#;
    let second = TwinUpdate::parse(body, &limits).unwrap();
    twin.update(at(5), second, Merge, &limits).unwrap();
    report(&mut twin, r#"{"battery":{"level":55}}"#).unwrap();
    let document = document(&twin);
    let (_, properties) = document
        .split_once(r#""tags":{"t":1},"properties":"#)
        .unwrap();
    assert_eq!(
        properties,
        concat!(
            r#"{"desired":{"old":[1],"telemetry":{"interval":5},"$metadata":{"#,
            r#""$lastUpdated":"2026-11-22T10:00:05.0000000Z","$lastUpdatedVersion":3,"#,
            r#""old":{"$lastUpdated":"2026-11-22T10:00:01.0000000Z","$lastUpdatedVersion":2},"#,
            r#""telemetry":{"$lastUpdated":"2026-11-22T10:00:05.0000000Z","$lastUpdatedVersion":3,"#,
            r#""interval":{"$lastUpdated":"2026-11-22T10:00:05.0000000Z","$lastUpdatedVersion":3}}},"#,
            r#""$version":3},"reported":{"battery":{"level":55},"$metadata":{"#,
            r#""$lastUpdated":"2026-11-22T10:00:02.0000000Z","#,
            r#""battery":{"$lastUpdated":"2026-11-22T10:00:02.0000000Z","#,
            r#""level":{"$lastUpdated":"2026-11-22T10:00:02.0000000Z"}}},"$version":2}},"#,
            r#""capabilities":{"iotEdge":false}}"#,
        )
    );
}

#[test]
fn deleting_a_key_takes_its_metadata_and_stamps_its_ancestors() {
    let mut twin = Twin::new(at(0));
    update(
        &mut twin,
        Merge,
        r#"{"properties":{"desired":{"p":{"q":1},"s":2}}}"#,
    )
    .unwrap();
    let limits = Limits::default();
    let update = TwinUpdate::parse(br#"{"properties":{"desired":{"p":{"q":null}}}}"#, &limits);
    twin.update(at(9), update.unwrap(), Merge, &limits).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document(&twin)).unwrap();
    let stamp = |seconds: i64, version: u32| serde_json::json!({"$lastUpdated": at(seconds).to_string(), "$lastUpdatedVersion": version});
    let mut expected = stamp(9, 3);
    expected["p"] = stamp(9, 3);
    expected["s"] = stamp(1, 2);
    assert_eq!(document["properties"]["desired"]["$metadata"], expected);
}

/// What the write is, how it is sent, its body; then version, etag and desired version.
const WRITES: &str = r#"
desired                | PATCH | {"properties":{"desired":{"a":1}}}                        | 3 AAAAAAAAAAI= 2
the same values        | PATCH | {"properties":{"desired":{"a":1}}}                        | 4 AAAAAAAAAAM= 3
tags only              | PATCH | {"tags":{"t":1}}                                          | 5 AAAAAAAAAAQ= 3
both                   | PATCH | {"tags":{"t":2},"properties":{"desired":{"a":2}}}         | 6 AAAAAAAAAAU= 4
an empty patch         | PATCH | {"tags":{},"properties":{"desired":{}}}                   | 6 AAAAAAAAAAU= 4
nothing                | PATCH | {}                                                        | 6 AAAAAAAAAAU= 4
redundant nulls        | PATCH | {"tags":{"x":null},"properties":{"desired":{"y":null}}}   | 6 AAAAAAAAAAU= 4
emptying               | PUT   | {}                                                        | 7 AAAAAAAAAAY= 5
nothing for nothing    | PUT   | {}                                                        | 7 AAAAAAAAAAY= 5
"#;

#[test]
fn each_write_moves_the_counters_it_should() {
    // TW-2, TW-4
    let mut twin = Twin::new(at(0));
    for line in WRITES.trim().lines() {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, verb, body, expected] = columns[..] else {
            panic!("{line}")
        };
        update(&mut twin, if verb == "PUT" { Replace } else { Merge }, body).unwrap();
        let (version, etag, desired, reported) = counters(&twin);
        assert_eq!(format!("{version} {etag} {desired}"), expected, "{name}");
        assert_eq!(reported, 1, "{name}");
    }
    // A device's report leaves the etag alone.
    let change = report(&mut twin, r#"{"a":1}"#).unwrap();
    assert!(change.changed);
    assert_eq!(change.version, 2);
    assert_eq!(counters(&twin), (8, "AAAAAAAAAAY=".to_owned(), 5, 2));
    let change = report(&mut twin, r#"{"b":null}"#).unwrap();
    assert!(!change.changed);
    assert_eq!(change.version, 2);
    assert_eq!(counters(&twin), (8, "AAAAAAAAAAY=".to_owned(), 5, 2));
}

/// What the patch is, what was reported before, the patch, what is reported then.
const MERGES: &str = r#"
object onto object             | {"p":{"a":1,"b":2}}  | {"p":{"b":3,"c":4}}        | {"p":{"a":1,"b":3,"c":4}}
object onto scalar             | {"p":1}              | {"p":{"a":1,"n":null}}     | {"p":{"a":1}}
object onto array              | {"p":[1]}            | {"p":{"a":1}}              | {"p":{"a":1}}
object onto missing            | {}                   | {"p":{"a":{"b":null}}}     | {"p":{"a":{}}}
array onto array               | {"p":[1,2,3]}        | {"p":[4]}                  | {"p":[4]}
scalar onto object             | {"p":{"a":1}}        | {"p":1.0}                  | {"p":1.0}
null                           | {"p":{"a":1},"q":1}  | {"p":null}                 | {"q":1}
null for a missing key         | {"q":1}              | {"p":null}                 | {"q":1}
null inside a missing object   | {}                   | {"p":{"q":null}}           | {"p":{}}
null for the only child        | {"p":{"q":1}}        | {"p":{"q":null}}           | {"p":{}}
empty object onto object       | {"p":{"q":1}}        | {"p":{}}                   | {"p":{"q":1}}
empty object onto scalar       | {"p":1}              | {"p":{}}                   | {"p":{}}
text that looks like a date    | {}                   | {"p":"2023-01-31T10:37:08.4599400"} | {"p":"2023-01-31T10:37:08.4599400"}
"#;

#[test]
fn patches_merge_as_the_rules_say() {
    // TW-3
    for line in MERGES.trim().lines() {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, before, patch, after] = columns[..] else {
            panic!("{line}")
        };
        let mut twin = Twin::new(at(0));
        report(&mut twin, before).unwrap();
        report(&mut twin, patch).unwrap();
        let view = reported_view(&twin);
        let (values, _) = view.rsplit_once(r#","$version":"#).unwrap();
        assert_eq!(format!("{values}}}"), after, "{name}");
    }
}

#[test]
fn a_device_is_told_the_patch_with_its_nulls_and_the_version_last() {
    let mut twin = Twin::new(at(0));
    let told = desired(&mut twin, Merge, r#"{ "a" : 1 , "b" : null }"#);
    assert_eq!(told.as_deref(), Some(r#"{"a":1,"b":null,"$version":2}"#));
    let told = desired(&mut twin, Merge, r#"{"a":1}"#);
    assert_eq!(
        told.as_deref(),
        Some(r#"{"a":1,"$version":3}"#),
        "the same values"
    );
    assert_eq!(desired(&mut twin, Merge, "{}"), None);
    let told = desired(&mut twin, Merge, r#"{"x":null,"y":{"z":null}}"#);
    let expected = r#"{"x":null,"y":{"z":null},"$version":4}"#;
    assert_eq!(told.as_deref(), Some(expected), "an empty object is stored");
    assert_eq!(desired(&mut twin, Merge, r#"{"y":{"z":null}}"#), None);
    let change = update(&mut twin, Merge, r#"{"tags":{"t":null,"u":[1, 2]}}"#).unwrap();
    assert_eq!(change.desired, None);
    let tags = change.tags.unwrap();
    assert_eq!(
        (tags.version, &*tags.patch),
        (twin.version(), r#"{"t":null,"u":[1,2]}"#)
    );
}

#[test]
fn a_replace_tells_the_new_set_and_null_for_each_removed_key() {
    // TW-9
    // The first is the example of Azure/azure-iot-sdk-csharp#954.
    let cases = [
        (
            r#"{"a":1,"b":2}"#,
            r#"{"a":1,"c":100}"#,
            r#"{"a":1,"b":null,"c":100,"$version":3}"#,
        ),
        (
            r#"{"o":{"x":1,"y":2}}"#,
            r#"{"o":{"x":1}}"#,
            r#"{"o":{"x":1,"y":null},"$version":3}"#,
        ),
        (r#"{"o":{"x":1}}"#, r#"{"o":2}"#, r#"{"o":2,"$version":3}"#),
        (
            r#"{"o":2}"#,
            r#"{"o":{"x":1}}"#,
            r#"{"o":{"x":1},"$version":3}"#,
        ),
        (
            r#"{"a":1}"#,
            r#"{"a":null,"b":null}"#,
            r#"{"a":null,"$version":3}"#,
        ),
        (r#"{"a":1}"#, "{}", r#"{"a":null,"$version":3}"#),
        (r#"{"a":1}"#, "null", r#"{"a":null,"$version":3}"#),
    ];
    for (before, replacement, expected) in cases {
        let mut twin = Twin::new(at(0));
        desired(&mut twin, Merge, before);
        assert_eq!(
            desired(&mut twin, Replace, replacement).as_deref(),
            Some(expected)
        );
    }
}

#[test]
fn the_forms_that_sdks_send_are_understood() {
    let whole_twin = r#"{"deviceId":"d","etag":null,"version":null,"status":"enabled",
        "Tags":{"t":1,"$metadata":{"$lastUpdated":"x"},"$version":3},
        "Properties":{"Desired":{"a":1,"$metadata":{"a":{"$lastUpdated":"x"}},"$version":7},
        "reported":{"$bad.key":[null]}},"unknown":[{}]}"#;
    let cases = [
        (
            whole_twin,
            Some(r#"{"t":1}"#),
            Some(r#"{"a":1,"$version":3}"#),
        ),
        (
            r#"{"tags":{},"properties":{"desired":{"a":2}}}"#,
            None,
            Some(r#"{"a":2,"$version":3}"#),
        ),
        (r#"{"tags":null}"#, Some(r#"{"gone":null}"#), None),
        (r#"{"properties":null}"#, None, None),
        (r#"{"properties":{}}"#, None, None),
        (
            r#"{"properties":{"desired":null}}"#,
            None,
            Some(r#"{"gone":null,"$version":3}"#),
        ),
    ];
    for (body, tags, desired) in cases {
        let mut twin = Twin::new(at(0));
        update(
            &mut twin,
            Merge,
            r#"{"tags":{"gone":1},"properties":{"desired":{"gone":1}}}"#,
        )
        .unwrap();
        let change = update(&mut twin, Merge, body).unwrap();
        assert_eq!(
            change.tags.as_ref().map(|change| &*change.patch),
            tags,
            "{body}"
        );
        assert_eq!(
            change.desired.as_ref().map(|change| &*change.notification),
            desired,
            "{body}"
        );
    }
}

#[test]
fn a_bad_node_rejects_the_whole_patch() {
    // TW-6
    let long = format!(r#"{{"s":"{}"}}"#, "x".repeat(4097));
    let cases = [
        (
            r#"{"good":1,"a":{"b.c":1}}"#,
            "properties.reported.a.b.c: key contains '.', which is not allowed",
        ),
        (
            r#"{"good":1,"$version":1}"#,
            "properties.reported.$version: key contains '$', which is not allowed",
        ),
        (
            r#"{"good":1,"a":[null]}"#,
            "properties.reported.a[0]: null is not allowed inside an array",
        ),
        ("[1]", "properties.reported: must be a JSON object"),
        (
            &long,
            "properties.reported.s: string has 4097 bytes, at most 4096 are allowed",
        ),
    ];
    for (body, message) in cases {
        let mut twin = Twin::new(at(0));
        let before = document(&twin);
        assert_eq!(
            report(&mut twin, body),
            Err(HubError::Argument(message.to_owned()))
        );
        assert_eq!(document(&twin), before);
    }
    let mut twin = Twin::new(at(0));
    for body in ["", "{", "{}{}", "{'a':1}", "\u{feff}{}"] {
        assert!(
            matches!(report(&mut twin, body), Err(HubError::Format(_))),
            "{body}"
        );
    }
    let both = r#"{"tags":{"good":1},"properties":{"desired":{"a b":1}}}"#;
    assert!(update(&mut twin, Merge, both).is_err());
    assert_eq!(twin.version(), 2);
}

#[test]
fn ten_objects_nest_and_the_tenth_may_hold_a_scalar() {
    let nested = |levels: usize| {
        format!(
            "{}1{}",
            r#"{"k":"#.repeat(levels + 1),
            "}".repeat(levels + 1)
        )
    };
    let mut twin = Twin::new(at(0));
    assert!(report(&mut twin, &nested(10)).is_ok());
    let message = report(&mut twin, &nested(11)).unwrap_err().to_string();
    assert!(
        message.ends_with("is nested deeper than 10 levels"),
        "{message}"
    );
    // However deep: refused, not a stack overflow.
    assert!(
        report(
            &mut twin,
            &format!("{{\"a\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000))
        )
        .is_err()
    );
    assert!(report(&mut twin, &nested(100_000)).is_err());
}

#[test]
fn a_section_may_not_grow_past_its_limit_but_may_stay_or_shrink() {
    // TW-7
    let mut twin = Twin::new(at(0));
    let small = Limits {
        reported_bytes: 20,
        ..Limits::default()
    };
    // Three keys of two bytes, and 8 + 4 + 2 bytes of values: exactly the limit.
    let fits = br#"{"k1":1,"k2":true,"k3":"ab"}"#;
    twin.patch_reported(at(1), fits, None, &small).unwrap();
    let error = twin
        .patch_reported(at(1), br#"{"k3":"abc"}"#, None, &small)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "properties.reported: would have 21 bytes (keys and values), at most 20 are allowed"
    );
    let smaller = Limits {
        reported_bytes: 5,
        ..Limits::default()
    };
    twin.patch_reported(at(1), br#"{"k3":"xy"}"#, None, &smaller)
        .expect("the size stays");
    twin.patch_reported(at(1), br#"{"k1":null}"#, None, &smaller)
        .expect("the size shrinks");
    assert!(
        twin.patch_reported(at(1), br#"{"k3":"xyz"}"#, None, &smaller)
            .is_err()
    );
}

#[test]
fn both_sections_must_fit_or_neither_is_written() {
    // TW-7
    let limits = Limits {
        desired_bytes: 10,
        ..Limits::default()
    };
    let mut twin = Twin::new(at(0));
    let body = br#"{"tags":{"t":1},"properties":{"desired":{"abc":1}}}"#;
    let parsed = TwinUpdate::parse(body, &limits).unwrap();
    assert!(twin.update(at(1), parsed, Merge, &limits).is_err());
    assert_eq!(counters(&twin), (2, "AAAAAAAAAAE=".to_owned(), 1, 1));
    assert!(!document(&twin).contains("tags"));
}

#[test]
fn a_reported_patch_may_name_the_version_it_is_based_on() {
    // TW-10
    let mut twin = Twin::new(at(0));
    let limits = Limits::default();
    let mut patch = |if_version| twin.patch_reported(at(1), br#"{"a":1}"#, if_version, &limits);
    assert_eq!(
        patch(Some(0)),
        Err(HubError::VersionMismatch {
            expected: 0,
            actual: 1
        })
    );
    assert_eq!(
        patch(Some(2)),
        Err(HubError::VersionMismatch {
            expected: 2,
            actual: 1
        })
    );
    assert_eq!(patch(Some(1)).unwrap().version, 2);
    assert_eq!(patch(Some(2)).unwrap().version, 3);
}

fn keys() -> Authentication {
    Authentication::Sas(SymmetricKeys {
        primary: SasKey::from_bytes(&[1; 32]),
        secondary: SasKey::from_bytes(&[2; 32]),
    })
}
