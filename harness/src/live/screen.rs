//! Draws the picture in place, ten times a second at most, and takes it away at the end.

use std::io::Write;
use std::time::Duration;

use hub_proto::time::Timestamp;

use super::picture::Picture;
use crate::clock::wall_now;
use crate::runner::{Observer, RunEvent};

/// Draws on stderr.
#[derive(Debug)]
pub struct Screen {
    picture: Picture,
    /// Lines on the screen.
    drawn: usize,
    drawn_at: Timestamp,
    events_then: u64,
    rate: u64,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            picture: Picture::default(),
            drawn: 0,
            drawn_at: Timestamp::NEVER,
            events_then: 0,
            rate: 0,
        }
    }
}

impl Observer for Screen {
    fn event(&mut self, event: &RunEvent) {
        self.picture.update(event);
        match event {
            RunEvent::Picture { events, .. } => {
                self.measure(*events);
                self.draw();
            }
            RunEvent::Ended { .. } => self.erase(),
            _ => {}
        }
    }

    fn wants_picture(&mut self) -> bool {
        wall_now().saturating_since(self.drawn_at) >= BETWEEN_PICTURES
    }
}

impl Screen {
    fn measure(&mut self, events: u64) {
        let now = wall_now();
        let passed = now.saturating_since(self.drawn_at);
        if self.drawn > 0 && !passed.is_zero() {
            let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
            self.rate = events.saturating_sub(self.events_then) * 1000 / ms;
        }
        self.events_then = events;
        self.drawn_at = now;
    }

    fn draw(&mut self) {
        let lines = self.picture.lines(WIDTH, self.rate);
        let text = up(self.drawn) + &lines.join("\n") + "\n";
        self.drawn = lines.len();
        write(&text);
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            write(&up(self.drawn));
            self.drawn = 0;
        }
    }
}

/// A run that is dropped leaves no half picture.
impl Drop for Screen {
    fn drop(&mut self) {
        self.erase();
    }
}

/// Back to the first line of the last picture, and everything below it cleared.
fn up(lines: usize) -> String {
    if lines == 0 {
        return String::new();
    }
    format!("\x1b[{lines}A\r\x1b[J")
}

fn write(text: &str) {
    let mut out = anstream::stderr().lock();
    // A terminal that has gone is no reason to stop.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

const BETWEEN_PICTURES: Duration = Duration::from_millis(100);
/// Narrower than any terminal in use, so that no line wraps.
const WIDTH: usize = 78;
