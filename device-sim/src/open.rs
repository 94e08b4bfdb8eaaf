//! What one device has under way with the hub and the hub has not settled yet. Bounded in number; it
//! outlives a lost connection, and is sent again on the next.

use std::collections::VecDeque;
use std::time::Duration;

use hub_proto::mqtt::packet::PacketId;
use hub_proto::time::Instant;

use crate::session::Session;

/// Everything under way.
#[derive(Debug, Default)]
pub(crate) struct Open {
    reports: Vec<Report>,
    messages: Vec<Message>,
    /// Calls heard, by their `$rid`; the oldest makes room.
    calls: VecDeque<(Box<str>, Instant)>,
    /// When the twin was asked for.
    pub(crate) twin_asked: Option<Instant>,
    /// Of the last message.
    packet_id: u16,
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
        let since = self.reports.remove(index).since;
        if self.reports.is_empty() {
            self.reports = Vec::new();
        }
        Some(since)
    }

    pub(crate) fn message(
        &mut self,
        body: String,
        properties: Vec<(String, String)>,
        since: Instant,
    ) -> &Message {
        // 1 is the SUBSCRIBE's; few are open, so that the next number is free. [MQTT-2.3.1-4]
        self.packet_id = self.packet_id.checked_add(1).unwrap_or(2).max(2);
        let packet_id = PacketId::new(self.packet_id).expect("it is 2 at least");
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
        let since = self.messages.remove(index).since;
        if self.messages.is_empty() {
            self.messages = Vec::new();
        }
        Some(since)
    }

    /// A call was heard.
    pub(crate) fn call(&mut self, rid: &str, at: Instant) {
        if self.calls.len() == CALLS_MAX {
            self.calls.pop_front();
        }
        self.calls.push_back((rid.into(), at));
    }

    /// How long ago the call was heard; zero if that is forgotten.
    pub(crate) fn since_call(&self, rid: &str, now: Instant) -> Duration {
        let heard = self.calls.iter().rev().find(|(call, _)| **call == *rid);
        heard.map_or(Duration::ZERO, |(_, at)| now.saturating_since(*at))
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
