//! The figures, one a file: what each measures, on whom, and which goals it holds the hub to.
//!
//! | Module | Figures |
//! |---|---|
//! | `shape` | what a figure is |
//! | `method` | a direct method, caller to device and back |
//! | `method_device` | the same without the caller's part |
//! | `telemetry` | device-to-cloud messages |
//! | `reported` | patches of reported properties |
//! | `connect` | connections of devices, plain and TLS |
//! | `memory` | what a connected device holds |
//! | `fleet` | what virtual devices take |
//! | `rest` | a twin over REST |
//! | `life` | starts, hubs by name, resets |

mod connect;
mod fleet;
mod life;
mod memory;
mod method;
mod method_device;
mod reported;
mod rest;
mod shape;
mod telemetry;

pub(crate) use shape::{Against, Comparison, Contestant, Figure, Goal, Needs};

/// Every figure, in the order in which they are measured.
pub(crate) const ALL: &[Figure] = &[
    method::PLAIN,
    method::IDLE,
    method::TLS,
    method_device::PLAIN,
    telemetry::EIGHT,
    telemetry::ONE,
    reported::PATCH,
    connect::PLAIN,
    connect::TLS_FULL,
    connect::TLS_RESUMED,
    memory::PLAIN,
    memory::TLS,
    fleet::PLAIN,
    fleet::TLS,
    fleet::REBOOT,
    rest::TWIN,
    life::START,
    life::SIZE,
    life::HUB,
    life::RESET,
];
