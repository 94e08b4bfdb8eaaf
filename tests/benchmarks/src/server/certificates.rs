//! What a broker shows over TLS: an authority and a leaf for 127.0.0.1, both on P-256 like the hub's.

use std::path::PathBuf;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Certificates and a key as PEM files in a folder that goes with them.
#[derive(Debug)]
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    pub(crate) fn make() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::default();
        ca.distinguished_name = named("benchmark CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);
        let leaf_key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        leaf.distinguished_name = named("127.0.0.1");
        let leaf = leaf.signed_by(&leaf_key, &issuer)?;
        let made = Self { folder };
        let write = |path: PathBuf, text: String| {
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
        };
        write(made.ca(), ca_certificate.pem())?;
        // The authority as well, as the hub does.
        write(made.chain(), leaf.pem() + &ca_certificate.pem())?;
        write(made.key(), leaf_key.serialize_pem())?;
        Ok(made)
    }

    /// What clients trust.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What the server shows.
    pub(crate) fn chain(&self) -> PathBuf {
        self.folder.path().join("chain.pem")
    }

    /// The leaf's key.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
