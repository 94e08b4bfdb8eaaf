//! The CA's certificate and key in their folder: made once, checked each time they are opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hub_proto::time::{Now, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;

use super::TlsError;
use super::files::{self, Readers};

/// A CA that was read back from its files and found sound.
pub(super) struct Ca {
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) pem: String,
    pub(super) path: PathBuf,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl Ca {
    /// The CA in `dir`, made there if there is none.
    pub(super) fn open_or_create(dir: &Path, now: Now) -> Result<Self, TlsError> {
        if let Some(ca) = Self::open(dir, now)? {
            return Ok(ca);
        }
        files::create_dir(dir)?;
        // The key comes first and the certificate is made from whichever key is there: processes
        // that race, and one that starts after a crash between the two, end with one CA.
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let key_path = dir.join(KEY_FILE);
        files::publish(&key_path, key.serialize_pem().as_bytes(), Readers::Owner)?;
        let key = read_key(&key_path)?;
        let certificate = certificate_params(&key, now).self_signed(&key)?;
        files::publish(
            &dir.join(CERTIFICATE_FILE),
            certificate.pem().as_bytes(),
            Readers::All,
        )?;
        Self::open(dir, now)?.ok_or_else(|| {
            TlsError::unusable(&dir.join(CERTIFICATE_FILE), "vanished while it was made")
        })
    }

    /// The CA in `dir`, `None` if none was made there yet.
    pub(super) fn open(dir: &Path, now: Now) -> Result<Option<Self>, TlsError> {
        let path = dir.join(CERTIFICATE_FILE);
        let key_path = dir.join(KEY_FILE);
        // Read before the key, which was put in place first: so a key is never missed in a race.
        let Some(pem) = files::read(&path, FILE_BYTES_MAX)? else {
            return Ok(None);
        };
        if !key_path.exists() {
            return Err(TlsError::KeyMissing { certificate: path });
        }
        let key = read_key(&key_path)?;
        Self::check(path, pem, key, now).map(Some)
    }

    fn check(path: PathBuf, pem: String, key: KeyPair, now: Now) -> Result<Self, TlsError> {
        let unusable = |reason| TlsError::unusable(&path, reason);
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| unusable("holds no certificate in PEM form"))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|_| unusable("holds a certificate that cannot be parsed"))?;
        if !parsed.is_ca() {
            return Err(unusable("holds a certificate that is not a CA's"));
        }
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(unusable("is not the certificate of the ca.key beside it"));
        }
        let not_before = Timestamp::from_unix_seconds(parsed.validity().not_before.timestamp());
        let not_after = Timestamp::from_unix_seconds(parsed.validity().not_after.timestamp());
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|_| unusable("holds a certificate that cannot sign others"))?;
        drop(parsed);
        let ca = Self {
            issuer,
            certificate: certificate.into_owned(),
            pem,
            path,
            not_before,
            not_after,
        };
        ca.check_time(now).map(|()| ca)
    }

    /// Whether the CA may be used at `now`.
    pub(super) fn check_time(&self, now: Now) -> Result<(), TlsError> {
        if now.wall >= self.not_after {
            return Err(TlsError::Expired {
                certificate: self.path.clone(),
                ended: self.not_after,
            });
        }
        if now.wall < self.not_before {
            return Err(TlsError::NotYetValid {
                certificate: self.path.clone(),
                begins: self.not_before,
            });
        }
        Ok(())
    }
}

/// `timestamp` as the certificate library wants it.
pub(super) fn date(timestamp: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(timestamp.unix_seconds())
        .expect("a timestamp is clamped to the years 1 to 9999")
}

/// `timestamp` a day earlier, for clients whose clock is a little behind.
pub(super) fn day_before(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_unix_seconds(timestamp.unix_seconds() - DAY.as_secs().cast_signed())
}

fn read_key(path: &Path) -> Result<KeyPair, TlsError> {
    let pem = files::read(path, FILE_BYTES_MAX)?
        .ok_or_else(|| TlsError::unusable(path, "vanished while it was read"))?;
    KeyPair::from_pem(&pem).map_err(|_| TlsError::unusable(path, "holds no usable private key"))
}

fn certificate_params(key: &KeyPair, now: Now) -> CertificateParams {
    let mut params = CertificateParams::default();
    // A number of its own, so that a second CA in the same trust store is another subject.
    let identifier = params.key_identifier(key);
    let number = identifier
        .iter()
        .take(4)
        .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("{COMMON_NAME} {number:08x}"));
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Hubnerite");
    params.not_before = date(day_before(now.wall));
    params.not_after = date(now.wall.saturating_add(LIFE));
    // Leaves only: no CA below this one.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

/// How the names of our CAs begin.
pub(super) const COMMON_NAME: &str = "Hubnerite local CA";
pub(super) const CERTIFICATE_FILE: &str = "ca.pem";
pub(super) const DAY: Duration = Duration::from_hours(24);
const KEY_FILE: &str = "ca.key";
/// Ten years.
const LIFE: Duration = Duration::from_hours(24 * 3_650);
const FILE_BYTES_MAX: u64 = 64 * 1024;
