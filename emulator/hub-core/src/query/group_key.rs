//! The keys of groups as bytes, whose order is the order of the groups.
//!
//! What is undefined comes first, then null, booleans, numbers, texts, objects and arrays. A long key is
//! its beginning and a hash of the whole, so that a continuation token stays small.

use std::borrow::Borrow;
use std::fmt::Write as _;

use super::value::{Value, push_number};
use crate::json::push_string;

/// Where a group stands among the others. Equal values of the keys, and only they, give equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupKey(Box<[u8]>);

impl GroupKey {
    /// A key from the bytes it once had. Any bytes stand somewhere in the order.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes; about half a KiB at most.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for GroupKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// Writes keys, one after the other, into the same memory.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyWriter {
    bytes: Vec<u8>,
}

impl KeyWriter {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Adds the value of one key.
    pub(super) fn push(&mut self, value: &Value<'_>) {
        match value {
            Value::Undefined => self.bytes.push(1),
            Value::Null => self.bytes.push(2),
            Value::Bool(value) => self.bytes.extend([3, u8::from(*value)]),
            Value::Number(number) => {
                self.bytes.push(4);
                self.bytes.extend(ordered(*number).to_be_bytes());
            }
            Value::Text(text) => self.push_text(5, text),
            Value::Compound(_) | Value::List(_) => {
                let mut text = String::new();
                print(value, &mut text);
                self.push_text(6, &text);
            }
        }
    }

    /// A NUL within is followed by 0xFF, the one at the end by a kind, which is smaller, or by nothing.
    fn push_text(&mut self, kind: u8, text: &str) {
        self.bytes.push(kind);
        for byte in text.bytes() {
            self.bytes.push(byte);
            if byte == 0 {
                self.bytes.push(0xFF);
            }
        }
        self.bytes.push(0);
    }

    /// The key that was written.
    pub(super) fn key(&mut self) -> &[u8] {
        if self.bytes.len() > KEY_BYTES_MAX {
            let hash = fnv_1a(&self.bytes);
            self.bytes.truncate(KEY_BYTES_MAX);
            self.bytes.extend(hash.to_be_bytes());
        }
        &self.bytes
    }
}

const KEY_BYTES_MAX: usize = 512;

/// Bits in the order of the numbers. -0 is 0.
fn ordered(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// FNV-1a with 128 bits: the same everywhere and always, as tokens need it.
fn fnv_1a(bytes: &[u8]) -> u128 {
    let step = |hash: u128, byte: &u8| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
    };
    bytes
        .iter()
        .fold(0x6C62_272E_07BB_0142_62B8_2175_6295_C58D, step)
}

/// Appends the value of a key as JSON text, equal values alike; says whether there is one.
pub(super) fn print(value: &Value<'_>, out: &mut String) -> bool {
    let start = out.len();
    let is_there = value.print(out);
    if matches!(value, Value::Compound(_))
        && let Ok(parsed) = serde_json::from_str(&out[start..])
    {
        out.truncate(start);
        push_sorted(&parsed, out);
    }
    is_there
}

/// Appends JSON text with members in the order of their names and numbers as doubles.
fn push_sorted(value: &serde_json::Value, out: &mut String) {
    let separate = |out: &mut String, is_first: bool| out.push_str(if is_first { "" } else { "," });
    match value {
        serde_json::Value::Number(number) => match number.as_f64() {
            Some(number) => push_number(out, number),
            None => write!(out, "{number}").expect("a String takes any text"),
        },
        serde_json::Value::Array(elements) => {
            out.push('[');
            for (place, element) in elements.iter().enumerate() {
                separate(out, place == 0);
                push_sorted(element, out);
            }
            out.push(']');
        }
        serde_json::Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (place, (name, member)) in members.into_iter().enumerate() {
                separate(out, place == 0);
                push_string(out, name);
                out.push(':');
                push_sorted(member, out);
            }
            out.push('}');
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::String(_) => {
            write!(out, "{value}").expect("a String takes any text");
        }
    }
}
