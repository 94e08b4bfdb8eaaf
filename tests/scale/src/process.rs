//! What a process takes while it runs: its CPU time and its most memory, read from `/proc`. Starts nothing.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, bail};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a process has taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Taken {
    /// Of all threads, user and system.
    pub(crate) cpu_seconds: f64,
    /// The most resident memory it ever had.
    pub(crate) peak_bytes: u64,
    is_over: bool,
}

/// What a process that runs has taken so far.
pub(crate) fn so_far(process: &Child) -> anyhow::Result<Taken> {
    let folder = format!("/proc/{}", process.id());
    let stat = std::fs::read_to_string(format!("{folder}/stat"))?;
    let (cpu_seconds, is_over) = read_stat(&stat).context("an unreadable /proc/PID/stat")?;
    let status = std::fs::read_to_string(format!("{folder}/status"))?;
    Ok(Taken {
        cpu_seconds,
        peak_bytes: read_peak(&status).unwrap_or(0),
        is_over,
    })
}

/// Looks at a process until it has ended, by itself and well.
pub(crate) fn until_end(process: &mut Child) -> anyhow::Result<Taken> {
    let mut peak_bytes = 0;
    loop {
        let taken = so_far(process)?;
        // One that waits to be taken away has given its memory back.
        peak_bytes = peak_bytes.max(taken.peak_bytes);
        if taken.is_over {
            return Ok(Taken {
                peak_bytes,
                ..taken
            });
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// A child that is ended with us, whatever becomes of us.
#[derive(Debug)]
pub(crate) struct Owned(pub(crate) Child);

impl Owned {
    /// Fails if it has ended.
    pub(crate) fn assert_runs(&mut self, name: &str) -> anyhow::Result<()> {
        if let Some(status) = self.0.try_wait()? {
            bail!("{name} ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to do about either.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The CPU time in seconds, and whether the process only waits to be taken away.
fn read_stat(stat: &str) -> Option<(f64, bool)> {
    // The second field is the command in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    // utime and stime are fields 14 and 15 of the whole line, in ticks of 10 ms.
    let ticks = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
    Some((f64::from(ticks) / 100.0, fields[0] == "Z"))
}

fn read_peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_it_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4 1 2 3 4 150 50 9 9 20 0";
        assert_eq!(read_stat(stat), Some((2.0, false)));
        assert_eq!(read_stat(&stat.replace(") S ", ") Z ")), Some((2.0, true)));
        assert_eq!(read_stat("7 (a"), None);
        assert_eq!(read_peak("Name:\ta\nVmHWM:\t   20 kB\n"), Some(20_480));
    }
}
