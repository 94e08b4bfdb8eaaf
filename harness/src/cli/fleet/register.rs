//! Registers and removes the identities of a fleet over REST.
//!
//! One request a device, several connections at once: bulk registration is not everywhere. A hub that
//! throttles sets the pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use device_sim::fleet::DevicePlan;
use hub_proto::sas::SasKey;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::service_client::{ServiceClient, ServiceError};
use crate::target::Reached;

/// What is done to each identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Register,
    Remove,
}

/// Identities to be worked on, taken one by one by several workers.
#[derive(Debug)]
struct Bench {
    work: Work,
    ids: Vec<Arc<str>>,
    next: AtomicUsize,
    done: Arc<AtomicUsize>,
}

/// Registers devices, or reads the keys of those there are; `done` counts. In the order of `ids`.
pub(super) async fn register(
    hub: &Reached,
    ids: Vec<Arc<str>>,
    done: Arc<AtomicUsize>,
) -> Result<Vec<DevicePlan>, ServiceError> {
    let host: Arc<str> = hub.credential.host_name.as_str().into();
    let mut keys = at_the_bench(hub, Work::Register, ids.clone(), done).await?;
    keys.sort_by_key(|(place, _)| *place);
    let devices = ids.into_iter().zip(keys);
    devices
        .map(|(id, (_, key))| {
            let key = key.ok_or_else(|| no_key(&id))?;
            let host = Arc::clone(&host);
            Ok(DevicePlan { id, key, host })
        })
        .collect()
}

/// Removes devices; one that is not there is no matter.
pub(super) async fn remove(
    hub: &Reached,
    ids: Vec<Arc<str>>,
    done: Arc<AtomicUsize>,
) -> Result<(), ServiceError> {
    at_the_bench(hub, Work::Remove, ids, done).await.map(drop)
}

/// Works on every id; the first error ends it all.
async fn at_the_bench(
    hub: &Reached,
    work: Work,
    ids: Vec<Arc<str>>,
    done: Arc<AtomicUsize>,
) -> Result<Vec<(usize, Option<SasKey>)>, ServiceError> {
    let workers = ids.len().min(CONNECTIONS);
    let bench = Arc::new(Bench {
        work,
        ids,
        next: AtomicUsize::new(0),
        done,
    });
    // Dropped, and with it every request under way, if the caller does not wait for the end.
    let mut running = JoinSet::new();
    for _ in 0..workers {
        let client = ServiceClient::new(hub.endpoint.clone(), hub.credential.clone());
        running.spawn(Arc::clone(&bench).work(client));
    }
    let mut keys = Vec::new();
    while let Some(worked) = running.join_next().await {
        let worked = worked.map_err(|error| ServiceError::Protocol(error.to_string()))?;
        keys.extend(worked?);
    }
    Ok(keys)
}

impl Bench {
    async fn work(
        self: Arc<Self>,
        mut client: ServiceClient,
    ) -> Result<Vec<(usize, Option<SasKey>)>, ServiceError> {
        let mut keys = Vec::new();
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(id) = self.ids.get(place) else {
                return Ok(keys);
            };
            keys.push((place, self.work_on(&mut client, id).await?));
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// At the hub's pace.
    async fn work_on(
        &self,
        client: &mut ServiceClient,
        id: &str,
    ) -> Result<Option<SasKey>, ServiceError> {
        let mut pause = PAUSE_LEAST;
        loop {
            let result = match self.work {
                Work::Register => register_one(client, id).await,
                Work::Remove => remove_one(client, id).await,
            };
            match result {
                Err(ServiceError::Refused(refusal)) if refusal.status == TOO_MANY_REQUESTS => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MOST);
                }
                other => return other,
            }
        }
    }
}

async fn register_one(
    client: &mut ServiceClient,
    id: &str,
) -> Result<Option<SasKey>, ServiceError> {
    let identity = match client.create_device(id, None).await {
        Err(ServiceError::Refused(refusal)) if refusal.status == CONFLICT => {
            client.device(id).await?
        }
        other => other?,
    };
    Ok(key(&identity))
}

async fn remove_one(client: &mut ServiceClient, id: &str) -> Result<Option<SasKey>, ServiceError> {
    match client.delete_device(id).await {
        Err(ServiceError::Refused(refusal)) if refusal.status == NOT_FOUND => Ok(None),
        other => other.map(|()| None),
    }
}

fn key(identity: &Value) -> Option<SasKey> {
    let key = identity["authentication"]["symmetricKey"]["primaryKey"].as_str()?;
    SasKey::from_base64(key).ok()
}

fn no_key(id: &str) -> ServiceError {
    ServiceError::Protocol(format!(
        "the identity of {id} has no symmetric key: a device of a fleet needs one"
    ))
}

const CONNECTIONS: usize = 32;
const NOT_FOUND: u16 = 404;
const CONFLICT: u16 = 409;
const TOO_MANY_REQUESTS: u16 = 429;
const PAUSE_LEAST: Duration = Duration::from_secs(1);
const PAUSE_MOST: Duration = Duration::from_secs(30);
