//! The CA of one folder, and the server configurations made with it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use hub_proto::time::Now;
use rustls::ServerConfig;

use super::TlsError;
use crate::host_names::HostNames;

/// A certificate authority with its key. Shared behind an `Arc`; all methods take `&self`.
#[derive(Debug)]
pub struct Authority {}

impl Authority {
    /// The CA kept in `dir` (`ca.pem`, `ca.key`), made there if there is none. Processes that race
    /// for an empty folder end with the same CA.
    pub fn open_or_create(dir: &Path, now: Now) -> Result<Self, TlsError> {
        todo!("{dir:?} {now:?}")
    }

    /// The names leaves are issued for. Until this is called they are those of
    /// [`HostNames::default`]: `localhost`, names under it, loopback addresses.
    #[must_use]
    pub fn with_host_names(self, host_names: HostNames) -> Self {
        todo!("{host_names:?}")
    }

    /// What to serve a client that asked for the name `sni` or, without one, dialled `local`.
    /// Refuses a name that is not in the host names.
    pub fn server_config(
        &self,
        sni: Option<&str>,
        local: IpAddr,
        now: Now,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        todo!("{sni:?} {local} {now:?}")
    }

    /// The CA's certificate in PEM.
    pub fn ca_pem(&self) -> &str {
        todo!()
    }

    /// The file that holds [`Self::ca_pem`].
    pub fn ca_path(&self) -> &Path {
        todo!()
    }
}
