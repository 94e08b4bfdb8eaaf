//! What is under way, on one line that is drawn in place.

use std::io::{IsTerminal, Write};

/// A line on stderr while something is waited for; away when dropped. In a pipe there is none.
#[derive(Debug)]
pub(crate) struct Progress {
    is_terminal: bool,
    is_drawn: bool,
}

impl Progress {
    /// Nothing drawn yet.
    pub(crate) fn new() -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            is_drawn: false,
        }
    }

    /// Draws the line; false where that is not possible.
    pub(crate) fn show(&mut self, line: &str) -> bool {
        if self.is_terminal {
            self.is_drawn = true;
            write(&format!("{CLEARED}{line}"));
        }
        self.is_terminal
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_drawn {
            write(CLEARED);
        }
    }
}

fn write(text: &str) {
    let mut out = anstream::stderr().lock();
    // A terminal that has gone is no reason to stop.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

const CLEARED: &str = "\r\x1b[K";
