//! Whom the client trusts: the machine's public roots, and the hub's own CA where there is one.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::ServiceError;

/// A TLS configuration that trusts the machine's roots and those in the PEM file `ca`, if it exists.
///
/// A root that cannot be read is left out: one damaged file must not keep a hub from being reached,
/// and what is missing shows in the handshake.
pub fn trusted_roots(ca: Option<&Path>) -> Result<Arc<ClientConfig>, ServiceError> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca
        && ca.exists()
    {
        let unreadable = |error: &dyn std::fmt::Display| {
            ServiceError::Protocol(format!(
                "cannot read the certificates in {}: {error}",
                ca.display()
            ))
        };
        for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| unreadable(&error))? {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
    }
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ServiceError::Protocol(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
