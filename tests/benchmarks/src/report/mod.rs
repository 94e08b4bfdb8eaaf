//! What is told: tables for people, JSON for programs. Only this prints.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `table` | columns that line up, numbers that can be read |
//! | `tell` | what is printed, and when |
//! | `json` | everything, for programs |

mod json;
mod table;
mod tell;

pub(crate) use json::write_json;
pub(crate) use tell::{complain, details, left_out, list, opening, progress, summary};
