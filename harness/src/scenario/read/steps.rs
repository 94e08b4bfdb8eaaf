//! Steps: one key each says what it does.

use std::time::Duration;

use super::condition::{condition_beside, error_code, transposed};
use super::shell::shell;
use super::target::{required, target};
use crate::scenario::ast::{FaultKind, Invoke, InvokeExpectation, Step, StepKind};
use crate::scenario::fields::{Fields, Mistakes};
use crate::scenario::keys::{self, FaultWord};
use crate::scenario::node::{Kind, Node, found, quote};
use crate::scenario::span::Spanned;

/// A list of steps.
pub(super) fn steps(node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Vec<Step>> {
    let Kind::List(items) = &node.kind else {
        let message = format!("{what} is a list of steps, but {} is given", found(node));
        mistakes.add(node.place, message);
        return None;
    };
    if items.is_empty() {
        mistakes.add(node.place, format!("{what} has no steps"));
    }
    let read: Vec<_> = items.iter().map(|item| step(item, mistakes)).collect();
    read.into_iter().collect()
}

/// One step.
pub(super) fn step(node: &Node, mistakes: &mut Mistakes) -> Option<Step> {
    if node.scalar() == Some("cut-all-links") {
        return Some(Step {
            name: None,
            span: node.place,
            kind: StepKind::CutAllLinks,
        });
    }
    let all = Fields::beside_others(node, &keys::STEP, mistakes)?;
    if let Some((kind, _)) = all
        .entries(|key| keys::STEPS_NOT_BUILT.contains(&key))
        .next()
    {
        let message = format!("steps of the kind {} are not built yet", quote(&kind.text));
        mistakes.add(kind.place, message);
        return None;
    }
    let fields = Fields::of(node, &keys::STEP, mistakes)?;
    let name = fields.get("name").map(|node| mistakes.text(node, "`name`"));
    let mut kinds = fields.entries(|key| key != "name" && keys::STEP.keys.contains(&key));
    let Some((key, value)) = kinds.next() else {
        if fields
            .entries(|key| !keys::STEP.keys.contains(&key))
            .next()
            .is_none()
        {
            let help = format!("the kinds are {}", keys::STEP.keys[1..].join(", "));
            mistakes.add_with_help(node.place, "it is not said what the step does", help);
        }
        return None;
    };
    if let Some((second, _)) = kinds.next() {
        let message = format!(
            "a step does one thing, but `{}` and `{}` are given",
            key.text, second.text
        );
        mistakes.add_with_help(second.place, message, "begin another step with `- `");
        return None;
    }
    let kind = kind(&key.text, value, mistakes);
    Some(Step {
        name: transposed(name)?,
        span: key.place,
        kind: kind?,
    })
}

fn kind(key: &str, node: &Node, mistakes: &mut Mistakes) -> Option<StepKind> {
    match key {
        "connect" => target(node, mistakes).map(StepKind::Connect),
        "disconnect" => target(node, mistakes).map(StepKind::Disconnect),
        "invoke" => invoke(node, mistakes).map(StepKind::Invoke),
        "patch" => patch(node, mistakes),
        "send" => send(node, mistakes),
        "job" => super::job::job(node, mistakes).map(StepKind::Job),
        "query" => query(node, mistakes),
        "identity" => identity(node, mistakes),
        "fault" => fault(node, mistakes),
        "outage" => outage(node, mistakes),
        "cut-all-links" => {
            if !node.is_null() {
                let message = format!(
                    "`cut-all-links` takes nothing, but {} is given",
                    found(node)
                );
                mistakes.add(node.place, message);
            }
            Some(StepKind::CutAllLinks)
        }
        "throttle" => mistakes
            .some_time(node, "`throttle`")
            .map(StepKind::Throttle),
        "wait" => mistakes.some_time(node, "`wait`").map(StepKind::Wait),
        "wait-until" => wait_until(node, mistakes),
        "parallel" => steps(node, "`parallel`", mistakes).map(StepKind::Parallel),
        "repeat" => repeat(node, mistakes),
        _ => shell(node, mistakes).map(StepKind::Shell),
    }
}

fn invoke(node: &Node, mistakes: &mut Mistakes) -> Option<Invoke> {
    let fields = Fields::of(node, &keys::INVOKE, mistakes)?;
    let on = required(&fields, "on", mistakes);
    let method = fields
        .require("method", mistakes)
        .and_then(|node| method_name(node, mistakes));
    let payload = fields.get("payload").map(|node| mistakes.json(node));
    let rate = fields.get("rate").map(|node| mistakes.rate(node, "`rate`"));
    let in_flight = fields.get("in-flight").map_or(Some(IN_FLIGHT), |node| {
        mistakes.whole(node, "`in-flight`", 1..=IN_FLIGHT_MAX)
    });
    let response_timeout = fields
        .get("timeout")
        .map_or(Some(RESPONSE_TIMEOUT), |node| {
            timeout(node, "`timeout`", 5, mistakes)
        });
    let connect_timeout = fields
        .get("connect-timeout")
        .map_or(Some(Duration::ZERO), |node| {
            timeout(node, "`connect-timeout`", 0, mistakes)
        });
    if let (Some(connect), Some(response), Some(node)) = (
        connect_timeout,
        response_timeout,
        fields.get("connect-timeout"),
    ) && connect > response
    {
        let message = format!(
            "`connect-timeout` is {connect:?}, which is longer than `timeout`, {response:?}"
        );
        mistakes.add(node.place, message);
    }
    let expect = fields
        .get("expect")
        .map_or(Some(InvokeExpectation::Success), |node| {
            expectation(node, mistakes)
        });
    Some(Invoke {
        on: on?,
        method: method?,
        payload: transposed(payload)?,
        rate: transposed(rate)?,
        in_flight: in_flight?,
        response_timeout: response_timeout?,
        connect_timeout: connect_timeout?,
        expect: expect?,
    })
}

pub(super) fn method_name(node: &Node, mistakes: &mut Mistakes) -> Option<Spanned<String>> {
    let name = mistakes.text(node, "`method`")?;
    if let Err(error) = hub_proto::ids::MethodName::parse(&name.value) {
        mistakes.add(node.place, format!("no method can have this name: {error}"));
    }
    Some(name)
}

/// The hub takes whole seconds, 300 at most.
fn timeout(node: &Node, what: &str, least_s: u64, mistakes: &mut Mistakes) -> Option<Duration> {
    let duration = mistakes.duration(node, what)?;
    let in_range = (least_s..=TIMEOUT_MAX_S).contains(&duration.as_secs());
    let whole = duration.subsec_nanos() == 0;
    if !(in_range && whole) {
        let message = format!(
            "{what} is {least_s} to {TIMEOUT_MAX_S} whole seconds, but {} is given",
            found(node)
        );
        mistakes.add(node.place, message);
        return None;
    }
    Some(duration)
}

fn expectation(node: &Node, mistakes: &mut Mistakes) -> Option<InvokeExpectation> {
    if node.entries().is_none() {
        return match node.scalar() {
            Some("success") => Some(InvokeExpectation::Success),
            Some("anything") => Some(InvokeExpectation::Anything),
            _ => {
                let message = format!("{} is nothing a call can end in", found(node));
                let help =
                    "write `success`, `anything`, `{status: 404}` or `{error: DeviceNotOnline}`";
                mistakes.add_with_help(node.place, message, help);
                None
            }
        };
    }
    let fields = Fields::of(node, &keys::EXPECT, mistakes)?;
    match (fields.get("status"), fields.get("error")) {
        (Some(status), None) => mistakes
            .whole(status, "`status`", i32::MIN..=i32::MAX)
            .map(InvokeExpectation::Status),
        (None, Some(error)) => {
            let value = error_code(error, mistakes)?;
            let span = error.place;
            Some(InvokeExpectation::Error(Spanned { value, span }))
        }
        _ => {
            mistakes.add(node.place, "`expect` has either `status` or `error`");
            None
        }
    }
}

fn patch(node: &Node, mistakes: &mut Mistakes) -> Option<StepKind> {
    let fields = Fields::of(node, &keys::PATCH, mistakes)?;
    let on = required(&fields, "on", mistakes);
    let part = |key, mistakes: &mut Mistakes| {
        let node = fields.get(key)?;
        if node.entries().is_none() {
            let message = format!("`{key}` is a mapping, but {} is given", found(node));
            mistakes.add(node.place, message);
            return Some(None);
        }
        Some(mistakes.json(node))
    };
    let (desired, tags) = (part("desired", mistakes), part("tags", mistakes));
    if desired.is_none() && tags.is_none() {
        let message = "the patch changes nothing";
        mistakes.add_with_help(node.place, message, "add `desired:` or `tags:`");
    }
    let if_match = fields
        .get("if-match")
        .map(|node| mistakes.text(node, "`if-match`"));
    let expect_status = expect_status(&fields, 200, mistakes);
    Some(StepKind::Patch {
        on: on?,
        desired: transposed(desired)?,
        tags: transposed(tags)?,
        if_match: transposed(if_match)?.map(|etag| etag.value),
        expect_status: expect_status?,
    })
}

fn expect_status(fields: &Fields<'_>, default: u16, mistakes: &mut Mistakes) -> Option<u16> {
    fields.get("expect-status").map_or(Some(default), |node| {
        mistakes.whole(node, "`expect-status`", 100..=599)
    })
}

fn send(node: &Node, mistakes: &mut Mistakes) -> Option<StepKind> {
    let fields = Fields::of(node, &keys::SEND, mistakes)?;
    let to = required(&fields, "to", mistakes);
    let body = fields
        .require("body", mistakes)
        .and_then(|node| body(node, mistakes));
    let properties = fields.get("properties").map_or(Some(Vec::new()), |node| {
        texts(node, "`properties`", mistakes)
    });
    let expires = fields
        .get("expires")
        .map(|node| mistakes.some_time(node, "`expires`"));
    let expect_status = expect_status(&fields, 204, mistakes);
    Some(StepKind::Send {
        to: to?,
        body: body?,
        properties: properties?,
        expires: transposed(expires)?,
        expect_status: expect_status?,
    })
}

/// Text as it is; a list or mapping as JSON.
fn body(node: &Node, mistakes: &mut Mistakes) -> Option<String> {
    match &node.kind {
        Kind::Scalar { text, .. } if !node.is_null() => Some(text.clone()),
        Kind::Scalar { .. } => Some(String::new()),
        Kind::List(_) | Kind::Map(_) => mistakes.json(node).map(|json| json.to_string()),
    }
}

/// Names with texts.
pub(super) fn texts(
    node: &Node,
    what: &str,
    mistakes: &mut Mistakes,
) -> Option<Vec<(String, String)>> {
    let Some(entries) = node.entries() else {
        let message = format!("{what} is a mapping, but {} is given", found(node));
        mistakes.add(node.place, message);
        return None;
    };
    entries
        .iter()
        .map(|(key, node)| {
            let value = match &node.kind {
                Kind::Scalar {
                    text,
                    is_plain: false,
                } => text.clone(),
                _ => mistakes.text(node, &format!("an entry of {what}"))?.value,
            };
            Some((key.text.clone(), value))
        })
        .collect()
}

fn query(node: &Node, mistakes: &mut Mistakes) -> Option<StepKind> {
    let fields = Fields::of(node, &keys::QUERY, mistakes)?;
    let text = fields
        .require("text", mistakes)
        .and_then(|node| mistakes.text(node, "`text`"));
    let expect_count = fields.get("expect-count").map(|node| {
        mistakes.whole(
            node,
            "`expect-count`",
            0..=u64::from(super::top::DEVICES_MAX),
        )
    });
    Some(StepKind::Query {
        text: text?,
        expect_count: transposed(expect_count)?,
    })
}

fn identity(node: &Node, mistakes: &mut Mistakes) -> Option<StepKind> {
    let fields = Fields::of(node, &keys::IDENTITY, mistakes)?;
    let on = required(&fields, "on", mistakes);
    let change = fields
        .require("change", mistakes)
        .and_then(|node| mistakes.word(node, "change of an identity", keys::IDENTITY_CHANGES));
    Some(StepKind::Identity {
        on: on?,
        change: change?,
    })
}

fn fault(node: &Node, mistakes: &mut Mistakes) -> Option<StepKind> {
    let fields = Fields::of(node, &keys::FAULT, mistakes)?;
    let on = required(&fields, "on", mistakes);
    let lasts = fields
        .require("for", mistakes)
        .and_then(|node| mistakes.some_time(node, "`for`"));
    let word = fields
        .require("kind", mistakes)
        .and_then(|node| mistakes.word(node, "fault", keys::FAULTS));
    let delay = fields
        .get("delay")
        .map(|node| mistakes.some_time(node, "`delay`"));
    let kind = match word? {
        FaultWord::Drop => FaultKind::Drop,
        FaultWord::Refuse => FaultKind::Refuse,
        FaultWord::HalfOpen => FaultKind::HalfOpen,
        FaultWord::Partition => FaultKind::Partition,
        FaultWord::LostAck => FaultKind::LostAck,
        FaultWord::Slow => {
            if delay.is_none() {
                let message = "it is not said how slow everything gets";
                mistakes.add_with_help(node.place, message, "add `delay: 500ms`");
            }
            FaultKind::Slow(delay.flatten()?)
        }
    };
    if !matches!(kind, FaultKind::Slow(_))
        && let Some(node) = fields.get("delay")
    {
        mistakes.add(node.place, "`delay` goes with `kind: slow` alone");
    }
    Some(StepKind::Fault {
        on: on?,
        kind,
        lasts: lasts?,
    })
}

fn outage(node: &Node, mistakes: &mut Mistakes) -> Option<StepKind> {
    let fields = Fields::of(node, &keys::OUTAGE, mistakes)?;
    let lasts = fields
        .require("for", mistakes)
        .and_then(|node| mistakes.some_time(node, "`for`"));
    let keeps_links = fields.get("links").map_or(Some(false), |node| {
        mistakes.word(node, "`links` of an outage", keys::OUTAGE_LINKS)
    });
    Some(StepKind::Outage {
        lasts: lasts?,
        keeps_links: keeps_links?,
    })
}

fn wait_until(node: &Node, mistakes: &mut Mistakes) -> Option<StepKind> {
    let fields = Fields::beside_others(node, &keys::WAIT_UNTIL, mistakes)?;
    let on = required(&fields, "on", mistakes);
    let condition = condition_beside(node, &keys::WAIT_UNTIL, mistakes);
    let at_most = fields
        .require("at-most", mistakes)
        .and_then(|node| mistakes.some_time(node, "`at-most`"));
    Some(StepKind::WaitUntil {
        on: on?,
        condition: condition?,
        at_most: at_most?,
    })
}

fn repeat(node: &Node, mistakes: &mut Mistakes) -> Option<StepKind> {
    let fields = Fields::of(node, &keys::REPEAT, mistakes)?;
    let times = fields
        .require("times", mistakes)
        .and_then(|node| mistakes.whole(node, "`times`", 1..=REPEAT_MAX));
    let steps = fields
        .require("steps", mistakes)
        .and_then(|node| steps(node, "`steps`", mistakes));
    Some(StepKind::Repeat {
        times: times?,
        steps: steps?,
    })
}

/// Default and limit of `in-flight`.
const IN_FLIGHT: u32 = 256;
const IN_FLIGHT_MAX: u32 = 65_536;
/// Default of `timeout`.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// What the hub takes at most.
const TIMEOUT_MAX_S: u64 = 300;
/// Rounds.
const REPEAT_MAX: u32 = 1_000_000;
