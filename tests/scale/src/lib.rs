//! What fleets of growing size cost: runs `scenarios/cohorts.yaml` in processes of the product, in memory with
//! a thousand to a million devices and on sockets with as many as a process may hold, keeps the figures in
//! committed tables and draws them. See docs/PERFORMANCE.md. Linux only: it reads `/proc`.
//!
//! Figures are not judged here: what is judged, by the scenario, is that every device did what it should.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `growth` | a run in memory: hub, devices and judge in one process |
//! | `sockets` | a run on sockets: the hub in a process of its own |
//! | `process` | what a process takes, read from `/proc` |
//! | `machine` | what the figures were measured on |
//! | `record` | the tables: `docs/growth.csv`, `docs/sockets.csv` |
//! | `page` | the tables of docs/PERFORMANCE.md that are made of them |
//! | `plot` | `docs/images/growth.svg` |

mod growth;
mod machine;
mod page;
mod plot;
mod process;
mod record;
mod sockets;

pub use growth::{Growth, SIZES, in_memory};
pub use machine::Machine;
pub use page::with_tables;
pub use plot::svg;
pub use record::{Row, add_to, read, replace_in};
pub use sockets::{Latency, Sockets, on_sockets};
