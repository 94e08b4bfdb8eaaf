//! Time: the only place that reads a clock.
//!
//! A hub's [`Clock`] is the machine's, or a [`VirtualClock`] that moves by hand. Whoever waits for an
//! instant of the hub's holds a [`Timer`]; whoever has deadlines of its own and can end them in place
//! is a [`Due`], so that a clock moved by hand finds them in the order of time. Patience with the
//! network (handshakes, bodies, farewells) is not the hub's time, and goes by tokio's alone.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `machine` | the machine's clock |
//! | `alarms` | many owners' alarms by the machine's clock, on one timer of the runtime |
//! | `queue` | which alarm is due next |
//! | `hand` | the clock that moves by hand |
//! | `timer` | waiting for an instant by either clock |
//! | `hold` | work under way in a task, which the clock that moves by hand waits for |
//! | `reading` | [`Clock`]: either of them |

mod alarms;
mod hand;
mod hold;
mod machine;
mod queue;
mod reading;
#[cfg(test)]
mod tests;
mod timer;

pub(crate) use hand::Due;
pub use hand::{Unsettled, VirtualClock};
pub(crate) use hold::{Bell, Hold};
pub(crate) use machine::{MachineClock, unix_time};
pub(crate) use reading::Clock;
pub(crate) use timer::Timer;
