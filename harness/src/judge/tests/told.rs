//! What a person reads: names of checks, counterexamples, the figures beside them.

use std::fmt::Write as _;

use serde_json::json;

use super::support::Happening::{Fact, Step};
use super::*;
use crate::judge::verdict::CheckResult;
use crate::judge::words;
use crate::scenario::span::Source;

fn context() -> ReplayContext {
    ReplayContext {
        sources: vec![Source {
            path: Arc::from("reboot.yaml"),
            text: Arc::from(""),
        }],
        command: Some("hubnerite run reboot.yaml --seed 7".to_owned()),
    }
}

/// A result as a plain page.
fn page(result: &CheckResult) -> String {
    let at = result.at.as_deref().unwrap_or("-");
    let (passed, devices) = (result.passed, result.devices);
    let mut page = format!("{at} {:?} {passed}/{devices}\n", result.outcome);
    let Some(counterexample) = &result.counterexample else {
        return page;
    };
    let mut line = |name: &str, words: &str| writeln!(page, "{name}: {words}").unwrap();
    line("device", &counterexample.device);
    line("expected", &counterexample.expected);
    line("found", &counterexample.found);
    line(
        "nearest",
        counterexample.nearest_miss.as_deref().unwrap_or("-"),
    );
    for entry in &counterexample.time_line {
        line(
            &format!("{:>6} ms #{}", entry.at_ms, entry.seq),
            &entry.what,
        );
    }
    for difference in &counterexample.difference {
        let found = difference.found.as_deref().unwrap_or("nothing");
        line(
            &difference.path,
            &format!("{} expected, {found} found", difference.expected),
        );
    }
    line("replay", counterexample.replay.as_deref().unwrap_or("-"));
    page
}

fn told(check: Check, ids: &[&str], happenings: &[Happening], end: u64) -> String {
    let mut judge = Judge::new(&[check], &pumps(ids));
    play(&mut judge, happenings);
    page(&judge.finish(ms(end), &context()).checks[0])
}

/// One check of every form.
fn checks_of_every_form() -> [Check; 12] {
    let reboot = Condition::MethodAnswered {
        name: Some("reboot".to_owned()),
        status: Some(200),
    };
    let some = |share, check: Check| Check { share, ..check };
    let on = |on, check: Check| Check { on, ..check };
    let up = || eventually(status("booted"), Some(30_000));
    let times = |at_least, at_most| {
        check(Rule::Times {
            condition: status("booting"),
            at_least,
            at_most,
        })
    };
    let all = Condition::All(vec![
        Condition::Connected(true),
        Condition::Any(vec![
            status("up"),
            path("tags.site", Predicate::Exists(true)),
        ]),
    ]);
    [
        after("invoke@12", check(up())),
        check(eventually(
            path("reported.fw.version", Predicate::Matches("1.*".into())),
            None,
        )),
        some(0.995, check(up())),
        on(
            Target::Device(spanned("pump-3")),
            after("go", check(Rule::Never(reboot.clone()))),
        ),
        on(
            Target::All,
            check(Rule::Never(Condition::Not(Box::new(all)))),
        ),
        check(Rule::InOrder {
            conditions: vec![reboot, Condition::Connected(false), status("booted")],
            within: Some(ms(90_500)),
        }),
        check(Rule::Stays {
            condition: Condition::Connected(true),
            lasts: ms(300_000),
        }),
        times(1, Some(1)),
        times(0, Some(2)),
        times(3, None),
        on(
            Target::Share {
                share: 0.1,
                of: spanned("pumps"),
            },
            check(Rule::AtOnce {
                condition: Condition::Connected(false),
                at_most: 200,
            }),
        ),
        check(Rule::Never(Condition::Message {
            body: Some(Predicate::Contains("error".into())),
        })),
    ]
}

#[test]
fn checks_read_as_sentences() {
    let sentences: Vec<String> = checks_of_every_form().iter().map(words::check).collect();
    insta::assert_snapshot!(sentences.join("\n"), @r#"
    each of pumps eventually has reported.status = "booted" within 30 s of invoke@12
    each of pumps eventually has reported.fw.version that matches "1.*"
    at least 99.5 % of pumps eventually have reported.status = "booted" within 30 s
    pump-3 never answers method reboot with 200 after go
    each device never not (is connected and (has reported.status = "up" or has some tags.site))
    each of pumps in this order answers method reboot with 200, then is not connected, then has reported.status = "booted" within 90.5 s
    each of pumps is connected and stays so for 5 min
    each of pumps has reported.status = "booting" exactly once
    each of pumps has reported.status = "booting" at most twice
    each of pumps has reported.status = "booting" at least 3 times
    at most 200 of 10 % drawn from pumps are not connected at once
    each of pumps never sends a message with body that contains "error"
    "#);
}

#[test]
fn durations_are_as_short_as_they_are_exact() {
    let cases = [
        (0, "0 ms"),
        (12, "12 ms"),
        (1_200, "1.2 s"),
        (119_999, "119.999 s"),
        (120_000, "2 min"),
        (5_400_000, "1 h 30 min"),
        (86_401_500, "24 h 1.5 s"),
    ];
    for (duration, expected) in cases {
        assert_eq!(words::duration(ms(duration)), expected);
    }
    assert_eq!(words::duration(Duration::from_micros(250)), "250 µs");
}

#[test]
fn a_device_that_came_too_late_is_shown_with_how_late() {
    let check = after(
        "invoke@12",
        check(eventually(status("booted"), Some(30_000))),
    );
    let call = What::MethodInvoked {
        call: 1,
        name: "reboot".to_owned(),
    };
    let facts = [
        Fact(5, "a", connected()),
        Fact(6, "b", connected()),
        Step(1_000, "invoke@12"),
        Fact(1_000, "a", call),
        Fact(1_003, "a", What::MethodDelivered { call: 1 }),
        Fact(
            1_012,
            "a",
            What::MethodAnswered {
                call: 1,
                status: 200,
            },
        ),
        Fact(1_013, "a", says("noise")),
        Fact(1_020, "a", reported(2, json!({"status": "booting"}))),
        Fact(1_030, "a", lost()),
        Fact(4_000, "b", reported(2, json!({"status": "booting"}))),
        Fact(31_500, "b", reported(3, json!({"status": "booted"}))),
        Fact(32_200, "a", reported(3, json!({"status": "booted"}))),
    ];
    insta::assert_snapshot!(told(check.clone(), &["a"], &facts, 40_000), @r#"
    reboot.yaml:14 Failed 0/1
    device: a
    expected: each of pumps eventually has reported.status = "booted" within 30 s of invoke@12
    found: it had not come by 31 s, when the time was over; reported.status was "booting"; it came after 31.2 s, 1.2 s too late
    nearest: a came after 31.2 s, 1.2 s too late
         5 ms #1: connected
      1000 ms #4: method reboot called
      1003 ms #5: method reboot handed over after 3 ms
      1012 ms #6: method reboot answered 200 after 12 ms
      1020 ms #8: reported {"status":"booting"} (version 2)
      1030 ms #9: connection lost
     32200 ms #12: reported {"status":"booted"} (version 3)
    reported.status: "booted" expected, "booting" found
    replay: hubnerite run reboot.yaml --seed 7
    "#);
    insta::assert_snapshot!(told(check.clone(), &["a", "b"], &facts, 40_000), @r#"
    reboot.yaml:14 Failed 0/2
    device: b
    expected: each of pumps eventually has reported.status = "booted" within 30 s of invoke@12
    found: it had not come by 31 s, when the time was over; reported.status was "booting"; it came after 30.5 s, 500 ms too late
    nearest: b came after 30.5 s, 500 ms too late
         6 ms #2: connected
      4000 ms #10: reported {"status":"booting"} (version 2)
     31500 ms #11: reported {"status":"booted"} (version 3)
    reported.status: "booted" expected, "booting" found
    replay: hubnerite run reboot.yaml --seed 7
    "#);
    insta::assert_snapshot!(told(check, &["a", "b", "c"], &facts, 40_000), @r#"
    reboot.yaml:14 Failed 0/3
    device: c
    expected: each of pumps eventually has reported.status = "booted" within 30 s of invoke@12
    found: it had not come by 31 s, when the time was over; reported.status was absent
    nearest: b came after 30.5 s, 500 ms too late
    reported.status: "booted" expected, nothing found
    replay: hubnerite run reboot.yaml --seed 7
    "#);
}

/// Rules that the facts of the next test break.
fn broken_rules() -> [Rule; 7] {
    let newer = path("reported.fw", Predicate::AtLeast(4.0));
    [
        Rule::Never(status("up")),
        Rule::InOrder {
            conditions: vec![Condition::Connected(true), status("up"), newer.clone()],
            within: Some(ms(35)),
        },
        Rule::Stays {
            condition: status("up"),
            lasts: ms(15),
        },
        Rule::Times {
            condition: status("up"),
            at_least: 0,
            at_most: Some(1),
        },
        Rule::Times {
            condition: status("up"),
            at_least: 3,
            at_most: None,
        },
        Rule::AtOnce {
            condition: Condition::Connected(true),
            at_most: 1,
        },
        eventually(Condition::All(vec![status("up"), newer]), None),
    ]
}

/// A day of two pumps.
fn two_pumps() -> [Happening; 6] {
    [
        Fact(1, "a", connected()),
        Fact(2, "b", connected()),
        Fact(10, "a", reported(2, json!({"status": "up", "fw": 3}))),
        Fact(20, "a", reported(3, json!({"status": null}))),
        Fact(30, "a", reported(4, json!({"status": "up"}))),
        Fact(40, "b", lost()),
    ]
}

#[test]
fn each_rule_tells_how_it_was_broken() {
    let pages = broken_rules().map(|rule| told(check(rule), &["a", "b"], &two_pumps(), 100));
    insta::assert_snapshot!(pages.join("\n"), @r#"
    reboot.yaml:14 Failed 1/2
    device: a
    expected: each of pumps never has reported.status = "up"
    found: it was so at 10 ms; reported.status was "up"
    nearest: -
         1 ms #1: connected
        10 ms #3: reported {"fw":3,"status":"up"} (version 2)
    replay: hubnerite run reboot.yaml --seed 7

    reboot.yaml:14 Failed 0/2
    device: b
    expected: each of pumps in this order is connected, then has reported.status = "up", then has reported.fw ≥ 4 within 35 ms
    found: step 2 of 3 (has reported.status = "up") had not come by 35 ms, when the time was over; step 1 had come at 2 ms; reported.status was absent
    nearest: a came as far as step 2 of 3 (has reported.status = "up"), at 10 ms
         2 ms #2: connected
    reported.status: "up" expected, nothing found
    replay: hubnerite run reboot.yaml --seed 7

    reboot.yaml:14 Failed 0/2
    device: b
    expected: each of pumps has reported.status = "up" and stays so for 15 ms
    found: it never became so by 100 ms, when the run ended; reported.status was absent
    nearest: a came closest: so for 10 ms of 15 ms
         2 ms #2: connected
        40 ms #6: connection lost
    reported.status: "up" expected, nothing found
    replay: hubnerite run reboot.yaml --seed 7

    reboot.yaml:14 Failed 1/2
    device: a
    expected: each of pumps has reported.status = "up" at most once
    found: it became so twice, the last time at 30 ms
    nearest: -
         1 ms #1: connected
        10 ms #3: reported {"fw":3,"status":"up"} (version 2)
        20 ms #4: reported {"status":null} (version 3)
        30 ms #5: reported {"status":"up"} (version 4)
    replay: hubnerite run reboot.yaml --seed 7

    reboot.yaml:14 Failed 0/2
    device: b
    expected: each of pumps has reported.status = "up" at least 3 times
    found: it never became so by 100 ms, when the run ended; reported.status was absent
    nearest: a came closest: so twice
         2 ms #2: connected
        40 ms #6: connection lost
    replay: hubnerite run reboot.yaml --seed 7

    reboot.yaml:14 Failed 0/2
    device: b
    expected: at most 1 of pumps are connected at once
    found: with it there were 2 at once at 2 ms; at the most there were 2, at 2 ms
    nearest: -
         2 ms #2: connected
    replay: hubnerite run reboot.yaml --seed 7

    reboot.yaml:14 Failed 0/2
    device: b
    expected: each of pumps eventually has reported.status = "up" and has reported.fw ≥ 4
    found: it had not come by 100 ms, when the run ended; reported.status was absent, reported.fw was absent
    nearest: -
         2 ms #2: connected
        40 ms #6: connection lost
    reported.status: "up" expected, nothing found
    reported.fw: at least 4 expected, nothing found
    replay: hubnerite run reboot.yaml --seed 7
    "#);
}

#[test]
fn the_story_of_a_chatty_device_is_bounded_and_keeps_the_end() {
    let chatter = |at| Fact(at, "a", reported(at + 1, json!({"n": at})));
    let facts: Vec<Happening> = (1..=500).map(chatter).collect();
    let check = check(eventually(status("up"), None));
    let judgement = judge(&[check], &["a"], &facts, 1_000);
    let counterexample = judgement.checks[0].counterexample.as_ref().unwrap();
    assert_eq!(counterexample.time_line.len(), 64);
    assert_eq!(counterexample.time_line.last().unwrap().at_ms, 500);
}

#[test]
fn figures_count_what_devices_did_and_how_long_it_took() {
    let invoked = |call| What::MethodInvoked {
        call,
        name: "reboot".to_owned(),
    };
    let failed = What::MethodFailed {
        call: 2,
        code: "GatewayTimeout".to_owned(),
    };
    let facts = [
        Fact(1, "a", connected()),
        Fact(10, "a", invoked(1)),
        Fact(
            22,
            "a",
            What::MethodAnswered {
                call: 1,
                status: 200,
            },
        ),
        Fact(30, "a", lost()),
        Fact(30, "a", invoked(2)),
        Fact(31, "a", failed),
        Fact(130, "a", connected()),
        Fact(131, "a", reports("up")),
        Fact(132, "a", says("x")),
    ];
    let judgement = judge(&[], &["a", "b"], &facts, 200);
    let pumps = &judgement.cohorts[0];
    assert_eq!((pumps.name.as_str(), pumps.devices), ("pumps", 2));
    assert_eq!((pumps.connects, pumps.disconnects), (2, 1));
    assert_eq!((pumps.methods_answered, pumps.methods_failed), (1, 1));
    assert_eq!((pumps.reports, pumps.messages), (1, 1));
    let phases: Vec<(&str, u64, f64)> = judgement
        .phases
        .iter()
        .map(|(name, l)| (name.as_str(), l.count, l.max_ms))
        .collect();
    assert_eq!(phases, [("method", 1, 12.0), ("offline", 1, 100.0)]);
    let last = judgement.wave.last().unwrap();
    assert_eq!(
        (last.at_ms, last.devices["online"], last.devices["up"]),
        (200, 1, 1)
    );
}
