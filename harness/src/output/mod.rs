//! How things look: colour on a terminal, none in a pipe or with `NO_COLOR`.

mod narrative;
mod progress;
mod ready;
mod sheet;
pub(crate) mod style;
mod table;

pub(crate) use narrative::{Lane, Narrative};
pub(crate) use progress::Progress;
pub(crate) use ready::Ready;
pub(crate) use sheet::{Sheet, cell};
pub(crate) use table::table;
