//! Whether a twin matches: three-valued logic over paths and constants.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::ast::{Collection, Constant, Expression, Operator, Query};
use super::path::{Found, Path, Root, Step, find_in_twin};
use super::row::{Row, Source};
use crate::json::{Reader, Token, unquote};
use crate::twin::{DocumentIdentity, Twin};

impl Query {
    /// What it looks through.
    pub fn collection(&self) -> Collection {
        self.collection
    }

    /// Whether a row of [`Query::collection`] is selected.
    pub fn matches(&self, row: Row<'_>) -> bool {
        let condition = self.condition.as_ref();
        condition.is_none_or(|condition| row.is_true(condition))
    }
}

/// A value while it is looked at.
#[derive(Clone, Debug, PartialEq)]
enum Value<'a> {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// An object or an array; it can only be there or not.
    Compound,
}

impl Row<'_> {
    /// Whether a condition keeps the row.
    pub(super) fn is_true(self, condition: &Expression) -> bool {
        let Source::Twin { twin, identity } = self.0;
        let row = TwinRow { twin, identity };
        row.truth_of(condition) == Some(true)
    }
}

/// One device, as a query sees it.
struct TwinRow<'a> {
    twin: &'a Twin,
    identity: &'a DocumentIdentity<'a>,
}

impl<'a> TwinRow<'a> {
    /// `None` for undefined, which is also what a value that is no boolean says.
    fn truth_of(&self, expression: &'a Expression) -> Option<bool> {
        match expression {
            Expression::Constant(_) | Expression::Path(_) => match self.value_of(expression) {
                Value::Bool(value) => Some(value),
                Value::Undefined
                | Value::Null
                | Value::Number(_)
                | Value::Text(_)
                | Value::Compound => None,
            },
            Expression::IsDefined(path) => Some(self.value_at(path) != Value::Undefined),
            Expression::Not(inner) => self.truth_of(inner).map(|truth| !truth),
            Expression::All(inner) => self.fold(inner, false),
            Expression::Any(inner) => self.fold(inner, true),
            Expression::Compare(left, operator, right) => {
                compare(&self.value_of(left), *operator, &self.value_of(right))
            }
            Expression::In(operand, list) => {
                let value = self.value_of(operand);
                if matches!(value, Value::Undefined | Value::Compound) {
                    return None;
                }
                let equals = |constant| compare(&value, Operator::Equal, &value_in(constant));
                Some(list.iter().any(|constant| equals(constant) == Some(true)))
            }
        }
    }

    /// AND and OR: `decisive` decides; else undefined if any is, else the other.
    fn fold(&self, inner: &'a [Expression], decisive: bool) -> Option<bool> {
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

    fn value_of(&self, expression: &'a Expression) -> Value<'a> {
        match expression {
            Expression::Constant(constant) => value_in(constant),
            Expression::Path(path) => self.value_at(path),
            Expression::IsDefined(_)
            | Expression::Not(_)
            | Expression::All(_)
            | Expression::Any(_)
            | Expression::Compare(..)
            | Expression::In(..) => self
                .truth_of(expression)
                .map_or(Value::Undefined, Value::Bool),
        }
    }

    fn value_at(&self, path: &Path) -> Value<'a> {
        match path.root {
            Root::Tags | Root::Desired | Root::Reported => {
                let found = find_in_twin(self.twin, path.root, &path.steps);
                return found.map_or(Value::Undefined, value_found);
            }
            Root::X509Thumbprint => return self.thumbprint(&path.steps),
            Root::Capabilities => return self.capability(&path.steps),
            _ => {}
        }
        // The rest are scalars, `properties` apart, whose own members are resolved already.
        if path.steps.is_empty() {
            self.attribute(path.root)
        } else {
            Value::Undefined
        }
    }

    fn thumbprint(&self, steps: &[Step]) -> Value<'a> {
        let both = self.identity.authentication.thumbprints();
        let value = |thumbprint: Option<&'a str>| thumbprint.map_or(Value::Null, text);
        match steps {
            [] => Value::Compound,
            [Step::Key(key)] if key.eq_ignore_ascii_case("primaryThumbprint") => {
                value(both.and_then(|both| both.primary.as_deref()))
            }
            [Step::Key(key)] if key.eq_ignore_ascii_case("secondaryThumbprint") => {
                value(both.and_then(|both| both.secondary.as_deref()))
            }
            _ => Value::Undefined,
        }
    }

    fn capability(&self, steps: &[Step]) -> Value<'a> {
        match steps {
            [] => Value::Compound,
            [Step::Key(key)] if key.eq_ignore_ascii_case("iotEdge") => {
                Value::Bool(self.identity.edge)
            }
            _ => Value::Undefined,
        }
    }

    fn attribute(&self, root: Root) -> Value<'a> {
        let identity = self.identity;
        match root {
            Root::DeviceId => text(identity.client.device_id().as_str()),
            Root::Etag => Value::Text(Cow::Owned(self.twin.etag())),
            Root::DeviceEtag => text(identity.etag),
            Root::Status => text(identity.status.name()),
            Root::StatusReason => identity.status_reason.map_or(Value::Undefined, text),
            Root::StatusUpdateTime => Value::Text(identity.status_updated.to_string().into()),
            Root::ConnectionState => text(identity.connection_state_name()),
            Root::LastActivityTime => Value::Text(identity.last_activity.to_string().into()),
            Root::CloudToDeviceMessageCount => Value::Number(
                u32::try_from(identity.c2d_messages)
                    .unwrap_or(u32::MAX)
                    .into(),
            ),
            Root::AuthenticationType => text(identity.authentication.kind()),
            Root::ModelId => text(self.twin.model_id()),
            Root::Version => Value::Number(as_number(self.twin.version())),
            Root::Properties => Value::Compound,
            Root::ModuleId
            | Root::Tags
            | Root::Desired
            | Root::Reported
            | Root::X509Thumbprint
            | Root::Capabilities
            | Root::Unknown => Value::Undefined,
        }
    }
}

/// Numbers are doubles in the language.
#[expect(
    clippy::cast_precision_loss,
    reason = "a twin is not written 2^53 times"
)]
fn as_number(count: u64) -> f64 {
    count as f64
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn value_in(constant: &Constant) -> Value<'_> {
    match constant {
        Constant::Undefined => Value::Undefined,
        Constant::Null => Value::Null,
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Number(value) => Value::Number(*value),
        Constant::Text(value) => text(value),
    }
}

fn value_found(found: Found<'_>) -> Value<'_> {
    match found {
        Found::Compound => Value::Compound,
        Found::Counter(count) => Value::Number(count.into()),
        Found::Time(at) => Value::Text(at.to_string().into()),
        Found::Scalar(text) => match Reader::new(text).next() {
            Some(Token::String(token)) => unquote(token).map_or(Value::Undefined, Value::Text),
            Some(Token::Number(token)) => token.parse().map_or(Value::Undefined, Value::Number),
            Some(Token::Bool(value)) => Value::Bool(value),
            Some(Token::Null) => Value::Null,
            _ => Value::Undefined,
        },
    }
}

/// Only primitives of one type compare; null and booleans have no order.
fn compare(left: &Value<'_>, operator: Operator, right: &Value<'_>) -> Option<bool> {
    let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    let ordering = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right)?,
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) if is_equality => left.cmp(right),
        (Value::Null, Value::Null) if is_equality => Ordering::Equal,
        _ => return None,
    };
    Some(match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
    })
}
