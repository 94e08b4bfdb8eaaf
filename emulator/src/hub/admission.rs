//! Who may go now, who waits his turn, and what the day's account is charged for.
//!
//! The rules are [`hub_core::throttle`]'s; here they have a mutex and a clock. A hub without a tier
//! throttles nothing. Nobody waits with a lock held: who is told to wait is given a [`Turn`] and waits
//! on his own, and a turn that is dropped unused is given up.
//!
//! A hub with or without a tier can be made to refuse everything for a while, as one does whose limits
//! are exceeded by others: a fault to test back-off with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hub_core::output::ToDevice;
use hub_core::throttle::{Decision, Operation, Place, Refusal, Throttle, Tier};
use hub_core::{Event, EventKind, HubError};
use hub_proto::property_bag::PropertyBag;
use hub_proto::time::Instant;

use crate::clock::{Clock, Hold};
use crate::config::Throttling;

/// The throttles and the account of one hub.
#[derive(Debug)]
pub(crate) struct Admission {
    clock: Clock,
    throttle: Option<Mutex<Throttle>>,
    /// Until when everything is refused, in nanoseconds of the hub's monotonic time; 0: not at all.
    closed_until: AtomicU64,
}

/// A request that was admitted, now or for later.
#[derive(Debug)]
#[must_use]
pub(crate) struct Turn {
    admission: Arc<Admission>,
    waits: Option<(Instant, Place)>,
}

/// Leave to go. A clock that is moved by hand stands at the instant of the turn until it is dropped.
#[derive(Debug, Default)]
pub struct Admitted(pub(crate) Hold);

impl Admission {
    pub(super) fn new(clock: Clock, hub: &str, throttling: Option<Throttling>) -> Self {
        let throttle = throttling
            .map(|throttling| Throttle::new(hub, throttling.scale, throttling.shaping))
            .map(Mutex::new);
        Self {
            clock,
            throttle,
            closed_until: AtomicU64::new(0),
        }
    }

    /// Whether there is anything to ask for; if not, whatever is asked is granted.
    pub(crate) fn is_on(&self) -> bool {
        self.throttle.is_some() || self.is_closed()
    }

    /// Refuses everything that a tier would count, from now on and for so long.
    pub(super) fn close(&self, how_long: Duration) {
        let until = self.clock.now().mono + how_long;
        let nanos = u64::try_from(until.since_start().as_nanos()).unwrap_or(u64::MAX);
        self.closed_until.store(nanos, Ordering::Relaxed);
    }

    /// The clock is read only where something was closed: this stands on the way of every packet.
    fn is_closed(&self) -> bool {
        let until = self.closed_until.load(Ordering::Relaxed);
        until != 0 && self.clock.now().mono.since_start().as_nanos() < u128::from(until)
    }

    pub(super) fn tier(&self) -> Option<Tier> {
        Some(self.throttle()?.scale().tier())
    }

    /// Asks for `count` of `operation`; see [`Throttle::ask`].
    pub(crate) fn ask(self: &Arc<Self>, operation: Operation, count: u64) -> Result<Turn, Refusal> {
        if self.is_closed() {
            return Err(Refusal::Throttled(operation));
        }
        let mut waits = None;
        if let Some(mut throttle) = self.throttle() {
            // Read with the lock held, so that time never runs backwards for a queue.
            let now = self.clock.now();
            if let Decision::GoAt(at, place) = throttle.ask(now, operation, count)? {
                waits = Some((at, place));
            }
        }
        let admission = Arc::clone(self);
        Ok(Turn { admission, waits })
    }

    /// Asks, and waits for its turn. Dropping the future gives the place up.
    pub(super) async fn admit(
        self: &Arc<Self>,
        operation: Operation,
        count: u64,
    ) -> Result<Admitted, HubError> {
        let turn = self.ask(operation, count)?;
        let mut admitted = Admitted::default();
        if let Some(at) = turn.at() {
            let mut timer = self.clock.timer();
            timer.set(Some(at));
            timer.due().await;
            // Before the timer is dropped, so that the clock stands until the request has gone.
            admitted = Admitted(self.clock.hold());
        }
        turn.take();
        Ok(admitted)
    }

    /// Charges the day's account for something of so many bytes that has happened.
    pub(crate) fn spend(&self, bytes: usize) {
        if let Some(mut throttle) = self.throttle() {
            let now = self.clock.now();
            throttle.spend(now, bytes);
        }
    }

    /// Messages used since midnight UTC; 0 without a tier.
    pub(super) fn messages_today(&self) -> u64 {
        self.throttle()
            .map_or(0, |mut throttle| throttle.messages_today(self.clock.now()))
    }

    /// Charges for a fact. Methods and messages to devices are charged where they are asked for.
    pub(super) fn note(&self, event: &Event) {
        if self.throttle.is_none() {
            return;
        }
        match &event.kind {
            EventKind::Telemetry {
                properties,
                payload,
            } => self.spend(payload.len() + properties.size_bytes()),
            EventKind::Reported { patch, .. }
            | EventKind::Desired { patch, .. }
            | EventKind::Tags { patch, .. } => self.spend(patch.len()),
            _ => {}
        }
    }

    /// Charges for what a device is told: its twin, and changes of desired properties.
    pub(super) fn note_delivery(&self, message: &ToDevice) {
        match message {
            ToDevice::TwinResponse {
                status: 200, body, ..
            }
            | ToDevice::DesiredChange { body, .. } => self.spend(body.len()),
            ToDevice::TwinResponse { .. }
            | ToDevice::MethodRequest { .. }
            | ToDevice::CloudToDevice { .. } => {}
        }
    }

    fn throttle(&self) -> Option<MutexGuard<'_, Throttle>> {
        let throttle = self.throttle.as_ref()?;
        Some(throttle.lock().expect("a throttle does not panic"))
    }
}

impl Turn {
    /// When it may go; `None`: now.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.waits.as_ref().map(|(at, _)| *at)
    }

    /// It goes.
    pub(crate) fn take(mut self) {
        self.waits = None;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let (Some((_, place)), Some(mut throttle)) =
            (self.waits.take(), self.admission.throttle())
        {
            throttle.give_up(place);
        }
    }
}

/// What a bag adds to a message's size: values of system properties, names and values of the others.
pub(super) fn bag_bytes(bag: &PropertyBag) -> usize {
    let system = bag.system.iter().map(|(_, text)| text.len());
    let application = bag
        .application
        .iter()
        .map(|(name, text)| name.len() + text.as_ref().map_or(0, String::len));
    system.chain(application).sum()
}
