//! Etags and generations: names for writes, made of time alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub_proto::time::Timestamp;

/// Names one write of one identity in one shard: the time of the write, in ticks, pushed on where
/// two writes fall on the same tick or the wall clock steps back. So no etag or generation id comes
/// twice, not even after delete and create, and no randomness is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(i64);

impl Stamp {
    pub(crate) fn etag(self) -> Box<str> {
        STANDARD.encode(self.0.to_string()).into()
    }

    /// Ticks since the Unix epoch.
    pub(crate) fn ticks(self) -> i64 {
        self.0
    }

    /// The stamp of a snapshot.
    pub(crate) fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// The digits that the hub shows: .NET ticks, counted from the year 1.
    pub(crate) fn generation_id(self) -> String {
        self.0
            .saturating_sub(Timestamp::NEVER.unix_ticks())
            .to_string()
    }
}

/// Makes [`Stamp`]s.
#[derive(Debug)]
pub(crate) struct Stamps {
    last: i64,
}

impl Stamps {
    pub(crate) fn new() -> Self {
        Self { last: i64::MIN }
    }

    /// Sees to it that no later stamp is `stamp`.
    pub(crate) fn pass(&mut self, stamp: Stamp) {
        self.last = self.last.max(stamp.0);
    }

    pub(crate) fn next(&mut self, at: Timestamp) -> Stamp {
        self.last = at.unix_ticks().max(self.last.saturating_add(1));
        Stamp(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_differ_though_the_clock_stands_or_steps_back() {
        let mut stamps = Stamps::new();
        let at = Timestamp::from_unix_seconds(1_700_000_000);
        let earlier = Timestamp::from_unix_seconds(1_600_000_000);
        let first = stamps.next(at);
        let second = stamps.next(at);
        let third = stamps.next(earlier);
        assert_eq!(first.generation_id(), "638355968000000000");
        assert_eq!(second.generation_id(), "638355968000000001");
        assert_eq!(third.generation_id(), "638355968000000002");
        assert_eq!(&*first.etag(), STANDARD.encode("17000000000000000"));
    }
}
