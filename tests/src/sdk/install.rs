//! Installing: once, from pinned files, under a lock, and nowhere but under the target folder.
//!
//! An installation is good as long as the files that it was made from are the same, byte for byte; the
//! lock keeps test processes from meeting in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::skip::Skip;

/// How long a step of an installation may take, downloads included.
const INSTALL: Duration = Duration::from_mins(5);

/// The folder of the programs, and the folder of the installation.
pub(super) fn folders(language: &str) -> (PathBuf, PathBuf) {
    let test = std::env::current_exe().expect("a test has a path");
    // target/debug/deps/it-…
    let target = test
        .ancestors()
        .nth(3)
        .expect("tests run from the target folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sdk")
        .join(language);
    let installations = target.join("sdk");
    // Scripts of an installation name its path, and a link to it may go.
    let installations = fs::canonicalize(&installations).unwrap_or(installations);
    (source, installations.join(language))
}

/// Where an installation from the files `pins` is: checkouts that share a target folder and differ in
/// their pins do not overwrite each other's.
pub(super) fn pinned(target: &Path, pins: &[PathBuf]) -> PathBuf {
    // FNV-1a, which is the same wherever it is computed.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for pin in pins {
        for byte in fs::read(pin).expect("a pin file can be read") {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    target.join(format!("{hash:016x}"))
}

/// Makes an installation from the files `made_from`, unless it is there and made from the same.
pub(super) async fn install(target: &Path, made_from: &[PathBuf], make: impl AsyncFnOnce()) {
    fs::create_dir_all(target).expect("the target folder can be written");
    let lock = File::create(target.join("lock")).expect("the target folder can be written");
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
    let lock = lock
        .expect("locking does not panic")
        .expect("a file can be locked");
    let contents = made_from
        .iter()
        .map(|file| fs::read_to_string(file).expect("a pin file is text"));
    let wanted = contents.collect::<Vec<_>>().join("\n");
    let name = made_from
        .last()
        .and_then(|file| file.parent())
        .and_then(Path::file_name);
    let stamp = target.join(format!(
        "made-from-{}",
        name.unwrap_or_default().to_string_lossy()
    ));
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        make().await;
        fs::write(&stamp, wanted).expect("the target folder can be written");
    }
    drop(lock);
}

/// Runs a step of an installation to its end.
pub(super) async fn run(what: &str, mut command: Command) {
    let output = match timeout(INSTALL, command.kill_on_drop(true).output()).await {
        Ok(output) => output.unwrap_or_else(|error| panic!("cannot start {what}: {error}")),
        Err(elapsed) => {
            panic!("{what}: {elapsed} ({INSTALL:?}): is the package registry reachable?")
        }
    };
    assert!(
        output.status.success(),
        "{what} failed ({}). The SDKs are downloaded from their public registry once; without a network, \
         or behind a proxy that it does not know, that cannot be done.\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

/// Whether a program is on this machine.
pub(super) async fn need(program: &str, version: &str) -> Result<(), Skip> {
    let found = Command::new(program)
        .arg(version)
        .kill_on_drop(true)
        .output()
        .await;
    match found {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Skip::new(format!(
            "{program} {version} ended with {}",
            output.status
        ))),
        Err(error) => Err(Skip::new(format!(
            "{program} is not on this machine ({error})"
        ))),
    }
}
