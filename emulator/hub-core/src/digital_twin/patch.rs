//! A JSON Patch of a digital twin as an update of desired properties.
//!
//! The whole patch becomes one merge patch, so that it happens whole or not at all. Later operations see
//! what earlier ones of the same patch wrote.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::print::{children, is_component};
use super::{COMPONENT, MARK};
use crate::error::HubError;
use crate::json::push_string;
use crate::limits::Limits;
use crate::twin::tree::Node;
use crate::twin::{Twin, TwinUpdate};

/// A checked JSON Patch.
#[derive(Clone, Debug)]
pub struct DigitalTwinPatch {
    operations: Vec<Operation>,
}

#[derive(Clone, Debug)]
struct Operation {
    verb: Verb,
    path: Path,
    value: Option<Box<RawValue>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Replace,
    Remove,
}

/// `/property`, `/component` or `/component/property`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Path {
    first: String,
    second: Option<String>,
}

#[derive(Deserialize)]
struct OperationBody {
    op: String,
    path: String,
    #[serde(default)]
    value: Option<Box<RawValue>>,
}

impl DigitalTwinPatch {
    /// Reads a JSON Patch: `add`, `replace` and `remove` of properties and components. `Format`: it is no
    /// JSON; `WrongType`: it is no array; `DigitalTwin…`: it breaks a rule, and the text says which.
    pub fn parse(body: &[u8]) -> Result<Self, HubError> {
        let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                HubError::WrongType("the patch must be a JSON array".to_owned())
            } else {
                HubError::Format(format!("The body is not JSON: {error}"))
            }
        })?;
        if items.len() > OPERATIONS_MAX {
            let text = format!("a patch has at most {OPERATIONS_MAX} operations");
            return Err(HubError::DigitalTwinPatch(text));
        }
        let operations = items.into_iter().map(Operation::parse);
        Ok(Self {
            operations: operations.collect::<Result<_, _>>()?,
        })
    }

    /// What the patch does to the desired properties of `twin`.
    pub fn update(&self, twin: &Twin, limits: &Limits) -> Result<TwinUpdate, HubError> {
        let mut merge = Merge::new(twin);
        for operation in &self.operations {
            merge.apply(operation)?;
        }
        TwinUpdate::parse(merge.print().as_bytes(), limits)
    }
}

impl Operation {
    fn parse(item: &RawValue) -> Result<Self, HubError> {
        let body: OperationBody = serde_json::from_str(item.get()).map_err(|error| {
            HubError::DigitalTwinJsonPatch(format!("an operation is {{op, path, value}}: {error}"))
        })?;
        let verb = [Verb::Add, Verb::Replace, Verb::Remove]
            .into_iter()
            .find(|verb| verb.name() == body.op)
            .ok_or_else(|| {
                let text = format!("op is add, replace or remove, not {:?}", body.op);
                HubError::DigitalTwinJsonPatch(text)
            })?;
        let path = Path::parse(&body.path)?;
        let value = body.value.filter(|value| value.get() != "null");
        match (verb, &value) {
            (Verb::Remove, _) => {}
            (Verb::Add | Verb::Replace, None) => {
                let text = format!("{}: {} needs a value", body.path, body.op);
                return Err(HubError::DigitalTwinPatch(text));
            }
            (Verb::Add | Verb::Replace, Some(value)) => check_value(&body.path, value.get())?,
        }
        Ok(Self { verb, path, value })
    }
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Remove => "remove",
        }
    }
}

impl Path {
    fn parse(text: &str) -> Result<Self, HubError> {
        let refuse =
            |problem: &str| HubError::DigitalTwinPatchPath(format!("the path {text:?} {problem}"));
        let rest = text
            .strip_prefix('/')
            .ok_or_else(|| refuse("does not begin with /"))?;
        let mut segments = rest.split('/').map(str::to_owned);
        let path = Self {
            first: segments.next().unwrap_or_default(),
            second: segments.next(),
        };
        if segments.next().is_some() {
            return Err(refuse("is deeper than a property of a component"));
        }
        let names = std::iter::once(&path.first).chain(&path.second);
        if !names.into_iter().all(|name| is_name(name)) {
            return Err(refuse("has a name that is none of a property or component"));
        }
        Ok(path)
    }
}

/// `^[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?$`, at most 64 characters.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, [first, .., last] | [first @ last] if first.is_ascii_alphabetic() && last.is_ascii_alphanumeric())
        && bytes.len() <= NAME_BYTES_MAX
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn check_value(path: &str, text: &str) -> Result<(), HubError> {
    let value: Json = serde_json::from_str(text)
        .map_err(|error| HubError::DigitalTwinPatch(format!("{path}: {error}")))?;
    check_node(path, &value, 1)
}

fn check_node(path: &str, value: &Json, depth: usize) -> Result<(), HubError> {
    let refuse = |problem: String| Err(HubError::DigitalTwinPatch(format!("{path}: {problem}")));
    if depth > DEPTH_MAX {
        return refuse(format!("the value is more than {DEPTH_MAX} levels deep"));
    }
    match value {
        Json::Array(_) => refuse("a value must not hold arrays".to_owned()),
        Json::Object(members) => members.iter().try_for_each(|(key, value)| {
            if key == METADATA && depth == 1 {
                return Ok(());
            }
            if !is_name(key) {
                return refuse(format!("{key:?} is no name"));
            }
            check_node(path, value, depth + 1)
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}

/// The merge patch that grows.
struct Merge<'a> {
    twin: &'a Twin,
    root: BTreeMap<String, Change>,
}

/// What becomes of a root member.
#[derive(Clone, Debug)]
enum Change {
    /// JSON text; `null` removes.
    Value(String),
    /// Members of a component, as JSON texts; `None`: the member goes.
    Component(BTreeMap<String, Option<String>>),
}

impl<'a> Merge<'a> {
    fn new(twin: &'a Twin) -> Self {
        let root = BTreeMap::new();
        Self { twin, root }
    }

    fn apply(&mut self, operation: &Operation) -> Result<(), HubError> {
        let Path { first, second } = &operation.path;
        if operation.verb != Verb::Add && !self.exists(first, second.as_deref()) {
            let (path, verb) = (operation.path.print(), operation.verb.name());
            let text = format!("{path}: there is nothing to {verb}");
            return Err(HubError::DigitalTwinPatch(text));
        }
        match (second, &operation.value) {
            (Some(name), value) => {
                self.check_is_component(first)?;
                let value = value.as_ref().filter(|_| operation.verb != Verb::Remove);
                let old = children(self.desired(first)).find(name);
                let text = value.map(|value| replacing(old, value.get()));
                self.component(first).insert(name.clone(), text);
            }
            (None, Some(value)) if operation.verb != Verb::Remove => {
                self.write_root(first, value.get())?;
            }
            (None, _) => {
                self.root
                    .insert(first.clone(), Change::Value("null".to_owned()));
            }
        }
        Ok(())
    }

    /// A property, or a whole component: that has `"$metadata": {}` in it.
    fn write_root(&mut self, first: &str, text: &str) -> Result<(), HubError> {
        let members = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text);
        let members = members
            .ok()
            .filter(|members| members.contains_key(METADATA));
        let Some(members) = members else {
            if self.is_component(first) {
                let text = format!("/{first}: a component has \"{METADATA}\": {{}} in its value");
                return Err(HubError::DigitalTwinPatch(text));
            }
            let old = self.desired(first);
            self.root
                .insert(first.to_owned(), Change::Value(replacing(old, text)));
            return Ok(());
        };
        if members[METADATA]
            .get()
            .split_ascii_whitespace()
            .collect::<String>()
            != "{}"
        {
            let text = format!("/{first}: {METADATA} must be empty: {{}}");
            return Err(HubError::DigitalTwinPatch(text));
        }
        self.check_is_component(first)?;
        let old = children(self.desired(first));
        let gone = old.into_iter().filter(|member| member.key != MARK);
        let mut component: BTreeMap<String, Option<String>> =
            gone.map(|member| (member.key.to_owned(), None)).collect();
        for (key, value) in members.iter().filter(|(key, _)| *key != METADATA) {
            let text = replacing(old.find(key), value.get());
            component.insert(key.clone(), Some(text));
        }
        self.root
            .insert(first.to_owned(), Change::Component(component));
        Ok(())
    }

    fn component(&mut self, first: &str) -> &mut BTreeMap<String, Option<String>> {
        let change = self.root.entry(first.to_owned());
        let change = change.or_insert_with(|| Change::Component(BTreeMap::new()));
        if let Change::Value(_) = change {
            *change = Change::Component(BTreeMap::new());
        }
        match change {
            Change::Component(members) => members,
            Change::Value(_) => unreachable!("made a component above"),
        }
    }

    fn sides(&self, first: &str) -> impl Iterator<Item = Node<'a>> {
        let sides = [&self.twin.desired, &self.twin.reported];
        sides
            .map(|side| side.members().find(first))
            .into_iter()
            .flatten()
    }

    fn desired(&self, first: &str) -> Option<Node<'a>> {
        self.twin.desired.members().find(first)
    }

    fn is_component(&self, first: &str) -> bool {
        match self.root.get(first) {
            Some(Change::Component(_)) => true,
            Some(Change::Value(_)) => false,
            None => self.sides(first).any(is_component),
        }
    }

    /// What is there and is no component does not become one.
    fn check_is_component(&self, first: &str) -> Result<(), HubError> {
        let is_other = match self.root.get(first) {
            Some(Change::Component(_)) => false,
            Some(Change::Value(text)) => text != "null",
            None => self.sides(first).next().is_some() && !self.is_component(first),
        };
        if is_other {
            let text = format!("/{first} is a property of the device twin, and no component");
            return Err(HubError::Argument(text));
        }
        Ok(())
    }

    fn exists(&self, first: &str, second: Option<&str>) -> bool {
        let is_in_twin = || {
            let mut sides = self.sides(first);
            sides.any(|node| second.is_none_or(|name| node.members().find(name).is_some()))
        };
        match (self.root.get(first), second) {
            (None, _) => is_in_twin(),
            (Some(Change::Value(text)), None) => text != "null",
            (Some(Change::Value(_)), Some(_)) => false,
            (Some(Change::Component(_)), None) => true,
            (Some(Change::Component(members)), Some(name)) => {
                members.get(name).map_or_else(is_in_twin, Option::is_some)
            }
        }
    }

    fn print(&self) -> String {
        let mut out = String::from("{\"properties\":{\"desired\":{");
        let members = self
            .root
            .iter()
            .map(|(key, change)| (key.as_str(), change.print()));
        push_object(&mut out, members);
        out.push_str("}}}");
        out
    }
}

impl Change {
    fn print(&self) -> String {
        match self {
            Self::Value(text) => text.clone(),
            Self::Component(members) => {
                let mut out = String::from("{");
                let mark = std::iter::once((MARK, COMPONENT.to_owned()));
                let members = members.iter().map(|(key, value)| {
                    (
                        key.as_str(),
                        value.clone().unwrap_or_else(|| "null".to_owned()),
                    )
                });
                push_object(&mut out, mark.chain(members));
                out.push('}');
                out
            }
        }
    }
}

impl Path {
    fn print(&self) -> String {
        match &self.second {
            Some(second) => format!("/{}/{second}", self.first),
            None => format!("/{}", self.first),
        }
    }
}

/// A merge patch that turns `old` into the value: members that the value has not are removed.
fn replacing(old: Option<Node<'_>>, text: &str) -> String {
    let (old, new) = (
        children(old),
        serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text),
    );
    let Ok(new) = new else {
        return text.to_owned();
    };
    let gone = old
        .into_iter()
        .filter(|member| !new.contains_key(member.key))
        .map(|member| (member.key, "null".to_owned()));
    let kept = new
        .iter()
        .map(|(key, value)| (key.as_str(), replacing(old.find(key), value.get())));
    let mut out = String::from("{");
    push_object(&mut out, gone.chain(kept));
    out.push('}');
    out
}

fn push_object<'a>(out: &mut String, members: impl Iterator<Item = (&'a str, String)>) {
    for (index, (key, value)) in members.enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(out, key);
        out.push(':');
        out.push_str(&value);
    }
}

const METADATA: &str = "$metadata";
const NAME_BYTES_MAX: usize = 64;
const DEPTH_MAX: usize = 5;
const OPERATIONS_MAX: usize = 1000;
