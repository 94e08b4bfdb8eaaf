//! Any order of writes against a naive evaluator: at each evaluation it writes every matching
//! configuration into every device, lowest rank first, one section after the other.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{Hub, spec};

const DEVICES: [&str; 4] = ["d1", "d2", "d3", "d4"];
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// Some lie above others, one is the whole.
const PATHS: [&str; 6] = ["", "x", "x.y", "x.y.z", "x.w", "v"];

#[derive(Clone, Debug)]
enum Step {
    /// Creates or updates; an update keeps the content.
    Put {
        name: usize,
        priority: u32,
        site: Option<u8>,
        content: Vec<(usize, Value)>,
    },
    Delete(usize),
    Tag {
        device: usize,
        site: u8,
    },
    Create(usize),
    DeleteDevice(usize),
    Settle,
}

#[derive(Debug, Default)]
struct Model {
    configurations: BTreeMap<&'static str, Naive>,
    devices: BTreeMap<&'static str, (u8, Value)>,
    created: u64,
}

#[derive(Debug)]
struct Naive {
    priority: u32,
    created: u64,
    site: Option<u8>,
    content: Vec<(&'static str, Value)>,
}

impl Model {
    fn evaluate(&mut self) {
        let mut ranked: Vec<&Naive> = self.configurations.values().collect();
        ranked.sort_by_key(|naive| (naive.priority, naive.created));
        for (site, desired) in self.devices.values_mut() {
            for naive in &ranked {
                if naive.site.is_none_or(|wanted| wanted == *site) {
                    for (path, value) in &naive.content {
                        replace(desired, path, value);
                    }
                }
            }
        }
    }
}

/// Has `value` at `path`, whatever was there; null deletes, and makes nothing where nothing is.
fn replace(desired: &mut Value, path: &str, value: &Value) {
    if value.is_null()
        && desired
            .pointer(&format!("/{}", path.replace('.', "/")))
            .is_none()
    {
        return;
    }
    let (name, below) = match path.split_once('.') {
        None if path.is_empty() => {
            *desired = value.clone();
            return;
        }
        None => (path, None),
        Some((name, below)) => (name, Some(below)),
    };
    if !desired.is_object() {
        *desired = json!({});
    }
    let members = desired.as_object_mut().unwrap();
    match below {
        Some(below) => replace(members.entry(name).or_insert(json!({})), below, value),
        None if value.is_null() => {
            members.remove(name);
        }
        None => {
            members.insert(name.to_owned(), value.clone());
        }
    }
}

fn values() -> impl Strategy<Value = Value> {
    let scalars = prop_oneof![(0..3_u8).prop_map(Value::from), Just(json!([1, {"a": 2}]))];
    let keys = prop::sample::select(vec!["y", "z", "w", "q"]);
    let objects = scalars.clone().prop_recursive(3, 8, 3, move |inner| {
        prop::collection::vec((keys.clone(), inner), 0..3).prop_map(|members| {
            let members = members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value));
            Value::Object(members.collect::<Map<_, _>>())
        })
    });
    prop_oneof![scalars, objects]
}

fn contents() -> impl Strategy<Value = Vec<(usize, Value)>> {
    let section = (0..PATHS.len(), values()).prop_map(|(path, value)| {
        // The whole of the desired properties is an object.
        let value = if path == 0 {
            json!({"v": value})
        } else {
            value
        };
        (path, value)
    });
    // Deeper down, writing first what is then deleted would leave an empty object above it.
    let nothing = prop::sample::select(vec![1, 5]).prop_map(|path| (path, Value::Null));
    prop::collection::vec(prop_oneof![6 => section, 1 => nothing], 1..4)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let put = (
        0..NAMES.len(),
        0..3_u32,
        prop::option::of(0..2_u8),
        contents(),
    )
        .prop_map(|(name, priority, site, content)| Step::Put {
            name,
            priority,
            site,
            content,
        });
    let tag = (0..DEVICES.len(), 0..2_u8).prop_map(|(device, site)| Step::Tag { device, site });
    let step = prop_oneof![
        4 => put,
        2 => (0..NAMES.len()).prop_map(Step::Delete),
        4 => tag,
        1 => (0..DEVICES.len()).prop_map(Step::Create),
        1 => (0..DEVICES.len()).prop_map(Step::DeleteDevice),
        3 => Just(Step::Settle),
    ];
    prop::collection::vec(step, 1..40)
}

/// Does the same to both.
fn take(step: &Step, hub: &mut Hub, model: &mut Model) {
    match step {
        Step::Put {
            name,
            priority,
            site,
            content,
        } => {
            let condition = site.map_or("*".to_owned(), |site| format!("tags.site = {site}"));
            // Equal keys: the last wins. Ancestors first, as the hub reads them.
            let sections: BTreeMap<usize, &Value> =
                content.iter().map(|(path, value)| (*path, value)).collect();
            let members = sections.iter().map(|(path, value)| {
                let dot = if *path == 0 { "" } else { "." };
                (
                    format!("properties.desired{dot}{}", PATHS[*path]),
                    (*value).clone(),
                )
            });
            let text = Value::Object(members.collect()).to_string();
            hub.put(spec(NAMES[*name], *priority, &condition, &text));
            model.created += 1;
            let mut content: Vec<(&str, Value)> = sections
                .iter()
                .map(|(path, value)| (PATHS[*path], (*value).clone()))
                .collect();
            content
                .sort_by_key(|(path, _)| path.split('.').filter(|name| !name.is_empty()).count());
            let naive = model.configurations.entry(NAMES[*name]).or_insert(Naive {
                priority: *priority,
                created: model.created,
                site: *site,
                content,
            });
            (naive.priority, naive.site) = (*priority, *site);
        }
        Step::Delete(name) => {
            if model.configurations.remove(NAMES[*name]).is_some() {
                hub.delete(NAMES[*name]);
            }
        }
        Step::Tag { device, site } => {
            if let Some((tag, _)) = model.devices.get_mut(DEVICES[*device]) {
                *tag = *site;
                hub.patch(DEVICES[*device], &json!({"tags":{"site":site}}).to_string());
            }
        }
        Step::Create(device) => {
            if !model.devices.contains_key(DEVICES[*device]) {
                model.devices.insert(DEVICES[*device], (9, json!({})));
                hub.create(DEVICES[*device]);
            }
        }
        Step::DeleteDevice(device) => {
            if model.devices.remove(DEVICES[*device]).is_some() {
                hub.delete_device(DEVICES[*device]);
            }
        }
        Step::Settle => {
            hub.settle();
            model.evaluate();
        }
    }
}

proptest! {
    /// CFG-13
    #[test]
    fn whatever_the_order_of_writes_the_desired_properties_are_the_naive_evaluators(
        steps in steps(),
        chunk in 1..4_usize,
    ) {
        let (mut hub, mut model) = (Hub::with(&hub_core::Limits::default(), chunk), Model::default());
        for device in &DEVICES[..3] {
            hub.create(device);
            model.devices.insert(device, (9, json!({})));
        }
        for step in steps.iter().chain([&Step::Settle]) {
            take(step, &mut hub, &mut model);
            if !matches!(step, Step::Settle) {
                continue;
            }
            for (device, (_, desired)) in &model.devices {
                prop_assert_eq!(&hub.desired(device), desired, "{}", device);
            }
            for (name, naive) in &model.configurations {
                let targeted = model.devices.values()
                    .filter(|(site, _)| naive.site.is_none_or(|wanted| wanted == *site));
                prop_assert_eq!(hub.counts(name).0, targeted.count(), "{}", name);
            }
        }
    }
}
