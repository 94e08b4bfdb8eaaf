//! How many files, and so connections, this process may have open.

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

/// Raises the soft bound: the usual 1,024 are some 500 devices. What cannot be had is done without.
pub(crate) fn raise() {
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

#[cfg(test)]
mod tests {
    use super::*;

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
