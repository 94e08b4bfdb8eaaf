//! What a hub says once it is ready: a block for people, one JSON line for programs.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use emulator::RunningEmulator;
use emulator::config::Ports;
use serde_json::json;

use super::style::{FAINT, GOOD, LABEL, NOTE, STRONG, paint};
use crate::admin_client::DEFAULT_URL;
use crate::secret::Secret;

/// A hub that is ready.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    /// The name people use for it.
    pub(crate) host: String,
    /// The addresses bound.
    pub(crate) addresses: Vec<IpAddr>,
    /// The ports in use.
    pub(crate) ports: Ports,
    /// `iothubowner`'s connection string for `host`.
    pub(crate) connection_string: Secret,
    /// Those of the hubs beside the default one, by host name.
    pub(crate) hubs: Vec<(String, Secret)>,
    /// The admin API's address.
    pub(crate) admin_url: Option<String>,
    /// Where containers of blobs are, if they are served.
    pub(crate) blob_url: Option<String>,
    /// The CA's certificate.
    pub(crate) ca: PathBuf,
    /// How long the start took.
    pub(crate) took: Duration,
}

impl Ready {
    /// What `hub` says of itself, ready after `took`.
    pub(crate) fn of(hub: &RunningEmulator, took: Duration) -> Self {
        let addresses = hub.addresses().to_vec();
        let host = hub.hub().host_name().to_owned();
        let hubs = hub.hubs().into_iter().map(|(name, hub)| {
            let owner = hub.connection_string("iothubowner").unwrap_or_default();
            (name.to_string(), owner.into())
        });
        Self {
            hubs: hubs.collect(),
            connection_string: hub
                .connection_string("iothubowner", &host)
                .unwrap_or_default()
                .into(),
            ports: hub.ports(),
            admin_url: hub.admin_url(),
            blob_url: hub.blob_url(),
            ca: hub.ca_path().to_owned(),
            host,
            addresses,
            took,
        }
    }

    /// One line, for programs.
    pub(crate) fn to_json(&self) -> String {
        let hubs = self
            .hubs
            .iter()
            .map(|(host, owner)| json!({ "connectionString": owner.expose(), "hostName": host }));
        let hubs: Vec<_> = hubs.collect();
        let mut ready = json!({
            "addresses": self.addresses,
            "adminUrl": self.admin_url,
            "caPath": self.ca,
            "connectionString": self.connection_string.expose(),
            "hostName": self.host,
            "hubs": hubs,
            "pid": std::process::id(),
            "ports": {
                "admin": self.ports.admin,
                "amqps": self.ports.amqps,
                "http": self.ports.http,
                "https": self.ports.https,
                "mqtt": self.ports.mqtt,
                "mqtts": self.ports.mqtts,
            },
            "readyMs": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        });
        if let Some(url) = &self.blob_url {
            ready["blobUrl"] = url.clone().into();
        }
        ready.to_string()
    }

    /// The block, for people; `trust` is the command that sets a shell up.
    pub(crate) fn to_block(&self) -> String {
        let mut lines = self.endpoint_lines();
        lines.push(line("Hub", self.connection_string.expose(), "", ""));
        if self.host == "localhost" {
            let dotted = "HostName=127.0.0.1;…";
            lines.push(line(
                "",
                dotted,
                "for Java and C devices, which insist on a dot",
                "",
            ));
        }
        for (_, owner) in self.hubs.iter().take(HUBS_SHOWN_MAX) {
            lines.push(line("", owner.expose(), "", ""));
        }
        if let Some(more @ 1..) = self.hubs.len().checked_sub(HUBS_SHOWN_MAX) {
            let note = format!("and {more} more: `hubnerite hub list`");
            lines.push(line("", &note, "", ""));
        }
        lines.push(line(
            "Trust",
            &self.env_command(),
            "sets the variables each SDK reads; or see `hubnerite trust`",
            "",
        ));
        if self.has_moved_ports() {
            let note = "SDKs dial 8883 and 443 whatever a connection string says: on moved ports \
                        only tools that take a port reach this hub";
            lines.push(format!("  {}    {note}", paint(NOTE, "Note")));
        }
        let took = format!("ready in {} ms", self.took.as_millis());
        lines.push(format!("  {}", paint(GOOD, took)));
        lines.join("\n") + "\n"
    }

    fn endpoint_lines(&self) -> Vec<String> {
        let host = &self.host;
        let mut lines = Vec::new();
        let web_socket = match self.ports.https {
            Some(443) => format!("also wss://{host}/$iothub/websocket"),
            Some(port) => format!("also wss://{host}:{port}/$iothub/websocket"),
            None => String::new(),
        };
        if let Some(port) = self.ports.mqtts {
            lines.push(line(
                "MQTT",
                &format!("{host}:{port}"),
                &web_socket,
                "(TLS)",
            ));
        }
        if let Some(port) = self.ports.mqtt {
            lines.push(line("MQTT", &format!("{host}:{port}"), "", "(plain)"));
        }
        if let Some(port) = self.ports.https {
            lines.push(line(
                "HTTPS",
                &format!("{host}:{port}"),
                "REST service endpoint",
                "",
            ));
        }
        if let Some(port) = self.ports.http {
            let place = format!("{host}:{port}");
            lines.push(line("HTTP", &place, "REST service endpoint", "(plain)"));
        }
        if let Some(url) = &self.admin_url {
            lines.push(line(
                "Admin",
                url,
                "health, event log, the CA certificate",
                "",
            ));
        }
        if let Some(url) = &self.blob_url {
            lines.push(line("Blobs", url, "containers for imports and exports", ""));
        }
        lines
    }

    /// What a shell takes the variables in with; the usual hub is found without being named.
    fn env_command(&self) -> String {
        match &self.admin_url {
            Some(url) if url != DEFAULT_URL && url != "http://localhost:8080" => {
                format!("eval \"$(hubnerite env --admin {url})\"")
            }
            _ => "eval \"$(hubnerite env)\"".to_owned(),
        }
    }

    fn has_moved_ports(&self) -> bool {
        self.ports.mqtts.is_some_and(|port| port != 8883)
            || self.ports.https.is_some_and(|port| port != 443)
    }
}

fn line(name: &str, value: &str, note: &str, kind: &str) -> String {
    let label = paint(LABEL, format!("{name:<6}"));
    if kind.is_empty() && note.is_empty() {
        return format!("  {label}  {}", paint(STRONG, value));
    }
    if value.chars().count() > VALUE_WIDTH && !note.is_empty() {
        let first = line(name, value, "", kind);
        return format!("{first}\n{:NOTE_COLUMN$}{}", "", paint(FAINT, note));
    }
    let value = paint(STRONG, format!("{value:<VALUE_WIDTH$}"));
    let rest = paint(FAINT, format!("{kind:<7} {note}").trim_end());
    format!("  {label}  {value} {rest}")
}

/// More than these are a list of their own.
const HUBS_SHOWN_MAX: usize = 8;
const VALUE_WIDTH: usize = 24;
/// Where notes begin: behind label, value and kind, with the spaces between them.
const NOTE_COLUMN: usize = 10 + VALUE_WIDTH + 1 + 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Ready {
        Ready {
            host: "localhost".into(),
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            ports: Ports {
                mqtts: Some(8883),
                amqps: Some(5671),
                https: Some(443),
                mqtt: None,
                http: None,
                admin: Some(8080),
            },
            connection_string: "HostName=localhost;SharedAccessKeyName=iothubowner;\
                                SharedAccessKey=a2V5"
                .to_owned()
                .into(),
            hubs: Vec::new(),
            admin_url: Some("http://localhost:8080".into()),
            blob_url: None,
            ca: "/home/me/.local/share/hubnerite/ca.pem".into(),
            took: Duration::from_millis(31),
        }
    }

    fn plain(ready: &Ready) -> String {
        anstream::adapter::strip_str(&ready.to_block()).to_string()
    }

    #[test]
    fn the_block_names_every_endpoint_that_is_open() {
        insta::assert_snapshot!(plain(&ready()));
    }

    #[test]
    fn moved_ports_are_shown_and_warned_of() {
        let ports = Ports {
            mqtts: Some(40001),
            amqps: None,
            https: Some(40002),
            mqtt: Some(1883),
            http: Some(40004),
            admin: Some(40003),
        };
        let moved = Ready {
            ports,
            admin_url: Some("http://127.0.0.5:40003".into()),
            blob_url: None,
            host: "127.0.0.5".into(),
            ..ready()
        };
        insta::assert_snapshot!(plain(&moved));
    }

    #[test]
    fn hubs_beside_the_default_one_are_told_to_people_and_programs() {
        // HUB-1
        let hub = |number| {
            let host = format!("hub-{number}.localhost");
            let owner =
                format!("HostName={host};SharedAccessKeyName=iothubowner;SharedAccessKey=a2V5");
            (host, Secret::from(owner))
        };
        let ready = Ready {
            hubs: (1..=10).map(hub).collect(),
            ..ready()
        };
        let block = plain(&ready);
        let lines: Vec<_> = block
            .lines()
            .filter(|line| line.contains("HostName=hub-"))
            .collect();
        assert_eq!(lines.len(), HUBS_SHOWN_MAX, "{block}");
        assert!(
            block.contains("and 2 more: `hubnerite hub list`"),
            "{block}"
        );
        let told: serde_json::Value = serde_json::from_str(&ready.to_json()).unwrap();
        assert_eq!(told["hubs"].as_array().unwrap().len(), 10);
        assert_eq!(told["hubs"][0]["hostName"], "hub-1.localhost");
    }

    #[test]
    fn the_json_line_tells_programs_the_same() {
        let json = ready()
            .to_json()
            .replace(&std::process::id().to_string(), "PID");
        insta::assert_snapshot!(json, @r#"{"addresses":["127.0.0.1","::1"],"adminUrl":"http://localhost:8080","caPath":"/home/me/.local/share/hubnerite/ca.pem","connectionString":"HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=a2V5","hostName":"localhost","hubs":[],"pid":PID,"ports":{"admin":8080,"amqps":5671,"http":null,"https":443,"mqtt":null,"mqtts":8883},"readyMs":31}"#);
    }
}
