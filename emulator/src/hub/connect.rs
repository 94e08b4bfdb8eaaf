//! How clients connect to a hub: its connection strings.

use hub_core::HubError;
use hub_proto::connection_string::{ConnectionString, Owner};
use hub_proto::ids::ClientIdentity;
use hub_proto::sas::SasKey;

use super::handle::HubHandle;

impl HubHandle {
    /// The connection string of a policy with its primary key. `None`: there is no such policy.
    pub fn connection_string(&self, policy: &str) -> Option<String> {
        self.connection_string_at(policy, self.host_name())
    }

    /// The same, for a client that comes under `host`.
    pub fn connection_string_at(&self, policy: &str, host: &str) -> Option<String> {
        let key = self.policies().get(policy)?.primary.clone();
        Some(print(host, Owner::Policy(policy.to_owned()), key))
    }

    /// The connection string of a device or module with its primary key; an argument error if it has
    /// no keys.
    pub fn client_connection_string(&self, client: &ClientIdentity) -> Result<String, HubError> {
        self.client_connection_string_at(client, self.host_name())
    }

    /// The same, for a client that comes under `host`.
    pub fn client_connection_string_at(
        &self,
        client: &ClientIdentity,
        host: &str,
    ) -> Result<String, HubError> {
        let (authentication, owner) = match client {
            ClientIdentity::Device(id) => (
                self.device(id)?.authentication,
                Owner::Device(id.to_string()),
            ),
            ClientIdentity::Module(module) => (
                self.module(module.device(), module.id())?.authentication,
                Owner::Module(module.device().to_string(), module.id().to_string()),
            ),
        };
        let keys = authentication.keys_of(client)?;
        Ok(print(host, owner, keys.primary.clone()))
    }
}

fn print(host: &str, owner: Owner, key: SasKey) -> String {
    let host_name = host.to_owned();
    ConnectionString {
        host_name,
        gateway_host_name: None,
        owner,
        key,
    }
    .expose()
}
