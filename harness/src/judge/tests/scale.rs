//! A whole fleet: what is decided is let go of.

use serde_json::json;

use super::*;
use crate::judge::verdict::Outcome;

/// Plays a reboot of `count` devices, ten facts each, and gives the judge before its end.
fn reboot_fleet(count: u32) -> Judge {
    let ids: Vec<Arc<str>> = (0..count).map(|n| Arc::from(format!("pump-{n}"))).collect();
    let members = Membership {
        cohorts: vec![("pumps".to_owned(), ids.clone())],
        ..Membership::default()
    };
    let reboot = Condition::MethodAnswered {
        name: Some("reboot".to_owned()),
        status: Some(200),
    };
    let order = Rule::InOrder {
        conditions: vec![reboot, Condition::Connected(false), status("booted")],
        within: Some(ms(60_000)),
    };
    let calm = Rule::Times {
        condition: status("booting"),
        at_least: 1,
        at_most: None,
    };
    let checks = [
        check(eventually(status("booted"), Some(60_000))),
        check(order),
        check(calm),
    ];
    let mut judge = Judge::new(&checks, &members);
    let facts = [
        connected(),
        What::MethodInvoked {
            call: 1,
            name: "reboot".to_owned(),
        },
        What::MethodDelivered { call: 1 },
        What::MethodAnswered {
            call: 1,
            status: 200,
        },
        reported(2, json!({"status": "booting"})),
        lost(),
        connected(),
        reported(3, json!({"fw": "2.0"})),
        reported(4, json!({"status": "booted"})),
        says("done"),
    ];
    let mut observed = Observed {
        seq: 0,
        at: Duration::ZERO,
        device: Arc::clone(&ids[0]),
        what: What::Other,
    };
    for what in facts {
        observed.what = what;
        for id in &ids {
            observed.seq += 1;
            observed.at += Duration::from_micros(20);
            observed.device = Arc::clone(id);
            judge.observe(&observed);
        }
    }
    judge
}

#[test]
fn a_fleet_that_has_passed_leaves_no_open_rule_and_no_story() {
    let judge = reboot_fleet(1_000);
    assert!(judge.is_settled());
    assert_eq!(judge.open_rules_and_kept_facts(), (0, 0));
    let judgement = judge.finish(ms(60_000), &ReplayContext::default());
    for result in judgement.checks {
        assert_eq!((result.outcome, result.passed), (Outcome::Passed, 1_000));
    }
    assert_eq!(judgement.phases["method"].count, 1_000);
    assert_eq!(judgement.phases["offline"].count, 1_000);
}
