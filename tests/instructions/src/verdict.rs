//! What has changed against the committed counts, and whether it may.

use std::fmt::Write as _;

use crate::counts::{Count, Counts};
use crate::toolchain::Toolchain;

/// How far the committed counts can be believed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// Counted with these very tools: what differs is our doing.
    Same,
    /// Another compiler, C library or valgrind for the same target: only what got much slower counts.
    Similar,
    /// Another target: the numbers say nothing.
    Other,
}

/// What became of one path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// Within the tolerance.
    Unchanged,
    /// It takes more.
    Worse,
    /// It takes less: the file is to say so, so that it stays.
    Better,
    /// The file does not have it.
    New,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    rows: Vec<Row>,
    /// Paths of the file that are no more.
    gone: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    before: Option<Count>,
    now: Count,
    finding: Finding,
}

/// How much two counts may differ.
struct Tolerance {
    /// Of the instructions before.
    share: f64,
    /// Instructions that are forgiven to the shortest paths.
    instructions: f64,
    allocations: f64,
}

impl Likeness {
    /// How the tools `committed`, as printed, compare with those `here`.
    pub fn of(committed: &str, here: &Toolchain) -> Self {
        let here = here.to_string();
        if committed == here {
            Self::Same
        } else if Toolchain::target_of(committed) == Toolchain::target_of(&here) {
            Self::Similar
        } else {
            Self::Other
        }
    }

    /// With the same tools the counts of two runs differ by a thousandth at most (a hash map's seed), but
    /// what the compiler inlines where may change with a line elsewhere in the crate, which the shortest
    /// paths feel most. Another compiler's or allocator's counts differ by some hundredths.
    fn tolerance(self) -> Tolerance {
        match self {
            Self::Same => Tolerance {
                share: 0.03,
                instructions: 25.0,
                allocations: 0.02,
            },
            Self::Similar | Self::Other => Tolerance {
                share: 0.20,
                instructions: 80.0,
                allocations: 0.5,
            },
        }
    }
}

impl Verdict {
    /// Compares `now` with what is committed.
    pub fn new(committed: &Counts, now: &Counts, likeness: Likeness) -> Self {
        let tolerance = likeness.tolerance();
        let rows = now.paths.iter().map(|(name, now)| {
            let before = committed.get(name);
            let finding = match before {
                None => Finding::New,
                Some(before) => tolerance.judge(before, *now),
            };
            Row {
                name: name.clone(),
                before,
                now: *now,
                finding,
            }
        });
        let is_gone = |name: &&String| now.get(name).is_none();
        let names = committed.paths.iter().map(|(name, _)| name);
        Self {
            rows: rows.collect(),
            gone: names.filter(is_gone).cloned().collect(),
        }
    }

    /// Whether the committed file may stay as it is.
    pub fn holds(&self, likeness: Likeness) -> bool {
        let may_stay = |row: &Row| match row.finding {
            Finding::Unchanged => true,
            Finding::Worse | Finding::New => false,
            // With other tools nobody can say whose doing it is, nor write the file.
            Finding::Better => likeness != Likeness::Same,
        };
        self.gone.is_empty() && self.rows.iter().all(may_stay)
    }

    /// The findings as a table: only what has changed, unless `all`.
    pub fn table(&self, all: bool) -> String {
        let mut table = format!(
            "{:<26}{:>14}{:>14}{:>9}{:>20}\n",
            "path", "before", "now", "change", "allocations"
        );
        let shown = |row: &&Row| all || row.finding != Finding::Unchanged;
        for row in self.rows.iter().filter(shown) {
            table.push_str(&row.print());
        }
        for name in &self.gone {
            writeln!(table, "{name:<26}{:>14}", "gone").unwrap();
        }
        table
    }
}

impl Tolerance {
    fn judge(&self, before: Count, now: Count) -> Finding {
        let allowed = (before.instructions * self.share).max(self.instructions);
        let instructions = now.instructions - before.instructions;
        let allocations = now.allocations - before.allocations;
        // An allocation more is worse, whatever else got better.
        if instructions > allowed || allocations > self.allocations {
            Finding::Worse
        } else if instructions < -allowed || allocations < -self.allocations {
            Finding::Better
        } else {
            Finding::Unchanged
        }
    }
}

impl Row {
    fn print(&self) -> String {
        let Self {
            name,
            before,
            now,
            finding,
        } = self;
        let word = match finding {
            Finding::Unchanged => "",
            Finding::Worse => "  worse",
            Finding::Better => "  better",
            Finding::New => "  new",
        };
        let Some(before) = before else {
            return format!(
                "{name:<26}{:>14}{:>14.1}{:>9}{:>20}{word}\n",
                "-",
                now.instructions,
                "-",
                format!("{:.2}", now.allocations)
            );
        };
        let change = (now.instructions / before.instructions - 1.0) * 100.0;
        let allocations = format!("{:.2} -> {:.2}", before.allocations, now.allocations);
        format!(
            "{name:<26}{:>14.1}{:>14.1}{change:>+8.1}%{allocations:>20}{word}\n",
            before.instructions, now.instructions
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(paths: &[(&str, f64, f64)]) -> Counts {
        let count = |&(name, instructions, allocations): &(&str, f64, f64)| {
            let count = Count {
                instructions,
                allocations,
            };
            (name.to_owned(), count)
        };
        Counts {
            toolchain: String::new(),
            paths: paths.iter().map(count).collect(),
        }
    }

    fn findings(before: (f64, f64), now: (f64, f64), likeness: Likeness) -> (Finding, bool) {
        let before = counts(&[("path", before.0, before.1)]);
        let now = counts(&[("path", now.0, now.1)]);
        let verdict = Verdict::new(&before, &now, likeness);
        (verdict.rows[0].finding, verdict.holds(likeness))
    }

    #[test]
    fn a_change_beyond_the_tolerance_is_found_in_either_direction() {
        // Instructions and allocations before and now; what is found, and whether the file may stay.
        let cases = [
            ((1000.0, 2.0), (1000.0, 2.0), Finding::Unchanged, true),
            ((1000.0, 2.0), (1029.0, 2.0), Finding::Unchanged, true),
            ((1000.0, 2.0), (1031.0, 2.0), Finding::Worse, false),
            ((1000.0, 2.0), (969.0, 2.0), Finding::Better, false),
            // The shortest paths are forgiven some instructions.
            ((40.0, 0.0), (64.0, 0.0), Finding::Unchanged, true),
            ((40.0, 0.0), (66.0, 0.0), Finding::Worse, false),
            // Allocations.
            ((1000.0, 2.0), (1000.0, 2.01), Finding::Unchanged, true),
            ((1000.0, 2.0), (1000.0, 3.0), Finding::Worse, false),
            ((1000.0, 2.0), (900.0, 3.0), Finding::Worse, false),
            ((1000.0, 2.0), (1000.0, 1.0), Finding::Better, false),
        ];
        for (before, now, finding, holds) in cases {
            let found = findings(before, now, Likeness::Same);
            assert_eq!(found, (finding, holds), "{before:?} {now:?}");
        }
    }

    #[test]
    fn other_tools_forgive_more_and_ask_for_no_better_file() {
        let cases = [
            ((1000.0, 2.0), (1190.0, 2.0), Finding::Unchanged, true),
            ((1000.0, 2.0), (1210.0, 2.0), Finding::Worse, false),
            ((1000.0, 2.0), (1000.0, 3.0), Finding::Worse, false),
            ((1000.0, 2.0), (500.0, 1.0), Finding::Better, true),
        ];
        for (before, now, finding, holds) in cases {
            let found = findings(before, now, Likeness::Similar);
            assert_eq!(found, (finding, holds), "{before:?} {now:?}");
        }
    }

    #[test]
    fn tools_are_alike_by_their_target() {
        let here = Toolchain::here();
        let same = here.to_string();
        let similar = same.replace(env!("COMPILER"), "rustc 1.0.0 (old)");
        let other = same.replace(env!("TARGET"), "sparc-sun-solaris");
        assert_eq!(Likeness::of(&same, &here), Likeness::Same);
        assert_eq!(Likeness::of(&similar, &here), Likeness::Similar);
        assert_eq!(Likeness::of(&other, &here), Likeness::Other);
        assert_eq!(Likeness::of("", &here), Likeness::Other);
    }

    #[test]
    fn the_table_shows_what_changed_and_what_is_new_or_gone() {
        let before = counts(&[("same", 10.0, 0.0), ("slow", 200.0, 1.0), ("old", 5.0, 0.0)]);
        let now = counts(&[
            ("same", 10.0, 0.0),
            ("slow", 300.0, 2.0),
            ("fresh", 7.5, 0.0),
        ]);
        let verdict = Verdict::new(&before, &now, Likeness::Same);
        let expected = "\
path                              before           now   change         allocations
slow                               200.0         300.0   +50.0%        1.00 -> 2.00  worse
fresh                                  -           7.5        -                0.00  new
old                                 gone
";
        assert_eq!(verdict.table(false), expected);
        assert!(!verdict.holds(Likeness::Same));
        assert!(verdict.table(true).contains("same  "));
    }
}
