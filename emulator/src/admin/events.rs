//! The event log as a response body: pages on demand, so that a slow reader costs no memory.

use std::io;
use std::time::Duration;

use futures_util::stream::{Stream, unfold};
use hub_core::event::Event;
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, JSON, Problem, stream, whole};
use super::call::Call;
use super::event_json::{write_event, write_gap};
use super::matcher::{Calls, Clause, Matcher, known_type};
use super::route::{Handler, Parameter, ParameterKind, ResponseBody, Route};
use crate::event_log::EventLog;
use crate::http::{Head, printable};
use crate::stop::StopToken;

const NDJSON: &str = "application/x-ndjson";
const SERVER_SENT: &str = "text/event-stream";

pub(super) const ROUTES: &[Route] = &[
    Route {
        name: "events",
        verb: Method::GET,
        path: "/admin/events",
        summary: "The event log, one JSON object a line, or server-sent events",
        parameters: SELECTION,
        request: None,
        response: ResponseBody {
            content_type: NDJSON,
            schema: event_schema,
        },
        handler: Handler::Now(show),
    },
    Route {
        name: "event",
        verb: Method::GET,
        path: "/admin/events/{seq}",
        summary: "One event by its number",
        parameters: &[],
        request: None,
        response: ResponseBody {
            content_type: JSON,
            schema: event_schema,
        },
        handler: Handler::Now(show_one),
    },
];

const SELECTION: &[Parameter] = &[
    Parameter {
        name: "after",
        summary: "events numbered above this",
        kind: ParameterKind::Number,
    },
    Parameter {
        name: "limit",
        summary: "at most so many events",
        kind: ParameterKind::Number,
    },
    Parameter {
        name: "follow",
        summary: "go on with what happens from now on",
        kind: ParameterKind::Flag,
    },
    Parameter {
        name: "device",
        summary: "events of this device alone",
        kind: ParameterKind::Text,
    },
    Parameter {
        name: "devicePattern",
        summary: "events of devices like this; * is any text, ? one character",
        kind: ParameterKind::Text,
    },
    Parameter {
        name: "type",
        summary: "events of these types alone, separated by commas",
        kind: ParameterKind::Text,
    },
    Parameter {
        name: "method",
        summary: "events of calls of this method alone",
        kind: ParameterKind::Text,
    },
    Parameter {
        name: "where",
        summary: "what must stand at a path: PATH=VALUE, PATH~PATTERN, PATH or !PATH",
        kind: ParameterKind::Text,
    },
];

fn event_schema() -> Value {
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {
            "seq": { "type": "integer" },
            "at": { "type": "string", "format": "date-time" },
            "device": { "type": "string" },
            "type": { "type": "string" }
        }
    })
}

fn show(call: &Call) -> Result<Answer, Problem> {
    let selection = Selection::of(call)?;
    let content_type = selection.form.content_type();
    let stop = call.context.connection.stop.clone();
    let lines = lines(call.hub.event_log().clone(), stop, selection);
    Ok(stream(content_type, Box::pin(lines)))
}

fn show_one(call: &Call) -> Result<Answer, Problem> {
    let number: u64 = call.value(0).parse().map_err(|_| {
        Problem::bad_request(format!("{:?} is not the number of an event", call.value(0)))
    })?;
    let page = call.hub.event_log().read(number.saturating_sub(1), 1);
    match page.events.first() {
        Some((found, event)) if *found == number => {
            let mut line = Vec::new();
            write_event(&mut line, number, event);
            Ok(whole(StatusCode::OK, JSON, line))
        }
        Some((oldest, _)) => {
            let detail = format!("event {number} is not in the log any more");
            Err(Problem::new(StatusCode::NOT_FOUND, detail)
                .with_remedy(format!("the oldest there is has the number {oldest}")))
        }
        None => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("event {number} has not happened yet"),
        )
        .with_remedy("wait for it with /admin/events?follow=true")),
    }
}

/// Events looked at for one chunk of the body.
const PAGE_EVENTS: usize = 256;
/// A chunk as long as this is sent before more events are printed: an event may carry 256 KiB, and a
/// reader that does not read holds its chunk.
const CHUNK_BYTES: usize = 64 * 1024;
/// After this long without an event, a comment shows that the stream is alive, as the specification
/// of server-sent events advises. Patience with proxies is real time.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
const COMMENT: &[u8] = b":\n\n";

/// How events go over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Lines,
    ServerSent,
}

impl Form {
    /// As the client's `Accept` asks.
    fn of(head: &Head) -> Self {
        let mut accepts = head.all("accept").filter_map(printable);
        if accepts.any(|accept| accept.contains(SERVER_SENT)) {
            Self::ServerSent
        } else {
            Self::Lines
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Lines => NDJSON,
            Self::ServerSent => SERVER_SENT,
        }
    }

    fn write_event(self, out: &mut Vec<u8>, number: u64, event: &Event) {
        match self {
            Self::Lines => write_event(out, number, event),
            Self::ServerSent => {
                out.extend_from_slice(format!("id: {number}\ndata: ").as_bytes());
                write_event(out, number, event);
                out.push(b'\n');
            }
        }
    }

    fn write_gap(self, out: &mut Vec<u8>, missed: u64, next: u64) {
        match self {
            Self::Lines => write_gap(out, missed, next),
            Self::ServerSent => {
                // So that a client that comes back is not told of the gap again.
                out.extend_from_slice(format!("id: {}\ndata: ", next - 1).as_bytes());
                write_gap(out, missed, next);
                out.push(b'\n');
            }
        }
    }
}

/// What a reader asks for.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// Events numbered above this.
    after: u64,
    /// At most so many lines.
    limit: u64,
    /// Whether to go on with what happens from now on.
    follow: bool,
    matcher: Matcher,
    form: Form,
}

impl Selection {
    fn of(call: &Call) -> Result<Self, Problem> {
        let form = Form::of(&call.head);
        // A browser's `EventSource` that comes back goes on where it was.
        let last_seen = call.head.text("last-event-id");
        let last_seen = last_seen.and_then(|seen| seen.parse().ok());
        Ok(Self {
            after: last_seen.or(call.number("after")?).unwrap_or(0),
            limit: call.number("limit")?.unwrap_or(u64::MAX),
            follow: form == Form::ServerSent || call.flag("follow")?,
            matcher: matcher(call)?,
            form,
        })
    }

    /// Everything after an event that is there.
    #[cfg(test)]
    pub(super) fn after(after: u64) -> Self {
        Self {
            after,
            limit: u64::MAX,
            follow: false,
            matcher: Matcher::default(),
            form: Form::Lines,
        }
    }
}

fn matcher(call: &Call) -> Result<Matcher, Problem> {
    let types = call.text("type").unwrap_or_default();
    let types = types.split(',').filter(|name| !name.is_empty());
    let clause = call.text("where");
    Ok(Matcher {
        types: types.map(known_type).collect::<Result<_, _>>()?,
        device: call.text("device"),
        device_pattern: call.text("devicePattern"),
        method: call.text("method"),
        clauses: clause
            .iter()
            .map(|text| Clause::parse(text))
            .collect::<Result<_, _>>()?,
        ..Matcher::default()
    })
}

struct Reader {
    calls: Calls,
    log: EventLog,
    stop: StopToken,
    selection: Selection,
    /// Without following: the last event that was there when the reader came.
    until: u64,
}

/// The lines asked for, in chunks. Ends when all is said, the hub is removed or the
/// emulator stops.
pub(super) fn lines(
    log: EventLog,
    stop: StopToken,
    selection: Selection,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let until = if selection.follow {
        u64::MAX
    } else {
        log.newest()
    };
    let is_of_method = selection.matcher.method.is_some();
    let calls = if is_of_method {
        Calls::at(&log, selection.after)
    } else {
        Calls::default()
    };
    unfold(
        Reader {
            calls,
            log,
            stop,
            selection,
            until,
        },
        |mut reader| async move {
            let chunk = reader.next_chunk().await?;
            Some((Ok(Bytes::from(chunk)), reader))
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
            // Before the look, so that what is appended ahead of the closing is still told.
            let is_closed = self.log.is_closed();
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
            if is_closed {
                return None;
            }
            tokio::select! {
                () = self.log.appended_after(self.selection.after) => {}
                () = self.stop.stopped() => return None,
                () = tokio::time::sleep(COMMENT_EVERY), if self.selection.form == Form::ServerSent => {
                    return Some(COMMENT.to_vec());
                }
            }
        }
    }

    /// Appends the lines of one page; says whether there was anything to look at.
    fn read_page(&mut self, chunk: &mut Vec<u8>) -> bool {
        let selection = &mut self.selection;
        let page = self.log.read(selection.after, PAGE_EVENTS);
        if page.missed > 0 {
            selection.after = selection.after.saturating_add(page.missed);
            selection
                .form
                .write_gap(chunk, page.missed, selection.after.saturating_add(1));
        }
        for (number, event) in &page.events {
            if *number > self.until || selection.limit == 0 || chunk.len() >= CHUNK_BYTES {
                break;
            }
            selection.after = *number;
            let method = self.calls.method(event);
            if selection.matcher.matches(*number, event, method.as_deref()) {
                selection.form.write_event(chunk, *number, event);
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
    use hub_proto::raw_bag::RawBag;
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
                client: DeviceId::parse("d").unwrap().into(),
                kind: EventKind::Telemetry {
                    properties: RawBag::default(),
                    payload: vec![b'x'; 100 * 1024],
                },
            });
        }
        let mut reader = Reader {
            calls: Calls::default(),
            until: log.newest(),
            log,
            stop: StopSwitch::new().token(),
            selection: Selection::after(0),
        };
        let mut lines = 0;
        while let Some(chunk) = reader.next_chunk().await {
            assert!(chunk.len() < CHUNK_BYTES + 200 * 1024, "{}", chunk.len());
            lines += std::str::from_utf8(&chunk).unwrap().lines().count();
        }
        assert_eq!(lines, 20);
    }
}
