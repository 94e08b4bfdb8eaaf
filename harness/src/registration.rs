//! Registers and removes identities of devices over REST.
//!
//! One request a device, several connections at once: bulk registration is not everywhere. A hub that
//! throttles sets the pace.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use device_sim::fleet::DevicePlan;
use hub_proto::sas::SasKey;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::service_client::{ServiceClient, ServiceError};
use crate::target::Reached;

/// What is done to each identity.
#[derive(Clone, Debug)]
enum Work {
    Register,
    /// Only such as there are not yet; notes those that were made.
    Create(Arc<Mutex<Vec<Arc<str>>>>),
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
pub(crate) async fn register(
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

/// Registers devices that must not be there yet. Those that were made are in `made` whatever comes of
/// the others.
pub(crate) async fn create(
    hub: &Reached,
    ids: Vec<Arc<str>>,
    made: Arc<Mutex<Vec<Arc<str>>>>,
) -> Result<Vec<(Arc<str>, SasKey)>, ServiceError> {
    let mut keys = at_the_bench(hub, Work::Create(made), ids.clone(), Arc::default()).await?;
    keys.sort_by_key(|(place, _)| *place);
    let devices = ids.into_iter().zip(keys);
    devices
        .map(|(id, (_, key))| key.ok_or_else(|| no_key(&id)).map(|key| (id, key)))
        .collect()
}

/// Removes devices; one that is not there is no matter.
pub(crate) async fn remove(
    hub: &Reached,
    ids: Vec<Arc<str>>,
    done: Arc<AtomicUsize>,
) -> Result<(), ServiceError> {
    at_the_bench(hub, Work::Remove, ids, done).await.map(drop)
}

/// Works on every id. After an error no other is begun, but those under way are ended: what became of
/// a request that was cut off nobody would know.
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
    let (mut keys, mut first_error) = (Vec::new(), None);
    while let Some(worked) = running.join_next().await {
        let worked = worked.map_err(|error| ServiceError::Protocol(error.to_string()))?;
        match worked {
            Ok(worked) => keys.extend(worked),
            Err(error) => {
                bench.next.store(bench.ids.len(), Ordering::Relaxed);
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(keys), Err)
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
        id: &Arc<str>,
    ) -> Result<Option<SasKey>, ServiceError> {
        let mut pause = PAUSE_LEAST;
        loop {
            let result = match &self.work {
                Work::Register => register_one(client, id).await,
                Work::Create(made) => create_one(client, id, made).await,
                Work::Remove => remove_one(client, id).await,
            };
            match result {
                Err(ServiceError::Refused(refusal)) if refusal.status == TOO_MANY_REQUESTS => {
                    // Not all of them at the same instant again.
                    tokio::time::sleep(jittered(pause, id)).await;
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
    let identity = match client.create_device(id).await {
        Err(ServiceError::Refused(refusal)) if refusal.status == CONFLICT => {
            client.device(id).await?
        }
        other => other?,
    };
    Ok(key(&identity))
}

async fn create_one(
    client: &mut ServiceClient,
    id: &Arc<str>,
    made: &Mutex<Vec<Arc<str>>>,
) -> Result<Option<SasKey>, ServiceError> {
    let identity = client.create_device(id).await?;
    let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
    made.push(Arc::clone(id));
    Ok(key(&identity))
}

/// Half to all of `pause`, by the device.
fn jittered(pause: Duration, id: &str) -> Duration {
    let spread = id.bytes().fold(7_u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    pause.mul_f64(0.5 + f64::from(spread % 1000) / 2000.0)
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
