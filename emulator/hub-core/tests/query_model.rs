//! Queries against a naive evaluator that looks at the printed document.

use hub_core::Limits;
use hub_core::query::{Query, Row};
use hub_core::registry::{Authentication, SymmetricKeys};
use hub_core::twin::{DocumentIdentity, Twin, TwinUpdate, UpdateMode};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A condition as the model knows it.
#[derive(Clone, Debug)]
enum Condition {
    Constant(Value),
    Path(&'static str),
    IsDefined(&'static str),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Compare(Box<Condition>, &'static str, Box<Condition>),
    In(Box<Condition>, Vec<Value>),
}

use Condition::{All, Any, Compare, Constant, In, IsDefined, Not, Path};

impl Condition {
    /// Fully in parentheses, so that precedence is another test's affair.
    fn print(&self) -> String {
        let join = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(Self::print).collect();
            format!("({})", parts.join(word))
        };
        match self {
            Constant(value) => value.to_string(),
            Path(path) => (*path).to_owned(),
            IsDefined(path) => format!("is_defined({path})"),
            Not(inner) => format!("(NOT {})", inner.print()),
            All(parts) => join(parts, " AND "),
            Any(parts) => join(parts, " or "),
            Compare(left, operator, right) => {
                format!("({} {operator} {})", left.print(), right.print())
            }
            In(operand, list) => format!("({} IN {})", operand.print(), Value::from(list.clone())),
        }
    }

    /// The value; `None` is undefined.
    fn value(&self, row: &Value) -> Option<Value> {
        let truths = |parts: &[Self]| -> Vec<Option<bool>> {
            parts
                .iter()
                .map(|part| part.value(row)?.as_bool())
                .collect()
        };
        match self {
            Constant(value) => Some(value.clone()),
            Path(path) => lookup(row, path),
            IsDefined(path) => Some(lookup(row, path).is_some().into()),
            Not(inner) => Some((!inner.value(row)?.as_bool()?).into()),
            All(parts) => fold(&truths(parts), false),
            Any(parts) => fold(&truths(parts), true),
            Compare(left, operator, right) => {
                compare(&left.value(row)?, operator, &right.value(row)?).map(Value::from)
            }
            In(operand, list) => {
                let value = operand.value(row)?;
                if value.is_array() || value.is_object() {
                    return None;
                }
                Some(
                    list.iter()
                        .any(|other| compare(&value, "=", other) == Some(true))
                        .into(),
                )
            }
        }
    }
}

fn fold(truths: &[Option<bool>], decisive: bool) -> Option<Value> {
    if truths.contains(&Some(decisive)) {
        return Some(decisive.into());
    }
    if truths.contains(&None) {
        None
    } else {
        Some((!decisive).into())
    }
}

fn lookup(row: &Value, path: &str) -> Option<Value> {
    let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
    row.pointer(&pointer).cloned()
}

fn compare(left: &Value, operator: &str, right: &Value) -> Option<bool> {
    let equality = |equal: bool| match operator {
        "=" => Some(equal),
        "!=" => Some(!equal),
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

fn scalar() -> impl Strategy<Value = Value> + Clone {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-3..4).prop_map(Value::from),
        prop_oneof![Just(0.5), Just(1.0)].prop_map(Value::from),
        prop_oneof![
            Just("a"),
            Just("b\"\\\n"),
            Just("é"),
            Just("enabled"),
            Just("dev1")
        ]
        .prop_map(Value::from),
    ]
}

fn constant() -> impl Strategy<Value = Value> {
    prop_oneof![8 => scalar(), 1 => Just(Value::Null)]
}

fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "deviceId",
        "status",
        "version",
        "capabilities.iotEdge",
        "x509Thumbprint.PrimaryThumbprint",
        "statusReason",
        "tags",
        "tags.a",
        "tags.b.a",
        "tags.c",
        "properties.desired.a",
        "properties.desired.b",
        "properties.desired.b.c",
        "properties.desired.$version",
        "properties.desired.$metadata.b.$lastUpdated",
        "properties.desired.$metadata.$lastUpdatedVersion",
        "properties.reported.a[0]",
        "properties.reported.a[1].b",
        "properties.reported.c",
        "properties.reported.$metadata.a",
    ])
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        2 => constant().prop_map(Constant),
        4 => path().prop_map(Path),
        1 => path().prop_map(IsDefined),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed.clone().prop_map(Not),
            prop::collection::vec(inner.clone(), 2..4).prop_map(All),
            prop::collection::vec(inner, 2..4).prop_map(Any),
            (boxed.clone(), operator, boxed.clone()).prop_map(|(l, o, r)| Compare(l, o, r)),
            (boxed, prop::collection::vec(constant(), 0..3)).prop_map(|(o, list)| In(o, list)),
        ]
    })
}

/// A member of a section: a scalar, an array or an object.
fn member() -> impl Strategy<Value = Value> {
    let object = prop::collection::btree_map("[abc]", scalar(), 0..3);
    let object = object.prop_map(|members| json!(members)).boxed();
    let element = prop_oneof![scalar(), object.clone()];
    let array = prop::collection::vec(element, 0..3).prop_map(Value::from);
    prop_oneof![2 => scalar(), 1 => array, 2 => object]
}

fn section() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[abc]", member(), 0..4).prop_map(|members| json!(members))
}

proptest! {
    #[test]
    fn a_query_keeps_what_the_model_keeps(
        condition in condition(),
        tags in section(),
        desired in section(),
        reported in section(),
    ) {
        let limits = Limits::default();
        let at = Timestamp::from_unix_seconds(1_795_341_600);
        let mut twin = Twin::new(at);
        let body = json!({"tags": tags, "properties": {"desired": desired}}).to_string();
        let update = TwinUpdate::parse(body.as_bytes(), &limits).unwrap();
        twin.update(at, update, UpdateMode::Merge, &limits).unwrap();
        twin.patch_reported(at, reported.to_string().as_bytes(), None, &limits).unwrap();
        let client = ClientIdentity::Device(DeviceId::parse("dev1").unwrap());
let authentication = keys();
        let identity = DocumentIdentity::new(&client, "NzQ=", &authentication);
        let row: Value = serde_json::from_str(&twin.document(&identity).json).unwrap();
        let text = format!("SELECT * FROM devices WHERE {}", condition.print());
        let query = Query::parse(&text).unwrap();
        let expected = condition.value(&row) == Some(Value::Bool(true));
        prop_assert_eq!(query.matches(Row::twin(&twin, &identity)), expected, "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = Query::parse(&text);
        let _ = Query::parse(&format!("SELECT * FROM devices WHERE {text}"));
    }

    #[test]
    fn any_row_of_words_is_read_or_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "SELECT", "*", "FROM", "devices", "WHERE", "NOT", "IN", "NIN", "AND", "OR", "(", ")",
            "[", "]", "[[a]]", "[[", ".", ",", "tags", "'x'", "'", "\"", "\\", "1", "0x", "1e", "-",
            "is_defined", "TOP", "GROUP", "null", "=", "<", "/*", "*/", ";", "é", "\\ud83d",
        ]), 0..20),
        glue in prop::sample::select(vec!["", " "]),
    ) {
        let text = words.join(glue);
        let _ = Query::parse(&text);
        let _ = Query::parse(&format!("SELECT * FROM devices WHERE {text}"));
    }
}

fn keys() -> Authentication {
    Authentication::Sas(SymmetricKeys {
        primary: SasKey::from_bytes(&[1; 32]),
        secondary: SasKey::from_bytes(&[2; 32]),
    })
}
