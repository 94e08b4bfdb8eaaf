//! Any rule over any run: the judge and the reference agree.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::naive;
use super::*;
use crate::judge::verdict::Outcome;

const IDS: [&str; 3] = ["a", "b", "c"];
const END: u64 = 60;

fn conditions() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        select(vec!["up", "down"]).prop_map(status),
        Just(path("reported.x.y", Predicate::Exists(true))),
        Just(path("reported.x.y", Predicate::AtLeast(2.0))),
        Just(path("reported.$version", Predicate::AtLeast(3.0))),
        any::<bool>().prop_map(Condition::Connected),
        Just(Condition::Message { body: None }),
        Just(Condition::DisconnectedBy("lost".to_owned())),
        Just(Condition::MethodAnswered {
            name: Some("reboot".to_owned()),
            status: None
        }),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(Condition::All),
            vec(inner.clone(), 1..3).prop_map(Condition::Any),
            inner.prop_map(|not| Condition::Not(Box::new(not))),
        ]
    })
}

fn rules() -> impl Strategy<Value = Rule> {
    let within = || proptest::option::of((0..40_u64).prop_map(ms));
    prop_oneof![
        (conditions(), within())
            .prop_map(|(condition, within)| Rule::Eventually { condition, within }),
        conditions().prop_map(Rule::Never),
        (vec(conditions(), 1..4), within())
            .prop_map(|(conditions, within)| Rule::InOrder { conditions, within }),
        (conditions(), 0..30_u64).prop_map(|(condition, lasts)| Rule::Stays {
            condition,
            lasts: ms(lasts)
        }),
        (conditions(), 0..3_u32, proptest::option::of(0..3_u32)).prop_map(
            |(condition, at_least, at_most)| Rule::Times {
                condition,
                at_least,
                at_most
            }
        ),
        (conditions(), 0..3_u32)
            .prop_map(|(condition, at_most)| Rule::AtOnce { condition, at_most }),
    ]
}

fn facts() -> impl Strategy<Value = What> {
    let call = || 0..2_u64;
    let patches = vec![
        json!({"status": "up"}),
        json!({"status": "down", "x": {"y": 1}}),
        json!({"x": {"y": 2, "z": 1}}),
        json!({"x": {"y": null}}),
        json!({"x": 5}),
        json!({"x": null, "status": null}),
    ];
    prop_oneof![
        4 => (1..5_u64, select(patches)).prop_map(|(version, patch)| reported(version, patch)),
        2 => Just(connected()),
        2 => select(vec!["lost", "goodbye"])
            .prop_map(|reason| What::Disconnected { reason: reason.to_owned() }),
        1 => Just(says("x")),
        1 => (call(), select(vec!["reboot", "stop"]))
            .prop_map(|(call, name)| What::MethodInvoked { call, name: name.to_owned() }),
        1 => call().prop_map(|call| What::MethodAnswered { call, status: 200 }),
        1 => Just(What::Deleted),
        1 => Just(What::Created),
        1 => Just(What::Other),
    ]
}

/// Facts at rising times (often the same), and the step `go` somewhere among them.
fn runs() -> impl Strategy<Value = Vec<Happening>> {
    let fact = (0..6_u64, select(IDS.to_vec()), facts());
    (vec(fact, 0..25), any::<prop::sample::Index>()).prop_map(|(facts, go)| {
        let go = go.index(facts.len() + 1);
        let mut at = 0;
        let mut happenings = Vec::new();
        for (index, (later, device, what)) in facts.into_iter().enumerate() {
            if index == go {
                happenings.push(Happening::Step(at, "go"));
            }
            at = (at + later).min(END);
            happenings.push(Happening::Fact(at, device, what));
        }
        if go + 1 > happenings.len() {
            happenings.push(Happening::Step(at, "go"));
        }
        happenings
    })
}

/// A call answered twice has no name the second time: the log says so with another fact.
fn is_of_a_hub(happenings: &[Happening]) -> bool {
    let mut open = std::collections::BTreeSet::new();
    happenings.iter().all(|happening| match happening {
        Happening::Fact(_, device, What::MethodInvoked { call, .. }) => {
            open.insert((*device, *call))
        }
        Happening::Fact(_, device, What::MethodAnswered { call, .. }) => {
            open.remove(&(*device, *call))
        }
        Happening::Fact(..) | Happening::Step(..) => true,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_judge_agrees_with_the_reference(
        rule in rules(),
        is_anchored in any::<bool>(),
        mut happenings in runs(),
        pause in 0..END,
    ) {
        if !is_of_a_hub(&happenings) {
            happenings.retain(|happening| !matches!(
                happening,
                Happening::Fact(_, _, What::MethodInvoked { .. } | What::MethodAnswered { .. })
            ));
        }
        let check = if is_anchored { after("go", check(rule)) } else { check(rule) };
        let expected = naive::passes(&check, &IDS, &happenings, END);

        let mut judge = Judge::new(std::slice::from_ref(&check), &pumps(&IDS));
        for happening in &happenings {
            // Time may pass unevenly between facts; that must change nothing.
            let (Happening::Fact(at, ..) | Happening::Step(at, _)) = happening;
            if *at > pause {
                judge.advance(ms(pause));
            }
            play(&mut judge, std::slice::from_ref(happening));
        }
        let is_settled = judge.is_settled();
        let hopeful = judge.tally().checks[0].clone();
        let result = judge.finish(ms(END), &ReplayContext::default()).checks.remove(0);

        let passed = expected.iter().filter(|passed| **passed).count() as u64;
        prop_assert_eq!(result.passed, passed, "{:?}", happenings);
        let outcome = if passed == 3 { Outcome::Passed } else { Outcome::Failed };
        prop_assert_eq!(result.outcome, outcome);
        prop_assert_eq!(result.counterexample.is_some(), outcome == Outcome::Failed);
        // What was settled before the end has not changed by it.
        prop_assert!(!is_settled || hopeful.lost == (outcome == Outcome::Failed));
        if let Some(counterexample) = result.counterexample {
            let place = IDS.iter().position(|id| *id == counterexample.device).unwrap();
            prop_assert!(!expected[place], "the counterexample broke the rule");
        }
    }
}
