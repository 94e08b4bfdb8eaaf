//! What the figures were measured on.

use std::process::Command;

use serde_json::json;

use crate::bench::Bench;

/// The machine, and what else has a version.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    itself: hubnerite_scale::Machine,
    mosquitto: Option<String>,
}

impl Machine {
    /// What cannot be found out is left empty: figures are worth something without it.
    pub(crate) fn look(bench: &Bench) -> Self {
        let mosquitto = bench.mosquitto.as_ref().and_then(|path| {
            let told = Command::new(path).arg("-h").output().ok()?.stdout;
            let told = String::from_utf8(told).ok()?;
            told.lines().next().map(str::to_owned)
        });
        Self {
            itself: hubnerite_scale::Machine::look(),
            mosquitto,
        }
    }

    /// One line.
    pub(crate) fn line(&self) -> String {
        let hubnerite_scale::Machine {
            cores,
            cpu,
            memory_gb,
            kernel,
        } = &self.itself;
        let mosquitto = self.mosquitto.as_deref().unwrap_or("no mosquitto");
        format!("{cores} cores ({cpu}), {memory_gb} GB, Linux {kernel}; {mosquitto}")
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({
            "cores": self.itself.cores, "cpu": self.itself.cpu, "memoryGb": self.itself.memory_gb,
            "kernel": self.itself.kernel, "mosquitto": self.mosquitto,
        })
    }
}
