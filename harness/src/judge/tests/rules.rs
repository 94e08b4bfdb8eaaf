//! Each rule by small tables: boundaries, anchors, states of a millisecond, devices that go, shares.

use std::sync::Arc;

use serde_json::json;

use super::support::Happening::{Fact, Step};
use super::*;
use crate::judge::verdict::Outcome;

/// Facts of one device by milliseconds.
type Facts<'a> = &'a [(u64, What)];

/// Judges one device, `a`, until 100 ms; facts by time.
fn passes(check: &Check, facts: &[(u64, What)]) -> bool {
    let facts: Vec<Happening> = facts
        .iter()
        .map(|(at, what)| Fact(*at, "a", what.clone()))
        .collect();
    result(check.clone(), &["a"], &facts, 100).outcome == Outcome::Passed
}

#[test]
fn eventually_is_met_at_the_deadline_and_not_after_it() {
    let within = check(eventually(status("up"), Some(30)));
    let whenever = check(eventually(status("up"), None));
    let cases: [(Facts<'_>, bool, bool); 6] = [
        (&[], false, false),
        (&[(0, reports("up"))], true, true),
        (&[(30, reports("up"))], true, true),
        (&[(31, reports("up"))], false, true),
        (&[(5, reports("up")), (6, reports("down"))], true, true),
        (&[(5, reports("down"))], false, false),
    ];
    for (facts, in_time, at_all) in cases {
        assert_eq!(passes(&within, facts), in_time, "within 30 ms: {facts:?}");
        assert_eq!(passes(&whenever, facts), at_all, "at any time: {facts:?}");
    }
}

#[test]
fn never_is_broken_by_a_state_of_a_millisecond_and_by_one_fact() {
    let down = check(Rule::Never(status("down")));
    let silent = check(Rule::Never(Condition::Message { body: None }));
    assert!(passes(&down, &[(1, reports("up"))]));
    assert!(!passes(&down, &[(1, reports("down")), (1, reports("up"))]));
    assert!(passes(&silent, &[(1, reports("up"))]));
    assert!(!passes(&silent, &[(1, says("x"))]));
}

#[test]
fn in_order_takes_each_condition_at_the_same_fact_or_a_later_one() {
    let order = |conditions: Vec<Condition>, within: Option<u64>| {
        check(Rule::InOrder {
            conditions,
            within: within.map(ms),
        })
    };
    let off_on = vec![status("off"), status("on")];
    let cases: [(Check, Facts<'_>, bool); 7] = [
        (
            order(off_on.clone(), None),
            &[(1, reports("off")), (2, reports("on"))],
            true,
        ),
        (
            order(off_on.clone(), None),
            &[(1, reports("on")), (2, reports("off"))],
            false,
        ),
        (
            order(off_on.clone(), Some(5)),
            &[(1, reports("off")), (5, reports("on"))],
            true,
        ),
        (
            order(off_on, Some(5)),
            &[(1, reports("off")), (6, reports("on"))],
            false,
        ),
        // A state may still hold when its turn comes.
        (
            order(vec![Condition::Connected(true), status("on")], None),
            &[(1, reports("on")), (2, connected())],
            true,
        ),
        // A fact does not.
        (
            order(
                vec![
                    Condition::Connected(true),
                    Condition::Message { body: None },
                ],
                None,
            ),
            &[(1, says("x")), (2, connected())],
            false,
        ),
        (
            order(
                vec![
                    Condition::DisconnectedBy("lost".into()),
                    Condition::Connected(false),
                ],
                None,
            ),
            &[(1, connected()), (2, lost())],
            true,
        ),
    ];
    for (check, facts, expected) in cases {
        assert_eq!(
            passes(&check, facts),
            expected,
            "{:?}: {facts:?}",
            check.rule
        );
    }
}

#[test]
fn stays_counts_from_the_first_time_and_to_the_instant() {
    let stays = check(Rule::Stays {
        condition: status("up"),
        lasts: ms(10),
    });
    let cases: [(Facts<'_>, bool); 7] = [
        (&[], false),
        (&[(1, reports("up"))], true),
        (&[(90, reports("up"))], true),
        (&[(91, reports("up"))], false),
        (&[(1, reports("up")), (10, reports("down"))], false),
        (&[(1, reports("up")), (11, reports("down"))], true),
        // The first time decides.
        (
            &[(1, reports("up")), (2, reports("down")), (3, reports("up"))],
            false,
        ),
    ];
    for (facts, expected) in cases {
        assert_eq!(passes(&stays, facts), expected, "{facts:?}");
    }
}

#[test]
fn times_counts_how_often_it_becomes_true() {
    let times = |condition, at_least, at_most| {
        check(Rule::Times {
            condition,
            at_least,
            at_most,
        })
    };
    let up_down_up = [(1, reports("up")), (2, reports("down")), (2, reports("up"))];
    let cases: [(Check, Facts<'_>, bool); 8] = [
        (times(status("up"), 1, None), &[], false),
        (times(status("up"), 0, Some(1)), &[], true),
        (times(status("up"), 2, Some(2)), &up_down_up, true),
        (times(status("up"), 0, Some(1)), &up_down_up, false),
        (times(status("up"), 3, None), &up_down_up, false),
        (
            times(status("up"), 0, Some(1)),
            &[(1, reports("up")), (2, reports("up"))],
            true,
        ),
        // Each message is one time.
        (
            times(Condition::Message { body: None }, 2, Some(2)),
            &[(1, says("x")), (1, says("x"))],
            true,
        ),
        // What it is at the start, it has not become.
        (
            times(Condition::Connected(false), 0, Some(0)),
            &[(1, connected())],
            true,
        ),
    ];
    for (check, facts, expected) in cases {
        assert_eq!(
            passes(&check, facts),
            expected,
            "{:?}: {facts:?}",
            check.rule
        );
    }
}

#[test]
fn at_once_counts_devices_at_the_same_instant() {
    let online = check(Rule::AtOnce {
        condition: Condition::Connected(true),
        at_most: 1,
    });
    let apart = [
        Fact(1, "a", connected()),
        Fact(2, "a", lost()),
        Fact(2, "b", connected()),
    ];
    let together = [
        Fact(1, "a", connected()),
        Fact(2, "b", connected()),
        Fact(2, "a", lost()),
    ];
    let apart = result(online.clone(), &["a", "b"], &apart, 100);
    assert_eq!((apart.outcome, apart.passed), (Outcome::Passed, 2));
    let together = result(online, &["a", "b"], &together, 100);
    assert_eq!((together.outcome, together.passed), (Outcome::Failed, 0));
}

#[test]
fn an_anchor_forgets_what_happened_and_keeps_what_is() {
    let order = Rule::InOrder {
        conditions: vec![status("off"), status("on")],
        within: None,
    };
    let once = Rule::Times {
        condition: status("on"),
        at_least: 1,
        at_most: Some(1),
    };
    let message = Condition::Message { body: None };
    let stays = Rule::Stays {
        condition: status("on"),
        lasts: ms(10),
    };
    let before = [
        Fact(1, "a", reports("off")),
        Fact(2, "a", says("x")),
        Fact(3, "a", reports("on")),
    ];
    let cases: [(Rule, Facts<'_>, bool); 9] = [
        (eventually(status("on"), Some(5)), &[], true),
        (eventually(status("off"), Some(5)), &[], false),
        (
            eventually(status("off"), Some(5)),
            &[(25, reports("off"))],
            true,
        ),
        (
            eventually(status("off"), Some(5)),
            &[(26, reports("off"))],
            false,
        ),
        (eventually(message, None), &[], false),
        (Rule::Never(status("off")), &[], true),
        (order, &[], false),
        (once, &[(21, reports("off")), (22, reports("on"))], true),
        (stays, &[(30, reports("off"))], true),
    ];
    for (rule, facts, expected) in cases {
        let mut happenings = before.to_vec();
        happenings.push(Step(20, "go"));
        happenings.extend(facts.iter().map(|(at, what)| Fact(*at, "a", what.clone())));
        // A second round of the step moves nothing.
        happenings.push(Step(90, "go"));
        let result = result(after("go", check(rule.clone())), &["a"], &happenings, 100);
        let expected = if expected {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        assert_eq!(result.outcome, expected, "{rule:?}: {facts:?}");
    }
}

#[test]
fn a_check_whose_step_never_started_is_skipped_and_one_of_nobody_is_an_error() {
    let orphan = after("go", check(Rule::Never(status("up"))));
    assert_eq!(result(orphan, &["a"], &[], 9).outcome, Outcome::Skipped);
    let nobody = check(Rule::Never(status("up")));
    assert_eq!(result(nobody, &[], &[], 9).outcome, Outcome::Error);
}

#[test]
fn a_removed_device_is_in_no_condition_and_comes_back_with_an_empty_twin() {
    let offline_never = check(Rule::Never(Condition::Connected(false)));
    let offline_never = after("go", offline_never);
    let gone = [
        Fact(1, "a", connected()),
        Step(2, "go"),
        Fact(3, "a", What::Deleted),
    ];
    assert_eq!(
        result(offline_never, &["a"], &gone, 9).outcome,
        Outcome::Passed
    );

    let stays = check(Rule::Stays {
        condition: status("up"),
        lasts: ms(10),
    });
    assert!(!passes(&stays, &[(1, reports("up")), (5, What::Deleted)]));
    assert!(passes(&stays, &[(1, reports("up")), (11, What::Deleted)]));

    let anew = check(Rule::InOrder {
        conditions: vec![
            status("up"),
            path("reported.status", Predicate::Exists(false)),
        ],
        within: None,
    });
    assert!(!passes(&anew, &[(1, reports("up")), (2, What::Deleted)]));
    assert!(passes(
        &anew,
        &[(1, reports("up")), (2, What::Deleted), (3, What::Created)]
    ));
}

#[test]
fn a_share_of_the_devices_is_enough_where_it_is_asked_for() {
    let ids = ["a", "b", "c", "d"];
    let facts: Vec<Happening> = ids[..3]
        .iter()
        .map(|id| Fact(1, id, reports("up")))
        .collect();
    for (share, expected) in [(0.75, Outcome::Passed), (0.76, Outcome::Failed)] {
        let check = Check {
            share,
            ..check(eventually(status("up"), None))
        };
        let result = result(check, &ids, &facts, 100);
        assert_eq!(
            (result.outcome, result.passed, result.devices),
            (expected, 3, 4)
        );
    }
}

#[test]
fn a_check_is_about_its_target_alone() {
    let members = Membership {
        cohorts: vec![
            ("pumps".to_owned(), vec![Arc::from("a"), Arc::from("b")]),
            ("valves".to_owned(), vec![Arc::from("v")]),
        ],
        drawn: [(2, vec![Arc::from("b")])].into(),
    };
    let targets = [
        (Target::Cohort(spanned("valves")), 1, 0),
        (Target::Device(spanned("b")), 1, 1),
        (
            Target::Share {
                share: 0.5,
                of: spanned("pumps"),
            },
            1,
            1,
        ),
        (Target::All, 3, 1),
    ];
    let rule = eventually(status("up"), None);
    let of = |on: &Target| Check {
        on: on.clone(),
        ..check(rule.clone())
    };
    let checks: Vec<Check> = targets.iter().map(|(on, ..)| of(on)).collect();
    let mut judge = Judge::new(&checks, &members);
    play(
        &mut judge,
        &[
            Fact(1, "b", reports("up")),
            Fact(1, "stranger", reports("up")),
        ],
    );
    let judged = judge.finish(ms(2), &ReplayContext::default()).checks;
    for (result, (on, devices, passed)) in judged.iter().zip(&targets) {
        assert_eq!(
            (result.devices, result.passed),
            (*devices, *passed),
            "{on:?}"
        );
    }
}

#[test]
fn facts_and_versions_are_told_apart() {
    let answered = |name: &str, status| Condition::MethodAnswered {
        name: Some(name.to_owned()),
        status,
    };
    let call = |call, name: &str| What::MethodInvoked {
        call,
        name: name.to_owned(),
    };
    let answer = |call, status| What::MethodAnswered { call, status };
    let failed = |code: &str| What::MethodFailed {
        call: 1,
        code: code.to_owned(),
    };
    let calls = [
        (1, call(1, "stop")),
        (1, call(2, "reboot")),
        (2, answer(2, 200)),
    ];
    let newer = path("reported.$version", Predicate::AtLeast(3.0));
    let cases: [(Condition, Facts<'_>, bool); 9] = [
        (answered("reboot", Some(200)), &calls, true),
        (answered("reboot", Some(500)), &calls, false),
        (answered("stop", None), &calls, false),
        (
            Condition::MethodFailed(None),
            &[(1, failed("GatewayTimeout"))],
            true,
        ),
        (
            Condition::MethodFailed(Some("X".into())),
            &[(1, failed("GatewayTimeout"))],
            false,
        ),
        (newer.clone(), &[(1, reported(2, json!({"a": 1})))], false),
        (newer, &[(1, reported(3, json!({"a": 1})))], true),
        (
            Condition::All(vec![status("up"), Condition::Message { body: None }]),
            &[(1, reports("up")), (2, reports("down")), (3, says("x"))],
            false,
        ),
        (
            Condition::Any(vec![
                status("up"),
                Condition::C2dSettled("completed".into()),
            ]),
            &[(
                1,
                What::C2dSettled {
                    sequence: 1,
                    outcome: "completed".into(),
                },
            )],
            true,
        ),
    ];
    for (condition, facts, expected) in cases {
        let check = check(eventually(condition.clone(), None));
        assert_eq!(passes(&check, facts), expected, "{condition:?}: {facts:?}");
    }
}

#[test]
fn the_runner_learns_when_there_is_nothing_left_to_wait_for() {
    let checks = [
        after("go", check(eventually(status("up"), Some(30)))),
        check(Rule::Never(status("broken"))),
        check(Rule::Stays {
            condition: Condition::Connected(true),
            lasts: ms(50),
        }),
    ];
    let mut judge = Judge::new(&checks, &pumps(&["a"]));
    let mut seen = Vec::new();
    let steps = [
        Fact(5, "a", connected()),
        Step(10, "go"),
        Fact(20, "a", says("x")),
        Fact(30, "a", reports("up")),
    ];
    seen.push((judge.is_settled(), judge.undecided_until()));
    for step in steps {
        play(&mut judge, &[step]);
        seen.push((judge.is_settled(), judge.undecided_until()));
    }
    judge.advance(ms(55));
    seen.push((judge.is_settled(), judge.undecided_until()));
    let expected = [
        (false, None),
        (false, Some(ms(55))),
        (false, Some(ms(55))),
        (false, Some(ms(55))),
        (false, Some(ms(55))),
        (true, None),
    ];
    assert_eq!(seen, expected);
    let tally = judge.tally();
    let counts: Vec<(u64, u64)> = tally.checks.iter().map(|c| (c.passed, c.pending)).collect();
    assert_eq!(counts, [(1, 0), (0, 1), (1, 0)]);
    assert_eq!(tally.states["up"], 1);
}

#[test]
fn waiting_until_told_decides_a_deadline_that_nothing_met() {
    let check = check(eventually(status("up"), Some(30)));
    let mut judge = Judge::new(&[check], &pumps(&["a"]));
    let until = judge.undecided_until().unwrap();
    assert_eq!(until, ms(31));
    judge.advance(ms(30));
    assert!(!judge.is_settled());
    judge.advance(until);
    assert!(judge.is_settled());
    assert!(judge.tally().checks[0].lost);
}
