//! The behaviours that come with the program: files like any other, parsed when first asked for.

use std::sync::{Arc, LazyLock};

use super::program::Program;

type BuiltIn = LazyLock<Arc<Program>>;

macro_rules! built_ins {
    ($($name:literal),+ $(,)?) => {
        pub(super) const NAMES: &[&str] = &[$($name),+];

        pub(super) fn program(name: &str) -> Option<Arc<Program>> {
            match name {
                $($name => {
                    static PROGRAM: BuiltIn = LazyLock::new(|| parse(
                        $name,
                        include_str!(concat!("../../behaviours/", $name, ".yaml")),
                    ));
                    Some(Arc::clone(&PROGRAM))
                })+
                _ => None,
            }
        }
    };
}

built_ins![
    "firmware-update",
    "flaky",
    "reboot",
    "refuser",
    "telemetry",
    "tutorial-csharp",
    "tutorial-java",
    "tutorial-node",
    "tutorial-python",
    "zombie",
];

fn parse(name: &str, text: &str) -> Arc<Program> {
    match Program::parse(text, name) {
        Ok(program) => Arc::new(program),
        // A test parses each of them.
        Err(error) => panic!("{error}"),
    }
}
