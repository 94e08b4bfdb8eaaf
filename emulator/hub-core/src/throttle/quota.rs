//! Messages of the day: how many a hub has used, and whether there are any left.
//!
//! The counter starts anew at 00:00 UTC. A message is a block; what is larger is several.
//!
//! Source: "Azure IoT Hub billing information", "IoT Hub quotas and throttling".

use hub_proto::time::Timestamp;

use super::scale::Scale;

/// How many blocks so many bytes are charged as; nothing is charged as one.
pub fn blocks(bytes: usize, block_bytes: u64) -> u64 {
    (bytes as u64).div_ceil(block_bytes).max(1)
}

/// A hub's account.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    allowed: u64,
    block_bytes: u64,
    day: i64,
    used: u64,
}

impl Quota {
    pub(super) fn new(scale: Scale) -> Self {
        Self {
            allowed: scale.messages_per_day(),
            block_bytes: scale.tier().block_bytes(),
            day: i64::MIN,
            used: 0,
        }
    }

    pub(super) fn allowed(&self) -> u64 {
        self.allowed
    }

    /// How many messages the hub has used since midnight.
    pub(super) fn used(&mut self, wall: Timestamp) -> u64 {
        let day = wall.unix_seconds().div_euclid(DAY_S);
        if day > self.day {
            self.day = day;
            self.used = 0;
        }
        self.used
    }

    /// Whether all messages of the day are used.
    pub(super) fn is_spent(&mut self, wall: Timestamp) -> bool {
        self.used(wall) >= self.allowed
    }

    /// Charges for something of so many bytes. It has happened, so it is charged in full, even past
    /// what is allowed.
    pub(super) fn spend(&mut self, wall: Timestamp, bytes: usize) {
        let used = self.used(wall);
        self.used = used.saturating_add(blocks(bytes, self.block_bytes));
    }
}

const DAY_S: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::super::scale::Tier;
    use super::*;

    #[test]
    fn the_worked_examples_of_the_billing_page_hold() {
        // LIM-5
        let used = |tier, sizes: &[usize]| {
            let mut quota = Quota::new(Scale::one(tier));
            for bytes in sizes {
                quota.spend(Timestamp::from_unix_seconds(0), *bytes);
            }
            quota.used(Timestamp::from_unix_seconds(0))
        };
        for (sizes, expected) in [
            (&[100][..], 1),
            (&[6 * 1024], 2),
            // A method: a request of 6 KB, a reply of 1 KB.
            (&[6 * 1024, 1024], 3),
            // A method without payload, to a device that is not there.
            (&[0, 0], 2),
            (&[4096], 1),
            (&[4097], 2),
            (&[256 * 1024], 64),
        ] {
            assert_eq!(used(Tier::S1, sizes), expected, "{sizes:?}");
        }
        assert_eq!(used(Tier::F1, &[513]), 2);
    }

    #[test]
    fn the_account_is_anew_at_midnight_utc_and_not_before() {
        // LIM-5
        let midnight = 1_767_225_600;
        let mut quota = Quota::new(Scale::one(Tier::F1));
        let at = Timestamp::from_unix_seconds;
        for _ in 0..7_999 {
            quota.spend(at(midnight - 3_600), 1);
        }
        assert!(!quota.is_spent(at(midnight - 1)));
        quota.spend(at(midnight - 1), 6_000);
        assert_eq!(quota.used(at(midnight - 1)), 8_011);
        assert!(quota.is_spent(at(midnight - 1)));
        assert!(!quota.is_spent(at(midnight)));
        assert_eq!(quota.used(at(midnight)), 0);
    }
}
