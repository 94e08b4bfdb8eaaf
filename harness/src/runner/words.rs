//! Steps and targets in words, for results and messages.

use crate::scenario::ast::{FaultKind, IdentityChange, JobWork, Scenario, Step, StepKind, Target};
use crate::scenario::span::{Source, Span};

/// The name that checks anchor at: the step's own, or its kind and line.
pub(super) fn anchor(step: &Step) -> String {
    match &step.name {
        Some(name) => name.value.clone(),
        None => format!("{}@{}", kind(&step.kind), step.span.line),
    }
}

/// `invoke reboot on pumps`
pub(super) fn step(step: &Step) -> String {
    let words = match &step.kind {
        StepKind::Connect(on) => format!("connect {}", target(on)),
        StepKind::Disconnect(on) => format!("disconnect {}", target(on)),
        StepKind::Invoke(invoke) => {
            format!("invoke {} on {}", invoke.method.value, target(&invoke.on))
        }
        StepKind::Patch { on, .. } => format!("patch {}", target(on)),
        StepKind::Send { to, .. } => format!("send to {}", target(to)),
        StepKind::Job(job) => match &job.work {
            JobWork::Method { name, .. } => {
                format!("job: {} where {}", name.value, job.condition.value)
            }
            JobWork::Patch { .. } => format!("job: patch where {}", job.condition.value),
        },
        StepKind::Query { text, .. } => format!("query {}", text.value),
        StepKind::Identity { on, change } => {
            let change = match change {
                IdentityChange::Disable => "disable",
                IdentityChange::Enable => "enable",
                IdentityChange::Delete => "delete",
            };
            format!("{change} {}", target(on))
        }
        StepKind::Fault { on, kind, lasts } => {
            let kind = match kind {
                FaultKind::Drop => return named(step, format!("drop {}", target(on))),
                FaultKind::Refuse => "refuse",
                FaultKind::HalfOpen => "half-open",
                FaultKind::Slow(_) => "slow",
                FaultKind::Partition => "partition",
                FaultKind::LostAck => "lost-ack",
            };
            format!("{kind} {} for {lasts:?}", target(on))
        }
        StepKind::CutAllLinks => "restart the hub".to_owned(),
        StepKind::Outage { lasts, keeps_links } => {
            let links = if *keeps_links { ", links stay" } else { "" };
            format!("the hub is away for {lasts:?}{links}")
        }
        StepKind::Throttle(time) => format!("throttle everything for {time:?}"),
        StepKind::Wait(time) => format!("wait {time:?}"),
        StepKind::WaitUntil { on, .. } => format!("wait until {} …", target(on)),
        StepKind::Parallel(steps) => format!("{} steps at once", steps.len()),
        StepKind::Repeat { times, .. } => format!("repeat {times} times"),
        StepKind::Shell(shell) => format!("shell {}", first_line(&shell.command.value)),
        StepKind::NotBuilt(name) => name.value.clone(),
    };
    named(step, words)
}

/// `pumps`, `10 % of pumps`, `pump-3`, `all`
pub(super) fn target(target: &Target) -> String {
    match target {
        Target::Cohort(name) | Target::Device(name) => name.value.clone(),
        Target::Share { share, of } => format!("{} % of {}", share * 100.0, of.value),
        Target::All => "all".to_owned(),
    }
}

/// `file:line`, if from a file.
pub(super) fn place(sources: &[Source], span: Span) -> Option<String> {
    let source = sources.get(usize::from(span.source))?;
    Some(format!("{}:{}", source.path, span.line))
}

/// The scenario's file, if it came from one.
pub(super) fn file(scenario: &Scenario) -> Option<String> {
    Some(scenario.sources.first()?.path.to_string())
}

/// A command may be a script of many lines.
fn first_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default().to_owned();
    if lines.next().is_some() {
        first + " …"
    } else {
        first
    }
}

fn named(step: &Step, words: String) -> String {
    match &step.name {
        Some(name) => format!("{}: {words}", name.value),
        None => words,
    }
}

fn kind(kind: &StepKind) -> &'static str {
    match kind {
        StepKind::Connect(_) => "connect",
        StepKind::Disconnect(_) => "disconnect",
        StepKind::Invoke(_) => "invoke",
        StepKind::Patch { .. } => "patch",
        StepKind::Send { .. } => "send",
        StepKind::Job(_) => "job",
        StepKind::Query { .. } => "query",
        StepKind::Identity { .. } => "identity",
        StepKind::Fault { .. } => "fault",
        StepKind::CutAllLinks => "cut-all-links",
        StepKind::Outage { .. } => "outage",
        StepKind::Throttle(_) => "throttle",
        StepKind::Wait(_) => "wait",
        StepKind::WaitUntil { .. } => "wait-until",
        StepKind::Parallel(_) => "parallel",
        StepKind::Repeat { .. } => "repeat",
        StepKind::Shell(_) => "shell",
        StepKind::NotBuilt(_) => "not-built",
    }
}
