//! Which `hubnerite` the tests of the command judge: the one just built, or one named from outside.

use std::path::{Path, PathBuf};

/// The file that `HUBNERITE_BINARY` names, from the workspace's root if it is relative; `built` where it is
/// not set. So the tests judge a released build, such as the one whose performance is told.
pub fn binary(built: &str) -> PathBuf {
    let Some(named) = std::env::var_os("HUBNERITE_BINARY") else {
        return built.into();
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join(named);
    path.canonicalize()
        .unwrap_or_else(|error| panic!("HUBNERITE_BINARY: {}: {error}", path.display()))
}
