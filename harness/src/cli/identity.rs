//! What the identities of devices and modules have in common on the command line: how a client shows who
//! it is, and its connection string.

use clap::{Args, ValueEnum};
use hub_proto::connection_string::{ConnectionString, Owner};
use hub_proto::sas::SasKey;
use serde_json::{Value, json};

use super::CliError;
use crate::secret::Secret;
use crate::service_client::{ServiceClient, row_errors};

/// How a client shows who it is. The values of az are understood as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Auth {
    /// A shared access key
    #[value(alias = "shared_private_key")]
    Sas,
    /// A certificate that is known by its thumbprint
    #[value(alias = "x509_thumbprint")]
    X509Thumbprint,
    /// A certificate that an authority of the hub has signed
    #[value(alias = "x509_ca")]
    X509Ca,
}

/// The flags that say how a client shows who it is.
#[derive(Args, Debug)]
pub(super) struct AuthArgs {
    /// How it shows who it is; default: sas, with fresh keys
    #[arg(long, aliases = ["auth-method", "am"], value_enum, value_name = "METHOD")]
    auth: Option<Auth>,
    /// Use this key, in base64, instead of a fresh one
    #[arg(long, alias = "pk", value_name = "BASE64", requires = "secondary_key")]
    primary_key: Option<Secret>,
    /// The second key, in base64
    #[arg(long, alias = "sk", value_name = "BASE64", requires = "primary_key")]
    secondary_key: Option<Secret>,
    /// The certificate's thumbprint, SHA-1 or SHA-256, in hexadecimal digits
    #[arg(
        long,
        alias = "ptp",
        value_name = "HEX",
        conflicts_with = "primary_key"
    )]
    primary_thumbprint: Option<String>,
    /// The second certificate's thumbprint
    #[arg(
        long,
        alias = "stp",
        value_name = "HEX",
        conflicts_with = "primary_key"
    )]
    secondary_thumbprint: Option<String>,
}

impl AuthArgs {
    /// The `authentication` of the hub's JSON; `None` if the flags say nothing of it.
    pub(super) fn authentication(&self) -> Result<Option<Value>, CliError> {
        let has_thumbprint =
            self.primary_thumbprint.is_some() || self.secondary_thumbprint.is_some();
        let auth = match self.auth {
            Some(auth) => auth,
            None if has_thumbprint => Auth::X509Thumbprint,
            None if self.primary_key.is_some() => Auth::Sas,
            None => return Ok(None),
        };
        if has_thumbprint && auth != Auth::X509Thumbprint {
            let words = "a thumbprint goes with --auth x509-thumbprint and nothing else";
            return Err(CliError::usage(words));
        }
        if self.primary_key.is_some() && auth != Auth::Sas {
            return Err(CliError::usage("keys go with --auth sas and nothing else"));
        }
        Ok(Some(match auth {
            Auth::Sas => {
                let text = |key: &Option<Secret>| key.as_ref().map(|key| key.expose().to_owned());
                let keys = json!({
                    "primaryKey": text(&self.primary_key),
                    "secondaryKey": text(&self.secondary_key),
                });
                json!({"type": "sas", "symmetricKey": keys})
            }
            Auth::X509Thumbprint => {
                if !has_thumbprint {
                    let words = "--auth x509-thumbprint needs --primary-thumbprint HEX";
                    return Err(CliError::usage(words).with_remedy(
                        "openssl x509 -in cert.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g'",
                    ));
                }
                let thumbprints = json!({
                    "primaryThumbprint": self.primary_thumbprint,
                    "secondaryThumbprint": self.secondary_thumbprint,
                });
                json!({"type": "selfSigned", "x509Thumbprint": thumbprints})
            }
            Auth::X509Ca => json!({"type": "certificateAuthority"}),
        }))
    }
}

/// Which keys are made anew.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum KeyType {
    /// The first
    Primary,
    /// The second
    Secondary,
    /// Neither: the two change places
    Swap,
    /// Both
    Both,
}

impl KeyType {
    /// As the hub names it; a swap is no making anew.
    fn policy_key(self) -> Option<&'static str> {
        match self {
            Self::Primary => Some("primaryKey"),
            Self::Secondary => Some("secondaryKey"),
            Self::Both => Some("both"),
            Self::Swap => None,
        }
    }
}

/// Makes the keys of devices, or of a device's module, anew; gives the keys that hold from now on, a row of
/// the hub's JSON for each.
pub(super) async fn renew_keys(
    client: &mut ServiceClient,
    key_type: KeyType,
    devices: &[String],
    module: Option<&str>,
) -> Result<Vec<Value>, CliError> {
    let Some(policy_key) = key_type.policy_key() else {
        let mut rows = Vec::new();
        for device in devices {
            rows.push(swap_keys(client, device, module).await?);
        }
        return Ok(rows);
    };
    let mut answer = client.renew_keys(policy_key, devices, module).await?;
    let errors = row_errors(&answer);
    if !errors.is_empty() {
        let words = format!("not every key was made anew: {errors}");
        return Err(CliError::failed(words));
    }
    match answer["rotatedKeys"].take() {
        Value::Array(rows) => Ok(rows),
        _ => Err(CliError::could_not_run(
            "the hub's answer tells of no keys".to_owned(),
        )),
    }
}

/// The hub has no operation for it; az reads and writes the identity as well.
async fn swap_keys(
    client: &mut ServiceClient,
    device: &str,
    module: Option<&str>,
) -> Result<Value, CliError> {
    let mut identity = match module {
        Some(module) => client.module(device, module).await?,
        None => client.device(device).await?,
    };
    let keys = &mut identity["authentication"]["symmetricKey"];
    let (primary, secondary) = (keys["primaryKey"].take(), keys["secondaryKey"].take());
    if !primary.is_string() {
        let words = format!("{device} has no symmetric keys");
        return Err(CliError::failed(words));
    }
    (keys["primaryKey"], keys["secondaryKey"]) = (secondary, primary);
    match module {
        Some(module) => client.update_module(device, module, &identity).await?,
        None => client.update_device(device, &identity).await?,
    };
    let keys = &identity["authentication"]["symmetricKey"];
    Ok(json!({
        "id": device,
        "moduleId": module,
        "primaryKey": keys["primaryKey"],
        "secondaryKey": keys["secondaryKey"],
    }))
}

/// The connection string of an identity as the hub shows it; one with a certificate has `x509=true` in
/// place of a key.
pub(super) fn connection_string(
    host_name: &str,
    identity: &Value,
    which: &str,
) -> Result<String, CliError> {
    let id = |key: &str| identity[key].as_str().map(str::to_owned);
    let device = id("deviceId").unwrap_or_default();
    let owner = match id("moduleId") {
        Some(module) => Owner::Module(device, module),
        None => Owner::Device(device),
    };
    let authentication = &identity["authentication"];
    if ["selfSigned", "certificateAuthority"]
        .map(Value::from)
        .contains(&authentication["type"])
    {
        return Ok(format!("HostName={host_name};{owner};x509=true"));
    }
    let key = authentication["symmetricKey"][which].as_str();
    let key = SasKey::from_base64(key.unwrap_or_default())
        .map_err(|_| CliError::failed(format!("{owner} has no symmetric key")))?;
    let connection_string = ConnectionString {
        host_name: host_name.to_owned(),
        gateway_host_name: None,
        owner,
        key,
    };
    Ok(connection_string.expose())
}

/// The member of the hub's JSON that a connection string takes its key from.
pub(super) fn key_name(is_secondary: bool) -> &'static str {
    if is_secondary {
        "secondaryKey"
    } else {
        "primaryKey"
    }
}
