//! What is told: tables for people, JSON for programs. Only this prints.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `table` | columns that line up, numbers that can be read |
//! | `markdown` | the goals, as rows of docs/PERFORMANCE.md |
//! | `tell` | what is printed, and when |
//! | `json` | everything, for programs |

mod json;
mod markdown;
mod table;
mod tell;

pub(crate) use json::write_json;
pub(crate) use markdown::write_goals;
pub(crate) use tell::{
    complain, details, left_out, list, opening, per_operation, progress, summary,
};
