//! What a tier allows: rates, a daily quota, features and counts. Pure: time comes in.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `scale` | tiers and units, and the figures that go with them |
//! | `operation` | what can be asked of a hub, as its throttles see it |
//! | `rate` | the rows of the throttle table |
//! | `shaper` | one row at work: a burst, then a paced queue, then refusal |
//! | `quota` | messages of the day |
//! | `machine` | all of it for one hub |
//!
//! [`Throttle`] decides and keeps count; who waits, and how a refusal is told, is the caller's affair.
//!
//! Source: "IoT Hub quotas and throttling", "Choose the right IoT Hub tier and size for your solution"
//! and "Azure IoT Hub billing information" of Microsoft's documentation.

mod machine;
mod operation;
mod quota;
mod rate;
mod scale;
mod shaper;

pub use machine::{Decision, Place, Refusal, Shaping, Throttle};
pub use operation::Operation;
pub use quota::blocks;
pub use rate::{METHOD_BLOCK_BYTES, Rate, Row};
pub use scale::{Scale, ScaleError, Tier};
