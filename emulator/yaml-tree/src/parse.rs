//! From text to the tree.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};

use crate::node::{Entry, Key, Kind, Node};
use crate::problem::{Mistake, Problem};

/// How large a tree may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How deep lists and mappings may nest.
    pub depth: usize,
    /// How many values there may be, keys not counted.
    pub values: usize,
}

/// What became of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed<P> {
    /// The one document; `None` if there is nothing in the text, or if a mistake left no sensible tree.
    pub root: Option<Node<P>>,
    /// What is wrong, in the order of the text. Of doubled keys, which leave the tree whole, the first
    /// counts.
    pub mistakes: Vec<Mistake<P>>,
}

/// Reads the one document of `text`; `place` makes a place of a line and a column, both counted from 1,
/// columns in characters.
pub fn parse<P: Copy>(text: &str, bounds: Bounds, place: impl Fn(u32, u32) -> P) -> Parsed<P> {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        place,
        bounds,
        values: 0,
        is_sound: true,
        mistakes: Vec::new(),
    };
    let root = builder.document().unwrap_or_default();
    Parsed {
        root: root.filter(|_| builder.is_sound),
        mistakes: builder.mistakes,
    }
}

/// Reading cannot go on; the mistake is noted.
struct Stop;

struct Builder<'a, F, P> {
    parser: Parser<'a, StrInput<'a>>,
    place: F,
    bounds: Bounds,
    values: usize,
    /// No value is missing that would only raise more mistakes.
    is_sound: bool,
    mistakes: Vec<Mistake<P>>,
}

impl<'a, F: Fn(u32, u32) -> P, P: Copy> Builder<'a, F, P> {
    fn document(&mut self) -> Result<Option<Node<P>>, Stop> {
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) if root.is_some() => {
                    self.refuse(at, Problem::SecondDocument);
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => {
                    let node = self.node(event, at, 0)?;
                    // Of a second document, already refused, nothing counts.
                    root.get_or_insert(node);
                }
            }
        }
    }

    fn node(&mut self, event: Event<'a>, at: Marker, depth: usize) -> Result<Node<P>, Stop> {
        self.values += 1;
        if self.values > self.bounds.values {
            self.refuse(at, Problem::TooMany(self.bounds.values));
            return Err(Stop);
        }
        let place = self.place(at);
        let kind = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.decoration(at, anchor, tag.as_ref());
                Kind::Scalar {
                    text: text.into_owned(),
                    is_plain: style == ScalarStyle::Plain,
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.decoration(at, anchor, tag.as_ref());
                self.enter(at, depth)?;
                Kind::List(self.list(depth + 1)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.decoration(at, anchor, tag.as_ref());
                self.enter(at, depth)?;
                Kind::Map(self.map(depth + 1)?)
            }
            // Nothing else stands where a value is due.
            _ => {
                self.refuse(at, Problem::Alias);
                Kind::List(Vec::new())
            }
        };
        Ok(Node { place, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node<P>>, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, at) => items.push(self.node(event, at, depth)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry<P>>, Stop> {
        let mut entries = Vec::new();
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(entries);
            }
            let key = self.key(event, at, depth)?;
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, depth)?;
            if let Some(&first_line) = lines.get(&key.text) {
                let problem = Problem::DoubledKey {
                    key: key.text,
                    first_line,
                };
                self.note(key.place, problem);
            } else {
                lines.insert(key.text.clone(), line(at));
                entries.push((key, value));
            }
        }
    }

    fn key(&mut self, event: Event<'a>, at: Marker, depth: usize) -> Result<Key<P>, Stop> {
        let node = self.node(event, at, depth)?;
        self.values -= 1;
        let text = match node.kind {
            Kind::Scalar { text, .. } => text,
            Kind::List(_) => self.no_key(at, "a list"),
            Kind::Map(_) => self.no_key(at, "a mapping"),
        };
        let place = node.place;
        Ok(Key { place, text })
    }

    fn no_key(&mut self, at: Marker, found: &'static str) -> String {
        self.refuse(at, Problem::KeyIsNoText { found });
        String::new()
    }

    fn enter(&mut self, at: Marker, depth: usize) -> Result<(), Stop> {
        if depth < self.bounds.depth {
            return Ok(());
        }
        self.refuse(at, Problem::TooDeep(self.bounds.depth));
        Err(Stop)
    }

    fn decoration(&mut self, at: Marker, anchor: usize, tag: Option<&Cow<'_, Tag>>) {
        if anchor != 0 {
            self.refuse(at, Problem::Anchor);
        }
        if let Some(tag) = tag {
            self.refuse(at, Problem::Tag(tag.to_string()));
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Marker), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => {
                let problem = Problem::NotYaml(error.info().to_owned());
                self.refuse(*error.marker(), problem);
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, Marker::default())),
        }
    }

    /// A mistake that leaves no sensible tree.
    fn refuse(&mut self, at: Marker, problem: Problem) {
        self.is_sound = false;
        self.note(self.place(at), problem);
    }

    fn note(&mut self, place: P, problem: Problem) {
        self.mistakes.push(Mistake { place, problem });
    }

    fn place(&self, at: Marker) -> P {
        let column = u32::try_from(at.col()).map_or(u32::MAX, |column| column.saturating_add(1));
        (self.place)(line(at), column)
    }
}

fn line(at: Marker) -> u32 {
    u32::try_from(at.line()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        depth: 3,
        values: 10,
    };

    fn read(text: &str) -> Parsed<(u32, u32)> {
        parse(text, BOUNDS, |line, column| (line, column))
    }

    #[test]
    fn a_document_becomes_a_tree_with_places() {
        let root = read("a: 1\nb:\n  - x\n  - 'no'\n").root.unwrap();
        assert_eq!(root.to_json().unwrap(), json!({"a": 1, "b": ["x", "no"]}));
        let list = root.get("b").unwrap();
        assert_eq!((root.place, list.place), ((1, 1), (3, 3)));
        let (key, _) = &root.entries().unwrap()[1];
        assert_eq!((key.text.as_str(), key.place), ("b", (2, 1)));
    }

    #[test]
    fn a_text_without_a_document_has_no_root_and_no_mistake() {
        for text in ["", "\n\n", "# nothing\n"] {
            let parsed = read(text);
            assert_eq!(
                (parsed.root, parsed.mistakes),
                (None, Vec::new()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_makes_yaml_dangerous_is_a_mistake_in_its_place() {
        let tag = |text: &str| Problem::Tag(text.to_owned());
        let no_text = |found| Problem::KeyIsNoText { found };
        let cases = [
            ("a: &x 1", (1, 4), Problem::Anchor),
            (
                "a: *x",
                (1, 4),
                Problem::NotYaml("while parsing node, found unknown anchor".to_owned()),
            ),
            ("a: !int 1", (1, 4), tag("!int")),
            ("a: 1\n---\nb: 2", (2, 1), Problem::SecondDocument),
            ("[1]: 2", (1, 1), no_text("a list")),
            ("{a: 1}: 2", (1, 1), no_text("a mapping")),
            ("[[[[1]]]]", (1, 4), Problem::TooDeep(3)),
            ("[1,2,3,4,5,6,7,8,9,10]", (1, 20), Problem::TooMany(10)),
        ];
        for (text, place, problem) in cases {
            let parsed = read(text);
            assert_eq!(parsed.root, None, "{text}");
            let first = &parsed.mistakes[0];
            assert_eq!((first.place, &first.problem), (place, &problem), "{text}");
        }
    }

    #[test]
    fn an_alias_is_not_followed() {
        let parsed = read("a: &x [1]\nb: *x\n");
        let problems: Vec<_> = parsed.mistakes.iter().map(|m| &m.problem).collect();
        assert_eq!(problems, [&Problem::Anchor, &Problem::Alias]);
        assert_eq!(parsed.root, None);
    }

    #[test]
    fn of_doubled_keys_the_first_counts() {
        let parsed = read("a: 1\nb: 2\na: 3\n");
        let expected = Mistake {
            place: (3, 1),
            problem: Problem::DoubledKey {
                key: "a".to_owned(),
                first_line: 1,
            },
        };
        assert_eq!(parsed.mistakes, [expected]);
        let root = parsed.root.unwrap();
        assert_eq!(root.to_json().unwrap(), json!({"a": 1, "b": 2}));
    }

    #[test]
    fn a_quoted_scalar_is_text() {
        let root = read("\"null\"").root.unwrap();
        assert!(!root.is_null());
        assert_eq!(root.to_json(), Ok(json!("null")));
        assert_eq!(root.describe(str::to_owned), "\"null\"");
    }

    proptest! {
        #[test]
        fn any_text_is_read_within_its_bounds(text in "[ -~\n]{0,80}") {
            let parsed = read(&text);
            prop_assert!(parsed.mistakes.iter().all(|mistake| mistake.place.0 <= 81));
        }

        #[test]
        fn json_is_yaml_and_keeps_its_value(
            keys in prop::collection::btree_map("[a-z]{1,4}", -5_i64..5, 0..5)
        ) {
            let value = json!(keys);
            let root = read(&value.to_string()).root.unwrap();
            prop_assert_eq!(root.to_json().unwrap(), value.clone());
            let again = Node::from_json(&value, (0, 0));
            prop_assert_eq!(again.to_json().unwrap(), value);
        }
    }
}
