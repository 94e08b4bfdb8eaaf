//! The exported trust files, read back by their formats.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a panic")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use emulator::tls::{Authority, TRUST_STORE_PASSWORD, TrustFiles, export};
use hub_proto::time::{Instant, Now, Timestamp};
use p12_keystore::Pkcs12Archive;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// After the files' times on disk by less than they are good for, whenever the tests run.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with times of files just written"
)]
fn now() -> Now {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Now {
        mono: Instant::ZERO,
        wall: Timestamp::from_unix(since_epoch),
    }
}

fn exported(dir: &Path) -> (Authority, TrustFiles) {
    let authority = Authority::open_or_create(dir, now()).unwrap();
    let trust = export(&authority, now()).unwrap();
    (authority, trust)
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn bundle_and_trust_store_hold_the_ca_and_the_same_public_roots() {
    // TLS-3
    let dir = tempfile::tempdir().unwrap();
    let (authority, trust) = exported(dir.path());
    assert_eq!(trust, TrustFiles::in_dir(dir.path()));
    let bundle = certificates(&trust.bundle);
    assert_eq!(bundle[0].as_ref(), authority.ca_der());
    let bundle: HashSet<&[u8]> = bundle.iter().map(AsRef::as_ref).collect();

    let archive =
        Pkcs12Archive::from_pkcs12(&fs::read(&trust.pkcs12).unwrap(), TRUST_STORE_PASSWORD)
            .unwrap();
    // Java passes over what does not say so.
    assert!(archive.certs.iter().all(|bag| bag.trusted));
    assert!(archive.keys.is_empty());
    let store: HashSet<&[u8]> = archive.certs.iter().map(|bag| bag.cert.as_der()).collect();
    assert_eq!(store, bundle);
}

#[test]
fn the_hashed_directory_holds_the_ca_alone() {
    // TLS-3
    let dir = tempfile::tempdir().unwrap();
    let (authority, trust) = exported(dir.path());
    let files: Vec<_> = fs::read_dir(&trust.hashed_dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].extension().unwrap(), "0");
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), authority.ca_pem());
}

#[test]
fn files_that_are_fresh_are_left_alone_and_others_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (authority, trust) = exported(dir.path());
    // Its salts are random, so a store written again is another one.
    let store = || fs::read(&trust.pkcs12).unwrap();
    let first = store();
    export(&authority, now()).unwrap();
    assert_eq!(store(), first);

    let in_a_month = Now {
        wall: now()
            .wall
            .saturating_add(std::time::Duration::from_hours(31 * 24)),
        ..now()
    };
    export(&authority, in_a_month).unwrap();
    assert_ne!(store(), first);

    fs::remove_file(dir.path().join("ca.pem")).unwrap();
    fs::remove_file(dir.path().join("ca.key")).unwrap();
    let (second, _) = exported(dir.path());
    let bundle = certificates(&trust.bundle);
    assert_eq!(bundle[0].as_ref(), second.ca_der());
    assert!(
        bundle
            .iter()
            .all(|root| root.as_ref() != authority.ca_der())
    );
}
