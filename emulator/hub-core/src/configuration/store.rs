//! All configurations of a hub: their write rules, and when which twins must be looked at.
//!
//! **The law.** Commands come with the time. When the instant of [`Configurations::poll_deadline`]
//! has come, [`Configurations::next_work`] says what is to be done; it is done over the shards, a
//! bounded chunk at a time, and its end is told with [`Configurations::evaluated`] or
//! [`Configurations::counted`]. Knows nothing of shards or of how twins are found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub_proto::time::{Instant, Now};

use super::id::ConfigurationId;
use super::queries::{read_condition, read_metric};
use super::resource::{Configuration, ConfigurationSpec};
use super::targets::{Target, Targets};
use crate::error::HubError;
use crate::limits::Limits;
use crate::query::{Condition, Query};
use crate::registry::IfMatch;

/// The configurations of a hub.
#[derive(Debug)]
pub struct Configurations {
    pub(super) most: usize,
    pub(super) metrics_most: usize,
    pub(super) rows: BTreeMap<ConfigurationId, Row>,
    pub(super) writes: u64,
    targets: Arc<Targets>,
    /// Written or deleted since the last evaluation began.
    pub(super) written: BTreeSet<ConfigurationId>,
    evaluate_at: Option<Instant>,
    count_at: Option<Instant>,
    /// Counting takes time over many twins, so it rests in proportion.
    count_not_before: Instant,
}

/// A configuration with what was counted for it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigurationState {
    /// The configuration.
    pub configuration: Arc<Configuration>,
    /// Whether it was evaluated since it was made; before, it has no results.
    pub is_evaluated: bool,
    /// The results of custom metrics, by name.
    pub results: BTreeMap<String, u64>,
    /// Those of the system metrics of a deployment that are counted as rows, by name.
    pub system_results: BTreeMap<String, u64>,
}

/// Something to be done over all twins.
#[derive(Clone, Debug)]
pub enum Work {
    /// Evaluate the twins that changed and, if any configuration was written, all that it concerns.
    Evaluate {
        /// Written or deleted.
        written: Arc<BTreeSet<ConfigurationId>>,
    },
    /// Count the rows of each metric.
    Count {
        /// The metrics.
        metrics: Vec<Metric>,
    },
}

/// A metric whose rows can be counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Of which configuration.
    pub configuration: ConfigurationId,
    /// Its name there.
    pub name: String,
    /// What is counted.
    pub query: Arc<Query>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) configuration: Arc<Configuration>,
    pub(super) condition: Condition,
    pub(super) metrics: Vec<(String, Arc<Query>)>,
    /// What devices say of a deployment.
    pub(super) system_metrics: Vec<(String, Arc<Query>)>,
    /// Counts the writes of this configuration.
    pub(super) version: u64,
    /// Counts the writes of all configurations: of the last, and of the first.
    pub(super) write: u64,
    pub(super) sequence: u64,
    pub(super) is_evaluated: bool,
    pub(super) results: BTreeMap<String, u64>,
    pub(super) system_results: BTreeMap<String, u64>,
}

/// The service's side.
impl Configurations {
    /// A hub without configurations.
    pub fn new(limits: &Limits) -> Self {
        Self {
            most: limits.configurations,
            metrics_most: limits.configuration_metrics,
            rows: BTreeMap::new(),
            writes: 0,
            targets: Arc::default(),
            written: BTreeSet::new(),
            evaluate_at: None,
            count_at: None,
            count_not_before: Instant::ZERO,
        }
    }

    /// Creates without a precondition, updates with one. An update keeps the content whatever the
    /// request says, as a live hub does.
    pub fn put(
        &mut self,
        now: Now,
        spec: ConfigurationSpec,
        if_match: &IfMatch,
    ) -> Result<ConfigurationState, HubError> {
        let old = self.rows.get(&spec.id);
        match (if_match, old) {
            (IfMatch::Absent, Some(_)) => {
                return Err(HubError::ConfigurationAlreadyExists(spec.id));
            }
            (IfMatch::Absent, None) if self.rows.len() >= self.most => {
                return Err(HubError::TooManyConfigurations(self.most));
            }
            (IfMatch::Absent, None) => {}
            (_, None) => return Err(HubError::ConfigurationNotFound(spec.id)),
            (if_match, Some(old)) => if_match.check(&old.configuration.etag)?,
        }
        let kind = old
            .map_or(&spec.content, |old| &old.configuration.content)
            .kind();
        let condition = read_condition(&spec.target_condition, kind)?;
        let metrics = self.read_metrics(&spec.metrics)?;
        self.writes += 1;
        let row = Row::new(now, spec, condition, metrics, self.writes, old);
        let id = row.configuration.id.clone();
        let state = row.state();
        self.rows.insert(id.clone(), row);
        self.are_written(now, [id]);
        Ok(state)
    }

    /// Removes a configuration. What it wrote stays where it was written.
    pub fn delete(
        &mut self,
        now: Now,
        id: &ConfigurationId,
        if_match: &IfMatch,
    ) -> Result<(), HubError> {
        if_match.check(&self.row(id)?.configuration.etag)?;
        self.rows.remove(id);
        self.are_written(now, [id.clone()]);
        Ok(())
    }

    /// Removes all configurations; says how many there were. What they wrote stays where it was
    /// written.
    pub fn clear(&mut self, now: Now) -> usize {
        let rows = std::mem::take(&mut self.rows);
        let count = rows.len();
        if count > 0 {
            self.are_written(now, rows.into_keys());
        }
        count
    }

    /// One configuration.
    pub fn get(&self, id: &ConfigurationId) -> Result<ConfigurationState, HubError> {
        self.row(id).map(Row::state)
    }

    /// All of them, in the order of their ids.
    pub fn list(&self) -> Vec<ConfigurationState> {
        self.rows.values().map(Row::state).collect()
    }

    fn row(&self, id: &ConfigurationId) -> Result<&Row, HubError> {
        let row = self.rows.get(id);
        row.ok_or_else(|| HubError::ConfigurationNotFound(id.clone()))
    }

    pub(super) fn read_metrics(
        &self,
        metrics: &[(String, String)],
    ) -> Result<Vec<(String, Arc<Query>)>, HubError> {
        if metrics.len() > self.metrics_most {
            return Err(HubError::ConfigurationMetric(format!(
                "{} custom metrics, at most {} are allowed",
                metrics.len(),
                self.metrics_most
            )));
        }
        let mut queries = Vec::new();
        for (name, text) in metrics {
            let query = read_metric(name, text)?;
            queries.extend(query.map(|query| (name.clone(), Arc::new(query))));
        }
        Ok(queries)
    }

    /// Written, or gone.
    pub(super) fn are_written(&mut self, now: Now, ids: impl IntoIterator<Item = ConfigurationId>) {
        let targets = self
            .rows
            .values()
            .filter(|row| !row.condition.is_never_true());
        self.targets = Arc::new(Targets::new(targets.map(Row::target)));
        self.written.extend(ids);
        self.evaluate_soon(now);
    }
}

/// The evaluation.
impl Configurations {
    /// What twins are to be matched against now.
    pub fn targets(&self) -> Arc<Targets> {
        Arc::clone(&self.targets)
    }

    /// Whether changes of twins matter at all.
    pub fn is_watching(&self) -> bool {
        !self.rows.is_empty()
    }

    /// A twin changed; it will be evaluated with whatever else changes until then.
    pub fn twins_changed(&mut self, now: Now) {
        self.evaluate_soon(now);
    }

    /// When [`Configurations::next_work`] is due, if at all.
    pub fn poll_deadline(&self) -> Option<Instant> {
        [self.evaluate_at, self.count_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is due by `now`.
    pub fn next_work(&mut self, now: Now) -> Option<Work> {
        if self.evaluate_at.is_some_and(|at| at <= now.mono) {
            self.evaluate_at = None;
            let written = Arc::new(std::mem::take(&mut self.written));
            return Some(Work::Evaluate { written });
        }
        if self.count_at.is_some_and(|at| at <= now.mono) {
            self.count_at = None;
            return Some(Work::Count {
                metrics: self.metrics(),
            });
        }
        None
    }

    /// An evaluation ended.
    pub fn evaluated(&mut self, now: Now, written: &BTreeSet<ConfigurationId>) {
        for id in written {
            if let Some(row) = self.rows.get_mut(id) {
                row.is_evaluated = true;
            }
        }
        if self.has_metrics() {
            let soon = self.count_not_before.max(now.mono + COUNT_DELAY);
            let at = self.count_at.map_or(soon, |at| at.min(soon));
            self.count_at = Some(at);
        }
    }

    /// Metrics were counted, over `twins` twins.
    pub fn counted(&mut self, now: Now, results: Vec<(Metric, u64)>, twins: usize) {
        for (metric, count) in results {
            let Some(row) = self.rows.get_mut(&metric.configuration) else {
                continue;
            };
            // Not if the metric was written anew meanwhile.
            let is_current = |(name, query): &(String, Arc<Query>)| {
                *name == metric.name && Arc::ptr_eq(query, &metric.query)
            };
            if row.metrics.iter().any(is_current) {
                row.results.insert(metric.name, count);
            } else if row.system_metrics.iter().any(is_current) {
                row.system_results.insert(metric.name, count);
            }
        }
        let rest = COUNT_REST_PER_TWIN * u32::try_from(twins).unwrap_or(u32::MAX);
        self.count_not_before = now.mono + rest.min(CYCLE);
        if self.has_metrics() && self.count_at.is_none() {
            self.count_at = Some(now.mono + CYCLE);
        }
    }

    fn evaluate_soon(&mut self, now: Now) {
        let soon = now.mono + DEBOUNCE;
        self.evaluate_at = Some(self.evaluate_at.map_or(soon, |at| at.min(soon)));
    }

    fn has_metrics(&self) -> bool {
        let mut rows = self.rows.values();
        rows.any(|row| !row.metrics.is_empty() || !row.system_metrics.is_empty())
    }

    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        for row in self.rows.values() {
            for (name, query) in row.metrics.iter().chain(&row.system_metrics) {
                metrics.push(Metric {
                    configuration: row.configuration.id.clone(),
                    name: name.clone(),
                    query: Arc::clone(query),
                });
            }
        }
        metrics
    }
}

impl Row {
    fn new(
        now: Now,
        spec: ConfigurationSpec,
        condition: Condition,
        metrics: Vec<(String, Arc<Query>)>,
        write: u64,
        old: Option<&Self>,
    ) -> Self {
        let version = old.map_or(1, |old| old.version + 1);
        let results = old.map(|old| old.results.clone()).unwrap_or_default();
        // A result outlives an update that keeps its query.
        let has_query = |name: &str| {
            let old = old.into_iter().flat_map(|old| &old.configuration.metrics);
            old.clone()
                .any(|metric| metric.0 == name && spec.metrics.contains(metric))
        };
        let results = results
            .into_iter()
            .filter(|(name, _)| has_query(name))
            .collect();
        let (created, sequence) = old.map_or((now.wall, write), |old| {
            (old.configuration.created, old.sequence)
        });
        let content = old.map_or(spec.content, |old| old.configuration.content.clone());
        let configuration = Configuration {
            id: spec.id,
            schema_version: spec.schema_version,
            labels: spec.labels,
            content_type: spec.content_type,
            content,
            target_condition: spec.target_condition,
            priority: spec.priority,
            metrics: spec.metrics,
            created,
            updated: now.wall,
            etag: STANDARD.encode(version.to_string()),
        };
        let system_metrics = match old {
            Some(old) => old.system_metrics.clone(),
            None => configuration.counted_metrics(),
        };
        Self {
            configuration: Arc::new(configuration),
            condition,
            metrics,
            system_metrics,
            version,
            write,
            sequence,
            is_evaluated: old.is_some_and(|old| old.is_evaluated),
            results,
            system_results: old
                .map(|old| old.system_results.clone())
                .unwrap_or_default(),
        }
    }

    fn target(&self) -> Target {
        Target::new(
            Arc::clone(&self.configuration),
            self.condition.clone(),
            self.write,
            self.sequence,
        )
    }

    fn state(&self) -> ConfigurationState {
        ConfigurationState {
            configuration: Arc::clone(&self.configuration),
            is_evaluated: self.is_evaluated,
            results: self.results.clone(),
            system_results: self.system_results.clone(),
        }
    }
}

/// How long changes gather before they are acted on.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// How long after an evaluation metrics are counted.
const COUNT_DELAY: Duration = Duration::from_millis(50);
/// Counting a million twins takes about a second for each few metrics; then it rests for ten.
const COUNT_REST_PER_TWIN: Duration = Duration::from_micros(10);
/// How often metrics are counted though nothing changed, for what they say of connections and times.
/// The real hub's cycle (Microsoft's page "Automatic device and module management at scale").
const CYCLE: Duration = Duration::from_mins(5);
