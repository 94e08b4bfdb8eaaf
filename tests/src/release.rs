//! The hub as released, for benchmarks: what is measured is what users run.

use std::path::PathBuf;
use std::process::Command;

/// The released binary: the one that `HUBNERITE_BINARY` names, or one built now.
pub fn release_hub() -> PathBuf {
    if let Some(binary) = std::env::var_os("HUBNERITE_BINARY") {
        return binary.into();
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--package", "harness"])
        .current_dir(&root)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the hub does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    target.join("release/hubnerite")
}
