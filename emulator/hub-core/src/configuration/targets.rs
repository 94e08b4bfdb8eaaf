//! The configurations as twins are matched against them: compiled, and in the order of their rank.

use std::sync::Arc;

use hub_proto::ids::ModuleId;

use super::content::{Assignment, ContentKind, EDGE_AGENT};
use super::id::ConfigurationId;
use super::resource::Configuration;
use crate::query::{Condition, Row};

/// Every configuration that can target anything, lowest rank first. Cheap to share, never changed.
#[derive(Debug, Default)]
pub struct Targets {
    ranked: Vec<Target>,
}

/// One configuration, compiled.
#[derive(Debug)]
pub(crate) struct Target {
    configuration: Arc<Configuration>,
    condition: Condition,
    write: u64,
    /// Which configuration is the younger of two of the same instant.
    sequence: u64,
}

impl Targets {
    /// Orders by priority, then by age: of equals the youngest has the highest rank.
    pub(super) fn new(targets: impl Iterator<Item = Target>) -> Self {
        let mut ranked: Vec<Target> = targets.collect();
        ranked.sort_by_key(|target| {
            let configuration = &target.configuration;
            (
                configuration.priority,
                configuration.created,
                target.sequence,
            )
        });
        Self { ranked }
    }

    /// Whether nothing can match.
    pub fn is_empty(&self) -> bool {
        self.ranked.is_empty()
    }

    /// Those of `kind` whose condition is true of a twin, lowest rank first.
    pub(crate) fn matching(&self, kind: ContentKind, row: Row<'_>) -> Vec<&Target> {
        let of_kind = |target: &&Target| target.configuration.content.kind() == kind;
        self.ranked
            .iter()
            .filter(of_kind)
            .filter(|target| target.condition.matches(row))
            .collect()
    }

    /// Whether a configuration that `is_asked_for` is true of a twin.
    pub(crate) fn any_matches(
        &self,
        kind: ContentKind,
        row: Row<'_>,
        is_asked_for: impl Fn(&ConfigurationId) -> bool,
    ) -> bool {
        self.ranked.iter().any(|target| {
            is_asked_for(target.id())
                && target.configuration.content.kind() == kind
                && target.condition.matches(row)
        })
    }
}

impl Target {
    pub(super) fn new(
        configuration: Arc<Configuration>,
        condition: Condition,
        write: u64,
        sequence: u64,
    ) -> Self {
        Self {
            configuration,
            condition,
            write,
            sequence,
        }
    }

    pub(crate) fn id(&self) -> &ConfigurationId {
        &self.configuration.id
    }

    pub(crate) fn write(&self) -> u64 {
        self.write
    }

    /// Whether it is a deployment that says all that `$edgeAgent` is to be, and no layer.
    pub(crate) fn is_base(&self) -> bool {
        let agent = self.configuration.content.parts().iter().find(|part| {
            let module = part.module.as_ref();
            module.is_some_and(|module| module.as_str() == EDGE_AGENT)
        });
        agent.is_some_and(|part| part.assignments.iter().any(|one| one.path.is_empty()))
    }

    /// The modules that a deployment writes into.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &ModuleId> {
        let parts = self.configuration.content.parts().iter();
        parts.filter_map(|part| part.module.as_ref())
    }

    /// What a deployment writes into the twin of a module.
    pub(crate) fn assignments_of(&self, module: &ModuleId) -> &[Assignment] {
        let mut parts = self.configuration.content.parts().iter();
        let part = parts.find(|part| part.module.as_ref() == Some(module));
        part.map_or(&[], |part| &part.assignments)
    }

    /// What it writes into a device's twin, or a module's.
    pub(crate) fn assignments(&self) -> &[Assignment] {
        match self.configuration.content.parts() {
            [part] if part.module.is_none() => &part.assignments,
            _ => &[],
        }
    }
}
