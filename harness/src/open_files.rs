//! How many files, and so connections, this process may have open, and the room for them.

/// The two bounds; `None`: no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenFiles {
    /// The bound in force.
    pub(crate) soft: Option<u64>,
    /// How far the process may raise it itself.
    pub(crate) hard: Option<u64>,
}

impl OpenFiles {
    /// What [`raise`] makes of the bound in force. A billion, as some containers have it, would only
    /// cost: there are programs that close every file they might have.
    pub(crate) fn raised(self) -> Option<u64> {
        let hard = self.hard.map_or(RAISED_MAX, |hard| hard.min(RAISED_MAX));
        self.soft.map(|soft| soft.max(hard))
    }
}

/// The bounds of this process.
#[cfg(unix)]
pub(crate) fn open_files() -> OpenFiles {
    use rustix::process::{Resource, Rlimit, getrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    OpenFiles {
        soft: current,
        hard: maximum,
    }
}

/// Makes this process ready for many connections. To be called before it has a second thread: see
/// [`reserve`].
pub(crate) fn prepare() {
    raise();
    reserve();
}

/// Has the system make its table of this process's files as large as it may become.
///
/// Linux doubles the table when it is full, at 256 files, 512 and so on, and in a process of several threads it waits each time until
/// nobody can still be reading the old one (`synchronize_rcu` in `expand_fdtable`, fs/file.c): 6 to 20 ms, in
/// which whoever accepts or dials stands still. Of 8,000 connections, made in 0.27 s, that was 0.1 s. With one
/// thread there is nobody to wait for, and a table never shrinks. What cannot be had is done without.
fn reserve() {
    #[cfg(target_os = "linux")]
    {
        let highest = open_files()
            .soft
            .map_or(RESERVED, |soft| soft.min(RESERVED))
            .saturating_sub(1);
        let Ok(highest) = i32::try_from(highest) else {
            return;
        };
        // The number is given back at once; the table stays.
        if let Err(error) = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), highest) {
            tracing::debug!(%error, "the table of open files grows when it has to");
        }
    }
}

/// Raises the soft bound: the usual 1,024 are some 500 devices. What cannot be had is done without.
fn raise() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let bounds = open_files();
        let raised = bounds.raised();
        if raised == bounds.soft {
            return;
        }
        let wanted = Rlimit {
            current: raised,
            maximum: bounds.hard,
        };
        if let Err(error) = setrlimit(Resource::Nofile, wanted) {
            tracing::debug!(%error, ?bounds, "the number of open files cannot be raised");
        }
    }
}

const RAISED_MAX: u64 = 1 << 20;
/// As many are 0.5 MiB of the kernel's memory; beyond, the table grows when it has to.
#[cfg(target_os = "linux")]
const RESERVED: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_systems_table_has_room_before_there_are_files() {
        prepare();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|it| it.strip_prefix("FDSize:"));
        let size: u64 = size.unwrap().trim().parse().unwrap();
        let allowed = open_files().soft.unwrap_or(RESERVED);
        assert!(size >= allowed.min(RESERVED), "{size} of {allowed}");
    }

    #[test]
    fn the_bound_is_raised_as_far_as_makes_sense_and_never_lowered() {
        let cases = [
            (Some(1_024), Some(4_096), Some(4_096)),
            (Some(1_024), Some(1 << 30), Some(RAISED_MAX)),
            (Some(1_024), None, Some(RAISED_MAX)),
            (Some(1 << 24), None, Some(1 << 24)),
            (Some(4_096), Some(4_096), Some(4_096)),
            (None, None, None),
        ];
        for (soft, hard, expected) in cases {
            let bounds = OpenFiles { soft, hard };
            assert_eq!(bounds.raised(), expected, "{bounds:?}");
        }
    }
}
