//! The files by which clients come to trust the CA.
//!
//! `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` and Java's `javax.net.ssl.trustStore` replace a client's
//! public roots, so the bundle and the trust store hold the machine's roots beside our CA: with the
//! variables set, the client still reaches the rest of the world.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hub_proto::time::{Now, Timestamp};
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry};
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{load_certs_from_paths, load_native_certs};

use super::ca::{CERTIFICATE_FILE, COMMON_NAME, DAY};
use super::files::{self, Readers};
use super::subject_hash::subject_hash;
use super::{Authority, TlsError};

/// The password of the PKCS#12 trust store: Java's customary one. It protects nothing secret.
pub const TRUST_STORE_PASSWORD: &str = "changeit";

/// Where the exported files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFiles {
    /// The CA's certificate alone, PEM.
    pub ca: PathBuf,
    /// The machine's public roots and the CA, PEM.
    pub bundle: PathBuf,
    /// A directory with the CA under its OpenSSL subject hash.
    pub hashed_dir: PathBuf,
    /// The public roots and the CA as a PKCS#12 trust store ([`TRUST_STORE_PASSWORD`]).
    pub pkcs12: PathBuf,
}

impl TrustFiles {
    /// Where the files of the CA in `dir` are, or will be once exported.
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            ca: dir.join(CERTIFICATE_FILE),
            bundle: dir.join("bundle.pem"),
            hashed_dir: dir.join("certs"),
            pkcs12: dir.join("trust.p12"),
        }
    }

    /// Whether the files are there, of the CA `ca_pem`, and not so old that the machine's roots may
    /// have changed much.
    fn are_fresh(&self, ca_pem: &str, hashed: &Path, now: Now) -> bool {
        let young = fs::metadata(&self.bundle)
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|modified| {
                let written = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
                now.wall.saturating_since(Timestamp::from_unix(written)) < MAX_AGE
            });
        young && self.pkcs12.exists() && hashed.exists() && starts_with(&self.bundle, ca_pem)
    }
}

/// Writes the trust files beside the CA, where they are missing, old or not of this CA. Takes some
/// tens of milliseconds when it must write: call it off the path of start-up (`spawn_blocking`).
pub fn export(authority: &Authority, now: Now) -> Result<TrustFiles, TlsError> {
    let dir = authority.ca_path().parent().unwrap_or(Path::new("."));
    let trust = TrustFiles::in_dir(dir);
    let hashed = trust.hashed_dir.join(hashed_name(authority)?);
    if trust.are_fresh(authority.ca_pem(), &hashed, now) {
        return Ok(trust);
    }
    let roots = public_roots();
    if roots.is_empty() {
        tracing::warn!(bundle = %trust.bundle.display(), "no public roots found; the bundle holds our CA alone");
    }
    files::create_dir(&trust.hashed_dir)?;
    files::write(&hashed, authority.ca_pem().as_bytes(), Readers::All)?;
    let store = trust_store(authority.ca_der(), &roots)?;
    files::write(&trust.pkcs12, &store, Readers::All)?;
    // Last, for its beginning is what tells that all of them were written for this CA.
    let bundle = bundle(authority.ca_pem(), &roots);
    files::write(&trust.bundle, bundle.as_bytes(), Readers::All)?;
    Ok(trust)
}

/// The name OpenSSL looks for. Number 0: the directory is for this CA alone.
fn hashed_name(authority: &Authority) -> Result<String, TlsError> {
    let (_, certificate) = x509_parser::parse_x509_certificate(authority.ca_der())
        .map_err(|_| TlsError::unusable(authority.ca_path(), "cannot be parsed"))?;
    Ok(format!("{}.0", subject_hash(certificate.subject())))
}

/// The machine's roots, in their order, each once. Without CAs of ours: where `SSL_CERT_FILE` names
/// a bundle written here, that is what the machine's roots are read from.
fn public_roots() -> Vec<CertificateDer<'static>> {
    let mut roots = load_native_certs().certs;
    roots.retain(|root| !is_ours(root));
    if roots.is_empty() {
        // `SSL_CERT_FILE` names a file that is gone, perhaps an earlier bundle of ours.
        roots = USUAL_BUNDLES
            .iter()
            .map(|file| load_certs_from_paths(Some(Path::new(file)), None).certs)
            .find(|certs| !certs.is_empty())
            .unwrap_or_default();
        roots.retain(|root| !is_ours(root));
    }
    let mut seen = std::collections::HashSet::new();
    roots.retain(|root| seen.insert(root.clone()));
    roots.truncate(ROOTS_MAX);
    roots
}

fn is_ours(root: &[u8]) -> bool {
    x509_parser::parse_x509_certificate(root).is_ok_and(|(_, certificate)| {
        certificate.subject().iter_common_name().any(|name| {
            name.as_str()
                .is_ok_and(|name| name.starts_with(COMMON_NAME))
        })
    })
}

fn bundle(ca_pem: &str, roots: &[CertificateDer<'_>]) -> String {
    let mut text = ca_pem.to_owned();
    for root in roots {
        text.push_str(&pem(root));
    }
    text
}

/// RFC 7468, section 2.
fn pem(certificate: &[u8]) -> String {
    let base64 = STANDARD.encode(certificate);
    let mut text = String::with_capacity(base64.len() + base64.len() / 64 + 64);
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// Java takes a certificate from a PKCS#12 file for a trusted one only if its bag says so, in
/// Oracle's attribute `trustedKeyUsage`; the library writes that for entries without a key.
fn trust_store(ca: &[u8], roots: &[CertificateDer<'_>]) -> Result<Vec<u8>, TlsError> {
    let failed = |error: p12_keystore::error::Error| TlsError::TrustStore(error.to_string());
    let mut store = KeyStore::new();
    let ca = Certificate::from_der(ca).map_err(failed)?;
    store.add_entry("hubnerite", KeyStoreEntry::Certificate(ca));
    for (index, root) in roots.iter().enumerate() {
        // A root that cannot be parsed here is of no use to Java either.
        if let Ok(root) = Certificate::from_der(root) {
            let alias = format!("public-root-{index:03}");
            store.add_entry(&alias, KeyStoreEntry::Certificate(root));
        }
    }
    store
        .writer(TRUST_STORE_PASSWORD)
        .encryption_iterations(ITERATIONS)
        .mac_iterations(ITERATIONS)
        .write()
        .map_err(failed)
}

fn starts_with(path: &Path, beginning: &str) -> bool {
    let mut read = vec![0; beginning.len()];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut read))
        .is_ok_and(|()| read == beginning.as_bytes())
}

/// Where Linux distributions and BSDs keep their roots in one file.
const USUAL_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Far above the 150 or so that systems ship.
const ROOTS_MAX: usize = 2_000;
/// How long an export stays good: public roots change a few times a year.
const MAX_AGE: Duration = DAY.saturating_mul(30);
/// As the `openssl` tool does by default. The password is known to everybody, so more would buy
/// nothing but a slower start of every JVM.
const ITERATIONS: u32 = 2_048;
