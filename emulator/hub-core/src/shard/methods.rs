//! Direct methods: a call is parked, delivered, answered or given up.
//!
//! A call lives in its device, so that an answer needs one map access, and in the timers, which it
//! never leaves without: every way out of [`Device::calls`] ends in [`Common::end_call`].

use hub_proto::ids::ClientIdentity;
use hub_proto::time::Now;

use super::state::{Client, Common, Shard};
use super::time::Timer;
use crate::error::HubError;
use crate::event::EventKind;
use crate::link::LinkId;
use crate::method::{CallId, InvokeMethod, MethodResult, OpenCall, Rid, Stage};
use crate::output::{Output, ToDevice};

/// A method answer as it came in.
#[derive(Clone, Copy, Debug)]
pub struct MethodResponse<'a> {
    /// Hex, compared without case.
    pub rid: &'a str,
    /// The status as text.
    pub status: &'a str,
    /// The body.
    pub payload: &'a [u8],
}

impl Shard {
    /// Calls a direct method. Exactly one [`Output::MethodAnswered`] follows, now or later; none if
    /// the call is refused here.
    pub fn invoke_method(&mut self, now: Now, invoke: InvokeMethod) -> Result<CallId, HubError> {
        let InvokeMethod {
            client: id,
            name,
            payload,
            timeouts,
        } = invoke;
        // Asked only where it matters: the answer costs a look-up.
        let may_come = !timeouts.connect.is_zero() && self.is_enabled(&id);
        let (client, common) = self.reach(&id)?;
        let payload_max = common.limits.method_payload_bytes;
        if payload.len() > payload_max {
            let (what, bytes) = ("the method's payload", payload.len());
            return Err(HubError::TooLarge {
                what,
                bytes,
                max: payload_max,
            });
        }
        let call = common.next_call(now);
        let text = str::from_utf8(&payload)
            .map_or_else(|_| String::from_utf8_lossy(&payload).into(), Box::from);
        let kind = EventKind::MethodInvoked {
            call,
            name: name.clone(),
            payload: text,
        };
        common.event(now, &id, kind);

        let listener = client
            .link
            .online()
            .filter(|online| online.subscriptions.hears(&name));
        let refusal = if client.calls.len() >= common.limits.method_calls_open {
            Some(HubError::TooManyMethodCalls(
                common.limits.method_calls_open,
            ))
        // A disabled device cannot come while the call waits.
        } else if listener.is_none() && !may_come {
            Some(HubError::DeviceNotOnline)
        } else {
            None
        };
        if let Some(error) = refusal {
            common.event(now, &id, failed(call, &error));
            return Err(error);
        }
        let until = now.mono + timeouts.connect;
        let stage = Stage::Parked(payload);
        let response_time = timeouts.response;
        let mut open = OpenCall {
            id: call,
            name,
            response_time,
            stage,
            until,
        };
        match listener.map(|online| online.id) {
            Some(link) => {
                client.last_activity = now.wall;
                common.deliver_call(now, &id, link, &mut open);
            }
            None => common.set_timer(until, Timer::Call(call, id)),
        }
        client.calls.push(open);
        Ok(call)
    }

    /// A device answers a method.
    pub fn method_response(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        link: LinkId,
        response: MethodResponse<'_>,
    ) {
        let Some((client, common)) = self.reach_linked(id, link) else {
            return;
        };
        client.last_activity = now.wall;
        let call = Rid::parse(response.rid).and_then(|rid| common.call_of(rid));
        // What is delivered is delivered on this link: the end of a link ends its calls.
        let position = client
            .calls
            .iter()
            .position(|open| Some(open.id) == call && open.is_delivered());
        if let Some(position) = position {
            let open = client.calls.remove(position);
            let result = read_answer(response, common.limits.method_payload_bytes);
            common.end_call(now, id, &open, result);
        } else {
            // Late, repeated or unknown: it changes nothing, and nobody is closed for it.
            let rid = response.rid.to_owned();
            common.event(now, id, EventKind::MethodAnswerIgnored { rid });
        }
    }
}

impl Client {
    /// Hands over the parked calls that the device now listens to, oldest first.
    pub(super) fn deliver_parked_calls(&mut self, now: Now, common: &mut Common) {
        let Some(online) = self.link.online() else {
            return;
        };
        for open in &mut self.calls {
            if !open.is_delivered() && online.subscriptions.hears(&open.name) {
                common
                    .timers
                    .cancel(open.until, Timer::Call(open.id, self.id.clone()));
                common.deliver_call(now, &self.id, online.id, open);
                self.last_activity = now.wall;
            }
        }
    }

    /// The link is gone: nobody can answer what was delivered on it. What is parked waits on.
    pub(super) fn fail_delivered_calls(&mut self, now: Now, common: &mut Common, error: &HubError) {
        for open in self.calls.extract_if(.., |open| open.is_delivered()) {
            common.end_call(now, &self.id, &open, Err(error.clone()));
        }
    }

    /// The device cannot come any more. What was delivered has failed with the link.
    pub(super) fn end_all_calls(&mut self, now: Now, common: &mut Common) {
        for open in std::mem::take(&mut self.calls) {
            let error = overdue(&open, HubError::DeviceUnavailable);
            common.end_call(now, &self.id, &open, Err(error));
        }
    }

    /// The time of a call's present stage is over.
    pub(super) fn give_up_call(&mut self, now: Now, common: &mut Common, call: CallId) {
        if let Some(position) = self.calls.iter().position(|open| open.id == call) {
            let open = self.calls.remove(position);
            let error = overdue(&open, HubError::MethodTimedOut);
            common.end_call(now, &self.id, &open, Err(error));
        }
    }
}

impl Common {
    fn deliver_call(&mut self, now: Now, id: &ClientIdentity, link: LinkId, open: &mut OpenCall) {
        let stage = std::mem::replace(&mut open.stage, Stage::Delivered);
        let Stage::Parked(payload) = stage else {
            unreachable!("a call is delivered once");
        };
        // The response time counts from delivery: the caller's patience is its own affair.
        open.until = now.mono + open.response_time;
        self.set_timer(open.until, Timer::Call(open.id, id.clone()));
        self.event(now, id, EventKind::MethodDelivered { call: open.id });
        let (name, rid) = (open.name.clone(), self.rid(open.id));
        self.send(link, ToDevice::MethodRequest { name, rid, payload });
    }

    /// The one way out for a call that is out of its device's list.
    fn end_call(
        &mut self,
        now: Now,
        id: &ClientIdentity,
        open: &OpenCall,
        result: Result<MethodResult, HubError>,
    ) {
        let call = open.id;
        self.timers
            .cancel(open.until, Timer::Call(call, id.clone()));
        let kind = match &result {
            Ok(MethodResult { status, payload }) => EventKind::MethodAnswered {
                call,
                status: *status,
                payload: payload.clone(),
            },
            Err(error) => failed(call, error),
        };
        self.event(now, id, kind);
        self.output(Output::MethodAnswered { call, result });
    }
}

fn read_answer(
    response: MethodResponse<'_>,
    payload_bytes_max: usize,
) -> Result<MethodResult, HubError> {
    let Ok(status) = response.status.parse() else {
        return Err(HubError::MethodStatus(response.status.to_owned()));
    };
    let bytes = response.payload.len();
    if bytes > payload_bytes_max {
        let what = "the device's answer";
        return Err(HubError::TooLarge {
            what,
            bytes,
            max: payload_bytes_max,
        });
    }
    Ok(MethodResult {
        status,
        payload: response.payload.to_vec(),
    })
}

/// Why a call fails: for want of the device, or, once the device has it, for `delivered`.
fn overdue(open: &OpenCall, delivered: HubError) -> HubError {
    match open.stage {
        Stage::Parked(_) => HubError::DeviceNotOnline,
        Stage::Delivered => delivered,
    }
}

fn failed(call: CallId, error: &HubError) -> EventKind {
    EventKind::MethodFailed {
        call,
        code: error.code().name(),
    }
}
