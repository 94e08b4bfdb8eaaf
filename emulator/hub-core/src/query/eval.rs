//! What an expression says of a row: three-valued logic over values.

use super::ast::Operator;
use super::ast::{Calculation, Expression, Query};
use super::path::Path;
use super::row::Row;
use super::value::{Value, compare};

impl Query {
    /// Whether a row of [`Query::collection`] is selected.
    pub fn matches(&self, row: Row<'_>) -> bool {
        let condition = self.condition.as_ref();
        condition.is_none_or(|condition| row.is_true(condition))
    }
}

impl<'a> Row<'a> {
    /// Whether a condition keeps the row: only true does.
    pub(super) fn is_true(self, condition: &'a Expression) -> bool {
        self.truth_of(condition) == Some(true)
    }

    /// `None` for undefined, which is also what a value that is no boolean says.
    fn truth_of(self, expression: &'a Expression) -> Option<bool> {
        match expression {
            Expression::IsDefined(path) => Some(self.find(path).is_some()),
            Expression::Not(inner) => self.truth_of(inner).map(|truth| !truth),
            Expression::All(inner) => self.fold(inner, false),
            Expression::Any(inner) => self.fold(inner, true),
            Expression::Compare(left, operator, right) => {
                compare(&self.value_of(left), *operator, &self.value_of(right))
            }
            Expression::In(operand, constants) => {
                let value = primitive(self.value_of(operand))?;
                Some(constants.contains(&value))
            }
            Expression::InList(operand, list) => {
                let value = primitive(self.value_of(operand))?;
                let equals = |other| compare(&value, Operator::Equal, &self.value_of(other));
                Some(list.iter().any(|other| equals(other) == Some(true)))
            }
            Expression::Constant(_)
            | Expression::Path(_)
            | Expression::List(_)
            | Expression::Call(..)
            | Expression::Sign(..)
            | Expression::Arithmetic(..) => self.value_of(expression).truth(),
        }
    }

    /// AND and OR: `decisive` decides; else undefined if any is, else the other.
    fn fold(self, inner: &'a [Expression], decisive: bool) -> Option<bool> {
        let mut result = Some(!decisive);
        for expression in inner {
            match self.truth_of(expression) {
                Some(truth) if truth == decisive => return Some(decisive),
                Some(_) => {}
                None => result = None,
            }
        }
        result
    }

    pub(super) fn value_of(self, expression: &'a Expression) -> Value<'a> {
        match expression {
            Expression::Constant(constant) => Value::of_constant(constant),
            Expression::Path(path) => self.value_at(path),
            Expression::List(elements) => {
                Value::List(elements.iter().map(|part| self.value_of(part)).collect())
            }
            Expression::Call(function, arguments) => match &**arguments {
                // Most have one or two, which need no list.
                [one] => function.call(&[self.value_of(one)]),
                [one, other] => function.call(&[self.value_of(one), self.value_of(other)]),
                more => {
                    let values: Vec<_> = more.iter().map(|part| self.value_of(part)).collect();
                    function.call(&values)
                }
            },
            Expression::Sign(is_minus, inner) => match self.value_of(inner) {
                Value::Number(number) if *is_minus => Value::Number(-number),
                Value::Number(number) => Value::Number(number),
                _ => Value::Undefined,
            },
            Expression::Arithmetic(first, rest) => self.calculate(first, rest),
            Expression::IsDefined(_)
            | Expression::Not(_)
            | Expression::All(_)
            | Expression::Any(_)
            | Expression::Compare(..)
            | Expression::In(..)
            | Expression::InList(..) => Value::of_truth(self.truth_of(expression)),
        }
    }

    pub(super) fn value_at(self, path: &Path) -> Value<'a> {
        self.find(path).map_or(Value::Undefined, Value::of_found)
    }

    /// From left to right. What is no number, or no longer one, makes all of it undefined.
    fn calculate(self, first: &'a Expression, rest: &'a [(Calculation, Expression)]) -> Value<'a> {
        let mut result = self.value_of(first);
        for (calculation, operand) in rest {
            let (Value::Number(left), Value::Number(right)) = (result, self.value_of(operand))
            else {
                return Value::Undefined;
            };
            result = Value::number(match calculation {
                Calculation::Add => left + right,
                Calculation::Subtract => left - right,
                Calculation::Multiply => left * right,
                Calculation::Divide => left / right,
                Calculation::Remainder => left % right,
            });
        }
        result
    }
}

/// A value that may be looked for in a list; `None` makes the answer undefined.
fn primitive(value: Value<'_>) -> Option<Value<'_>> {
    match value {
        Value::Undefined | Value::Compound(_) | Value::List(_) => None,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => Some(value),
    }
}
