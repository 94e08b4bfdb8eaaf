//! How things look: colour on a terminal, none in a pipe or with `NO_COLOR`.

mod narrative;
mod ready;
pub(crate) mod style;
mod table;

pub(crate) use narrative::{Lane, Narrative};
pub(crate) use ready::Ready;
pub(crate) use table::table;
