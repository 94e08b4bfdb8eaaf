//! What steps wait for: conditions that the judge asks like those of checks, and of which no verdict
//! speaks.

use std::sync::Arc;

use super::check::Check;
use super::condition::Test;
use super::engine::Judge;
use crate::scenario::ast;

/// Somebody waits for devices to meet a condition. Given back with [`Judge::forget`].
#[derive(Clone, Copy, Debug)]
pub struct Wait(u16);

impl Judge {
    /// Watches what `condition` looks at from now on. Before the first fact, or a wait for it would
    /// not know how things stand.
    pub fn prepare(&mut self, condition: &ast::Condition) {
        Test::new(condition, &mut self.watched);
    }

    /// Waits for each of these devices to meet the condition of `check`, an `eventually`, now or later.
    /// Devices that are not in the plan are passed over.
    ///
    /// # Panics
    ///
    /// With 65,536 checks and waits at once.
    pub fn wait(&mut self, check: &ast::Check, devices: &[Arc<str>]) -> Wait {
        let places = devices.iter().filter_map(|id| self.place_of(id)).collect();
        let check = Check::new(check, places, &mut self.watched);
        self.asked = self.asked.and(check.kinds());
        let place = self.free.pop().unwrap_or_else(|| {
            u16::try_from(self.checks.len()).expect("fewer than 65,536 checks and waits")
        });
        let index = usize::from(place);
        if index < self.checks.len() {
            self.checks[index] = check;
        } else {
            self.checks.push(check);
        }
        self.start(index);
        Wait(place)
    }

    /// How many devices have not met it yet.
    pub fn missing(&self, wait: &Wait) -> usize {
        let tally = self.checks[usize::from(wait.0)].tally();
        usize::try_from(tally.devices - tally.passed).unwrap_or(usize::MAX)
    }

    /// Ends a wait.
    pub fn forget(&mut self, wait: Wait) {
        let is_open = self.missing(&wait) > 0;
        let Wait(place) = wait;
        if is_open {
            for device in &mut self.devices {
                device.open.retain(|(check, _)| *check != place);
            }
        }
        self.free.push(place);
    }
}
