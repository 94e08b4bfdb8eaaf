//! One line a step, for logs and pipes.

use std::io::Write;

use crate::judge::verdict::Outcome;
use crate::runner::{Observer, RunEvent};

/// Writes to stderr.
#[derive(Debug, Default)]
pub struct Lines {
    _private: (),
}

impl Observer for Lines {
    fn event(&mut self, event: &RunEvent) {
        if let Some(line) = line(event) {
            // A reader that has gone is no reason to stop.
            let _ = writeln!(anstream::stderr(), "{line}");
        }
    }
}

fn line(event: &RunEvent) -> Option<String> {
    Some(match event {
        RunEvent::Started {
            scenario,
            devices,
            checks,
        } => format!("{scenario}: {devices} devices, {checks} checks"),
        RunEvent::StepEnded(step) => {
            let outcome = match step.outcome {
                Outcome::Passed => "passed",
                Outcome::Failed => "failed",
                Outcome::Error => "could not run",
                Outcome::Skipped => "skipped",
            };
            // What a command wrote is for the report.
            let problem = step.problem.as_ref().and_then(|words| words.lines().next());
            let problem = problem.map(|problem| format!(": {problem}"));
            format!(
                "  {:>9.3} s  {}  {outcome} after {:.3} s{}",
                seconds(step.started_ms),
                step.name,
                seconds(step.took_ms),
                problem.unwrap_or_default()
            )
        }
        RunEvent::Judging {
            at,
            until: Some(until),
        } => format!(
            "  {:>9.3} s  waiting for the checks, until {:.3} s at most",
            at.as_secs_f64(),
            until.as_secs_f64()
        ),
        RunEvent::StepStarted { .. }
        | RunEvent::StepProgress { .. }
        | RunEvent::Picture { .. }
        | RunEvent::Judging { until: None, .. }
        | RunEvent::Ended { .. } => return None,
    })
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::judge::verdict::StepResult;

    #[test]
    fn a_step_is_a_line_with_its_time_and_its_problem() {
        let step = StepResult {
            name: "invoke reboot on pumps".to_owned(),
            at: None,
            outcome: Outcome::Failed,
            started_ms: 12,
            took_ms: 1500,
            problem: Some("1 of 3 calls did not end as expected\nstdout: much".to_owned()),
        };
        assert_eq!(
            line(&RunEvent::StepEnded(step)).unwrap(),
            "      0.012 s  invoke reboot on pumps  failed after 1.500 s: 1 of 3 calls did not end as expected"
        );
        let judging = RunEvent::Judging {
            at: Duration::from_secs(2),
            until: Some(Duration::from_secs(30)),
        };
        assert_eq!(
            line(&judging).unwrap(),
            "      2.000 s  waiting for the checks, until 30.000 s at most"
        );
    }
}
