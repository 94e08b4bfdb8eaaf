//! Deployments that meet on one Edge device: which of them count, and what they come to together.
//!
//! A base deployment says all that `$edgeAgent` is to be; of several the highest rank wins alone.
//! Layered deployments are merged over it in the order of their ranks; one below the base does not
//! count, and without a base none does. Sources: Microsoft's page "Understand IoT Edge automatic
//! deployments", Azure/azure-iot-cli-extension `hub.py` and the help of `az iot edge deployment`.

use hub_proto::ids::ModuleId;

use super::apply::fingerprint_of;
use super::content::{Assignment, Part};
use super::fold::fold;
use super::id::ConfigurationId;
use super::record::{ConfigurationStatus, Entry};
use super::targets::Target;

/// What deployments come to on one device.
#[derive(Debug)]
pub(crate) struct Rollout {
    /// What the device's `$edgeAgent` remembers of them, in the order of their ids.
    pub(crate) entries: Vec<Entry>,
    /// What is written into the twin of each module, lowest rank first.
    pub(crate) modules: Vec<(ModuleId, Vec<Write>)>,
}

/// What one deployment writes into the twin of one module.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) by: ConfigurationId,
    pub(crate) fingerprint: u64,
    pub(crate) sections: Vec<Assignment>,
}

impl Rollout {
    /// Of the deployments that match, lowest rank first.
    pub(crate) fn of(matching: &[&Target]) -> Self {
        let base = matching.iter().rposition(|target| target.is_base());
        let (beaten, counting) = match base {
            Some(base) => {
                // Below the base nothing counts, above it there are layers alone.
                let (below, counting) = matching.split_at(base);
                (below, counting)
            }
            None => (matching, &[][..]),
        };
        let modules = modules_of(counting);
        let mut entries: Vec<Entry> = Vec::with_capacity(matching.len());
        for target in counting {
            let of_target = modules.iter().flat_map(|(module, writes)| {
                let own = writes.iter().filter(|write| write.by == *target.id());
                own.map(move |write| (module.as_str(), &*write.sections))
            });
            let fingerprint = fingerprint_of(of_target);
            entries.push(entry(target, ConfigurationStatus::Applied, fingerprint));
        }
        for target in beaten {
            entries.push(entry(target, ConfigurationStatus::Targeted, 0));
        }
        entries.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Self { entries, modules }
    }

    /// The same as the content of one deployment.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let part = |(module, writes): &(ModuleId, Vec<Write>)| Part {
            module: Some(module.clone()),
            assignments: writes
                .iter()
                .flat_map(|write| write.sections.iter().cloned())
                .collect(),
        };
        self.modules.iter().map(part).collect()
    }
}

/// What is written into which module, modules in the order in which they are named first.
fn modules_of(counting: &[&Target]) -> Vec<(ModuleId, Vec<Write>)> {
    let mut names: Vec<&ModuleId> = Vec::new();
    for module in counting.iter().flat_map(|target| target.modules()) {
        if !names.contains(&module) {
            names.push(module);
        }
    }
    let of_module = |module: &ModuleId| {
        let contents = counting.iter().map(|target| target.assignments_of(module));
        let contents: Vec<&[Assignment]> = contents.collect();
        let shares = counting.iter().zip(fold(&contents));
        let writes = shares.filter(|(_, share)| !share.sections.is_empty());
        let writes = writes.map(|(target, share)| Write {
            by: target.id().clone(),
            fingerprint: fingerprint_of([(module.as_str(), &*share.sections)]),
            sections: share.sections,
        });
        (module.clone(), writes.collect())
    };
    names.into_iter().map(of_module).collect()
}

fn entry(target: &Target, status: ConfigurationStatus, fingerprint: u64) -> Entry {
    Entry {
        id: target.id().clone(),
        status,
        fingerprint,
        write: target.write(),
        is_refused: false,
        is_deployment: true,
    }
}
