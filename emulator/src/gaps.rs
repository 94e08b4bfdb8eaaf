//! Which refused gap is worth a line in the process's log: a client that asks in a loop for what is
//! not built must not flood it. Does not know what a gap is, nor how it is told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use hub_proto::time::Instant;

/// When each gap was told last.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    told: Mutex<BTreeMap<String, Instant>>,
}

impl Gaps {
    /// Whether `gap` is to be told now, and so was not told in the last minute.
    pub(crate) fn is_news(&self, now: Instant, gap: &str) -> bool {
        let mut told = self
            .told
            .lock()
            .expect("nothing panics with the map locked");
        let is_recent = |at: &Instant| now.saturating_since(*at) < SILENCE;
        let name: String = gap.chars().take(NAME_CHARS_MAX).collect();
        if told.get(&name).is_some_and(is_recent) {
            return false;
        }
        if told.len() >= NAMES_MAX {
            told.retain(|_, at| is_recent(at));
            if told.len() >= NAMES_MAX {
                // Names can come from queries, and so from outside.
                return false;
            }
        }
        told.insert(name, now);
        true
    }
}

/// How long a gap is not told again.
const SILENCE: Duration = Duration::from_mins(1);
const NAMES_MAX: usize = 256;
const NAME_CHARS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_gap_is_news_once_a_minute_and_each_for_itself() {
        let gaps = Gaps::default();
        let cases = [
            (0, "jobs", true),
            (0, "jobs", false),
            (0, "statistics", true),
            (59, "jobs", false),
            (60, "jobs", true),
            (61, "jobs", false),
        ];
        for (at, gap, expected) in cases {
            assert_eq!(gaps.is_news(second(at), gap), expected, "{gap} at {at}");
        }
    }

    #[test]
    fn names_from_outside_are_bounded_in_number_and_forgotten_in_time() {
        let gaps = Gaps::default();
        let news = |at: u64| {
            let told =
                (0..1000).filter(|n| gaps.is_news(second(at), &format!("query feature {n}")));
            told.count()
        };
        assert_eq!(news(0), NAMES_MAX);
        assert_eq!(news(30), 0);
        assert_eq!(news(60), NAMES_MAX);
    }
}
