//! What steps are called, and where the files are that a scenario names.

use std::path::{Path, PathBuf};

use super::ast::{Cohort, Scenario, Step, StepKind};

impl StepKind {
    /// The key of such a step in a file.
    pub fn key(&self) -> &str {
        match self {
            Self::Connect(_) => "connect",
            Self::Disconnect(_) => "disconnect",
            Self::Invoke(_) => "invoke",
            Self::Patch { .. } => "patch",
            Self::Send { .. } => "send",
            Self::Job(_) => "job",
            Self::Query { .. } => "query",
            Self::Identity { .. } => "identity",
            Self::Fault { .. } => "fault",
            Self::CutAllLinks => "cut-all-links",
            Self::Outage { .. } => "outage",
            Self::Throttle(_) => "throttle",
            Self::Wait(_) => "wait",
            Self::WaitUntil { .. } => "wait-until",
            Self::Parallel(_) => "parallel",
            Self::Repeat { .. } => "repeat",
            Self::Shell(_) => "shell",
            Self::NotBuilt(kind) => &kind.value,
        }
    }

    /// The steps inside.
    pub fn inner(&self) -> &[Step] {
        match self {
            Self::Parallel(steps) | Self::Repeat { steps, .. } => steps,
            _ => &[],
        }
    }
}

impl Step {
    /// Its name, or else its kind and line: `invoke@12`. This is what `after:` refers to.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => name.value.clone(),
            None => format!("{}@{}", self.kind.key(), self.span.line),
        }
    }
}

impl Cohort {
    /// Whether somebody else runs its devices; here they are only registered and judged.
    pub fn is_external(&self) -> bool {
        self.behaviour.value == EXTERNAL
    }

    /// Whether `behaviour:` names a file, not one that is built in.
    pub fn behaviour_is_file(&self) -> bool {
        let name = &self.behaviour.value;
        let extension = Path::new(name)
            .extension()
            .and_then(|extension| extension.to_str());
        name.contains(['/', '\\']) || matches!(extension, Some("yaml" | "yml"))
    }
}

impl Scenario {
    /// The behaviour file of `cohort`, relative to the file that names it; `None` if its behaviour is
    /// built in.
    pub fn behaviour_file(&self, cohort: &Cohort) -> Option<PathBuf> {
        let source = self.sources.get(usize::from(cohort.behaviour.span.source));
        let beside = source.map_or("", |source| &source.path);
        cohort
            .behaviour_is_file()
            .then(|| beside_file(beside, &cohort.behaviour.value))
    }

    /// `file:line` of a span, for reports; `None` if the scenario did not come from a file.
    pub fn place(&self, span: super::span::Span) -> Option<String> {
        let source = self.sources.get(usize::from(span.source))?;
        Some(format!("{}:{}", source.path, span.line))
    }
}

/// `name` as seen from the file at `path`.
pub(super) fn beside_file(path: &str, name: &str) -> PathBuf {
    Path::new(path).parent().unwrap_or(Path::new("")).join(name)
}

/// The `behaviour:` of devices that somebody else runs.
const EXTERNAL: &str = "external";
