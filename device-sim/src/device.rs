//! One device, without I/O: joins a [`Session`] with a behaviour and decides when to dial.
//!
//! Law for the driver: after each `handle_*`, write [`Device::take_output`], carry out
//! [`Device::poll_command`] to `None`, hand [`Device::poll_fact`] to whoever watches, and wait for the
//! socket or [`Device::poll_deadline`]. A device never dials while it has a socket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hub_proto::sas::{SasKey, sign};
use hub_proto::time::{Instant, Now};

use crate::behaviour::Program;
use crate::machine::{Action, Input, Machine, Who};
use crate::open::Open;
use crate::random::Random;
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

/// How a device behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What it does, shared by all that do the same.
    pub program: Arc<Program>,
    /// Its place in its cohort, from 1.
    pub number: u64,
    /// MQTT keep-alive; at least 1.
    pub keep_alive_s: u16,
    /// How long a SAS token lives; the device connects anew when 85 % of it are over.
    pub token_life: Duration,
    /// Whatever is random about the device comes from here.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            program: Program::built_in("reboot").expect("reboot is built in"),
            number: 1,
            keep_alive_s: 60,
            token_life: Duration::from_hours(1),
            seed: 0,
        }
    }
}

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open a socket, then call [`Device::handle_opened`] or [`Device::handle_lost`].
    Dial,
    /// Close the socket once the output is written. No call follows.
    Close,
    /// Drop the socket at once, without a goodbye of any kind (TCP reset where that can be had); what
    /// is not written yet is lost. No call follows.
    Drop,
}

/// What happened to a device, for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It wants a socket.
    Dialling,
    /// CONNACK 0.
    Connected {
        /// Whether the hub remembered its subscriptions.
        session_present: bool,
        /// Since the socket was open.
        took: Duration,
    },
    /// SUBACK: methods and twin changes reach it.
    Online {
        /// Since CONNACK.
        took: Duration,
    },
    /// The twin it asked for came.
    TwinGot {
        /// Since it asked.
        took: Duration,
    },
    /// Desired properties changed.
    DesiredChanged {
        /// The new desired version.
        version: u64,
    },
    /// A cloud-to-device message came, and was acknowledged.
    MessageReceived,
    /// A method was called.
    MethodCalled {
        /// Its name.
        name: String,
    },
    /// It answered a method.
    Answered {
        /// Its verdict.
        status: i32,
        /// JSON text.
        payload: String,
        /// Since the call came.
        took: Duration,
    },
    /// It reported.
    Reporting {
        /// JSON text.
        patch: String,
    },
    /// A report was stored.
    Reported {
        /// The new reported version.
        version: Option<u64>,
        /// Since it was first sent.
        took: Duration,
    },
    /// A twin request was refused.
    TwinRefused {
        /// The hub's status.
        status: u16,
    },
    /// Telemetry was sent.
    Sent,
    /// Telemetry was acknowledged.
    Acknowledged {
        /// Since it was first sent.
        took: Duration,
    },
    /// It went offline on purpose, with a goodbye or without.
    WentOffline,
    /// It lost its connection, or could not make one.
    Lost {
        /// Why.
        reason: String,
    },
    /// Something was not done: too much of it was under way, or there was no connection for it.
    Dropped {
        /// What.
        what: &'static str,
    },
    /// Its behaviour did so much at once that it was stopped; it stays as it is.
    Stopped {
        /// What it was doing.
        reason: String,
    },
}

/// One device.
#[derive(Debug)]
pub struct Device {
    identity: Identity,
    settings: Settings,
    behaviour: Machine,
    link: Link,
    /// When the socket opened, and then when CONNACK came.
    since: Instant,
    /// Connections lost in a row.
    failures: u32,
    /// The connection is changed for one with a new token, of which the behaviour hears nothing.
    is_renewing: bool,
    /// The twin was read since the process, as it were, began.
    knows_twin: bool,
    open: Open,
    random: Random,
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
    Open {
        session: Box<Session>,
        renew_at: Instant,
    },
}

impl Device {
    /// A device that dials at once.
    pub fn new(identity: Identity, settings: Settings) -> Self {
        let mut random = Random::seeded(settings.seed);
        Self {
            behaviour: Machine::new(
                Arc::clone(&settings.program),
                &Who {
                    device_id: &identity.device_id,
                    number: settings.number,
                },
                random.next_u64(),
            ),
            identity,
            settings,
            link: Link::Dialling,
            since: Instant::ZERO,
            failures: 0,
            is_renewing: false,
            knows_twin: false,
            open: Open::default(),
            random,
            commands: VecDeque::from([Command::Dial]),
            facts: VecDeque::from([Fact::Dialling]),
            last_words: Vec::new(),
        }
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<Command> {
        let command = self.commands.pop_front();
        if self.commands.is_empty() {
            self.commands = VecDeque::new();
        }
        command
    }

    /// The next thing that happened.
    pub fn poll_fact(&mut self) -> Option<Fact> {
        let fact = self.facts.pop_front();
        if self.facts.is_empty() {
            // Devices are idle for most of their life and many.
            self.facts = VecDeque::new();
        }
        fact
    }

    /// What is to be written to the socket; empty if nothing.
    pub fn take_output(&mut self) -> Vec<u8> {
        match &mut self.link {
            Link::Open { session, .. } => session.take_output(),
            Link::Off | Link::Waiting { .. } | Link::Dialling => {
                std::mem::take(&mut self.last_words)
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
        } = &self.identity;
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
            session: Box::new(Session::open(login, now.mono)),
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
        self.facts.push_back(Fact::Lost {
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
                self.last_words = session.take_output();
                self.commands.push_back(Command::Close);
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
        self.commands.retain(|command| *command != Command::Dial);
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
                self.facts.push_back(Fact::Connected {
                    session_present,
                    took,
                });
            }
            Event::Subscribed => self.come_online(now),
            Event::Method { name, rid, payload } => {
                self.facts
                    .push_back(Fact::MethodCalled { name: name.clone() });
                self.open.call(&rid, now.mono);
                let input = Input::Method {
                    name: &name,
                    rid: &rid,
                    payload: &payload,
                };
                self.behave(now, &input);
            }
            Event::Reported { rid, version } => {
                if let Some(since) = self.open.settle_report(rid) {
                    let took = now.mono.saturating_since(since);
                    self.facts.push_back(Fact::Reported { version, took });
                    self.behave(now, &Input::ReportSettled);
                }
            }
            Event::TwinRefused { rid, status, .. } => {
                self.facts.push_back(Fact::TwinRefused { status });
                if self.open.settle_report(rid).is_some() {
                    self.behave(now, &Input::ReportSettled);
                }
            }
            Event::Twin { document } => {
                let took = self.open.twin_asked.take();
                let took = took.map_or(Duration::ZERO, |asked| now.mono.saturating_since(asked));
                self.facts.push_back(Fact::TwinGot { took });
                self.knows_twin = true;
                let document = &document;
                self.behave(now, &Input::Twin { document });
            }
            Event::Desired { version, patch } => {
                self.facts.push_back(Fact::DesiredChanged { version });
                self.behave(now, &Input::Desired { patch: &patch });
            }
            Event::Message { body } => {
                self.facts.push_back(Fact::MessageReceived);
                self.behave(now, &Input::Message { body: &body });
            }
            Event::Acknowledged { packet_id } => {
                if let Some(since) = self.open.acknowledge(packet_id) {
                    let took = now.mono.saturating_since(since);
                    self.facts.push_back(Fact::Acknowledged { took });
                }
            }
        }
    }

    /// Reads the twin where that is called for, and sends again what the last connection left open.
    fn come_online(&mut self, now: Now) {
        self.failures = 0;
        let took = now.mono.saturating_since(self.since);
        self.facts.push_back(Fact::Online { took });
        let uses = self.settings.program.uses();
        if let Link::Open { session, .. } = &mut self.link {
            // Changes made while it was away are not sent later: who hears them reads them anew.
            if uses.twin && (uses.desired || !self.knows_twin) {
                session.get_twin();
                self.open.twin_asked = Some(now.mono);
            }
            self.open.send_again(session, &self.identity.device_id);
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
            Action::Stop { reason } => self.facts.push_back(Fact::Stopped { reason }),
            Action::Drop { what } => self.facts.push_back(Fact::Dropped { what }),
        }
        true
    }

    fn respond(&mut self, now: Now, rid: &str, status: i32, payload: String) {
        if let Some(session) = self.online() {
            session.respond(rid, status, payload.as_bytes());
            let took = self.open.since_call(rid, now.mono);
            self.facts.push_back(Fact::Answered {
                status,
                payload,
                took,
            });
        } else {
            let what = "an answer: there is no connection";
            self.facts.push_back(Fact::Dropped { what });
        }
    }

    fn report(&mut self, now: Now, patch: String) -> bool {
        if self.open.reports_are_full() {
            let what = "a report: too many are not stored yet";
            self.facts.push_back(Fact::Dropped { what });
            return false;
        }
        // Offline it is kept, and sent with the next connection.
        let rid = self.online().map(|session| session.report(&patch));
        if rid.is_some() {
            let patch = patch.clone();
            self.facts.push_back(Fact::Reporting { patch });
        }
        self.open.report(rid, patch, now.mono);
        true
    }

    fn send(&mut self, now: Now, body: String, properties: Vec<(String, String)>) {
        let device_id = Arc::clone(&self.identity.device_id);
        let is_online = self.online().is_some();
        if !is_online || self.open.messages_are_full() {
            let what = if is_online {
                "a message: too many are not acknowledged yet"
            } else {
                "a message: there is no connection"
            };
            return self.facts.push_back(Fact::Dropped { what });
        }
        let sent = self.open.message(body, properties, now.mono);
        if let Link::Open { session, .. } = &mut self.link {
            sent.put(session, &device_id, false);
        }
        self.facts.push_back(Fact::Sent);
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
            self.last_words = session.take_output();
            self.commands.push_back(Command::Close);
            self.facts.push_back(Fact::WentOffline);
        }
        self.forget();
    }

    fn vanish(&mut self) {
        if matches!(self.link, Link::Open { .. }) {
            self.commands.push_back(Command::Drop);
            self.facts.push_back(Fact::WentOffline);
        }
        self.forget();
    }

    /// As a process that ends: what was under way is gone with it.
    fn forget(&mut self) {
        self.link = Link::Off;
        self.open = Open::default();
        self.knows_twin = false;
        self.is_renewing = false;
    }

    fn dial(&mut self) {
        self.link = Link::Dialling;
        self.commands.push_back(Command::Dial);
        self.facts.push_back(Fact::Dialling);
    }

    fn fail(&mut self, now: Now, error: &SessionError) {
        if matches!(self.link, Link::Open { .. }) {
            self.commands.push_back(Command::Close);
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

const BACK_OFF_LEAST: Duration = Duration::from_millis(100);
const BACK_OFF_MOST: Duration = Duration::from_secs(10);
const JITTER_LEAST: Duration = Duration::from_millis(50);
const JITTER_MOST: Duration = Duration::from_millis(125);

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
