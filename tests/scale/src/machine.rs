//! What figures were measured on.

use std::thread::available_parallelism;

/// The machine, as far as it says; figures are worth something without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Those that this process may use.
    pub cores: usize,
    /// GiB, rounded up.
    pub memory_gb: u64,
    /// Its release.
    pub kernel: String,
    /// The processor's model.
    pub cpu: String,
}

impl Machine {
    /// This one. What cannot be found out is left empty.
    pub fn look() -> Self {
        let read = |file| std::fs::read_to_string(file).unwrap_or_default();
        let field = |file, name: &str| {
            let text = read(file);
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':'))
                .map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        Self {
            cores: available_parallelism().map_or(0, usize::from),
            memory_gb: kib.div_ceil(1024 * 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            cpu: field("/proc/cpuinfo", "model name"),
        }
    }

    /// The cells of a table that tell of it, [`Self::HEADER`] above them.
    pub(crate) fn cells(&self) -> String {
        let Self {
            cores,
            memory_gb,
            kernel,
            cpu,
        } = self;
        // A comma is the table's.
        let [kernel, cpu] = [kernel, cpu].map(|text| text.replace(',', ";"));
        format!("{cores},{memory_gb},{kernel},{cpu}")
    }

    pub(crate) const HEADER: &str = "cores,memory_gb,kernel,cpu";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_as_many_cells_as_its_header_has() {
        let machine = Machine {
            cpu: "a, b".into(),
            ..Machine::look()
        };
        let count = |text: &str| text.split(',').count();
        assert_eq!(count(&machine.cells()), count(Machine::HEADER));
        assert!(machine.cores > 0);
    }
}
