//! Paths: which part of a row a query names.

use std::fmt;

/// A path, its first name resolved.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) root: Root,
    pub(super) steps: Vec<Step>,
    /// What an answer calls it without an alias; `None` for an element of an array.
    pub(super) name: Option<Box<str>>,
}

/// Two spellings of one path are equal.
impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        let is_known = self.root != Root::Unknown;
        self.root == other.root
            && self.steps == other.steps
            && (is_known || self.name == other.name)
    }
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
    Configurations,
    DeviceScope,
    ParentScopes,
    JobId,
    JobType,
    StartTime,
    EndTime,
    CreatedTime,
    LastUpdatedTime,
    Outcome,
    Error,
    /// Nothing that a row has: undefined.
    Unknown,
}

/// Attributes by name. The first name of a root is the one that documents have.
const ATTRIBUTES: [(&str, Root); 32] = [
    ("deviceId", Root::DeviceId),
    // A sample of the C# SDK.
    ("id", Root::DeviceId),
    ("moduleId", Root::ModuleId),
    ("etag", Root::Etag),
    ("deviceEtag", Root::DeviceEtag),
    ("status", Root::Status),
    ("statusReason", Root::StatusReason),
    ("statusUpdateTime", Root::StatusUpdateTime),
    // Azure IoT Explorer.
    ("statusUpdatedTime", Root::StatusUpdateTime),
    ("connectionState", Root::ConnectionState),
    ("lastActivityTime", Root::LastActivityTime),
    ("cloudToDeviceMessageCount", Root::CloudToDeviceMessageCount),
    ("authenticationType", Root::AuthenticationType),
    ("x509Thumbprint", Root::X509Thumbprint),
    ("modelId", Root::ModelId),
    ("version", Root::Version),
    ("tags", Root::Tags),
    ("properties", Root::Properties),
    ("capabilities", Root::Capabilities),
    ("configurations", Root::Configurations),
    ("deviceScope", Root::DeviceScope),
    ("parentScopes", Root::ParentScopes),
    ("jobId", Root::JobId),
    ("jobType", Root::JobType),
    ("startTimeUtc", Root::StartTime),
    ("endTimeUtc", Root::EndTime),
    ("createdDateTimeUtc", Root::CreatedTime),
    // Microsoft's page "Queries for IoT Hub jobs" filters by this name.
    ("createdTimeUtc", Root::CreatedTime),
    ("lastUpdatedDateTimeUtc", Root::LastUpdatedTime),
    ("lastUpdatedTimeUtc", Root::LastUpdatedTime),
    ("outcome", Root::Outcome),
    ("error", Root::Error),
];

/// One step further down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(Box<str>),
    Index(usize),
}

impl Root {
    /// The name that documents have.
    pub(super) fn name(self) -> Option<&'static str> {
        let named = ATTRIBUTES.iter().find(|(_, root)| *root == self);
        named.map(|(name, _)| *name)
    }
}

impl Path {
    /// Resolves the names of a path. Attributes are matched without case, as Microsoft's samples need
    /// (`LastActivityTime`); keys of tags and properties are not.
    pub(super) fn resolve(mut steps: Vec<Step>) -> Self {
        strip_collection(&mut steps);
        let mut name = match steps.last() {
            Some(Step::Key(name)) => Some(name.clone()),
            Some(Step::Index(_)) | None => None,
        };
        let mut root = Root::Unknown;
        if let Step::Key(first) = steps.remove(0) {
            let named = |(name, _): &&(&str, Root)| first.eq_ignore_ascii_case(name);
            if let Some((spelling, attribute)) = ATTRIBUTES.iter().find(named) {
                root = *attribute;
                if steps.is_empty() {
                    name = Some((*spelling).into());
                }
            }
        }
        if root == Root::Properties
            && let Some(Step::Key(first)) = steps.first()
        {
            let (section, spelling) = match () {
                () if first.eq_ignore_ascii_case("desired") => (Root::Desired, "desired"),
                () if first.eq_ignore_ascii_case("reported") => (Root::Reported, "reported"),
                () => (Root::Unknown, &**first),
            };
            if steps.len() == 1 {
                name = Some(spelling.into());
            }
            root = section;
            steps.remove(0);
        }
        Self { root, steps, name }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.root {
            Root::Desired => "properties.desired",
            Root::Reported => "properties.reported",
            root => root.name().unwrap_or("nothing"),
        })?;
        for step in &self.steps {
            match step {
                Step::Key(key) => write!(out, ".{key}")?,
                Step::Index(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
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
    if steps.len() > 1
        && matches!(steps[1], Step::Key(_))
        && (is(second, "modules") || is(second, "jobs"))
    {
        steps.remove(0);
    }
}
