//! What became of cloud-to-device messages, for those who sent them: records in batches, which readers
//! lock, complete or abandon. One for the whole hub, beside its shards.
//!
//! Knows neither devices nor who reads. Time comes in with every call, and what is due by then happens
//! first, so that nobody need watch [`Feedback::poll_deadline`]; one who wants to push batches may.
//!
//! Source: "Understand cloud-to-device messaging from an IoT hub" of Microsoft's documentation.

use std::collections::VecDeque;

use hub_proto::ids::DeviceId;
use hub_proto::time::{Instant, Now, Timestamp};
use serde::{Serialize, Serializer};

use crate::error::HubError;
use crate::event::C2dOutcome;
use crate::limits::FeedbackLimits;

/// What became of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackRecord {
    /// The message's `$.mid`, or empty.
    pub message_id: String,
    /// Whose message it was.
    pub device: DeviceId,
    /// The device's generation.
    pub generation_id: String,
    /// How it ended.
    pub outcome: C2dOutcome,
    /// When.
    pub at: Timestamp,
}

/// A batch that a reader was given, to be completed or abandoned under its lock token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackBatch {
    /// In the order in which the messages ended.
    pub records: Vec<FeedbackRecord>,
    /// When the batch was closed, before the reader asked.
    pub enqueued: Instant,
}

/// The feedback of a hub.
#[derive(Debug)]
pub struct Feedback {
    limits: FeedbackLimits,
    /// The batch that grows; fewer than a batch holds.
    growing: Vec<FeedbackRecord>,
    /// When a batch was last closed.
    closed_last: Option<Instant>,
    /// Closed batches, oldest first.
    batches: VecDeque<Batch>,
    /// Records in `batches`.
    records: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Batch {
    records: Vec<FeedbackRecord>,
    enqueued: Instant,
    expires: Instant,
    abandoned: u32,
    lock: Option<Lock>,
}

#[derive(Debug)]
struct Lock {
    token: Box<str>,
    until: Instant,
}

impl Feedback {
    /// No feedback yet.
    pub fn new(limits: FeedbackLimits) -> Self {
        Self {
            limits,
            growing: Vec::new(),
            closed_last: None,
            batches: VecDeque::new(),
            records: 0,
            dropped: 0,
        }
    }

    /// Takes a record. A batch is closed when it is full, or when the last one was closed long enough
    /// ago: a lone record after a quiet time goes at once.
    pub fn push(&mut self, now: Now, record: FeedbackRecord) {
        self.handle_deadline(now);
        self.growing.push(record);
        let is_full = self.growing.len() >= self.limits.batch_records;
        if is_full || self.close_due().is_some_and(|due| due <= now.mono) {
            self.close(now.mono);
        }
    }

    /// Gives the oldest batch that is free to a reader, who names it by `token` from now on. `None`:
    /// there is none.
    pub fn receive(&mut self, now: Now, token: Box<str>) -> Option<FeedbackBatch> {
        self.handle_deadline(now);
        let batch = self.batches.iter_mut().find(|batch| batch.lock.is_none())?;
        let until = now.mono + self.limits.lock;
        batch.lock = Some(Lock { token, until });
        Some(FeedbackBatch {
            records: batch.records.clone(),
            enqueued: batch.enqueued,
        })
    }

    /// A reader has what he was given.
    pub fn complete(&mut self, now: Now, token: &str) -> Result<(), HubError> {
        self.handle_deadline(now);
        let place = self.locked(token)?;
        self.remove(place);
        Ok(())
    }

    /// A reader gives back what he was given: another may read it, but not for ever.
    pub fn abandon(&mut self, now: Now, token: &str) -> Result<(), HubError> {
        self.handle_deadline(now);
        let place = self.locked(token)?;
        let batch = &mut self.batches[place];
        batch.lock = None;
        batch.abandoned += 1;
        if batch.abandoned >= self.limits.deliveries {
            self.remove(place);
        }
        Ok(())
    }

    /// A device is gone, and with it what nobody has read of its messages.
    pub fn forget(&mut self, device: &DeviceId) {
        if self.waiting() == 0 {
            return;
        }
        let is_other = |record: &FeedbackRecord| record.device != *device;
        self.growing.retain(is_other);
        for batch in &mut self.batches {
            if batch.lock.is_none() {
                batch.records.retain(is_other);
            }
        }
        self.batches.retain(|batch| !batch.records.is_empty());
        self.records = self.batches.iter().map(|batch| batch.records.len()).sum();
    }

    /// How many records wait to be read or to be completed.
    pub fn waiting(&self) -> usize {
        self.records + self.growing.len()
    }

    /// How many records were dropped since nobody read them in time, or too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// When a batch is closed, runs out of time or is free again.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let of_batches = self.batches.iter().flat_map(|batch| {
            let lock = batch.lock.as_ref().map(|lock| lock.until);
            std::iter::once(batch.expires).chain(lock)
        });
        of_batches.chain(self.close_due()).min()
    }

    /// Does what is due by now.
    pub fn handle_deadline(&mut self, now: Now) {
        if let Some(due) = self.close_due()
            && due <= now.mono
        {
            self.close(due);
        }
        for batch in &mut self.batches {
            if batch
                .lock
                .as_ref()
                .is_some_and(|lock| lock.until <= now.mono)
            {
                batch.lock = None;
            }
        }
        // They are closed in the order of time, and all live equally long.
        while self
            .batches
            .front()
            .is_some_and(|batch| batch.expires <= now.mono)
        {
            self.drop_oldest();
        }
    }

    /// When the batch that grows is closed, however small; `None`: it is empty.
    fn close_due(&self) -> Option<Instant> {
        if self.growing.is_empty() {
            return None;
        }
        let last = self.closed_last.map(|last| last + self.limits.batch_every);
        Some(last.unwrap_or(Instant::ZERO))
    }

    fn close(&mut self, at: Instant) {
        let records = std::mem::take(&mut self.growing);
        self.records += records.len();
        self.batches.push_back(Batch {
            records,
            enqueued: at,
            expires: at + self.limits.time_to_live,
            abandoned: 0,
            lock: None,
        });
        self.closed_last = Some(at);
        while self.records > self.limits.records {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(batch) = self.batches.pop_front() {
            self.records -= batch.records.len();
            self.dropped += batch.records.len() as u64;
        }
    }

    fn locked(&self, token: &str) -> Result<usize, HubError> {
        let is_named = |batch: &Batch| {
            batch
                .lock
                .as_ref()
                .is_some_and(|lock| *lock.token == *token)
        };
        let place = self.batches.iter().position(is_named);
        place.ok_or(HubError::MessageLockLost)
    }

    fn remove(&mut self, place: usize) {
        if let Some(batch) = self.batches.remove(place) {
            self.records -= batch.records.len();
        }
    }
}

impl FeedbackBatch {
    /// What the body's content type is.
    pub const CONTENT_TYPE: &str = "application/vnd.microsoft.iothub.feedback.json";
}

/// The body as its readers get it, over every protocol.
///
/// Both names of the outcome are there: the C SDK reads `description` alone, C# `statusCode`.
impl Serialize for FeedbackBatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.records.iter().map(|record| RecordBody {
            original_message_id: &record.message_id,
            description: record.outcome.status_code(),
            device_generation_id: &record.generation_id,
            device_id: record.device.as_str(),
            enqueued_time_utc: record.at.to_string(),
            status_code: record.outcome.status_code(),
        }))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordBody<'a> {
    original_message_id: &'a str,
    description: &'static str,
    device_generation_id: &'a str,
    device_id: &'a str,
    enqueued_time_utc: String,
    status_code: &'static str,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            mono: Instant::ZERO + Duration::from_secs(seconds),
            wall: Timestamp::from_unix_seconds(1_700_000_000),
        }
    }

    fn record(id: &str) -> FeedbackRecord {
        FeedbackRecord {
            message_id: id.to_owned(),
            device: DeviceId::parse("d1").unwrap(),
            generation_id: "637553997165220462".to_owned(),
            outcome: C2dOutcome::Completed,
            at: Timestamp::from_unix_seconds(1_446_105_540),
        }
    }

    fn feedback() -> Feedback {
        Feedback::new(FeedbackLimits::default())
    }

    fn ids(batch: Option<FeedbackBatch>) -> Vec<String> {
        let records = batch.into_iter().flat_map(|batch| batch.records);
        records.map(|record| record.message_id).collect()
    }

    #[test]
    fn a_batch_goes_15_seconds_after_the_last_one() {
        // C2D-8
        let mut feedback = feedback();
        feedback.push(at(100), record("a"));
        assert_eq!(ids(feedback.receive(at(100), "1".into())), ["a"]);
        feedback.push(at(101), record("b"));
        feedback.push(at(114), record("c"));
        assert_eq!(feedback.receive(at(114), "2".into()), None);
        assert_eq!(feedback.poll_deadline(), Some(at(115).mono));
        assert_eq!(ids(feedback.receive(at(115), "2".into())), ["b", "c"]);
    }

    #[test]
    fn a_batch_of_64_goes_at_once() {
        // C2D-8
        let mut feedback = feedback();
        for number in 0..=64 {
            feedback.push(at(100), record(&number.to_string()));
        }
        assert_eq!(ids(feedback.receive(at(100), "1".into())), ["0"]);
        assert_eq!(ids(feedback.receive(at(100), "2".into())).len(), 64);
        assert_eq!(feedback.waiting(), 65);
    }

    #[test]
    fn a_batch_is_locked_for_a_minute_and_gone_when_it_is_completed() {
        // C2D-8
        let mut feedback = feedback();
        feedback.push(at(0), record("a"));
        feedback.receive(at(0), "1".into()).unwrap();
        assert_eq!(feedback.receive(at(59), "2".into()), None);
        assert!(feedback.receive(at(60), "3".into()).is_some());
        let lost = Err(HubError::MessageLockLost);
        assert_eq!(feedback.complete(at(61), "1"), lost);
        assert_eq!(feedback.complete(at(61), "3"), Ok(()));
        assert_eq!(feedback.complete(at(61), "3"), lost);
        assert_eq!(feedback.poll_deadline(), None);
    }

    #[test]
    fn a_batch_is_dropped_when_it_was_abandoned_ten_times_or_nobody_read_it_for_an_hour() {
        let mut feedback = feedback();
        feedback.push(at(0), record("a"));
        for _ in 0..10 {
            feedback.receive(at(1), "t".into()).unwrap();
            assert_eq!(feedback.abandon(at(1), "t"), Ok(()));
        }
        assert_eq!(feedback.receive(at(1), "t".into()), None);
        feedback.push(at(20), record("b"));
        assert_eq!(feedback.waiting(), 1);
        feedback.handle_deadline(at(3620));
        assert_eq!((feedback.waiting(), feedback.dropped()), (0, 1));
    }

    #[test]
    fn the_oldest_records_make_room_when_nobody_reads() {
        let limits = FeedbackLimits {
            records: 2,
            ..FeedbackLimits::default()
        };
        let mut feedback = Feedback::new(limits);
        for number in 0..4_u64 {
            feedback.push(at(number * 20), record(&number.to_string()));
        }
        assert_eq!((feedback.waiting(), feedback.dropped()), (2, 2));
        assert_eq!(ids(feedback.receive(at(60), "1".into())), ["2"]);
    }

    #[test]
    fn a_device_that_is_deleted_takes_its_unread_feedback_along() {
        let mut feedback = feedback();
        feedback.push(at(0), record("a"));
        feedback.push(at(1), record("b"));
        feedback.forget(&DeviceId::parse("d1").unwrap());
        assert_eq!((feedback.waiting(), feedback.poll_deadline()), (0, None));
    }

    #[test]
    fn a_batch_reads_as_every_sdk_expects_it() {
        // C2D-8
        let mut feedback = feedback();
        feedback.push(at(0), record("0987654321"));
        let batch = feedback.receive(at(0), "1".into()).unwrap();
        assert_eq!(
            serde_json::to_string(&batch).unwrap(),
            concat!(
                r#"[{"originalMessageId":"0987654321","description":"Success","#,
                r#""deviceGenerationId":"637553997165220462","deviceId":"d1","#,
                r#""enqueuedTimeUtc":"2015-10-29T07:59:00.0000000Z","statusCode":"Success"}]"#
            )
        );
    }
}
