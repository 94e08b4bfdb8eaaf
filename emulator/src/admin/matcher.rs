//! Which facts of the event log are meant: by type, device, method, properties, and what stands at a
//! path of the documented line. A misspelt key or type is refused, since it would match nothing.

use std::collections::HashMap;

use hub_core::event::{Event, EventKind};
use hub_core::method::CallId;
use hub_proto::ids::ClientIdentity;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::answer::Problem;
use super::event_json::{self, TYPES};
use super::json_path::JsonPath;
use crate::event_log::EventLog;

/// What an event must be like; empty, every event is.
#[derive(Clone, Debug, Default)]
pub(super) struct Matcher {
    pub(super) types: Vec<String>,
    pub(super) device: Option<String>,
    pub(super) device_pattern: Option<String>,
    pub(super) module: Option<String>,
    pub(super) method: Option<String>,
    /// Application properties, with their values.
    pub(super) properties: Vec<(String, String)>,
    pub(super) clauses: Vec<Clause>,
}

/// What must stand at a path of an event's line.
#[derive(Clone, Debug)]
pub(super) struct Clause {
    pub(super) path: JsonPath,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Equals(Value),
    Matches(Regex),
    Exists(bool),
}

/// The keys of a matcher.
pub(super) const KEYS: [&str; 7] = [
    "type",
    "device",
    "devicePattern",
    "module",
    "method",
    "properties",
    "where",
];

impl Matcher {
    /// Reads the keys of [`KEYS`]; others are for the caller.
    pub(super) fn read(map: &Map<String, Value>) -> Result<Self, Problem> {
        let mut matcher = Self {
            device: text(map, "device")?,
            device_pattern: text(map, "devicePattern")?,
            module: text(map, "module")?,
            method: text(map, "method")?,
            ..Self::default()
        };
        match map.get("type") {
            None => {}
            Some(Value::String(one)) => matcher.types = vec![known_type(one)?],
            Some(Value::Array(some)) => {
                for one in some {
                    let one = one
                        .as_str()
                        .ok_or_else(|| wrong("type", "a text or texts"))?;
                    matcher.types.push(known_type(one)?);
                }
            }
            Some(_) => return Err(wrong("type", "a text or texts")),
        }
        match map.get("properties") {
            None => {}
            Some(Value::Object(pairs)) => {
                for (key, value) in pairs {
                    let value = value
                        .as_str()
                        .ok_or_else(|| wrong("properties", "an object of texts"))?;
                    matcher.properties.push((key.clone(), value.to_owned()));
                }
            }
            Some(_) => return Err(wrong("properties", "an object of texts")),
        }
        match map.get("where") {
            None => {}
            Some(Value::Array(clauses)) => {
                matcher.clauses = clauses.iter().map(Clause::read).collect::<Result<_, _>>()?;
            }
            Some(one) => matcher.clauses = vec![Clause::read(one)?],
        }
        if matcher.clauses.len() + matcher.properties.len() > TESTS_MAX {
            let detail = format!("a matcher has at most {TESTS_MAX} properties and places");
            return Err(Problem::bad_request(detail));
        }
        Ok(matcher)
    }

    /// Whether an event is meant; `method` is the name of the method that it is about.
    pub(super) fn matches(&self, seq: u64, event: &Event, method: Option<&str>) -> bool {
        if !self.head_differences(event, method).is_empty() {
            return false;
        }
        self.inside_differences(seq, event).is_empty()
    }

    fn looks_inside(&self) -> bool {
        !self.clauses.is_empty() || !self.properties.is_empty()
    }

    /// How an event differs in what needs no look inside, in words, with weights: an event of another type
    /// is farther off than one of another device.
    pub(super) fn head_differences(
        &self,
        event: &Event,
        method: Option<&str>,
    ) -> Vec<(u32, String)> {
        let mut found = Vec::new();
        let kind = event_json::type_name(&event.kind);
        if !self.types.is_empty() && !self.types.iter().any(|one| one == kind) {
            let words = format!("type is {kind}, not {}", self.types.join(" or "));
            found.push((4, words));
        }
        let device = event.client.device_id().as_str();
        if let Some(wanted) = self.device.as_deref().filter(|wanted| *wanted != device) {
            found.push((2, format!("device is {device:?}, not {wanted:?}")));
        }
        if let Some(pattern) = &self.device_pattern
            && !is_like(pattern, device)
        {
            found.push((
                2,
                format!("device is {device:?}, which is not like {pattern:?}"),
            ));
        }
        let module = event
            .client
            .module_id()
            .map(hub_proto::ids::ModuleId::as_str);
        if let Some(wanted) = &self.module
            && module != Some(wanted)
        {
            found.push((2, differs("module", module, wanted)));
        }
        if let Some(wanted) = &self.method
            && method != Some(wanted)
        {
            found.push((2, differs("method", method, wanted)));
        }
        found
    }

    /// How it differs inside.
    pub(super) fn inside_differences(&self, seq: u64, event: &Event) -> Vec<String> {
        if !self.looks_inside() {
            return Vec::new();
        }
        let line = event_json::value(seq, event);
        let mut found = Vec::new();
        for (key, wanted) in &self.properties {
            let value = line["properties"].get(key).and_then(Value::as_str);
            if value != Some(wanted) {
                found.push(differs(&format!("property {key:?}"), value, wanted));
            }
        }
        let clauses = self.clauses.iter();
        found.extend(clauses.filter_map(|clause| clause.difference(&line)));
        found
    }
}

impl Clause {
    fn read(value: &Value) -> Result<Self, Problem> {
        let map = match value {
            Value::String(text) => return Self::parse(text),
            Value::Object(map) => map,
            _ => return Err(wrong("where", "a text, an object, or an array of these")),
        };
        check_keys(map, &["path", "equals", "matches", "exists"])?;
        let place = map.get("path").and_then(Value::as_str);
        let place = place.ok_or_else(|| wrong("where", "an object with a path"))?;
        let path = JsonPath::parse(place).map_err(Problem::bad_request)?;
        let one_test = "an object with a path and one of equals, matches, exists";
        if map.len() != 2 {
            return Err(wrong("where", one_test));
        }
        let test = match (map.get("equals"), map.get("matches"), map.get("exists")) {
            (Some(value), _, _) => Test::Equals(value.clone()),
            (_, Some(Value::String(pattern)), _) => Test::Matches(regex(pattern)?),
            (_, _, Some(Value::Bool(is_there))) => Test::Exists(*is_there),
            _ => return Err(wrong("where", one_test)),
        };
        Ok(Self { path, test })
    }

    /// `PATH=VALUE` (JSON, or else a text), `PATH~PATTERN`, `PATH` (is there), `!PATH` (is not).
    pub(super) fn parse(given: &str) -> Result<Self, Problem> {
        let (path, test) = match given.find(['=', '~']) {
            Some(at) if given[at..].starts_with('=') => {
                let value = &given[at + 1..];
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
                (&given[..at], Test::Equals(value))
            }
            Some(at) => (&given[..at], Test::Matches(regex(&given[at + 1..])?)),
            None => match given.strip_prefix('!') {
                Some(path) => (path, Test::Exists(false)),
                None => (given, Test::Exists(true)),
            },
        };
        let path = JsonPath::parse(path).map_err(Problem::bad_request)?;
        Ok(Self { path, test })
    }

    fn difference(&self, line: &Value) -> Option<String> {
        let (path, found) = (self.path.as_str(), self.path.find(line));
        let is = match found {
            Some(value) => format!("{path} is {}", short(&value.to_string())),
            None => format!("there is no {path}"),
        };
        match (&self.test, found) {
            (Test::Exists(wanted), found) if found.is_some() == *wanted => None,
            (Test::Exists(true), _) => Some(is),
            (Test::Exists(false), _) => Some(format!("{is}, and should not be there")),
            (Test::Equals(wanted), Some(value)) if is_equal(value, wanted) => None,
            (Test::Equals(wanted), _) => Some(format!("{is}, not {}", short(&wanted.to_string()))),
            (Test::Matches(pattern), Some(Value::String(text))) if pattern.is_match(text) => None,
            (Test::Matches(pattern), Some(value))
                if !value.is_string() && pattern.is_match(&value.to_string()) =>
            {
                None
            }
            (Test::Matches(pattern), _) => {
                Some(format!("{is}, which does not match {}", pattern.as_str()))
            }
        }
    }
}

/// The names of methods whose calls are open, by which the later events of a call are told apart.
#[derive(Debug, Default)]
pub(super) struct Calls(HashMap<(ClientIdentity, CallId), String>);

impl Calls {
    /// Those that were open at the event `until`.
    pub(super) fn at(log: &EventLog, until: u64) -> Self {
        let (mut calls, mut after) = (Self::default(), 0);
        while after < until {
            let page = log.read(after, 256);
            let Some((last, _)) = page.events.last() else {
                break;
            };
            after = *last;
            for (_, event) in page.events.iter().filter(|(seq, _)| *seq <= until) {
                calls.method(event);
            }
        }
        calls
    }

    /// The name of the method that an event is about. To be shown every event, in order.
    pub(super) fn method(&mut self, event: &Event) -> Option<String> {
        let key = |call: &CallId| (event.client.clone(), *call);
        match &event.kind {
            EventKind::MethodInvoked { call, name, .. } => {
                let name = name.as_str().to_owned();
                self.0.insert(key(call), name.clone());
                Some(name)
            }
            EventKind::MethodDelivered { call } => self.0.get(&key(call)).cloned(),
            EventKind::MethodAnswered { call, .. } | EventKind::MethodFailed { call, .. } => {
                self.0.remove(&key(call))
            }
            _ => None,
        }
    }
}

/// Refuses keys that are not known.
pub(super) fn check_keys(map: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(
            Problem::bad_request(format!("there is no key {key:?} here"))
                .with_remedy(format!("the keys are {}", known.join(", "))),
        ),
        None => Ok(()),
    }
}

pub(super) fn known_type(name: &str) -> Result<String, Problem> {
    if TYPES.contains(&name) {
        return Ok(name.to_owned());
    }
    let detail = format!("there is no type of event {name:?}");
    Err(Problem::bad_request(detail).with_remedy(format!("the types are {}", TYPES.join(", "))))
}

fn text(map: &Map<String, Value>, key: &str) -> Result<Option<String>, Problem> {
    match map.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(key, "a text")),
    }
}

pub(super) fn wrong(key: &str, expected: &str) -> Problem {
    Problem::bad_request(format!("{key} must be {expected}"))
        .with_remedy("see docs/ADMIN.md, Verify and wait")
}

fn regex(pattern: &str) -> Result<Regex, Problem> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| {
            Problem::bad_request(format!("{pattern:?} is no regular expression: {error}"))
        })
}

/// `*` stands for any text, `?` for one character.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(sign) if *sign == '?' || *sign == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|sign| *sign == '*')
}

/// Numbers by value: 21.5 is 21.50.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a)| b.get(key).is_some_and(|b| is_equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => one == other,
    }
}

fn differs(what: &str, found: Option<&str>, wanted: &str) -> String {
    match found {
        Some(found) => format!("{what} is {found:?}, not {wanted:?}"),
        None => format!("there is no {what}, and it should be {wanted:?}"),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

const SHOWN_CHARS: usize = 120;
const TESTS_MAX: usize = 64;
const REGEX_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_of_stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("pump-*", "pump-1", true),
            ("*-1", "pump-1", true),
            ("p?mp*", "pump-", true),
            ("pump", "pump-1", false),
            ("?", "", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxbx", false),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_place_is_written_as_an_equation() {
        let line = serde_json::json!({ "payload": { "t": 21.5, "fw": "1.2" } });
        for (text, expected) in [
            ("payload.t=21.50", None),
            ("payload.t=22", Some("payload.t is 21.5, not 22")),
            ("payload.fw~^1\\.", None),
            (
                "payload.fw~^2",
                Some("payload.fw is \"1.2\", which does not match ^2"),
            ),
            ("payload.fw", None),
            ("payload.x", Some("there is no payload.x")),
            ("!payload.x", None),
            (
                "!payload.t",
                Some("payload.t is 21.5, and should not be there"),
            ),
            ("payload.x=a", Some("there is no payload.x, not \"a\"")),
        ] {
            let clause = Clause::parse(text).unwrap();
            assert_eq!(clause.difference(&line).as_deref(), expected, "{text}");
        }
        assert!(Clause::parse("a~(").is_err() && Clause::parse("=1").is_err());
    }
}
