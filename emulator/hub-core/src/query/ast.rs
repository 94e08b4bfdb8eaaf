//! A query that was read.

use super::path::Path;

/// A query that parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(super) collection: Collection,
    /// `None`: every device.
    pub(super) condition: Option<Expression>,
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

/// Something with a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Constant(Constant),
    Path(Path),
    IsDefined(Path),
    Not(Box<Expression>),
    /// At least two; flat, so that a long chain is no deep tree.
    All(Vec<Expression>),
    /// At least two, likewise.
    Any(Vec<Expression>),
    Compare(Box<Expression>, Operator, Box<Expression>),
    /// Whether the value is in the list.
    In(Box<Expression>, Vec<Constant>),
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
