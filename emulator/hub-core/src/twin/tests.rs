//! Sections over many writes, against a tree of `serde_json` values that is written in the plain way.

use hub_proto::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::patch::{DollarKeys, Patch};
use super::section::Section;
use super::shape::Shapes;
use super::size;
use super::tree::{Members, Value};
use crate::json::{Reader, check};
use crate::limits::Limits;

fn patch(text: &str) -> Patch {
    let text = check(text.as_bytes()).unwrap();
    let limits = Limits::default();
    Patch::read(&mut Reader::new(text), "tags", DollarKeys::Refuse, &limits).unwrap()
}

/// Counts who carries which stamp, by looking at every node.
fn carried(members: Members<'_>, stamps: &mut Vec<u32>) {
    for member in members {
        stamps.push(member.node.stamp().version);
        carried(member.node.members(), stamps);
    }
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["null", "1", "\"é\"", "[1,2]", "{}"]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop::sample::select(vec!["a", "b", "c", "è"]);
        prop::collection::btree_map(key, inner, 0..4).prop_map(|members| {
            let members = members
                .iter()
                .map(|(key, value)| format!("\"{key}\":{value}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        })
    })
}

proptest! {
    /// A number that were free too early would give nodes the stamp of a later write, one that
    /// were free too late would let a section grow with every write.
    #[test]
    fn a_section_holds_the_stamps_that_its_nodes_carry(
        writes in prop::collection::vec((value(), prop::bool::weighted(0.1)), 1..20)
    ) {
        let mut section = Section::new(Timestamp::NEVER);
        let mut nodes_most = 0;
        for (second, (text, is_put)) in writes.iter().enumerate() {
            let at = Timestamp::from_unix_seconds(i64::try_from(second).unwrap());
            let patch = patch(&format!("{{\"top\":{text}}}"));
            let new = if *is_put {
                section.replaced(&patch, at)
            } else {
                section.merged(&patch, at)
            };
            section = new.unwrap_or(section);
            let mut versions = Vec::new();
            carried(section.members(), &mut versions);
            nodes_most = nodes_most.max(versions.len());
            prop_assert!(section.members().stamps.len() <= nodes_most + 1);
            versions.sort_unstable();
            versions.dedup();
            let mut said: Vec<u32> = section.members().versions().collect();
            said.sort_unstable();
            prop_assert_eq!(versions, said);
            prop_assert_eq!(section.size(), size::of_members(section.members()));
        }
    }
}

/// What a merge patch does to a tree of values.
fn merge(tree: &mut Json, patch: &Json) {
    let (Json::Object(members), Json::Object(patch)) = (&mut *tree, patch) else {
        *tree = without_nulls(patch);
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            members.remove(key);
        } else if value.is_object() && members.get(key).is_some_and(Json::is_object) {
            merge(&mut members[key], value);
        } else {
            members.insert(key.clone(), without_nulls(value));
        }
    }
}

fn without_nulls(value: &Json) -> Json {
    let Json::Object(members) = value else {
        return value.clone();
    };
    let kept = members.iter().filter(|(_, value)| !value.is_null());
    kept.map(|(key, value)| (key.clone(), without_nulls(value)))
        .collect::<Map<_, _>>()
        .into()
}

/// All of a section, member by member.
fn tree(members: Members<'_>) -> Json {
    let members = members.into_iter();
    let value = |value| match value {
        Value::Leaf(text) => serde_json::from_str(text).unwrap(),
        Value::Object(members) => tree(members),
    };
    members
        .map(|member| (member.key.to_owned(), value(member.node.value)))
        .collect::<Map<_, _>>()
        .into()
}

/// The same of what one path leads to, which is read without the rest.
fn find(members: Members<'_>, path: &[&str]) -> Option<Json> {
    let [key, below @ ..] = path else {
        return Some(tree(members));
    };
    match members.find(key)?.value {
        Value::Object(members) => find(members, below),
        Value::Leaf(text) if below.is_empty() => Some(serde_json::from_str(text).unwrap()),
        Value::Leaf(_) => None,
    }
}

proptest! {
    #[test]
    fn a_path_leads_to_what_the_whole_tree_has_there(
        writes in prop::collection::vec((value(), prop::bool::weighted(0.1)), 1..12)
    ) {
        let mut section = Section::new(Timestamp::NEVER);
        let mut expected = json!({});
        for (text, is_put) in &writes {
            let text = format!("{{\"a\":{text},\"è\":[0]}}");
            let patch = patch(&text);
            let value: Json = serde_json::from_str(&text).unwrap();
            let new = if *is_put {
                expected = without_nulls(&value);
                section.replaced(&patch, Timestamp::NEVER)
            } else {
                merge(&mut expected, &value);
                section.merged(&patch, Timestamp::NEVER)
            };
            section = new.unwrap_or(section);
            prop_assert_eq!(&tree(section.members()), &expected);
            for key in ["a", "è", "b"] {
                for below in [&[][..], &["a"], &["è"], &["b", "a"], &["a", "a", "c"]] {
                    let path = [&[key][..], below].concat();
                    let found = path.iter().try_fold(&expected, |tree, key| tree.get(key));
                    let read = find(section.members(), &path);
                    prop_assert_eq!(read.as_ref(), found);
                }
            }
        }
    }

    /// Twins share shapes whatever was written to them in which order, and what they hold is the same.
    #[test]
    fn equal_keys_are_one_shape_once_shared(writes in prop::collection::vec(value(), 1..8)) {
        let mut shapes = Shapes::default();
        let mut sections = [Section::new(Timestamp::NEVER), Section::new(Timestamp::NEVER)];
        for text in &writes {
            let patch = patch(&format!("{{\"top\":{text},\"last\":1}}"));
            for section in &mut sections {
                *section = section.merged(&patch, Timestamp::NEVER).unwrap();
                let before = tree(section.members());
                section.share_shape(&mut shapes);
                prop_assert_eq!(tree(section.members()), before);
            }
            prop_assert!(sections[0].shape().is(sections[1].shape()));
        }
        prop_assert!(shapes.len() <= writes.len());
    }
}

/// A patch of what is there writes no keys anew.
#[test]
fn a_shape_stays_while_only_values_change() {
    let section = Section::new(Timestamp::NEVER);
    let whole = patch(r#"{"a":{"b":1,"c":{}},"d":"x"}"#);
    let section = section.merged(&whole, Timestamp::NEVER).unwrap();
    let cases = [
        (r#"{"a":{"b":2}}"#, true),
        (r#"{"d":[1],"a":{"c":{}}}"#, true),
        (r#"{"d":2,"gone":null}"#, true),
        (r#"{"a":{"b":null}}"#, false),
        (r#"{"a":7}"#, false),
        (r#"{"d":{}}"#, false),
        (r#"{"a":{"c":{"e":1}}}"#, false),
        (r#"{"e":1}"#, false),
    ];
    for (text, is_same) in cases {
        let merged = section.merged(&patch(text), Timestamp::NEVER).unwrap();
        assert_eq!(merged.shape().is(section.shape()), is_same, "{text}");
        let mut expected = tree(section.members());
        merge(&mut expected, &serde_json::from_str(text).unwrap());
        assert_eq!(tree(merged.members()), expected, "{text}");
    }
}

/// What a section takes of its own is its values, two or three bytes each, and a few a stamp. Keys are
/// shared.
#[test]
fn sections_take_the_memory_they_are_said_to() {
    // Members, bytes of a key, of a string; then the size by the hub's way of counting and the
    // bytes, once after one write and once after another of a single member an hour later.
    let cases = [
        (4, 20, 230, 1000, [945, 960]),
        (24, 20, 20, 960, [581, 596]),
        (48, 10, 10, 960, [677, 692]),
    ];
    assert_eq!(size_of::<Section>(), 48);
    for (members, key_bytes, value_bytes, size, bytes) in cases {
        let value = "v".repeat(value_bytes);
        let member = |place| format!("\"{place:0>key_bytes$}\":\"{value}\"");
        let all: Vec<String> = (0..members).map(member).collect();
        let whole = patch(&format!("{{{}}}", all.join(",")));
        let section = Section::new(Timestamp::NEVER);
        let at = Timestamp::from_unix_seconds(1_700_000_000);
        let section = section.merged(&whole, at).unwrap();
        let one = patch(&format!("{{{}}}", member(0)));
        let later = Timestamp::from_unix_seconds(1_700_003_600);
        let later = section.merged(&one, later).unwrap();
        assert_eq!([section.value_bytes(), later.value_bytes()], bytes);
        assert_eq!([section.size(), later.size()], [size, size]);
    }
}
