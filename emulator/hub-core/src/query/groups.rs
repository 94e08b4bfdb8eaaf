//! Aggregates: what a query says of groups of rows, computed in parts.
//!
//! A part holds the first groups of its rows, in the order of their keys, and never a row. Parts of
//! different rows are merged, so many shards can each compute one; a page of groups goes on behind the
//! last group of the page before, so what is held is bounded by the size of a page.

use std::collections::BTreeMap;

use super::ast::{Aggregate, GroupItem, Item, Query, Selection};
use super::group_key::{self, GroupKey, KeyWriter};
use super::path::Path;
use super::project::push_member;
use super::row::Row;
use super::state::State;
use super::value::Value;

/// A part of the groups of a query: those of the rows that were added.
#[derive(Clone, Debug)]
pub struct Groups {
    /// Only groups behind this one.
    after: Option<GroupKey>,
    /// The most groups held.
    limit: usize,
    by_key: BTreeMap<GroupKey, Group>,
    key: KeyWriter,
}

/// One group.
#[derive(Clone, Debug)]
struct Group {
    /// The values of the keys as JSON texts; `None` is undefined.
    keys: Vec<Option<Box<str>>>,
    states: Vec<State>,
}

impl Query {
    /// An empty part of the query's groups, which will hold the first `limit` of them behind `after`.
    /// Of a query that is not [grouped](Query::is_grouped) it stays empty.
    pub fn groups(&self, after: Option<GroupKey>, limit: usize) -> Groups {
        Groups {
            after,
            limit,
            by_key: BTreeMap::new(),
            key: KeyWriter::default(),
        }
    }

    fn grouping(&self) -> Option<(&[Path], &[Item<GroupItem>])> {
        match &self.selection {
            Selection::Groups { keys, items } => Some((keys, items)),
            Selection::Whole | Selection::Projection(_) => None,
        }
    }
}

impl Groups {
    /// Adds a row, if it matches.
    pub fn add(&mut self, query: &Query, row: Row<'_>) {
        let Some((keys, items)) = query.grouping() else {
            return;
        };
        if !query.matches(row) {
            return;
        }
        let (writer, groups) = (&mut self.key, &mut self.by_key);
        writer.clear();
        for key in keys {
            writer.push(&row.value_at(key));
        }
        let key = writer.key();
        if let Some(group) = groups.get_mut(key) {
            group.add(items, row);
            return;
        }
        let is_before = |after: &GroupKey| *key <= *after.as_bytes();
        // Such a group can never be among the first: as many smaller ones are there, and none of them
        // goes but for a smaller one.
        let is_beyond = groups.len() >= self.limit
            && groups
                .last_key_value()
                .is_none_or(|(last, _)| *key > *last.as_bytes());
        if is_beyond || self.after.as_ref().is_some_and(is_before) {
            return;
        }
        let values = keys.iter().map(|key| {
            let mut text = String::new();
            group_key::print(&row.value_at(key), &mut text).then(|| text.into())
        });
        let mut group = Group {
            keys: values.collect(),
            states: states(items),
        };
        group.add(items, row);
        groups.insert(GroupKey::new(key), group);
        self.cut();
    }

    /// Takes over the groups of other rows.
    pub fn merge(&mut self, other: Self) {
        for (key, group) in other.by_key {
            match self.by_key.get_mut(&key) {
                Some(own) => own.merge(group),
                None => {
                    self.by_key.insert(key, group);
                }
            }
        }
        self.cut();
    }

    fn cut(&mut self) {
        while self.by_key.len() > self.limit {
            self.by_key.pop_last();
        }
    }

    /// The groups in their order: the key, and the item of the answer as JSON text. Without GROUP BY
    /// that is one, of no rows too.
    pub fn items(mut self, query: &Query) -> Vec<(GroupKey, String)> {
        let Some((keys, items)) = query.grouping() else {
            return Vec::new();
        };
        if keys.is_empty() && self.by_key.is_empty() && self.after.is_none() && self.limit > 0 {
            let group = Group {
                keys: Vec::new(),
                states: states(items),
            };
            self.by_key.insert(GroupKey::new(&[]), group);
        }
        let printed = |(key, group): (GroupKey, Group)| (key, group.print(items));
        self.by_key.into_iter().map(printed).collect()
    }
}

/// The states of a group without rows, one for each item; a key has none to speak of.
fn states(items: &[Item<GroupItem>]) -> Vec<State> {
    let state = |item: &Item<GroupItem>| match &item.value {
        GroupItem::Key(_) => State::Count(0),
        GroupItem::Aggregate(aggregate) => State::of_nothing(aggregate),
    };
    items.iter().map(state).collect()
}

impl Group {
    fn add(&mut self, items: &[Item<GroupItem>], row: Row<'_>) {
        for (item, state) in items.iter().zip(&mut self.states) {
            let GroupItem::Aggregate(aggregate) = &item.value else {
                continue;
            };
            let value = match aggregate {
                Aggregate::Count => Value::Undefined,
                Aggregate::Average(path)
                | Aggregate::Sum(path)
                | Aggregate::Minimum(path)
                | Aggregate::Maximum(path) => row.value_at(path),
            };
            state.add(value);
        }
    }

    fn merge(&mut self, other: Self) {
        for (state, other) in self.states.iter_mut().zip(other.states) {
            state.merge(other);
        }
    }

    fn print(&self, items: &[Item<GroupItem>]) -> String {
        let mut out = String::from("{");
        for (item, state) in items.iter().zip(&self.states) {
            push_member(&mut out, &item.name, |out| match &item.value {
                GroupItem::Key(place) => match &self.keys[*place] {
                    Some(text) => {
                        out.push_str(text);
                        true
                    }
                    None => false,
                },
                GroupItem::Aggregate(_) => state.print(out),
            });
        }
        out.push('}');
        out
    }
}
