//! Values while a query looks at them: types, comparison, and how they are printed.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use super::ast::{Constant, Operator};
use super::find::Found;
use crate::json::{Reader, Token, push_string, unquote};

/// A value of the language.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// What is missing.
    Undefined,
    Null,
    Bool(bool),
    /// Finite.
    Number(f64),
    Text(Cow<'a, str>),
    /// An object or an array of the row.
    Compound(Found<'a>),
    /// A list written in the query.
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// A number, or undefined for what is none.
    pub(super) fn number(number: f64) -> Self {
        if number.is_finite() {
            Self::Number(number)
        } else {
            Self::Undefined
        }
    }

    pub(super) fn of_constant(constant: &'a Constant) -> Self {
        match constant {
            Constant::Undefined => Self::Undefined,
            Constant::Null => Self::Null,
            Constant::Bool(value) => Self::Bool(*value),
            Constant::Number(value) => Self::Number(*value),
            Constant::Text(value) => Self::Text(Cow::Borrowed(value)),
        }
    }

    pub(super) fn of_found(found: Found<'a>) -> Self {
        match found {
            Found::Text(text) => Self::Text(text),
            Found::Null => Self::Null,
            Found::Bool(value) => Self::Bool(value),
            Found::Count(count) => Self::Number(as_double(count)),
            Found::Time(at) => Self::Text(Cow::Owned(at.to_string())),
            Found::Json(Cow::Borrowed(text)) => Self::of_json(text),
            // Texts that the row made are compound: its scalars are found as what they are.
            Found::Json(Cow::Owned(_))
            | Found::Members(_)
            | Found::Section(..)
            | Found::Properties(..)
            | Found::Metadata(..) => Self::Compound(found),
        }
    }

    /// The value that a JSON text says.
    pub(super) fn of_json(text: &'a str) -> Self {
        match Reader::new(text).next() {
            Some(Token::String(token)) => unquote(token).map_or(Self::Undefined, Self::Text),
            Some(Token::Number(token)) => token.parse().map_or(Self::Undefined, Self::number),
            Some(Token::Bool(value)) => Self::Bool(value),
            Some(Token::Null) => Self::Null,
            Some(Token::BeginObject | Token::BeginArray) => {
                Self::Compound(Found::Json(Cow::Borrowed(text)))
            }
            Some(Token::EndObject | Token::EndArray) | None => Self::Undefined,
        }
    }

    /// Three-valued: `None` is undefined, which is also what a value that is no boolean says.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Undefined
            | Self::Null
            | Self::Number(_)
            | Self::Text(_)
            | Self::Compound(_)
            | Self::List(_) => None,
        }
    }

    pub(super) fn of_truth(truth: Option<bool>) -> Self {
        truth.map_or(Self::Undefined, Self::Bool)
    }

    pub(super) fn is_array(&self) -> bool {
        match self {
            Self::List(_) => true,
            Self::Compound(Found::Json(text)) => text.starts_with('['),
            _ => false,
        }
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Compound(_)) && !self.is_array()
    }

    /// The elements of an array; `None` for anything else.
    pub(super) fn elements(&self) -> Option<Box<dyn Iterator<Item = Value<'_>> + '_>> {
        match self {
            Self::List(values) => Some(Box::new(values.iter().cloned())),
            Self::Compound(Found::Json(text)) if text.starts_with('[') => {
                let mut reader = Reader::new(text);
                reader.next();
                Some(Box::new(std::iter::from_fn(move || {
                    let mut ahead = reader;
                    match ahead.next()? {
                        Token::EndArray => None,
                        _ => Some(Value::of_json(reader.skip_value())),
                    }
                })))
            }
            _ => None,
        }
    }

    /// Appends the value as JSON text; says whether there is one.
    pub(super) fn print(&self, out: &mut String) -> bool {
        match self {
            Self::Undefined => return false,
            Self::Null => out.push_str("null"),
            Self::Bool(value) => push(out, format_args!("{value}")),
            Self::Number(number) => push_number(out, *number),
            Self::Text(text) => push_string(out, text),
            Self::Compound(found) => found.print(out),
            Self::List(values) => {
                out.push('[');
                let start = out.len();
                for value in values {
                    if out.len() > start {
                        out.push(',');
                    }
                    // An array has no holes.
                    if !value.print(out) {
                        out.push_str("null");
                    }
                }
                out.push(']');
            }
        }
        true
    }
}

/// Only primitives of one type compare; null and booleans have no order.
pub(super) fn compare(left: &Value<'_>, operator: Operator, right: &Value<'_>) -> Option<bool> {
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    let ordering = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right)?,
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) if is_equality => left.cmp(right),
        (Value::Null, Value::Null) if is_equality => Ordering::Equal,
        _ => return None,
    };
    Some(match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
    })
}

/// Appends a finite number as JSON text; a whole one has no fraction.
pub(super) fn push_number(out: &mut String, number: f64) {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        // `+ 0.0` makes 0 of -0.
        push(out, format_args!("{:.0}", number + 0.0));
    } else {
        push(out, format_args!("{}", serde_json::Value::from(number)));
    }
}

/// Numbers are doubles in the language.
#[expect(
    clippy::cast_precision_loss,
    reason = "nothing is counted as far as 2^53"
)]
pub(super) fn as_double(count: u64) -> f64 {
    count as f64
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes any text");
}
