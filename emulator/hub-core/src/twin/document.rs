//! How a twin is printed: the service's document and the device's view.

use std::fmt::Write as _;

use hub_proto::ids::ClientIdentity;
use hub_proto::time::Timestamp;

use super::section::{Section, print_key};
use super::state::Twin;
use super::tree::{Members, Stamp, Value};
use crate::configuration::Record;
use crate::json::push_string;
use crate::registry::{Authentication, Status, connection_state};

/// A twin as the service sees it: the whole document as JSON text, and its etag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwinDocument {
    /// Without quotes.
    pub etag: String,
    /// The document.
    pub json: String,
}

/// What a twin's document shows of the identity. A module's shows its device's status.
#[derive(Clone, Copy, Debug)]
pub struct DocumentIdentity<'a> {
    /// Who.
    pub client: &'a ClientIdentity,
    /// The identity's etag, without quotes.
    pub etag: &'a str,
    /// How the client shows who it is.
    pub authentication: &'a Authentication,
    /// Whether the device may connect.
    pub status: Status,
    /// Why, if the service said.
    pub status_reason: Option<&'a str>,
    /// When the status last changed; [`Timestamp::NEVER`] if it never did.
    pub status_updated: Timestamp,
    /// Whether the device is an Edge device.
    pub edge: bool,
    /// The device's own scope if it is an Edge device, else its parent's; see
    /// [`crate::registry::EdgeScopes`].
    pub device_scope: Option<&'a str>,
    /// The scopes of its parents.
    pub parent_scopes: &'a [Box<str>],
    /// Whether a link is up.
    pub connected: bool,
    /// When the client last connected, sent or received.
    pub last_activity: Timestamp,
    /// Messages waiting for the client.
    pub c2d_messages: usize,
    /// The configurations that target the twin, if any did.
    pub configurations: Option<&'a Record>,
}

impl<'a> DocumentIdentity<'a> {
    /// The identity of an enabled client that nobody has seen yet.
    pub fn new(
        client: &'a ClientIdentity,
        etag: &'a str,
        authentication: &'a Authentication,
    ) -> Self {
        Self {
            client,
            etag,
            authentication,
            status: Status::Enabled,
            status_reason: None,
            status_updated: Timestamp::NEVER,
            edge: false,
            device_scope: None,
            parent_scopes: &[],
            connected: false,
            last_activity: Timestamp::NEVER,
            c2d_messages: 0,
            configurations: None,
        }
    }

    /// The configurations that target the twin, if any does now.
    pub(crate) fn targeting(&self) -> Option<&'a Record> {
        let record = self.configurations?;
        record.statuses().next().is_some().then_some(record)
    }

    pub(crate) fn connection_state_name(&self) -> &'static str {
        connection_state(self.connected)
    }
}

impl Twin {
    /// The body of a device's GET: `{"desired":{…,"$version":n},"reported":{…,"$version":n}}`.
    pub fn device_view(&self) -> Vec<u8> {
        let bytes = self.desired.text_bytes() + self.reported.text_bytes();
        let mut out = String::with_capacity(bytes * 5 / 4 + VIEW_BYTES);
        out.push_str("{\"desired\":");
        push_section(&mut out, &self.desired, MetadataForm::None);
        out.push_str(",\"reported\":");
        push_section(&mut out, &self.reported, MetadataForm::None);
        out.push('}');
        out.into_bytes()
    }

    /// The document that the service reads, and a query returns.
    ///
    /// The order of the members is the service's. `x509Thumbprint` has capitals as live twins have.
    pub fn document(&self, identity: &DocumentIdentity<'_>) -> TwinDocument {
        let etag = self.etag();
        let bytes = self.desired.text_bytes() + self.reported.text_bytes();
        // Metadata is longer than most values.
        let mut out = String::with_capacity(self.tags.text_bytes() + 4 * bytes + DOCUMENT_BYTES);
        push_identity(&mut out, identity, &etag);
        out.push_str(",\"modelId\":");
        push_string(&mut out, self.model_id());
        push(&mut out, format_args!(",\"version\":{}", self.version()));
        if !self.tags.is_empty() {
            out.push_str(",\"tags\":{");
            push_members(&mut out, self.tags.members());
            out.push('}');
        }
        out.push_str(",\"properties\":");
        push_properties(&mut out, self, identity.configurations);
        push_edge(&mut out, identity);
        if let Some(record) = identity.targeting() {
            out.push_str(",\"configurations\":");
            push_configurations(&mut out, record);
        }
        out.push('}');
        TwinDocument { etag, json: out }
    }
}

/// What a section shows of its metadata.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MetadataForm<'a> {
    /// Nothing: a device never sees it.
    None,
    /// `$lastUpdated`: reported properties.
    Times,
    /// `$lastUpdatedVersion` too, and which configurations wrote what: desired properties, once they
    /// were written.
    TimesAndVersions(Option<&'a Record>),
}

fn push_identity(out: &mut String, identity: &DocumentIdentity<'_>, etag: &str) {
    out.push_str("{\"deviceId\":");
    push_string(out, identity.client.device_id().as_str());
    if let Some(module) = identity.client.module_id() {
        out.push_str(",\"moduleId\":");
        push_string(out, module.as_str());
    }
    push(out, format_args!(",\"etag\":\"{etag}\",\"deviceEtag\":"));
    push_string(out, identity.etag);
    push(
        out,
        format_args!(",\"status\":\"{}\"", identity.status.name()),
    );
    if let Some(reason) = identity.status_reason {
        out.push_str(",\"statusReason\":");
        push_string(out, reason);
    }
    push(
        out,
        format_args!(
            ",\"statusUpdateTime\":\"{}\",\"connectionState\":\"{}\",\"lastActivityTime\":\"{}\",\
             \"cloudToDeviceMessageCount\":{},\"authenticationType\":\"{}\"",
            identity.status_updated,
            identity.connection_state_name(),
            identity.last_activity,
            identity.c2d_messages,
            identity.authentication.kind(),
        ),
    );
    out.push_str(",\"x509Thumbprint\":");
    push_thumbprints(out, identity);
}

/// Appends `x509Thumbprint`.
pub(crate) fn push_thumbprints(out: &mut String, identity: &DocumentIdentity<'_>) {
    let thumbprints = identity.authentication.thumbprints();
    out.push_str("{\"PrimaryThumbprint\":");
    push_or_null(out, thumbprints.and_then(|both| both.primary.as_deref()));
    out.push_str(",\"SecondaryThumbprint\":");
    push_or_null(out, thumbprints.and_then(|both| both.secondary.as_deref()));
    out.push('}');
}

/// A module has no capabilities, and no place of its own among Edge devices.
fn push_edge(out: &mut String, identity: &DocumentIdentity<'_>) {
    if identity.client.module_id().is_some() {
        return;
    }
    let edge = identity.edge;
    push(
        out,
        format_args!(",\"capabilities\":{{\"iotEdge\":{edge}}}"),
    );
    if let Some(scope) = identity.device_scope {
        out.push_str(",\"deviceScope\":");
        push_string(out, scope);
    }
    if !identity.parent_scopes.is_empty() {
        out.push_str(",\"parentScopes\":");
        push_strings(out, identity.parent_scopes);
    }
}

/// Appends an array of texts.
pub(crate) fn push_strings(out: &mut String, texts: &[Box<str>]) {
    out.push('[');
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        push_string(out, text);
    }
    out.push(']');
}

fn push_or_null(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => push_string(out, text),
        None => out.push_str("null"),
    }
}

/// Appends which configurations target the twin.
pub(crate) fn push_configurations(out: &mut String, record: &Record) {
    out.push('{');
    let start = out.len();
    for (id, status) in record.statuses() {
        print_key(id.as_str(), start, out);
        push(out, format_args!("{{\"status\":\"{}\"}}", status.name()));
    }
    out.push('}');
}

/// Appends `properties` as the service sees it.
pub(crate) fn push_properties(out: &mut String, twin: &Twin, writers: Option<&Record>) {
    out.push_str("{\"desired\":");
    let form = MetadataForm::TimesAndVersions(writers);
    push_section(out, &twin.desired, form);
    out.push_str(",\"reported\":");
    push_section(out, &twin.reported, MetadataForm::Times);
    out.push('}');
}

/// Values first, in the order they came, then `$metadata`, then `$version`.
pub(crate) fn push_section(out: &mut String, section: &Section, form: MetadataForm<'_>) {
    out.push('{');
    let start = out.len();
    push_members(out, section.members());
    if !matches!(form, MetadataForm::None) {
        print_key("$metadata", start, out);
        push_metadata(out, section.stamp, section.members(), form);
    }
    print_key("$version", start, out);
    push(out, format_args!("{}}}", section.version));
}

/// Appends the members of an object, without its braces.
pub(crate) fn push_members(out: &mut String, members: Members<'_>) {
    let start = out.len();
    for member in members {
        print_key(member.key, start, out);
        match member.node.value {
            Value::Leaf(text) => out.push_str(text),
            Value::Object(members) => {
                out.push('{');
                push_members(out, members);
                out.push('}');
            }
        }
    }
}

/// Appends the metadata of a node, which mirrors the node.
pub(crate) fn push_metadata(
    out: &mut String,
    stamp: Stamp,
    members: Members<'_>,
    form: MetadataForm<'_>,
) {
    let mut printer = MetadataPrinter {
        form,
        printed: None,
        text: String::with_capacity(STAMP_BYTES),
    };
    printer.push_node(out, stamp, members);
}

/// Prints metadata. Nodes next to each other were written together as a rule, so what a stamp says is
/// kept for the next one.
struct MetadataPrinter<'a> {
    form: MetadataForm<'a>,
    printed: Option<Stamp>,
    /// What `printed` says: the members, without braces.
    text: String,
}

impl MetadataPrinter<'_> {
    fn push_node(&mut self, out: &mut String, stamp: Stamp, members: Members<'_>) {
        if self.printed != Some(stamp) {
            self.print(stamp);
        }
        out.push('{');
        out.push_str(&self.text);
        for member in members {
            out.push(',');
            push_string(out, member.key);
            out.push(':');
            self.push_node(out, member.node.stamp(), member.node.members());
        }
        out.push('}');
    }

    fn print(&mut self, stamp: Stamp) {
        self.printed = Some(stamp);
        self.text.clear();
        let out = &mut self.text;
        push(out, format_args!("\"$lastUpdated\":\"{}\"", stamp.updated));
        if let MetadataForm::TimesAndVersions(writers) = self.form {
            if stamp.version > 0 {
                let version = stamp.version;
                push(out, format_args!(",\"$lastUpdatedVersion\":{version}"));
            }
            if let Some((by, digest)) = writers.and_then(|record| record.writer(stamp.version)) {
                out.push_str(",\"$lastUpdatedBy\":");
                push_string(out, by.as_str());
                push(out, format_args!(",\"$lastUpdatedByDigest\":\"{digest}\""));
            }
        }
    }
}

/// What a device's view, a document and a stamp are beside what sections have, roughly.
const VIEW_BYTES: usize = 64;
const DOCUMENT_BYTES: usize = 1024;
const STAMP_BYTES: usize = 80;

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes any text");
}
