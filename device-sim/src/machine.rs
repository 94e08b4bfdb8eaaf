//! What a device does with what it hears: the reboot of Microsoft's device management tutorial.
//!
//! Pure and seeded. Feed an [`Input`], then drain [`Machine::poll_action`]; call [`Machine::handle`] with
//! [`Input::Deadline`] when [`Machine::poll_deadline`] has come. It knows nothing of MQTT.
//!
//! The reboot: answer the call with 200, report `rebooting`, go offline once that is stored, come back
//! after a while, report `booted` with the times. Both reports sit where the tutorial's device puts
//! them, under `iothubDM.reboot`, so that the tutorial's own service program understands this device.

use std::collections::VecDeque;
use std::sync::Arc;

use hub_proto::time::{Instant, Now, Timestamp};
use serde_json::json;

use crate::behaviour::Program;
use crate::random::Random;

/// Whose run it is, for `${id}` and `${n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who<'a> {
    /// The device.
    pub device_id: &'a str,
    /// Its place in its cohort, from 1.
    pub number: u64,
}

/// What happens to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The hub can be talked to.
    Online,
    /// The hub cannot be talked to any more.
    Offline,
    /// The service calls a method.
    Method {
        /// Its name.
        name: &'a str,
        /// To be given back with the answer.
        rid: &'a str,
    },
    /// The last report was stored.
    Reported,
    /// The last report was refused.
    ReportRefused,
    /// The time of [`Machine::poll_deadline`] has come.
    Deadline,
}

/// What a device does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answer a method call.
    Respond {
        /// The call's.
        rid: String,
        /// The device's verdict.
        status: i32,
        /// JSON text.
        payload: String,
    },
    /// Patch the reported properties.
    Report {
        /// JSON text.
        patch: String,
    },
    /// Go offline and stay there.
    GoOffline,
    /// Come back.
    GoOnline,
}

/// A device that reboots on command.
#[derive(Clone, Debug)]
pub struct Machine {
    state: State,
    program: Arc<Program>,
    random: Random,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// `rebooting` is reported, its acknowledgement is awaited.
    Announcing {
        started: Timestamp,
    },
    /// Offline until then.
    Down {
        started: Timestamp,
        until: Instant,
    },
    /// Connecting again.
    Booting {
        started: Timestamp,
    },
}

impl Machine {
    /// A device that runs `program`; `seed` decides what is random.
    pub fn new(program: Arc<Program>, _who: &Who<'_>, seed: u64) -> Self {
        Self {
            state: State::Running,
            program,
            random: Random::seeded(seed),
            actions: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Input::Deadline`] is due.
    pub fn poll_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Down { until, .. } => Some(until),
            State::Running | State::Announcing { .. } | State::Booting { .. } => None,
        }
    }

    /// Feeds one event.
    pub fn handle(&mut self, now: Now, input: &Input<'_>) {
        match *input {
            Input::Method { name, rid } => self.handle_method(now, name, rid),
            Input::Online => {
                if let State::Booting { started } = self.state {
                    self.report_booted(now, started);
                }
            }
            // A refused report is no reason not to reboot; nor is a connection lost meanwhile.
            Input::Reported | Input::ReportRefused | Input::Offline => {
                if let State::Announcing { started } = self.state {
                    self.go_down(now, started);
                }
            }
            Input::Deadline => {
                if let State::Down { started, until } = self.state
                    && now.mono >= until
                {
                    self.state = State::Booting { started };
                    self.actions.push_back(Action::GoOnline);
                }
            }
        }
    }

    fn handle_method(&mut self, now: Now, name: &str, rid: &str) {
        let (status, payload) = match (name, self.state) {
            ("reboot", State::Running) => (200, json!("Machine started")),
            ("reboot", _) => (409, json!({"error": "a reboot is under way"})),
            _ => (
                404,
                json!({"error": format!("this device has no method {name:?}")}),
            ),
        };
        self.actions.push_back(Action::Respond {
            rid: rid.to_owned(),
            status,
            payload: payload.to_string(),
        });
        if status == 200 {
            self.state = State::Announcing { started: now.wall };
            self.report(&json!({
                "status": "rebooting",
                "startedRebootTime": iso_milliseconds(now.wall),
            }));
        }
    }

    fn go_down(&mut self, now: Now, started: Timestamp) {
        let offline = self
            .random
            .duration_between(self.program.down.0, self.program.down.1);
        self.state = State::Down {
            started,
            until: now.mono + offline,
        };
        self.actions.push_back(Action::GoOffline);
    }

    fn report_booted(&mut self, now: Now, started: Timestamp) {
        self.state = State::Running;
        let took = now.wall.saturating_since(started).as_millis();
        self.report(&json!({
            "status": "booted",
            "lastReboot": iso_milliseconds(now.wall),
            "tookMs": u64::try_from(took).unwrap_or(u64::MAX),
        }));
    }

    fn report(&mut self, reboot: &serde_json::Value) {
        let patch = json!({"iothubDM": {"reboot": reboot}}).to_string();
        self.actions.push_back(Action::Report { patch });
    }
}

/// As JavaScript's `Date.toISOString` prints it, which is what the tutorial's device reports.
fn iso_milliseconds(at: Timestamp) -> String {
    let ticks = at.to_string();
    match ticks.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{}Z", &fraction[..3]),
        None => ticks,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn reboot(seed: u64) -> Machine {
        let who = Who {
            device_id: "pump-1",
            number: 1,
        };
        Machine::new(Program::built_in("reboot").unwrap(), &who, seed)
    }

    fn at(ms: u64) -> Now {
        let since = Duration::from_millis(ms);
        Now {
            mono: Instant::from_start(since),
            wall: Timestamp::from_unix(Duration::from_secs(1_795_000_000) + since),
        }
    }

    fn drain(device: &mut Machine) -> Vec<Action> {
        std::iter::from_fn(|| device.poll_action()).collect()
    }

    fn reported(status_and_times: &str) -> Action {
        Action::Report {
            patch: format!(r#"{{"iothubDM":{{"reboot":{status_and_times}}}}}"#),
        }
    }

    #[test]
    fn a_reboot_answers_announces_goes_away_and_comes_back_with_its_times() {
        let mut device = reboot(1);
        device.handle(at(0), &Input::Online);
        assert_eq!(drain(&mut device), []);

        device.handle(
            at(10),
            &Input::Method {
                name: "reboot",
                rid: "1",
            },
        );
        assert_eq!(
            drain(&mut device),
            [
                Action::Respond {
                    rid: "1".into(),
                    status: 200,
                    payload: "\"Machine started\"".into()
                },
                reported(
                    r#"{"startedRebootTime":"2026-11-18T11:06:40.010Z","status":"rebooting"}"#
                ),
            ]
        );
        assert_eq!(
            device.poll_deadline(),
            None,
            "it goes only once the hub knows"
        );

        device.handle(at(20), &Input::Reported);
        assert_eq!(drain(&mut device), [Action::GoOffline]);
        let until = device.poll_deadline().unwrap();
        let offline = until.saturating_since(at(20).mono);
        assert!((800..=1600).contains(&offline.as_millis()), "{offline:?}");

        device.handle(at(20), &Input::Offline);
        device.handle(at(21), &Input::Deadline);
        assert_eq!(drain(&mut device), [], "not before its time");
        device.handle(at(1700), &Input::Deadline);
        assert_eq!(drain(&mut device), [Action::GoOnline]);
        device.handle(at(1800), &Input::Online);
        assert_eq!(
            drain(&mut device),
            [reported(
                r#"{"lastReboot":"2026-11-18T11:06:41.800Z","status":"booted","tookMs":1790}"#
            )]
        );
    }

    #[test]
    fn other_methods_and_a_second_reboot_are_refused_by_the_device_itself() {
        let mut device = reboot(1);
        device.handle(
            at(0),
            &Input::Method {
                name: "reboto",
                rid: "1",
            },
        );
        device.handle(
            at(0),
            &Input::Method {
                name: "reboot",
                rid: "2",
            },
        );
        device.handle(
            at(0),
            &Input::Method {
                name: "reboot",
                rid: "3",
            },
        );
        let statuses: Vec<_> = drain(&mut device)
            .into_iter()
            .filter_map(|action| match action {
                Action::Respond { status, .. } => Some(status),
                _ => None,
            })
            .collect();
        assert_eq!(statuses, [404, 200, 409]);
    }

    #[test]
    fn a_connection_lost_before_the_report_is_stored_still_ends_booted() {
        let mut device = reboot(1);
        device.handle(
            at(0),
            &Input::Method {
                name: "reboot",
                rid: "1",
            },
        );
        drain(&mut device);
        device.handle(at(5), &Input::Offline);
        assert_eq!(drain(&mut device), [Action::GoOffline]);
        device.handle(at(2000), &Input::Deadline);
        device.handle(at(2001), &Input::Online);
        assert!(matches!(
            drain(&mut device)[..],
            [Action::GoOnline, Action::Report { .. }]
        ));
    }

    #[test]
    fn the_same_seed_takes_the_same_time() {
        let downtime = |seed| {
            let mut device = reboot(seed);
            device.handle(
                at(0),
                &Input::Method {
                    name: "reboot",
                    rid: "1",
                },
            );
            device.handle(at(0), &Input::Reported);
            device.poll_deadline().unwrap()
        };
        assert_eq!(downtime(42), downtime(42));
        assert_ne!(downtime(42), downtime(43));
    }
}
