//! The hub as a whole, and the calls of the service.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use hub_core::link::{LinkClose, LinkId};
use hub_core::method::{InvokeMethod, MethodResult};
use hub_core::registry::IfMatch;
use hub_core::throttle::{Operation, Tier};
use hub_core::twin::{TwinDocument, TwinUpdate, UpdateMode};
use hub_core::{HubError, Lags, Limits};
use hub_proto::ids::{ClientIdentity, DeviceId};
use hub_proto::time::Now;
use tokio::runtime;
use tokio::sync::oneshot;

use super::admission::{Admission, Admitted};
use super::configurations::{self, ConfigurationDesk};
use super::feedback::FeedbackDesk;
use super::image::Shelf;
use super::jobs::JobsSlot;
use super::lags::LagDial;
use super::placement::{SHARDS, shard_of};
use super::policies::PolicyBook;
use super::slot::{MethodAnswer, ShardSlot};
use super::transfers::TransfersSlot;
use crate::clock::{Clock, Due};
use crate::config::Throttling;
use crate::event_log::EventLog;
use crate::host_names::{HubHost, HubNames};
use crate::ledger::{self, UseCounters};
use crate::news::News;

/// One hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HubHandle(Arc<Hub>);

#[derive(Debug)]
struct Hub {
    parts: HubParts,
    admission: Arc<Admission>,
    /// Made when a device first needs one, so that a hub of a few devices costs little.
    shards: [OnceLock<Arc<ShardSlot>>; SHARDS],
    /// Where their timers run.
    runtime: runtime::Handle,
    jobs: JobsSlot,
    transfers: TransfersSlot,
    counts: Counts,
    shelf: Shelf,
    lags: LagDial,
    next_link: AtomicU64,
    /// Whether the hub was removed: nobody is let in any more.
    is_retired: AtomicBool,
    desk: Arc<ConfigurationDesk>,
    feedback: Arc<FeedbackDesk>,
    news: News,
    /// Which refused devices are worth a line. Of their own, as they may be more than are counted.
    refused: News,
    uses: UseCounters,
    /// Refused connections by reason, one of the few words of the code.
    refusals: Mutex<BTreeMap<&'static str, u64>>,
}

/// What the registry holds over all shards; changed with the device's shard locked.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Devices and modules.
    pub(super) identities: AtomicUsize,
    pub(super) devices: AtomicUsize,
}

/// A hub that may be gone.
#[derive(Debug)]
pub(crate) struct WeakHub(Weak<Hub>);

impl WeakHub {
    pub(crate) fn upgrade(&self) -> Option<HubHandle> {
        self.0.upgrade().map(HubHandle)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // The task of the configurations finds the hub gone and ends.
        self.desk.wake();
    }
}

/// What a hub is made of.
#[derive(Debug)]
pub(crate) struct HubParts {
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) throttling: Option<Throttling>,
    pub(crate) lags: Lags,
    pub(crate) policies: PolicyBook,
    pub(crate) names: HubNames,
    pub(crate) event_log: EventLog,
}

/// Makes a hub whose timers run on the current runtime; they end with the last handle.
pub(crate) fn start(mut parts: HubParts) -> HubHandle {
    if let Some(throttling) = parts.throttling {
        throttling.scale.bind(&mut parts.limits);
    }
    let admission = Admission::new(parts.clock.clone(), parts.names.main(), parts.throttling);
    let desk = Arc::new(ConfigurationDesk::new(parts.clock.clone(), &parts.limits));
    let feedback = FeedbackDesk::new(parts.clock.clone(), parts.limits.feedback.clone());
    let jobs = JobsSlot::new(parts.clock.clone(), parts.limits.jobs.clone());
    let lags = LagDial::new(parts.lags);
    let hub = HubHandle(Arc::new(Hub {
        parts,
        admission: Arc::new(admission),
        shards: std::array::from_fn(|_| OnceLock::new()),
        runtime: runtime::Handle::current(),
        jobs,
        transfers: TransfersSlot::default(),
        counts: Counts::default(),
        shelf: Shelf::default(),
        lags,
        next_link: AtomicU64::new(1),
        is_retired: AtomicBool::new(false),
        desk: Arc::clone(&desk),
        feedback: Arc::new(feedback),
        news: News::default(),
        refused: News::default(),
        uses: UseCounters::new(),
        refusals: Mutex::default(),
    }));
    tokio::spawn(hub.0.jobs.run(WeakHub(Arc::downgrade(&hub.0))));
    let weak = WeakHub(Arc::downgrade(&hub.0));
    tokio::spawn(configurations::run(weak, desk));
    hub
}

impl Hub {
    fn new_slot(&self) -> Arc<ShardSlot> {
        let parts = &self.parts;
        // The hub itself counts identities, since the devices of a small hub need not spread
        // evenly over the shards.
        let slot = ShardSlot::new(
            parts.clock.clone(),
            parts.event_log.clone(),
            Arc::clone(&self.admission),
            Arc::clone(&self.desk),
            Arc::clone(&self.feedback),
            parts.limits.clone(),
            self.lags.get(),
        );
        let slot = Arc::new(slot);
        parts.clock.attach(Arc::downgrade(&slot) as Weak<dyn Due>);
        let timer = ShardSlot::run_timer(Arc::downgrade(&slot));
        self.runtime.spawn(timer);
        slot
    }
}

/// The hub as a whole.
impl HubHandle {
    /// The time now, by the hub's clock.
    pub fn now(&self) -> Now {
        self.0.parts.clock.now()
    }

    /// The hub's bounds.
    pub fn limits(&self) -> &Limits {
        &self.0.parts.limits
    }

    pub(super) fn policy_book(&self) -> &PolicyBook {
        &self.0.parts.policies
    }

    /// The log of everything that happens.
    pub fn event_log(&self) -> &EventLog {
        &self.0.parts.event_log
    }

    /// Whether `host` (as in a user name, a token or a `Host` header, without port) is this hub.
    pub fn is_host(&self, host: &str) -> bool {
        self.0.parts.names.accepts(host)
    }

    /// The host name of connection strings: `localhost`, or the hub's own name. A default hub bound on
    /// neither `127.0.0.1` nor `::1` goes by its first address.
    pub fn host_name(&self) -> &str {
        self.0.parts.names.main()
    }

    /// The host name of a hub that is not the default one.
    pub fn own_name(&self) -> Option<&HubHost> {
        self.0.parts.names.own()
    }

    /// Whether the refusal of what is not built, `gap`, is worth a line in the process's log.
    pub(crate) fn gap_is_news(&self, gap: &str) -> bool {
        self.is_news(gap, Duration::from_mins(1))
    }

    /// Whether a refusal, of whom and why, is worth a line in the process's log: the same is again after
    /// a minute, and at most some hundreds are in a minute.
    pub(crate) fn refusal_is_news(&self, whom_and_why: &str) -> bool {
        let now = self.now().mono;
        let silence = Duration::from_mins(1);
        self.0.refused.is_news(now, whom_and_why, silence)
    }

    /// Whether `what` is worth a line in the process's log, which it then is not for `silence`.
    pub(crate) fn is_news(&self, what: &str, silence: Duration) -> bool {
        self.0.news.is_news(self.now().mono, what, silence)
    }

    /// What was used of the ledger's operations, in its order.
    pub fn usage(&self) -> Vec<ledger::Usage> {
        self.0.uses.read()
    }

    /// Counts an operation that somebody asked for who may.
    pub(crate) fn note_use(&self, operation: ledger::Key) {
        self.note_uses(operation, 1);
    }

    /// The same for some at once.
    pub(crate) fn note_uses(&self, operation: ledger::Key, uses: usize) {
        self.0.uses.note_uses(operation, uses as u64);
    }

    /// Counts an operation that was refused since what was asked for is not built.
    pub(crate) fn note_refusal(&self, operation: ledger::Key) {
        self.0.uses.note_refusal(operation);
    }

    /// Answers of the service endpoint by operation and first digit of the status.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (&'static ledger::Entry, u16, u64)> {
        self.0.uses.answers()
    }

    /// Counts an answer of the service endpoint.
    pub(crate) fn note_answer(&self, operation: ledger::Key, status: u16) {
        self.0.uses.note_answer(operation, status);
    }

    /// Connections refused, by reason.
    pub(crate) fn refusals(&self) -> BTreeMap<&'static str, u64> {
        let refusals = self.0.refusals.lock();
        refusals.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a connection that was not let in.
    pub(crate) fn note_refused_link(&self, reason: &'static str) {
        let mut refusals = self
            .0
            .refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *refusals.entry(reason).or_default() += 1;
    }

    /// How many connections the hub has just now.
    pub(crate) fn link_count(&self) -> usize {
        self.slots().map(|slot| slot.read_links(HashMap::len)).sum()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.parts.clock
    }

    pub(super) fn runtime(&self) -> &runtime::Handle {
        &self.0.runtime
    }

    pub(super) fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// The slots of the shards that any device ever needed.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Arc<ShardSlot>> {
        self.0.shards.iter().filter_map(OnceLock::get)
    }

    /// The slots of all shards, which are made if they are not there.
    pub(super) fn all_slots(&self) -> impl Iterator<Item = &Arc<ShardSlot>> {
        let shards = self.0.shards.iter();
        shards.map(|shard| shard.get_or_init(|| self.0.new_slot()))
    }

    pub(super) fn lag_dial(&self) -> &LagDial {
        &self.0.lags
    }

    /// The slot of the shard with this number, if there is one yet.
    pub(super) fn slot_at(&self, shard: usize) -> Option<&Arc<ShardSlot>> {
        self.0.shards.get(shard)?.get()
    }

    pub(super) fn next_link_id(&self) -> LinkId {
        LinkId(self.0.next_link.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn desk(&self) -> &ConfigurationDesk {
        &self.0.desk
    }

    pub(super) fn feedback_desk(&self) -> &FeedbackDesk {
        &self.0.feedback
    }

    pub(super) fn slot(&self, client: &ClientIdentity) -> &ShardSlot {
        self.slot_of(client.device_id())
    }

    /// A device and its modules live in one shard.
    pub(super) fn slot_of(&self, device: &DeviceId) -> &ShardSlot {
        self.0.shards[shard_of(device)].get_or_init(|| self.0.new_slot())
    }

    /// Ends every link for good: who is let in from here on is to be put out again.
    pub(crate) fn retire(&self) {
        self.0.is_retired.store(true, Ordering::SeqCst);
        self.close_links();
        self.event_log().close();
    }

    /// The hub, for whoever must not keep it alive.
    pub(crate) fn downgrade(&self) -> WeakHub {
        WeakHub(Arc::downgrade(&self.0))
    }

    /// Whether the hub was removed.
    pub(crate) fn is_retired(&self) -> bool {
        self.0.is_retired.load(Ordering::SeqCst)
    }

    pub(super) fn transfers_slot(&self) -> &TransfersSlot {
        &self.0.transfers
    }

    pub(super) fn jobs_of_hub(&self) -> &JobsSlot {
        &self.0.jobs
    }

    /// Ends every link as a hub does that stops. Devices may come back at once, unless it does stop.
    pub fn close_links(&self) {
        for slot in self.slots() {
            // A link that comes up meanwhile is found in the next round.
            loop {
                let mut links: Vec<_> = slot.read_links(|links| links.keys().copied().collect());
                if links.is_empty() {
                    break;
                }
                links.sort_unstable();
                for link in links {
                    slot.command(|cell, now| cell.end_link(now, link, LinkClose::Shutdown));
                }
            }
        }
    }
}

/// Throttles and the quota; see [`hub_core::throttle`]. What a front end carries for a client goes through
/// here first, what the hub does by itself does not.
impl HubHandle {
    /// Waits until `count` of `operation` may go. At once if the hub has no tier; dropping the future
    /// gives the place in the queue up.
    pub async fn admit(&self, operation: Operation, count: u64) -> Result<Admitted, HubError> {
        self.0.admission.admit(operation, count).await
    }

    /// The hub's tier, if it has one: how many jobs and configurations it may hold.
    pub fn tier(&self) -> Option<Tier> {
        self.0.admission.tier()
    }

    /// Messages used since midnight UTC; not counted, and 0, without a tier.
    pub fn messages_today(&self) -> u64 {
        self.0.admission.messages_today()
    }

    /// Charges for something of so many bytes that a client was given, or gave.
    pub fn spend(&self, bytes: usize) {
        self.0.admission.spend(bytes);
    }

    /// Refuses, for so long, everything that a tier would count: REST answers 429, connections and
    /// messages of devices are refused as by a hub whose limits others exceed. With or without a
    /// tier; a second call replaces the first, and zero ends it.
    pub fn throttle_everything(&self, how_long: Duration) {
        self.0.admission.close(how_long);
    }

    pub(crate) fn admission(&self) -> &Arc<Admission> {
        &self.0.admission
    }
}

/// Twins.
impl HubHandle {
    /// See [`hub_core::Shard::twin`].
    pub fn twin(&self, id: &ClientIdentity) -> Result<TwinDocument, HubError> {
        self.slot(id).read(|shard| shard.twin(id))
    }

    /// See [`hub_core::Shard::update_twin`].
    pub fn update_twin(
        &self,
        id: &ClientIdentity,
        update: TwinUpdate,
        mode: UpdateMode,
        if_match: &IfMatch,
    ) -> Result<TwinDocument, HubError> {
        self.slot(id)
            .command(|cell, now| cell.shard.update_twin(now, id, update, mode, if_match))
    }
}

/// Methods.
impl HubHandle {
    /// Calls a direct method and waits for its end. Dropping the future cancels nothing in the hub.
    pub async fn invoke_method(&self, invoke: InvokeMethod) -> Result<MethodResult, HubError> {
        let Ok((outcome, _hold)) = self.begin_method(invoke)?.await else {
            unreachable!("a shard answers each call, and lives as long as `self`");
        };
        outcome
    }

    /// Calls a direct method; its end comes through the channel, which holds no hub.
    pub(super) fn begin_method(
        &self,
        invoke: InvokeMethod,
    ) -> Result<oneshot::Receiver<MethodAnswer>, HubError> {
        let (caller, answer) = oneshot::channel();
        let slot = self.slot(&invoke.client);
        let request_bytes = invoke.payload.len();
        slot.command(|cell, now| {
            let call = cell.shard.invoke_method(now, invoke)?;
            // Under the same lock as the call, so the answer cannot come before.
            cell.calls.insert(call, caller);
            Ok::<_, HubError>(())
        })
        .inspect_err(|refused| {
            // A call of a device that is away is charged as one with an empty answer.
            if matches!(refused, HubError::DeviceNotOnline) {
                self.spend(request_bytes);
                self.spend(0);
            }
        })?;
        self.spend(request_bytes);
        Ok(answer)
    }
}
