//! Shapes: the keys of a section, in their order and nesting, apart from the values.
//!
//! The twins of a fleet have the same keys, so they share what says them. Whoever writes a twin has its
//! [`Shapes`] share the new shapes; a twin of which nobody does that has shapes of its own, and nothing
//! but the memory tells the difference. Knows nothing of values or stamps.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// The shape of one section; see [`tree`](super::tree) for what its text says. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape(Option<Arc<Keys>>);

/// The text of a shape that is not empty.
#[derive(Debug)]
struct Keys {
    /// Of the text, so that a table that grows need not read it again.
    hash: u64,
    text: Box<str>,
}

/// The shapes of a shard's twins, each once.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    known: HashSet<Entry>,
    /// What the known ones take, whether a section still has them or not.
    bytes: usize,
    /// What they took when those that no section had were taken out.
    bytes_used: usize,
}

#[derive(Debug)]
struct Entry(Arc<Keys>);

impl Shape {
    pub(super) fn new(text: String) -> Self {
        if text.is_empty() {
            return Self(None);
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(Some(Arc::new(Keys {
            hash: hasher.finish(),
            text: text.into_boxed_str(),
        })))
    }

    /// What [`tree`](super::tree) reads.
    pub(super) fn text(&self) -> &str {
        self.0.as_ref().map_or("", |keys| &keys.text)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether both are one and the same in memory; equal shapes need not be.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Whether nobody else has it, so that it is new.
    pub(super) fn is_alone(&self) -> bool {
        let keys = self.0.as_ref();
        keys.is_some_and(|keys| Arc::strong_count(keys) == 1)
    }
}

impl Shapes {
    /// Puts the known shape in place of one that is equal to it.
    pub(super) fn share(&mut self, shape: &mut Shape) {
        let Some(keys) = &mut shape.0 else { return };
        let entry = Entry(Arc::clone(keys));
        if let Some(known) = self.known.get(&entry) {
            keys.clone_from(&known.0);
            return;
        }
        self.bytes += bytes_of(keys);
        self.known.insert(entry);
        if self.bytes > 2 * self.bytes_used + UNUSED_BYTES {
            self.known.retain(|entry| Arc::strong_count(&entry.0) > 1);
            self.bytes = self.known.iter().map(|entry| bytes_of(&entry.0)).sum();
            self.bytes_used = self.bytes;
            self.known.shrink_to(2 * self.known.len());
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash && self.0.text == other.0.text
    }
}

impl Eq for Entry {}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash.hash(state);
    }
}

fn bytes_of(keys: &Keys) -> usize {
    keys.text.len() + KEYS_BYTES
}

/// What a shape takes beside its text: two allocations and its place in the table.
const KEYS_BYTES: usize = 96;
/// What shapes may take that no section has, beside as much as those that some section has.
const UNUSED_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shapes_are_shared_once_they_are_known() {
        let mut shapes = Shapes::default();
        let [mut one, mut other] = [(); 2].map(|()| Shape::new("\u{1}a\0".to_owned()));
        assert!(one.is_alone() && !one.is(&other));
        shapes.share(&mut one);
        shapes.share(&mut other);
        assert!(!one.is_alone() && one.is(&other));
        assert_eq!((shapes.len(), one.text()), (1, "\u{1}a\0"));
    }

    /// A device that invents keys for ever must not fill the memory.
    #[test]
    fn shapes_that_no_section_has_are_forgotten() {
        let mut shapes = Shapes::default();
        let mut kept = Shape::new("kept".to_owned());
        shapes.share(&mut kept);
        for number in 0..100_000 {
            shapes.share(&mut Shape::new(format!("{number:0>900}")));
            assert!(shapes.len() <= 80, "{} shapes", shapes.len());
        }
        let mut again = Shape::new("kept".to_owned());
        shapes.share(&mut again);
        assert!(again.is(&kept));
    }
}
