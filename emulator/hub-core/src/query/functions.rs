//! The functions of the language: their names, how many arguments they take, what they answer.
//!
//! `STARTSWITH`, `ENDSWITH`, `ARRAY_CONTAINS` and the type tests are known to work in queries over
//! twins; the numeric and text functions are documented for message routes, by the same engine.
//! `CONTAINS`, `STARTS_WITH` and `ENDS_WITH` work in routes only: the hub refuses them in a query over
//! twins (MicrosoftDocs/azure-docs#105649, #110329), and so does this engine.

use std::borrow::Cow;

use super::ast::Operator;
use super::value::{Value, compare};

/// A function with values for arguments. `IS_DEFINED` is apart: it takes a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    StartsWith,
    EndsWith,
    ArrayContains,
    IsNull,
    IsBool,
    IsNumber,
    IsString,
    IsArray,
    IsObject,
    IsPrimitive,
    Abs,
    Ceiling,
    Exp,
    Floor,
    Power,
    Sign,
    Sqrt,
    Square,
    AsNumber,
    Concat,
    IndexOf,
    Length,
    Lower,
    Substring,
    Upper,
}

/// A function's name in upper case, its meaning, and how many arguments it takes.
type Row = (&'static str, Function, usize, usize);

const FUNCTIONS: [Row; 25] = [
    ("STARTSWITH", Function::StartsWith, 2, 2),
    ("ENDSWITH", Function::EndsWith, 2, 2),
    ("ARRAY_CONTAINS", Function::ArrayContains, 2, 2),
    ("IS_NULL", Function::IsNull, 1, 1),
    ("IS_BOOL", Function::IsBool, 1, 1),
    ("IS_NUMBER", Function::IsNumber, 1, 1),
    ("IS_STRING", Function::IsString, 1, 1),
    ("IS_ARRAY", Function::IsArray, 1, 1),
    ("IS_OBJECT", Function::IsObject, 1, 1),
    ("IS_PRIMITIVE", Function::IsPrimitive, 1, 1),
    ("ABS", Function::Abs, 1, 1),
    ("CEILING", Function::Ceiling, 1, 1),
    ("EXP", Function::Exp, 1, 1),
    ("FLOOR", Function::Floor, 1, 1),
    ("POWER", Function::Power, 2, 2),
    ("SIGN", Function::Sign, 1, 1),
    ("SQRT", Function::Sqrt, 1, 1),
    ("SQUARE", Function::Square, 1, 1),
    ("AS_NUMBER", Function::AsNumber, 1, 1),
    ("CONCAT", Function::Concat, 2, ARGUMENTS_MAX),
    ("INDEX_OF", Function::IndexOf, 2, 2),
    ("LENGTH", Function::Length, 1, 1),
    ("LOWER", Function::Lower, 1, 1),
    ("SUBSTRING", Function::Substring, 2, 3),
    ("UPPER", Function::Upper, 1, 1),
];

/// `CONCAT` takes as many texts as fit into a sensible query.
const ARGUMENTS_MAX: usize = 64;

impl Function {
    /// The function named `name`, in any case, with the least and the most arguments.
    pub(super) fn named(name: &str) -> Option<(Self, usize, usize)> {
        FUNCTIONS
            .iter()
            .find(|(other, ..)| name.eq_ignore_ascii_case(other))
            .map(|(_, function, least, most)| (*function, *least, *most))
    }

    /// What a message route says instead of this function, if a query must not say it.
    pub(super) fn instead_of(name: &str) -> Option<&'static str> {
        match name.to_ascii_uppercase().as_str() {
            "STARTS_WITH" => Some("STARTSWITH"),
            "ENDS_WITH" => Some("ENDSWITH"),
            "CONTAINS" => Some("STARTSWITH, ENDSWITH or ARRAY_CONTAINS"),
            _ => None,
        }
    }

    /// The answer. Arguments of another type than the function is about make it undefined, apart from
    /// the type tests, which say false of what is missing.
    pub(super) fn call<'a>(self, arguments: &[Value<'a>]) -> Value<'a> {
        match self {
            Self::StartsWith => two_texts(arguments, |text, prefix| text.starts_with(prefix)),
            Self::EndsWith => two_texts(arguments, |text, suffix| text.ends_with(suffix)),
            Self::ArrayContains => array_contains(arguments),
            Self::IsNull => is(arguments, |value| matches!(value, Value::Null)),
            Self::IsBool => is(arguments, |value| matches!(value, Value::Bool(_))),
            Self::IsNumber => is(arguments, |value| matches!(value, Value::Number(_))),
            Self::IsString => is(arguments, |value| matches!(value, Value::Text(_))),
            Self::IsArray => is(arguments, Value::is_array),
            Self::IsObject => is(arguments, Value::is_object),
            Self::IsPrimitive => is(arguments, |value| {
                !matches!(value, Value::Undefined) && !value.is_array() && !value.is_object()
            }),
            Self::Abs => of_number(arguments, f64::abs),
            Self::Ceiling => of_number(arguments, f64::ceil),
            Self::Exp => of_number(arguments, f64::exp),
            Self::Floor => of_number(arguments, f64::floor),
            Self::Sign => of_number(
                arguments,
                |number| {
                    if number == 0.0 { 0.0 } else { number.signum() }
                },
            ),
            Self::Sqrt => of_number(arguments, f64::sqrt),
            Self::Square => of_number(arguments, |number| number * number),
            Self::Power => match arguments {
                [Value::Number(base), Value::Number(exponent)] => {
                    Value::number(base.powf(*exponent))
                }
                _ => Value::Undefined,
            },
            Self::AsNumber => as_number(arguments),
            Self::Concat => concat(arguments),
            Self::IndexOf => match arguments {
                [Value::Text(text), Value::Text(part)] => match text.find(&**part) {
                    Some(at) => count(text[..at].chars().count()),
                    None => Value::Number(-1.0),
                },
                _ => Value::Undefined,
            },
            Self::Length => match arguments {
                [Value::Text(text)] => count(text.chars().count()),
                _ => Value::Undefined,
            },
            Self::Lower => of_text(arguments, str::to_lowercase),
            Self::Upper => of_text(arguments, str::to_uppercase),
            Self::Substring => substring(arguments),
        }
    }
}

fn is<'a>(arguments: &[Value<'a>], test: impl Fn(&Value<'a>) -> bool) -> Value<'a> {
    Value::Bool(arguments.first().is_some_and(test))
}

fn two_texts<'a>(arguments: &[Value<'a>], test: impl Fn(&str, &str) -> bool) -> Value<'a> {
    match arguments {
        [Value::Text(one), Value::Text(other)] => Value::Bool(test(one, other)),
        _ => Value::Undefined,
    }
}

fn of_number<'a>(arguments: &[Value<'a>], calculate: impl Fn(f64) -> f64) -> Value<'a> {
    match arguments {
        [Value::Number(number)] => Value::number(calculate(*number)),
        _ => Value::Undefined,
    }
}

fn of_text<'a>(arguments: &[Value<'a>], change: impl Fn(&str) -> String) -> Value<'a> {
    match arguments {
        [Value::Text(text)] => Value::Text(Cow::Owned(change(text))),
        _ => Value::Undefined,
    }
}

/// Numbers are doubles; a text is far shorter than 2^53 characters.
fn count(count: usize) -> Value<'static> {
    u32::try_from(count).map_or(Value::Undefined, |count| Value::Number(count.into()))
}

fn as_number<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    match arguments {
        [Value::Number(number)] => Value::Number(*number),
        [Value::Text(text)] => text.trim().parse().map_or(Value::Undefined, Value::number),
        _ => Value::Undefined,
    }
}

fn concat<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    let mut joined = String::new();
    for argument in arguments {
        let Value::Text(text) = argument else {
            return Value::Undefined;
        };
        joined.push_str(text);
    }
    Value::Text(Cow::Owned(joined))
}

/// `SUBSTRING(text, start[, length])`, in characters from 0. What reaches past the end is cut.
fn substring<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    let [Value::Text(text), start, length @ ..] = arguments else {
        return Value::Undefined;
    };
    let length = match length {
        [] => Some(usize::MAX),
        [length, ..] => characters(length),
    };
    let (Some(start), Some(length)) = (characters(start), length) else {
        return Value::Undefined;
    };
    Value::Text(Cow::Owned(text.chars().skip(start).take(length).collect()))
}

/// A count of characters; `None` for what is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and between 0 and 2^32"
)]
fn characters(value: &Value<'_>) -> Option<usize> {
    match value {
        Value::Number(number) if *number >= 0.0 && number.fract() == 0.0 => {
            // As far as any text reaches, and exact there.
            Some(number.min(4_294_967_295.0) as usize)
        }
        _ => None,
    }
}

fn array_contains<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    let [array, wanted] = arguments else {
        return Value::Undefined;
    };
    if matches!(wanted, Value::Undefined) {
        return Value::Undefined;
    }
    let is_wanted = |element: &Value<'_>| compare(element, Operator::Equal, wanted) == Some(true);
    match array.elements() {
        Some(mut elements) => Value::Bool(elements.any(|element| is_wanted(&element))),
        None => Value::Undefined,
    }
}
