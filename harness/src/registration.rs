//! Registers and removes identities of devices over REST.
//!
//! A hundred in a request and several connections at once; one by one where a hub has no such request,
//! and for what needs an answer of its own. A hub that throttles sets the pace.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use device_sim::fleet::DevicePlan;
use hub_proto::sas::SasKey;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::service_client::{Refusal, ServiceClient, ServiceError};
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
    /// The hub has no request for many.
    is_one_by_one: AtomicBool,
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
    let workers = ids.len().div_ceil(ROWS).min(CONNECTIONS);
    let bench = Arc::new(Bench {
        work,
        ids,
        next: AtomicUsize::new(0),
        is_one_by_one: AtomicBool::new(false),
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
            let first = self.next.fetch_add(ROWS, Ordering::Relaxed);
            if first >= self.ids.len() {
                return Ok(keys);
            }
            let end = self.ids.len().min(first + ROWS);
            let mut left: Vec<usize> = (first..end).collect();
            if left.len() > 1 {
                left = self.work_on_rows(&mut client, left, &mut keys).await?;
            }
            for place in left {
                let key = self.work_on(&mut client, &self.ids[place]).await?;
                keys.push((place, key));
                self.done.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// In one request; what is left is for requests of their own: everything if the hub has no such
    /// request, devices that are there already, and rows that it throttled.
    async fn work_on_rows(
        &self,
        client: &mut ServiceClient,
        places: Vec<usize>,
        keys: &mut Vec<(usize, Option<SasKey>)>,
    ) -> Result<Vec<usize>, ServiceError> {
        let mut pause = PAUSE_LEAST;
        loop {
            if self.is_one_by_one.load(Ordering::Relaxed) {
                return Ok(places);
            }
            let fresh = places.iter().map(|_| self.work.fresh_key());
            let fresh: Vec<Option<SasKey>> = fresh.collect::<Result<_, _>>()?;
            let rows = places.iter().zip(&fresh);
            let rows = rows.map(|(place, key)| row(&self.ids[*place], key.as_ref()));
            let failed = match client.change_devices(&rows.collect()).await {
                Ok(failed) => failed,
                Err(ServiceError::Refused(refusal)) if refusal.status == TOO_MANY_REQUESTS => {
                    tokio::time::sleep(jittered(pause, &self.ids[places[0]])).await;
                    pause = (pause * 2).min(PAUSE_MOST);
                    continue;
                }
                Err(ServiceError::Refused(refusal))
                    if NO_SUCH_REQUEST.contains(&refusal.status) =>
                {
                    self.is_one_by_one.store(true, Ordering::Relaxed);
                    return Ok(places);
                }
                Err(error) => return Err(error),
            };
            let mut failed: HashMap<String, Refusal> = failed.into_iter().collect();
            let (mut left, mut first_error) = (Vec::new(), None);
            for (place, key) in places.into_iter().zip(fresh) {
                let id = &self.ids[place];
                match failed.remove(&**id) {
                    None => {
                        self.work.note_made(id);
                        keys.push((place, key));
                        self.done.fetch_add(1, Ordering::Relaxed);
                    }
                    Some(refusal) if self.work.can_be_asked_again(refusal.status) => {
                        left.push(place);
                    }
                    Some(refusal) => {
                        first_error.get_or_insert(refusal);
                    }
                }
            }
            // A row that names none of them tells of one that was not done all the same.
            let first_error = first_error.or_else(|| failed.into_values().next());
            return first_error.map_or(Ok(left), |refusal| Err(refusal.into()));
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
                Work::Create(_) => create_one(client, id).await,
                Work::Remove => remove_one(client, id).await,
            };
            match result {
                Err(ServiceError::Refused(refusal)) if refusal.status == TOO_MANY_REQUESTS => {
                    // Not all of them at the same instant again.
                    tokio::time::sleep(jittered(pause, id)).await;
                    pause = (pause * 2).min(PAUSE_MOST);
                }
                Ok(key) => {
                    self.work.note_made(id);
                    return Ok(key);
                }
                refused => return refused,
            }
        }
    }
}

impl Work {
    /// A row of a bulk request answers no keys, so that it brings its own.
    fn fresh_key(&self) -> Result<Option<SasKey>, ServiceError> {
        if matches!(self, Self::Remove) {
            return Ok(None);
        }
        let mut bytes = [0; 32];
        let random = rustls::crypto::ring::default_provider().secure_random;
        let filled = random.fill(&mut bytes);
        filled
            .map_err(|_| ServiceError::Protocol("the system gives no random bytes".to_owned()))?;
        Ok(Some(SasKey::from_bytes(&bytes)))
    }

    /// Whether a row that came to nothing so is worth a request of its own.
    fn can_be_asked_again(&self, status: u16) -> bool {
        match self {
            Self::Register => [CONFLICT, TOO_MANY_REQUESTS].contains(&status),
            Self::Create(_) => status == TOO_MANY_REQUESTS,
            Self::Remove => [NOT_FOUND, TOO_MANY_REQUESTS].contains(&status),
        }
    }

    fn note_made(&self, id: &Arc<str>) {
        if let Self::Create(made) = self {
            let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
            made.push(Arc::clone(id));
        }
    }
}

/// Creates a device with this key, or deletes the one there is.
fn row(id: &str, key: Option<&SasKey>) -> Value {
    let Some(key) = key.map(SasKey::expose) else {
        return json!({"id": id, "importMode": "delete"});
    };
    json!({
        "id": id,
        "importMode": "create",
        "status": "enabled",
        "authentication": {"type": "sas", "symmetricKey": {"primaryKey": key, "secondaryKey": key}},
    })
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

async fn create_one(client: &mut ServiceClient, id: &str) -> Result<Option<SasKey>, ServiceError> {
    let identity = client.create_device(id).await?;
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
/// In one request: a hub's most.
const ROWS: usize = 100;
/// What a hub answers that has no request for many.
const NO_SUCH_REQUEST: [u16; 4] = [400, NOT_FOUND, 405, 501];
const NOT_FOUND: u16 = 404;
const CONFLICT: u16 = 409;
const TOO_MANY_REQUESTS: u16 = 429;
const PAUSE_LEAST: Duration = Duration::from_secs(1);
const PAUSE_MOST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
