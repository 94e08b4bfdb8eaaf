//! What a configuration writes: read from its JSON with every rule checked, so that applying it can
//! only fail for want of room in a twin.
//!
//! Rules: Microsoft's page "Automatic device and module management at scale" and a live record of
//! mwalser/terraform-provider-iothub (`CONCEPT.md`). Knows nothing of who is targeted.

use hub_proto::ids::ModuleId;
use smol_str::SmolStr;

use crate::error::HubError;
use crate::json::{Reader, Token, check, minify, push_string, unquote};
use crate::limits::Limits;
use crate::registry::SYSTEM_MODULES;
use crate::twin::patch::{DollarKeys, Patch, PatchNode};
use crate::twin::size;

/// What a configuration is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContentKind {
    /// `deviceContent`: the twins of devices.
    Device,
    /// `moduleContent`: the twins of modules.
    Module,
    /// `modulesContent`: the modules of IoT Edge devices, a deployment.
    Modules,
}

/// The content of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    kind: ContentKind,
    /// `{"deviceContent":{…}}`, minified.
    text: Box<str>,
    parts: Vec<Part>,
}

/// What is written into one twin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// The module, if the content is a deployment's.
    pub(crate) module: Option<ModuleId>,
    /// Ancestors before what lies below them.
    pub(crate) assignments: Vec<Assignment>,
}

/// One section of desired properties, to be replaced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    /// Below `properties.desired`; empty is the whole.
    pub(crate) path: Vec<SmolStr>,
    pub(crate) node: PatchNode,
}

impl ContentKind {
    /// The member of `content`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Device => "deviceContent",
            Self::Module => "moduleContent",
            Self::Modules => "modulesContent",
        }
    }

    const ALL: [Self; 3] = [Self::Device, Self::Module, Self::Modules];
}

impl Content {
    /// Reads a content object: exactly one of the three kinds. Null says nothing, and neither does an
    /// empty object beside one that is not.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, HubError> {
        let text = check(text.as_bytes())
            .map_err(|error| HubError::Format(format!("the content is not JSON: {error}")))?;
        let (kind, body) = the_one_kind(text)?;
        let parts = match kind {
            ContentKind::Device | ContentKind::Module => vec![Part {
                module: None,
                assignments: read_assignments(body, kind.name(), limits)?,
            }],
            ContentKind::Modules => read_modules(body, limits)?,
        };
        let text = format!("{{\"{}\":{}}}", kind.name(), minify(body));
        Ok(Self {
            kind,
            text: text.into(),
            parts,
        })
    }

    /// What it is about.
    pub fn kind(&self) -> ContentKind {
        self.kind
    }

    /// The content as JSON text, as it came but for white space.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// The kind that says something, and its text.
fn the_one_kind(text: &str) -> Result<(ContentKind, &str), HubError> {
    let mut found: Vec<(ContentKind, &str)> = Vec::new();
    for (key, value) in members(text, "content")? {
        let named = |kind: &ContentKind| key.eq_ignore_ascii_case(kind.name());
        let Some(kind) = ContentKind::ALL.into_iter().find(named) else {
            continue;
        };
        if value != "null" {
            found.push((kind, value));
        }
    }
    if found.len() > 1 {
        found.retain(|(_, value)| minify(value) != "{}");
    }
    match found[..] {
        [one] => Ok(one),
        [] => Err(refuse(
            "one of deviceContent, moduleContent and modulesContent is required",
        )),
        _ => Err(refuse(
            "only one of deviceContent, moduleContent and modulesContent is allowed",
        )),
    }
}

fn read_modules(text: &str, limits: &Limits) -> Result<Vec<Part>, HubError> {
    let mut parts: Vec<Part> = Vec::new();
    for (name, value) in members(text, ContentKind::Modules.name())? {
        let module =
            ModuleId::parse(&name).map_err(|error| refuse(&format!("modulesContent: {error}")))?;
        if parts
            .iter()
            .any(|part| part.module.as_ref() == Some(&module))
        {
            return Err(refuse(&format!("modulesContent names {module} twice")));
        }
        let is_own = |part: &&Part| is_system(part.module.as_ref());
        let counted = parts.len() - parts.iter().filter(is_own).count();
        if counted == limits.deployment_modules && !is_system(Some(&module)) {
            return Err(refuse(&format!(
                "modulesContent names more than {} modules",
                limits.deployment_modules
            )));
        }
        let assignments = read_assignments(value, &format!("modulesContent.{module}"), limits)?;
        parts.push(Part {
            module: Some(module),
            assignments,
        });
    }
    // A deployment without an agent deploys nothing; a live hub refuses `$edgeHub` alone.
    let is_agent = |part: &Part| {
        part.module
            .as_ref()
            .is_some_and(|id| id.as_str() == EDGE_AGENT)
    };
    if !parts.iter().any(is_agent) {
        return Err(refuse("modulesContent must contain $edgeAgent"));
    }
    Ok(parts)
}

/// The hub's own modules do not count among those of a deployment.
fn is_system(module: Option<&ModuleId>) -> bool {
    module.is_some_and(|module| SYSTEM_MODULES.contains(&module.as_str()))
}

/// Reads `{"properties.desired.<path>":value,…}`.
fn read_assignments(text: &str, name: &str, limits: &Limits) -> Result<Vec<Assignment>, HubError> {
    let mut assignments: Vec<Assignment> = Vec::new();
    let mut bytes = 0;
    for (key, value) in members(text, name)? {
        let assignment = read_assignment(&key, value, limits)
            .map_err(|error| refuse(&format!("{name}: {error}")))?;
        bytes += size::of_patch_node(&assignment.node);
        // The last of equal keys wins, as in any JSON object.
        assignments.retain(|other| other.path != assignment.path);
        if assignments.len() == SECTIONS_MAX {
            return Err(refuse(&format!("{name} has more than {SECTIONS_MAX} keys")));
        }
        assignments.push(assignment);
    }
    if bytes > limits.desired_bytes {
        return Err(refuse(&format!(
            "{name} has {bytes} bytes (keys and values), at most {} fit into desired properties",
            limits.desired_bytes
        )));
    }
    assignments.sort_by_key(|assignment| assignment.path.len());
    Ok(assignments)
}

fn read_assignment(key: &str, value: &str, limits: &Limits) -> Result<Assignment, String> {
    let path = match key.strip_prefix("properties.desired") {
        Some("") => Vec::new(),
        Some(rest) if rest.starts_with('.') => rest[1..].split('.').map(SmolStr::from).collect(),
        Some(_) | None => {
            return Err(format!(
                "the key '{}' is not properties.desired or below it",
                shorten(key)
            ));
        }
    };
    if path.iter().any(SmolStr::is_empty) {
        return Err(format!(
            "the key '{}' has an empty name in it",
            shorten(key)
        ));
    }
    if path.len() > limits.twin_depth {
        return Err(format!(
            "the key '{}' is deeper than {} levels",
            shorten(key),
            limits.twin_depth
        ));
    }
    // Read as what it will be, so that names, depth and values are checked as a twin checks them.
    let mut text = String::new();
    for name in &path {
        text.push('{');
        push_string(&mut text, name);
        text.push(':');
    }
    text.push_str(value);
    text.extend(path.iter().map(|_| '}'));
    let whole = Patch::read(
        &mut Reader::new(&text),
        "properties.desired",
        DollarKeys::Refuse,
        limits,
    )
    .map_err(|error| error.to_string())?;
    let mut node = PatchNode::Object(whole);
    for _ in &path {
        let PatchNode::Object(whole) = node else {
            unreachable!("the text was made of one object a name");
        };
        let entry = whole.into_entries().pop();
        node = entry.expect("the text was made with one member").1;
    }
    Ok(Assignment { path, node })
}

/// The members of an object, keys unquoted.
fn members<'a>(text: &'a str, name: &str) -> Result<Vec<(String, &'a str)>, HubError> {
    let mut reader = Reader::new(text);
    if reader.next() != Some(Token::BeginObject) {
        return Err(refuse(&format!("{name} must be a JSON object")));
    }
    let mut members = Vec::new();
    while let Some(Token::String(token)) = reader.next() {
        let key = unquote(token)
            .ok_or_else(|| refuse(&format!("{name} has a key that is half a character")))?;
        members.push((key.into_owned(), reader.skip_value()));
    }
    Ok(members)
}

fn refuse(rule: &str) -> HubError {
    HubError::ConfigurationContent(rule.to_owned())
}

/// A key as a message shows it.
fn shorten(key: &str) -> String {
    key.escape_debug().take(KEY_CHARACTERS_SHOWN).collect()
}

/// The module that every deployment names.
pub(crate) const EDGE_AGENT: &str = "$edgeAgent";
/// More than fit into the desired properties of a twin with anything in them.
const SECTIONS_MAX: usize = 1024;
const KEY_CHARACTERS_SHOWN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Content, String> {
        Content::parse(text, &Limits::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn content_is_kept_as_it_came_and_split_into_sections() {
        // CFG-4
        let content = parse(
            r#"{"deviceContent": {"properties.desired.a.b": {"c":1.0}, "properties.desired.a": 2},
                "moduleContent":null, "modulesContent":{}}"#,
        )
        .unwrap();
        assert_eq!(content.kind(), ContentKind::Device);
        assert_eq!(
            content.text(),
            r#"{"deviceContent":{"properties.desired.a.b":{"c":1.0},"properties.desired.a":2}}"#
        );
        let [part] = content.parts() else {
            panic!("one twin")
        };
        let paths: Vec<String> = part
            .assignments
            .iter()
            .map(|assignment| assignment.path.join("."))
            .collect();
        assert_eq!(paths, ["a", "a.b"]);
    }

    #[test]
    fn content_that_breaks_a_rule_is_refused_by_name() {
        // CFG-4
        let one = "one of deviceContent, moduleContent and modulesContent is required";
        let cases = [
            ("{}", one),
            (r#"{"deviceContent":null}"#, one),
            ("[]", "content must be a JSON object"),
            (
                r#"{"deviceContent":{"properties.desired.a":1},"moduleContent":{"properties.desired.a":1}}"#,
                "only one of deviceContent, moduleContent and modulesContent is allowed",
            ),
            (
                r#"{"deviceContent":{"tags.a":1}}"#,
                "deviceContent: the key 'tags.a' is not properties.desired or below it",
            ),
            (
                r#"{"deviceContent":{"properties.desiredx":1}}"#,
                "deviceContent: the key 'properties.desiredx' is not properties.desired or below it",
            ),
            (
                r#"{"moduleContent":{"properties.desired.a..b":1}}"#,
                "moduleContent: the key 'properties.desired.a..b' has an empty name in it",
            ),
            (
                r#"{"deviceContent":{"properties.desired":1}}"#,
                "deviceContent: properties.desired: must be a JSON object",
            ),
            (
                r#"{"deviceContent":{"properties.desired.$a":1}}"#,
                "deviceContent: properties.desired.$a: key contains '$', which is not allowed",
            ),
            (
                r#"{"modulesContent":{"$edgeHub":{"properties.desired":{}}}}"#,
                "modulesContent must contain $edgeAgent",
            ),
            (
                r#"{"modulesContent":{"$edgeAgent":{"tags.a":1}}}"#,
                "modulesContent.$edgeAgent: the key 'tags.a' is not properties.desired or below it",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn content_that_no_twin_can_hold_is_refused() {
        let value = "v".repeat(4000);
        let members: Vec<String> = (0..9)
            .map(|place| format!("\"properties.desired.k{place}\":\"{value}\""))
            .collect();
        let text = format!("{{\"deviceContent\":{{{}}}}}", members.join(","));
        let error = parse(&text).unwrap_err();
        assert!(error.contains("at most 32768 fit"), "{error}");
    }
}
