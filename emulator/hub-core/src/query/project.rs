//! What an answer says of one row.

use super::ast::{Expression, Item, Query, Selection};
use super::row::Row;
use crate::json::push_string;

impl Query {
    /// The item of the answer for a row that matches, as JSON text. Of a query that
    /// [is grouped](Query::is_grouped) rows have none: `{}`.
    ///
    /// What is undefined is left out, so an object may be empty; values come as they were sent.
    pub fn item(&self, row: Row<'_>) -> String {
        match &self.selection {
            Selection::Whole => row.document().into_owned(),
            Selection::Projection(items) => project(items, row),
            Selection::Groups { .. } => "{}".to_owned(),
        }
    }
}

fn project(items: &[Item<Expression>], row: Row<'_>) -> String {
    let mut out = String::from("{");
    for item in items {
        push_member(&mut out, &item.name, |out| match &item.value {
            Expression::Path(path) => match row.find(path) {
                Some(found) => {
                    found.print(out);
                    true
                }
                None => false,
            },
            expression => row.value_of(expression).print(out),
        });
    }
    out.push('}');
    out
}

/// Appends a member to an object that was begun, if `print` says that it has a value.
pub(super) fn push_member(out: &mut String, name: &str, print: impl FnOnce(&mut String) -> bool) {
    let start = out.len();
    if !out.ends_with('{') {
        out.push(',');
    }
    push_string(out, name);
    out.push(':');
    if !print(out) {
        out.truncate(start);
    }
}
