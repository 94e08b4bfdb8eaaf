//! Every bound of the hub, in one struct. Sizes, counts and depths are always enforced.
//!
//! Source: Microsoft's quotas and throttling page, the device twin page, and live records of a hub.

use std::time::Duration;

/// The bounds of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Identities of devices and modules a hub may hold, over all shards. Each shard enforces its
    /// share.
    pub identities: usize,
    /// Modules of one device, those not counted that the hub makes for an Edge device.
    pub modules_per_device: usize,
    /// Bytes of `tags`, by the hub's way of counting.
    pub tags_bytes: usize,
    /// Bytes of `properties.desired`, likewise.
    pub desired_bytes: usize,
    /// Bytes of `properties.reported`, likewise.
    pub reported_bytes: usize,
    /// How deep objects nest under `tags`, `desired` or `reported`.
    pub twin_depth: usize,
    /// UTF-8 bytes of a twin key.
    pub twin_key_bytes: usize,
    /// UTF-8 bytes of a twin string value.
    pub twin_string_bytes: usize,
    /// Bytes of a method's payload, each way.
    pub method_payload_bytes: usize,
    /// Method calls open on one device.
    pub method_calls_open: usize,
    /// Subscriptions to single methods by name that one device may hold.
    pub method_filters: usize,
    /// Bytes of a device-to-cloud message: body and properties.
    pub telemetry_bytes: usize,
    /// Bytes of a cloud-to-device message: body and properties.
    pub c2d_bytes: usize,
    /// Cloud-to-device messages waiting for one device.
    pub c2d_queue_messages: usize,
    /// How long a delivered message stays locked without an acknowledgement.
    pub c2d_lock: Duration,
    /// How often a device may abandon a message before it is given up. Default 10.
    pub c2d_deliveries: u32,
    /// How long a message lives if its sender does not say.
    pub c2d_time_to_live: Duration,
    /// How far ahead a sender may put a message's expiry time.
    pub c2d_time_to_live_max: Duration,
    /// What became of messages.
    pub feedback: FeedbackLimits,
    /// Configurations a hub may hold.
    pub configurations: usize,
    /// Metric queries of one configuration.
    pub configuration_metrics: usize,
    /// Modules that one deployment may name beside `$edgeAgent` and `$edgeHub`.
    pub deployment_modules: usize,
    /// Bytes of documents after which a page of a query ends, if another document would go past it.
    pub query_page_bytes: usize,
    /// Bytes of superseded states that each shard keeps, roughly, for reads that lag; past it the oldest
    /// go, and reads lag less. Default 16 MiB.
    pub history_bytes: usize,
    /// What queries may have the hub remember. An answer does not depend on it.
    pub indexes: IndexLimits,
    /// How long past its `se` a SAS token still opens a connection or a request.
    pub sas_connect_grace: Duration,
    /// How long past its `se` a SAS token still holds an open connection.
    pub sas_live_grace: Duration,
    /// Scheduled jobs.
    pub jobs: JobLimits,
}

/// The bounds of cloud-to-device feedback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackLimits {
    /// Records of one feedback message. Default 64.
    pub batch_records: usize,
    /// How long after the last feedback message the next may go with fewer. Default 15 seconds.
    pub batch_every: Duration,
    /// How long a feedback message that was read stays locked. Default one minute.
    pub lock: Duration,
    /// How long a feedback message waits to be read. Default one hour.
    pub time_to_live: Duration,
    /// How often a feedback message may be abandoned before it is dropped. Default 10.
    pub deliveries: u32,
    /// Records that wait, over which the oldest are dropped. Default 100,000.
    pub records: usize,
}

/// The bounds of the indexes of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexLimits {
    /// Indexes, of one path each; over it the one that was asked for longest ago goes. Default 4.
    pub count: usize,
    /// Devices that an index names for one value. What more have is found by a scan, soon. Default 1,024.
    pub devices_per_value: usize,
    /// Devices that changed and that the indexes have not looked at; a search looks at them all.
    /// Default 256.
    pub unseen_changes: usize,
    /// Changes after which a value that many devices had may be one of few. Default 1,024.
    pub changes_before_rebuild: usize,
}

/// The bounds of scheduled jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLimits {
    /// Jobs that have not ended, those that wait for their start time included. Default 10, as on the
    /// largest tier: test suites start jobs side by side. A hub of the smallest tier has 1.
    pub active: usize,
    /// How far ahead a job's start time may lie. Default 168 hours.
    pub start_ahead: Duration,
    /// How long a job may run whose service did not say. Default one hour, as SDKs that say so send.
    pub max_execution: Duration,
    /// How long a job that ended is remembered, and its name is taken. Default 30 days.
    pub history: Duration,
    /// Bytes of all jobs and rows, roughly, over which those that ended first are forgotten early, and
    /// then answers of devices are kept without their payload. Default 256 MiB.
    pub history_bytes: usize,
    /// Devices that jobs work on at a time. Default 1,000.
    pub operations_in_flight: usize,
    /// Devices a second that jobs begin to work on; `None`, the default, is as fast as it goes. A hub
    /// of the smallest tier has 10.
    pub operations_per_second: Option<u32>,
    /// Devices that one search for a job's devices asks for. Default 1,000.
    pub targets_per_search: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            identities: 1_000_000,
            modules_per_device: 50,
            tags_bytes: 8 * 1024,
            desired_bytes: 32 * 1024,
            reported_bytes: 32 * 1024,
            twin_depth: 10,
            twin_key_bytes: 1024,
            twin_string_bytes: 4096,
            method_payload_bytes: 128 * 1024,
            method_calls_open: 100,
            method_filters: 100,
            telemetry_bytes: 256 * 1024,
            c2d_bytes: 64 * 1024,
            c2d_queue_messages: 50,
            c2d_lock: Duration::from_mins(1),
            c2d_deliveries: 10,
            c2d_time_to_live: Duration::from_hours(1),
            c2d_time_to_live_max: Duration::from_hours(48),
            feedback: FeedbackLimits::default(),
            configurations: 100,
            configuration_metrics: 5,
            deployment_modules: 50,
            query_page_bytes: 8 * 1024 * 1024,
            history_bytes: 16 * 1024 * 1024,
            indexes: IndexLimits::default(),
            sas_connect_grace: Duration::from_mins(5),
            sas_live_grace: Duration::from_mins(10),
            jobs: JobLimits::default(),
        }
    }
}

impl Default for IndexLimits {
    fn default() -> Self {
        Self {
            count: 4,
            devices_per_value: 1024,
            unseen_changes: 256,
            changes_before_rebuild: 1024,
        }
    }
}

impl Default for FeedbackLimits {
    fn default() -> Self {
        Self {
            batch_records: 64,
            batch_every: Duration::from_secs(15),
            lock: Duration::from_mins(1),
            time_to_live: Duration::from_hours(1),
            deliveries: 10,
            records: 100_000,
        }
    }
}

impl Default for JobLimits {
    fn default() -> Self {
        Self {
            active: 10,
            start_ahead: Duration::from_hours(168),
            max_execution: Duration::from_hours(1),
            history: Duration::from_hours(30 * 24),
            history_bytes: 256 * 1024 * 1024,
            operations_in_flight: 1000,
            operations_per_second: None,
            targets_per_search: 1000,
        }
    }
}
