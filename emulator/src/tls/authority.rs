//! The CA of one folder, and the server configurations made with it.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use dashmap::DashMap;
use hub_proto::time::{Now, Timestamp};
use rcgen::KeyPair;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, sign};
use rustls::pki_types::{DnsName, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};

use super::TlsError;
use super::ca::Ca;
use super::keys;
use super::leaf::{self, Subject};
use crate::host_names::HostNames;

/// A certificate authority with its key. Shared behind an `Arc`; all methods take `&self`.
pub struct Authority {
    ca: Ca,
    host_names: HostNames,
    /// One key for all leaves of this process: making one costs as much as signing a leaf.
    leaf_key: KeyPair,
    signing_key: Arc<dyn SigningKey>,
    provider: Arc<CryptoProvider>,
    tickets: Arc<dyn ProducesTickets>,
    /// Read at each handshake by all worker threads at once, hence not a map behind one lock.
    configs: DashMap<Subject, Cached>,
}

#[derive(Debug)]
struct Cached {
    config: Arc<ServerConfig>,
    not_before: Timestamp,
    renew_at: Timestamp,
}

impl Authority {
    /// The CA kept in `dir` (`ca.pem`, `ca.key`), made there if there is none. Processes that race
    /// for an empty folder end with the same CA.
    pub fn open_or_create(dir: &Path, now: Now) -> Result<Self, TlsError> {
        Self::with_ca(Ca::open_or_create(dir, now)?)
    }

    /// The CA kept in `dir`, `None` if none was made there yet. Writes nothing.
    pub fn open(dir: &Path, now: Now) -> Result<Option<Self>, TlsError> {
        Ca::open(dir, now)?.map(Self::with_ca).transpose()
    }

    fn with_ca(ca: Ca) -> Result<Self, TlsError> {
        let leaf_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let private_key = PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into());
        Ok(Self {
            ca,
            host_names: HostNames::default(),
            signing_key: sign::any_ecdsa_type(&private_key)?,
            leaf_key,
            provider: Arc::new(keys::provider()),
            tickets: Ticketer::new()?,
            configs: DashMap::new(),
        })
    }

    /// The names leaves are issued for. Until this is called they are those of
    /// [`HostNames::default`]: `localhost`, names under it, loopback addresses.
    #[must_use]
    pub fn with_host_names(mut self, host_names: HostNames) -> Self {
        self.host_names = host_names;
        self.configs.clear();
        self
    }

    /// What to serve a client that asked for the name `sni` or, without one, dialled `local`.
    /// Refuses a name that is not in the host names.
    pub fn server_config(
        &self,
        sni: Option<&str>,
        local: IpAddr,
        now: Now,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let subject = self.subject(sni, local)?;
        if let Some(cached) = self.configs.get(&subject)
            && (cached.not_before..cached.renew_at).contains(&now.wall)
        {
            return Ok(Arc::clone(&cached.config));
        }
        self.ca.check_time(now)?;
        let fresh = self.issue(&subject, now)?;
        let config = Arc::clone(&fresh.config);
        self.make_room();
        self.configs.insert(subject, fresh);
        Ok(config)
    }

    /// The CA's certificate in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca.pem
    }

    /// The CA's certificate in DER.
    pub fn ca_der(&self) -> &[u8] {
        &self.ca.certificate
    }

    /// The file that holds [`Self::ca_pem`].
    pub fn ca_path(&self) -> &Path {
        &self.ca.path
    }

    /// The CA's last instant.
    pub fn ca_not_after(&self) -> Timestamp {
        self.ca.not_after
    }

    fn subject(&self, sni: Option<&str>, local: IpAddr) -> Result<Subject, TlsError> {
        let Some(name) = sni else {
            return Ok(Subject::Address(local.to_canonical()));
        };
        let unknown = || TlsError::UnknownName {
            name: name.to_owned(),
        };
        if !self.host_names.accepts(name) {
            return Err(unknown());
        }
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Subject::Address(address.to_canonical()));
        }
        let bare = name.strip_suffix('.').unwrap_or(name);
        let name = DnsName::try_from(bare).map_err(|_| unknown())?;
        Ok(Subject::Name(name.as_ref().to_ascii_lowercase()))
    }

    fn issue(&self, subject: &Subject, now: Now) -> Result<Cached, TlsError> {
        let extra = self.host_names.extra();
        let leaf = leaf::issue(&self.ca, &self.leaf_key, subject, extra, now)?;
        let certified = CertifiedKey::new(
            vec![leaf.certificate, self.ca.certificate.clone()],
            Arc::clone(&self.signing_key),
        );
        // The provider is named here, so that an embedding process stays free in its default one.
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        // Tickets keep the session with the client: about 1 KB less for each connection than a
        // session store. No ALPN is offered: HTTP/1.1 is all there is.
        config.ticketer = Arc::clone(&self.tickets);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 1;
        Ok(Cached {
            config: Arc::new(config),
            not_before: leaf.not_before,
            renew_at: leaf.renew_at,
        })
    }

    /// Any entry may go: to issue it again is one signature.
    fn make_room(&self) {
        while self.configs.len() >= CONFIGS_MAX {
            // Bound to a name, so that the map's lock is released before `remove`.
            let victim = self.configs.iter().next().map(|entry| entry.key().clone());
            let Some(victim) = victim else { return };
            self.configs.remove(&victim);
        }
    }
}

/// Without keys.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("ca", &self.ca.path)
            .field("host_names", &self.host_names)
            .field("configs", &self.configs.len())
            .finish_non_exhaustive()
    }
}

/// Names under `.localhost` and loopback addresses are endless; the memory for them is not.
const CONFIGS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use hub_proto::time::Instant;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn at(unix_seconds: i64) -> Now {
        Now {
            mono: Instant::ZERO,
            wall: Timestamp::from_unix_seconds(unix_seconds),
        }
    }

    const START: i64 = 1_790_000_000;
    const DAY: i64 = 86_400;

    #[test]
    fn a_name_keeps_its_configuration_until_its_leaf_nears_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(dir.path(), at(START)).unwrap();
        let get = |sni, day: i64| {
            authority
                .server_config(sni, LOCAL, at(START + day * DAY))
                .unwrap()
        };
        let first = get(Some("localhost"), 0);
        assert!(Arc::ptr_eq(&first, &get(Some("LOCALHOST"), 600)));
        assert!(!Arc::ptr_eq(&first, &get(Some("a.localhost"), 0)));
        assert!(!Arc::ptr_eq(&first, &get(None, 0)));
        assert!(!Arc::ptr_eq(&first, &get(Some("localhost"), 700)));
    }

    #[test]
    fn the_cache_never_holds_more_than_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(dir.path(), at(START)).unwrap();
        for number in 0..CONFIGS_MAX + 10 {
            let name = format!("h{number}.localhost");
            authority
                .server_config(Some(&name), LOCAL, at(START))
                .unwrap();
        }
        assert_eq!(authority.configs.len(), CONFIGS_MAX);
    }

    #[test]
    fn a_ca_past_its_end_issues_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(dir.path(), at(START)).unwrap();
        let late = at(START + 3_651 * DAY);
        let error = authority
            .server_config(Some("localhost"), LOCAL, late)
            .unwrap_err();
        assert!(matches!(error, TlsError::Expired { .. }), "{error}");
        // Shortly before, leaves end with the CA and are not signed anew for each handshake.
        let close = at(START + 3_649 * DAY);
        let first = authority.server_config(None, LOCAL, close).unwrap();
        let second = authority.server_config(None, LOCAL, close).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn debug_shows_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(dir.path(), at(START)).unwrap();
        assert!(!format!("{authority:?}").to_lowercase().contains("key"));
    }
}
