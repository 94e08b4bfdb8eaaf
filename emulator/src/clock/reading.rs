//! A hub's clock: the machine's, or one that moves by hand.

use std::sync::Weak;
use std::task::Waker;

use hub_proto::time::{Now, Timestamp};

use super::alarms::Alarms;
use super::hand::{Due, VirtualClock};
use super::hold::Hold;
use super::machine::MachineClock;
use super::timer::Timer;

/// A hub's clock. Cheap to clone; all clones tell the same time.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    Machine(Alarms),
    Virtual(VirtualClock),
}

impl Clock {
    /// The machine's clock.
    pub(crate) fn machine(machine: MachineClock) -> Self {
        Self::Machine(Alarms::new(machine))
    }

    /// The machine's clock from `wall_at_start` on.
    pub(crate) fn start_at(wall_at_start: Timestamp) -> Self {
        Self::machine(MachineClock::start_at(wall_at_start))
    }

    /// Both readings.
    pub(crate) fn now(&self) -> Now {
        match self {
            Self::Machine(alarms) => alarms.machine().now(),
            Self::Virtual(clock) => clock.now(),
        }
    }

    /// The machine's time, for what the outside judges by its own clock: certificates.
    pub(crate) fn machine_now(&self) -> Now {
        match self {
            Self::Machine(alarms) => alarms.machine().now(),
            Self::Virtual(clock) => clock.machine().now(),
        }
    }

    /// A timer that is not set yet.
    pub(crate) fn timer(&self) -> Timer {
        Timer::new(self)
    }

    /// The same for an owner that can be woken without its task's waker: by the machine's clock that is
    /// all that happens, through `bell`, which notes it and does no more. By one that is moved by hand
    /// the task is woken.
    pub(crate) fn timer_that_rings(&self, bell: Waker) -> Timer {
        Timer::that_rings(self, bell)
    }

    /// Keeps whoever moves the clock by hand waiting until it is dropped: for work on its way to a
    /// task. Never held while waiting for an instant of this clock, nor for a device or a network.
    pub(crate) fn hold(&self) -> Hold {
        Hold::of(self)
    }

    /// Lets a clock that is moved by hand end what is due at `source`. The machine's clock does
    /// nothing by itself; `source` needs a task with a [`Timer`] either way, for time that runs.
    pub(crate) fn attach(&self, source: Weak<dyn Due>) {
        match self {
            Self::Machine(_) => {}
            Self::Virtual(clock) => clock.attach(source),
        }
    }

    /// The clock that moves by hand, if it is one.
    pub(crate) fn as_virtual(&self) -> Option<&VirtualClock> {
        match self {
            Self::Machine(_) => None,
            Self::Virtual(clock) => Some(clock),
        }
    }
}
