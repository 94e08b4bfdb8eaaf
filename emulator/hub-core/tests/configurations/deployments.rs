//! Deployments that are stored: which of those that meet on an Edge device count, and what they make of it.

use hub_core::registry::IfMatch;
use hub_core::{EventKind, Limits};
use hub_proto::ids::ModuleId;
use serde_json::{Value, json};

use crate::support::{Hub, deployment, id};

const AT_A: &str = "tags.site = 'a'";

/// Edge devices `e1` and `e2`, and `d1`, which is none; all at site a but for `e2`.
fn hub() -> Hub {
    let mut hub = Hub::new();
    for (device, edge, site) in [("e1", true, "a"), ("e2", true, "b"), ("d1", false, "a")] {
        hub.create_one(device, edge);
        hub.patch(device, &format!(r#"{{"tags":{{"site":"{site}"}}}}"#));
    }
    hub
}

/// All that `$edgeAgent` is to be: it runs these modules.
fn base(modules: &[&str]) -> Value {
    let runs: serde_json::Map<String, Value> = modules
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "docker", "of": "base"})))
        .collect();
    json!({"$edgeAgent": {"properties.desired": {"schemaVersion": "1.1", "modules": runs}}})
}

/// One module more, with its desired properties.
fn layer(module: &str, value: u32) -> Value {
    json!({
        "$edgeAgent": {
            format!("properties.desired.modules.{module}"): {"type": "docker", "of": value},
        },
        module: {"properties.desired": {"v": value}},
    })
}

impl Hub {
    fn modules(&self, device: &str) -> Vec<String> {
        let modules = self.shard.modules(&id(device)).unwrap();
        modules.iter().map(|module| module.id.to_string()).collect()
    }

    fn status(&self, device: &str) -> Value {
        self.twin(&format!("{device}/$edgeAgent"))["configurations"].clone()
    }
}

#[test]
fn a_deployment_makes_the_modules_of_the_edge_devices_that_it_targets_and_of_no_other() {
    // CFG-16, CFG-17
    let mut hub = hub();
    hub.put(deployment("d", 1, AT_A, &base(&["m1", "m2"])));
    hub.settle();
    assert_eq!(hub.modules("e1"), ["$edgeAgent", "$edgeHub", "m1", "m2"]);
    assert_eq!(hub.modules("e2"), ["$edgeAgent", "$edgeHub"]);
    assert_eq!(hub.modules("d1"), Vec::<String>::new());
    assert_eq!(hub.desired("e1/$edgeAgent")["modules"]["m1"]["of"], "base");
    assert_eq!(hub.status("e1"), json!({"d": {"status": "Applied"}}));
    assert_eq!(hub.twin("e1").get("configurations"), None);
    assert_eq!(hub.counts("d"), (1, 1));
    let metadata = &hub.twin("e1/$edgeAgent")["properties"]["desired"]["$metadata"];
    assert_eq!(metadata["$lastUpdatedBy"], "d");
    // Nothing is written twice, and a service's own change stays.
    hub.patch(
        "e1/$edgeAgent",
        r#"{"properties":{"desired":{"schemaVersion":"9"}}}"#,
    );
    let version = hub.desired_version("e1/$edgeAgent");
    hub.patch("e1", r#"{"tags":{"other":1}}"#);
    hub.settle();
    assert_eq!(hub.desired_version("e1/$edgeAgent"), version);
    // Who comes to match gets it, who ceases to keeps it.
    hub.patch("e2", r#"{"tags":{"site":"a"}}"#);
    hub.patch("e1", r#"{"tags":{"site":"b"}}"#);
    hub.settle();
    assert_eq!(hub.modules("e2"), ["$edgeAgent", "$edgeHub", "m1", "m2"]);
    assert_eq!(hub.modules("e1"), ["$edgeAgent", "$edgeHub", "m1", "m2"]);
    assert_eq!(hub.status("e1"), Value::Null);
    assert_eq!(hub.counts("d"), (1, 1));
    hub.delete("d");
    hub.settle();
    assert_eq!(hub.status("e2"), Value::Null);
    assert_eq!(hub.modules("e2"), ["$edgeAgent", "$edgeHub", "m1", "m2"]);
    assert_eq!(hub.counts("d"), (0, 0));
}

#[test]
fn of_bases_the_highest_wins_alone_and_takes_away_what_the_other_made() {
    // CFG-16
    let mut hub = hub();
    hub.put(deployment("low", 1, AT_A, &base(&["m1"])));
    hub.settle();
    hub.put(deployment("high", 2, AT_A, &base(&["m2"])));
    hub.settle();
    let statuses = json!({"high": {"status": "Applied"}, "low": {"status": "Targeted"}});
    assert_eq!(hub.status("e1"), statuses);
    assert_eq!(hub.modules("e1"), ["$edgeAgent", "$edgeHub", "m2"]);
    assert_eq!((hub.counts("low"), hub.counts("high")), ((1, 0), (1, 1)));
    hub.delete("high");
    hub.settle();
    assert_eq!(hub.modules("e1"), ["$edgeAgent", "$edgeHub", "m1"]);
    assert_eq!(hub.status("e1"), json!({"low": {"status": "Applied"}}));
}

#[test]
fn layers_above_the_base_are_merged_over_it_and_those_below_it_do_not_count() {
    // CFG-16
    let mut hub = hub();
    hub.put(deployment("below", 1, AT_A, &layer("m0", 0)));
    hub.put(deployment("one", 11, AT_A, &layer("m1", 1)));
    hub.put(deployment("two", 12, AT_A, &layer("m1", 2)));
    hub.settle();
    assert_eq!(hub.modules("e1"), ["$edgeAgent", "$edgeHub"]);
    let targeted = json!({"status": "Targeted"});
    assert_eq!(
        hub.status("e1"),
        json!({"below": targeted, "one": targeted, "two": targeted})
    );
    hub.put(deployment("base", 10, AT_A, &base(&["m"])));
    hub.settle();
    assert_eq!(hub.modules("e1"), ["$edgeAgent", "$edgeHub", "m", "m1"]);
    assert_eq!(
        hub.desired("e1/$edgeAgent")["modules"],
        json!({"m": {"type": "docker", "of": "base"}, "m1": {"type": "docker", "of": 2}})
    );
    assert_eq!(hub.desired("e1/m1"), json!({"v": 2}));
    let applied = json!({"status": "Applied"});
    assert_eq!(
        hub.status("e1"),
        json!({"base": applied, "below": targeted, "one": applied, "two": applied})
    );
    // Without the upper layer the lower one stands, and without both the base alone.
    hub.delete("two");
    hub.settle();
    assert_eq!(hub.desired("e1/m1"), json!({"v": 1}));
    hub.delete("one");
    hub.settle();
    assert_eq!(hub.modules("e1"), ["$edgeAgent", "$edgeHub", "m"]);
}

#[test]
fn a_deployment_that_a_device_has_no_room_for_changes_nothing_and_is_tried_again() {
    // CFG-10, CFG-15
    let mut hub = hub();
    hub.room = 1;
    hub.put(deployment("d", 1, AT_A, &base(&["m1", "m2"])));
    hub.settle();
    assert_eq!(hub.modules("e1"), ["$edgeAgent", "$edgeHub"]);
    assert_eq!(hub.desired("e1/$edgeAgent"), json!({}));
    assert_eq!(hub.status("e1"), json!({"d": {"status": "Targeted"}}));
    let refusals = |hub: &Hub| {
        let refused = |event: &&EventKind| matches!(event, EventKind::ConfigurationRefused { .. });
        hub.events.iter().filter(refused).count()
    };
    hub.patch("e1", r#"{"tags":{"other":1}}"#);
    hub.settle();
    assert_eq!(refusals(&hub), 1, "told once");
    hub.room = 2;
    hub.patch("e1", r#"{"tags":{"other":2}}"#);
    hub.settle();
    assert_eq!(hub.status("e1"), json!({"d": {"status": "Applied"}}));
    assert_eq!(hub.modules("e1"), ["$edgeAgent", "$edgeHub", "m1", "m2"]);
}

#[test]
fn what_the_device_reports_of_a_deployment_is_counted() {
    // CFG-18, CFG-17
    let mut hub = hub();
    hub.put(deployment("d", 1, "*", &base(&["m1"])));
    hub.settle();
    let results = |hub: &Hub| {
        let state = hub.configurations.get(&crate::support::name("d")).unwrap();
        state.system_results
    };
    let counted = |success, failed| {
        let pairs = [
            ("reportedFailedCount", failed),
            ("reportedSuccessfulCount", success),
        ];
        pairs.map(|(name, count)| (name.to_owned(), count)).into()
    };
    assert_eq!(results(&hub), counted(0, 0));
    assert_eq!(hub.counts("d"), (2, 2));
    let version = hub.desired_version("e1/$edgeAgent");
    let report = |code: u32| {
        json!({"lastDesiredVersion": version, "lastDesiredStatus": {"code": code}}).to_string()
    };
    hub.report("e1/$edgeAgent", &report(200));
    hub.report("e2/$edgeAgent", &report(400));
    hub.settle();
    assert_eq!(results(&hub), counted(1, 1));
}

#[test]
fn a_device_that_is_no_edge_device_any_more_is_targeted_no_more() {
    // CFG-16
    let mut hub = hub();
    hub.put(deployment("d", 1, AT_A, &base(&["m1"])));
    hub.settle();
    hub.make_edge("e1", false);
    hub.settle();
    assert_eq!(hub.counts("d"), (0, 0));
    hub.make_edge("d1", true);
    hub.settle();
    assert_eq!(hub.counts("d"), (1, 1));
    assert_eq!(hub.modules("d1"), ["$edgeAgent", "$edgeHub", "m1"]);
    hub.delete_device("d1");
    hub.settle();
    assert_eq!(hub.counts("d"), (0, 0));
}

#[test]
fn the_hubs_own_modules_do_not_count_among_those_of_a_device() {
    // REG-9, CFG-15
    let names: Vec<String> = (0..51).map(|number| format!("m{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut hub = hub();
    hub.put(deployment("d", 1, AT_A, &base(&names)));
    hub.settle();
    assert_eq!(hub.status("e1"), json!({"d": {"status": "Targeted"}}), "51");
    hub.put(deployment("e", 2, AT_A, &base(&names[..50])));
    hub.settle();
    assert_eq!(hub.modules("e1").len(), 52);
    let module = ModuleId::parse("m00").unwrap();
    let now = hub.now();
    hub.shard
        .delete_module(now, &id("e1"), &module, &IfMatch::Any)
        .unwrap();
    assert_eq!(Limits::default().modules_per_device, 50);
}
