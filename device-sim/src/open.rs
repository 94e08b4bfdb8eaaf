//! What one device has under way with the hub and the hub has not settled yet. Bounded in number; it
//! outlives a lost connection, and is sent again on the next.

use std::collections::VecDeque;

use hub_proto::mqtt::packet::PacketId;
use hub_proto::time::Instant;

use crate::session::Session;

/// Everything under way.
#[derive(Debug, Default)]
pub(crate) struct Open {
    reports: Vec<Report>,
    messages: Vec<Message>,
    /// Calls heard and not answered, by their `$rid`; the oldest makes room.
    calls: VecDeque<(Box<str>, Instant)>,
    /// When the twin was asked for.
    pub(crate) twin_asked: Option<Instant>,
}

#[derive(Debug)]
struct Report {
    /// `None` until it is sent on some connection.
    rid: Option<u64>,
    patch: String,
    since: Instant,
}

/// Telemetry.
#[derive(Debug)]
pub(crate) struct Message {
    packet_id: PacketId,
    body: String,
    properties: Vec<(String, String)>,
    since: Instant,
}

impl Message {
    pub(crate) fn put(&self, session: &mut Session, device_id: &str, again: bool) {
        let body = self.body.as_bytes();
        session.send(device_id, self.packet_id, &self.properties, body, again);
    }
}

impl Open {
    pub(crate) fn is_over(&self) -> bool {
        let Self {
            reports,
            messages,
            calls,
            twin_asked,
        } = self;
        reports.is_empty() && messages.is_empty() && calls.is_empty() && twin_asked.is_none()
    }

    pub(crate) fn reports_are_full(&self) -> bool {
        self.reports.len() >= REPORTS_MAX
    }

    pub(crate) fn messages_are_full(&self) -> bool {
        self.messages.len() >= MESSAGES_MAX
    }

    pub(crate) fn report(&mut self, rid: Option<u64>, patch: String, since: Instant) {
        self.reports.push(Report { rid, patch, since });
    }

    /// When the report was first sent.
    pub(crate) fn settle_report(&mut self, rid: u64) -> Option<Instant> {
        let index = self.reports.iter().position(|open| open.rid == Some(rid))?;
        Some(self.reports.remove(index).since)
    }

    pub(crate) fn message(
        &mut self,
        packet_id: PacketId,
        body: String,
        properties: Vec<(String, String)>,
        since: Instant,
    ) -> &Message {
        self.messages.push(Message {
            packet_id,
            body,
            properties,
            since,
        });
        self.messages.last().expect("it was just pushed")
    }

    /// When the message was first sent.
    pub(crate) fn acknowledge(&mut self, packet_id: PacketId) -> Option<Instant> {
        let mut open = self.messages.iter();
        let index = open.position(|open| open.packet_id == packet_id)?;
        Some(self.messages.remove(index).since)
    }

    /// A call was heard.
    pub(crate) fn call(&mut self, rid: &str, at: Instant) {
        if self.calls.len() == CALLS_MAX {
            self.calls.pop_front();
        }
        self.calls.push_back((rid.into(), at));
    }

    /// When the call was heard, which is answered now; `None` if it was answered before, or forgotten.
    pub(crate) fn answer(&mut self, rid: &str) -> Option<Instant> {
        let heard = self.calls.iter().rposition(|(call, _)| **call == *rid)?;
        let (_, at) = self.calls.remove(heard)?;
        Some(at)
    }

    /// Puts everything on a new connection, in its order.
    pub(crate) fn send_again(&mut self, session: &mut Session, device_id: &str) {
        for report in &mut self.reports {
            report.rid = Some(session.report(&report.patch));
        }
        for message in &self.messages {
            message.put(session, device_id, true);
        }
    }
}

/// No more than a session keeps track of.
const REPORTS_MAX: usize = 15;
const MESSAGES_MAX: usize = 16;
const CALLS_MAX: usize = 16;
