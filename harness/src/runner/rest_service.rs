//! The service's side of a hub elsewhere, over REST.

use std::sync::{Arc, Mutex, PoisonError};

use hub_core::registry::IfMatch;
use serde_json::Value;

use super::service::{MessageToDevice, MethodCall, Refused};
use crate::clock::wall_now;
use crate::scenario::ast::IdentityChange;
use crate::service_client::{self, ServiceClient, ServiceError};
use crate::target::Reached;

/// Calls over as many connections as there are calls at the same time. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct RestService {
    hub: Arc<Reached>,
    idle: Arc<Mutex<Vec<ServiceClient>>>,
}

impl From<ServiceError> for Refused {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Refused(refusal) => Self {
                status: refusal.status,
                code: refusal.code.unwrap_or_default().into(),
                message: refusal.message,
            },
            // No status of HTTP: nothing that can be expected has come.
            other => Self {
                status: 0,
                code: "Unreachable".into(),
                message: other.to_string(),
            },
        }
    }
}

impl RestService {
    pub(super) fn new(hub: Reached) -> Self {
        Self {
            hub: Arc::new(hub),
            idle: Arc::default(),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<ServiceClient>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> ServiceClient {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| {
            ServiceClient::new(self.hub.endpoint.clone(), self.hub.credential.clone())
        })
    }

    pub(super) async fn change(&self, id: &str, change: IdentityChange) -> Result<(), Refused> {
        let mut client = self.take();
        let status = match change {
            IdentityChange::Delete => {
                client.delete_device(id).await?;
                self.idle().push(client);
                return Ok(());
            }
            IdentityChange::Disable => "disabled",
            IdentityChange::Enable => "enabled",
        };
        let mut identity = client.device(id).await?;
        identity["status"] = status.into();
        client.update_device(id, &identity).await?;
        self.idle().push(client);
        Ok(())
    }

    pub(super) async fn invoke(&self, id: &str, call: &MethodCall) -> Result<i32, Refused> {
        let mut client = self.take();
        let timeouts = call.timeouts;
        let method = service_client::MethodCall {
            name: call.name.as_str().to_owned(),
            payload: serde_json::from_str(&call.payload).ok(),
            response_timeout_s: Some(timeouts.response.as_secs()),
            connect_timeout_s: Some(timeouts.connect.as_secs()),
        };
        let reply = client.invoke_method(id, &method).await;
        self.idle().push(client);
        Ok(i32::try_from(reply?.status).unwrap_or(i32::MAX))
    }

    pub(super) async fn twin_etag(&self, id: &str) -> Result<String, Refused> {
        let mut client = self.take();
        let twin = client.twin(id).await?;
        self.idle().push(client);
        Ok(twin["etag"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) async fn twin(&self, id: &str) -> Result<Value, Refused> {
        let mut client = self.take();
        let twin = client.twin(id).await;
        self.idle().push(client);
        Ok(twin?)
    }

    pub(super) async fn patch(
        &self,
        id: &str,
        update: &Value,
        if_match: &IfMatch,
    ) -> Result<(), Refused> {
        let etag = match if_match {
            IfMatch::Absent => None,
            IfMatch::Any => Some("*"),
            IfMatch::Etag(etag) => Some(etag.as_str()),
        };
        let mut client = self.take();
        let patched = client.update_twin(id, update, false, etag).await;
        self.idle().push(client);
        patched?;
        Ok(())
    }

    /// Queues a message; the hub takes whole seconds.
    pub(super) async fn send(
        &self,
        id: &str,
        message: &MessageToDevice<'_>,
    ) -> Result<(), Refused> {
        let properties = message.properties.iter();
        let mut headers: Vec<(String, String)> = properties
            .map(|(name, value)| (format!("iothub-app-{name}"), value.clone()))
            .collect();
        if let Some(time) = message.expires_in {
            let expiry = wall_now().saturating_add(time).to_string();
            headers.push(("iothub-expiry".to_owned(), expiry));
        }
        let mut client = self.take();
        let sent = client.send_to_device(id, message.body, headers).await;
        self.idle().push(client);
        sent?;
        Ok(())
    }

    pub(super) async fn count(&self, text: &str) -> Result<u64, Refused> {
        let mut client = self.take();
        let found = client.query(text, usize::MAX).await?;
        self.idle().push(client);
        Ok(found.len() as u64)
    }
}
