//! Steps that the service carries out: twins, messages, queries, identities.

use std::sync::Arc;

use hub_core::registry::IfMatch;
use serde_json::Value;

use super::super::message::Ending;
use super::super::roster::Chosen;
use super::super::service::{MessageToDevice, Refused};
use super::{Problems, Stage};
use crate::scenario::ast::IdentityChange;

/// A change of twins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch<'a> {
    pub(super) desired: Option<&'a Value>,
    pub(super) tags: Option<&'a Value>,
    pub(super) if_match: Option<&'a str>,
}

impl Stage<'_> {
    pub(super) async fn patch(&self, on: &Chosen, patch: &Patch<'_>, expected: u16) -> Ending {
        let mut problems = Problems::default();
        for device in &on.devices {
            let patched = self.patch_one(device, patch).await;
            note(device, patched, expected, 200, &mut problems);
        }
        problems.ending(on.devices.len(), "patches")
    }

    async fn patch_one(&self, device: &Arc<str>, patch: &Patch<'_>) -> Result<(), Refused> {
        let id = self.plan.roster.id(device);
        let if_match = match patch.if_match {
            None => IfMatch::Absent,
            Some("*") => IfMatch::Any,
            Some("current") => {
                let etag = self.service.twin_etag(id).await?;
                // Over REST there is a round trip between reading and writing: whoever patches at the
                // same time gets his chance here as well.
                tokio::task::yield_now().await;
                IfMatch::Etag(etag)
            }
            Some(etag) => IfMatch::Etag(etag.trim_matches('"').to_owned()),
        };
        let patched = self
            .service
            .patch(id, patch.desired, patch.tags, &if_match)
            .await;
        // Calls in process do not wait by themselves, and others want to live too.
        tokio::task::yield_now().await;
        patched
    }

    pub(super) async fn send(
        &self,
        to: &Chosen,
        message: &MessageToDevice<'_>,
        expected: u16,
    ) -> Ending {
        let mut problems = Problems::default();
        for device in &to.devices {
            let sent = self
                .service
                .send(self.plan.roster.id(device), message)
                .await;
            note(device, sent, expected, 204, &mut problems);
            tokio::task::yield_now().await;
        }
        problems.ending(to.devices.len(), "messages")
    }

    pub(super) async fn query(&self, text: &str, expected: Option<u64>) -> Ending {
        match (self.service.count(text).await, expected) {
            (Err(refused), _) => Ending::Error(refused.to_string()),
            (Ok(found), Some(expected)) if found != expected => {
                Ending::Failed(format!("{found} devices match, expected were {expected}"))
            }
            (Ok(_), _) => Ending::Passed,
        }
    }

    pub(super) async fn identity(&self, on: &Chosen, change: IdentityChange) -> Ending {
        let mut problems = Problems::default();
        for device in &on.devices {
            let changed = self
                .service
                .change(self.plan.roster.id(device), change)
                .await;
            note(device, changed, 200, 200, &mut problems);
            tokio::task::yield_now().await;
        }
        problems.ending(on.devices.len(), "changes")
    }
}

/// `good` is the status of what is granted.
fn note(
    device: &Arc<str>,
    result: Result<(), Refused>,
    expected: u16,
    good: u16,
    problems: &mut Problems,
) {
    let (status, words) = match result {
        Ok(()) => (
            good,
            format!("the hub answered {good}, expected was {expected}"),
        ),
        Err(refused) => (refused.status, refused.to_string()),
    };
    if status != expected {
        problems.add(device, || words);
    }
}
