//! The event log as a response body: pages on demand, so that a slow reader costs no memory.

use std::convert::Infallible;

use futures_util::stream::{self, Stream};
use hyper::Uri;
use hyper::body::{Bytes, Frame};

use super::event_json::{write_event, write_gap};
use crate::event_log::EventLog;
use crate::http::query_parameter;
use crate::stop::StopToken;

/// Events looked at for one chunk of the body.
const PAGE_EVENTS: usize = 256;
/// A chunk as long as this is sent before more events are printed: an event may carry 256 KiB, and a
/// reader that does not read holds its chunk.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    /// Events numbered above this.
    after: u64,
    /// At most so many lines.
    limit: u64,
    /// Whether to go on with what happens from now on.
    follow: bool,
    /// Events of this device alone.
    device: Option<String>,
}

impl Selection {
    /// Reads the query; the error is for the client.
    pub(super) fn parse(uri: &Uri) -> Result<Self, String> {
        Ok(Self {
            after: number(uri, "after")?.unwrap_or(0),
            limit: number(uri, "limit")?.unwrap_or(u64::MAX),
            follow: match query_parameter(uri, "follow").as_deref() {
                None | Some("false") => false,
                Some("true" | "") => true,
                Some(other) => return Err(format!("follow must be true or false, not {other:?}")),
            },
            device: query_parameter(uri, "device"),
        })
    }
}

fn number(uri: &Uri, name: &str) -> Result<Option<u64>, String> {
    let Some(text) = query_parameter(uri, name) else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|_| format!("{name} must be a number, not {text:?}"))
}

struct Reader {
    log: EventLog,
    stop: StopToken,
    selection: Selection,
    /// Without following: the last event that was there when the reader came.
    until: u64,
}

/// The lines asked for, in chunks. Ends when all is said or the emulator stops.
pub(super) fn lines(
    log: EventLog,
    stop: StopToken,
    selection: Selection,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send {
    let until = if selection.follow {
        u64::MAX
    } else {
        log.newest()
    };
    stream::unfold(
        Reader {
            log,
            stop,
            selection,
            until,
        },
        |mut reader| async move {
            let chunk = reader.next_chunk().await?;
            Some((Ok(Frame::data(Bytes::from(chunk))), reader))
        },
    )
}

impl Reader {
    /// The next lines; `None` at the end.
    async fn next_chunk(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.selection.limit == 0 || self.selection.after >= self.until {
                return None;
            }
            let mut chunk = Vec::new();
            let looked_at = self.read_page(&mut chunk);
            if !chunk.is_empty() {
                return Some(chunk);
            }
            if looked_at {
                // A page of other devices: let others run before the next.
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = self.log.appended_after(self.selection.after) => {}
                () = self.stop.stopped() => return None,
            }
        }
    }

    /// Appends the lines of one page; says whether there was anything to look at.
    fn read_page(&mut self, chunk: &mut Vec<u8>) -> bool {
        let selection = &mut self.selection;
        let page = self.log.read(selection.after, PAGE_EVENTS);
        if page.missed > 0 {
            selection.after = selection.after.saturating_add(page.missed);
            write_gap(chunk, page.missed, selection.after.saturating_add(1));
        }
        for (number, event) in &page.events {
            if *number > self.until || selection.limit == 0 || chunk.len() >= CHUNK_BYTES {
                break;
            }
            selection.after = *number;
            if selection
                .device
                .as_ref()
                .is_none_or(|device| device == event.device.as_str())
            {
                write_event(chunk, *number, event);
                selection.limit -= 1;
            }
        }
        !page.events.is_empty() || page.missed > 0
    }
}

#[cfg(test)]
mod tests {
    use hub_core::event::{Event, EventKind};
    use hub_proto::ids::DeviceId;
    use hub_proto::property_bag::PropertyBag;
    use hub_proto::time::Timestamp;

    use super::*;
    use crate::config::EventLogLimits;
    use crate::stop::StopSwitch;

    /// A chunk was 256 events whatever their size: each follower that did not read held up to 85 MB.
    #[tokio::test]
    async fn a_chunk_of_large_events_is_cut_by_bytes_and_none_is_left_out() {
        let log = EventLog::new(EventLogLimits::default());
        for _ in 0..20 {
            log.append(Event {
                at: Timestamp::from_unix_seconds(0),
                device: DeviceId::parse("d").unwrap(),
                kind: EventKind::Telemetry {
                    properties: PropertyBag::default(),
                    payload: vec![b'x'; 100 * 1024],
                },
            });
        }
        let uri = "/admin/events".parse().unwrap();
        let mut reader = Reader {
            until: log.newest(),
            log,
            stop: StopSwitch::new().token(),
            selection: Selection::parse(&uri).unwrap(),
        };
        let mut lines = 0;
        while let Some(chunk) = reader.next_chunk().await {
            assert!(chunk.len() < CHUNK_BYTES + 200 * 1024, "{}", chunk.len());
            lines += std::str::from_utf8(&chunk).unwrap().lines().count();
        }
        assert_eq!(lines, 20);
    }
}
