//! How programs that are not ours find the hub: the variables that `hubnerite exec` sets, and the
//! connection strings of devices.

use std::path::{Path, PathBuf};

use hub_proto::connection_string::{ConnectionString, Owner};
use hub_proto::sas::SasKey;

use crate::clock::wall_now;
use crate::secret::Secret;
use crate::trust::{trust_files, variables};

/// A hub with sockets.
#[derive(Clone, Debug)]
pub(super) struct Access {
    /// Its name for whoever dials it.
    pub(super) host: String,
    /// A policy's.
    pub(super) connection_string: Secret,
    pub(super) admin_url: Option<String>,
    /// Where the certificate authority is.
    pub(super) ca_dir: PathBuf,
}

/// What commands are started with.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    host: String,
    variables: Vec<(String, String)>,
    /// Texts that no report may show.
    secrets: Vec<Secret>,
}

impl Access {
    /// Writes the files to be trusted, which takes some tens of milliseconds; `scenario` is the
    /// scenario's file.
    pub(super) async fn environment(&self, scenario: Option<&Path>) -> Result<Environment, String> {
        let (ca_dir, wall) = (self.ca_dir.clone(), wall_now());
        let files = tokio::task::spawn_blocking(move || trust_files(&ca_dir, wall)).await;
        let files = files
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("cannot write trust files: {error}"))?;
        let text = self.connection_string.expose();
        let java = std::env::var("JAVA_TOOL_OPTIONS").ok();
        let mut variables = variables(text, self.admin_url.as_deref(), &files, java.as_deref());
        let folder = scenario.and_then(Path::parent).unwrap_or(Path::new(""));
        let folder = std::path::absolute(folder.join(".")).unwrap_or_else(|_| folder.to_owned());
        variables.push((FOLDER.to_owned(), folder.display().to_string()));
        let key = ConnectionString::parse(text).map(|parsed| parsed.key.expose().to_owned());
        Ok(Environment {
            host: self.host.clone(),
            variables,
            secrets: key.into_iter().map(Secret::from).collect(),
        })
    }
}

impl Environment {
    /// With what a step adds.
    pub(super) fn with(&self, further: &[(String, String)]) -> Self {
        let mut with = self.clone();
        with.variables.extend_from_slice(further);
        with
    }

    /// For a device with this key.
    pub(super) fn for_device(&self, id: &str, key: &SasKey) -> Self {
        let connection_string = ConnectionString {
            host_name: self.host.clone(),
            gateway_host_name: None,
            owner: Owner::Device(id.to_owned()),
            key: key.clone(),
        };
        let mut with = self.with(&[
            (DEVICE.to_owned(), connection_string.expose()),
            (DEVICE_ID.to_owned(), id.to_owned()),
        ]);
        with.secrets.push(key.expose().to_owned().into());
        with
    }

    pub(super) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// `text` without the keys that a command may have written.
    pub(super) fn redacted(&self, text: &str) -> String {
        let keys = self.secrets.iter();
        keys.fold(text.to_owned(), |text, key| {
            text.replace(key.expose(), "***")
        })
    }
}

const DEVICE: &str = "IOTHUB_DEVICE_CONNECTION_STRING";
const DEVICE_ID: &str = "IOTHUB_DEVICE_ID";
/// The folder of the scenario's file.
const FOLDER: &str = "HUBNERITE_SCENARIO_DIR";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_finds_hub_and_device_and_its_keys_are_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let owner = "HostName=127.9.9.9;SharedAccessKeyName=p;SharedAccessKey=aHVibmVyaXRlLWlvdGh1Ym93bmVyLXByaW1hcnktMDE=";
        let access = Access {
            host: "127.9.9.9".to_owned(),
            connection_string: owner.to_owned().into(),
            admin_url: None,
            ca_dir: dir.path().to_owned(),
        };
        let environment = access.environment(Some(Path::new("/a/b.yaml"))).await;
        let environment = environment.unwrap();
        let key = SasKey::from_base64("ZGV2aWNlLWtleS1vZi10d2VudHktYnl0ZXM=").unwrap();
        let device = environment.for_device("pump-1", &key);
        let value = |name: &str| {
            let found = device.variables().iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("IOTHUB_CONNECTION_STRING"), Some(owner));
        assert_eq!(
            value("IOTHUB_DEVICE_CONNECTION_STRING"),
            Some(
                "HostName=127.9.9.9;DeviceId=pump-1;SharedAccessKey=ZGV2aWNlLWtleS1vZi10d2VudHktYnl0ZXM="
            )
        );
        assert_eq!(value("IOTHUB_DEVICE_ID"), Some("pump-1"));
        assert!(value("HUBNERITE_SCENARIO_DIR").is_some_and(|dir| dir.starts_with("/a")));
        let told = device.redacted(&format!("{owner} and {}", key.expose()));
        assert!(told.ends_with("SharedAccessKey=*** and ***"), "{told}");
    }
}
