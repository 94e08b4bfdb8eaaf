//! What the outside tests share: a hub of their own, independent clients, official SDKs.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `binary` | the `hubnerite` under test: just built, or released |
//! | `hub` | [`TestHub`]: an emulator for one test, on ports or on an address of its own |
//! | `rest` | [`Rest`]: a plain HTTPS client of the service endpoint |
//! | `wire` | [`Wire`]: MQTT 3.1.1 byte for byte, the faults included |
//! | `sas` | tokens by the published recipe, apart from the hub's own code |
//! | `sdk` | Microsoft's SDKs: installed once under the target folder, at pinned versions |
//! | `program` | [`Program`]: a child process, its facts and checks, never without a deadline |
//! | `skip` | what a machine lacks: said aloud, and a failure where `CI` is set |
//!
//! Nothing here uses the codec or the SAS code of `hub-proto`: a mistake shared by both sides would
//! judge itself right.

#![expect(
    clippy::missing_panics_doc,
    reason = "this crate is for tests only: whatever is not as it should be panics"
)]

mod binary;
mod hub;
mod program;
mod rest;
mod sas;
mod sdk;
mod skip;
pub mod wire;

pub use binary::binary;
pub use hub::{DEADLINE, TestHub};
pub use program::{Program, Report};
pub use rest::{Answer, Rest};
pub use sas::{long_ago, soon, token};
pub use sdk::{Java, Judged, Node, Python, Schemathesis};
pub use skip::{Skip, or_skip};
pub use wire::{Connect, Packet, Wire};
