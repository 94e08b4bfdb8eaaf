//! The engine against the [model](super::model), over random twins and random queries.

use hub_core::query::{GroupKey, Query};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::model::{Expr, ModelQuery, PathName, Select, doubles};
use super::support::{TestClient, answer, query};

const PATHS: [PathName; 33] = [
    ("deviceId", &["deviceId"]),
    ("devices.DeviceID", &["deviceId"]),
    ("status", &["status"]),
    ("version", &["version"]),
    ("connectionState", &["connectionState"]),
    ("capabilities.iotEdge", &["capabilities", "iotEdge"]),
    (
        "x509Thumbprint.PrimaryThumbprint",
        &["x509Thumbprint", "PrimaryThumbprint"],
    ),
    ("statusReason", &["statusReason"]),
    ("deviceScope", &["deviceScope"]),
    ("parentScopes", &["parentScopes"]),
    ("parentScopes[0]", &["parentScopes", "0"]),
    ("lastActivityTime", &["lastActivityTime"]),
    ("cloudToDeviceMessageCount", &["cloudToDeviceMessageCount"]),
    ("noSuchThing", &["noSuchThing"]),
    ("tags", &["tags"]),
    ("Tags.a", &["tags", "a"]),
    ("tags.b.a", &["tags", "b", "a"]),
    ("tags.[[c]]", &["tags", "c"]),
    ("tags.A", &["tags", "A"]),
    ("properties", &["properties"]),
    ("properties.desired", &["properties", "desired"]),
    ("properties.desired.a", &["properties", "desired", "a"]),
    ("properties.Desired.b", &["properties", "desired", "b"]),
    (
        "properties.desired.b.c",
        &["properties", "desired", "b", "c"],
    ),
    (
        "properties.desired.$version",
        &["properties", "desired", "$version"],
    ),
    (
        "properties.desired.$metadata.b.$lastUpdated",
        &["properties", "desired", "$metadata", "b", "$lastUpdated"],
    ),
    (
        "properties.desired.$metadata.$lastUpdatedVersion",
        &["properties", "desired", "$metadata", "$lastUpdatedVersion"],
    ),
    ("properties.reported.a", &["properties", "reported", "a"]),
    (
        "properties.reported.a[0]",
        &["properties", "reported", "a", "0"],
    ),
    (
        "properties.reported.a[1].b",
        &["properties", "reported", "a", "1", "b"],
    ),
    ("properties.reported.c", &["properties", "reported", "c"]),
    (
        "properties.reported.$metadata.a",
        &["properties", "reported", "$metadata", "a"],
    ),
    (
        "properties.reported.$metadata",
        &["properties", "reported", "$metadata"],
    ),
];

fn path() -> impl Strategy<Value = PathName> + Clone {
    prop::sample::select(PATHS.to_vec())
}

fn scalar() -> impl Strategy<Value = Value> + Clone {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-3..4).prop_map(Value::from),
        prop_oneof![Just(0.5), Just(1.0)].prop_map(Value::from),
        prop::sample::select(vec!["a", "b\"\\\n", "é", "enabled", "dev1", "de", ""])
            .prop_map(Value::from),
    ]
}

fn constant() -> impl Strategy<Value = Expr> + Clone {
    prop_oneof![
        8 => scalar().prop_map(Expr::Constant),
        1 => Just(Expr::Constant(Value::Null)),
        1 => Just(Expr::Undefined),
    ]
}

fn call(inner: &BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> + use<> {
    let of_one = prop::sample::select(vec![
        "is_null",
        "IS_BOOL",
        "IS_NUMBER",
        "is_string",
        "IS_ARRAY",
        "IS_OBJECT",
        "IS_PRIMITIVE",
        "LENGTH",
        "upper",
        "ABS",
    ]);
    let of_two = prop::sample::select(vec!["STARTSWITH", "endswith", "Array_Contains"]);
    prop_oneof![
        (of_one, inner.clone()).prop_map(|(name, one)| Expr::Call(name, vec![one])),
        (of_two, inner.clone(), inner.clone())
            .prop_map(|(name, one, other)| Expr::Call(name, vec![one, other])),
    ]
}

/// What pays for an index, and may be next to anything.
fn about_the_id() -> impl Strategy<Value = Expr> + Clone {
    let id = Expr::Path(("deviceId", &["deviceId"]));
    let text = prop::sample::select(vec!["dev1", "dev", "dev2", "e", "", "dev10", "é"]);
    let text = text.prop_map(|text| Expr::Constant(text.into()));
    let operator = prop::sample::select(vec!["=", "=", "<", "<=", ">", ">=", "!="]);
    let (same, again, also) = (id.clone(), id.clone(), id.clone());
    prop_oneof![
        (text.clone(), operator.clone()).prop_map(move |(text, operator)| Expr::Compare(
            id.clone().into(),
            operator,
            text.into()
        )),
        (text.clone(), operator).prop_map(move |(text, operator)| Expr::Compare(
            text.into(),
            operator,
            same.clone().into()
        )),
        prop::collection::vec(text.clone(), 0..4).prop_map(move |list| Expr::In(
            again.clone().into(),
            "IN",
            list
        )),
        text.prop_map(move |text| Expr::Call("STARTSWITH", vec![also.clone(), text])),
    ]
}

fn expression() -> impl Strategy<Value = Expr> + Clone {
    let leaf = prop_oneof![
        2 => constant(),
        5 => path().prop_map(Expr::Path),
        1 => path().prop_map(Expr::IsDefined),
        1 => about_the_id(),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec!["=", "!=", "<>", "<", "<=", ">", ">="]);
        let sign = prop::sample::select(vec!['+', '-', '*', '/', '%']);
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            2 => boxed.clone().prop_map(Expr::Not),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::All),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Any),
            3 => (boxed.clone(), operator, boxed.clone())
                .prop_map(|(left, operator, right)| Expr::Compare(left, operator, right)),
            1 => (boxed.clone(), prop::sample::select(vec!["IN", "NIN", "NOT IN"]),
                  prop::collection::vec(constant(), 0..3))
                .prop_map(|(operand, word, list)| Expr::In(operand, word, list)),
            1 => (boxed.clone(), prop::collection::vec(inner.clone(), 1..3))
                .prop_map(|(operand, list)| Expr::In(operand, "IN", list)),
            1 => (boxed.clone(), sign, boxed.clone())
                .prop_map(|(left, sign, right)| Expr::Calculate(left, sign, right)),
            1 => boxed.prop_map(Expr::Minus),
            2 => call(&inner.boxed()),
        ]
    })
}

fn select() -> impl Strategy<Value = Select> {
    let alias = prop::option::of(prop::sample::select(vec!["x", "Y", "größe", "$1"]));
    let item = prop_oneof![3 => path().prop_map(Expr::Path), 1 => expression()];
    let aggregate = (
        prop::sample::select(vec!["COUNT", "SUM", "AVG", "MIN", "MAX"]),
        path(),
    );
    let aggregate = aggregate.prop_map(|(name, path)| (name, (name != "COUNT").then_some(path)));
    prop_oneof![
        1 => Just(Select::Whole),
        3 => prop::collection::vec((item, alias), 1..4).prop_map(Select::Items),
        3 => (prop::collection::vec(path(), 0..3), prop::collection::vec(aggregate, 1..4))
            .prop_map(|(keys, aggregates)| Select::Groups { keys, aggregates }),
    ]
}

fn model_query() -> impl Strategy<Value = ModelQuery> {
    (select(), prop::option::of(expression()))
        .prop_map(|(select, condition)| ModelQuery { select, condition })
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

fn client() -> impl Strategy<Value = TestClient> {
    let id = prop::sample::select(vec!["dev1", "dev2", "dev10", "e", "dev"]);
    let scopes = prop::collection::vec("[ab]", 0..2);
    (id, section(), section(), section(), any::<bool>(), scopes).prop_map(
        |(id, tags, desired, reported, edge, scopes)| {
            let twin = json!({"tags": tags, "desired": desired, "reported": reported});
            let mut client = TestClient::new(id, &twin);
            (client.edge, client.connected) = (edge, !edge);
            client.scope = scopes.first().cloned();
            client.parent_scopes = scopes.into_iter().map(Into::into).collect();
            client
        },
    )
}

/// The groups as a hub computes them: in parts, page by page.
fn paged(query: &Query, clients: &[TestClient], page_size: usize) -> Vec<Value> {
    let (mut items, mut after): (Vec<Value>, Option<GroupKey>) = (Vec::new(), None);
    loop {
        let mut whole = query.groups(after.clone(), page_size);
        for part in clients.chunks(2) {
            let mut groups = query.groups(after.clone(), page_size);
            for client in part {
                client.see(|row| groups.add(query, row));
            }
            whole.merge(groups);
        }
        let page = whole.items(query);
        let Some((last, _)) = page.last() else {
            return items;
        };
        after = Some(last.clone());
        items.extend(
            page.iter()
                .map(|(_, item)| serde_json::from_str::<Value>(item).unwrap()),
        );
    }
}

/// Sorted as they are compared: `0` and `0.0` stand differently beside `0.5`.
fn sorted(values: Vec<Value>) -> Vec<String> {
    let texts = values.into_iter().map(|value| doubles(&value).to_string());
    let mut texts: Vec<String> = texts.collect();
    texts.sort_unstable();
    texts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_answer_is_the_model_s(
        model in model_query(),
        clients in prop::collection::vec(client(), 0..7),
        page_size in 1_usize..4,
    ) {
        let rows: Vec<Value> = clients.iter().map(TestClient::document).collect();
        let text = model.print();
        let read = query(&text);
        for (client, row) in clients.iter().zip(&rows) {
            let keeps = client.see(|row| read.matches(row));
            prop_assert_eq!(keeps, model.keeps(row), "{} on {}", text, row);
            let id = client.client.device_id().as_str();
            prop_assert!(!keeps || read.ids().contains(id), "{} leaves out {}", read.ids(), id);
        }
        let expected = sorted(model.answer(&rows).iter().map(doubles).collect());
        if read.is_grouped() {
            prop_assert_eq!(sorted(paged(&read, &clients, page_size)), expected, "{}", text);
        } else {
            let actual = answer(&text, &clients);
            let actual = actual.as_array().unwrap().iter().map(doubles).collect();
            prop_assert_eq!(sorted(actual), expected, "{}", text);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = Query::parse(&text);
        let _ = Query::parse(&format!("SELECT * FROM devices WHERE {text}"));
        let _ = Query::parse(&format!("SELECT {text} FROM devices"));
    }

    #[test]
    fn any_row_of_words_is_read_or_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "SELECT", "*", "FROM", "devices", "WHERE", "NOT", "IN", "NIN", "AND", "OR", "(", ")",
            "[", "]", "[[a]]", "[[", ".", ",", "tags", "'x'", "'", "\"", "\\", "1", "0x", "1e", "-",
            "is_defined", "TOP", "GROUP", "BY", "null", "=", "<", "/*", "*/", ";", "é", "\\ud83d",
            "COUNT", "AVG", "AS", "STARTSWITH", "+", "%",
        ]), 0..20),
        glue in prop::sample::select(vec!["", " "]),
    ) {
        let text = words.join(glue);
        let _ = Query::parse(&text);
        let _ = Query::parse(&format!("SELECT * FROM devices WHERE {text}"));
        let _ = Query::parse(&format!("SELECT {text} FROM devices GROUP BY {text}"));
    }
}
