//! What is typed after the flags of `fleet`, as values.

use std::sync::Arc;
use std::time::Duration;

use device_sim::behaviour::Program;
use device_sim::fleet::{Arrival, DevicePlan};
use device_sim::netem::NetworkProfile;
use hub_proto::connection_string::{ConnectionString, Owner};
use serde_json::Value;

use crate::cli::CliError;
use crate::scenario;

/// `5m`
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    scenario::duration(text)
        .map_err(|problem| format!("it {problem}; write `500ms`, `5s`, `2m` or `1h`"))
}

/// `burst`, `500/s`, `over 10s`
pub(super) fn arrival(text: &str) -> Result<Arrival, String> {
    if text == "burst" {
        return Ok(Arrival::Burst);
    }
    if let Some(rate) = scenario::rate(text) {
        return Ok(Arrival::Rate(rate));
    }
    match text.strip_prefix("over ") {
        Some(whole) => duration(whole.trim()).map(Arrival::Over),
        None => Err("write `burst`, a rate as `500/s`, or `over 10s`".to_owned()),
    }
}

/// `good`, `3g`, `satellite`
pub(super) fn network(text: &str) -> Result<NetworkProfile, String> {
    NetworkProfile::by_name(text).ok_or_else(|| "there are good, 3g and satellite".to_owned())
}

/// `down=2s`: JSON if it is, else text.
pub(super) fn parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write it as NAME=VALUE")?;
    let json = serde_json::from_str(value);
    Ok((
        name.to_owned(),
        json.unwrap_or_else(|_| Value::String(value.to_owned())),
    ))
}

/// The behaviour of this name, or in this file, with these parameters.
pub(super) fn behaviour(
    name: &str,
    parameters: &[(String, Value)],
) -> Result<Arc<Program>, CliError> {
    let program = match Program::built_in(name) {
        Some(program) => program,
        None => Arc::new(behaviour_file(name)?),
    };
    if parameters.is_empty() {
        return Ok(program);
    }
    program.with(parameters).map_err(|error| {
        let named = program.parameters().map(|(name, _)| name.to_owned());
        let named: Vec<String> = named.collect();
        let told = CliError::usage(error.to_string());
        if named.is_empty() {
            told.with_remedy(format!("{name} has no parameters"))
        } else {
            told.with_remedy(format!("{name} has {}", named.join(", ")))
        }
    })
}

fn behaviour_file(path: &str) -> Result<Program, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let there_are = Program::built_in_names().join(", ");
        CliError::usage(format!(
            "there is no behaviour {path:?}, and no such file: {error}"
        ))
        .with_remedy(format!("there are {there_are}; or name a file"))
    })?;
    Program::parse(&text, path).map_err(|error| CliError::usage(error.to_string()))
}

/// Devices by their connection strings, one a line; empty lines and those after `#` are left out.
pub(super) fn devices(text: &str, file: &str) -> Result<Vec<DevicePlan>, CliError> {
    let mut devices: Vec<DevicePlan> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = |what: &str| CliError::usage(format!("{file}:{number}: {what}"));
        let credential =
            ConnectionString::parse(line).map_err(|error| fault(&error.to_string()))?;
        let Owner::Device(id) = credential.owner else {
            return Err(fault("the connection string is not a device's"));
        };
        let host: Arc<str> = credential.host_name.into();
        if devices.first().is_some_and(|first| first.host != host) {
            return Err(fault("the device is of another hub than those before it")
                .with_remedy("a fleet goes to one hub; run one for each"));
        }
        devices.push(DevicePlan {
            id: id.into(),
            key: credential.key,
            host,
        });
    }
    if devices.is_empty() {
        return Err(CliError::usage(format!("{file} names no device")));
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exit_code;

    #[test]
    fn arrivals_are_read_as_in_a_scenario() {
        for (text, expected) in [
            ("burst", Some(Arrival::Burst)),
            ("500/s", Some(Arrival::Rate(500.0))),
            ("over 10s", Some(Arrival::Over(Duration::from_secs(10)))),
            ("over 10", None),
            ("500", None),
            ("0/s", None),
        ] {
            assert_eq!(arrival(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn parameters_are_json_where_they_can_be() {
        for (text, expected) in [
            ("down=2s", Some(("down", json!("2s")))),
            ("share=0.5", Some(("share", json!(0.5)))),
            ("on=true", Some(("on", json!(true)))),
            ("text=a=b", Some(("text", json!("a=b")))),
            ("down", None),
            ("=2", None),
        ] {
            let expected = expected.map(|(name, value)| (name.to_owned(), value));
            assert_eq!(parameter(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_file_of_devices_is_read_and_its_faults_named_by_line_without_the_key() {
        let line = |host: &str, id: &str| {
            format!("HostName={host};DeviceId={id};SharedAccessKey=aGVsbG9oZWxsb2hlbGxvaGVsbG8=\n")
        };
        let text = format!(
            "# pumps\n\n{}{}",
            line("a.example", "p1"),
            line("a.example", "p2")
        );
        let found = devices(&text, "pumps.txt").unwrap();
        let ids: Vec<&str> = found.iter().map(|device| &*device.id).collect();
        assert_eq!(ids, ["p1", "p2"]);
        let policy =
            "HostName=h;SharedAccessKeyName=p;SharedAccessKey=aGVsbG9oZWxsb2hlbGxvaGVsbG8=";
        for (text, words) in [
            (String::new(), "pumps.txt names no device"),
            ("garbage".to_owned(), "pumps.txt:1: "),
            (
                policy.to_owned(),
                "pumps.txt:1: the connection string is not a device's",
            ),
            (
                line("a.example", "p1") + &line("b.example", "p2"),
                "pumps.txt:2: the device is of another hub",
            ),
        ] {
            let error = devices(&text, "pumps.txt").unwrap_err();
            assert_eq!(error.code(), exit_code::USAGE);
            let told = error.render();
            assert!(told.contains(words) && !told.contains("aGVsbG9"), "{told}");
        }
    }
}
