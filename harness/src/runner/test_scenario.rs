//! Scenarios built by hand, for the runner's tests.

use std::time::Duration;

use crate::scenario::ast::{
    Arrival, Check, ClockKind, Cohort, Condition, Document, HubSpec, Invoke, InvokeExpectation,
    Network, Predicate, Rule, Scenario, Shell, Step, StepKind, Target, Transport,
};
use crate::scenario::span::{Span, Spanned};

pub(super) fn spanned(text: &str) -> Spanned<String> {
    Spanned {
        value: text.to_owned(),
        span: Span::default(),
    }
}

pub(super) fn cohort(name: &str, count: u32) -> Cohort {
    Cohort {
        name: spanned(name),
        count,
        id: format!("{name}-{{n}}"),
        behaviour: spanned("reboot"),
        with: Vec::new(),
        arrive: Arrival::Burst,
        network: Network::default(),
        transport: Transport::Auto,
        token_life: Duration::from_hours(1),
        autostart: true,
    }
}

pub(super) fn step(kind: StepKind) -> Step {
    Step {
        name: None,
        span: Span::default(),
        kind,
    }
}

pub(super) fn named(name: &str, kind: StepKind) -> Step {
    Step {
        name: Some(spanned(name)),
        ..step(kind)
    }
}

pub(super) fn invoke(on: Target, method: &str) -> Invoke {
    Invoke {
        on,
        method: spanned(method),
        payload: None,
        rate: None,
        in_flight: 256,
        response_timeout: Duration::from_secs(30),
        connect_timeout: Duration::ZERO,
        expect: InvokeExpectation::Success,
    }
}

pub(super) fn shell(command: &str) -> Shell {
    Shell {
        command: spanned(command),
        devices: None,
        env: Vec::new(),
        background: false,
        timeout: Duration::from_secs(10),
        exit: 0,
        stdout: Vec::new(),
    }
}

pub(super) fn status(value: &str) -> Condition {
    Condition::Path {
        document: Document::Reported,
        path: ["iothubDM", "reboot", "status"].map(str::to_owned).to_vec(),
        predicate: Predicate::Equals(value.into()),
    }
}

pub(super) fn booted(within: Duration) -> Check {
    Check {
        name: Some("all booted".to_owned()),
        span: Span::default(),
        on: Target::All,
        share: 1.0,
        after: None,
        rule: Rule::Eventually {
            condition: status("booted"),
            within: Some(within),
        },
    }
}

pub(super) fn scenario(fleet: Vec<Cohort>, steps: Vec<Step>, checks: Vec<Check>) -> Scenario {
    Scenario {
        sources: Vec::new(),
        name: "by hand".to_owned(),
        about: None,
        tags: Vec::new(),
        seed: 7,
        clock: ClockKind::Virtual,
        hub: HubSpec::default(),
        fleet,
        steps,
        checks,
    }
}
