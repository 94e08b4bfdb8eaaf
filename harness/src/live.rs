//! A run as it goes: redrawn in place on a terminal, plain lines in a pipe. Sees the run's events and
//! nothing else; draws on stderr, so that stdout belongs to the reports.
//!
//! | Module | Responsible for |
//! |---|---|
//! | `picture` | how things stand, as lines of text |
//! | `screen` | draws a picture in place, no more often than the eye can follow |
//! | `lines` | one line a step |

mod lines;
mod picture;
mod screen;

use std::io::IsTerminal;

pub use lines::Lines;
pub use screen::Screen;

use crate::runner::{Observer, Silent};

/// The right observer for where stderr leads; `quiet` shows nothing.
pub fn observer(quiet: bool) -> Box<dyn Observer> {
    if quiet {
        return Box::new(Silent);
    }
    if std::io::stderr().is_terminal() {
        Box::new(Screen::default())
    } else {
        Box::new(Lines::default())
    }
}
