//! What a seed asks for: identities and configurations as the service's JSON texts, each with its
//! place; and templates, which stand for many.

use std::fmt::Write as _;

use super::place::{Mistake, Place, shown};

/// A seed, read and not yet checked by the rules of the hub.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) devices: Vec<DeviceEntry>,
    pub(super) configurations: Vec<Entry>,
}

/// One thing.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) id: String,
    /// A JSON object, as the service would send it.
    pub(super) text: String,
}

/// A device with its modules, or as many as its numbers.
#[derive(Debug)]
pub(super) struct DeviceEntry {
    pub(super) entry: Entry,
    pub(super) modules: Vec<Entry>,
    pub(super) numbers: Option<Numbers>,
}

/// The numbers of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) first: u64,
    pub(super) count: u64,
}

impl DeviceEntry {
    /// How many identities it makes at least.
    pub(super) fn identities(&self) -> u64 {
        let each = 1 + self.modules.len() as u64;
        self.numbers
            .map_or(1, |numbers| numbers.count)
            .saturating_mul(each)
    }

    /// The number of each device, or nothing for the one of an entry without numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Option<u64>> + use<> {
        let Numbers { first, count } = self.numbers.unwrap_or(Numbers { first: 0, count: 1 });
        let is_template = self.numbers.is_some();
        (first..first.saturating_add(count)).map(move |number| is_template.then_some(number))
    }

    /// A template whose devices would all have one name is a mistake.
    pub(super) fn check_numbers(&self) -> Result<(), Mistake> {
        let Entry { place, id, .. } = &self.entry;
        if self.numbers.is_some() && numbered(id, Some(0)) == numbered(id, Some(1)) {
            let message = format!(
                "every device would be called {}: put {{n}} into the id",
                shown(id)
            );
            return Err(place.mistake(message));
        }
        Ok(())
    }
}

/// The text with `{n}` and `{n:04}` (padded with zeros to so many digits) as the number; as it is
/// without one.
pub(super) fn numbered(text: &str, number: Option<u64>) -> String {
    let Some(number) = number else {
        return text.to_owned();
    };
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find("{n") {
        let (before, placeholder) = rest.split_at(start);
        out.push_str(before);
        if let Some((width, bytes)) = width(placeholder) {
            write!(out, "{number:0width$}").expect("a String takes any text");
            rest = &placeholder[bytes..];
        } else {
            out.push_str("{n");
            rest = &placeholder[2..];
        }
    }
    out.push_str(rest);
    out
}

/// The digits and the bytes of the placeholder at the start of a text.
fn width(text: &str) -> Option<(usize, usize)> {
    let inside = text.strip_prefix("{n")?;
    if inside.starts_with('}') {
        return Some((0, 3));
    }
    let digits = inside.strip_prefix(":0")?;
    let end = digits.find('}')?;
    let width: usize = digits[..end].parse().ok()?;
    (width <= WIDTH_MAX).then_some((width, "{n:0".len() + end + 1))
}

const WIDTH_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn numbers_stand_where_the_template_says() {
        // ADM-8
        for (text, number, expected) in [
            ("dev-{n}", Some(7), "dev-7"),
            ("dev-{n:04}/{n}", Some(7), "dev-0007/7"),
            ("dev-{n:02}", Some(1234), "dev-1234"),
            ("dev-{n}", None, "dev-{n}"),
            ("{n:4}{n{m}{nn}", Some(7), "{n:4}{n{m}{nn}"),
            ("{n:099}", Some(7), "{n:099}"),
            ("ä{n}", Some(7), "ä7"),
        ] {
            assert_eq!(numbered(text, number), expected, "{text}");
        }
    }
}
