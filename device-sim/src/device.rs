//! One device, without I/O: joins a [`Session`] with a behaviour and decides when to dial.
//!
//! Law for the driver: after each `handle_*`, write [`Device::take_output`], carry out
//! [`Device::poll_command`] to `None`, hand [`Device::poll_fact`] to whoever watches, and wait for the
//! socket or [`Device::poll_deadline`]. A device never dials while it has a socket.

mod fact;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hub_proto::mqtt::packet::PacketId;
use hub_proto::sas::{SasKey, sign};
use hub_proto::time::{Instant, Now};

pub use self::fact::{Command, Fact};
use crate::behaviour::Program;
use crate::machine::{Action, Input, Machine, Who};
use crate::open::Open;
use crate::random::Random;
use crate::rare::Rare;
use crate::session::{Event, Login, Session, SessionError};

/// Who a device is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The hub's host name, as in the connection string.
    pub host: Arc<str>,
    /// The device.
    pub device_id: Arc<str>,
    /// One of its keys.
    pub key: SasKey,
}

/// How devices behave that are alike.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What they do.
    pub program: Arc<Program>,
    /// MQTT keep-alive; at least 1.
    pub keep_alive_s: u16,
    /// How long a SAS token lives; a device connects anew when 85 % of it are over.
    pub token_life: Duration,
}

/// What sets a device apart from those that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its place in its cohort, from 1.
    pub number: u64,
    /// Whatever is random about it comes from here.
    pub seed: u64,
}

impl Default for Place {
    fn default() -> Self {
        Self { number: 1, seed: 0 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            program: Program::built_in("reboot").expect("reboot is built in"),
            keep_alive_s: 60,
            token_life: Duration::from_hours(1),
        }
    }
}

/// One device.
#[derive(Debug)]
pub struct Device {
    identity: Arc<Identity>,
    settings: Arc<Settings>,
    behaviour: Machine,
    link: Link,
    /// When the socket opened, and then when CONNACK came.
    since: Instant,
    /// Connections lost in a row.
    failures: u32,
    /// Of the last message.
    packet_id: u16,
    /// The connection is changed for one with a new token, of which the behaviour hears nothing.
    is_renewing: bool,
    /// The twin was read since the process, as it were, began.
    knows_twin: bool,
    random: Random,
    open: Rare<Open>,
    outbox: Rare<Outbox>,
}

/// What the driver has yet to take.
#[derive(Debug, Default)]
struct Outbox {
    commands: VecDeque<Command>,
    facts: VecDeque<Fact>,
    /// Written before the socket closes.
    last_words: Vec<u8>,
}

#[derive(Debug)]
enum Link {
    /// Offline because the behaviour wants it.
    Off,
    /// Offline until then.
    Waiting { until: Instant },
    /// The driver opens a socket.
    Dialling,
    /// A socket is open.
    Open { session: Session, renew_at: Instant },
}

impl Device {
    /// A device that dials at once.
    pub fn new(identity: Arc<Identity>, settings: Arc<Settings>, place: Place) -> Self {
        let mut random = Random::seeded(place.seed);
        let who = Who {
            device_id: Arc::clone(&identity.device_id),
            number: place.number,
        };
        let mut device = Self {
            behaviour: Machine::new(Arc::clone(&settings.program), who, random.next_u64()),
            identity,
            settings,
            link: Link::Off,
            since: Instant::ZERO,
            failures: 0,
            packet_id: 0,
            is_renewing: false,
            knows_twin: false,
            random,
            open: Rare::default(),
            outbox: Rare::default(),
        };
        device.dial();
        device
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<Command> {
        let command = self.outbox.get_mut()?.commands.pop_front();
        self.outbox.give_back_if(Outbox::is_empty);
        command
    }

    /// The next thing that happened.
    pub fn poll_fact(&mut self) -> Option<Fact> {
        let fact = self.outbox.get_mut()?.facts.pop_front();
        self.outbox.give_back_if(Outbox::is_empty);
        fact
    }

    /// What is to be written to the socket; empty if nothing.
    pub fn take_output(&mut self) -> Vec<u8> {
        match &mut self.link {
            Link::Open { session, .. } => session.take_output(),
            Link::Off | Link::Waiting { .. } | Link::Dialling => {
                let outbox = self.outbox.get_mut();
                let words = outbox.map(|outbox| std::mem::take(&mut outbox.last_words));
                self.outbox.give_back_if(Outbox::is_empty);
                words.unwrap_or_default()
            }
        }
    }

    /// When [`Device::handle_deadline`] is to be called.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let link = match &self.link {
            Link::Off | Link::Dialling => None,
            Link::Waiting { until } => Some(*until),
            Link::Open { session, renew_at } => Some(session.poll_deadline().min(*renew_at)),
        };
        link.into_iter().chain(self.behaviour.poll_deadline()).min()
    }

    /// The behaviour's state, for whoever watches.
    pub fn state(&self) -> &str {
        self.behaviour.state()
    }

    /// The socket that [`Command::Dial`] asked for is open.
    pub fn handle_opened(&mut self, now: Now) {
        let Identity {
            host,
            device_id,
            key,
        } = &*self.identity;
        let life = self.settings.token_life;
        let token = sign(
            &format!("{host}/devices/{device_id}"),
            key,
            now.wall.saturating_add(life).unix_seconds(),
            None,
        );
        let login = Login {
            host,
            device_id,
            token: &token,
            keep_alive_s: self.settings.keep_alive_s.max(1),
            uses: self.settings.program.uses(),
        };
        self.since = now.mono;
        self.link = Link::Open {
            session: Session::open(login, now.mono),
            renew_at: now.mono + life / 100 * 85,
        };
    }

    /// Bytes came from the socket.
    pub fn handle_bytes(&mut self, now: Now, bytes: &[u8]) {
        let Link::Open { session, .. } = &mut self.link else {
            return;
        };
        match session.receive(now.mono, bytes) {
            Ok(()) => self.digest(now),
            Err(error) => {
                // What was read before the fault still counts.
                self.digest(now);
                self.fail(now, &error);
            }
        }
    }

    /// The socket is gone, or could not be opened.
    pub fn handle_lost(&mut self, now: Now, reason: &str) {
        self.tell(Fact::Lost {
            reason: reason.to_owned(),
        });
        self.is_renewing = false;
        self.link = Link::Waiting {
            until: now.mono + self.back_off(),
        };
        self.behave(now, &Input::Offline);
    }

    /// The time of [`Device::poll_deadline`] has come.
    pub fn handle_deadline(&mut self, now: Now) {
        match &mut self.link {
            Link::Waiting { until } if *until <= now.mono => self.dial(),
            Link::Open { session, renew_at } if *renew_at <= now.mono => {
                self.is_renewing = session.is_online();
                session.disconnect();
                let outbox = self.outbox.room();
                outbox.last_words = session.take_output();
                outbox.commands.push_back(Command::Close);
                self.dial();
            }
            Link::Open { session, .. } => {
                if let Err(error) = session.handle_deadline(now.mono) {
                    self.fail(now, &error);
                }
            }
            Link::Off | Link::Waiting { .. } | Link::Dialling => {}
        }
        self.behave(now, &Input::Deadline);
    }

    /// Says goodbye for good.
    pub fn stop(&mut self) {
        self.go_offline();
        if let Some(outbox) = self.outbox.get_mut() {
            outbox.commands.retain(|command| *command != Command::Dial);
        }
    }

    fn tell(&mut self, fact: Fact) {
        self.outbox.room().facts.push_back(fact);
    }

    fn digest(&mut self, now: Now) {
        while let Link::Open { session, .. } = &mut self.link
            && let Some(event) = session.poll_event()
        {
            self.handle_event(now, event);
        }
    }

    fn handle_event(&mut self, now: Now, event: Event) {
        match event {
            Event::Connected { session_present } => {
                let took = now.mono.saturating_since(self.since);
                self.since = now.mono;
                self.tell(Fact::Connected {
                    session_present,
                    took,
                });
            }
            Event::Subscribed => self.come_online(now),
            Event::Method { name, rid, payload } => {
                self.tell(Fact::MethodCalled { name: name.clone() });
                self.open.room().call(&rid, now.mono);
                let input = Input::Method {
                    name: &name,
                    rid: &rid,
                    payload: &payload,
                };
                self.behave(now, &input);
            }
            Event::Reported { rid, version } => {
                if let Some(since) = self.settle(|open| open.settle_report(rid)) {
                    let took = now.mono.saturating_since(since);
                    self.tell(Fact::Reported { version, took });
                    self.behave(now, &Input::ReportSettled);
                }
            }
            Event::TwinRefused { rid, status, .. } => {
                self.tell(Fact::TwinRefused { status });
                if self.settle(|open| open.settle_report(rid)).is_some() {
                    self.behave(now, &Input::ReportSettled);
                }
            }
            Event::Twin { document } => {
                let took = self.settle(|open| open.twin_asked.take());
                let took = took.map_or(Duration::ZERO, |asked| now.mono.saturating_since(asked));
                self.tell(Fact::TwinGot { took });
                self.knows_twin = true;
                let document = &document;
                self.behave(now, &Input::Twin { document });
            }
            Event::Desired { version, patch } => {
                self.tell(Fact::DesiredChanged { version });
                self.behave(now, &Input::Desired { patch: &patch });
            }
            Event::Message { body } => {
                self.tell(Fact::MessageReceived);
                self.behave(now, &Input::Message { body: &body });
            }
            Event::Acknowledged { packet_id } => {
                if let Some(since) = self.settle(|open| open.acknowledge(packet_id)) {
                    let took = now.mono.saturating_since(since);
                    self.tell(Fact::Acknowledged { took });
                }
            }
        }
    }

    /// Takes something off what is under way.
    fn settle<T>(&mut self, take: impl FnOnce(&mut Open) -> Option<T>) -> Option<T> {
        let taken = take(self.open.get_mut()?);
        self.open.give_back_if(Open::is_over);
        taken
    }

    /// Reads the twin where that is called for, and sends again what the last connection left open.
    fn come_online(&mut self, now: Now) {
        self.failures = 0;
        let took = now.mono.saturating_since(self.since);
        self.tell(Fact::Online { took });
        let uses = self.settings.program.uses();
        if let Link::Open { session, .. } = &mut self.link {
            // Changes made while it was away are not sent later: who hears them reads them anew.
            if uses.twin && (uses.desired || !self.knows_twin) {
                session.get_twin();
                self.open.room().twin_asked = Some(now.mono);
            }
            if let Some(open) = self.open.get_mut() {
                open.send_again(session, &self.identity.device_id);
            }
        }
        if !std::mem::take(&mut self.is_renewing) {
            self.behave(now, &Input::Online);
        }
    }

    fn behave(&mut self, now: Now, input: &Input<'_>) {
        self.behaviour.handle(now, input);
        loop {
            let mut refused = 0;
            while let Some(action) = self.behaviour.poll_action() {
                refused += u32::from(!self.act(now, action));
            }
            if refused == 0 {
                return;
            }
            for _ in 0..refused {
                self.behaviour.handle(now, &Input::ReportSettled);
            }
        }
    }

    /// False if it was a report and one too many.
    fn act(&mut self, now: Now, action: Action) -> bool {
        match action {
            Action::Respond {
                rid,
                status,
                payload,
            } => self.respond(now, &rid, status, payload),
            Action::Report { patch } => return self.report(now, patch),
            Action::Send { body, properties } => self.send(now, body, properties),
            Action::GoOffline => self.go_offline(),
            Action::Vanish => self.vanish(),
            Action::GoOnline if matches!(self.link, Link::Off) => self.dial(),
            Action::GoOnline => {}
            Action::Stop { reason } => self.tell(Fact::Stopped { reason }),
            Action::Drop { what } => self.tell(Fact::Dropped { what }),
        }
        true
    }

    fn respond(&mut self, now: Now, rid: &str, status: i32, payload: String) {
        if let Some(session) = self.online() {
            session.respond(rid, status, payload.as_bytes());
            let called = self.settle(|open| open.answer(rid));
            self.tell(Fact::Answered {
                status,
                payload,
                took: called.map(|called| now.mono.saturating_since(called)),
            });
        } else {
            let what = "an answer: there is no connection";
            self.tell(Fact::Dropped { what });
        }
    }

    fn report(&mut self, now: Now, patch: String) -> bool {
        if self.open.get().is_some_and(Open::reports_are_full) {
            let what = "a report: too many are not stored yet";
            self.tell(Fact::Dropped { what });
            return false;
        }
        // Offline it is kept, and sent with the next connection.
        let rid = self.online().map(|session| session.report(&patch));
        if rid.is_some() {
            let patch = patch.clone();
            self.tell(Fact::Reporting { patch });
        }
        self.open.room().report(rid, patch, now.mono);
        true
    }

    fn send(&mut self, now: Now, body: String, properties: Vec<(String, String)>) {
        let is_online = self.online().is_some();
        if !is_online || self.open.get().is_some_and(Open::messages_are_full) {
            let what = if is_online {
                "a message: too many are not acknowledged yet"
            } else {
                "a message: there is no connection"
            };
            return self.tell(Fact::Dropped { what });
        }
        // 1 is the SUBSCRIBE's; few are open, so that the next number is free. [MQTT-2.3.1-4]
        self.packet_id = self.packet_id.checked_add(1).unwrap_or(2).max(2);
        let packet_id = PacketId::new(self.packet_id).expect("it is 2 at least");
        let open = self.open.room();
        let sent = open.message(packet_id, body, properties, now.mono);
        if let Link::Open { session, .. } = &mut self.link {
            sent.put(session, &self.identity.device_id, false);
        }
        self.tell(Fact::Sent);
    }

    fn online(&mut self) -> Option<&mut Session> {
        match &mut self.link {
            Link::Open { session, .. } if session.is_online() => Some(session),
            Link::Open { .. } | Link::Off | Link::Waiting { .. } | Link::Dialling => None,
        }
    }

    fn go_offline(&mut self) {
        if let Link::Open { session, .. } = &mut self.link {
            session.disconnect();
            let outbox = self.outbox.room();
            outbox.last_words = session.take_output();
            outbox.commands.push_back(Command::Close);
            outbox.facts.push_back(Fact::WentOffline);
        }
        self.forget();
    }

    fn vanish(&mut self) {
        if matches!(self.link, Link::Open { .. }) {
            self.outbox.room().commands.push_back(Command::Drop);
            self.tell(Fact::WentOffline);
        }
        self.forget();
    }

    /// As a process that ends: what was under way is gone with it.
    fn forget(&mut self) {
        self.link = Link::Off;
        self.open.clear();
        self.knows_twin = false;
        self.is_renewing = false;
    }

    fn dial(&mut self) {
        self.link = Link::Dialling;
        self.outbox.room().commands.push_back(Command::Dial);
        self.tell(Fact::Dialling);
    }

    fn fail(&mut self, now: Now, error: &SessionError) {
        if matches!(self.link, Link::Open { .. }) {
            self.outbox.room().commands.push_back(Command::Close);
            self.handle_lost(now, &error.to_string());
        }
    }

    /// The SDKs' exponential back-off with jitter: 100 ms + (2ˣ - 1) × a random 50 to 125 ms, 10 s at
    /// most, x counting the failures in a row. (Azure/azure-iot-sdk-node `retry_policy.ts`; their
    /// first try, which is immediate, is left out, lest two devices of one name chase each other
    /// without any time passing.)
    fn back_off(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let times = 2_u32.pow(self.failures.min(10)) - 1;
        let jitter = self.random.duration_between(JITTER_LEAST, JITTER_MOST);
        (BACK_OFF_LEAST + jitter * times).min(BACK_OFF_MOST)
    }
}

impl Outbox {
    fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.facts.is_empty() && self.last_words.is_empty()
    }
}

const BACK_OFF_LEAST: Duration = Duration::from_millis(100);
const BACK_OFF_MOST: Duration = Duration::from_secs(10);
const JITTER_LEAST: Duration = Duration::from_millis(50);
const JITTER_MOST: Duration = Duration::from_millis(125);

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
