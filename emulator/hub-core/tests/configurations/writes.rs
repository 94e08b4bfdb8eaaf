//! The write rules of configurations, and their metrics.

use hub_core::Limits;
use hub_core::configuration::{ConfigurationSpec, Content, test_queries};
use hub_core::registry::IfMatch;
use hub_proto::error_code::ErrorCode;

use crate::support::{Hub, name, spec};

const CONTENT: &str = r#"{"properties.desired.x":1}"#;

fn with_condition(condition: &str) -> ConfigurationSpec {
    spec("c1", 1, condition, CONTENT)
}

#[test]
fn a_write_without_a_precondition_creates_and_one_with_it_updates() {
    // CFG-2
    let mut hub = Hub::new();
    let any = IfMatch::Any;
    let code = |result: Result<_, hub_core::HubError>| result.err().map(|error| error.code());
    let missing = hub.try_put(with_condition("*"), &any).map(drop);
    assert_eq!(code(missing), Some(ErrorCode::ConfigurationNotFound));
    let first = hub.try_put(with_condition("*"), &IfMatch::Absent).unwrap();
    assert_eq!(first.configuration.etag, "MQ==");
    let again = hub.try_put(with_condition("*"), &IfMatch::Absent).map(drop);
    assert_eq!(code(again), Some(ErrorCode::ConfigurationAlreadyExists));
    let current = IfMatch::Etag("MQ==".to_owned());
    let second = hub.try_put(with_condition(""), &current).unwrap();
    assert_eq!(second.configuration.etag, "Mg==");
    assert_eq!(second.configuration.created, first.configuration.created);
    let stale = hub.try_put(with_condition("*"), &current).map(drop);
    assert_eq!(code(stale), Some(ErrorCode::PreconditionFailed));
    let now = hub.now();
    let stale = hub.configurations.delete(now, &name("c1"), &current);
    assert_eq!(code(stale), Some(ErrorCode::PreconditionFailed));
    hub.delete("c1");
    let gone = hub.configurations.delete(now, &name("c1"), &any);
    assert_eq!(code(gone), Some(ErrorCode::ConfigurationNotFound));
}

#[test]
fn an_update_keeps_the_first_content_whatever_it_says() {
    // CFG-3
    let mut hub = Hub::new();
    hub.put(with_condition("*"));
    let other = spec("c1", 7, "tags.a = 1", r#"{"properties.desired.y":2}"#);
    let updated = hub.put(other).configuration;
    assert_eq!(
        updated.content.text(),
        r#"{"deviceContent":{"properties.desired.x":1}}"#
    );
    assert_eq!(
        (updated.priority, &*updated.target_condition),
        (7, "tags.a = 1")
    );
}

#[test]
fn conditions_and_metrics_that_cannot_be_used_are_refused_with_their_own_codes() {
    // CFG-4
    let mut hub = Hub::new();
    for condition in [
        "tags.x =",
        "properties.desired.x = 1",
        "from devices.modules where moduleId = 'm'",
    ] {
        let refused = hub.try_put(with_condition(condition), &IfMatch::Absent);
        let code = refused.map(drop).unwrap_err().code();
        assert_eq!(
            code,
            ErrorCode::InvalidConfigurationTargetCondition,
            "{condition}"
        );
    }
    let of_modules = |condition: &str| ConfigurationSpec {
        content: Content::parse(
            r#"{"moduleContent":{"properties.desired.x":1}}"#,
            &Limits::default(),
        )
        .unwrap(),
        ..with_condition(condition)
    };
    for condition in ["*", "tags.a = 1"] {
        assert!(
            hub.try_put(of_modules(condition), &IfMatch::Absent)
                .is_err(),
            "{condition}"
        );
    }
    for condition in ["", "from devices.modules where tags.a = 1"] {
        assert!(
            hub.try_put(of_modules(condition), &IfMatch::Absent).is_ok(),
            "{condition}"
        );
        hub.delete("c1");
    }
    let metric = |text: &str| ConfigurationSpec {
        metrics: vec![("m".to_owned(), text.to_owned())],
        ..with_condition("*")
    };
    let refused = hub.try_put(metric("select nonsense"), &IfMatch::Absent);
    let code = refused.map(drop).unwrap_err().code();
    assert_eq!(code, ErrorCode::InvalidConfigurationCustomMetricsQuery);
    let six = ConfigurationSpec {
        metrics: (0..6)
            .map(|count| (count.to_string(), "select *".to_owned()))
            .collect(),
        ..with_condition("*")
    };
    assert!(hub.try_put(six, &IfMatch::Absent).is_err());
    // The CLI's own tests store this.
    assert!(hub.try_put(metric("select *"), &IfMatch::Absent).is_ok());
}

#[test]
fn a_hub_holds_a_hundred_configurations() {
    // CFG-2
    let mut hub = Hub::new();
    for count in 0..100 {
        hub.put(spec(&count.to_string(), 1, "", CONTENT));
    }
    let one_more = hub.try_put(with_condition("*"), &IfMatch::Absent);
    let code = one_more.map(drop).unwrap_err().code();
    assert_eq!(code, ErrorCode::ConfigurationCountLimitExceeded);
    hub.put(spec("7", 2, "", CONTENT));
}

#[test]
fn custom_metrics_count_rows_after_each_evaluation() {
    // CFG-11
    let mut hub = Hub::new();
    for device in ["d1", "d2", "d3"] {
        hub.create(device);
    }
    hub.patch("d1", r#"{"tags":{"a":1}}"#);
    let metric = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let written = hub.put(ConfigurationSpec {
        metrics: vec![
            metric("tagged", "SELECT * FROM devices WHERE tags.a = 1"),
            metric("kept", "select *"),
        ],
        ..with_condition("*")
    });
    assert!(!written.is_evaluated && written.results.is_empty());
    hub.settle();
    let results = |hub: &Hub| {
        let state = hub.configurations.get(&name("c1")).unwrap();
        assert!(state.is_evaluated);
        state.results.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(results(&hub), [("tagged".to_owned(), 1)]);
    hub.patch("d2", r#"{"tags":{"a":1}}"#);
    hub.settle();
    assert_eq!(results(&hub), [("tagged".to_owned(), 2)]);
}

#[test]
fn system_metrics_have_the_texts_that_tools_send_back() {
    // CFG-11
    let mut hub = Hub::new();
    let texts = |hub: &mut Hub, spec: ConfigurationSpec| -> Vec<String> {
        let configuration = hub.put(spec).configuration;
        let queries = configuration.system_queries().into_iter();
        queries
            .map(|(name, text)| format!("{name}: {text}"))
            .collect()
    };
    assert_eq!(
        texts(&mut hub, with_condition("tags.a = 1")),
        [
            "targetedCount: select deviceId from devices where tags.a = 1",
            "appliedCount: select deviceId from devices where configurations.[[c1]].status = 'Applied'",
        ]
    );
    assert_eq!(texts(&mut hub, with_condition(""))[0], "targetedCount: ");
    assert_eq!(
        texts(&mut hub, with_condition("*"))[0],
        "targetedCount: select deviceId from devices"
    );
}

#[test]
fn queries_are_tested_without_writing_and_a_star_is_found_fault_with() {
    // CFG-12
    let metrics = [
        ("good".to_owned(), "SELECT * FROM devices".to_owned()),
        ("bad".to_owned(), "SELEC".to_owned()),
    ];
    let test = test_queries(Some("tags.a = 1"), &metrics);
    assert_eq!(test.condition_error, None);
    let wrong: Vec<&str> = test.metric_errors.iter().map(|(name, _)| &**name).collect();
    assert_eq!(wrong, ["bad"]);
    for condition in ["*", "tags.a ="] {
        assert!(test_queries(Some(condition), &[]).condition_error.is_some());
    }
    assert_eq!(test_queries(None, &[]), test_queries(Some(""), &[]));
}
