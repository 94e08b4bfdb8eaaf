//! Sizes by the hub's way of counting: bytes of keys and strings (control characters are free), 8 a
//! number, 4 a boolean; punctuation, `$metadata` and `$version` are free.
//!
//! Leaves are kept as the text that came, so what is free needs a bound as well: a fraction of a
//! hundred thousand digits, or an array of as many empty arrays. No leaf counts less than
//! one byte for every [`TEXT_BYTES_FREE`] of its text; what clients print stays below that.

use super::patch::{Patch, PatchNode};
use super::tree::{Members, Value};
use crate::json::{Reader, Token, unquote};

/// What a key or a string counts.
pub(crate) fn of_string(text: &str) -> usize {
    text.chars()
        .filter(|character| !character.is_control())
        .map(char::len_utf8)
        .sum()
}

/// What a leaf counts: a scalar or a whole array, from its JSON text.
pub(crate) fn of_leaf(text: &str) -> usize {
    let mut reader = Reader::new(text);
    let mut size = 0;
    while let Some(token) = reader.next() {
        size += match token {
            Token::String(token) => unquote(token).map_or(token.len(), |text| of_string(&text)),
            Token::Number(_) => 8,
            Token::Bool(_) => 4,
            Token::Null
            | Token::BeginObject
            | Token::EndObject
            | Token::BeginArray
            | Token::EndArray => 0,
        };
    }
    size.max(text.len() / TEXT_BYTES_FREE)
}

/// What a stored value counts.
pub(crate) fn of_value(value: Value<'_>) -> usize {
    match value {
        Value::Leaf(text) => of_leaf(text),
        Value::Object(members) => of_members(members),
    }
}

/// What the members of an object count.
pub(crate) fn of_members(members: Members<'_>) -> usize {
    let of_member = members
        .into_iter()
        .map(|member| of_string(member.key) + of_value(member.node.value));
    of_member.sum()
}

/// What a patch counts once it is stored where nothing was: its nulls go.
pub(crate) fn of_patch(patch: &Patch) -> usize {
    let of_entry = |(key, node): &(_, PatchNode)| match node {
        PatchNode::Null => 0,
        node => of_string(key as &smol_str::SmolStr) + of_patch_node(node),
    };
    patch.entries().iter().map(of_entry).sum()
}

/// What one value of a patch counts, likewise.
pub(crate) fn of_patch_node(node: &PatchNode) -> usize {
    match node {
        PatchNode::Null => 0,
        PatchNode::Leaf(text) => of_leaf(text),
        PatchNode::Object(patch) => of_patch(patch),
    }
}

/// More than the longest escape of a counted byte (`\u0041`), and more than any other token that
/// counts has for each byte that it counts.
const TEXT_BYTES_FREE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_count_by_the_hubs_rule() {
        let cases = [
            ("1", 8),
            ("-1.5e3", 8),
            ("true", 4),
            ("false", 4),
            (r#""""#, 0),
            (r#""abc""#, 3),
            (r#""é€""#, 5),
            (r#""a\nb\u0001\u0085""#, 2),
            (r#"["ab",1,true,[2]]"#, 22),
            (r#"[{"key":"v"}]"#, 4),
        ];
        for (text, expected) in cases {
            assert_eq!(of_leaf(text), expected, "{text}");
        }
    }

    /// A fraction of 250 KB counted 8 bytes and `[[],[],…]` nothing, so a device could keep gigabytes
    /// in a section of 32 KB, one patch at a time.
    #[test]
    fn no_leaf_is_almost_free() {
        let digits = format!("0.{}", "1".repeat(79_998));
        let empty = format!("[{}[]]", "[],".repeat(26_666));
        let controls = format!("\"{}\"", "\\u0001".repeat(4096));
        for (text, least) in [(digits, 10_000), (empty, 10_000), (controls, 3072)] {
            assert!(of_leaf(&text) >= least, "{}", of_leaf(&text));
        }
        for text in [r#""\u0041\u0042""#, "1.7976931348623157e308", "[[],[]]"] {
            assert!(of_leaf(text) <= 8, "{text}");
        }
    }
}
