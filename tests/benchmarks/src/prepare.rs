//! Builds the hub as released; finds or installs the peers; sets processes up.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit,
};

use crate::server::mosquitto_path;

/// The binary to measure: the one given, or one built now; with the names of functions left in if so asked, which
/// is a build of its own.
pub(crate) fn hubnerite(given: Option<&Path>, with_symbols: bool) -> anyhow::Result<PathBuf> {
    if let Some(binary) = given {
        ensure!(binary.is_file(), "there is no {}", binary.display());
        return Ok(binary.canonicalize()?);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let mut command = Command::new(cargo);
    let target = if with_symbols {
        command.env("CARGO_PROFILE_RELEASE_STRIP", "none");
        target.join("with-symbols")
    } else {
        target
    };
    let built = command
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--package", "harness"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&root)
        .status()
        .context("cannot run cargo; --binary names a hub that is built")?;
    ensure!(built.success(), "the hub does not build");
    Ok(target.join("release/hubnerite").canonicalize()?)
}

/// Installs mosquitto from Debian's packages unless it is there.
pub(crate) fn install_mosquitto() -> anyhow::Result<()> {
    if mosquitto_path().is_some() {
        return Ok(());
    }
    for arguments in [
        &["update", "-qq"][..],
        &["install", "-qq", "-y", "mosquitto"],
    ] {
        let done = Command::new("apt-get").args(arguments).status();
        if !done.is_ok_and(|status| status.success()) {
            bail!("apt-get cannot install mosquitto; without --install-peers it is left out");
        }
    }
    Ok(())
}

/// Lets this process, and the servers it starts, have as many connections as the system allows.
pub(crate) fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // If it cannot be had, a figure of many connections says so.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// Becomes a program that the system ends when the suite ends, however that comes about.
pub(crate) fn become_program(program: &Path, arguments: &[OsString]) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
