//! Commands of the user's: waited for, or left in the background until the run ends.

use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;

use super::super::access::Environment;
use super::super::message::Ending;
use super::super::process::Process;
use super::{Problems, Stage};
use crate::judge::{holds_for_body, value_in_words};
use crate::scenario::ast::{Predicate, Shell};

/// The commands in the background of a run.
#[derive(Debug, Default)]
pub(in super::super) struct Background(Mutex<Vec<Running>>);

/// One of them.
#[derive(Debug)]
struct Running {
    /// Its step's place among the results.
    step: usize,
    /// What it must exit with, should it end by itself.
    exit: i32,
    process: Process,
    environment: Environment,
}

impl Background {
    fn add(&self, running: Running) -> Result<(), String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= RUNNING_MAX {
            return Err(format!(
                "more than {RUNNING_MAX} commands in the background"
            ));
        }
        all.push(running);
        Ok(())
    }

    /// Ends them all; those that had ended before and not as they must, by the place of their step.
    pub(in super::super) async fn end(&self) -> Vec<(usize, String)> {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let ends = all.into_iter().map(|mut running| async move {
            let code = running.process.exit_code();
            running.process.end().await;
            let code = code.filter(|code| *code != running.exit)?;
            let problem = format!(
                "it ended during the run, {}",
                wrong_exit(code, running.exit)
            );
            Some((
                running.step,
                running.environment.told(problem, &running.process),
            ))
        });
        join_all(ends).await.into_iter().flatten().collect()
    }
}

impl Environment {
    /// A problem with the last words of the command that has it.
    fn told(&self, problem: String, process: &Process) -> String {
        self.redacted(&(problem + &process.last_words()))
    }
}

impl Stage<'_> {
    pub(super) async fn shell(&self, place: usize, shell: &Shell) -> Ending {
        let Some(environment) = &self.environment else {
            return Ending::Error("a hub in memory cannot be reached by a command".to_owned());
        };
        let environment = environment.with(&shell.env);
        let Some(target) = &shell.devices else {
            return match self.command(place, shell, environment).await {
                Ok(()) => Ending::Passed,
                Err(ending) => ending,
            };
        };
        let devices = self.choose(target).devices;
        let commands = devices.iter().map(|device| {
            let environment = environment.for_device(device, &self.keys.of(device));
            self.command(place, shell, environment)
        });
        let mut problems = Problems::default();
        for (device, result) in devices.iter().zip(join_all(commands).await) {
            match result {
                Err(Ending::Failed(problem)) => problems.add(device, || problem),
                Err(Ending::Error(problem)) => {
                    return Ending::Error(format!("{device}: {problem}"));
                }
                Ok(()) | Err(Ending::Passed) => {}
            }
        }
        problems.ending(devices.len(), "commands")
    }

    async fn command(
        &self,
        place: usize,
        shell: &Shell,
        environment: Environment,
    ) -> Result<(), Ending> {
        let started = Process::start(&shell.command.value, environment.variables());
        let mut process =
            started.map_err(|error| Ending::Error(format!("it cannot be started: {error}")))?;
        let waiting = if shell.background {
            is_ready(&mut process, shell).await
        } else {
            has_ended(&mut process, shell).await
        };
        if let Err(problem) = waiting {
            process.end().await;
            return Err(Ending::Failed(environment.told(problem, &process)));
        }
        if shell.background {
            let running = Running {
                step: place,
                exit: shell.exit,
                process,
                environment,
            };
            self.background.add(running).map_err(Ending::Error)?;
        }
        Ok(())
    }
}

/// Waits until it has ended, and as it must.
async fn has_ended(process: &mut Process, shell: &Shell) -> Result<(), String> {
    let ended = tokio::time::timeout(shell.timeout, process.ended()).await;
    let Ok(code) = ended else {
        return Err(format!("it did not end within {:?}", shell.timeout));
    };
    if code != shell.exit {
        return Err(format!("it ended with {}", wrong_exit(code, shell.exit)));
    }
    if !says(&process.stdout(), &shell.stdout) {
        return Err(format!(
            "its output is not as expected: {}",
            expected(shell)
        ));
    }
    Ok(())
}

/// Waits until its output is as it must be; at once if nothing is asked of it.
async fn is_ready(process: &mut Process, shell: &Shell) -> Result<(), String> {
    let deadline = tokio::time::sleep(shell.timeout);
    let mut deadline = std::pin::pin!(deadline);
    while !says(&process.stdout(), &shell.stdout) {
        if let Some(code) = process.exit_code() {
            let ready = expected(shell);
            return Err(format!(
                "it ended with exit code {code} before it was ready: {ready}"
            ));
        }
        tokio::select! {
            () = &mut deadline => {
                let ready = expected(shell);
                return Err(format!("it was not ready within {:?}: {ready}", shell.timeout));
            }
            () = process.stirred() => {}
        }
    }
    Ok(())
}

fn wrong_exit(code: i32, expected: i32) -> String {
    format!("exit code {code}, expected was {expected}")
}

/// Without the line's end that every output has.
fn says(stdout: &str, predicates: &[Predicate]) -> bool {
    let text = stdout.trim_end();
    predicates
        .iter()
        .all(|predicate| holds_for_body(predicate, text))
}

fn expected(shell: &Shell) -> String {
    let words = shell.stdout.iter();
    let words: Vec<_> = words
        .map(|predicate| value_in_words("stdout", predicate))
        .collect();
    format!("expected was {}", words.join(" and "))
}

const RUNNING_MAX: usize = 64;
