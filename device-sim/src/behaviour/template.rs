//! Texts and JSON with holes, `${now}` and the like: parsed once, filled for each device.

use std::borrow::Cow;
use std::fmt::Write as _;

use hub_proto::time::{Now, Timestamp};
use serde_json::Value;

use crate::random::Random;

/// JSON with holes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Template {
    /// Without any hole; JSON text.
    Constant(Box<str>),
    /// A text with holes.
    Text(Text),
    /// A hole alone keeps the type of what fills it.
    Hole(Hole),
    List(Box<[Template]>),
    /// The keys are JSON text, with quotes and colon.
    Map(Box<[(Box<str>, Template)]>),
}

/// A text with holes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text(pub(super) Box<[Part]>);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Literal(Box<str>),
    Hole(Hole),
}

/// What fills a hole.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Hole {
    /// `${now}`: ISO 8601 with milliseconds, as JavaScript's `Date.toISOString` prints it.
    Now,
    /// `${now-seconds}`: whole seconds since 1970.
    NowSeconds,
    /// `${id}`
    Id,
    /// `${n}`
    Number,
    /// `${payload}`, `${payload.a.b}`: of the method call or message.
    Payload(Path),
    /// `${desired.a.b}`
    Desired(Path),
    /// `${elapsed-ms: mark}`
    Elapsed(u16),
    /// `${random: 1..6}`, in units of ten to the power of minus `digits`.
    Random { least: i64, span: u64, digits: u8 },
    /// A variable's name.
    Variable(u16),
}

pub(crate) type Path = Box<[Box<str>]>;

/// What holes are filled from.
pub(crate) struct Scope<'a> {
    pub(crate) now: Now,
    pub(crate) device_id: &'a str,
    pub(crate) number: u64,
    pub(crate) payload: &'a Value,
    pub(crate) desired: &'a Value,
    /// Empty until one is set.
    pub(crate) marks: &'a [Option<Timestamp>],
    /// Empty until one is set.
    pub(crate) variables: &'a [Value],
    /// What variables are until one is set.
    pub(crate) first_values: &'a [(Box<str>, Value)],
    pub(crate) random: &'a mut Random,
}

impl<'a> Scope<'a> {
    fn mark(&self, mark: u16) -> Option<Timestamp> {
        self.marks.get(usize::from(mark)).copied().flatten()
    }

    fn variable(&self, variable: u16) -> &'a Value {
        let place = usize::from(variable);
        let first = || &self.first_values[place].1;
        self.variables.get(place).unwrap_or_else(first)
    }
}

impl Template {
    /// Appends it as JSON text.
    pub(crate) fn render(&self, scope: &mut Scope<'_>, out: &mut String) {
        match self {
            Self::Constant(json) => out.push_str(json),
            Self::Text(text) => {
                let mut plain = String::new();
                text.render(scope, &mut plain);
                push_json_text(&plain, out);
            }
            Self::Hole(hole) => hole.render(scope, true, out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.render(scope, out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(key);
                    value.render(scope, out);
                }
                out.push('}');
            }
        }
    }

    /// As JSON text of its own.
    pub(crate) fn to_json(&self, scope: &mut Scope<'_>) -> String {
        let mut out = String::new();
        self.render(scope, &mut out);
        out
    }

    /// As a value.
    pub(crate) fn to_value(&self, scope: &mut Scope<'_>) -> Value {
        serde_json::from_str(&self.to_json(scope)).unwrap_or(Value::Null)
    }
}

impl Text {
    /// Appends it as plain text.
    pub(crate) fn render(&self, scope: &mut Scope<'_>, out: &mut String) {
        for part in &self.0 {
            match part {
                Part::Literal(literal) => out.push_str(literal),
                Part::Hole(hole) => hole.render(scope, false, out),
            }
        }
    }

    /// As a text of its own.
    pub(crate) fn to_plain(&self, scope: &mut Scope<'_>) -> String {
        let mut out = String::new();
        self.render(scope, &mut out);
        out
    }
}

impl Hole {
    /// Appends what fills it: as JSON, or as plain text, where nothing becomes nothing and a text has
    /// no quotes.
    fn render(&self, scope: &mut Scope<'_>, as_json: bool, out: &mut String) {
        let value = match self {
            Self::Now => Cow::Owned(Value::String(iso_milliseconds(scope.now.wall))),
            Self::NowSeconds => Cow::Owned(scope.now.wall.unix_seconds().into()),
            Self::Id => Cow::Owned(Value::String(scope.device_id.to_owned())),
            Self::Number => Cow::Owned(scope.number.into()),
            Self::Payload(path) => look_up(scope.payload, path),
            Self::Desired(path) => look_up(scope.desired, path),
            Self::Elapsed(mark) => Cow::Owned(scope.mark(*mark).map_or(Value::Null, |since| {
                let elapsed = scope.now.wall.saturating_since(since).as_millis();
                u64::try_from(elapsed).unwrap_or(u64::MAX).into()
            })),
            Self::Random {
                least,
                span,
                digits,
            } => {
                let offset = scope.random.next_u64() % span.saturating_add(1);
                return push_decimal(least.saturating_add_unsigned(offset), *digits, out);
            }
            Self::Variable(variable) => Cow::Borrowed(scope.variable(*variable)),
        };
        match &*value {
            Value::String(text) if as_json => push_json_text(text, out),
            Value::String(text) => out.push_str(text),
            Value::Null if !as_json => {}
            other => {
                write!(out, "{other}").expect("a String takes everything");
            }
        }
    }
}

/// Follows `path`; null where it leads nowhere. A text that holds JSON counts as what it holds: the
/// service programs of the tutorials send their payloads so.
fn look_up<'v>(value: &'v Value, path: &[Box<str>]) -> Cow<'v, Value> {
    let Some((key, rest)) = path.split_first() else {
        return Cow::Borrowed(value);
    };
    match value {
        Value::Object(entries) => entries
            .get(&**key)
            .map_or(Cow::Owned(Value::Null), |value| look_up(value, rest)),
        Value::Array(items) => key
            .parse()
            .ok()
            .and_then(|index: usize| items.get(index))
            .map_or(Cow::Owned(Value::Null), |value| look_up(value, rest)),
        Value::String(text) => serde_json::from_str::<Value>(text)
            .ok()
            .filter(|inner| inner.is_object() || inner.is_array())
            .map_or(Cow::Owned(Value::Null), |inner| {
                Cow::Owned(look_up(&inner, path).into_owned())
            }),
        _ => Cow::Owned(Value::Null),
    }
}

/// Whether `path` leads to something.
pub(crate) fn leads_somewhere(value: &Value, path: &[Box<str>]) -> bool {
    path.iter()
        .try_fold(value, |value, key| value.get(&**key))
        .is_some()
}

fn push_decimal(scaled: i64, digits: u8, out: &mut String) {
    let power = 10_u64.pow(u32::from(digits));
    let (sign, size) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    let width = usize::from(digits);
    let written = if digits == 0 {
        write!(out, "{sign}{size}")
    } else {
        write!(out, "{sign}{}.{:0width$}", size / power, size % power)
    };
    written.expect("a String takes everything");
}

pub(super) fn push_json_text(text: &str, out: &mut String) {
    let quoted = serde_json::to_string(text).expect("a text is always JSON");
    out.push_str(&quoted);
}

/// As JavaScript's `Date.toISOString` prints it, which is what the tutorials' devices report.
fn iso_milliseconds(at: Timestamp) -> String {
    let ticks = at.to_string();
    match ticks.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{}Z", &fraction[..3]),
        None => ticks,
    }
}
