//! What the figures were measured on.

use std::process::Command;
use std::thread::available_parallelism;

use serde_json::json;

use crate::bench::Bench;

/// The machine, and what else has a version.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    cores: usize,
    cpu: String,
    memory_gb: u64,
    kernel: String,
    mosquitto: Option<String>,
}

impl Machine {
    /// What cannot be found out is left empty: figures are worth something without it.
    pub(crate) fn look(bench: &Bench) -> Self {
        let read = |file| std::fs::read_to_string(file).unwrap_or_default();
        let field = |file, name: &str| {
            let text = read(file);
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':'))
                .map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        let mosquitto = bench.mosquitto.as_ref().and_then(|path| {
            let told = Command::new(path).arg("-h").output().ok()?.stdout;
            let told = String::from_utf8(told).ok()?;
            told.lines().next().map(str::to_owned)
        });
        Self {
            cores: available_parallelism().map_or(0, usize::from),
            cpu: field("/proc/cpuinfo", "model name"),
            memory_gb: kib.div_ceil(1024 * 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            mosquitto,
        }
    }

    /// One line.
    pub(crate) fn line(&self) -> String {
        let Self {
            cores,
            cpu,
            memory_gb,
            kernel,
            mosquitto,
        } = self;
        let mosquitto = mosquitto.as_deref().unwrap_or("no mosquitto");
        format!("{cores} cores ({cpu}), {memory_gb} GB, Linux {kernel}; {mosquitto}")
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({
            "cores": self.cores, "cpu": self.cpu, "memoryGb": self.memory_gb,
            "kernel": self.kernel, "mosquitto": self.mosquitto,
        })
    }
}
