//! The `Date` of answers, printed once a second.

use std::cell::RefCell;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use crate::clock::unix_time;

/// Appends the present time as HTTP writes it.
pub(super) fn push_date(out: &mut Vec<u8>) {
    thread_local! {
        static PRINTED: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let second = unix_time().as_secs();
    PRINTED.with_borrow_mut(|(of, text)| {
        if *of != second || text.is_empty() {
            *of = second;
            text.clear();
            let date = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(second));
            write!(text, "{date}").expect("a String takes any text");
        }
        out.extend_from_slice(text.as_bytes());
    });
}
