//! A patch of one section: read from JSON text with every rule checked, so that applying it cannot
//! fail half-way.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use smol_str::SmolStr;

use super::rules::{check_key, check_number, check_string};
use crate::error::HubError;
use crate::json::{Reader, Token, minify, push_string, unquote};
use crate::limits::Limits;

/// The members of an object of a patch; keys are unique.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Patch {
    entries: Vec<(SmolStr, PatchNode)>,
}

/// What a patch says of one key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PatchNode {
    /// Delete it.
    Null,
    /// Set it: minified JSON text of a scalar or an array.
    Leaf(SmolStr),
    /// Merge into it.
    Object(Patch),
}

/// What becomes of keys that begin with `$` at the top of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DollarKeys {
    /// `$version` and `$metadata` are passed over: services send back what they read.
    Ignore,
    /// All are refused, by the rule for keys.
    Refuse,
}

impl Patch {
    /// Reads the object that comes next. `section` names it in messages.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        section: &str,
        dollar_keys: DollarKeys,
        limits: &Limits,
    ) -> Result<Self, HubError> {
        let mut parser = Parser {
            reader,
            limits,
            path: section.to_owned(),
        };
        if parser.reader.next() != Some(Token::BeginObject) {
            return Err(parser.refuse("must be a JSON object"));
        }
        parser.members(0, dollar_keys)
    }

    /// A patch that deletes all of `keys`, which are unique.
    pub(crate) fn deleting<'a>(keys: impl Iterator<Item = &'a str>) -> Self {
        Self {
            entries: keys.map(|key| (key.into(), PatchNode::Null)).collect(),
        }
    }

    /// A patch of these members, whose keys are unique.
    pub(crate) fn of(entries: Vec<(SmolStr, PatchNode)>) -> Self {
        Self { entries }
    }

    /// The members, in the order they came.
    pub(crate) fn entries(&self) -> &[(SmolStr, PatchNode)] {
        &self.entries
    }

    /// The members, given away.
    pub(crate) fn into_entries(self) -> Vec<(SmolStr, PatchNode)> {
        self.entries
    }

    /// To find many keys among the members.
    pub(crate) fn finder(&self) -> Finder<'_> {
        let index = (self.entries.len() > INDEX_ABOVE).then(|| {
            let numbered = self.entries.iter().enumerate();
            numbered
                .map(|(place, (key, _))| (key.as_str(), place))
                .collect()
        });
        Finder {
            entries: &self.entries,
            index,
        }
    }

    /// About how many bytes the members take, stored or printed.
    pub(super) fn text_bytes(&self) -> usize {
        let of_entry = |(key, node): &(SmolStr, PatchNode)| {
            key.len()
                + MEMBER_BYTES
                + match node {
                    PatchNode::Null => 0,
                    PatchNode::Leaf(text) => text.len(),
                    PatchNode::Object(patch) => patch.text_bytes(),
                }
        };
        self.entries.iter().map(of_entry).sum::<usize>() + OBJECT_BYTES
    }

    /// The value of `key`, to be set; a member that deletes it if there was none.
    pub(crate) fn member_mut(&mut self, key: &SmolStr) -> &mut PatchNode {
        let place = self.entries.iter().position(|(other, _)| other == key);
        let place = place.unwrap_or_else(|| {
            self.entries.push((key.clone(), PatchNode::Null));
            self.entries.len() - 1
        });
        &mut self.entries[place].1
    }

    /// Appends the patch as JSON text, nulls kept.
    pub(crate) fn print(&self, out: &mut String) {
        out.push('{');
        for (index, (key, node)) in self.entries.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            push_string(out, key);
            out.push(':');
            node.print(out);
        }
        out.push('}');
    }
}

impl PatchNode {
    /// Appends the value as JSON text.
    pub(crate) fn print(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Leaf(text) => out.push_str(text),
            Self::Object(patch) => patch.print(out),
        }
    }
}

/// Finds members of a patch by their keys.
#[derive(Debug)]
pub(crate) struct Finder<'a> {
    entries: &'a [(SmolStr, PatchNode)],
    /// Built where a linear search would be slow.
    index: Option<HashMap<&'a str, usize>>,
}

impl Finder<'_> {
    /// The place of `key` among the members.
    pub(crate) fn place(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|(other, _)| other == key),
        }
    }
}

/// Reads a section. Recursion is bounded by `limits.twin_depth`.
struct Parser<'r, 'a> {
    reader: &'r mut Reader<'a>,
    limits: &'r Limits,
    /// Where the reader is, for messages: `properties.desired.a.b`.
    path: String,
}

impl Parser<'_, '_> {
    /// Reads the members of an object that was opened, `depth` objects below the section.
    fn members(&mut self, depth: usize, dollar_keys: DollarKeys) -> Result<Patch, HubError> {
        let mut members = Members::default();
        while let Some(Token::String(token)) = self.reader.next() {
            if depth == 0
                && dollar_keys == DollarKeys::Ignore
                && matches!(unquote(token).as_deref(), Some("$version" | "$metadata"))
            {
                self.reader.skip_value();
                continue;
            }
            let parent = self.path.len();
            let key = self.enter(token)?;
            let node = self.value(depth)?;
            self.path.truncate(parent);
            members.insert(&key, node);
        }
        Ok(members.patch)
    }

    /// Reads the value of a member of an object at `depth`.
    fn value(&mut self, depth: usize) -> Result<PatchNode, HubError> {
        let start = self.reader.position();
        match self.reader.next() {
            Some(Token::Null) => Ok(PatchNode::Null),
            Some(Token::BeginObject) => {
                let patch = self.deeper(depth)?;
                self.members(patch, DollarKeys::Refuse)
                    .map(PatchNode::Object)
            }
            Some(token) => {
                self.check_element(token, depth)?;
                let text = minify(self.reader.text_since(start));
                Ok(PatchNode::Leaf(SmolStr::from(text)))
            }
            None => Err(self.refuse("has no value")),
        }
    }

    /// Checks an element that `token` begins: a leaf, or a value inside an array. Objects and arrays
    /// alike count as a level there, which is how `ReportedPropertiesValidator.cs` of Azure/iotedge
    /// counts.
    fn check_element(&mut self, token: Token<'_>, depth: usize) -> Result<(), HubError> {
        match token {
            Token::BeginArray => {
                let depth = self.deeper(depth)?;
                self.check_array(depth)
            }
            Token::BeginObject => {
                let depth = self.deeper(depth)?;
                self.check_members(depth)
            }
            Token::String(token) => {
                let text = self.unquote(token)?;
                check_string(&text, self.limits).map_err(|rule| self.refuse(&rule))
            }
            Token::Number(text) => check_number(text).map_err(|rule| self.refuse(&rule)),
            Token::Null => Err(self.refuse("null is not allowed inside an array")),
            Token::Bool(_) | Token::EndObject | Token::EndArray => Ok(()),
        }
    }

    /// Checks the elements of an array that was opened.
    fn check_array(&mut self, depth: usize) -> Result<(), HubError> {
        let parent = self.path.len();
        for index in 0_usize.. {
            let token = match self.reader.next() {
                None | Some(Token::EndArray) => break,
                Some(token) => token,
            };
            write!(self.path, "[{index}]").expect("a String takes any text");
            self.check_element(token, depth)?;
            self.path.truncate(parent);
        }
        Ok(())
    }

    /// Checks the members of an object inside an array.
    fn check_members(&mut self, depth: usize) -> Result<(), HubError> {
        while let Some(Token::String(token)) = self.reader.next() {
            let parent = self.path.len();
            self.enter(token)?;
            if let Some(token) = self.reader.next() {
                self.check_element(token, depth)?;
            }
            self.path.truncate(parent);
        }
        Ok(())
    }

    /// Reads and checks a key, and puts it on the path.
    fn enter<'t>(&mut self, token: &'t str) -> Result<Cow<'t, str>, HubError> {
        let key = self.unquote(token)?;
        self.path.push('.');
        self.path.push_str(&key);
        check_key(&key, self.limits).map_err(|rule| self.refuse(&rule))?;
        Ok(key)
    }

    /// The depth one level further down, if the value there may be that deep.
    fn deeper(&self, depth: usize) -> Result<usize, HubError> {
        if depth >= self.limits.twin_depth {
            let rule = format!("is nested deeper than {} levels", self.limits.twin_depth);
            return Err(self.refuse(&rule));
        }
        Ok(depth + 1)
    }

    fn unquote<'t>(&self, token: &'t str) -> Result<Cow<'t, str>, HubError> {
        unquote(token).ok_or_else(|| self.refuse("string has an escape that is half a character"))
    }

    /// A refusal that names the path and the rule.
    fn refuse(&self, rule: &str) -> HubError {
        HubError::Argument(format!("{}: {rule}", printable(&self.path)))
    }
}

/// Members with unique keys: the last value wins, in the first one's place.
#[derive(Default)]
struct Members {
    patch: Patch,
    /// Built once a linear search would get slow.
    index: HashMap<SmolStr, usize>,
}

impl Members {
    fn insert(&mut self, key: &str, node: PatchNode) {
        let entries = &mut self.patch.entries;
        let place = if entries.len() <= INDEX_ABOVE {
            entries.iter().position(|(other, _)| other == key)
        } else {
            if self.index.is_empty() {
                let numbered = entries.iter().enumerate();
                self.index = numbered
                    .map(|(place, (key, _))| (key.clone(), place))
                    .collect();
            }
            self.index.get(key).copied()
        };
        if let Some(place) = place {
            entries[place].1 = node;
            return;
        }
        let key = SmolStr::from(key);
        if !self.index.is_empty() {
            self.index.insert(key.clone(), entries.len());
        }
        entries.push((key, node));
    }
}

/// A path as a message shows it: no control characters, and not endless.
fn printable(path: &str) -> String {
    let mut out = String::new();
    for (count, character) in path.chars().enumerate() {
        if count == PATH_CHARACTERS_SHOWN {
            out.push('…');
            break;
        }
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// From how many members on a lookup uses an index.
const INDEX_ABOVE: usize = 16;
/// What a member takes beside its key and its text, as a rule at most.
const MEMBER_BYTES: usize = 5;
/// What is around the members of an object.
const OBJECT_BYTES: usize = 2;
/// Keys may be long, and a refused one may be any length.
const PATH_CHARACTERS_SHOWN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::check;

    fn read(text: &str) -> Result<String, String> {
        let text = check(text.as_bytes()).unwrap();
        let limits = Limits {
            twin_depth: 3,
            ..Limits::default()
        };
        let patch = Patch::read(&mut Reader::new(text), "tags", DollarKeys::Ignore, &limits)
            .map_err(|error| error.to_string())?;
        let mut out = String::new();
        patch.print(&mut out);
        Ok(out)
    }

    #[test]
    fn a_patch_keeps_numbers_escapes_order_and_nulls() {
        let cases = [
            ("{}", "{}"),
            (r#"{"b":1.0,"a":1}"#, r#"{"b":1.0,"a":1}"#),
            (
                r#"{"a":"\u0041\/2023-01-31T10:37:08.4599400"}"#,
                r#"{"a":"\u0041\/2023-01-31T10:37:08.4599400"}"#,
            ),
            (
                "{\"a\": {\n \"b\" : null, \"c\":[ 1,\t{\"d\" : \" \"} ] } }",
                r#"{"a":{"b":null,"c":[1,{"d":" "}]}}"#,
            ),
            (
                r#"{"$version":1,"$metadata":{"$x":[null]},"a":1}"#,
                r#"{"a":1}"#,
            ),
            (r#"{"a":1,"b":2,"a":{"c":3}}"#, r#"{"a":{"c":3},"b":2}"#),
            (r#"{"":1,"é":2}"#, r#"{"":1,"é":2}"#),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_refusal_names_the_path_and_the_rule() {
        let cases = [
            ("[]", "tags: must be a JSON object"),
            ("7", "tags: must be a JSON object"),
            (
                r#"{"a":{"b.c":1}}"#,
                "tags.a.b.c: key contains '.', which is not allowed",
            ),
            (
                r#"{"a":{"$version":1}}"#,
                "tags.a.$version: key contains '$', which is not allowed",
            ),
            (
                r#"{"$other":1}"#,
                "tags.$other: key contains '$', which is not allowed",
            ),
            (
                r#"{"a\n":1}"#,
                r"tags.a\n: key contains '\n', which is not allowed",
            ),
            (
                r#"{"a":[1,null]}"#,
                "tags.a[1]: null is not allowed inside an array",
            ),
            (
                r#"{"a":[{"b":null}]}"#,
                "tags.a[0].b: null is not allowed inside an array",
            ),
            (
                r#"{"a":[{"b c":1}]}"#,
                "tags.a[0].b c: key contains ' ', which is not allowed",
            ),
            (
                r#"{"a":[9007199254740993]}"#,
                "tags.a[0]: integer is not between -4503599627370496 and 4503599627370495",
            ),
            (
                r#"{"a":{"b":{"c":{"d":{}}}}}"#,
                "tags.a.b.c.d: is nested deeper than 3 levels",
            ),
            (
                r#"{"a":{"b":{"c":[[]]}}}"#,
                "tags.a.b.c[0]: is nested deeper than 3 levels",
            ),
            (
                r#"{"a":"\ud800"}"#,
                "tags.a: string has an escape that is half a character",
            ),
        ];
        for (text, expected) in cases {
            let expected = expected.to_owned();
            match read(text) {
                Err(message) if message == expected => {}
                other => assert_eq!(other, Err(expected), "{text}"),
            }
        }
    }

    #[test]
    fn the_deepest_object_may_hold_a_scalar() {
        let text = r#"{"a":{"b":{"c":{}}}}"#;
        assert_eq!(read(text).as_deref(), Ok(text));
        let text = r#"{"a":{"b":{"c":{"d":1}}}}"#;
        assert_eq!(read(text).as_deref(), Ok(text));
    }

    #[test]
    fn duplicates_are_found_beyond_the_linear_search() {
        let members: Vec<String> = (0..100)
            .map(|key| format!("\"k{}\":{key}", key % 50))
            .collect();
        let expected: Vec<String> = (50..100)
            .map(|key| format!("\"k{}\":{key}", key % 50))
            .collect();
        let text = format!("{{{}}}", members.join(","));
        assert_eq!(read(&text), Ok(format!("{{{}}}", expected.join(","))));
    }

    #[test]
    fn a_message_does_not_grow_with_the_key() {
        let text = format!("{{\"{}.\":1}}", "k".repeat(100_000));
        assert!(read(&text).unwrap_err().len() < 400);
    }
}
