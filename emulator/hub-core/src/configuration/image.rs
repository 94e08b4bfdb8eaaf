//! Configurations, and what twins remember of them, to plain data and back. What comes in is checked:
//! it may have been written by hand.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub_proto::time::Now;

use super::content::Content;
use super::id::ConfigurationId;
use super::queries::read_condition;
use super::record::{ConfigurationStatus, Entry, Record, Writer};
use super::resource::Configuration;
use super::store::{Configurations, Row};
use crate::error::HubError;
use crate::image::{
    ConfigurationImage, EntryImage, JsonImage, MetricImage, RecordImage, TimeImage, WriterImage,
};
use crate::limits::Limits;

impl Configurations {
    /// All of them as plain data, in the order of their ids.
    pub fn export(&self) -> Vec<ConfigurationImage> {
        self.rows.values().map(export_row).collect()
    }

    /// A hub's configurations from plain data. An error names the configuration and what is wrong
    /// with it.
    pub fn import(images: &[ConfigurationImage], limits: &Limits) -> Result<Self, HubError> {
        let mut new = Self::new(limits);
        if images.len() > new.most {
            return Err(HubError::TooManyConfigurations(new.most));
        }
        for image in images {
            let named = |error: HubError| {
                HubError::Argument(format!("the configuration {:?}: {error}", image.id))
            };
            let row = new.import_row(image, limits).map_err(named)?;
            let id = row.configuration.id.clone();
            new.writes = new.writes.max(row.write).max(row.sequence);
            if new.rows.insert(id, row).is_some() {
                return Err(named(HubError::Argument("is there twice".to_owned())));
            }
        }
        Ok(new)
    }

    /// Has the configurations of `other`, which evaluated nothing, in place of one's own.
    pub fn replace_with(&mut self, now: Now, other: Self) {
        let gone = std::mem::take(&mut self.rows);
        self.rows = other.rows;
        // Twins remember for which write they were evaluated, so no number comes twice.
        self.writes = self.writes.max(other.writes);
        let ids = gone.into_keys().chain(self.rows.keys().cloned());
        let ids: Vec<ConfigurationId> = ids.collect();
        if !ids.is_empty() {
            self.are_written(now, ids);
        }
    }

    fn import_row(&self, image: &ConfigurationImage, limits: &Limits) -> Result<Row, HubError> {
        let id = ConfigurationId::parse(&image.id)?;
        let content = Content::parse(&image.content.0, limits)?;
        let condition = read_condition(&image.target_condition, content.kind())?;
        let metrics: Vec<(String, String)> = image
            .metrics
            .iter()
            .map(|metric| (metric.name.clone(), metric.query.clone()))
            .collect();
        let queries = self.read_metrics(&metrics)?;
        let configuration = Configuration {
            id,
            schema_version: image.schema_version.clone(),
            labels: image.labels.as_ref().map(|labels| labels.0.to_string()),
            content_type: image.content_type.clone(),
            content,
            target_condition: image.target_condition.clone(),
            priority: image.priority,
            metrics,
            created: image.created.0,
            updated: image.updated.0,
            etag: STANDARD.encode(image.version.to_string()),
        };
        Ok(Row {
            system_metrics: configuration.counted_metrics(),
            configuration: Arc::new(configuration),
            condition,
            metrics: queries,
            version: image.version,
            write: image.write,
            sequence: image.first_write,
            is_evaluated: image.evaluated,
            results: image.results.clone(),
            system_results: image.system_results.clone(),
        })
    }
}

fn export_row(row: &Row) -> ConfigurationImage {
    let configuration = &*row.configuration;
    let metric = |(name, query): &(String, String)| MetricImage {
        name: name.clone(),
        query: query.clone(),
    };
    ConfigurationImage {
        id: configuration.id.to_string(),
        schema_version: configuration.schema_version.clone(),
        labels: configuration
            .labels
            .as_deref()
            .map(|text| JsonImage(text.into())),
        content_type: configuration.content_type.clone(),
        content: JsonImage(configuration.content.text().into()),
        target_condition: configuration.target_condition.clone(),
        priority: configuration.priority,
        metrics: configuration.metrics.iter().map(metric).collect(),
        results: row.results.clone(),
        system_results: row.system_results.clone(),
        evaluated: row.is_evaluated,
        created: TimeImage(configuration.created),
        updated: TimeImage(configuration.updated),
        version: row.version,
        write: row.write,
        first_write: row.sequence,
    }
}

impl Record {
    /// As plain data.
    pub(crate) fn export(&self) -> RecordImage {
        let entry = |entry: &Entry| EntryImage {
            id: entry.id.to_string(),
            applied: entry.status == ConfigurationStatus::Applied,
            fingerprint: format!("{:016x}", entry.fingerprint),
            write: entry.write,
            refused: entry.is_refused,
            deployment: entry.is_deployment,
        };
        let writer = |writer: &Writer| WriterImage {
            version: writer.version,
            by: writer.by.to_string(),
            fingerprint: format!("{:016x}", writer.fingerprint),
        };
        RecordImage {
            entries: self.entries.iter().map(entry).collect(),
            writers: self.writers.iter().map(writer).collect(),
        }
    }

    /// From plain data.
    pub(crate) fn import(image: &RecordImage) -> Result<Self, HubError> {
        let entry = |image: &EntryImage| {
            Ok(Entry {
                id: ConfigurationId::parse(&image.id)?,
                status: if image.applied {
                    ConfigurationStatus::Applied
                } else {
                    ConfigurationStatus::Targeted
                },
                fingerprint: fingerprint(&image.fingerprint)?,
                write: image.write,
                is_refused: image.refused,
                is_deployment: image.deployment,
            })
        };
        let writer = |image: &WriterImage| {
            Ok(Writer {
                version: image.version,
                by: ConfigurationId::parse(&image.by)?,
                fingerprint: fingerprint(&image.fingerprint)?,
            })
        };
        let mut entries: Vec<Entry> = image
            .entries
            .iter()
            .map(entry)
            .collect::<Result<_, HubError>>()?;
        let writers = image
            .writers
            .iter()
            .map(writer)
            .collect::<Result<_, HubError>>()?;
        entries.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        if entries.windows(2).any(|pair| pair[0].id == pair[1].id) {
            return Err(HubError::Argument(
                "a configuration targets the twin twice".to_owned(),
            ));
        }
        Ok(Self { entries, writers })
    }
}

fn fingerprint(text: &str) -> Result<u64, HubError> {
    u64::from_str_radix(text, 16)
        .map_err(|_| HubError::Argument(format!("{text:?} is no fingerprint")))
}
