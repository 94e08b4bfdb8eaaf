//! The language as the machine runs it, and its bounds.

use super::*;

#[test]
fn the_language_does_what_it_says() {
    let cases: &[(&str, &[&str])] = &[
        // A hole alone keeps its type, in a text it becomes text.
        (
            "{patch: {n: \"${n}\", id: \"${id}/${n}\", p: \"${payload}\"}}",
            &[r#"patch {"n":1,"id":"pump-1/1","p":{"a":{"b":[7]}}}"#],
        ),
        (
            "{patch: {b: \"${payload.a.b.0}\", c: \"${payload.c}\"}}",
            &[r#"patch {"b":7,"c":null}"#],
        ),
        ("{patch: {a: \"$${now}\"}}", &[r#"patch {"a":"${now}"}"#]),
        (
            "{patch: {a: [null, true, 1.5, '1']}}",
            &[r#"patch {"a":[null,true,1.5,"1"]}"#],
        ),
        (
            "{patch: {a: \"${random: 6..6} ${random: -0.5..-0.5}\"}}",
            &[r#"patch {"a":"6 -0.5"}"#],
        ),
        (
            "[{set: {v: x}}, {patch: {v: \"${v}\"}}]",
            &[r#"patch {"v":"x"}"#],
        ),
        (
            "[{add: {v: 2}}, {add: {v: 0.5}}, {patch: {v: \"${v}\"}}]",
            &[r#"patch {"v":2.5}"#],
        ),
        (
            "{send: {body: {a: \"${n}\"}, properties: {k: \"v${n}\"}}}",
            &[r#"send {"a":1} [("k", "v1")]"#],
        ),
        ("{answer: {payload: x}}", &[r#"answer 200 "x""#]),
        (
            "[disconnect, vanish, connect]",
            &["disconnect", "vanish", "connect"],
        ),
        (
            "{if: \"${payload.a.b.0}\", equals: 7, then: connect, else: vanish}",
            &["connect"],
        ),
        (
            "{if: \"${id}\", matches: \"p*-?\", then: connect}",
            &["connect"],
        ),
        (
            "{if: \"${id}\", matches: \"*-2\", then: connect, else: vanish}",
            &["vanish"],
        ),
        (
            "{if: \"${payload.c}\", exists: false, then: connect}",
            &["connect"],
        ),
        (
            "[{chance: [{weight: 0, do: vanish}, {weight: rest, do: connect}]}, disconnect]",
            &["connect", "disconnect"],
        ),
        ("{goto: other}", &["patch {\"in\":\"other\"}"]),
    ];
    for (actions, expected) in cases {
        let mut device = parsed(&format!(
            "variables: {{v: 0}}\nstates:\n  only:\n    - on-method: m\n      do: {actions}\n  other:\n    - on-enter: {{patch: {{in: other}}}}\n"
        ));
        let told = tell(&mut device, at(0), call("m", r#"{"a":{"b":[7]}}"#));
        assert_eq!(told, *expected, "{actions}");
    }
}

#[test]
fn the_states_own_trigger_comes_before_that_of_always_and_a_name_before_any() {
    let mut device = parsed(
        "always:\n  - {on-method: a, do: {answer: {payload: 3}}}\n  - {on-method: any, do: {answer: {payload: 4}}}\n\
         states:\n  one:\n    - {on-method: b, do: {answer: {payload: 1}}}\n    - {on-method: go, do: {goto: two}}\n\
         \x20 two:\n    - {on-method: any, do: {answer: {payload: 2}}}\n",
    );
    for (method, answer) in [("b", "1"), ("a", "3"), ("c", "4")] {
        let told = tell(&mut device, at(0), call(method, "null"));
        assert_eq!(told, [format!("answer 200 {answer}")]);
    }
    tell(&mut device, at(0), call("go", "null"));
    for method in ["a", "b", "c"] {
        assert_eq!(
            tell(&mut device, at(0), call(method, "null")),
            ["answer 200 2"]
        );
    }
}

#[test]
fn leaving_a_state_ends_what_waits_in_it_but_late_answers_come() {
    let mut device = parsed(
        "states:\n  a:\n    - {on-method: slow, do: [{answer: {payload: late, after: 9s}}, {wait: 5s}, connect]}\n\
         \x20   - {every: 2s, do: vanish}\n    - {on-method: go, do: {goto: b}}\n  b: []\n",
    );
    tell(&mut device, at(0), call("slow", "null"));
    tell(&mut device, at(0), call("go", "null"));
    assert_eq!(device.poll_deadline(), Some(at(9000).mono));
    assert_eq!(
        tell(&mut device, at(9000), Input::Deadline),
        [r#"answer 200 "late""#]
    );
}

#[test]
fn two_calls_are_worked_on_at_the_same_time() {
    let mut device = built_in("tutorial-python", &[]);
    for (ms, rid) in [(0, "1"), (1000, "2")] {
        let (name, payload) = ("rebootDevice", &b"null"[..]);
        device.handle(at(ms), &Input::Method { name, rid, payload });
    }
    let mut answered = Vec::new();
    for ms in [20_000, 21_000] {
        device.handle(at(ms), &Input::Deadline);
        while let Some(action) = device.poll_action() {
            if let Action::Respond { rid, .. } = action {
                answered.push((ms, rid));
            }
        }
    }
    assert_eq!(
        answered,
        [(20_000, "1".to_owned()), (21_000, "2".to_owned())]
    );
}

#[test]
fn the_twin_read_later_tells_what_was_missed_and_only_that() {
    let text = "states:\n  a:\n    - on-desired: led.on\n      do: {patch: {led: \"${desired.led.on}\"}}\n";
    let mut device = parsed(text);
    let twin = |device: &mut Machine, document: &str| tell(device, at(0), Input::Twin { document });
    let empty: [&str; 0] = [];
    assert_eq!(twin(&mut device, r#"{"desired":{"$version":1}}"#), empty);
    let on = r#"{"desired":{"led":{"on":true},"$version":2}}"#;
    assert_eq!(twin(&mut device, on), [r#"patch {"led":true}"#]);
    assert_eq!(twin(&mut device, on), empty, "nothing new");
    let other = Input::Desired {
        patch: r#"{"fan":1,"$version":3}"#,
    };
    assert_eq!(tell(&mut device, at(0), other), empty);
    let off = Input::Desired {
        patch: r#"{"led":{"on":false},"$version":4}"#,
    };
    assert_eq!(tell(&mut device, at(0), off), [r#"patch {"led":false}"#]);
}

#[test]
fn what_would_go_on_for_ever_at_once_is_stopped_and_said() {
    let mut device = parsed(
        "variables: {v: 0}\nstates:\n  a:\n    - on-enter: {if: \"${v}\", equals: 0, then: {goto: b}}\n  b:\n    - on-enter: {goto: a}\n",
    );
    let told = tell(&mut device, at(0), Input::Online);
    assert!(
        matches!(&told[..], [only] if only.starts_with("stop: more than 1000 actions")),
        "{told:?}"
    );
    assert!(tell(&mut device, at(1), call("m", "null")).is_empty());
    assert_eq!(device.poll_deadline(), None);

    // Waiting for nothing at all still takes time.
    let mut device = parsed("states:\n  a:\n    - on-enter: [{wait: 0s}, {goto: a}]\n");
    device.handle(at(0), &Input::Online);
    assert_eq!(device.poll_deadline(), Some(at(1).mono));
}

#[test]
fn what_waits_is_bounded() {
    let mut device = parsed("states:\n  a:\n    - {on-method: m, do: {wait: 1d}}\n");
    let told: Vec<_> = (0..20)
        .flat_map(|_| tell(&mut device, at(0), call("m", "null")))
        .collect();
    assert_eq!(told.len(), 4, "{told:?}");
    let mut device = parsed(
        "variables: {v: xxxxxxxx}\nstates:\n  a:\n    - {on-method: m, do: {set: {v: \"${v}${v}\"}}}\n",
    );
    let told: Vec<_> = (0..30)
        .flat_map(|_| tell(&mut device, at(0), call("m", "null")))
        .collect();
    assert!(told.iter().all(|line| line.contains("too long")) && !told.is_empty());
}

fn any_input(choice: u8) -> Input<'static> {
    match choice % 9 {
        0 => Input::Online,
        1 => Input::Offline,
        2 => call("reboot", r#""text""#),
        3 => call("firmwareUpdate", r#"{"fwPackageUri":"https://x"}"#),
        4 => Input::Twin {
            document: r#"{"desired":{"firmware":{"fwVersion":"2"},"$version":2}}"#,
        },
        5 => Input::Desired {
            patch: r#"{"firmware":{"fwVersion":"3","fwPackageURI":"https://x"}}"#,
        },
        6 => Input::Message { body: b"\xff" },
        7 => Input::ReportSettled,
        _ => Input::Deadline,
    }
}

proptest::proptest! {
    #[test]
    fn whatever_happens_no_machine_panics_and_the_same_seed_does_the_same(
        happenings in proptest::collection::vec((0_u8..9, 0_u64..30_000), 0..60),
        which in 0_usize..10,
    ) {
        let name = Program::built_in_names()[which];
        let run = || {
            let mut device = built_in(name, &[]);
            let mut now = 0;
            let mut story = Vec::new();
            for (choice, later) in &happenings {
                now += later;
                story.extend(tell(&mut device, at(now), any_input(*choice)));
            }
            story
        };
        proptest::prop_assert_eq!(run(), run());
    }
}
