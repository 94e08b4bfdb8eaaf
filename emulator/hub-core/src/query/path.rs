//! Paths: which part of a row a query names, and finding it.

use crate::json::{Reader, Token, unquote};
use crate::twin::Twin;
use crate::twin::section::Section;
use crate::twin::tree::{Entry, Value, find};

/// A path, its first name resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    pub(super) root: Root,
    pub(super) steps: Vec<Step>,
}

/// What a path starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    DeviceId,
    ModuleId,
    Etag,
    DeviceEtag,
    Status,
    StatusReason,
    StatusUpdateTime,
    ConnectionState,
    LastActivityTime,
    CloudToDeviceMessageCount,
    AuthenticationType,
    X509Thumbprint,
    ModelId,
    Version,
    Tags,
    Properties,
    Desired,
    Reported,
    Capabilities,
    /// Nothing that a device has: undefined.
    Unknown,
}

/// One step further down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(Box<str>),
    Index(usize),
}

impl Path {
    /// Resolves the names of a path. Attributes are matched without case, as Microsoft's samples need
    /// (`LastActivityTime`); keys of tags and properties are not.
    pub(super) fn resolve(mut steps: Vec<Step>) -> Self {
        strip_collection(&mut steps);
        let Step::Key(name) = steps.remove(0) else {
            return Self {
                root: Root::Unknown,
                steps,
            };
        };
        let mut root = root(&name);
        if root == Root::Properties
            && let Some(Step::Key(name)) = steps.first()
        {
            root = match () {
                () if name.eq_ignore_ascii_case("desired") => Root::Desired,
                () if name.eq_ignore_ascii_case("reported") => Root::Reported,
                () => Root::Unknown,
            };
            steps.remove(0);
        }
        Self { root, steps }
    }
}

/// Strips `devices.`, `devices.modules.` or `devices.jobs.` if a path is left; clients mix them.
fn strip_collection(steps: &mut Vec<Step>) {
    let is = |step: Option<&Step>, name: &str| matches!(step, Some(Step::Key(key)) if key.eq_ignore_ascii_case(name));
    if steps.len() < 2 || !is(steps.first(), "devices") || matches!(steps[1], Step::Index(_)) {
        return;
    }
    steps.remove(0);
    let second = steps.first();
    if steps.len() > 1 && (is(second, "modules") || is(second, "jobs")) {
        steps.remove(0);
    }
}

fn root(name: &str) -> Root {
    match name.to_ascii_lowercase().as_str() {
        // `id`: a sample of the C# SDK.
        "deviceid" | "id" => Root::DeviceId,
        "moduleid" => Root::ModuleId,
        "etag" => Root::Etag,
        "deviceetag" => Root::DeviceEtag,
        "status" => Root::Status,
        "statusreason" => Root::StatusReason,
        // The second is what Azure IoT Explorer says.
        "statusupdatetime" | "statusupdatedtime" => Root::StatusUpdateTime,
        "connectionstate" => Root::ConnectionState,
        "lastactivitytime" => Root::LastActivityTime,
        "cloudtodevicemessagecount" => Root::CloudToDeviceMessageCount,
        "authenticationtype" => Root::AuthenticationType,
        "x509thumbprint" => Root::X509Thumbprint,
        "modelid" => Root::ModelId,
        "version" => Root::Version,
        "tags" => Root::Tags,
        "properties" => Root::Properties,
        "capabilities" => Root::Capabilities,
        _ => Root::Unknown,
    }
}

/// What a path into tags or properties leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found<'a> {
    /// JSON text of a scalar.
    Scalar(&'a str),
    /// An object or an array.
    Compound,
    /// A counter of the metadata.
    Counter(u32),
    /// A time of the metadata.
    Time(hub_proto::time::Timestamp),
}

/// Follows `steps` into a section of the twin.
pub(super) fn find_in_twin<'a>(twin: &'a Twin, root: Root, steps: &[Step]) -> Option<Found<'a>> {
    let section = match root {
        // A row has no tags at all when there are none.
        Root::Tags if twin.tags.children.is_empty() => return None,
        Root::Tags => return find_in_children(&twin.tags.children, steps),
        Root::Desired => &twin.desired,
        Root::Reported => &twin.reported,
        _ => return None,
    };
    match steps {
        [Step::Key(name)] if **name == *"$version" => Some(Found::Counter(section.version)),
        [Step::Key(name), below @ ..] if **name == *"$metadata" => {
            find_in_metadata(section, root == Root::Desired, below)
        }
        _ => find_in_children(&section.children, steps),
    }
}

/// The metadata mirrors the tree, so it is found by walking the tree.
fn find_in_metadata<'a>(
    section: &'a Section,
    has_versions: bool,
    steps: &[Step],
) -> Option<Found<'a>> {
    let mut stamp = section.stamp;
    let mut children = &*section.children;
    for (place, step) in steps.iter().enumerate() {
        let Step::Key(key) = step else { return None };
        let is_last = place + 1 == steps.len();
        match &**key {
            "$lastUpdated" if is_last => return Some(Found::Time(stamp.updated)),
            "$lastUpdatedVersion" if is_last && has_versions && stamp.version > 0 => {
                return Some(Found::Counter(stamp.version));
            }
            key => {
                let node = find(children, key)?;
                stamp = node.stamp;
                children = match &node.value {
                    Value::Leaf(_) => &[],
                    Value::Object(below) => below,
                };
            }
        }
    }
    Some(Found::Compound)
}

fn find_in_children<'a>(mut children: &'a [Entry], steps: &[Step]) -> Option<Found<'a>> {
    for (place, step) in steps.iter().enumerate() {
        let Step::Key(key) = step else { return None };
        match &find(children, key)?.value {
            Value::Object(below) => children = below,
            Value::Leaf(text) => return find_in_text(text, &steps[place + 1..]),
        }
    }
    Some(Found::Compound)
}

/// Follows `steps` into the JSON text of a leaf: only an array has anything below it.
pub(super) fn find_in_text<'a>(text: &'a str, steps: &[Step]) -> Option<Found<'a>> {
    let mut reader = Reader::new(text);
    for step in steps {
        match (reader.next()?, step) {
            (Token::BeginArray, Step::Index(index)) => {
                for _ in 0..*index {
                    let mut ahead = reader;
                    if ahead.next()? == Token::EndArray {
                        return None;
                    }
                    reader.skip_value();
                }
            }
            (Token::BeginObject, Step::Key(key)) => {
                // The last of equal keys wins.
                let mut value = None;
                while let Some(Token::String(token)) = reader.next() {
                    if unquote(token).is_some_and(|name| *name == **key) {
                        value = Some(reader);
                    }
                    reader.skip_value();
                }
                reader = value?;
            }
            _ => return None,
        }
    }
    let mut ahead = reader;
    match ahead.next()? {
        Token::BeginObject | Token::BeginArray => Some(Found::Compound),
        // Behind the last element of an array.
        Token::EndObject | Token::EndArray => None,
        Token::String(_) | Token::Number(_) | Token::Bool(_) | Token::Null => {
            Some(Found::Scalar(reader.skip_value()))
        }
    }
}
