//! The query language of IoT Hub: `SELECT … FROM … [WHERE …] [GROUP BY …]`.
//!
//! Responsible for reading queries and conditions, for deciding whether a row matches, and for what an
//! answer says of rows and of groups of rows. Knows nothing of paging or of where rows are kept.
//!
//! A [`Row`] is a twin (of a device or a module) or the JSON text of a device-job row. Missing is not
//! null: a comparison with what is missing, or of two types, is undefined, and so is `NOT` of it; only
//! `true` keeps a row. What is undefined is left out of an answer.
//!
//! The language is that of Microsoft's page "IoT Hub query language for device and module twins, jobs,
//! and message routing", with what the tools and samples of Microsoft send beyond it.

mod ast;
mod condition;
mod constants;
mod error;
mod eval;
mod find;
mod functions;
mod group_key;
mod groups;
mod index;
mod lexer;
mod parser;
mod path;
mod project;
mod ranges;
mod row;
mod spots;
mod state;
mod value;

pub use ast::{Collection, ItemType, Query};
pub use condition::{Condition, ConditionKind};
pub use error::QueryError;
pub use group_key::GroupKey;
pub use groups::Groups;
pub(crate) use index::{Added, Index, Sought};
pub use ranges::{IdRange, IdRanges};
pub use row::Row;
pub(crate) use row::ShowIdentity;
pub(crate) use spots::Spots;
