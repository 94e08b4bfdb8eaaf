//! A query that was read.

use super::constants::ConstantSet;
use super::functions::Function;
use super::index::Sought;
use super::path::{Path, Root};
use super::ranges::IdRanges;

/// A query that was read: `SELECT … FROM … [WHERE …] [GROUP BY …]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(super) selection: Selection,
    pub(super) top: Option<u64>,
    pub(super) collection: Collection,
    /// `None`: every row.
    pub(super) condition: Option<Expression>,
    /// Outside of these device ids nothing can match.
    pub(super) ids: IdRanges,
    /// What else it looks for that an index may know.
    pub(super) sought: Vec<Sought>,
}

/// What a query looks through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// `devices`: the twins of devices.
    Devices,
    /// `devices.modules`: the twins of modules, of every device.
    Modules,
    /// `devices.jobs`: a row for each device of each job.
    Jobs,
}

/// What a query answers with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selection {
    /// `*`: rows as they are.
    Whole,
    /// An object of values for each row.
    Projection(Vec<Item<Expression>>),
    /// An object for each group of rows; without keys all rows are one group.
    Groups {
        keys: Vec<Path>,
        items: Vec<Item<GroupItem>>,
    },
}

/// A member of the answer's objects.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item<T> {
    pub(super) name: Box<str>,
    pub(super) value: T,
}

/// What can be said of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum GroupItem {
    /// The value of the key in this place.
    Key(usize),
    Aggregate(Aggregate),
}

/// A value of all rows of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Aggregate {
    Count,
    Average(Path),
    Sum(Path),
    Minimum(Path),
    Maximum(Path),
}

/// Something with a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Constant(Constant),
    Path(Path),
    List(Vec<Expression>),
    Call(Function, Vec<Expression>),
    IsDefined(Path),
    /// Minus, or with `false` a plus, which keeps numbers only.
    Sign(bool, Box<Expression>),
    /// From left to right; flat, so that a long chain is no deep tree.
    Arithmetic(Box<Expression>, Vec<(Calculation, Expression)>),
    Not(Box<Expression>),
    /// At least two; flat, likewise.
    All(Vec<Expression>),
    /// At least two, likewise.
    Any(Vec<Expression>),
    Compare(Box<Expression>, Operator, Box<Expression>),
    /// Whether the value is among constants.
    In(Box<Expression>, ConstantSet),
    /// Whether the value equals one of several.
    InList(Box<Expression>, Vec<Expression>),
}

/// A value written in the query.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Box<str>),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A calculation with two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calculation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Query {
    /// What it looks through.
    pub fn collection(&self) -> Collection {
        self.collection
    }

    /// Whether each row that it answers with says of whom it is: `deviceId` or `moduleId` is selected, or `*`.
    pub fn selects_ids(&self) -> bool {
        let is_id = |item: &Item<Expression>| match &item.value {
            Expression::Path(path) => {
                matches!(path.root, Root::DeviceId | Root::ModuleId) && path.steps.is_empty()
            }
            _ => false,
        };
        match &self.selection {
            Selection::Whole => true,
            Selection::Projection(items) => items.iter().any(is_id),
            Selection::Groups { .. } => false,
        }
    }

    /// What each item of the answer is.
    pub fn item_type(&self) -> ItemType {
        match (&self.selection, self.collection) {
            (Selection::Whole, Collection::Devices | Collection::Modules) => ItemType::Twin,
            (Selection::Whole, Collection::Jobs) => ItemType::DeviceJob,
            (Selection::Projection(_) | Selection::Groups { .. }, _) => ItemType::Raw,
        }
    }

    /// How many rows there may be over all pages.
    pub fn top(&self) -> Option<u64> {
        self.top
    }

    /// Whether it answers with groups of rows ([`Query::groups`]) rather than with rows.
    pub fn is_grouped(&self) -> bool {
        matches!(self.selection, Selection::Groups { .. })
    }

    /// The names that the members of its items have, each once, in the order of the query; `None`: items
    /// are rows, whole. An item leaves out what is undefined.
    pub fn members(&self) -> Option<Vec<&str>> {
        let names: Vec<&str> = match &self.selection {
            Selection::Whole => return None,
            Selection::Projection(items) => items.iter().map(|item| &*item.name).collect(),
            Selection::Groups { items, .. } => items.iter().map(|item| &*item.name).collect(),
        };
        let mut members = Vec::with_capacity(names.len());
        for name in names {
            if !members.contains(&name) {
                members.push(name);
            }
        }
        Some(members)
    }

    /// Outside of these device ids nothing can match.
    pub fn ids(&self) -> &IdRanges {
        &self.ids
    }

    /// The paths of which an index may save it a scan; see [`crate::Shard::extend_index`].
    pub fn indexable(&self) -> impl Iterator<Item = impl std::fmt::Display> {
        let is_of_devices = self.collection == Collection::Devices;
        self.sought.iter().filter(move |_| is_of_devices)
    }
}

/// What the items of an answer are, as `x-ms-item-type` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemType {
    /// A twin, whole.
    Twin,
    /// A device-job row, whole.
    DeviceJob,
    /// Anything else.
    Raw,
}

impl ItemType {
    /// The name on the wire. C# reads it with an eye on case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Twin => "Twin",
            Self::DeviceJob => "DeviceJob",
            Self::Raw => "Raw",
        }
    }
}
