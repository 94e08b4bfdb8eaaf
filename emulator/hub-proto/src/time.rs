//! Time as the caller supplies it. Nothing in the pure crates reads a clock.
//!
//! [`Instant`] is monotonic and drives durations and deadlines; [`Timestamp`] is wall-clock time and
//! drives SAS expiry and the stamps a client sees. [`Now`] carries both and comes in with every
//! input, so that real and virtual time are the same code.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use time::OffsetDateTime;

/// A monotonic instant: the time since the hub's clock started, to a nanosecond and up to 584 years,
/// where it stays.
///
/// Eight bytes, and no more where there may be none: hundreds of thousands of connections keep several.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The instant at which the hub's clock started.
    pub const ZERO: Self = Self(NonZeroU64::MIN);

    /// The instant `since_start` after the clock's start.
    pub const fn from_start(since_start: Duration) -> Self {
        // One is the start.
        Self(NonZeroU64::MIN.saturating_add(nanos(since_start)))
    }

    /// How long after the clock's start this instant is.
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Default for Instant {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&self.since_start()).finish()
    }
}

const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 {
        return u64::MAX;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was just compared")]
    let nanos = nanos as u64;
    nanos
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

/// Wall-clock time in .NET's resolution: ticks of 100 ns since the Unix epoch, UTC.
///
/// Prints as the hub prints it, `2026-11-22T10:00:00.1234567Z`; the never-set value prints as
/// `0001-01-01T00:00:00Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const TICKS_PER_SECOND: i64 = 10_000_000;
const NEVER_TICKS: i64 = -62_135_596_800 * TICKS_PER_SECOND;
/// 9999-12-31T23:59:59, the last second a four-digit year can name.
const LAST_SECOND: i64 = 253_402_300_799;

impl Timestamp {
    /// .NET's `DateTime.MinValue`, which the hub shows for "never".
    pub const NEVER: Self = Self(NEVER_TICKS);

    /// Ticks of 100 ns since the Unix epoch, as [`Timestamp::unix_ticks`] has them.
    pub const fn from_unix_ticks(ticks: i64) -> Self {
        let last = LAST_SECOND * TICKS_PER_SECOND;
        let clamped = if ticks < NEVER_TICKS {
            NEVER_TICKS
        } else if ticks > last {
            last
        } else {
            ticks
        };
        Self(clamped)
    }

    /// Whole seconds since the Unix epoch; clamped to the years 1 to 9999.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        let first = NEVER_TICKS / TICKS_PER_SECOND;
        let clamped = if seconds < first {
            first
        } else if seconds > LAST_SECOND {
            LAST_SECOND
        } else {
            seconds
        };
        Self(clamped * TICKS_PER_SECOND)
    }

    /// The instant `since_epoch` after the Unix epoch; clamped to the year 9999.
    pub fn from_unix(since_epoch: Duration) -> Self {
        let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
        let ticks = i64::from(since_epoch.subsec_nanos() / 100);
        Self(Self::from_unix_seconds(seconds).0 + ticks)
    }

    /// Reads what [`fmt::Display`] prints: `2026-11-22T10:00:00.1234567Z`, the fraction being
    /// optional.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| -> Option<u32> {
            let digits = text.get(range)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten()
        };
        let separators = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
        if separators
            .iter()
            .any(|(at, sign)| text.get(*at..at + 1) != Some(sign))
        {
            return None;
        }
        let small = |range| u8::try_from(number(range)?).ok();
        let month = time::Month::try_from(small(5..7)?).ok()?;
        let year = i32::try_from(number(0..4)?).ok()?;
        let day = time::Date::from_calendar_date(year, month, small(8..10)?).ok()?;
        let clock = time::Time::from_hms(small(11..13)?, small(14..16)?, small(17..19)?).ok()?;
        let ticks = match text.get(19..)? {
            "Z" => 0,
            fraction => {
                let digits = fraction.strip_prefix('.')?.strip_suffix('Z')?;
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                if !is_number || digits.is_empty() || digits.len() > 7 {
                    return None;
                }
                format!("{digits:0<7}").parse::<i64>().ok()?
            }
        };
        let seconds = day.with_time(clock).assume_utc().unix_timestamp();
        (seconds >= NEVER_TICKS / TICKS_PER_SECOND)
            .then(|| Self(Self::from_unix_seconds(seconds).0 + ticks))
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(TICKS_PER_SECOND)
    }

    /// Ticks of 100 ns since the Unix epoch.
    pub const fn unix_ticks(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        let ticks = u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0);
        Duration::from_nanos(ticks.saturating_mul(100))
    }

    /// `self` moved forward by `duration`, clamped to the year 9999.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let ticks = i64::try_from(duration.as_nanos() / 100).unwrap_or(i64::MAX);
        let last = LAST_SECOND * TICKS_PER_SECOND + (TICKS_PER_SECOND - 1);
        Self(self.0.saturating_add(ticks).min(last))
    }
}

impl Timestamp {
    /// Digit by digit: a twin's document has a stamp for each of its leaves, and the formatting of seven
    /// numbers was most of the time that printing one took.
    fn text(self) -> [u8; 28] {
        let at = OffsetDateTime::from_unix_timestamp(self.unix_seconds())
            .expect("a timestamp is clamped to the years 1 to 9999");
        let (year, month, day) = at.date().to_calendar_date();
        let (hour, minute, second) = at.time().as_hms();
        let mut text = *b"0000-00-00T00:00:00.0000000Z";
        put_digits(&mut text[..4], year.unsigned_abs());
        put_digits(&mut text[5..7], u8::from(month).into());
        put_digits(&mut text[8..10], day.into());
        put_digits(&mut text[11..13], hour.into());
        put_digits(&mut text[14..16], minute.into());
        put_digits(&mut text[17..19], second.into());
        let ticks = u32::try_from(self.0.rem_euclid(TICKS_PER_SECOND));
        put_digits(
            &mut text[20..27],
            ticks.expect("a second has ten million ticks"),
        );
        text
    }
}

/// Fills `place` with the last digits of `number`.
fn put_digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b"0123456789"[number as usize % 10];
        number /= 10;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.write_str("0001-01-01T00:00:00Z");
        }
        let text = self.text();
        f.write_str(str::from_utf8(&text).expect("digits and signs are ASCII"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The time at which something happens, in both readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic: for durations and deadlines.
    pub mono: Instant,
    /// Wall clock: for SAS expiry and the stamps clients see.
    pub wall: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_count_from_the_start_and_stay_at_their_end() {
        let second = Duration::from_secs(1);
        let one = Instant::from_start(second);
        assert_eq!(Instant::default().since_start(), Duration::ZERO);
        assert_eq!((Instant::ZERO + second, one.since_start()), (one, second));
        assert_eq!(one.saturating_since(Instant::ZERO), second);
        assert_eq!(Instant::ZERO.saturating_since(one), Duration::ZERO);
        let last = Instant::from_start(Duration::MAX);
        assert_eq!(last + Duration::MAX, last);
        assert!(last > one + Duration::from_hours(24 * 365 * 500));
        assert_eq!(format!("{one:?}"), "Instant(1s)");
        assert_eq!(size_of::<Option<Instant>>(), 8);
    }

    #[test]
    fn timestamps_print_as_the_hub_prints_them() {
        let cases = [
            (Timestamp::NEVER, "0001-01-01T00:00:00Z"),
            (
                Timestamp::from_unix_seconds(0),
                "1970-01-01T00:00:00.0000000Z",
            ),
            (
                Timestamp::from_unix(Duration::new(1_654_122_470, 261_258_699)),
                "2022-06-01T22:27:50.2612586Z",
            ),
            (
                Timestamp::from_unix_seconds(i64::MAX),
                "9999-12-31T23:59:59.0000000Z",
            ),
            (
                Timestamp::from_unix_seconds(i64::MIN),
                "0001-01-01T00:00:00Z",
            ),
            (
                Timestamp::from_unix_seconds(i64::MAX).saturating_add(Duration::MAX),
                "9999-12-31T23:59:59.9999999Z",
            ),
        ];
        for (timestamp, expected) in cases {
            assert_eq!(timestamp.to_string(), expected);
        }
    }

    #[test]
    fn what_is_printed_is_read_back_and_nothing_else_is() {
        for ticks in [NEVER_TICKS, -1, 0, 1, 16_541_224_702_612_586] {
            let timestamp = Timestamp(ticks);
            assert_eq!(Timestamp::parse(&timestamp.to_string()), Some(timestamp));
        }
        let half = Timestamp::parse("1970-01-01T00:00:00.5Z");
        assert_eq!(half.map(Timestamp::unix_ticks), Some(5_000_000));
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.12345678Z",
            "1970-01-01T00:00:00+00:00",
            "+970-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:é0Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_between_instants_never_go_negative() {
        let one = Instant::ZERO + Duration::from_secs(1);
        assert_eq!(one.saturating_since(Instant::ZERO), Duration::from_secs(1));
        assert_eq!(Instant::ZERO.saturating_since(one), Duration::ZERO);
        let epoch = Timestamp::from_unix_seconds(0);
        assert_eq!(
            epoch.saturating_since(Timestamp::from_unix_seconds(5)),
            Duration::ZERO
        );
        assert_eq!(
            Timestamp::from_unix_seconds(5).saturating_since(epoch),
            Duration::from_secs(5)
        );
    }
}
