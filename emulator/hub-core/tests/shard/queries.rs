//! Which rows a query finds in a shard, step by step.

use hub_core::SearchBounds;
use hub_core::query::Query;
use hub_core::registry::{Authentication, ModuleSpec, SymmetricKeys};
use hub_proto::ids::{ClientIdentity, ModuleId};

use crate::support::*;

const BOUNDLESS: SearchBounds = SearchBounds {
    found_max: usize::MAX,
    looked_at_max: usize::MAX,
};

/// Devices `a`, `b` and `d1`; `a` and `b` have modules `m` and `n`.
fn full_hub() -> Hub {
    let mut hub = hub();
    for device in ["b", "a"] {
        hub.create(device);
        for name in ["n", "m"] {
            let authentication = Authentication::Sas(SymmetricKeys {
                primary: key(3),
                secondary: key(4),
            });
            let spec = ModuleSpec {
                device: id(device),
                id: ModuleId::parse(name).unwrap(),
                authentication,
                managed_by: None,
            };
            hub.shard.create_module(T0, spec).unwrap();
        }
    }
    hub.drain();
    hub
}

/// All that a query finds, in steps of these bounds, and how many steps that took.
fn found(hub: &Hub, text: &str, bounds: SearchBounds) -> (Vec<String>, usize) {
    let query = Query::parse(text).unwrap();
    let (mut found, mut after, mut steps) = (Vec::new(), None::<ClientIdentity>, 0);
    loop {
        let step = hub
            .shard
            .search(&query, query.ids(), after.as_ref(), bounds);
        for client in &step.found {
            let document = hub.shard.twin(client).unwrap().json;
            assert_eq!(hub.shard.item(&query, client), Some(document));
        }
        found.extend(step.found.iter().map(ToString::to_string));
        steps += 1;
        match step.looked_until {
            Some(client) => after = Some(client),
            None => return (found, steps),
        }
    }
}

#[test]
fn a_search_finds_devices_or_modules_in_the_order_of_ids() {
    // Q-1 Q-3
    let hub = full_hub();
    let cases: [(&str, &[&str]); 11] = [
        ("devices", &["a", "b", "d1"]),
        ("devices WHERE deviceId != 'b'", &["a", "d1"]),
        (
            "devices WHERE deviceId IN ['d1', 'x', 'a', 'a']",
            &["a", "d1"],
        ),
        ("devices WHERE deviceId >= 'aa' AND deviceId < 'd'", &["b"]),
        (
            "devices WHERE STARTSWITH(deviceId, 'd') OR deviceId = 'a'",
            &["a", "d1"],
        ),
        ("devices WHERE deviceId = 'é ' OR deviceId > 'b c'", &["d1"]),
        ("devices WHERE deviceId IN []", &[]),
        ("devices.modules", &["a/m", "a/n", "b/m", "b/n"]),
        ("devices.modules WHERE deviceId = 'b'", &["b/m", "b/n"]),
        ("devices.modules WHERE moduleId = 'n'", &["a/n", "b/n"]),
        ("devices.jobs", &[]),
    ];
    for (from, expected) in cases {
        let text = format!("SELECT * FROM {from}");
        assert_eq!(
            found(&hub, &text, BOUNDLESS),
            (expected.iter().map(ToString::to_string).collect(), 1),
            "{text}"
        );
        for bounds in [(1, usize::MAX), (usize::MAX, 1), (2, 2)] {
            let bounds = SearchBounds {
                found_max: bounds.0,
                looked_at_max: bounds.1,
            };
            assert_eq!(found(&hub, &text, bounds).0, expected, "{text} {bounds:?}");
        }
    }
}

#[test]
fn a_search_looks_at_no_more_than_it_may_and_no_more_than_it_must() {
    //
    let hub = full_hub();
    let one_at_a_time = SearchBounds {
        found_max: 10,
        looked_at_max: 1,
    };
    // One step for each row looked at, and one that finds the end.
    let cases = [
        ("devices", 4),
        ("devices WHERE deviceId = 'b'", 2),
        ("devices WHERE STARTSWITH(deviceId, 'd') AND tags.x = 1", 2),
        (
            "devices WHERE deviceId IN ['d1', 'x', 'a'] AND status = 'disabled'",
            3,
        ),
        ("devices WHERE deviceId = 'a' AND deviceId = 'b'", 1),
        ("devices.modules WHERE deviceId = 'b'", 3),
        ("devices.modules WHERE moduleId = 'm'", 5),
    ];
    for (from, steps) in cases {
        let text = format!("SELECT * FROM {from}");
        assert_eq!(found(&hub, &text, one_at_a_time).1, steps, "{text}");
    }
}

#[test]
fn what_changed_or_went_after_it_was_found_is_left_out() {
    //
    let hub = full_hub();
    let query = Query::parse("SELECT * FROM devices WHERE deviceId != 'b'").unwrap();
    for device in ["b", "gone"] {
        assert_eq!(hub.shard.item(&query, &client(device)), None, "{device}");
    }
}

#[test]
fn groups_take_in_a_shard_step_by_step() {
    //
    let hub = full_hub();
    for (from, count) in [
        ("devices", 3),
        ("devices.modules", 4),
        ("devices WHERE id = 'a'", 1),
    ] {
        let query = Query::parse(&format!("SELECT COUNT() AS n FROM {from}")).unwrap();
        let mut groups = query.groups(None, 10);
        let mut after = None;
        loop {
            let step = hub
                .shard
                .add_to_groups(&query, query.ids(), after.as_ref(), 2, &mut groups);
            match step {
                Some(client) => after = Some(client),
                None => break,
            }
        }
        let items: Vec<String> = groups
            .items(&query)
            .into_iter()
            .map(|(_, item)| item)
            .collect();
        assert_eq!(items, [format!("{{\"n\":{count}}}")], "{from}");
    }
}
