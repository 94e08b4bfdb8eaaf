//! The properties of a message as they came in: measured, and read by whoever wants to know.
//!
//! Most bags are kept and never looked at. One text takes one allocation, where a
//! [`PropertyBag`] takes two a property.

use crate::percent;
use crate::property_bag::{PropertyBag, is_system_key};

/// A bag that is not read yet. Compares as text: `%41=1` and `A=1` are two bags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawBag {
    text: Box<str>,
    size_bytes: usize,
}

impl RawBag {
    /// Takes a bag as it stands in a topic. Any text is one.
    pub fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            size_bytes: text.split('&').map(part_bytes).sum(),
        }
    }

    /// The same bag with an application property behind the others. Name and value need no escapes.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        let apart = if self.text.is_empty() { "" } else { "&" };
        Self {
            text: format!("{}{apart}{name}={value}", self.text).into(),
            size_bytes: self.size_bytes + name.len() + value.len(),
        }
    }

    /// The text, still percent-encoded.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As [`PropertyBag::size_bytes`] counts.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Reads it.
    pub fn read(&self) -> PropertyBag {
        PropertyBag::parse(&self.text)
    }
}

/// What one property counts.
fn part_bytes(part: &str) -> usize {
    let (key, value) = part.split_once('=').unwrap_or((part, ""));
    let key_bytes = percent::with_decoded(key, |key| match key {
        key if is_system_key(key) => Some(0),
        "" => None,
        key => Some(key.len()),
    });
    // A property without a name is none.
    key_bytes.map_or(0, |bytes| bytes + percent::with_decoded(value, str::len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_property_is_put_behind_the_others() {
        let bag = RawBag::new("%24.mid=m1&a=1&").with("mqtt-dup", "true");
        let read = bag.read();
        assert_eq!(read.system, [("$.mid".to_owned(), "m1".to_owned())]);
        let dup = ("mqtt-dup".to_owned(), Some("true".to_owned()));
        assert_eq!(read.application.last(), Some(&dup));
        assert_eq!(RawBag::default().with("a", "1").as_str(), "a=1");
    }

    proptest! {
        #[test]
        fn a_bag_counts_unread_what_it_counts_when_it_is_read(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("%24.mid=m%201".to_owned()),
                    Just("$.ct=application%2Fjson".to_owned()),
                    "[a%&=42F$.]{0,12}",
                    Just(format!("{}=%C3%A4", "long%20".repeat(40))),
                ],
                0..6,
            ),
        ) {
            let text = parts.join("&");
            let bag = RawBag::new(&text);
            prop_assert_eq!(bag.size_bytes(), bag.read().size_bytes());
            let more = bag.with("mqtt-retain", "true");
            prop_assert_eq!(more.size_bytes(), more.read().size_bytes());
        }
    }
}
