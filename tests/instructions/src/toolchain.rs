//! What counts depend on besides our code: the compiler, the machine it compiles for, the C library with
//! its allocator, and valgrind with the processor it pretends to be.

use std::fmt;
use std::process::Command;

/// The tools of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    compiler: String,
    target: String,
    c_library: String,
    valgrind: String,
}

impl Toolchain {
    /// The tools of this machine. What cannot be found out is called unknown.
    pub fn here() -> Self {
        Self {
            compiler: env!("COMPILER").to_owned(),
            target: env!("TARGET").to_owned(),
            c_library: first_line("getconf", "GNU_LIBC_VERSION"),
            valgrind: first_line("valgrind", "--version"),
        }
    }

    /// The target in a printed toolchain, if it is one.
    pub(crate) fn target_of(printed: &str) -> Option<&str> {
        printed.split(", ").nth(1)
    }
}

fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let line = text.lines().next().unwrap_or_default().trim();
    match line {
        "" => format!("unknown {program}"),
        line => line.to_owned(),
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            compiler,
            target,
            c_library,
            valgrind,
        } = self;
        write!(f, "{compiler}, {target}, {c_library}, {valgrind}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_found_in_a_printed_toolchain() {
        let here = Toolchain::here();
        assert_eq!(
            Toolchain::target_of(&here.to_string()),
            Some(env!("TARGET"))
        );
        assert_eq!(Toolchain::target_of("rustc"), None);
    }
}
