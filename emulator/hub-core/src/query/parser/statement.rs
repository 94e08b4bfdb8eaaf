//! Queries and conditions as a whole.

use super::cursor::{Parser, is_foreign, is_reserved};
use super::scope::Scope;
use crate::query::ast::{Aggregate, Collection, Expression, GroupItem, Item, Query, Selection};
use crate::query::condition::ConditionKind;
use crate::query::error::QueryError;
use crate::query::index::Sought;
use crate::query::lexer::TokenKind;
use crate::query::path::Path;
use crate::query::ranges::IdRanges;

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Parser::new(text)?.query()
    }
}

/// What stands between SELECT and FROM, before it is known whether there is a GROUP BY.
enum SelectList {
    Whole,
    Items(Vec<SelectItem>),
}

struct SelectItem {
    /// Where it begins in the text.
    start: usize,
    alias: Option<Box<str>>,
    value: SelectValue,
}

enum SelectValue {
    Aggregate(Aggregate),
    Expression(Expression),
}

impl Parser<'_> {
    fn query(mut self) -> Result<Query, QueryError> {
        self.expect_keyword("SELECT")?;
        let top = self.top()?;
        let list_start = self.token().start;
        let list = self.select_list()?;
        self.expect_keyword("FROM")?;
        let collection = self.collection()?;
        if collection == Collection::Jobs {
            if !matches!(list, SelectList::Whole) {
                let what = "devices.jobs can only be selected whole, with SELECT *,";
                return Err(self.error_at(list_start, what));
            }
            self.scope = Scope::Jobs;
        }
        let condition = if self.take_keyword("WHERE") {
            Some(self.expression()?)
        } else {
            None
        };
        let group_start = self.token().start;
        let keys = if self.take_keyword("GROUP") {
            Some(self.group_by()?)
        } else {
            None
        };
        let is_grouped = keys.is_some();
        self.take_symbol(";");
        if *self.kind() != TokenKind::End {
            return Err(self.expected(match (is_grouped, &condition) {
                (true, _) => "',' or the end",
                (false, Some(_)) => "AND, OR, GROUP BY or the end",
                (false, None) => "WHERE, GROUP BY or the end",
            }));
        }
        let selection = match list {
            SelectList::Items(items) => self.selection(items, keys)?,
            SelectList::Whole if is_grouped => {
                return Err(self.error_at(group_start, "SELECT * has no groups: GROUP BY"));
            }
            SelectList::Whole => Selection::Whole,
        };
        let ids = condition.as_ref().map_or_else(IdRanges::all, IdRanges::of);
        let sought = condition.as_ref().map(Sought::of).unwrap_or_default();
        Ok(Query {
            selection,
            top,
            collection,
            condition,
            ids,
            sought,
        })
    }

    /// Reads a condition that is no `*` and not empty.
    pub(in crate::query) fn condition(
        mut self,
        kind: ConditionKind,
    ) -> Result<(Collection, Expression), QueryError> {
        let mut collection = Collection::Devices;
        match kind {
            ConditionKind::Job => {}
            ConditionKind::Configuration if self.take_keyword("FROM") => {
                let start = self.at;
                collection = self.collection()?;
                if collection != Collection::Modules {
                    self.at = start;
                    return Err(self.expected("devices.modules"));
                }
                self.expect_keyword("WHERE")?;
                self.scope = Scope::Modules;
            }
            ConditionKind::Configuration => self.scope = Scope::Devices,
        }
        let expression = self.expression()?;
        match self.kind() {
            TokenKind::End => Ok((collection, expression)),
            _ => Err(self.expected("AND, OR or the end")),
        }
    }

    fn top(&mut self) -> Result<Option<u64>, QueryError> {
        if !self.take_keyword("TOP") {
            return Ok(None);
        }
        // `1.5` and `0x10` are numbers too, but no count.
        let Ok(count) = self.slice().parse() else {
            return Err(self.expected("a whole number"));
        };
        self.at += 1;
        Ok(Some(count))
    }

    fn select_list(&mut self) -> Result<SelectList, QueryError> {
        if self.take_symbol("*") {
            return Ok(SelectList::Whole);
        }
        if self.is_keyword("FROM") {
            return Err(self.expected("'*' or what to select"));
        }
        let mut items = vec![self.select_item()?];
        while self.take_symbol(",") {
            items.push(self.select_item()?);
        }
        Ok(SelectList::Items(items))
    }

    fn select_item(&mut self) -> Result<SelectItem, QueryError> {
        let start = self.token().start;
        let value = match self.aggregate()? {
            Some(aggregate) => SelectValue::Aggregate(aggregate),
            None => SelectValue::Expression(self.expression()?),
        };
        let is_alias = match *self.kind() {
            TokenKind::Word(word) if word.eq_ignore_ascii_case("AS") => true,
            TokenKind::Word(word) => !is_reserved(word) && !is_foreign(word),
            TokenKind::Bracketed(_) => true,
            TokenKind::Number(_) | TokenKind::Text(_) | TokenKind::Symbol(_) | TokenKind::End => {
                false
            }
        };
        self.take_keyword("AS");
        let alias = if is_alias { Some(self.alias()?) } else { None };
        if alias.is_some() && !self.is_symbol(",") && !self.is_keyword("FROM") {
            return Err(self.expected("',' or FROM"));
        }
        Ok(SelectItem {
            start,
            alias,
            value,
        })
    }

    fn alias(&mut self) -> Result<Box<str>, QueryError> {
        let name = match *self.kind() {
            TokenKind::Word(word) if !is_reserved(word) => word,
            TokenKind::Bracketed(name) => name,
            _ => return Err(self.expected("a name")),
        };
        self.at += 1;
        Ok(name.into())
    }

    /// An aggregate, if there is one.
    fn aggregate(&mut self) -> Result<Option<Aggregate>, QueryError> {
        let TokenKind::Word(word) = *self.kind() else {
            return Ok(None);
        };
        let word = word.to_ascii_uppercase();
        let over: fn(Path) -> Aggregate = match &*word {
            "COUNT" => |_| Aggregate::Count,
            "AVG" => Aggregate::Average,
            "SUM" => Aggregate::Sum,
            "MIN" => Aggregate::Minimum,
            "MAX" => Aggregate::Maximum,
            _ => return Ok(None),
        };
        if !self.is_before("(") {
            return Ok(None);
        }
        self.at += 2;
        if word == "COUNT" {
            if !self.take_symbol(")") {
                return Err(self.expected("')': COUNT takes nothing"));
            }
            return Ok(Some(Aggregate::Count));
        }
        let path = self.path()?;
        self.expect_symbol(")")?;
        Ok(Some(over(path)))
    }

    fn collection(&mut self) -> Result<Collection, QueryError> {
        if !self.take_keyword("devices") {
            return Err(self.expected("devices, devices.modules or devices.jobs"));
        }
        if !self.take_symbol(".") {
            Ok(Collection::Devices)
        } else if self.take_keyword("modules") {
            Ok(Collection::Modules)
        } else if self.take_keyword("jobs") {
            Ok(Collection::Jobs)
        } else {
            Err(self.expected("modules or jobs"))
        }
    }

    /// The rest of GROUP BY.
    fn group_by(&mut self) -> Result<Vec<Path>, QueryError> {
        self.expect_keyword("BY")?;
        let mut keys = vec![self.path()?];
        while self.take_symbol(",") {
            keys.push(self.path()?);
        }
        Ok(keys)
    }

    /// Sorts out what is selected, and names it.
    fn selection(
        &self,
        items: Vec<SelectItem>,
        keys: Option<Vec<Path>>,
    ) -> Result<Selection, QueryError> {
        let is_aggregate = |item: &SelectItem| matches!(item.value, SelectValue::Aggregate(_));
        let is_grouped = keys.is_some() || items.iter().any(is_aggregate);
        let keys = keys.unwrap_or_default();
        let (mut unnamed, mut plain, mut grouped) = (0, Vec::new(), Vec::new());
        for item in items {
            let of_path = match &item.value {
                SelectValue::Expression(Expression::Path(path)) => path.name.clone(),
                SelectValue::Expression(_) | SelectValue::Aggregate(_) => None,
            };
            let name = item.alias.or(of_path).unwrap_or_else(|| {
                unnamed += 1;
                format!("${unnamed}").into()
            });
            match item.value {
                SelectValue::Aggregate(aggregate) => {
                    set(&mut grouped, name, GroupItem::Aggregate(aggregate));
                }
                SelectValue::Expression(expression) if is_grouped => {
                    let is_key =
                        |key: &Path| matches!(&expression, Expression::Path(path) if path == key);
                    let Some(place) = keys.iter().position(is_key) else {
                        let what = "only aggregates and what is grouped by can be selected here,";
                        return Err(self.error_at(item.start, what));
                    };
                    set(&mut grouped, name, GroupItem::Key(place));
                }
                SelectValue::Expression(expression) => set(&mut plain, name, expression),
            }
        }
        Ok(if is_grouped {
            Selection::Groups {
                keys,
                items: grouped,
            }
        } else {
            Selection::Projection(plain)
        })
    }
}

/// Adds an item; of equal names the last one counts.
fn set<T>(items: &mut Vec<Item<T>>, name: Box<str>, value: T) {
    items.retain(|item| item.name != name);
    items.push(Item { name, value });
}
