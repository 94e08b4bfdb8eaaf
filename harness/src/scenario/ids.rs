//! The ids of a cohort's devices: `pump-{n}`, `pump-{n:4}`.

/// A pattern of ids: something before the device's number, the number, something after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPattern {
    before: String,
    /// How many digits the number has at least; `None` if the id holds no number.
    digits: Option<usize>,
    after: String,
}

impl IdPattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((before, rest)) = text.split_once('{') else {
            if text.contains('}') {
                return Err("has a `}` without its `{`".to_owned());
            }
            return Ok(Self {
                before: text.to_owned(),
                digits: None,
                after: String::new(),
            });
        };
        let (place, after) = rest
            .split_once('}')
            .ok_or_else(|| "has a `{` without its `}`".to_owned())?;
        let digits = match place.split_once(':') {
            None if place == "n" => Some(1),
            Some(("n", width)) => width.parse().ok().filter(|width| (1..=9).contains(width)),
            _ => None,
        };
        if digits.is_none() {
            return Err(format!(
                "has {{{place}}}, which is neither {{n}} nor {{n:1}} to {{n:9}}"
            ));
        }
        if before.contains('}') || after.contains(['{', '}']) {
            return Err("has more than one pair of braces".to_owned());
        }
        Ok(Self {
            before: before.to_owned(),
            digits,
            after: after.to_owned(),
        })
    }

    /// Whether ids differ by their number.
    pub fn is_numbered(&self) -> bool {
        self.digits.is_some()
    }

    /// The id of device `number`, counted from 1.
    pub fn id(&self, number: u32) -> String {
        let Self { before, after, .. } = self;
        match self.digits {
            Some(digits) => format!("{before}{number:0digits$}{after}"),
            None => before.clone(),
        }
    }

    /// The number of the device with that id; 1 if ids hold no number.
    pub fn number(&self, id: &str) -> Option<u32> {
        let middle = id
            .strip_prefix(self.before.as_str())?
            .strip_suffix(self.after.as_str())?;
        let number = match self.digits {
            Some(_) if middle.bytes().all(|byte| byte.is_ascii_digit()) => middle.parse().ok()?,
            Some(_) => return None,
            None => 1,
        };
        (number > 0 && self.id(number) == id).then_some(number)
    }

    /// Whether an id of one could be an id of the other, judged by what frames the number.
    pub(super) fn may_meet(&self, other: &Self) -> bool {
        let starts = |one: &str, other: &str| one.starts_with(other) || other.starts_with(one);
        let ends = |one: &str, other: &str| one.ends_with(other) || other.ends_with(one);
        match (self.digits, other.digits) {
            (Some(_), Some(_)) => {
                starts(&self.before, &other.before) && ends(&self.after, &other.after)
            }
            (None, _) => other.number(&self.before).is_some(),
            (_, None) => self.number(&other.before).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbered_from_their_pattern_and_back() {
        for (pattern, number, id) in [
            ("pump-{n}", 1, "pump-1"),
            ("pump-{n:4}", 12, "pump-0012"),
            ("pump-{n:2}", 123, "pump-123"),
            ("{n}", 7, "7"),
            ("a{n}b", 10, "a10b"),
            ("gateway", 1, "gateway"),
        ] {
            let pattern = IdPattern::parse(pattern).unwrap();
            assert_eq!(pattern.id(number), id);
            assert_eq!(pattern.number(id), Some(number));
        }
    }

    #[test]
    fn an_id_of_another_form_has_no_number() {
        let pattern = IdPattern::parse("pump-{n:2}").unwrap();
        for id in [
            "pump-1",
            "pump-00",
            "pump-",
            "pump-+1",
            "pump-001",
            "tap-01",
            "pump-99999999999",
        ] {
            assert_eq!(pattern.number(id), None, "{id}");
        }
    }

    #[test]
    fn a_pattern_has_one_place_for_the_number() {
        for text in [
            "{", "}", "a}b{n}", "{m}", "{n:0}", "{n:x}", "{n}{n}", "{n:10}", "{}",
        ] {
            assert!(IdPattern::parse(text).is_err(), "{text}");
        }
    }
}
