//! Indexes are invisible: two shards are told the same, one of them makes indexes, and both find the same.

use hub_core::limits::IndexLimits;
use hub_core::link::{LinkClose, LinkId, LinkUp};
use hub_core::query::Query;
use hub_core::registry::{DeviceSpec, IfMatch};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_core::{Limits, ReportedPatch, SearchBounds, Shard};
use proptest::prelude::*;

use crate::support::*;

const DEVICES: usize = 9;

/// What happens to one device.
#[derive(Clone, Debug)]
enum Change {
    Create,
    Delete,
    Connect,
    Disconnect,
    Report(&'static str),
    Update(&'static str),
    SetStatus(bool),
}

#[derive(Clone, Debug)]
enum Step {
    Change(usize, Change),
    /// Goes on with the index of a query, so many devices further.
    Extend(&'static str, usize),
    Search(&'static str, usize),
    Clear,
}

const CONDITIONS: [&str; 10] = [
    "connectionState = 'Connected'",
    "status = 'disabled'",
    "properties.reported.a = 1",
    "properties.reported.a IN ['x', null, 2.0] AND deviceId > 'd3'",
    "properties.reported.b.c = 'x' AND connectionState = 'Disconnected'",
    "1 = tags.a AND properties.desired.b.c = true",
    "properties.reported.b.c = undefined",
    "tags.a = 'x' AND deviceId IN ['d1', 'd2', 'd3', 'x']",
    "tags.a = 1 OR tags.a = 2",
    "properties.reported.a[0] = 1",
];

const MEMBERS: [&str; 9] = [
    r#"{"a":1}"#,
    r#"{"a":1.0}"#,
    r#"{"a":2}"#,
    r#"{"a":"x"}"#,
    r#"{"a":null}"#,
    r#"{"a":[1]}"#,
    r#"{"b":{"c":"x"}}"#,
    r#"{"b":{"c":true}}"#,
    r#"{"b":null}"#,
];

fn change() -> impl Strategy<Value = Change> {
    let members = || prop::sample::select(MEMBERS.to_vec());
    prop_oneof![
        3 => Just(Change::Create),
        1 => Just(Change::Delete),
        2 => Just(Change::Connect),
        1 => Just(Change::Disconnect),
        4 => members().prop_map(Change::Report),
        3 => members().prop_map(Change::Update),
        1 => any::<bool>().prop_map(Change::SetStatus),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let condition = || prop::sample::select(CONDITIONS.to_vec());
    prop_oneof![
        12 => (0..DEVICES, change()).prop_map(|(device, change)| Step::Change(device, change)),
        3 => (condition(), 1..6_usize).prop_map(|(text, count)| Step::Extend(text, count)),
        6 => (condition(), 1..4_usize).prop_map(|(text, count)| Step::Search(text, count)),
        1 => Just(Step::Clear),
    ]
}

/// Small bounds, so that every one of them is met.
fn limits() -> Limits {
    Limits {
        indexes: IndexLimits {
            count: 2,
            devices_per_value: 3,
            unseen_changes: 4,
            changes_before_rebuild: 5,
        },
        ..Limits::default()
    }
}

fn carry_out(shard: &mut Shard, device: usize, change: &Change) {
    let name = format!("d{device}");
    let (client, link) = (client(&name), LinkId(device as u64));
    match change {
        Change::Create => {
            let _ = shard.create_device(T0, spec(&name));
        }
        Change::Delete => {
            let _ = shard.delete_device(T0, &id(&name), &IfMatch::Any);
        }
        Change::Connect => {
            let link_up = LinkUp {
                client,
                ..link_up(link)
            };
            let _ = shard.link_up(T0, link_up);
        }
        Change::Disconnect => shard.link_down(T0, &client, link, LinkClose::Lost),
        Change::Report(body) => {
            let patch = ReportedPatch {
                rid: None,
                if_version: None,
                body: body.as_bytes(),
            };
            shard.patch_reported(T0, &client, link, patch);
        }
        Change::Update(members) => {
            let body = format!(r#"{{"tags":{members},"properties":{{"desired":{members}}}}}"#);
            let update = TwinUpdate::parse(body.as_bytes(), &Limits::default()).unwrap();
            let _ = shard.update_twin(T0, &client, update, UpdateMode::Merge, &IfMatch::Any);
        }
        Change::SetStatus(is_enabled) => {
            let spec: DeviceSpec = if *is_enabled {
                spec(&name)
            } else {
                disabled(&name)
            };
            let _ = shard.update_device(T0, spec, &IfMatch::Any);
        }
    }
    while shard.poll_output().is_some() {}
}

fn query(condition: &str) -> Query {
    Query::parse(&format!("SELECT * FROM devices WHERE {condition}")).unwrap()
}

/// All that a query finds, in steps of so many, and what it counts.
fn found(shard: &Shard, condition: &str, found_max: usize) -> (Vec<String>, Vec<String>) {
    let query = query(condition);
    let bounds = SearchBounds {
        found_max,
        looked_at_max: 4,
    };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let step = shard.search(&query, query.ids(), after.as_ref(), bounds);
        all.extend(step.found.iter().map(ToString::to_string));
        after = step.looked_until;
        if after.is_none() {
            break;
        }
    }
    let count = Query::parse(&format!(
        "SELECT COUNT() AS n FROM devices WHERE {condition}"
    ));
    let count = count.unwrap();
    let mut groups = count.groups(None, 10);
    let looked_until = shard.add_to_groups(&count, count.ids(), None, usize::MAX, &mut groups);
    assert_eq!(looked_until, None);
    let items = groups.items(&count).into_iter();
    (all, items.map(|(_, item)| item).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_query_finds_the_same_with_indexes_and_without(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        // Q-9
        let (mut plain, mut indexed) = (Shard::new(limits()), Shard::new(limits()));
        for step in steps {
            match step {
                Step::Change(device, change) => {
                    carry_out(&mut plain, device, &change);
                    carry_out(&mut indexed, device, &change);
                }
                Step::Extend(condition, count) => {
                    indexed.extend_index(&query(condition), count);
                }
                Step::Search(condition, found_max) => prop_assert_eq!(
                    found(&indexed, condition, found_max),
                    found(&plain, condition, found_max),
                    "{}",
                    condition
                ),
                Step::Clear => {
                    for shard in [&mut plain, &mut indexed] {
                        shard.clear(T0);
                        while shard.poll_output().is_some() {}
                    }
                }
            }
        }
    }
}

/// A shard of 5,000 devices, of which every thousandth has a reported `state` of its own.
fn large_shard() -> Shard {
    let mut shard = Shard::new(Limits::default());
    for device in 0..5000 {
        let name = format!("d{device:04}");
        shard.create_device(T0, spec(&name)).unwrap();
        let link_up = LinkUp {
            client: client(&name),
            ..link_up(LINK)
        };
        shard.link_up(T0, link_up).unwrap();
        report(
            &mut shard,
            &name,
            if device % 1000 == 7 { "failed" } else { "idle" },
        );
    }
    shard
}

fn report(shard: &mut Shard, name: &str, state: &str) {
    let body = format!(r#"{{"state":"{state}"}}"#);
    let patch = ReportedPatch {
        rid: None,
        if_version: None,
        body: body.as_bytes(),
    };
    shard.patch_reported(T0, &client(name), LINK, patch);
    while shard.poll_output().is_some() {}
}

/// How many devices a query finds, and in how many steps of 1,024 devices looked at.
fn steps(shard: &Shard, condition: &str) -> (usize, usize) {
    let query = query(condition);
    let bounds = SearchBounds {
        found_max: usize::MAX,
        looked_at_max: 1024,
    };
    let (mut count, mut steps, mut after) = (0, 0, None);
    loop {
        let step = shard.search(&query, query.ids(), after.as_ref(), bounds);
        count += step.found.len();
        steps += 1;
        after = step.looked_until;
        if after.is_none() {
            return (count, steps);
        }
    }
}

fn make_index(shard: &mut Shard, condition: &str) -> usize {
    let query = query(condition);
    let steps = (1..100).find(|_| shard.extend_index(&query, 1024));
    steps.unwrap()
}

#[test]
fn an_index_spares_the_look_at_devices_that_do_not_match() {
    // Q-9
    let mut shard = large_shard();
    let failed = "properties.reported.state = 'failed'";
    let idle = "properties.reported.state = 'idle'";
    let first = shard.search(
        &query(failed),
        query(failed).ids(),
        None,
        SearchBounds {
            found_max: 100,
            looked_at_max: 1024,
        },
    );
    assert!(first.is_sparse);
    assert_eq!(steps(&shard, failed), (5, 5));
    assert_eq!(make_index(&mut shard, failed), 6);
    assert_eq!(steps(&shard, failed), (5, 1));
    // What many have is found by a scan, and no index is made of it again and again.
    assert_eq!(make_index(&mut shard, idle), 1);
    assert_eq!(steps(&shard, idle), (4995, 5));
    // A change is seen at once.
    report(&mut shard, "d0007", "idle");
    report(&mut shard, "d0008", "failed");
    report(&mut shard, "d0009", "failed");
    assert_eq!(steps(&shard, failed), (6, 1));
    // A value of many that has become one of few.
    for device in 0..4990 {
        report(&mut shard, &format!("d{device:04}"), "failed");
    }
    assert_eq!(steps(&shard, idle), (10, 5));
    assert_eq!(make_index(&mut shard, idle), 7);
    assert_eq!(steps(&shard, idle), (10, 1));
}
