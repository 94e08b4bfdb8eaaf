//! Printing to stdout, with colour where it belongs.

use std::io::Write;

/// Prints a line for the user. A reader that has closed the pipe wants no more, which is no failure.
pub(super) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// The same for what has no end in sight: false once nobody reads any more.
pub(super) fn say_on(text: impl std::fmt::Display) -> bool {
    let mut out = anstream::stdout();
    write!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// Prints JSON: on one line for programs, spread out for people.
pub(super) fn say_json(value: &serde_json::Value, one_line: bool) {
    if one_line {
        say(value);
    } else {
        say(format_args!("{value:#}"));
    }
}
