//! A hub as simple as can be: whole lists are searched, nothing is indexed, time is whole seconds.
//! It says what the shard must answer and send, and when it next wants to be woken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hub_core::event::C2dOutcome;
use hub_core::link::{LinkAccepted, LinkClose, LinkId, LinkRefusal};
use hub_core::method::{CallId, MethodResult, Rid};
use hub_core::output::ToDevice;
use hub_core::{HubError, Output};
use hub_proto::error_code::ErrorCode;
use hub_proto::mqtt::packet::QoS;

use crate::support::*;

pub(crate) const CALLS_OPEN: usize = 3;
pub(crate) const QUEUE: usize = 3;
pub(crate) const LOCK_S: u32 = 60;
pub(crate) const TIME_TO_LIVE_S: u32 = 150;
pub(crate) const RESPONSE_S: u32 = 30;

/// What a device may listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heard {
    Methods,
    TwinResponses,
    Messages,
}

#[derive(Debug, Default)]
pub(crate) struct Reference {
    pub(crate) now: u32,
    pub(crate) devices: BTreeMap<&'static str, Device>,
    /// What must have come out since it was last looked at.
    pub(crate) effects: Vec<Output>,
    pub(crate) settled: Vec<(&'static str, u64, C2dOutcome)>,
    /// Calls that were accepted and are not answered.
    pub(crate) open: BTreeSet<u64>,
    pub(crate) calls_made: u64,
    pub(crate) rid_base: u64,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) enabled: bool,
    pub(crate) link: Option<LinkId>,
    clean: bool,
    heard: BTreeSet<Heard>,
    session: Option<BTreeSet<Heard>>,
    calls: Vec<Call>,
    pub(crate) reported_version: u64,
    pub(crate) messages: VecDeque<Message>,
    /// Delivery and the end of its lock.
    pub(crate) flight: Option<(u16, u32)>,
    sequence_last: u64,
    delivery_last: u16,
}

#[derive(Debug)]
struct Call {
    number: u64,
    is_delivered: bool,
    until: u32,
}

#[derive(Debug)]
pub(crate) struct Message {
    sequence: u64,
    expires: u32,
    deliveries: u32,
}

impl Reference {
    pub(crate) fn create(&mut self, name: &'static str) -> Option<ErrorCode> {
        if self.devices.contains_key(name) {
            return Some(ErrorCode::DeviceAlreadyExists);
        }
        let device = Device {
            enabled: true,
            link: None,
            clean: false,
            heard: BTreeSet::new(),
            session: None,
            calls: Vec::new(),
            reported_version: 1,
            messages: VecDeque::new(),
            flight: None,
            sequence_last: 0,
            delivery_last: 0,
        };
        self.devices.insert(name, device);
        None
    }

    pub(crate) fn update(&mut self, name: &'static str, enabled: bool) {
        self.device(name).enabled = enabled;
        if !enabled {
            self.close(name, &LinkClose::Disabled);
            self.fail_parked(name);
        }
    }

    pub(crate) fn delete(&mut self, name: &'static str) {
        // What comes back from the link may be settled for good, before the queue goes.
        self.close(name, &LinkClose::Deleted);
        self.fail_parked(name);
        self.devices.remove(name);
    }

    pub(crate) fn connect(
        &mut self,
        name: &'static str,
        link: LinkId,
        clean: bool,
    ) -> Result<LinkAccepted, LinkRefusal> {
        match self.devices.get(name) {
            None => return Err(LinkRefusal::UnknownDevice(client(name))),
            Some(device) if !device.enabled => return Err(LinkRefusal::Disabled(client(name))),
            Some(_) => self.close(name, &LinkClose::TakenOver),
        }
        let device = self.device(name);
        let resumed = device.session.take().filter(|_| !clean);
        let session_present = resumed.is_some();
        device.link = Some(link);
        device.clean = clean;
        device.heard = resumed.unwrap_or_default();
        self.serve(name);
        Ok(LinkAccepted { session_present })
    }

    pub(crate) fn subscribe(&mut self, name: &'static str, what: Heard) {
        self.device(name).heard.insert(what);
        self.serve(name);
    }

    pub(crate) fn unsubscribe(&mut self, name: &'static str, what: Heard) {
        self.device(name).heard.remove(&what);
    }

    pub(crate) fn invoke(&mut self, name: &'static str, connect_s: u32) -> Result<u64, ErrorCode> {
        let now = self.now;
        let Some(device) = self.devices.get_mut(name) else {
            return Err(ErrorCode::DeviceNotFound);
        };
        if self.calls_made == 0 {
            self.rid_base = (1_700_000_000 + u64::from(now)) << 20;
        }
        self.calls_made += 1;
        let is_heard = device.link.is_some() && device.heard.contains(&Heard::Methods);
        if device.calls.len() >= CALLS_OPEN {
            return Err(ErrorCode::DeviceMaximumInflightMethodExceeded);
        }
        if !is_heard && (connect_s == 0 || !device.enabled) {
            return Err(ErrorCode::DeviceNotOnline);
        }
        let number = self.calls_made;
        device.calls.push(Call {
            number,
            is_delivered: false,
            until: now + connect_s,
        });
        self.open.insert(number);
        self.deliver_calls(name);
        Ok(number)
    }

    pub(crate) fn answer(&mut self, name: &'static str, number: u64) {
        let calls = &mut self.device(name).calls;
        if let Some(place) = calls
            .iter()
            .position(|call| call.number == number && call.is_delivered)
        {
            calls.remove(place);
            self.answered(
                number,
                Ok(MethodResult {
                    status: 200,
                    payload: b"{}".to_vec(),
                }),
            );
        }
    }

    pub(crate) fn report(&mut self, name: &'static str, base: Option<u64>) {
        let device = self.device(name);
        let link = device.link.expect("only a connected device reports");
        let is_current = base.is_none_or(|base| base == device.reported_version);
        let (status, version) = if is_current {
            device.reported_version += 1;
            (204, Some(device.reported_version))
        } else {
            (412, None)
        };
        if device.heard.contains(&Heard::TwinResponses) {
            // The body of a refusal is looked at elsewhere; the runner empties it.
            let body = Vec::new();
            let message = ToDevice::TwinResponse {
                status,
                rid: "r".into(),
                version,
                body,
            };
            self.effects.push(Output::ToLink { link, message });
        }
    }

    pub(crate) fn send(&mut self, name: &'static str) -> Option<ErrorCode> {
        let expires = self.now + TIME_TO_LIVE_S;
        let Some(device) = self.devices.get_mut(name) else {
            return Some(ErrorCode::DeviceNotFound);
        };
        if device.messages.len() >= QUEUE {
            return Some(ErrorCode::DeviceMaximumQueueDepthExceeded);
        }
        device.sequence_last += 1;
        let sequence = device.sequence_last;
        device.messages.push_back(Message {
            sequence,
            expires,
            deliveries: 0,
        });
        self.pump(name);
        None
    }

    pub(crate) fn acknowledge(&mut self, name: &'static str, delivery: u16) {
        let device = self.device(name);
        if device
            .flight
            .is_some_and(|(in_flight, _)| in_flight == delivery)
        {
            device.flight = None;
            self.settle_front(name, C2dOutcome::Completed);
            self.pump(name);
        }
    }

    pub(crate) fn purge(&mut self, name: &'static str) -> usize {
        let device = self.device(name);
        let kept = usize::from(device.flight.is_some());
        let purged: Vec<_> = device.messages.drain(kept..).collect();
        for message in &purged {
            self.settled
                .push((name, message.sequence, C2dOutcome::Purged));
        }
        purged.len()
    }

    /// When the shard must want to be woken.
    pub(crate) fn deadline(&self) -> Option<u32> {
        let calls = self.devices.values().flat_map(|device| device.calls.iter());
        let messages = self
            .devices
            .values()
            .flat_map(|device| device.messages.iter());
        let flights = self.devices.values().filter_map(|device| device.flight);
        let calls = calls.map(|call| call.until);
        let messages = messages.map(|message| message.expires);
        calls
            .chain(messages)
            .chain(flights.map(|(_, until)| until))
            .min()
    }

    /// The deadline has come.
    pub(crate) fn wake(&mut self) {
        let names: Vec<_> = self.devices.keys().copied().collect();
        let mut due: Vec<Call> = Vec::new();
        for device in self.devices.values_mut() {
            due.extend(device.calls.extract_if(.., |call| call.until <= self.now));
        }
        due.sort_by_key(|call| call.number);
        for call in due {
            let delivered = HubError::MethodTimedOut;
            let error = if call.is_delivered {
                delivered
            } else {
                HubError::DeviceNotOnline
            };
            self.answered(call.number, Err(error));
        }
        for name in names {
            let now = self.now;
            if self
                .device(name)
                .flight
                .is_some_and(|(_, until)| until <= now)
            {
                self.take_back(name);
            }
            self.pump(name);
        }
    }

    /// The link of the device has ended.
    pub(crate) fn end_link(&mut self, name: &'static str, error: &HubError) {
        let device = self.device(name);
        device.link = None;
        let heard = std::mem::take(&mut device.heard);
        device.session = (!device.clean).then_some(heard);
        let failed: Vec<_> = device
            .calls
            .extract_if(.., |call| call.is_delivered)
            .collect();
        for call in failed {
            self.answered(call.number, Err(error.clone()));
        }
        self.take_back(name);
    }

    fn device(&mut self, name: &'static str) -> &mut Device {
        self.devices
            .get_mut(name)
            .expect("the runner knows which devices exist")
    }

    fn close(&mut self, name: &'static str, reason: &LinkClose) {
        let Some(link) = self.device(name).link else {
            return;
        };
        self.effects.push(Output::CloseLink {
            link,
            reason: reason.clone(),
        });
        let error = match reason {
            LinkClose::TakenOver => HubError::ConnectionReplaced,
            _ => HubError::DeviceUnavailable,
        };
        self.end_link(name, &error);
    }

    fn fail_parked(&mut self, name: &'static str) {
        for call in std::mem::take(&mut self.device(name).calls) {
            self.answered(call.number, Err(HubError::DeviceNotOnline));
        }
    }

    fn answered(&mut self, number: u64, result: Result<MethodResult, HubError>) {
        assert!(self.open.remove(&number), "call {number} is answered once");
        self.effects.push(Output::MethodAnswered {
            call: CallId(number),
            result,
        });
    }

    fn serve(&mut self, name: &'static str) {
        self.deliver_calls(name);
        self.pump(name);
    }

    fn deliver_calls(&mut self, name: &'static str) {
        let (now, rid_base) = (self.now, self.rid_base);
        let device = self.devices.get_mut(name).expect("it exists");
        let Some(link) = device
            .link
            .filter(|_| device.heard.contains(&Heard::Methods))
        else {
            return;
        };
        for call in device.calls.iter_mut().filter(|call| !call.is_delivered) {
            call.is_delivered = true;
            call.until = now + RESPONSE_S;
            let asked = invoke("reboot", 0);
            let rid = Rid(rid_base + call.number);
            let message = ToDevice::MethodRequest {
                name: asked.name,
                rid,
                payload: asked.payload,
            };
            self.effects.push(Output::ToLink { link, message });
        }
    }

    fn pump(&mut self, name: &'static str) {
        let now = self.now;
        let device = self.devices.get_mut(name).expect("it exists");
        while device
            .messages
            .front()
            .is_some_and(|message| message.expires <= now)
        {
            device.flight = None;
            let message = device.messages.pop_front().expect("there is a first one");
            self.settled
                .push((name, message.sequence, C2dOutcome::Expired));
        }
        let Some(link) = device
            .link
            .filter(|_| device.heard.contains(&Heard::Messages))
        else {
            return;
        };
        let Some(message) = device.messages.front_mut() else {
            return;
        };
        if device.flight.is_none() {
            device.delivery_last += 1;
            device.flight = Some((device.delivery_last, now + LOCK_S));
            message.deliveries += 1;
            let message = ToDevice::CloudToDevice {
                delivery: device.delivery_last.try_into().unwrap(),
                qos: QoS::AtLeastOnce,
                dup: message.deliveries > 1,
                bag: format!("%24.to=%2Fdevices%2F{name}%2Fmessages%2FdeviceBound"),
                payload: b"m".to_vec(),
            };
            self.effects.push(Output::ToLink { link, message });
        }
    }

    fn take_back(&mut self, name: &'static str) {
        self.device(name).flight = None;
    }

    fn settle_front(&mut self, name: &'static str, outcome: C2dOutcome) {
        let message = self
            .device(name)
            .messages
            .pop_front()
            .expect("one is in flight");
        self.settled.push((name, message.sequence, outcome));
    }
}
