//! Twins, from the service's side and from the device's: who may write when, and who is told.
//!
//! What a twin is, and what a write does to it, is [`crate::twin`]'s to know.

use hub_proto::ids::ClientIdentity;
use hub_proto::time::{Now, Timestamp};

use super::state::{Client, Common, Shard};
use crate::error::HubError;
use crate::event::EventKind;
use crate::link::LinkId;
use crate::output::ToDevice;
use crate::registry::IfMatch;
use crate::twin::{
    DesiredChange, ReportedChange, TagsChange, TwinDocument, TwinUpdate, UpdateMode,
};

/// A reported patch as it came in.
#[derive(Clone, Copy, Debug)]
pub struct ReportedPatch<'a> {
    /// Without one there is no answer.
    pub rid: Option<&'a str>,
    /// The reported version it is based on, if the device said.
    pub if_version: Option<u64>,
    /// JSON, unchecked.
    pub body: &'a [u8],
}

/// The service's side.
impl Shard {
    /// A twin.
    pub fn twin(&self, id: &ClientIdentity) -> Result<TwinDocument, HubError> {
        self.look_up(id).map(|client| self.document(client))
    }

    /// Changes tags and desired properties; notifies the device if it listens.
    pub fn update_twin(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        update: TwinUpdate,
        mode: UpdateMode,
        if_match: &IfMatch,
    ) -> Result<TwinDocument, HubError> {
        let (client, common) = self.reach(id)?;
        if_match.check(&client.twin.etag())?;
        let change = client.twin.update(now.wall, update, mode, &common.limits)?;
        client.twin.share_shapes(&mut common.shapes);
        if let Some(TagsChange { version, patch }) = change.tags {
            common.event(now, id, EventKind::Tags { version, patch });
        }
        if let Some(change) = change.desired {
            client.notify_desired(now, common, change);
        }
        self.twin(id)
    }
}

/// The device's side.
impl Shard {
    /// A device reads its twin.
    pub fn twin_get(&mut self, now: Now, id: &ClientIdentity, link: LinkId, rid: &str) {
        let Some((client, common)) = self.reach_linked(id, link) else {
            return;
        };
        client.last_activity = now.wall;
        if client.hears_twin_responses() {
            let (rid, body) = (rid.into(), client.twin.device_view());
            common.send(
                link,
                ToDevice::TwinResponse {
                    status: 200,
                    rid,
                    version: None,
                    body,
                },
            );
        }
    }

    /// A device patches its reported properties.
    pub fn patch_reported(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        link: LinkId,
        patch: ReportedPatch<'_>,
    ) {
        let Some((client, common)) = self.reach_linked(id, link) else {
            return;
        };
        client.last_activity = now.wall;
        let patched =
            client
                .twin
                .patch_reported(now.wall, patch.body, patch.if_version, &common.limits);
        client.twin.share_shapes(&mut common.shapes);
        client.answer_patch(now, common, patch.rid, patched);
    }

    /// A device's read is not admitted.
    pub fn twin_get_refused(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        link: LinkId,
        rid: &str,
        error: &HubError,
    ) {
        let Some((client, common)) = self.reach_linked(id, link) else {
            return;
        };
        client.last_activity = now.wall;
        if client.hears_twin_responses() {
            let (status, rid) = (error.code().http_status(), rid.into());
            let body = error_body(error, &error.to_string(), common.next_refusal(), now.wall);
            common.send(
                link,
                ToDevice::TwinResponse {
                    status,
                    rid,
                    version: None,
                    body,
                },
            );
        }
    }

    /// A device's patch is not admitted.
    pub fn patch_reported_refused(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        link: LinkId,
        rid: Option<&str>,
        error: &HubError,
    ) {
        let Some((client, common)) = self.reach_linked(id, link) else {
            return;
        };
        client.last_activity = now.wall;
        client.answer_patch(now, common, rid, Err(error.clone()));
    }
}

impl Client {
    /// Tells the log what became of a patch, and the device, if it asked and listens.
    fn answer_patch(
        &self,
        now: Now,
        common: &mut Common,
        rid: Option<&str>,
        patched: Result<ReportedChange, HubError>,
    ) {
        let (status, version, body) = match patched {
            Ok(change) => {
                let version = change.version;
                if change.changed {
                    let patch = change.patch;
                    common.event(now, &self.id, EventKind::Reported { version, patch });
                }
                (204, Some(version), Vec::new())
            }
            Err(error) => {
                let status = error.code().http_status();
                let message = error.to_string();
                let body = error_body(&error, &message, common.next_refusal(), now.wall);
                common.event(
                    now,
                    &self.id,
                    EventKind::ReportedRefused { status, message },
                );
                (status, None, body)
            }
        };
        if let Some(rid) = rid
            && self.hears_twin_responses()
            && let Some(link) = self.link.online().map(|online| online.id)
        {
            let rid = rid.into();
            common.send(
                link,
                ToDevice::TwinResponse {
                    status,
                    rid,
                    version,
                    body,
                },
            );
        }
    }

    /// Tells the device, if it is there and listens. Nothing is kept for a device that does not: it
    /// reads the twin when it is back.
    pub(super) fn notify_desired(&mut self, now: Now, common: &mut Common, change: DesiredChange) {
        let DesiredChange {
            version,
            notification,
        } = change;
        let patch = notification.clone();
        common.event(now, &self.id, EventKind::Desired { version, patch });
        let listener = self
            .link
            .online()
            .filter(|online| online.subscriptions.desired_changes);
        if let Some(link) = listener.map(|online| online.id) {
            self.last_activity = now.wall;
            let body = String::from(notification).into_bytes();
            common.send(link, ToDevice::DesiredChange { version, body });
        }
    }

    /// Without the subscription, answers are not delivered.
    fn hears_twin_responses(&self) -> bool {
        self.link
            .online()
            .is_some_and(|online| online.subscriptions.twin_responses)
    }
}

/// The body of a refusal on MQTT. The Node SDK looks for `errorCode` in it, not at the status.
fn error_body(error: &HubError, message: &str, refusal: u64, at: Timestamp) -> Vec<u8> {
    let number = error.code().number();
    // The `Display` of a JSON value is JSON: the text comes quoted and escaped.
    let message = serde_json::Value::from(message);
    format!(
        r#"{{"errorCode":{number},"trackingId":"{refusal:016X}-G2:-TimeStamp:{at}","message":{message},"timestampUtc":"{at}"}}"#
    )
    .into_bytes()
}
