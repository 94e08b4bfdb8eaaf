//! The twin paths somebody watches, and their values on one device.
//!
//! A whole twin per device would be paid for by every fleet; a check looks at a few paths. Applying a
//! merge patch (RFC 7396) to the value at a path alone gives what applying it to the whole document
//! and then looking up the path would give, so only these values are kept.

use serde_json::Value;

use crate::scenario::ast::Document;

/// A watched path's place in [`Watched`].
pub(super) type PathIndex = u16;

/// Every path that a check or the wave looks at, each once.
#[derive(Debug, Default)]
pub(super) struct Watched {
    paths: Vec<(Document, Vec<String>)>,
}

/// The values at the watched paths of one device; empty until the first patch touches one.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<Option<Value>>);

impl Watched {
    /// The place of a path, which is added if it is new.
    pub(super) fn index(&mut self, document: Document, path: &[String]) -> PathIndex {
        let known = |(other, keys): &(Document, Vec<String>)| *other == document && keys == path;
        let place = self.paths.iter().position(known).unwrap_or_else(|| {
            self.paths.push((document, path.to_vec()));
            self.paths.len() - 1
        });
        PathIndex::try_from(place).expect("a scenario holds fewer than 65,536 paths")
    }

    /// The document and keys at a place.
    pub(super) fn path(&self, index: PathIndex) -> (Document, &[String]) {
        let (document, keys) = &self.paths[usize::from(index)];
        (*document, keys)
    }

    /// The paths, in the order they were added.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Document, &[String])> {
        self.paths
            .iter()
            .map(|(document, keys)| (*document, keys.as_slice()))
    }

    /// Applies a merge patch of a document to the values watched in it.
    pub(super) fn apply(&self, values: &mut Values, document: Document, patch: &Value) {
        for (place, (other, keys)) in self.paths.iter().enumerate() {
            if *other != document {
                continue;
            }
            match effect_at(patch, keys) {
                Effect::Untouched => {}
                Effect::Removed => {
                    if let Some(value) = values.0.get_mut(place) {
                        *value = None;
                    }
                }
                Effect::Merged(patch) => {
                    values.0.resize_with(self.paths.len(), || None);
                    merge(&mut values.0[place], patch);
                }
            }
        }
    }
}

impl Values {
    /// The value at a watched path.
    pub(super) fn get(&self, index: PathIndex) -> Option<&Value> {
        self.0.get(usize::from(index))?.as_ref()
    }

    /// Forgets all, as with a twin that begins anew.
    pub(super) fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

enum Effect<'a> {
    Untouched,
    Removed,
    Merged(&'a Value),
}

/// What a merge patch does at a path.
fn effect_at<'a>(patch: &'a Value, keys: &[String]) -> Effect<'a> {
    let mut patch = patch;
    for key in keys {
        // Something else than an object takes the place of whatever was below.
        let Value::Object(members) = patch else {
            return Effect::Removed;
        };
        match members.get(key) {
            None => return Effect::Untouched,
            Some(Value::Null) => return Effect::Removed,
            Some(below) => patch = below,
        }
    }
    Effect::Merged(patch)
}

/// Merges a patch that is not null into a value.
fn merge(target: &mut Option<Value>, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = Some(patch.clone());
        return;
    };
    if !matches!(target, Some(Value::Object(_))) {
        *target = Some(Value::Object(serde_json::Map::new()));
    }
    let Some(Value::Object(members)) = target else {
        unreachable!("made an object just now");
    };
    for (key, change) in changes {
        if change.is_null() {
            members.remove(key);
            continue;
        }
        let mut member = members.remove(key);
        merge(&mut member, change);
        if let Some(member) = member {
            members.insert(key.clone(), member);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_a_watched_path_as_it_changes_the_document() {
        let cases = [
            (vec![json!({"a": {"b": 1}})], Some(json!(1))),
            (
                vec![json!({"a": {"b": 1}}), json!({"x": 2})],
                Some(json!(1)),
            ),
            (
                vec![json!({"a": {"b": 1}}), json!({"a": {"c": 2}})],
                Some(json!(1)),
            ),
            (
                vec![json!({"a": {"b": 1}}), json!({"a": {"b": null}})],
                None,
            ),
            (vec![json!({"a": {"b": 1}}), json!({"a": null})], None),
            (vec![json!({"a": {"b": 1}}), json!({"a": 7})], None),
            (
                vec![json!({"a": 7}), json!({"a": {"b": {"c": null}}})],
                Some(json!({})),
            ),
            (
                vec![
                    json!({"a": {"b": {"c": 1, "d": 2}}}),
                    json!({"a": {"b": {"c": null, "e": 3}}}),
                ],
                Some(json!({"d": 2, "e": 3})),
            ),
            (vec![json!({"a": {"b": [1, null]}})], Some(json!([1, null]))),
        ];
        let mut watched = Watched::default();
        let place = watched.index(Document::Reported, &["a".to_owned(), "b".to_owned()]);
        for (patches, expected) in cases {
            let mut values = Values::default();
            for patch in &patches {
                watched.apply(&mut values, Document::Reported, patch);
                watched.apply(
                    &mut values,
                    Document::Desired,
                    &json!({"a": {"b": "other"}}),
                );
            }
            assert_eq!(values.get(place), expected.as_ref(), "{patches:?}");
        }
    }
}
