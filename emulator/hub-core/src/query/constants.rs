//! The constants of an `IN` list, so that a look-up does not walk the list.

use super::ast::Constant;
use super::value::Value;

/// A set of constants. `undefined` equals nothing, so it is in no set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ConstantSet {
    has_null: bool,
    has_true: bool,
    has_false: bool,
    /// Sorted; a query has no NaN.
    numbers: Vec<f64>,
    /// Sorted.
    texts: Vec<Box<str>>,
}

impl ConstantSet {
    pub(super) fn contains(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Null => self.has_null,
            Value::Bool(true) => self.has_true,
            Value::Bool(false) => self.has_false,
            Value::Number(number) => {
                let order = |other: &f64| other.partial_cmp(number);
                let place = self
                    .numbers
                    .binary_search_by(|other| order(other).unwrap_or(std::cmp::Ordering::Less));
                place.is_ok()
            }
            Value::Text(text) => self
                .texts
                .binary_search_by(|other| (**other).cmp(text))
                .is_ok(),
            Value::Undefined | Value::Compound(_) | Value::List(_) => false,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Constant> {
        let null = self.has_null.then_some(Constant::Null);
        let is_true = self.has_true.then_some(Constant::Bool(true));
        let is_false = self.has_false.then_some(Constant::Bool(false));
        let numbers = self.numbers.iter().copied().map(Constant::Number);
        let texts = self.texts.iter().cloned().map(Constant::Text);
        let few = null.into_iter().chain(is_true).chain(is_false);
        few.chain(numbers).chain(texts)
    }

    /// The texts, sorted.
    pub(super) fn texts(&self) -> &[Box<str>] {
        &self.texts
    }
}

impl FromIterator<Constant> for ConstantSet {
    fn from_iter<I: IntoIterator<Item = Constant>>(constants: I) -> Self {
        let mut set = Self::default();
        for constant in constants {
            match constant {
                Constant::Undefined => {}
                Constant::Null => set.has_null = true,
                Constant::Bool(true) => set.has_true = true,
                Constant::Bool(false) => set.has_false = true,
                Constant::Number(number) => set.numbers.push(number),
                Constant::Text(text) => set.texts.push(text),
            }
        }
        // A query's -0 equals its 0, which a total order would keep apart.
        set.numbers
            .sort_unstable_by(|one, other| (one + 0.0).total_cmp(&(other + 0.0)));
        set.texts.sort_unstable();
        set
    }
}
