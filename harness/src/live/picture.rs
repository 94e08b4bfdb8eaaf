//! How a run stands, as lines of text. Pure: what is known goes in, lines come out.

use std::fmt::Write as _;
use std::time::Duration;

use crate::judge::Tally;
use crate::output::style::{BAD, FAINT, GOOD, LABEL, NOTE, STRONG, paint};
use crate::runner::RunEvent;

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    scenario: String,
    devices: usize,
    step: String,
    progress: Option<(usize, usize)>,
    at: Duration,
    events: u64,
    tally: Tally,
}

impl Picture {
    /// Takes in an event.
    pub(super) fn update(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Started {
                scenario, devices, ..
            } => {
                *self = Self {
                    scenario: scenario.clone(),
                    devices: *devices,
                    ..Self::default()
                };
            }
            RunEvent::StepStarted { name, at } => {
                self.step.clone_from(name);
                self.progress = None;
                self.at = *at;
            }
            RunEvent::StepProgress { name, done, of } => {
                self.step.clone_from(name);
                self.progress = Some((*done, *of));
            }
            RunEvent::Picture { at, events, tally } => {
                self.at = *at;
                self.events = *events;
                self.tally.clone_from(tally);
            }
            RunEvent::Judging { at, .. } => {
                self.at = *at;
                "waiting for the checks".clone_into(&mut self.step);
                self.progress = None;
            }
            RunEvent::StepEnded(_) | RunEvent::Ended { .. } => {}
        }
    }

    /// The lines, none wider than `width`. `events_a_second` is by the wall's clock.
    pub(super) fn lines(&self, width: usize, events_a_second: u64) -> Vec<String> {
        let progress = match self.progress {
            Some((done, of)) => format!("  {done} of {of}"),
            None => String::new(),
        };
        let room = width.saturating_sub(self.scenario.chars().count() + progress.len() + 4);
        let mut lines = vec![format!(
            "{}  {}{}",
            paint(STRONG, clean(&self.scenario, width)),
            paint(LABEL, clean(&self.step, room)),
            paint(FAINT, progress)
        )];
        for (state, count) in self.tally.states.iter().take(STATES_MAX) {
            lines.push(self.bar(state, *count, width));
        }
        lines.push(self.checks());
        lines.push(paint(
            FAINT,
            format!(
                "{:.1} s   {} events   {events_a_second} a second",
                self.at.as_secs_f64(),
                self.events
            ),
        ));
        lines
    }

    fn bar(&self, state: &str, count: u64, width: usize) -> String {
        let room = width
            .saturating_sub(LABEL_CHARS + COUNT_CHARS + 2)
            .min(BAR_CHARS_MAX);
        let devices = (self.devices as u64).max(1);
        let full = (count.min(devices) * room as u64).div_ceil(devices);
        let full = usize::try_from(full).unwrap_or(room);
        let bar = "█".repeat(full) + &"░".repeat(room - full);
        let style = match state {
            "online" => GOOD,
            "offline" => BAD,
            _ => NOTE,
        };
        let state = clean(state, LABEL_CHARS - 1);
        format!(
            "  {state:<LABEL_CHARS$}{} {count:>COUNT_CHARS$}",
            paint(style, bar)
        )
    }

    fn checks(&self) -> String {
        let checks = &self.tally.checks;
        let lost = checks.iter().filter(|check| check.lost).count();
        let done = checks
            .iter()
            .filter(|check| !check.lost && check.pending == 0 && check.started);
        let open: u64 = checks.iter().map(|check| check.pending).sum();
        let mut line = format!(
            "  {} of {} checks decided",
            done.count() + lost,
            checks.len()
        );
        if open > 0 {
            // Writing to a text cannot fail.
            let _ = write!(line, ", {open} devices open");
        }
        if lost > 0 {
            line += "  ";
            line += &paint(BAD, format!("{lost} failed"));
        }
        line
    }
}

/// At most `width` characters, and none that steers a terminal.
fn clean(text: &str, width: usize) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(width).collect()
}

const LABEL_CHARS: usize = 16;
const COUNT_CHARS: usize = 7;
const BAR_CHARS_MAX: usize = 50;
/// Behaviours may report any text as their status.
const STATES_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::CheckTally;

    #[test]
    fn the_picture_shows_step_states_checks_and_rate() {
        let mut picture = Picture::default();
        for event in [
            RunEvent::Started {
                scenario: "reboot".to_owned(),
                devices: 1000,
                checks: 2,
            },
            RunEvent::StepStarted {
                name: "invoke reboot on pumps".to_owned(),
                at: Duration::ZERO,
            },
            RunEvent::StepProgress {
                name: "invoke reboot on pumps".to_owned(),
                done: 612,
                of: 1000,
            },
            RunEvent::Picture {
                at: Duration::from_millis(1234),
                events: 5000,
                tally: Tally {
                    checks: vec![
                        CheckTally {
                            devices: 1000,
                            passed: 400,
                            pending: 600,
                            started: true,
                            ..CheckTally::default()
                        },
                        CheckTally {
                            devices: 1000,
                            failed: 1,
                            started: true,
                            lost: true,
                            ..CheckTally::default()
                        },
                    ],
                    states: [
                        ("online".to_owned(), 750),
                        ("offline".to_owned(), 250),
                        ("booted".to_owned(), 400),
                    ]
                    .into(),
                },
            },
        ] {
            picture.update(&event);
        }
        let lines = picture.lines(60, 4000).join("\n");
        let plain = anstream::adapter::strip_str(&lines).to_string();
        insta::assert_snapshot!(plain, @"
        reboot  invoke reboot on pumps  612 of 1000
          booted          ██████████████░░░░░░░░░░░░░░░░░░░░░     400
          offline         █████████░░░░░░░░░░░░░░░░░░░░░░░░░░     250
          online          ███████████████████████████░░░░░░░░     750
          1 of 2 checks decided, 600 devices open  1 failed
        1.2 s   5000 events   4000 a second
        ");
    }
}
