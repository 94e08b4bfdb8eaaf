//! Fragments of the language: the conditions of jobs and of configurations.
//!
//! Microsoft's pages "Schedule jobs on multiple devices" and "Automatic device and module management".

use super::ast::{Collection, Expression};
use super::error::QueryError;
use super::parser::Parser;
use super::row::Row;

/// Which kind of condition a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionKind {
    /// A job's `queryCondition`: what stands behind WHERE, or `*` for every device.
    Job,
    /// A configuration's `targetCondition`: the same over `deviceId`, `tags` and
    /// `properties.reported`; `*` is every device, an empty text none. `from devices.modules where …`
    /// is over modules, and may say `moduleId`; there is no `*` for modules.
    Configuration,
}

/// A condition that was read. Equal texts give equal conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    collection: Collection,
    filter: Filter,
}

#[derive(Clone, Debug, PartialEq)]
enum Filter {
    All,
    None,
    Where(Expression),
}

impl Condition {
    /// Reads a condition. White space around it does not count.
    pub fn parse(text: &str, kind: ConditionKind) -> Result<Self, QueryError> {
        let devices = |filter| Self {
            collection: Collection::Devices,
            filter,
        };
        match (text.trim(), kind) {
            ("*", _) => return Ok(devices(Filter::All)),
            ("", ConditionKind::Configuration) => return Ok(devices(Filter::None)),
            (_, ConditionKind::Job | ConditionKind::Configuration) => {}
        }
        let (collection, expression) = Parser::new(text)?.condition(kind)?;
        Ok(Self {
            collection,
            filter: Filter::Where(expression),
        })
    }

    /// Whether it is about devices or about modules.
    pub fn collection(&self) -> Collection {
        self.collection
    }

    /// Whether no row can match: an empty target condition.
    pub fn is_never_true(&self) -> bool {
        self.filter == Filter::None
    }

    /// Whether a row of [`Condition::collection`] matches.
    pub fn matches(&self, row: Row<'_>) -> bool {
        match &self.filter {
            Filter::All => true,
            Filter::None => false,
            Filter::Where(expression) => row.is_true(expression),
        }
    }
}
