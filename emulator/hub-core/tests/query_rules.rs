//! Queries against the documented language: what matches, what is refused and how.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

use hub_core::query::{Collection, Condition, ConditionKind, Query, Row};
use hub_core::registry::{Authentication, SymmetricKeys};
use hub_core::twin::{DocumentIdentity, Twin, TwinUpdate, UpdateMode};
use hub_core::{HubError, Limits};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;

/// A connected device `dev1`; 2026-11-22T10:00:00Z.
fn twin() -> Twin {
    let at = Timestamp::from_unix_seconds(1_795_341_600);
    let limits = Limits::default();
    let mut twin = Twin::new(at);
    let body = r#"{"tags":{"location":{"region":"US","plant":null},"quote":"it's \"q\" \u00e9",
        "group":1,"3rdFloor":"x","a-b":true,"empty":{}},
        "properties":{"desired":{"list":[1,{"x":"y"},["z"]],"n":1.0,"flag":true}}}"#;
    let update = TwinUpdate::parse(body.as_bytes(), &limits).unwrap();
    twin.update(at, update, UpdateMode::Merge, &limits).unwrap();
    let report = br#"{"connectivity":"wifi","telemetryConfig":{"sendFrequencyInSecs":60},"n":1}"#;
    twin.patch_reported(at, report, None, &limits).unwrap();
    twin.set_model_id("dtmi:com:example;1");
    twin
}

fn matches(condition: &str) -> bool {
    let query = Query::parse(&format!("SELECT * FROM devices WHERE {condition}"));
    let query = query.unwrap_or_else(|error| panic!("{condition}: {error}"));
    with_row(|row| query.matches(row))
}

fn with_row(see: impl FnOnce(Row<'_>) -> bool) -> bool {
    let client = ClientIdentity::Device(DeviceId::parse("dev1").unwrap());
    let authentication = keys();
    let identity = DocumentIdentity {
        connected: true,
        last_activity: Timestamp::from_unix_seconds(1_795_341_600),
        c2d_messages: 2,
        ..DocumentIdentity::new(&client, "NzQ=", &authentication)
    };
    see(Row::twin(&twin(), &identity))
}

#[test]
fn conditions_of_the_documentation_match() {
    // Q-1
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
fn what_is_not_built_is_refused_by_name() {
    // Q-2
    let cases = [
        ("SELECT deviceId FROM devices", "projection"),
        ("SELECT *, deviceId FROM devices", "projection"),
        (
            "select count() AS numberOfDevices from devices",
            "aggregate COUNT",
        ),
        ("SELECT TOP 10 * FROM devices", "TOP"),
        (
            "SELECT * FROM devices.modules WHERE deviceId in ['x']",
            "FROM devices.modules",
        ),
        (
            "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'x'",
            "FROM devices.jobs",
        ),
        ("SELECT * FROM devices GROUP BY status", "GROUP BY"),
        (
            "SELECT * FROM devices WHERE a = 1 GROUP BY status",
            "GROUP BY",
        ),
        (
            "SELECT * FROM devices WHERE STARTSWITH(devices.deviceId, 'x')",
            "function STARTSWITH",
        ),
        (
            "SELECT * FROM devices WHERE array_contains(parentScopes, 'x')",
            "function ARRAY_CONTAINS",
        ),
        ("SELECT * FROM devices WHERE version + 1 = 3", "arithmetic"),
        (
            "SELECT * FROM devices WHERE version = -version",
            "arithmetic",
        ),
        (
            "SELECT * FROM devices WHERE version IN [version]",
            "list of anything but constants",
        ),
        ("SELECT * FROM devices WHERE [1] = [1]", "list outside IN"),
    ];
    for (text, feature) in cases {
        let expected = HubError::NotImplemented(format!("query feature: {feature}"));
        assert_eq!(
            Query::parse(text).map_err(HubError::from),
            Err(expected),
            "{text}"
        );
    }
}

/// A query (`\n` is a line break) and what is said of it.
const SYNTAX_ERRORS: &str = r"
*                                       ## unexpected '*', expected SELECT, at 1:1
SELECT FROM devices                     ## unexpected 'FROM', expected '*', at 1:8
SELECT *                                ## unexpected end of the query, expected FROM, at 1:9
SELECT * FROM enrollments               ## unexpected 'enrollments', expected a collection (devices), at 1:15
SELECT * FROM devices d                 ## unexpected 'd', expected WHERE or the end, at 1:23
SELECT * FROM devices\nWHERE            ## unexpected end of the query, expected a value, at 2:6
SELECT * FROM devices WHERE a =         ## unexpected end of the query, expected a value, at 1:32
SELECT * FROM devices WHERE a = 1 = 2   ## unexpected '=', expected AND, OR or the end, at 1:35
SELECT * FROM devices WHERE (a = 1      ## unexpected end of the query, expected ')', at 1:35
SELECT * FROM devices WHERE a IN ('x')  ## unexpected '(', expected '[', at 1:34
SELECT * FROM devices WHERE tags.group  ## unexpected 'group', expected a name (write [[group]] for the keyword), at 1:34
SELECT * FROM devices WHERE tags['x']   ## unexpected ''x'', expected an index, at 1:34
SELECT * FROM devices WHERE a = 'it's'  ## string without end at 1:38
SELECT * FROM devices WHERE a = b || c  ## unexpected '||', expected AND, OR or the end, at 1:35
SELECT * FROM devices WHERE a = 1a      ## malformed number at 1:33
SELECT * FROM devices WHERE CONTAINS(a) ## unknown function CONTAINS at 1:29
SELECT * FROM devices WHERE is_defined('x') ## unexpected ''x'', expected a path, at 1:40
SELECT * FROM devices ORDER BY deviceId ## ORDER is not in the query language at 1:23
SELECT * FROM devices WHERE a LIKE 'x'  ## LIKE is not in the query language at 1:31
SELECT * FROM devices; SELECT           ## unexpected 'SELECT', expected WHERE or the end, at 1:24
";

#[test]
fn a_syntax_error_names_what_was_found_where_and_what_was_expected() {
    // Q-2
    for line in SYNTAX_ERRORS.trim().lines() {
        let (text, expected) = line.split_once("##").unwrap();
        let text = text.trim().replace("\\n", "\n");
        let expected = HubError::Argument(expected.trim().to_owned());
        assert_eq!(
            Query::parse(&text).map_err(HubError::from),
            Err(expected),
            "{text}"
        );
    }
    let error = Query::parse("").unwrap_err().to_string();
    assert_eq!(
        error,
        "unexpected end of the query, expected SELECT, at 1:1"
    );
}

#[test]
fn length_and_nesting_are_bounded() {
    let nested = |open: &str, close: &str, levels: usize| {
        let condition = format!("{}true{}", open.repeat(levels), close.repeat(levels));
        Query::parse(&format!("SELECT * FROM devices WHERE {condition}"))
    };
    assert!(nested("(", ")", 64).is_ok());
    assert!(nested("(", ")", 65).is_err());
    assert!(nested("NOT ", "", 64).is_ok());
    assert!(nested("NOT ", "", 10_000).is_err());
    // Chains are flat: long is not deep.
    assert!(nested("true OR ", "", 7_000).is_ok());
    let error = nested(" ", "", 64 * 1024).unwrap_err().to_string();
    assert_eq!(error, "65568 bytes where at most 65536 are allowed at 1:1");
}

#[test]
fn a_condition_of_a_job_or_a_configuration_is_a_where_without_the_word() {
    // Q-4
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

/// A condition and what is said of it: first the job's, then the configuration's.
const REFUSED_CONDITIONS: &str = r"
                                                 ## unexpected end of the query, expected a value, at 1:1 ##
SELECT * FROM devices                            ## unexpected 'SELECT', expected a value, at 1:1 ## unexpected 'SELECT', expected a value, at 1:1
status = 'enabled'                               ## ## a condition here is about deviceId, tags or properties.reported, at 1:1
tags.a = 1 AND properties.desired.a = 1          ## ## a condition here is about deviceId, tags or properties.reported, at 1:16
from devices where tags.a = 1                    ## unexpected 'from', expected a value, at 1:1 ## unexpected 'devices', expected devices.modules, at 1:6
from devices.modules                             ## unexpected 'from', expected a value, at 1:1 ## unexpected end of the query, expected WHERE, at 1:21
from devices.modules where *                     ## unexpected 'from', expected a value, at 1:1 ## unexpected '*', expected a value, at 1:28
from devices.modules where status = 'x'          ## unexpected 'from', expected a value, at 1:1 ## a condition here is about deviceId, moduleId, tags or properties.reported, at 1:28
tags.a = 1;                                      ## unexpected ';', expected AND, OR or the end, at 1:11 ## unexpected ';', expected AND, OR or the end, at 1:11
";

#[test]
fn a_refused_condition_says_what_and_where() {
    // Q-4
    for line in REFUSED_CONDITIONS.trim_matches('\n').lines() {
        let parts: Vec<&str> = line.split("##").map(str::trim).collect();
        let refusal = |kind| match Condition::parse(parts[0], kind) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert_eq!(refusal(ConditionKind::Job), parts[1], "{}", parts[0]);
        assert_eq!(
            refusal(ConditionKind::Configuration),
            parts[2],
            "{}",
            parts[0]
        );
    }
}

fn keys() -> Authentication {
    Authentication::Sas(SymmetricKeys {
        primary: SasKey::from_bytes(&[1; 32]),
        secondary: SasKey::from_bytes(&[2; 32]),
    })
}
