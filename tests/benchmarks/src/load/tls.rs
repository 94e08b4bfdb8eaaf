//! What clients trust, and their tickets.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore};

/// How clients speak TLS to a server at 127.0.0.1: version 1.3, its certificate verified.
#[derive(Clone, Debug)]
pub(crate) struct ClientTls(Arc<ClientConfig>);

impl ClientTls {
    /// Trusts the certificate authority of the PEM file `ca`. Sessions are resumed with the tickets of
    /// `pool`; without one each handshake is a full one.
    pub(crate) fn trusting(ca: &Path, pool: Option<Arc<TicketPool>>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = pool.map_or_else(Resumption::disabled, |it| Resumption::store(it));
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn connection(&self) -> anyhow::Result<ClientConnection> {
        let name = ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
        let mut connection = ClientConnection::new(Arc::clone(&self.0), name)?;
        // A device says what it has to say at once; nothing is to be refused for its length.
        connection.set_buffer_limit(None);
        Ok(connection)
    }
}

/// Tickets of many clients of one server: each resumption takes one, once they are handed out. (The store of
/// rustls keeps eight for a server, as suits one client.)
#[derive(Debug, Default)]
pub(crate) struct TicketPool(Mutex<Pool>);

#[derive(Debug, Default)]
struct Pool {
    tickets: Vec<Tls13ClientSessionValue>,
    group: Option<NamedGroup>,
    is_open: bool,
}

impl TicketPool {
    /// Hands tickets out from here on: before, they are collected and every handshake is a full one.
    pub(crate) fn hand_out(&self) {
        self.pool().is_open = true;
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for TicketPool {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.pool().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.pool().group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.pool().tickets.push(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut pool = self.pool();
        if pool.is_open {
            pool.tickets.pop()
        } else {
            None
        }
    }
}
