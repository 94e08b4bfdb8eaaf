//! Indexes: which devices may have which value at a path.
//!
//! An index may name devices that do not have the value, or not any more; it never leaves one out that
//! has it. So whoever uses it still asks the condition, and nothing ever needs to be taken out in time.
//! Values are known by their hashes alone, for the same reason.
//!
//! A value that many devices have is not worth an index: a scan finds them soon. So for each value an
//! index holds few devices or none, whatever the size of the hub.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hub_proto::ids::DeviceId;

use super::ast::{Constant, Expression, Operator, Query};
use super::path::{Path, Root, Step};
use super::row::Row;
use super::value::Value;

/// A path, and the values one of which a row must have there to match.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sought {
    path: Path,
    values: Vec<u64>,
}

/// The devices that may have a value at one path, by value.
#[derive(Debug)]
pub(crate) struct Index {
    path: Path,
    by_value: HashMap<u64, Devices>,
    /// How many devices it names, by all values together.
    named: usize,
    /// How many it names for one value at most.
    few: usize,
}

/// The devices that may have one value.
#[derive(Debug)]
enum Devices {
    /// Most values of a path with a value for each device are one's own.
    One(DeviceId),
    /// In order.
    Few(Vec<DeviceId>),
    /// More than it would name.
    Many,
}

/// What [`Index::add`] comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in, or need not be.
    Done,
    /// There is no room for more with this value. Those that do not have it any more are to go.
    Full,
}

impl Query {
    /// The paths of which an index may save it a scan.
    pub(crate) fn sought(&self) -> &[Sought] {
        &self.sought
    }
}

impl Sought {
    /// What a condition looks for, of each part that must be true.
    pub(super) fn of(condition: &Expression) -> Vec<Self> {
        let sought = match condition {
            Expression::All(parts) => return parts.iter().flat_map(Self::of).collect(),
            Expression::Compare(left, Operator::Equal, right) => match (&**left, &**right) {
                (Expression::Path(path), Expression::Constant(constant))
                | (Expression::Constant(constant), Expression::Path(path)) => {
                    Self::at(path, [Value::of_constant(constant)].iter())
                }
                _ => None,
            },
            Expression::In(operand, constants) => match &**operand {
                Expression::Path(path) => {
                    let constants: Vec<Constant> = constants.iter().collect();
                    let values: Vec<Value<'_>> = constants.iter().map(Value::of_constant).collect();
                    Self::at(path, values.iter())
                }
                _ => None,
            },
            _ => None,
        };
        sought.into_iter().collect()
    }

    fn at<'a>(path: &Path, values: impl Iterator<Item = &'a Value<'a>>) -> Option<Self> {
        let sought = Self {
            path: path.clone(),
            values: values.filter_map(hash_of).collect(),
        };
        (is_kept_in_step(path) && sought.values.len() <= VALUES_MAX).then_some(sought)
    }
}

impl fmt::Display for Sought {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(out)
    }
}

/// Whether every change of what the path leads to is a fact that a shard tells of.
fn is_kept_in_step(path: &Path) -> bool {
    match path.root {
        Root::Status | Root::ConnectionState => path.steps.is_empty(),
        Root::Tags | Root::Desired | Root::Reported => {
            // Metadata has values of its own, which nobody looks for.
            matches!(path.steps.first(), Some(Step::Key(key)) if !key.starts_with('$'))
        }
        _ => false,
    }
}

impl Index {
    /// An index of no device, for the path of `sought`. It names up to `few` devices for one value.
    pub(crate) fn new(sought: &Sought, few: usize) -> Self {
        Self {
            path: sought.path.clone(),
            by_value: HashMap::new(),
            named: 0,
            few,
        }
    }

    /// Whether it is about the path of `sought`.
    pub(crate) fn is_of(&self, sought: &Sought) -> bool {
        self.path == sought.path
    }

    /// How many devices it names, by all values together.
    pub(crate) fn named(&self) -> usize {
        self.named
    }

    /// The value of a row; `None` if it has none that anything equals.
    pub(crate) fn value_of(&self, row: Row<'_>) -> Option<u64> {
        hash_of(&row.value_at(&self.path))
    }

    /// Names a device whose row has this value; see [`Self::value_of`].
    pub(crate) fn add(&mut self, device: &DeviceId, value: u64) -> Added {
        let Some(devices) = self.by_value.get_mut(&value) else {
            self.named += 1;
            self.by_value.insert(value, Devices::One(device.clone()));
            return Added::Done;
        };
        match devices {
            Devices::Many => {}
            Devices::One(one) if one == device => {}
            Devices::One(one) => {
                let mut few = vec![one.clone(), device.clone()];
                few.sort_unstable();
                *devices = Devices::Few(few);
                self.named += 1;
            }
            Devices::Few(few) => {
                if let Err(place) = few.binary_search(device) {
                    if few.len() >= self.few {
                        return Added::Full;
                    }
                    few.insert(place, device.clone());
                    self.named += 1;
                }
            }
        }
        Added::Done
    }

    /// Keeps of the devices with a value those that `has_it`; if hardly any goes, the value is one of
    /// many devices from here on.
    pub(crate) fn retain(&mut self, value: u64, mut has_it: impl FnMut(&Self, &DeviceId) -> bool) {
        let Some(Devices::Few(mut few)) = self.by_value.remove(&value) else {
            return;
        };
        self.named -= few.len();
        few.retain(|device| has_it(self, device));
        let devices = if few.len() > self.few / 2 {
            Devices::Many
        } else {
            self.named += few.len();
            Devices::Few(few)
        };
        self.by_value.insert(value, devices);
    }

    /// The devices that may have one of the values; `None` if those are many.
    pub(crate) fn devices(&self, sought: &Sought) -> Option<Vec<&DeviceId>> {
        let mut devices = Vec::new();
        for value in &sought.values {
            match self.by_value.get(value) {
                None => {}
                Some(Devices::One(one)) => devices.push(one),
                Some(Devices::Few(few)) => devices.extend(few),
                Some(Devices::Many) => return None,
            }
        }
        (devices.len() <= 2 * self.few).then_some(devices)
    }
}

/// Equal values have equal hashes. What nothing equals has none.
fn hash_of(value: &Value<'_>) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Null => 0_u8.hash(&mut hasher),
        Value::Bool(value) => (1_u8, value).hash(&mut hasher),
        // `+ 0.0` makes 0 of -0.
        Value::Number(number) => (2_u8, (number + 0.0).to_bits()).hash(&mut hasher),
        Value::Text(text) => (3_u8, &**text).hash(&mut hasher),
        Value::Undefined | Value::Compound(_) | Value::List(_) => return None,
    }
    Some(hasher.finish())
}

/// Longer lists are looked through by a scan.
const VALUES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(condition: &str) -> Vec<String> {
        let query = Query::parse(&format!("SELECT * FROM devices WHERE {condition}")).unwrap();
        query.sought().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_index_is_worth_it_for_what_must_equal_a_constant() {
        let cases: [(&str, &[&str]); 11] = [
            ("connectionState = 'Disconnected'", &["connectionState"]),
            ("'enabled' = Status AND tags.a = 1", &["status", "tags.a"]),
            (
                "properties.reported.a.[[b c]] IN ['x', null]",
                &["properties.reported.a.b c"],
            ),
            (
                "properties.desired.a[0] = true",
                &["properties.desired.a[0]"],
            ),
            ("tags.a = 1 OR tags.b = 1", &[]),
            ("tags.a != 1", &[]),
            ("NOT tags.a = 1", &[]),
            ("tags.a = tags.b", &[]),
            ("tags = 1", &[]),
            ("properties.reported.$version = 1", &[]),
            ("version = 1 AND lastActivityTime = 'x'", &[]),
        ];
        for (condition, expected) in cases {
            assert_eq!(sought(condition), expected, "{condition}");
        }
    }
}
