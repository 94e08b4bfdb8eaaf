//! The queries around a configuration: its condition, its metrics, and the texts of the metrics that
//! the hub keeps itself.
//!
//! Texts of the system metrics: Azure/azure-iot-cli-extension `azext_iot/operations/hub.py` and its
//! tests, which send them back through `/devices/query`.

use std::sync::Arc;

use super::content::ContentKind;
use super::resource::Configuration;
use crate::error::HubError;
use crate::query::{Collection, Condition, ConditionKind, Query};

/// Reads a target condition for content of `kind`.
pub(super) fn read_condition(text: &str, kind: ContentKind) -> Result<Condition, HubError> {
    let condition = Condition::parse(text, ConditionKind::Configuration)
        .map_err(|error| HubError::ConfigurationCondition(error.to_string()))?;
    if condition.is_never_true() {
        return Ok(condition);
    }
    let wanted = match kind {
        ContentKind::Device | ContentKind::Modules => Collection::Devices,
        ContentKind::Module => Collection::Modules,
    };
    if condition.collection() == wanted {
        return Ok(condition);
    }
    let rule = match kind {
        ContentKind::Module => {
            "the target condition of moduleContent must begin with 'from devices.modules where'"
        }
        ContentKind::Device | ContentKind::Modules => {
            "a target condition over devices.modules needs moduleContent"
        }
    };
    Err(HubError::ConfigurationCondition(rule.to_owned()))
}

/// Reads the query of a custom metric. `None`: a text that is kept and has no result.
///
/// The CLI's own tests store `select *`, without a collection, and expect it to be kept.
pub(super) fn read_metric(name: &str, text: &str) -> Result<Option<Query>, HubError> {
    let refuse = |why: &str| HubError::ConfigurationMetric(format!("the metric '{name}': {why}"));
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    match words[..] {
        [select, "*"] if select.eq_ignore_ascii_case("select") => return Ok(None),
        _ => {}
    }
    let query = Query::parse(text).map_err(|error| refuse(&error.to_string()))?;
    if query.collection() == Collection::Jobs {
        return Err(refuse("a metric is over devices or devices.modules"));
    }
    if !query.selects_ids() {
        return Err(refuse("a metric must select deviceId, and no aggregates"));
    }
    Ok(Some(query))
}

/// What is wrong with a target condition and with metric queries, without writing anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueriesTest {
    /// What is wrong with the condition.
    pub condition_error: Option<String>,
    /// What is wrong with each metric that is wrong.
    pub metric_errors: Vec<(String, String)>,
}

/// Tests a condition and metrics. A live hub finds fault with `*` here, which it takes in a write.
pub fn test_queries(condition: Option<&str>, metrics: &[(String, String)]) -> QueriesTest {
    let condition_error = condition.and_then(|text| match text.trim() {
        "*" => Some("unexpected '*' at 1:1".to_owned()),
        text => Condition::parse(text, ConditionKind::Configuration)
            .err()
            .map(|error| error.to_string()),
    });
    let wrong = |(name, text): &(String, String)| {
        let error = read_metric(name, text).err()?;
        Some((name.clone(), error.to_string()))
    };
    QueriesTest {
        condition_error,
        metric_errors: metrics.iter().filter_map(wrong).collect(),
    }
}

impl Configuration {
    /// The queries behind the system metrics, by name.
    pub fn system_queries(&self) -> Vec<(&'static str, String)> {
        let id = &self.id;
        let applied = match self.content.kind() {
            ContentKind::Device => format!(
                "select deviceId from devices where configurations.[[{id}]].status = 'Applied'"
            ),
            ContentKind::Module => format!(
                "select deviceId, moduleId from devices.modules where \
                 configurations.[[{id}]].status = 'Applied'"
            ),
            ContentKind::Modules => format!(
                "select deviceId from devices.modules where moduleId = '$edgeAgent' and \
                 configurations.[[{id}]].status = 'Applied'"
            ),
        };
        let mut queries = vec![
            ("targetedCount", self.targeted_query()),
            ("appliedCount", applied.clone()),
        ];
        if self.content.kind() == ContentKind::Modules {
            let reported = |comparison: &str| {
                format!(
                    "{applied} and properties.desired.$version = \
                     properties.reported.lastDesiredVersion and \
                     properties.reported.lastDesiredStatus.code {comparison} 200"
                )
            };
            queries.push(("reportedSuccessfulCount", reported("=")));
            queries.push(("reportedFailedCount", reported("!=")));
        }
        queries
    }

    /// The system metrics whose rows are counted: what devices report of a deployment.
    pub(super) fn counted_metrics(&self) -> Vec<(String, Arc<Query>)> {
        let queries = self.system_queries().into_iter();
        let counted = queries.filter(|(name, _)| name.starts_with("reported"));
        counted
            .filter_map(|(name, text)| {
                let query = Query::parse(&text);
                debug_assert!(query.is_ok(), "the hub's own query: {text}");
                Some((name.to_owned(), Arc::new(query.ok()?)))
            })
            .collect()
    }

    /// The target condition as a query; empty if it targets nothing.
    fn targeted_query(&self) -> String {
        let condition = self.target_condition.trim();
        let edge = match self.content.kind() {
            ContentKind::Modules => "capabilities.iotEdge = true",
            ContentKind::Device | ContentKind::Module => "",
        };
        match (condition, edge, self.content.kind()) {
            ("", ..) => String::new(),
            (text, _, ContentKind::Module) => format!("select deviceId, moduleId {text}"),
            ("*", "", _) => "select deviceId from devices".to_owned(),
            ("*", edge, _) => format!("select deviceId from devices where {edge}"),
            (text, "", _) => format!("select deviceId from devices where {text}"),
            (text, edge, _) => format!("select deviceId from devices where {edge} and ({text})"),
        }
    }
}
