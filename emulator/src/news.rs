//! What is worth a line in the process's log: what repeats is told once in a while, so that a client
//! that asks in a loop for what is not built, or a process without file descriptors, floods nothing.
//! Does not know what is told, nor how.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use hub_proto::time::Instant;

/// When each thing is news again.
#[derive(Debug, Default)]
pub(crate) struct News {
    silent_until: Mutex<BTreeMap<String, Instant>>,
}

impl News {
    /// Whether `what` is to be told now; if so, it is not for as long as `silence`.
    pub(crate) fn is_news(&self, now: Instant, what: &str, silence: Duration) -> bool {
        let mut silent_until = self
            .silent_until
            .lock()
            .expect("nothing panics with the map locked");
        let what: String = what.chars().take(CHARS_MAX).collect();
        if silent_until.get(&what).is_some_and(|until| now < *until) {
            return false;
        }
        if silent_until.len() >= ENTRIES_MAX {
            silent_until.retain(|_, until| now < *until);
            if silent_until.len() >= ENTRIES_MAX {
                // The names of gaps can come from queries, and so from outside.
                return false;
            }
        }
        silent_until.insert(what, now + silence);
        true
    }
}

const ENTRIES_MAX: usize = 256;
const CHARS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn second(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_thing_is_news_once_in_its_time_and_each_for_itself() {
        let news = News::default();
        let cases = [
            (0, "jobs", MINUTE, true),
            (0, "jobs", MINUTE, false),
            (0, "accept", Duration::from_secs(1), true),
            (1, "accept", Duration::from_secs(1), true),
            (59, "jobs", MINUTE, false),
            (60, "jobs", MINUTE, true),
            (61, "jobs", MINUTE, false),
        ];
        for (at, what, silence, expected) in cases {
            let told = news.is_news(second(at), what, silence);
            assert_eq!(told, expected, "{what} at {at}");
        }
    }

    #[test]
    fn names_from_outside_are_bounded_in_number_and_forgotten_in_time() {
        let news = News::default();
        let told = |at: u64| {
            let name = |n: &u32| format!("query feature {n}");
            let told = (0..1000_u32).filter(|n| news.is_news(second(at), &name(n), MINUTE));
            told.count()
        };
        assert_eq!(told(0), ENTRIES_MAX);
        assert_eq!(told(30), 0);
        assert_eq!(told(60), ENTRIES_MAX);
    }
}
