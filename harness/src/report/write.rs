//! Puts reports where they were asked for: a file is whole or not there, and one that cannot be
//! written does not stop the others.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::request::{Destination, ReportKind, ReportRequest};
use super::{html, human, json, junit, tap};
use crate::judge::verdict::Verdict;

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the {kind} report to {destination}: {source}")]
pub struct ReportError {
    /// Which form.
    pub kind: ReportKind,
    /// Where to.
    pub destination: Destination,
    /// Why.
    pub source: io::Error,
}

/// The report as text. The human one is coloured: print it through `anstream`.
pub fn render(kind: ReportKind, verdicts: &[Verdict]) -> String {
    match kind {
        ReportKind::Human => human::render(verdicts),
        ReportKind::Junit => junit::render(verdicts),
        ReportKind::Json => json::render(verdicts),
        ReportKind::Tap => tap::render(verdicts),
        ReportKind::Html => html::render(verdicts),
    }
}

/// Writes each report; every one that failed is named. Of two that name one file, the second fails.
pub fn write(requests: &[ReportRequest], verdicts: &[Verdict]) -> Result<(), Vec<ReportError>> {
    let mut errors = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let taken = requests[..index].iter().any(|earlier| {
            earlier.destination == request.destination && request.destination != Destination::Stdout
        });
        let written = if taken {
            Err(io::Error::other("another report is written there"))
        } else {
            put(request.kind, &request.destination, verdicts)
        };
        if let Err(source) = written {
            errors.push(ReportError {
                kind: request.kind,
                destination: request.destination.clone(),
                source,
            });
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn put(kind: ReportKind, destination: &Destination, verdicts: &[Verdict]) -> io::Result<()> {
    let text = render(kind, verdicts);
    match destination {
        Destination::Stdout => to_stdout(kind, &text),
        Destination::File(path) if kind == ReportKind::Human => {
            to_file(path, &anstream::adapter::strip_str(&text).to_string())
        }
        Destination::File(path) => to_file(path, &text),
    }
}

fn to_stdout(kind: ReportKind, text: &str) -> io::Result<()> {
    let written = if kind == ReportKind::Human {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    } else {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    };
    match written {
        // The reader has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes beside the file and renames, so that nobody ever reads half a report, and a full disk leaves
/// the old one. Missing folders are made.
fn to_file(path: &Path, text: &str) -> io::Result<()> {
    // A report through a symbolic link replaces what the link points at, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if fs::metadata(&path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        // A pipe or a device (`/dev/stderr`) is written into, never replaced.
        return fs::write(&path, text);
    }
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&folder)?;
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    let mut file = beside(&prefix).tempfile_in(&folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// A temporary file that becomes a report: readable by whoever the umask lets, as any other file, for
/// build servers collect reports under another account.
fn beside(prefix: &std::ffi::OsStr) -> tempfile::Builder<'_, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn request(kind: ReportKind, path: PathBuf) -> ReportRequest {
        ReportRequest {
            kind,
            destination: Destination::File(path),
        }
    }

    #[test]
    fn every_kind_is_written_whole_into_folders_that_are_made() {
        let root = tempfile::tempdir().unwrap();
        let verdicts = [samples::failed()];
        let requests =
            ReportKind::ALL.map(|kind| request(kind, root.path().join("new").join(kind.name())));
        write(&requests, &verdicts).unwrap();
        for kind in ReportKind::ALL {
            let found = fs::read_to_string(root.path().join("new").join(kind.name())).unwrap();
            let expected = match kind {
                ReportKind::Human => {
                    anstream::adapter::strip_str(&render(kind, &verdicts)).to_string()
                }
                other => render(other, &verdicts),
            };
            assert!(found == expected, "{kind}");
        }
        assert_eq!(
            fs::read_dir(root.path().join("new")).unwrap().count(),
            5,
            "no temporary file stays"
        );
    }

    #[test]
    fn a_report_that_cannot_be_written_is_named_and_does_not_stop_the_others() {
        let root = tempfile::tempdir().unwrap();
        let (file, good) = (root.path().join("file"), root.path().join("good.json"));
        fs::write(&file, "x").unwrap();
        let requests = [
            request(ReportKind::Junit, root.path().to_path_buf()),
            request(ReportKind::Tap, file.join("below")),
            request(ReportKind::Json, good.clone()),
            request(ReportKind::Html, good.clone()),
        ];
        let errors = write(&requests, &[samples::passed()]).unwrap_err();
        let kinds: Vec<ReportKind> = errors.iter().map(|error| error.kind).collect();
        assert_eq!(
            kinds,
            [ReportKind::Junit, ReportKind::Tap, ReportKind::Html]
        );
        let message = errors[2].to_string();
        assert_eq!(
            message,
            format!(
                "cannot write the html report to {}: another report is written there",
                good.display()
            )
        );
        assert!(
            fs::read_to_string(good)
                .unwrap()
                .starts_with("{\n  \"format\": 1")
        );
        assert_eq!(
            fs::read_dir(root.path()).unwrap().count(),
            2,
            "no temporary file stays"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_others_may_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let (target, link) = (root.path().join("target"), root.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&[request(ReportKind::Tap, link.clone())], &[]).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            fs::read_to_string(&target).unwrap(),
            "TAP version 14\n1..0\n"
        );
        // A file made in the ordinary way shows what the umask grants.
        let ordinary = root.path().join("ordinary");
        fs::write(&ordinary, "").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&target), mode(&ordinary));
    }
}
