//! The throttles, the quota and the features of one hub.

use std::collections::BTreeMap;
use std::time::Duration;

use hub_proto::error_code::ErrorCode;
use hub_proto::time::{Instant, Now};
use thiserror::Error;

use super::operation::Operation;
use super::quota::Quota;
use super::rate::Row;
use super::scale::{Scale, Tier};
use super::shaper::Shaper;

/// How traffic over a rate is shaped. The page gives no figures but "the first minute or two".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shaping {
    /// How much goes at once after a rest: what the rate allows in so long. Default 60 s, with which
    /// twice the rate goes through for a minute.
    pub burst: Duration,
    /// How long whoever comes after that may wait for his turn; who would wait longer is refused.
    /// Default 60 s.
    pub queue: Duration,
}

impl Default for Shaping {
    fn default() -> Self {
        Self {
            burst: Duration::from_mins(1),
            queue: Duration::from_mins(1),
        }
    }
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// It goes now.
    Go,
    /// It goes at that instant and no earlier; if it does not go, its place is to be given up.
    GoAt(Instant, Place),
}

/// A place in a queue. Kept until the request goes; if it never does, see [`Throttle::give_up`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Place {
    row: Row,
    count: u64,
}

/// Why a request is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The tier has no such thing; 403010. The text is ours, the real one is not on record.
    #[error("The operation {operation} is not available in the current tier ({tier}).", operation = .0.name(), tier = .1)]
    NotInTier(Operation, Tier),
    /// The day's messages are used up; 403002. The text is on record.
    #[error(
        "Total number of messages on IotHub '{hub}' exceeded the allocated quota. Max allowed message count : '{allowed}', current message count : '{used}'. Send and Receive operations are blocked for this hub until the next UTC day. Consider increasing the units for this hub to increase the quota."
    )]
    Quota {
        /// The hub's name.
        hub: String,
        /// Messages a day.
        allowed: u64,
        /// Messages so far.
        used: u64,
    },
    /// Too many such requests, the queue is full; 429. The text is on record.
    #[error(
        "The request has been throttled. Wait 10 seconds and try again. Operation type: {}",
        .0.name()
    )]
    Throttled(Operation),
}

impl Refusal {
    /// The hub's code for it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotInTier(..) => ErrorCode::OperationNotAvailableInCurrentTier,
            Self::Quota { .. } => ErrorCode::IotHubQuotaExceeded,
            Self::Throttled(operation) => operation.throttled_code(),
        }
    }
}

/// What one hub has left of everything. Without one, nothing is throttled.
#[derive(Clone, Debug)]
pub struct Throttle {
    hub: String,
    scale: Scale,
    shapers: BTreeMap<Row, Shaper>,
    quota: Quota,
}

impl Throttle {
    /// A hub that nobody has asked for anything yet. Its name appears in refusals.
    pub fn new(hub: impl Into<String>, scale: Scale, shaping: Shaping) -> Self {
        let shaper = |row: Row| Some((row, Shaper::new(row.rate(scale)?, shaping)));
        Self {
            hub: hub.into(),
            scale,
            shapers: Row::ALL.into_iter().filter_map(shaper).collect(),
            quota: Quota::new(scale),
        }
    }

    /// The tier and its units.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Asks for so many at once: identities of a bulk request, blocks of a method's payload, else 1.
    /// A refusal costs nothing.
    pub fn ask(&mut self, now: Now, operation: Operation, count: u64) -> Result<Decision, Refusal> {
        let tier = self.scale.tier();
        if !operation.is_in(tier) {
            return Err(Refusal::NotInTier(operation, tier));
        }
        if operation.is_charged() && self.quota.is_spent(now.wall) {
            return Err(Refusal::Quota {
                hub: self.hub.clone(),
                allowed: self.quota.allowed(),
                used: self.quota.used(now.wall),
            });
        }
        let Some(row) = operation.row() else {
            return Ok(Decision::Go);
        };
        let Some(shaper) = self.shapers.get_mut(&row) else {
            return Err(Refusal::NotInTier(operation, tier));
        };
        let at = shaper.ask(now.mono, count);
        let at = at.ok_or(Refusal::Throttled(operation))?;
        if at <= now.mono {
            return Ok(Decision::Go);
        }
        Ok(Decision::GoAt(at, Place { row, count }))
    }

    /// A request that was to go later does not go after all.
    #[expect(clippy::needless_pass_by_value, reason = "a place is given up once")]
    pub fn give_up(&mut self, place: Place) {
        let Place { row, count } = place;
        if let Some(shaper) = self.shapers.get_mut(&row) {
            shaper.give_back(count);
        }
    }

    /// Charges the day's account for something of so many bytes that has happened.
    pub fn spend(&mut self, now: Now, bytes: usize) {
        self.quota.spend(now.wall, bytes);
    }

    /// Messages used since midnight UTC.
    pub fn messages_today(&mut self, now: Now) -> u64 {
        self.quota.used(now.wall)
    }
}

#[cfg(test)]
mod tests {
    use hub_proto::time::Timestamp;

    use super::*;

    fn at(seconds: u64) -> Now {
        let wall = 1_767_225_600 + i64::try_from(seconds).unwrap();
        Now {
            mono: Instant::from_start(Duration::from_secs(seconds)),
            wall: Timestamp::from_unix_seconds(wall),
        }
    }

    fn throttle(tier: Tier) -> Throttle {
        Throttle::new("h", Scale::one(tier), Shaping::default())
    }

    #[test]
    fn rows_are_apart_and_operations_of_a_row_are_counted_together() {
        // LIM-3
        let mut throttle = throttle(Tier::S1);
        for _ in 0..50 {
            for operation in [Operation::IdentityRead, Operation::IdentityWrite] {
                assert_eq!(throttle.ask(at(0), operation, 1), Ok(Decision::Go));
            }
        }
        let next = throttle.ask(at(0), Operation::IdentityRead, 1);
        assert!(
            matches!(next, Ok(Decision::GoAt(when, _)) if when == Instant::from_start(Duration::from_millis(600)))
        );
        assert_eq!(
            throttle.ask(at(0), Operation::TwinRead, 1),
            Ok(Decision::Go)
        );
        assert_eq!(
            throttle.ask(at(0), Operation::Statistics, 1),
            Ok(Decision::Go)
        );
    }

    #[test]
    fn a_full_queue_refuses_with_the_words_on_record_and_a_bulk_counts_each_identity() {
        // LIM-3
        let mut throttle = throttle(Tier::S1);
        let bulk = |throttle: &mut Throttle| throttle.ask(at(0), Operation::IdentityWrite, 100);
        assert_eq!(bulk(&mut throttle), Ok(Decision::Go));
        assert!(matches!(bulk(&mut throttle), Ok(Decision::GoAt(..))));
        let refusal = bulk(&mut throttle).unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::ThrottlingException);
        let configuration = Refusal::Throttled(Operation::ConfigurationWrite);
        assert_eq!(configuration.code(), ErrorCode::ThrottlingBacklogTimeout);
        assert_eq!(
            configuration.to_string(),
            "The request has been throttled. Wait 10 seconds and try again. Operation type: ConfigurationWrite"
        );
    }

    #[test]
    fn a_basic_hub_refuses_what_it_lacks_whatever_the_rate() {
        // LIM-4
        let refusal = throttle(Tier::B2)
            .ask(at(0), Operation::DirectMethod, 1)
            .unwrap_err();
        assert_eq!(
            refusal.code(),
            ErrorCode::OperationNotAvailableInCurrentTier
        );
        assert_eq!(
            refusal.to_string(),
            "The operation DirectMethod is not available in the current tier (B2)."
        );
        assert_eq!(
            throttle(Tier::B2).ask(at(0), Operation::Query, 1),
            Ok(Decision::Go)
        );
    }

    #[test]
    fn a_hub_without_messages_left_refuses_what_is_charged_until_midnight() {
        // LIM-5
        let mut throttle = throttle(Tier::F1);
        throttle.spend(at(0), 8_012 * 512);
        let refusal = throttle
            .ask(at(0), Operation::DeviceToCloudSend, 1)
            .unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::IotHubQuotaExceeded);
        assert_eq!(
            refusal.to_string(),
            "Total number of messages on IotHub 'h' exceeded the allocated quota. Max allowed message count : '8000', \
             current message count : '8012'. Send and Receive operations are blocked for this hub until the next UTC day. \
             Consider increasing the units for this hub to increase the quota."
        );
        assert_eq!(throttle.ask(at(0), Operation::Connect, 1), Ok(Decision::Go));
        assert_eq!(
            throttle.ask(at(0), Operation::IdentityRead, 1),
            Ok(Decision::Go)
        );
        let tomorrow = at(24 * 60 * 60);
        assert_eq!(
            throttle.ask(tomorrow, Operation::DeviceToCloudSend, 1),
            Ok(Decision::Go)
        );
        assert_eq!(throttle.messages_today(tomorrow), 0);
    }

    #[test]
    fn a_refusal_costs_nothing_and_a_place_given_up_is_free_again() {
        // LIM-3
        let mut throttle = throttle(Tier::S1);
        let ask = |throttle: &mut Throttle| throttle.ask(at(0), Operation::Query, 20);
        assert_eq!(ask(&mut throttle), Ok(Decision::Go));
        let Ok(Decision::GoAt(when, place)) = ask(&mut throttle) else {
            panic!("the second is to wait");
        };
        assert!(ask(&mut throttle).is_err());
        throttle.give_up(place);
        assert!(matches!(ask(&mut throttle), Ok(Decision::GoAt(again, _)) if again == when));
    }
}
