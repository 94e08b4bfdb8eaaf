//! Files that are whole or absent, never half written, even when processes race for them.
//!
//! Content is written under a temporary name in the same folder, flushed to disk, and put in place
//! in one step. Knows nothing of certificates.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use super::TlsError;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    Owner,
    All,
}

/// The text of `path`, `None` if there is no such file. Refuses files larger than `bytes_max`.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Option<String>, TlsError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(TlsError::file("read", path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(TlsError::file("read", path))?;
    if bytes.len() as u64 > bytes_max {
        return Err(TlsError::unusable(path, "is too large to be ours"));
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| TlsError::unusable(path, "is not a text file"))
}

/// Makes `dir` and what is missing above it; what is made is its owner's alone.
pub(super) fn create_dir(dir: &Path) -> Result<(), TlsError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(TlsError::file("create", dir))
}

/// Puts `content` at `path` unless a file is there already: the first of several processes wins.
pub(super) fn publish(path: &Path, content: &[u8], readers: Readers) -> Result<(), TlsError> {
    let temporary = write_temporary(path, content, readers)?;
    let linked = match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Some file systems have no hard links; there the last of several processes wins.
        Err(_) if !path.exists() => fs::rename(&temporary, path),
        other => other,
    };
    // Gone already where it was renamed.
    let _ = fs::remove_file(&temporary);
    linked.map_err(TlsError::file("write", path))
}

/// Puts `content` at `path`, in place of what is there.
pub(super) fn write(path: &Path, content: &[u8], readers: Readers) -> Result<(), TlsError> {
    let temporary = write_temporary(path, content, readers)?;
    fs::rename(&temporary, path).map_err(|error| {
        let _ = fs::remove_file(&temporary);
        TlsError::file("write", path)(error)
    })
}

fn write_temporary(path: &Path, content: &[u8], readers: Readers) -> Result<PathBuf, TlsError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{unique}.tmp", process::id()));

    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(
        &mut options,
        match readers {
            Readers::Owner => 0o600,
            Readers::All => 0o644,
        },
    );
    #[cfg(not(unix))]
    let _ = readers; // A user's data folder is the user's alone on Windows.

    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        TlsError::file("write", &temporary)(error)
    })?;
    Ok(temporary)
}
