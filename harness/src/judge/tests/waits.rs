//! What steps wait for.

use super::support::*;

fn waits_for(condition: Condition) -> Check {
    check(eventually(condition, None))
}

fn fact(seq: u64, device: &str, what: What) -> Observed {
    Observed {
        seq,
        at: ms(seq),
        device: Arc::from(device),
        what,
    }
}

#[test]
fn a_wait_knows_how_things_stand_and_ends_with_the_last_device() {
    let devices = [Arc::from("p1"), Arc::from("p2")];
    let mut judge = Judge::new(&[], &pumps(&["p1", "p2"]));
    judge.prepare(&status("booted"));
    judge.observe(&fact(1, "p1", reports("booted")));
    let wait = judge.wait(&waits_for(status("booted")), &devices);
    assert_eq!(judge.missing(&wait), 1);
    judge.observe(&fact(2, "p2", reports("booted")));
    assert_eq!(judge.missing(&wait), 0);
    judge.forget(wait);
}

#[test]
fn a_wait_given_up_leaves_nothing_behind_and_no_verdict_speaks_of_any() {
    let devices = [Arc::from("p1"), Arc::from("nobody")];
    let ever = check(eventually(status("booted"), None));
    let mut judge = Judge::new(&[ever], &pumps(&["p1"]));
    judge.prepare(&Condition::Connected(true));
    for _ in 0..70_000 {
        let wait = judge.wait(&waits_for(Condition::Connected(true)), &devices);
        assert_eq!(judge.missing(&wait), 1);
        judge.forget(wait);
    }
    assert_eq!(judge.open_rules_and_kept_facts().0, 1);
    // One that speaks of a fact is over right after it: a wait sees it all the same.
    let answered = Condition::MethodAnswered {
        name: None,
        status: None,
    };
    let wait = judge.wait(&waits_for(answered), &devices);
    let invoked = What::MethodInvoked {
        call: 1,
        name: "reboot".to_owned(),
    };
    judge.observe(&fact(1, "p1", invoked));
    let answer = What::MethodAnswered {
        call: 1,
        status: 200,
    };
    judge.observe(&fact(2, "p1", answer));
    assert_eq!(judge.missing(&wait), 0);
    judge.observe(&fact(3, "p1", reports("booted")));
    assert!(judge.is_settled());
    let judgement = judge.finish(ms(4), &ReplayContext::default());
    assert_eq!(judgement.checks.len(), 1);
}
