//! The query language, as far as it goes: `SELECT * FROM devices [WHERE …]`.
//!
//! Responsible for reading a query and for deciding whether one twin matches. What the language has
//! and this engine does not is refused by name; what the language does not have is a syntax error.
//! Knows nothing of paging or of where twins are kept.
//!
//! A condition is made of comparisons, `IN` and `NIN` lists of constants, `IS_DEFINED`, `AND`, `OR`,
//! `NOT` and parentheses over paths: the attributes of a device, its tags and its properties. Missing
//! is not null: a comparison with what is missing, or of two types, is undefined, and so is `NOT` of
//! it; only `true` keeps a row.

mod ast;
mod condition;
mod error;
mod eval;
mod lexer;
mod parser;
mod path;
mod row;

pub use ast::{Collection, Query};
pub use condition::{Condition, ConditionKind};
pub use error::QueryError;
pub use row::Row;
