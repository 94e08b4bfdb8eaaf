//! A second, naive evaluator: written from the language's description, over whole JSON documents, and
//! sharing nothing with the engine. It also prints what it means as the text of a query.

use serde_json::{Map, Value, json};

/// A path: how it is written, and where it leads in a document.
pub(crate) type PathName = (&'static str, &'static [&'static str]);

/// An expression as the model knows it.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Constant(Value),
    Undefined,
    Path(PathName),
    IsDefined(PathName),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Compare(Box<Expr>, &'static str, Box<Expr>),
    In(Box<Expr>, &'static str, Vec<Expr>),
    Calculate(Box<Expr>, char, Box<Expr>),
    Minus(Box<Expr>),
    Call(&'static str, Vec<Expr>),
}

/// What is selected.
#[derive(Clone, Debug)]
pub(crate) enum Select {
    Whole,
    Items(Vec<(Expr, Option<&'static str>)>),
    Groups {
        keys: Vec<PathName>,
        aggregates: Vec<(&'static str, Option<PathName>)>,
    },
}

/// A query over devices.
#[derive(Clone, Debug)]
pub(crate) struct ModelQuery {
    pub(crate) select: Select,
    pub(crate) condition: Option<Expr>,
}

impl Expr {
    /// From 0 (OR) to 6 (primary).
    fn level(&self) -> u8 {
        match self {
            Self::Any(_) => 0,
            Self::All(_) => 1,
            Self::Not(_) => 2,
            Self::Compare(..) | Self::In(..) => 3,
            Self::Calculate(_, '+' | '-', _) => 4,
            Self::Calculate(..) => 5,
            Self::Minus(_) => 6,
            Self::Constant(_)
            | Self::Undefined
            | Self::Path(_)
            | Self::IsDefined(_)
            | Self::Call(..) => 7,
        }
    }

    /// The text, in parentheses only if it binds more loosely than `least`.
    fn print(&self, least: u8) -> String {
        let join = |parts: &[Self], word: &str, least: u8| {
            let parts: Vec<String> = parts.iter().map(|part| part.print(least)).collect();
            parts.join(word)
        };
        let text = match self {
            Self::Constant(value) => value.to_string(),
            Self::Undefined => "undefined".to_owned(),
            Self::Path((text, _)) => (*text).to_owned(),
            Self::IsDefined((text, _)) => format!("Is_Defined( {text} )"),
            Self::Not(inner) => format!("NOT {}", inner.print(2)),
            Self::All(parts) => join(parts, " AND ", 2),
            Self::Any(parts) => join(parts, "\nor ", 1),
            Self::Compare(left, operator, right) => {
                format!("{}{operator}{}", left.print(4), right.print(4))
            }
            Self::In(operand, word, list) => {
                format!("{} {word} [{}]", operand.print(4), join(list, ", ", 0))
            }
            Self::Calculate(left, sign, right) => {
                let level = self.level();
                format!("{} {sign} {}", left.print(level), right.print(level + 1))
            }
            Self::Minus(inner) => format!("- {}", inner.print(6)),
            Self::Call(name, arguments) => format!("{name}({})", join(arguments, ",", 0)),
        };
        if self.level() < least {
            format!("({text})")
        } else {
            text
        }
    }

    /// The value; `None` is undefined.
    pub(crate) fn value(&self, row: &Value) -> Option<Value> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Undefined => None,
            Self::Path(path) => lookup(row, path),
            Self::IsDefined(path) => Some(lookup(row, path).is_some().into()),
            Self::Not(inner) => Some((!inner.value(row)?.as_bool()?).into()),
            Self::All(parts) => fold(parts, row, false),
            Self::Any(parts) => fold(parts, row, true),
            Self::Compare(left, operator, right) => {
                compare(&left.value(row)?, operator, &right.value(row)?).map(Value::from)
            }
            Self::In(operand, word, list) => {
                let value = operand.value(row).filter(is_primitive)?;
                let equals = |other: &Self| {
                    let other = other.value(row)?;
                    compare(&value, "=", &other)
                };
                let is_in = list.iter().any(|other| equals(other) == Some(true));
                Some((is_in == (*word == "IN")).into())
            }
            Self::Calculate(left, sign, right) => {
                let (left, right) = (left.value(row)?.as_f64()?, right.value(row)?.as_f64()?);
                number(match sign {
                    '+' => left + right,
                    '-' => left - right,
                    '*' => left * right,
                    '/' => left / right,
                    _ => left % right,
                })
            }
            Self::Minus(inner) => number(-inner.value(row)?.as_f64()?),
            Self::Call(name, arguments) => {
                let values: Vec<_> = arguments.iter().map(|one| one.value(row)).collect();
                call(&name.to_uppercase(), &values)
            }
        }
    }
}

fn call(name: &str, arguments: &[Option<Value>]) -> Option<Value> {
    let first = &arguments[0];
    let is = |test: fn(&Value) -> bool| Some(first.as_ref().is_some_and(test).into());
    let text = |place: usize| arguments[place].as_ref()?.as_str();
    match name {
        "IS_NULL" => is(Value::is_null),
        "IS_BOOL" => is(Value::is_boolean),
        "IS_NUMBER" => is(Value::is_number),
        "IS_STRING" => is(Value::is_string),
        "IS_ARRAY" => is(Value::is_array),
        "IS_OBJECT" => is(Value::is_object),
        "IS_PRIMITIVE" => is(is_primitive),
        "STARTSWITH" => Some(text(0)?.starts_with(text(1)?).into()),
        "ENDSWITH" => Some(text(0)?.ends_with(text(1)?).into()),
        "ARRAY_CONTAINS" => {
            let (array, wanted) = (first.as_ref()?.as_array()?, arguments[1].as_ref()?);
            let is_it = |element: &Value| compare(element, "=", wanted) == Some(true);
            Some(array.iter().any(is_it).into())
        }
        "LENGTH" => Some(text(0)?.chars().count().into()),
        "UPPER" => Some(text(0)?.to_uppercase().into()),
        "ABS" => number(first.as_ref()?.as_f64()?.abs()),
        other => panic!("the model does not know {other}"),
    }
}

fn number(value: f64) -> Option<Value> {
    value.is_finite().then(|| json!(value))
}

fn is_primitive(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

fn fold(parts: &[Expr], row: &Value, decisive: bool) -> Option<Value> {
    let truths: Vec<Option<bool>> = parts
        .iter()
        .map(|part| part.value(row)?.as_bool())
        .collect();
    if truths.contains(&Some(decisive)) {
        return Some(decisive.into());
    }
    if truths.contains(&None) {
        None
    } else {
        Some((!decisive).into())
    }
}

fn lookup(row: &Value, path: &PathName) -> Option<Value> {
    let mut value = row;
    for step in path.1 {
        value = match step.parse::<usize>() {
            Ok(index) if value.is_array() => value.get(index)?,
            _ => value.get(step)?,
        };
    }
    Some(value.clone())
}

fn compare(left: &Value, operator: &str, right: &Value) -> Option<bool> {
    let equality = |equal: bool| match operator {
        "=" => Some(equal),
        "!=" | "<>" => Some(!equal),
        _ => None,
    };
    let order = |ordering: std::cmp::Ordering| match operator {
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        ">=" => ordering.is_ge(),
        "=" => ordering.is_eq(),
        _ => ordering.is_ne(),
    };
    match (left, right) {
        (Value::Null, Value::Null) => equality(true),
        (Value::Bool(left), Value::Bool(right)) => equality(left == right),
        (Value::Number(left), Value::Number(right)) => {
            left.as_f64()?.partial_cmp(&right.as_f64()?).map(order)
        }
        (Value::String(left), Value::String(right)) => Some(order(left.cmp(right))),
        _ => None,
    }
}

impl ModelQuery {
    pub(crate) fn print(&self) -> String {
        let select = match &self.select {
            Select::Whole => "*".to_owned(),
            Select::Items(items) => {
                let item = |(value, alias): &(Expr, Option<&str>)| {
                    let alias = alias.map(|alias| format!(" AS {alias}"));
                    format!("{}{}", value.print(0), alias.unwrap_or_default())
                };
                items.iter().map(item).collect::<Vec<_>>().join(", ")
            }
            Select::Groups { keys, aggregates } => {
                let keys = keys.iter().enumerate();
                let mut items: Vec<String> = keys
                    .map(|(place, key)| format!("{} k{place}", key.0))
                    .collect();
                items.extend(
                    aggregates
                        .iter()
                        .map(|(name, path)| format!("{name}({})", path.map_or("", |path| path.0))),
                );
                items.join(", ")
            }
        };
        let condition = self.condition.as_ref();
        let condition = condition.map(|condition| format!("\n WHERE {}", condition.print(0)));
        let group = match &self.select {
            Select::Groups { keys, .. } if !keys.is_empty() => {
                let keys: Vec<&str> = keys.iter().map(|key| key.0).collect();
                format!(" group by {}", keys.join(","))
            }
            _ => String::new(),
        };
        format!(
            "SELECT {select} FROM devices{}{group}",
            condition.unwrap_or_default()
        )
    }

    pub(crate) fn keeps(&self, row: &Value) -> bool {
        let condition = self.condition.as_ref();
        condition.is_none_or(|condition| condition.value(row) == Some(true.into()))
    }

    /// What it answers, in the order of the rows; groups in any order. Numbers are doubles.
    pub(crate) fn answer(&self, rows: &[Value]) -> Vec<Value> {
        let kept: Vec<&Value> = rows.iter().filter(|row| self.keeps(row)).collect();
        match &self.select {
            Select::Whole => kept.into_iter().map(doubles).collect(),
            Select::Items(items) => kept.into_iter().map(|row| project(items, row)).collect(),
            Select::Groups { keys, aggregates } => group(keys, aggregates, &kept),
        }
    }
}

fn project(items: &[(Expr, Option<&'static str>)], row: &Value) -> Value {
    let (mut object, mut unnamed) = (Map::new(), 0);
    for (expression, alias) in items {
        let name = match (alias, expression) {
            (Some(alias), _) => (*alias).to_owned(),
            (None, Expr::Path((_, [.., last]))) if last.parse::<usize>().is_err() => {
                (*last).to_owned()
            }
            (None, _) => {
                unnamed += 1;
                format!("${unnamed}")
            }
        };
        object.remove(&name);
        if let Some(value) = expression.value(row) {
            object.insert(name, doubles(&value));
        }
    }
    object.into()
}

fn group(
    keys: &[PathName],
    aggregates: &[(&'static str, Option<PathName>)],
    rows: &[&Value],
) -> Vec<Value> {
    let mut groups: Vec<(Vec<Option<Value>>, Vec<&Value>)> = Vec::new();
    if keys.is_empty() {
        groups.push((Vec::new(), Vec::new()));
    }
    for row in rows {
        let key = |path: &PathName| lookup(row, path).map(|value| doubles(&value));
        let key: Vec<_> = keys.iter().map(key).collect();
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    let print = |(key, rows): (Vec<Option<Value>>, Vec<&Value>)| {
        let mut object = Map::new();
        for (place, value) in key.into_iter().enumerate() {
            object.extend(value.map(|value| (format!("k{place}"), value)));
        }
        for (place, (name, path)) in aggregates.iter().enumerate() {
            let values: Option<Vec<Value>> =
                path.map(|path| rows.iter().filter_map(|row| lookup(row, &path)).collect());
            let value = aggregate(name, rows.len(), &values.unwrap_or_default());
            object.extend(value.map(|value| (format!("${}", place + 1), value)));
        }
        object.into()
    };
    groups.into_iter().map(print).collect()
}

fn aggregate(name: &str, rows: usize, values: &[Value]) -> Option<Value> {
    let numbers: Vec<f64> = values.iter().filter_map(Value::as_f64).collect();
    let texts: Vec<String> = values
        .iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    let sum = || (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>());
    match name {
        "COUNT" => Some(doubles(&json!(rows))),
        "SUM" => sum().map(Value::from),
        "AVG" => sum().map(|sum| json!(sum / f64::from(u32::try_from(numbers.len()).unwrap()))),
        _ if !numbers.is_empty() && !texts.is_empty() => None,
        "MIN" if texts.is_empty() => numbers.into_iter().reduce(f64::min).map(Value::from),
        "MAX" if texts.is_empty() => numbers.into_iter().reduce(f64::max).map(Value::from),
        "MIN" => texts.into_iter().min().map(Value::from),
        _ => texts.into_iter().max().map(Value::from),
    }
}

/// The value with all its numbers as doubles, -0 as 0.
pub(crate) fn doubles(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap() + 0.0),
        Value::Array(elements) => elements.iter().map(doubles).collect(),
        Value::Object(members) => {
            let double = |(key, value): (&String, &Value)| (key.clone(), doubles(value));
            Value::Object(members.iter().map(double).collect())
        }
        other => other.clone(),
    }
}
