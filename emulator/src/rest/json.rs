//! JSON bodies as clients send them: property names in any case, `null` the same as absent, unknown
//! properties ignored, the text of a value kept byte for byte.
//!
//! The real hub reads bodies with Newtonsoft.Json, which matches names without case.

use std::borrow::Cow;
use std::fmt;

use hub_proto::error_code::ErrorCode;
use hub_proto::json;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::Refusal;

/// A JSON object, read one level deep.
#[derive(Debug)]
pub(super) struct JsonObject<'a> {
    members: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> JsonObject<'a> {
    /// Reads a body that must be an object.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Refusal> {
        if let Some(object) = str::from_utf8(body).ok().and_then(Self::scan) {
            return Ok(object);
        }
        // What is wrong with it, and what is seldom right (a name with escapes), is said here.
        serde_json::from_slice(body).map_err(|error| not_json(&error, "an object"))
    }

    /// The object, if that can be said in one pass.
    fn scan(text: &'a str) -> Option<Self> {
        // Most bodies have no more.
        let mut members = Vec::with_capacity(MEMBERS);
        for member in json::members(text) {
            let (name, value) = member.ok()?;
            members.push((Cow::Borrowed(name), value));
        }
        Some(Self { members })
    }

    /// The text of a property; `None` if it is absent or null. The last of several wins.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let is_named = |(key, _): &&(Cow<'_, str>, _)| key.eq_ignore_ascii_case(name);
        let (_, value) = self.members.iter().rev().find(is_named)?;
        Some(*value).filter(|text| *text != "null")
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<String>, Refusal> {
        Ok(self.text(name)?.map(Cow::into_owned))
    }

    /// A string, borrowed where it stands without escapes.
    pub(super) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        let value = self.get(name);
        let inside = value.and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
        match inside {
            Some(plain) if !plain.contains('\\') => Ok(Some(Cow::Borrowed(plain))),
            _ => Ok(self.read::<String>(name, "a string")?.map(Cow::Owned)),
        }
    }

    /// A list of strings.
    pub(super) fn strings(&self, name: &str) -> Result<Option<Box<[Box<str>]>>, Refusal> {
        self.read(name, "a list of strings")
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.read(name, "true or false")
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<JsonObject<'a>>, Refusal> {
        self.read(name, "an object")
    }

    /// An integer, or a string that holds one.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = if text.starts_with('"') {
            let string = serde_json::from_str::<String>(text).ok();
            string.and_then(|string| string.trim().parse().ok())
        } else {
            text.parse().ok()
        };
        number
            .map(Some)
            .ok_or_else(|| wrong_type(name, "an integer"))
    }

    /// Whether a property says something: not absent, null, `""` or `[]`.
    pub(super) fn is_set(&self, name: &str) -> bool {
        let Some(text) = self.get(name) else {
            return false;
        };
        let inner = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        text != "\"\"" && inner.is_none_or(|inner| !inner.trim().is_empty())
    }

    fn read<T: Deserialize<'a>>(&self, name: &str, what: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        serde_json::from_str(text)
            .map(Some)
            .map_err(|_| wrong_type(name, what))
    }
}

/// The text of one JSON value without the white space around it; what is none is told in `serde_json`'s
/// words.
pub(super) fn check(bytes: &[u8]) -> serde_json::Result<&str> {
    match str::from_utf8(bytes).ok().and_then(json::value) {
        Some(text) => Ok(text),
        None => serde_json::from_slice::<&RawValue>(bytes).map(RawValue::get),
    }
}

/// Reads a list; each of its elements as its text, byte for byte.
pub(super) fn parse_list(text: &[u8]) -> Result<Vec<&str>, Refusal> {
    let list: Result<Vec<&RawValue>, _> = serde_json::from_slice(text);
    let list = list.map_err(|error| not_json(&error, "a list"))?;
    Ok(list.into_iter().map(RawValue::get).collect())
}

fn not_json(error: &serde_json::Error, expected: &str) -> Refusal {
    if error.is_data() {
        return wrong_type("the body", expected);
    }
    Refusal::new(
        ErrorCode::IotHubFormatError,
        format!("The body is not JSON: {error}"),
    )
}

fn wrong_type(name: &str, what: &str) -> Refusal {
    Refusal::new(
        ErrorCode::DeserializationError,
        format!("{name} must be {what}"),
    )
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(Members)
            .map(|members| Self { members })
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(MEMBERS);
        while let Some((Name(name), value)) = map.next_entry::<_, &RawValue>()? {
            members.push((name, value.get()));
        }
        Ok(members)
    }
}

/// A member's name, borrowed where it stands without escapes; `Cow` by itself always copies.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Most bodies have no more members.
const MEMBERS: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_match_without_case_and_null_is_absent() {
        let body = br#"{"DEVICEID":"d","status":null,"iotEdge":true,"Extra":[1]}"#;
        let object = JsonObject::parse(body).unwrap();
        assert_eq!(object.string("deviceId"), Ok(Some("d".to_owned())));
        assert_eq!(object.string("status"), Ok(None));
        assert_eq!(object.boolean("IOTEDGE"), Ok(Some(true)));
        assert_eq!(object.string("absent"), Ok(None));
        assert!(object.is_set("extra"));
    }

    #[test]
    fn the_text_of_a_value_is_kept_byte_for_byte() {
        let body = br#"{"payload": {"b":1.0, "a":[ 1e2 ]}}"#;
        let object = JsonObject::parse(body).unwrap();
        assert_eq!(object.get("payload"), Some(r#"{"b":1.0, "a":[ 1e2 ]}"#));
    }

    #[test]
    fn strings_and_names_with_escapes_are_read() {
        let body = br#"{"a":"\u0078\"","\u0062":"y","c":"z","a\"":1}"#;
        let object = JsonObject::parse(body).unwrap();
        for (name, expected) in [("a", "x\""), ("b", "y"), ("c", "z")] {
            assert_eq!(object.text(name).unwrap().as_deref(), Some(expected));
        }
        let object = JsonObject::parse(br#"{"a":1,"b":["x"]}"#).unwrap();
        for name in ["a", "b"] {
            let refusal = object.text(name).unwrap_err();
            assert_eq!(refusal.text(), format!("{name} must be a string"));
        }
    }

    #[test]
    fn integers_may_come_as_strings() {
        let body = br#"{"a":30,"b":"30","c":" 30 ","d":30.5,"e":"x","f":99999999999999999999}"#;
        let object = JsonObject::parse(body).unwrap();
        for name in ["a", "b", "c"] {
            assert_eq!(object.integer(name), Ok(Some(30)), "{name}");
        }
        for name in ["d", "e", "f"] {
            let refusal = object.integer(name).unwrap_err();
            assert_eq!(refusal.code(), ErrorCode::DeserializationError, "{name}");
        }
    }

    #[test]
    fn empty_texts_and_lists_say_nothing() {
        let object = JsonObject::parse(br#"{"a":"","b":[],"c":[ ],"d":"x","e":["x"]}"#).unwrap();
        let set: Vec<&str> = ["a", "b", "c", "d", "e", "f"]
            .into_iter()
            .filter(|name| object.is_set(name))
            .collect();
        assert_eq!(set, ["d", "e"]);
    }

    #[test]
    fn a_body_that_is_no_object_says_what_is_wrong() {
        let cases: [(&[u8], ErrorCode); 6] = [
            (b"", ErrorCode::IotHubFormatError),
            (b"{", ErrorCode::IotHubFormatError),
            (b"{\"a\":1}x", ErrorCode::IotHubFormatError),
            (b"{\"a\":\"\xff\"}", ErrorCode::IotHubFormatError),
            (b"[]", ErrorCode::DeserializationError),
            (b"\"text\"", ErrorCode::DeserializationError),
        ];
        for (body, code) in cases {
            assert_eq!(
                JsonObject::parse(body).unwrap_err().code(),
                code,
                "{body:?}"
            );
        }
    }

    proptest! {
        /// The quick way never takes what the other refuses, nor for something else.
        #[test]
        fn a_body_is_read_alike_both_ways(body in "\\{(\"[ab\\\\]{1,2}\" ?:(1| \"x\"|\\[1 \\]|nul?l),?){0,4}\\}") {
            let slow: Result<JsonObject<'_>, _> = serde_json::from_str(&body);
            if let Some(quick) = JsonObject::scan(&body) {
                prop_assert_eq!(quick.members, slow.unwrap().members);
            } else {
                prop_assert!(slow.is_err() || body.contains('\\'));
            }
        }

        #[test]
        fn no_body_makes_the_reader_panic(body in "[\\[\\]{}:,\"a0-9. \\\\]{0,48}") {
            if let Ok(object) = JsonObject::parse(body.as_bytes()) {
                let _ = (object.string("a"), object.integer("a"), object.is_set("a"));
            }
        }
    }
}
