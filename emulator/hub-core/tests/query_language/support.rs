//! Rows to ask.

use hub_core::Limits;
use hub_core::query::{Query, Row};
use hub_core::registry::{Authentication, SymmetricKeys};
use hub_core::twin::{DocumentIdentity, Twin, TwinUpdate, UpdateMode};
use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hub_proto::sas::SasKey;
use hub_proto::time::Timestamp;
use serde_json::{Value, json};

/// 2026-11-22T10:00:00Z.
pub(crate) const AT: Timestamp = Timestamp::from_unix_seconds(1_795_341_600);

/// A client with a twin.
#[derive(Debug)]
pub(crate) struct TestClient {
    pub(crate) twin: Twin,
    pub(crate) client: ClientIdentity,
    pub(crate) edge: bool,
    pub(crate) scope: Option<String>,
    pub(crate) parent_scopes: Vec<Box<str>>,
    pub(crate) connected: bool,
}

impl TestClient {
    /// `id` is a device, `id/module` a module; `twin` has `tags`, `desired` and `reported`.
    pub(crate) fn new(id: &str, twin: &Value) -> Self {
        let (device, module) = match id.split_once('/') {
            Some((device, module)) => (device, Some(module)),
            None => (id, None),
        };
        let device = DeviceId::parse(device).unwrap();
        let client = match module {
            Some(module) => ClientIdentity::module(device, ModuleId::parse(module).unwrap()),
            None => ClientIdentity::Device(device),
        };
        let limits = Limits::default();
        let mut stored = Twin::new(AT);
        let members = json!({"tags": twin["tags"], "properties": {"desired": twin["desired"]}});
        let update = TwinUpdate::parse(without_null(&members).as_bytes(), &limits).unwrap();
        stored
            .update(AT, update, UpdateMode::Merge, &limits)
            .unwrap();
        if let Some(reported) = twin.get("reported") {
            let reported = reported.to_string();
            stored
                .patch_reported(AT, reported.as_bytes(), None, &limits)
                .unwrap();
        }
        Self {
            twin: stored,
            client,
            edge: false,
            scope: None,
            parent_scopes: Vec::new(),
            connected: false,
        }
    }

    /// What `see` says of the client's row.
    pub(crate) fn see<T>(&self, see: impl FnOnce(Row<'_>) -> T) -> T {
        let key = SasKey::from_bytes(&[1; 32]);
        let authentication = Authentication::Sas(SymmetricKeys {
            primary: key.clone(),
            secondary: key,
        });
        let identity = DocumentIdentity {
            connected: self.connected,
            last_activity: AT,
            c2d_messages: 2,
            edge: self.edge,
            device_scope: self.scope.as_deref(),
            parent_scopes: &self.parent_scopes,
            ..DocumentIdentity::new(&self.client, "NzQ=", &authentication)
        };
        see(Row::twin(&self.twin, &identity))
    }

    /// The document, as anybody may read it.
    pub(crate) fn document(&self) -> Value {
        let query = Query::parse("SELECT * FROM devices").unwrap();
        serde_json::from_str(&self.see(|row| query.item(row))).unwrap()
    }
}

/// A section that is null would be emptied, which a new twin need not be.
fn without_null(members: &Value) -> String {
    let mut members = members.clone();
    if members["tags"].is_null() {
        members["tags"] = json!({});
    }
    if members["properties"]["desired"].is_null() {
        members["properties"]["desired"] = json!({});
    }
    members.to_string()
}

/// Reads a query that must be one.
pub(crate) fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What a query answers for these rows, groups included, in the order of the rows or of the groups.
pub(crate) fn answer(text: &str, clients: &[TestClient]) -> Value {
    let query = query(text);
    if query.is_grouped() {
        let mut groups = query.groups(None, 1000);
        for client in clients {
            client.see(|row| groups.add(&query, row));
        }
        let items = groups.items(&query).into_iter().map(|(_, item)| item);
        return items.map(|item| parsed(&item)).collect();
    }
    let items = clients.iter().filter_map(|client| {
        client.see(|row| query.matches(row).then(|| parsed(&query.item(row))))
    });
    items.collect()
}

fn parsed(item: &str) -> Value {
    serde_json::from_str(item).unwrap_or_else(|error| panic!("{item}: {error}"))
}
