//! Reads queries and conditions: recursive descent, one function for each level of precedence.
//!
//! How deep a text nests is bounded, and chains of equals (`a AND b AND …`, `1 + 2 + …`) are flat, so
//! that no text can exhaust the stack, neither while it is read nor when it is evaluated or dropped.

mod cursor;
mod expression;
mod scope;
mod statement;

pub(super) use cursor::Parser;
