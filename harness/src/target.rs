//! Which hub a tool talks to: the one named, the one of `IOTHUB_CONNECTION_STRING`, or the one that
//! runs on this machine.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use hub_proto::connection_string::{ConnectionString, Owner};
use hyper::Method;
use hyper::body::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::ClientConfig;
use serde_json::Value;

use crate::admin_client::{AdminClient, AdminError, DEFAULT_URL};
use crate::cli::CliError;
use crate::secret::Secret;
use crate::service_client::{Endpoint, ServiceClient, trusted_roots};
use crate::settings::default_ca_dir;

/// The flags that choose a hub.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Hub")]
pub(crate) struct HubTarget {
    /// Talk to the hub of this connection string (a policy's; a real IoT Hub's works too); default:
    /// the hub that runs on this machine
    #[arg(
        long,
        value_name = "CONNECTION_STRING",
        env = "IOTHUB_CONNECTION_STRING",
        hide_env_values = true
    )]
    pub(crate) hub: Option<Secret>,
    /// Dial this port instead of 443; default: the one that the hub of this machine tells
    #[arg(long, value_name = "PORT")]
    pub(crate) https_port: Option<u16>,
    /// Trust the certificate authority kept in DIR; default: the user's data folder
    #[arg(long, value_name = "DIR", env = "HUBNERITE_CA", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) name: HubName,
    #[command(flatten)]
    pub(crate) admin: AdminTarget,
}

/// The flag that chooses among the hubs of a process.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Hub")]
pub(crate) struct HubName {
    /// Of the hubs of this machine's Hubnerite, the one called NAME; default: the default one
    #[arg(long, value_name = "NAME")]
    pub(crate) hub_name: Option<String>,
}

impl HubName {
    /// The hub of that host name.
    pub(crate) fn of(host: &str) -> Self {
        let hub_name = Some(host.to_owned());
        Self { hub_name }
    }

    /// `path` of the admin API, about the hub chosen.
    pub(crate) fn path(&self, path: &str) -> String {
        let Some(name) = &self.hub_name else {
            return path.to_owned();
        };
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}hub={}", encode(name))
    }
}

/// A text as a piece of a path or a query.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A chosen hub.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    /// Its REST endpoint.
    pub(crate) endpoint: Endpoint,
    /// A policy's.
    pub(crate) credential: ConnectionString,
    /// What its admin API tells of it; null where there is none.
    pub(crate) told: Value,
}

/// The flag that chooses an admin API.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Hub")]
pub(crate) struct AdminTarget {
    /// Find the hub of this machine by its admin API
    #[arg(
        long = "admin",
        value_name = "URL",
        env = "HUBNERITE_ADMIN_URL", hide_env_values = true,
        default_value = DEFAULT_URL
    )]
    pub(crate) url: String,
}

impl HubTarget {
    /// A client for the chosen hub; dials it at the first call.
    pub(crate) async fn client(&self) -> Result<ServiceClient, CliError> {
        let reached = self.reach().await?;
        Ok(ServiceClient::new(reached.endpoint, reached.credential))
    }

    /// How the chosen hub is reached; dials nothing but the admin API.
    pub(crate) async fn reach(&self) -> Result<Reached, CliError> {
        let (credential, told) = match self.named_by_connection_string()? {
            Some(text) => {
                let credential = parse(text.expose())?;
                let told = self.told_by(&credential.host_name).await;
                (credential, told)
            }
            None => self.running_hub().await?,
        };
        let told_port = told["ports"]["https"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        let host_name = credential.host_name.clone();
        let dialled = credential
            .gateway_host_name
            .clone()
            .unwrap_or_else(|| host_name.clone());
        let endpoint = Endpoint {
            dial_host: dial_host(&dialled),
            port: self.https_port.or(told_port).unwrap_or(443),
            tls: trusted_roots(Some(&self.ca_file(&told)?))?,
            host_name,
        };
        Ok(Reached {
            endpoint,
            credential,
            told,
        })
    }

    /// The credential of a policy, and its name: of `wanted`, or of the usual one.
    pub(crate) async fn policy(
        &self,
        wanted: Option<&str>,
    ) -> Result<(String, ConnectionString), CliError> {
        let credential = match (self.named_by_connection_string()?, wanted) {
            (Some(text), _) => parse(text.expose())?,
            (None, None) => self.running_hub().await?.0,
            (None, Some(name)) => {
                let (_, told) = self.running_hub().await?;
                let text = told["connectionStrings"][name].as_str().ok_or_else(|| {
                    let names = told["connectionStrings"].as_object().into_iter();
                    let names: Vec<_> = names.flat_map(|map| map.keys().cloned()).collect();
                    CliError::failed(format!("the hub has no policy {name:?}"))
                        .with_remedy(format!("it has {}", names.join(", ")))
                })?;
                parse(text)?
            }
        };
        match &credential.owner {
            Owner::Policy(name) if wanted.is_none_or(|wanted| wanted == name) => {
                Ok((name.clone(), credential))
            }
            _ => Err(CliError::usage(
                "the connection string is of another policy than --policy names",
            )
            .with_remedy("leave --policy out, or unset IOTHUB_CONNECTION_STRING")),
        }
    }

    /// The connection string, unless a hub of this machine is named beside it: that of a whole process
    /// (as `hubnerite env` sets it) does not stand in the way of one of its hubs.
    fn named_by_connection_string(&self) -> Result<Option<&Secret>, CliError> {
        let (Some(text), Some(name)) = (&self.hub, &self.name.hub_name) else {
            return Ok(self.hub.as_ref());
        };
        let host = parse(text.expose())?.host_name;
        if is_local(&host) {
            return Ok(None);
        }
        let problem = format!(
            "--hub-name {name} is a hub of this machine, and the connection string is of {host}"
        );
        Err(CliError::usage(problem)
            .with_remedy("leave one out, or unset IOTHUB_CONNECTION_STRING"))
    }

    /// How the hub at `host` is reached by its devices: what it tells of itself, and whom they trust.
    pub(crate) async fn device_side(
        &self,
        host: &str,
    ) -> Result<(Value, Arc<ClientConfig>), CliError> {
        let told = self.told_by(host).await;
        let roots = trusted_roots(Some(&self.ca_file(&told)?))?;
        Ok((told, roots))
    }

    /// What the hub at `host` says of itself, if it is one of this machine: only such a one can have
    /// moved its ports.
    async fn told_by(&self, host: &str) -> Value {
        if !is_local(host) {
            return Value::Null;
        }
        let told = self.admin_at(host).json(HUB_PATH).await;
        told.unwrap_or(Value::Null)
    }

    /// The admin API of the hub at `host`: the one named, or the one beside its address.
    pub(crate) fn admin_at(&self, host: &str) -> AdminClient {
        if self.admin.url == DEFAULT_URL {
            AdminClient::new(&admin_url_at(host))
        } else {
            self.admin.client()
        }
    }

    async fn running_hub(&self) -> Result<(ConnectionString, Value), CliError> {
        let admin = self.admin.client();
        let path = self.name.path(HUB_PATH);
        let told: Value = match admin.ask(Method::GET, &path, Bytes::new()).await {
            Ok(told) => serde_json::from_slice(&told)
                .map_err(|error| CliError::could_not_run(format!("the hub's answer: {error}")))?,
            Err(refused @ AdminError::Refused { .. }) => return Err(refused.into()),
            Err(error) => {
                return Err(CliError::could_not_run_because(&error)
                    .with_remedy("start a hub with `hubnerite up`")
                    .with_remedy(
                        "or name one with --hub CONNECTION_STRING, or its admin API with --admin URL",
                    ));
            }
        };
        let text = told["connectionStrings"]["iothubowner"]
            .as_str()
            .ok_or_else(|| {
                CliError::could_not_run(format!(
                    "the hub at {} tells no connection string",
                    admin.url()
                ))
                .with_remedy("name it with --hub CONNECTION_STRING")
            })?;
        Ok((parse(text)?, told))
    }

    fn ca_file(&self, told: &Value) -> Result<PathBuf, CliError> {
        if let Some(dir) = &self.ca {
            return Ok(dir.join("ca.pem"));
        }
        match told["caPath"].as_str() {
            Some(file) => Ok(file.into()),
            None => Ok(default_ca_dir()?.join("ca.pem")),
        }
    }
}

impl AdminTarget {
    /// A client for it.
    pub(crate) fn client(&self) -> AdminClient {
        AdminClient::new(&self.url)
    }
}

/// Where the admin API of a hub on the address `host` is, if that has not been moved.
fn admin_url_at(host: &str) -> String {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("http://[{address}]:8080"),
        Ok(IpAddr::V4(address)) => format!("http://{address}:8080"),
        Err(_) => DEFAULT_URL.to_owned(),
    }
}

fn parse(text: &str) -> Result<ConnectionString, CliError> {
    let credential = ConnectionString::parse(text).map_err(|error| {
        CliError::usage(error.to_string()).with_remedy(
            "it looks like HostName=…;SharedAccessKeyName=iothubowner;SharedAccessKey=…; mind the \
             quotes, a shell ends the word at `;`",
        )
    });
    let credential = credential?;
    if matches!(credential.owner, Owner::Policy(_)) {
        return Ok(credential);
    }
    Err(
        CliError::usage("the connection string is a device's").with_remedy(
            "the service side needs a policy's: HostName=…;SharedAccessKeyName=…;SharedAccessKey=…",
        ),
    )
}

/// Whether `host` is this machine's by its very name.
pub(crate) fn is_local(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Resolvers need not know names under `.localhost`, though they can only mean this machine
/// (RFC 6761, section 6.3).
pub(crate) fn dial_host(host: &str) -> String {
    if host.to_ascii_lowercase().ends_with(".localhost") {
        "127.0.0.1".to_owned()
    } else {
        host.to_owned()
    }
}

/// Where a running hub tells its names, ports and keys.
pub(crate) const HUB_PATH: &str = "/admin/hub";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_on_an_address_of_its_own_is_asked_there() {
        for (host, url) in [
            ("localhost", DEFAULT_URL),
            ("orders.localhost", DEFAULT_URL),
            ("127.0.0.3", "http://127.0.0.3:8080"),
            ("::1", "http://[::1]:8080"),
        ] {
            assert_eq!(admin_url_at(host), url, "{host}");
        }
    }

    #[test]
    fn a_path_of_the_admin_api_names_the_hub_that_is_meant() {
        let named = HubName::of("a b");
        assert_eq!(named.path("/admin/hub"), "/admin/hub?hub=a%20b");
        assert_eq!(
            named.path("/admin/events?after=1"),
            "/admin/events?after=1&hub=a%20b"
        );
        assert_eq!(HubName::default().path("/admin/hub"), "/admin/hub");
    }

    #[tokio::test]
    async fn the_connection_string_of_a_hub_elsewhere_does_not_go_with_a_name_of_this_machine() {
        let key = "SharedAccessKeyName=iothubowner;SharedAccessKey=aGVsbG9oZWxsb2hlbGxvaGVsbG8=";
        let target = |host: &str| HubTarget {
            hub: Some(format!("HostName={host};{key}").into()),
            https_port: None,
            ca: None,
            name: HubName::of("orders"),
            admin: AdminTarget {
                url: DEFAULT_URL.to_owned(),
            },
        };
        let refused = target("a.azure-devices.net")
            .policy(None)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), crate::exit_code::USAGE);
        let local = target("localhost");
        assert!(local.named_by_connection_string().unwrap().is_none());
    }

    #[test]
    fn only_a_policys_connection_string_is_taken() {
        let key = "SharedAccessKey=aGVsbG9oZWxsb2hlbGxvaGVsbG8=";
        let device = parse(&format!("HostName=localhost;DeviceId=d;{key}")).unwrap_err();
        assert_eq!(device.code(), crate::exit_code::USAGE);
        assert!(parse(&format!("HostName=localhost;SharedAccessKeyName=p;{key}")).is_ok());
    }

    #[test]
    fn loopback_names_are_local_and_names_under_localhost_are_dialled_by_address() {
        for (host, local, dialled) in [
            ("localhost", true, "localhost"),
            ("Orders.LOCALHOST", true, "127.0.0.1"),
            ("127.0.0.7", true, "127.0.0.7"),
            ("::1", true, "::1"),
            ("myhub.azure-devices.net", false, "myhub.azure-devices.net"),
            ("notlocalhost", false, "notlocalhost"),
        ] {
            assert_eq!(
                (is_local(host), dial_host(host).as_str()),
                (local, dialled),
                "{host}"
            );
        }
    }
}
