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
use crate::random::Random;
use crate::session::{Event, Login, Session, SessionError};

/// Who a device is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The hub's host name, as in the connection string.
    pub host: String,
    /// The device.
    pub device_id: String,
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
    /// Connections lost in a row.
    failures: u32,
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
            failures: 0,
            random,
            commands: VecDeque::from([Command::Dial]),
            facts: VecDeque::new(),
            last_words: Vec::new(),
        }
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_fact(&mut self) -> Option<Fact> {
        self.facts.pop_front()
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
        };
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
                session.disconnect();
                self.last_words = session.take_output();
                self.commands.extend([Command::Close, Command::Dial]);
                self.link = Link::Dialling;
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
        self.commands.retain(|command| *command == Command::Close);
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
                self.facts.push_back(Fact::Connected {
                    session_present,
                    took: Duration::ZERO,
                });
            }
            Event::Subscribed => {
                self.failures = 0;
                self.facts.push_back(Fact::Online {
                    took: Duration::ZERO,
                });
                self.behave(now, &Input::Online);
            }
            Event::Method { name, rid, .. } => {
                self.facts
                    .push_back(Fact::MethodCalled { name: name.clone() });
                self.behave(
                    now,
                    &Input::Method {
                        name: &name,
                        rid: &rid,
                    },
                );
            }
            Event::Reported { version } => {
                self.facts.push_back(Fact::Reported {
                    version,
                    took: Duration::ZERO,
                });
                self.behave(now, &Input::Reported);
            }
            Event::TwinRefused { .. } => self.behave(now, &Input::ReportRefused),
            // The reboot device has no use for these yet.
            Event::Twin { .. } | Event::Desired { .. } => {}
        }
    }

    fn behave(&mut self, now: Now, input: &Input<'_>) {
        self.behaviour.handle(now, input);
        while let Some(action) = self.behaviour.poll_action() {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Respond {
                rid,
                status,
                payload,
            } => {
                if let Link::Open { session, .. } = &mut self.link {
                    session.respond(&rid, status, payload.as_bytes());
                    self.facts.push_back(Fact::Answered {
                        status,
                        payload,
                        took: Duration::ZERO,
                    });
                }
            }
            Action::Report { patch } => {
                if let Link::Open { session, .. } = &mut self.link {
                    session.report(&patch);
                    self.facts.push_back(Fact::Reporting { patch });
                }
            }
            Action::GoOffline => self.go_offline(),
            Action::GoOnline => self.dial(),
        }
    }

    fn go_offline(&mut self) {
        if let Link::Open { session, .. } = &mut self.link {
            session.disconnect();
            self.last_words = session.take_output();
            self.commands.push_back(Command::Close);
            self.facts.push_back(Fact::WentOffline);
        }
        self.link = Link::Off;
    }

    fn dial(&mut self) {
        self.link = Link::Dialling;
        self.commands.push_back(Command::Dial);
    }

    fn fail(&mut self, now: Now, error: &SessionError) {
        if matches!(self.link, Link::Open { .. }) {
            self.commands.push_back(Command::Close);
            self.handle_lost(now, &error.to_string());
        }
    }

    /// Doubles from half a second to half a minute; the seed spreads it over half to whole, lest a
    /// fleet returns as one.
    fn back_off(&mut self) -> Duration {
        let most = (BACK_OFF_LEAST * 2_u32.pow(self.failures.min(6) + 1)).min(BACK_OFF_MOST);
        self.failures = self.failures.saturating_add(1);
        self.random.duration_between(most / 2, most)
    }
}

const BACK_OFF_LEAST: Duration = Duration::from_millis(500);
const BACK_OFF_MOST: Duration = Duration::from_secs(30);

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
