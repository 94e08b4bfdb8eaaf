//! Which device ids a condition leaves: sets of ids as ranges of text.
//!
//! A set may hold more than what matches, never less: whoever uses it still asks the condition.

use super::ast::{Constant, Expression, Operator};
use super::functions::Function;
use super::path::{Path, Root};

/// Device ids as ranges: ascending, apart from each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdRanges(Vec<IdRange>);

/// From `start` on, up to `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdRange {
    start: Box<str>,
    end: End,
}

/// Where a range ends. The order is that of the ends themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// This text is the last one in it.
    With(Box<str>),
    /// Everything that begins with this text is in it.
    WithPrefix(Box<str>),
    Never,
}

impl IdRange {
    /// Where to begin looking: no id of the range is smaller.
    pub fn start(&self) -> &str {
        &self.start
    }

    /// Whether `id` lies behind the range, and so does every larger one.
    pub fn is_passed_by(&self, id: &str) -> bool {
        match &self.end {
            End::With(last) => id > &**last,
            End::WithPrefix(prefix) => id > &**prefix && !id.starts_with(&**prefix),
            End::Never => false,
        }
    }

    fn contains(&self, id: &str) -> bool {
        id >= &*self.start && !self.is_passed_by(id)
    }

    /// The one id it holds, if it is one.
    pub fn single(&self) -> Option<&str> {
        match &self.end {
            End::With(last) if *last == self.start => Some(last),
            End::With(_) | End::WithPrefix(_) | End::Never => None,
        }
    }
}

impl IdRanges {
    /// Every id.
    pub(super) fn all() -> Self {
        Self(vec![IdRange {
            start: "".into(),
            end: End::Never,
        }])
    }

    /// The ids for which `condition` can be true.
    pub(super) fn of(condition: &Expression) -> Self {
        match condition {
            Expression::All(parts) => parts
                .iter()
                .map(Self::of)
                .fold(Self::all(), |one, other| one.and(&other)),
            Expression::Any(parts) => Self::union(parts.iter().map(Self::of)),
            Expression::Compare(left, operator, right) => match (&**left, &**right) {
                (Expression::Path(path), Expression::Constant(Constant::Text(text))) => {
                    Self::of_comparison(path, *operator, text)
                }
                (Expression::Constant(Constant::Text(text)), Expression::Path(path)) => {
                    Self::of_comparison(path, operator.mirrored(), text)
                }
                _ => Self::all(),
            },
            Expression::In(operand, constants) => match &**operand {
                Expression::Path(path) if is_device_id(path) => {
                    Self::union(constants.texts().iter().map(|text| Self::single(text)))
                }
                _ => Self::all(),
            },
            Expression::Call(Function::StartsWith, arguments) => match &**arguments {
                [
                    Expression::Path(path),
                    Expression::Constant(Constant::Text(prefix)),
                ] if is_device_id(path) => Self(vec![IdRange {
                    start: prefix.clone(),
                    end: End::WithPrefix(prefix.clone()),
                }]),
                _ => Self::all(),
            },
            Expression::Constant(_)
            | Expression::Path(_)
            | Expression::List(_)
            | Expression::Call(..)
            | Expression::IsDefined(_)
            | Expression::Sign(..)
            | Expression::Arithmetic(..)
            | Expression::Not(_)
            | Expression::InList(..) => Self::all(),
        }
    }

    fn of_comparison(path: &Path, operator: Operator, text: &str) -> Self {
        if !is_device_id(path) {
            return Self::all();
        }
        let (start, end) = match operator {
            Operator::Equal => return Self::single(text),
            Operator::NotEqual => return Self::all(),
            Operator::Less | Operator::LessOrEqual => ("", End::With(text.into())),
            Operator::Greater | Operator::GreaterOrEqual => (text, End::Never),
        };
        Self(vec![IdRange {
            start: start.into(),
            end,
        }])
    }

    fn single(id: &str) -> Self {
        Self(vec![IdRange {
            start: id.into(),
            end: End::With(id.into()),
        }])
    }

    /// What is in both. A range that began before stays whole if it cannot be cut at a text.
    fn and(&self, other: &Self) -> Self {
        // The side with single ids is cut exactly, which is the case that pays.
        let (narrow, wide) = if self.is_singles() || !other.is_singles() {
            (self, other)
        } else {
            (other, self)
        };
        if narrow.is_singles() {
            let kept = narrow.0.iter().filter(|range| wide.contains(&range.start));
            return Self(kept.cloned().collect());
        }
        match (&*narrow.0, &*wide.0) {
            ([one], [other]) => Self::of_both(one, other),
            _ => narrow.clone(),
        }
    }

    fn of_both(one: &IdRange, other: &IdRange) -> Self {
        let start = (&one.start).max(&other.start).clone();
        let end = if one.end.is_before(&other.end) {
            &one.end
        } else {
            &other.end
        };
        let both = IdRange {
            start,
            end: end.clone(),
        };
        if both.is_passed_by(&both.start) {
            return Self(Vec::new());
        }
        Self(vec![both])
    }

    fn union(sets: impl Iterator<Item = Self>) -> Self {
        let mut ranges: Vec<IdRange> = sets.flat_map(|set| set.0).collect();
        ranges.sort_by(|one, other| one.start.cmp(&other.start));
        let mut apart: Vec<IdRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match apart.last_mut() {
                Some(last) if last.contains(&range.start) => {
                    if last.end.is_before(&range.end) {
                        last.end = range.end;
                    }
                }
                _ => apart.push(range),
            }
        }
        Self(apart)
    }

    fn is_singles(&self) -> bool {
        self.0.iter().all(|range| range.single().is_some())
    }

    /// Whether `id` is in it.
    pub fn contains(&self, id: &str) -> bool {
        let after = self.0.partition_point(|range| &*range.start <= id);
        after > 0 && self.0[after - 1].contains(id)
    }

    /// The ranges, ascending and apart from each other.
    pub fn as_slice(&self) -> &[IdRange] {
        &self.0
    }

    /// The ids, if it is a set of single ones.
    pub fn singles(&self) -> Option<Vec<&str>> {
        self.0.iter().map(IdRange::single).collect()
    }

    /// Only those single ids that `keep` says; ranges stay.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        let is_kept = |range: &&IdRange| range.single().is_none_or(&keep);
        Self(self.0.iter().filter(is_kept).cloned().collect())
    }
}

impl End {
    /// Whether every text behind `other` is behind `self` too, and some text before it is.
    fn is_before(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Never, _) => false,
            (_, Self::Never) => true,
            (Self::With(one), Self::With(other)) => one < other,
            (Self::With(one), Self::WithPrefix(prefix)) => {
                one < prefix || one.starts_with(&**prefix)
            }
            (Self::WithPrefix(prefix), Self::With(other)) => {
                prefix < other && !other.starts_with(&**prefix)
            }
            (Self::WithPrefix(one), Self::WithPrefix(other)) => {
                one.starts_with(&**other) && one != other
                    || one < other && !other.starts_with(&**one)
            }
        }
    }
}

fn is_device_id(path: &Path) -> bool {
    path.root == Root::DeviceId && path.steps.is_empty()
}

impl Operator {
    /// The comparison with its sides exchanged.
    fn mirrored(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::NotEqual => Self::NotEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

impl std::fmt::Display for IdRanges {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(singles) = self.singles() {
            return match &*singles {
                [] => write!(out, "nothing: no device id can match"),
                [id] => write!(out, "look-up of device {id:?}"),
                ids => write!(out, "look-up of {} devices", ids.len()),
            };
        }
        for (place, range) in self.0.iter().enumerate() {
            out.write_str(if place == 0 { "" } else { ", then " })?;
            match (range.single(), &range.end, &*range.start) {
                (Some(id), ..) => write!(out, "look-up of device {id:?}")?,
                (None, End::Never, "") => write!(out, "scan of all devices")?,
                (None, End::Never, start) => write!(out, "scan of devices from {start:?} on")?,
                (None, End::With(end), "") => write!(out, "scan of devices up to {end:?}")?,
                (None, End::With(end), start) => {
                    write!(out, "scan of devices from {start:?} to {end:?}")?;
                }
                (None, End::WithPrefix(prefix), start) if *start == **prefix => {
                    write!(out, "scan of devices that begin with {prefix:?}")?;
                }
                (None, End::WithPrefix(prefix), start) => {
                    write!(
                        out,
                        "scan of devices from {start:?} to those that begin with {prefix:?}"
                    )?;
                }
            }
        }
        Ok(())
    }
}
