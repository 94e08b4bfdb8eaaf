//! Conditions against the documented language: which rows they keep.

use hub_core::query::{Collection, Condition, ConditionKind, Query, Row};
use serde_json::json;

use super::support::{TestClient, query};

/// A connected device `dev1`.
fn device() -> TestClient {
    let twin = json!({
        "tags": {
            "location": {"region": "US", "plant": null}, "quote": "it's \"q\" \u{e9}",
            "group": 1, "3rdFloor": "x", "a-b": true, "empty": {},
        },
        "desired": {"list": [1, {"x": "y"}, ["z"]], "n": 1.0, "flag": true},
        "reported": {
            "connectivity": "wifi", "telemetryConfig": {"sendFrequencyInSecs": 60}, "n": 1,
        },
    });
    let mut device = TestClient::new("dev1", &twin);
    device.twin.set_model_id("dtmi:com:example;1");
    device.connected = true;
    device
}

fn matches(condition: &str) -> bool {
    let query = query(&format!("SELECT * FROM devices WHERE {condition}"));
    with_row(|row| query.matches(row))
}

fn with_row(see: impl FnOnce(Row<'_>) -> bool) -> bool {
    device().see(see)
}

#[test]
fn conditions_of_the_documentation_match() {
    //
    let conditions = [
        "tags.location.region = 'US' AND properties.reported.telemetryConfig.sendFrequencyInSecs >= 60",
        "properties.reported.connectivity IN ['wired', 'wifi']",
        "is_defined(properties.reported.connectivity)",
        "status = 'enabled'",
        "(status='enabled' AND capabilities.iotEdge=false)",
        "deviceId = 'dev1'",
        "devices.deviceId='dev1'",
        "DeviceId = \"dev1\"",
        "id = 'dev1'",
        "lastActivityTime > '2026-11-01T00:00:00Z'",
        "LastActivityTime > '2026-11'",
        "statusUpdateTime = '0001-01-01T00:00:00Z'",
        "connectionState = 'Connected'",
        "cloudToDeviceMessageCount = 2",
        "authenticationType = 'sas'",
        "modelId = 'dtmi:com:example;1'",
        "etag = 'AAAAAAAAAAI=' AND deviceEtag = 'NzQ='",
        "version = 4",
        "NOT capabilities.iotEdge",
        "x509Thumbprint.primaryThumbprint = null",
        "properties.desired.flag",
        "PROPERTIES.Desired.flag = TRUE",
        "tags.[[group]] = 1",
        "tags.[[a-b]]",
        "tags.3rdFloor = 'x' AND 0.5 < 1.5",
        "tags.quote = 'it\\'s \"q\" \\u00e9'",
        "tags.quote = 'it''s \"q\" é'",
        "properties.desired.$version = 2 AND properties.reported.$version = 2",
        "properties.desired.$metadata.list.$lastUpdated = '2026-11-22T10:00:00.0000000Z'",
        "properties.desired.$metadata.$lastUpdatedVersion = 2",
        "properties.desired.list[0] = 1 AND properties.desired.list[1].x = 'y'",
        "properties.desired.list[2][0] = 'z'",
        "properties.desired.n = properties.reported.n",
        "60 <= properties.reported.telemetryConfig.sendFrequencyInSecs",
        "properties.reported.telemetryConfig.sendFrequencyInSecs NIN [1, -2, 0x3B]",
        "deviceId NOT IN []",
        "tags.group2 = 1 OR /* precedence */ status = 'enabled' AND NOT 1 > 2",
        "is_defined(tags.empty) AND is_defined(tags) AND IS_DEFINED(properties)",
        "(1 = 1) = true",
        "version + 1 = 5 AND version - 1 - 1 = 2 AND 1 + 2 * 3 = 7 AND (1 + 2) * 3 = 9",
        "-version = -4 AND - -1 = +1 AND 7 % 4 = 3 AND 1 / 4 = 0.25 AND 8 / 2 / 2 = 2",
        "version IN [1, version] AND version IN [2 + 2]",
        "'wifi' IN [properties.reported.connectivity, 'x']",
        "STARTSWITH(devices.deviceId, 'dev') AND startswith(id, '') AND ENDSWITH(deviceId, '1')",
        "NOT STARTSWITH(deviceId, 'DEV') AND NOT endswith(deviceId, 'dev')",
        "array_contains(properties.desired.list, 1) AND NOT ARRAY_CONTAINS(properties.desired.list, '1')",
        "ARRAY_CONTAINS(['a', 'b'], 'b') AND NOT ARRAY_CONTAINS([], 'b')",
        "IS_STRING(deviceId) AND IS_NUMBER(version) AND IS_BOOL(properties.desired.flag)",
        "IS_ARRAY(properties.desired.list) AND IS_OBJECT(tags) AND IS_OBJECT(properties.desired.list[1])",
        "IS_NULL(null) AND IS_PRIMITIVE(null) AND IS_PRIMITIVE(1) AND NOT IS_PRIMITIVE(tags)",
        "IS_OBJECT(properties) AND is_object(x509Thumbprint) AND is_array([1])",
        "NOT IS_NULL(tags.x) AND NOT IS_STRING(tags.x) AND NOT IS_PRIMITIVE(tags.x)",
        "LOWER('ÄB') = 'äb' AND UPPER(deviceId) = 'DEV1' AND LENGTH('äb') = 2",
        "SUBSTRING('häuser', 1, 2) = 'äu' AND SUBSTRING('abc', 1) = 'bc' AND SUBSTRING('abc', 9) = ''",
        "CONCAT(deviceId, '-', status) = 'dev1-enabled' AND INDEX_OF('äbc', 'c') = 2",
        "INDEX_OF('abc', 'x') = -1 AND AS_NUMBER('12') = 12 AND AS_NUMBER(1.5) = 1.5",
        "ABS(-2) = 2 AND CEILING(1.2) = 2 AND FLOOR(-1.2) = -2 AND SIGN(-9) = -1 AND SIGN(0) = 0",
        "SQRT(9) = 3 AND SQUARE(3) = 9 AND POWER(2, 10) = 1024 AND EXP(0) = 1",
        "devices.modules.deviceId = 'dev1' AND devices.jobs.deviceId = 'dev1'",
        "statusUpdatedTime = statusUpdateTime",
        "NOT status = 'disabled' AND NOT false",
        "status <> 'disabled' and status != 'x'",
    ];
    for condition in conditions {
        assert!(matches(condition), "{condition}");
    }
}

#[test]
fn what_is_missing_or_of_another_type_is_neither_true_nor_false() {
    // Neither the condition nor its negation keeps the row.
    let undefined = [
        "tags.x = 'a'",
        "tags.x != 'a'",
        "tags.x = null",
        "tags.location.plant = null",
        "noSuchAttribute = 1",
        "statusReason = 'x'",
        "tags.[[group]].below = 1",
        "deviceId.below = 1",
        "'5' = 5",
        "status = 1",
        "status = null",
        "null < null",
        "true > false",
        "tags = tags",
        "properties.desired.list = properties.desired.list",
        "properties.desired.list[3] = 1",
        "properties.desired.list[1].none = 1",
        "properties.reported.$metadata.$lastUpdatedVersion = 2",
        "tags.x IN ['a']",
        "tags.x NIN ['a']",
        "undefined = undefined",
        "version + 'a' = 5",
        "'a' + 'b' = 'ab'",
        "1 / 0 = 1",
        "0 % 0 = 0",
        "-deviceId = 1",
        "+deviceId = 'dev1'",
        "tags.x + 1 = 1",
        "STARTSWITH(version, '4')",
        "STARTSWITH(tags.x, 'a')",
        "ARRAY_CONTAINS(tags, 1)",
        "ARRAY_CONTAINS(properties.desired.list, tags.x)",
        "ABS('1') = 1",
        "SQRT(-1) = 0",
        "AS_NUMBER('x') = 0",
        "AS_NUMBER('inf') > 0",
        "SUBSTRING('abc', -1) = 'a'",
        "SUBSTRING('abc', 0.5) = 'a'",
        "CONCAT('a', 1) = 'a1'",
        "LENGTH(tags) = 1",
        "[1] = [1]",
        "tags.x IN [tags.x]",
        "moduleId = 'm'",
        "jobId = 'j'",
        "status",
        "5",
        "'true'",
        "null",
        "tags.x = 1 AND true",
        "tags.x = 1 OR false",
    ];
    for condition in undefined {
        assert!(!matches(condition), "{condition}");
        assert!(!matches(&format!("NOT ({condition})")), "NOT ({condition})");
    }
    // The other side decides.
    assert!(matches("tags.x = 1 OR true"));
    assert!(matches("NOT (tags.x = 1 AND false)"));
    assert!(matches("NOT is_defined(tags.x) OR tags.x != 'a'"));
}

#[test]
fn comparisons_mind_case_and_the_type() {
    for condition in [
        "deviceId = 'DEV1'",
        "status = 'Enabled'",
        "tags.Location.region = 'US'",
        "tags.location.region = 'us'",
        "deviceId IN ['DEV1', 'dev']",
        "'b' < 'a'",
        "'a' < 'B'",
        "2 > 10",
        "is_defined(properties.other)",
        "is_defined(tags.location.plant)",
        "is_defined(moduleId)",
        "ARRAY_CONTAINS(properties.desired.list, properties.desired.list[1])",
    ] {
        assert!(!matches(condition), "{condition}");
    }
    for condition in [
        "'2' > '10'",
        "2 < 10",
        "1 = 1.0",
        "null = null",
        "1 NIN ['1']",
    ] {
        assert!(matches(condition), "{condition}");
    }
}

#[test]
fn a_query_without_a_condition_is_read_however_it_is_spaced() {
    for text in [
        "SELECT * FROM devices",
        "  select *\n\tfrom Devices ; ",
        "SELECT*FROM devices",
        "/* all */ SELECT * FROM devices /* of them */",
    ] {
        assert!(Query::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn a_condition_of_a_job_or_a_configuration_is_a_where_without_the_word() {
    //
    use ConditionKind::{Configuration, Job};
    let matching = [
        (Job, "*"),
        (Job, " deviceId = 'dev1' "),
        (Job, "status = 'enabled' AND properties.desired.flag"),
        (Configuration, "*"),
        (
            Configuration,
            "tags.location.region = 'US' OR deviceId = 'x'",
        ),
        (
            Configuration,
            "properties.reported.connectivity IN ['wifi']",
        ),
    ];
    for (kind, text) in matching {
        let condition = Condition::parse(text, kind).unwrap();
        assert_eq!(condition.collection(), Collection::Devices, "{text}");
        assert!(with_row(|row| condition.matches(row)), "{text}");
    }
    let nothing = Condition::parse("  ", Configuration).unwrap();
    assert!(nothing.is_never_true() && !with_row(|row| nothing.matches(row)));
    let text = "FROM devices.modules WHERE moduleId = 'm' AND tags.a = 1";
    let of_modules = Condition::parse(text, Configuration).unwrap();
    assert_eq!(of_modules.collection(), Collection::Modules);
    assert!(!with_row(|row| of_modules.matches(row)));
}
