//! The CA's folder: made once, whole, and refused with a remedy when it is not sound.

use std::fs;
use std::path::Path;

use emulator::tls::{Authority, TlsError};
use hub_proto::time::{Instant, Now, Timestamp};

const NOW: Now = Now {
    mono: Instant::ZERO,
    wall: Timestamp::from_unix_seconds(1_790_000_000),
};

fn open(dir: &Path) -> Result<Authority, TlsError> {
    Authority::open_or_create(dir, NOW)
}

#[test]
fn the_ca_is_made_once_and_then_read_back() {
    // TLS-1
    let dir = tempfile::tempdir().unwrap();
    let nested = dir.path().join("a/b");
    assert!(Authority::open(&nested, NOW).unwrap().is_none());
    assert!(!nested.exists(), "opening writes nothing");
    let first = open(&nested).unwrap();
    let second = open(&nested).unwrap();
    assert_eq!(first.ca_pem(), second.ca_pem());
    assert_eq!(first.ca_path(), nested.join("ca.pem"));
    assert_eq!(fs::read_to_string(first.ca_path()).unwrap(), first.ca_pem());
    let mut left: Vec<_> = fs::read_dir(&nested)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["ca.key", "ca.pem"], "no temporary files");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_key() {
    // TLS-1
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    let mode = |name| {
        fs::metadata(dir.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("ca.key"), 0o600);
}

#[test]
fn starters_that_race_for_an_empty_folder_end_with_one_ca() {
    let dir = tempfile::tempdir().unwrap();
    let pems: Vec<String> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| open(dir.path()).unwrap().ca_pem().to_owned()))
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    });
    assert!(pems.iter().all(|pem| *pem == pems[0]));
}

#[test]
fn a_key_without_certificate_is_completed_as_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    fs::remove_file(dir.path().join("ca.pem")).unwrap();
    let key = fs::read(dir.path().join("ca.key")).unwrap();
    open(dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("ca.key")).unwrap(), key);
}

#[test]
fn a_damaged_or_foreign_folder_is_refused_with_its_remedy() {
    let foreign = tempfile::tempdir().unwrap();
    open(foreign.path()).unwrap();
    let foreign_key = fs::read_to_string(foreign.path().join("ca.key")).unwrap();
    let cases: [(&str, Option<&str>, &str); 6] = [
        (
            "ca.key",
            None,
            "ca.pem has no key beside it; put its ca.key back",
        ),
        (
            "ca.key",
            Some("rubbish"),
            "ca.key holds no usable private key; delete ca.key and ca.pem",
        ),
        (
            "ca.key",
            Some(&foreign_key),
            "ca.pem is not the certificate of the ca.key beside it",
        ),
        (
            "ca.pem",
            Some("rubbish"),
            "ca.pem holds no certificate in PEM form; delete",
        ),
        (
            "ca.pem",
            Some(""),
            "ca.pem holds no certificate in PEM form",
        ),
        ("ca.pem", Some(NOT_A_CA), "ca.pem holds a certificate that"),
    ];
    for (file, content, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).unwrap();
        let path = dir.path().join(file);
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let message = open(dir.path()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("--ca DIR"), "{message}");
    }
}

#[test]
fn a_file_far_too_large_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    fs::write(dir.path().join("ca.pem"), vec![b'a'; 100_000]).unwrap();
    let message = open(dir.path()).unwrap_err().to_string();
    assert!(message.contains("too large"), "{message}");
}

#[test]
fn a_ca_out_of_its_time_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap();
    let at = |seconds: i64| {
        let wall = Timestamp::from_unix_seconds(NOW.wall.unix_seconds() + seconds);
        Authority::open(dir.path(), Now { wall, ..NOW })
    };
    let ten_years = 3_650 * 86_400;
    assert!(at(ten_years - 1).is_ok());
    assert!(matches!(at(ten_years), Err(TlsError::Expired { .. })));
    assert!(at(-86_400).is_ok());
    assert!(matches!(at(-86_401), Err(TlsError::NotYetValid { .. })));
}

#[test]
fn a_folder_that_cannot_be_made_names_itself() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let message = open(&file.join("ca")).unwrap_err().to_string();
    assert!(message.contains(&file.display().to_string()), "{message}");
}

/// Well-formed PEM of bytes that are no certificate.
const NOT_A_CA: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
