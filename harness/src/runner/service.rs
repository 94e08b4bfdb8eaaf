//! The service's side of the hub: the calls that steps make, in process where the hub is embedded.
//!
//! The same types, bounds and refusals as behind the REST endpoint; only HTTP is left out, so that a
//! run in virtual time needs no socket. Throttles are waited at as there.

use std::borrow::Cow;

use emulator::{HubHandle, Links};
use hub_core::HubError;
use hub_core::c2d::C2dMessage;
use hub_core::jobs::{JobId, JobSpec, JobView, JobWork};
use hub_core::method::{InvokeMethod, Timeouts};
use hub_core::query::Query;
use hub_core::registry::{Authentication, DeviceSpec, IfMatch, Status, SymmetricKeys};
use hub_core::throttle::{METHOD_BLOCK_BYTES, Operation, blocks};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_proto::ids::{DeviceId, MethodName};
use hub_proto::property_bag::PropertyBag;
use hub_proto::sas::SasKey;
use serde_json::{Value, json};

use super::absence::{Absence, Away};
use super::rest_service::RestService;
use crate::scenario::ast::{IdentityChange, Job, JobWork as JobStep};

/// A service of the hub, with all permissions.
#[derive(Clone, Debug)]
pub(super) enum Service {
    /// Of the embedded hub.
    InProcess(InProcess),
    /// Of a hub elsewhere.
    Rest(RestService),
}

/// Calls without HTTP.
#[derive(Clone, Debug)]
pub(super) struct InProcess {
    hub: HubHandle,
    absence: Absence,
}

/// The hub's no, as REST would tell it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) code: Cow<'static, str>,
    pub(super) message: String,
}

/// A call that can be made on many devices.
#[derive(Clone, Debug)]
pub(super) struct MethodCall {
    pub(super) name: MethodName,
    /// JSON text.
    pub(super) payload: String,
    pub(super) timeouts: Timeouts,
}

/// A message that can be sent to many devices.
#[derive(Clone, Debug)]
pub(super) struct MessageToDevice<'a> {
    pub(super) body: &'a str,
    pub(super) properties: &'a [(String, String)],
    pub(super) expires_in: Option<std::time::Duration>,
}

impl From<HubError> for Refused {
    fn from(error: HubError) -> Self {
        let code = error.code();
        Self {
            status: code.http_status(),
            code: code.name().into(),
            message: error.to_string(),
        }
    }
}

impl Service {
    pub(super) fn in_process(hub: HubHandle) -> Self {
        Self::InProcess(InProcess::new(hub))
    }

    /// The hub goes: calls end in 503 until what this gives is dropped. `None` if it is away already, and
    /// of a hub elsewhere, of which the plan asks no such thing.
    pub(super) fn begin_outage(&self, links: Links) -> Option<Away> {
        match self {
            Self::InProcess(hub) => hub.absence.begin(links),
            Self::Rest(_) => None,
        }
    }

    /// Enables, disables or deletes a device.
    pub(super) async fn change(
        &self,
        id: &DeviceId,
        change: IdentityChange,
    ) -> Result<(), Refused> {
        match self {
            Self::InProcess(hub) => hub.absence.guard(hub.change(id, change)).await,
            Self::Rest(hub) => hub.change(id.as_str(), change).await,
        }
    }

    /// Calls a method; gives the device's status.
    pub(super) async fn invoke(&self, id: &DeviceId, call: &MethodCall) -> Result<i32, Refused> {
        match self {
            Self::InProcess(hub) => hub.absence.guard(hub.invoke(id, call)).await,
            Self::Rest(hub) => hub.invoke(id.as_str(), call).await,
        }
    }

    /// Schedules a job that starts at once; on the embedded hub alone.
    pub(super) async fn create_job(&self, id: &str, job: &Job) -> Result<JobId, Refused> {
        match self {
            Self::InProcess(hub) => hub.absence.guard(hub.create_job(id, job)).await,
            Self::Rest(_) => {
                Err(HubError::NotImplemented("job steps on another hub".into()).into())
            }
        }
    }

    /// A job, if the hub remembers it.
    pub(super) fn job(&self, id: &JobId) -> Option<JobView> {
        match self {
            Self::InProcess(hub) => hub.job(id),
            Self::Rest(_) => None,
        }
    }

    /// The etag of a device's twin.
    pub(super) async fn twin_etag(&self, id: &DeviceId) -> Result<String, Refused> {
        match self {
            Self::InProcess(hub) => hub.absence.guard(hub.twin_etag(id)).await,
            Self::Rest(hub) => hub.twin_etag(id.as_str()).await,
        }
    }

    /// Merges into desired properties and tags.
    pub(super) async fn patch(
        &self,
        id: &DeviceId,
        desired: Option<&Value>,
        tags: Option<&Value>,
        if_match: &IfMatch,
    ) -> Result<(), Refused> {
        match self {
            Self::InProcess(hub) => {
                hub.absence
                    .guard(hub.patch(id, desired, tags, if_match))
                    .await
            }
            Self::Rest(hub) => {
                let update = twin_update(desired, tags);
                hub.patch(id.as_str(), &update, if_match).await
            }
        }
    }

    /// Sends a cloud-to-device message.
    pub(super) async fn send(
        &self,
        id: &DeviceId,
        message: &MessageToDevice<'_>,
    ) -> Result<(), Refused> {
        match self {
            Self::InProcess(hub) => hub.absence.guard(hub.send(id, message)).await,
            Self::Rest(hub) => hub.send(id.as_str(), message).await,
        }
    }

    /// How many twins match, page by page.
    pub(super) async fn count(&self, text: &str) -> Result<u64, Refused> {
        match self {
            Self::InProcess(hub) => hub.absence.guard(hub.count(text)).await,
            Self::Rest(hub) => hub.count(text).await,
        }
    }
}

/// The body of a twin's patch.
fn twin_update(desired: Option<&Value>, tags: Option<&Value>) -> Value {
    let mut body = json!({});
    if let Some(tags) = tags {
        body["tags"] = tags.clone();
    }
    if let Some(desired) = desired {
        body["properties"] = json!({"desired": desired});
    }
    body
}

impl InProcess {
    pub(super) fn new(hub: HubHandle) -> Self {
        Self {
            hub,
            absence: Absence::default(),
        }
    }

    /// Registers a device with `key` as both its keys: before the run, so at no throttle.
    pub(super) fn create(&self, id: &DeviceId, key: &SasKey) -> Result<(), Refused> {
        let spec = DeviceSpec::enabled(
            id.clone(),
            Authentication::Sas(SymmetricKeys {
                primary: key.clone(),
                secondary: key.clone(),
            }),
        );
        self.hub.create_device(spec)?;
        Ok(())
    }

    /// Enables, disables or deletes a device.
    pub(super) async fn change(
        &self,
        id: &DeviceId,
        change: IdentityChange,
    ) -> Result<(), Refused> {
        self.hub.admit(Operation::IdentityWrite, 1).await?;
        let status = match change {
            IdentityChange::Delete => return Ok(self.hub.delete_device(id, &IfMatch::Any)?),
            IdentityChange::Disable => Status::Disabled,
            IdentityChange::Enable => Status::Enabled,
        };
        self.hub.admit(Operation::IdentityRead, 1).await?;
        let spec = DeviceSpec {
            status,
            ..self.hub.device(id)?.into()
        };
        self.hub.update_device(spec, &IfMatch::Any)?;
        Ok(())
    }

    /// Calls a method; gives the device's status.
    pub(super) async fn invoke(&self, id: &DeviceId, call: &MethodCall) -> Result<i32, Refused> {
        let count = blocks(call.payload.len(), METHOD_BLOCK_BYTES);
        self.hub.admit(Operation::DirectMethod, count).await?;
        let invoke = InvokeMethod {
            client: id.clone().into(),
            name: call.name.clone(),
            payload: call.payload.clone().into_bytes(),
            timeouts: call.timeouts,
        };
        Ok(self.hub.invoke_method(invoke).await?.status)
    }

    /// Schedules a job that starts at once.
    pub(super) async fn create_job(&self, id: &str, job: &Job) -> Result<JobId, Refused> {
        self.hub.admit(Operation::JobWrite, 1).await?;
        let id = JobId::parse(id).map_err(HubError::from)?;
        let work = match &job.work {
            JobStep::Method { name, payload } => JobWork::InvokeMethod {
                name: MethodName::parse(&name.value).map_err(HubError::from)?,
                payload: payload.as_ref().unwrap_or(&Value::Null).to_string().into(),
                timeouts: Timeouts::checked(None, None)?,
                text: json!({"methodName": name.value, "payload": payload})
                    .to_string()
                    .into(),
            },
            JobStep::Patch { desired, tags } => {
                let text = twin_update(desired.as_ref(), tags.as_ref()).to_string();
                let update = TwinUpdate::parse(text.as_bytes(), self.hub.limits())?;
                let text = text.into();
                JobWork::UpdateTwin { update, text }
            }
        };
        let spec = JobSpec {
            id: id.clone(),
            work,
            condition: job.condition.value.as_str().into(),
            start: None,
            max_execution: job.at_most,
        };
        self.hub.create_job(spec)?;
        Ok(id)
    }

    /// A job, if the hub remembers it.
    pub(super) fn job(&self, id: &JobId) -> Option<JobView> {
        self.hub.job(id)
    }

    /// The etag of a device's twin.
    pub(super) async fn twin_etag(&self, id: &DeviceId) -> Result<String, Refused> {
        self.hub.admit(Operation::TwinRead, 1).await?;
        let twin = self.hub.twin(&id.clone().into())?;
        self.hub.spend(twin.json.len());
        Ok(twin.etag)
    }

    /// Merges into desired properties and tags.
    pub(super) async fn patch(
        &self,
        id: &DeviceId,
        desired: Option<&Value>,
        tags: Option<&Value>,
        if_match: &IfMatch,
    ) -> Result<(), Refused> {
        let body = twin_update(desired, tags);
        self.hub.admit(Operation::TwinUpdate, 1).await?;
        let update = TwinUpdate::parse(body.to_string().as_bytes(), self.hub.limits())?;
        self.hub
            .update_twin(&id.clone().into(), update, UpdateMode::Merge, if_match)?;
        Ok(())
    }

    /// Sends a cloud-to-device message.
    pub(super) async fn send(
        &self,
        id: &DeviceId,
        message: &MessageToDevice<'_>,
    ) -> Result<(), Refused> {
        self.hub.admit(Operation::CloudToDeviceSend, 1).await?;
        let now = self.hub.now().wall;
        let properties = message.properties.iter().cloned();
        let message = C2dMessage {
            properties: PropertyBag {
                system: Vec::new(),
                application: properties.map(|(key, value)| (key, Some(value))).collect(),
            },
            payload: message.body.as_bytes().to_vec(),
            expires: message.expires_in.map(|time| now.saturating_add(time)),
        };
        self.hub.send_to_device(id, message)?;
        Ok(())
    }

    /// How many items a query has, page by page.
    pub(super) async fn count(&self, text: &str) -> Result<u64, Refused> {
        let query = Query::parse(text).map_err(HubError::from)?;
        let (mut count, mut after) = (0, None);
        loop {
            self.hub.admit(Operation::Query, 1).await?;
            let page = self.hub.query(&query, after.as_ref(), PAGE_ITEMS).await?;
            self.hub.spend(page.items.iter().map(String::len).sum());
            count += page.items.len() as u64;
            after = page.next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }
}

/// As many as the REST endpoint gives at most.
const PAGE_ITEMS: usize = 1000;
