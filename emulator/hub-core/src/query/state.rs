//! What is known of one aggregate after some rows. States of different rows merge.

use std::borrow::Cow;

use super::ast::Aggregate;
use super::value::{Value, as_double, push_number};
use crate::json::push_string;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    Count(u64),
    /// Of numbers; anything else is passed over.
    Sum {
        sum: f64,
        count: u64,
    },
    /// The same, asked for its average.
    Average {
        sum: f64,
        count: u64,
    },
    Minimum(Extreme),
    Maximum(Extreme),
}

/// The least or the greatest value so far. Null, booleans, objects and arrays are passed over.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Extreme {
    Nothing,
    Number(f64),
    Text(Box<str>),
    /// Numbers and texts have no order among each other.
    Mixed,
}

impl State {
    pub(super) fn of_nothing(aggregate: &Aggregate) -> Self {
        match aggregate {
            Aggregate::Count => Self::Count(0),
            Aggregate::Sum(_) => Self::Sum { sum: 0.0, count: 0 },
            Aggregate::Average(_) => Self::Average { sum: 0.0, count: 0 },
            Aggregate::Minimum(_) => Self::Minimum(Extreme::Nothing),
            Aggregate::Maximum(_) => Self::Maximum(Extreme::Nothing),
        }
    }

    /// Adds the value of a row.
    pub(super) fn add(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Count(count), _) => *count += 1,
            (Self::Sum { sum, count } | Self::Average { sum, count }, Value::Number(number)) => {
                *sum += number;
                *count += 1;
            }
            (Self::Minimum(extreme), value) => extreme.add(Extreme::of(value), true),
            (Self::Maximum(extreme), value) => extreme.add(Extreme::of(value), false),
            (Self::Sum { .. } | Self::Average { .. }, _) => {}
        }
    }

    /// Adds what is known from other rows.
    pub(super) fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Count(count), Self::Count(more)) => *count += more,
            (
                Self::Sum { sum, count } | Self::Average { sum, count },
                Self::Sum {
                    sum: more_sum,
                    count: more,
                }
                | Self::Average {
                    sum: more_sum,
                    count: more,
                },
            ) => {
                *sum += more_sum;
                *count += more;
            }
            (Self::Minimum(extreme), Self::Minimum(other)) => extreme.add(other, true),
            (Self::Maximum(extreme), Self::Maximum(other)) => extreme.add(other, false),
            // States of one query stand in one order.
            (
                Self::Count(_)
                | Self::Sum { .. }
                | Self::Average { .. }
                | Self::Minimum(_)
                | Self::Maximum(_),
                _,
            ) => {}
        }
    }

    /// Appends the aggregate as JSON text; says whether there is one.
    pub(super) fn print(&self, out: &mut String) -> bool {
        let number = match self {
            Self::Count(count) => as_double(*count),
            Self::Sum { count: 0, .. } | Self::Average { count: 0, .. } => return false,
            Self::Sum { sum, .. } => *sum,
            Self::Average { sum, count } => sum / as_double(*count),
            Self::Minimum(extreme) | Self::Maximum(extreme) => match extreme {
                Extreme::Nothing | Extreme::Mixed => return false,
                Extreme::Number(number) => *number,
                Extreme::Text(text) => {
                    push_string(out, text);
                    return true;
                }
            },
        };
        // A sum may have grown past all numbers.
        if number.is_finite() {
            push_number(out, number);
        }
        number.is_finite()
    }
}

impl Extreme {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Number(number) => Self::Number(number),
            Value::Text(text) => Self::Text(match text {
                Cow::Borrowed(text) => text.into(),
                Cow::Owned(text) => text.into(),
            }),
            Value::Undefined
            | Value::Null
            | Value::Bool(_)
            | Value::Compound(_)
            | Value::List(_) => Self::Nothing,
        }
    }

    fn add(&mut self, other: Self, is_minimum: bool) {
        let is_better = match (&*self, &other) {
            (_, Self::Nothing) | (Self::Mixed, _) => false,
            (Self::Nothing, _) | (_, Self::Mixed) => true,
            (Self::Number(own), Self::Number(other)) if is_minimum => other < own,
            (Self::Number(own), Self::Number(other)) => other > own,
            (Self::Text(own), Self::Text(other)) if is_minimum => other < own,
            (Self::Text(own), Self::Text(other)) => other > own,
            (Self::Number(_), Self::Text(_)) | (Self::Text(_), Self::Number(_)) => {
                *self = Self::Mixed;
                return;
            }
        };
        if is_better {
            *self = other;
        }
    }
}
