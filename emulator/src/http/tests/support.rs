//! A service that notes what it saw, and a client that sends bytes in pieces.

use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::http::{Answer, Body, Head, HeadBounds, Service, serve};
use crate::stop::StopSwitch;

pub(super) const BOUNDS: HeadBounds = HeadBounds {
    within: Duration::from_secs(30),
    bytes: 32 * 1024,
};

/// A request as a handler saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) line: String,
    /// In lower case, sorted by name.
    pub(super) fields: Vec<(String, Vec<u8>)>,
    /// `None`: it did not come whole.
    pub(super) body: Option<Vec<u8>>,
}

impl Seen {
    pub(super) fn new(line: String, fields: impl Iterator<Item = (String, Vec<u8>)>) -> Self {
        let mut fields: Vec<_> = fields
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        // Hyper forgets repetitions of this one.
        fields.dedup_by(|one, other| one.0 == "content-length" && one == other);
        Self {
            line,
            fields,
            body: None,
        }
    }
}

/// What became of bytes that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) seen: Vec<Seen>,
    pub(super) answers: String,
    /// Whether the connection waits for another request.
    pub(super) is_alive: bool,
}

impl Outcome {
    /// The statuses of the answers, in order.
    pub(super) fn statuses(&self) -> Vec<&str> {
        let lines = self.answers.split("HTTP/1.").skip(1);
        lines.filter_map(|line| line.get(2..5)).collect()
    }
}

/// Reads every body and answers 200.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) seen: Mutex<Vec<Seen>>,
}

impl Service for Recorder {
    async fn answer(&self, head: Head, mut body: Body<'_>) -> Answer {
        let query = head.query().map(|query| format!("?{query}"));
        let line = format!(
            "{} {}{}",
            head.method(),
            head.path(),
            query.unwrap_or_default()
        );
        let fields = head.fields();
        let fields = fields
            .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()));
        let mut seen = Seen::new(line, fields);
        let whole = body.whole(usize::MAX, BOUNDS.within).await;
        seen.body = whole.ok().map(|body| body.to_vec());
        self.seen.lock().unwrap().push(seen);
        Answer::new(hyper::StatusCode::OK, "ok")
    }
}

/// What our server makes of `pieces`, in virtual time.
pub(super) async fn ours(pieces: &[&[u8]]) -> Outcome {
    let (near, far) = duplex(1024 * 1024);
    let (recorder, switch) = (Recorder::default(), StopSwitch::new());
    let stop = switch.token();
    let served = serve(far, BOUNDS, stop, &recorder);
    let (answers, is_alive) = tokio::select! {
        told = send(near, pieces) => told,
        () = finished(served) => unreachable!("the client ends first"),
    };
    Outcome {
        seen: recorder.seen.into_inner().unwrap(),
        answers,
        is_alive,
    }
}

/// Waits for a connection and then for ever.
pub(super) async fn finished<F: Future>(served: F) {
    let _ = served.await;
    std::future::pending::<()>().await;
}

/// Sends pieces one by one, each when the server waits for more; then listens until it is silent. Dates are left out.
pub(super) async fn send(mut pipe: DuplexStream, pieces: &[&[u8]]) -> (String, bool) {
    let mut answers = Vec::new();
    for piece in pieces {
        // A server that has hung up takes no more.
        if pipe.write_all(piece).await.is_err() {
            break;
        }
        // In virtual time: once nothing else is left to do.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let silence = Duration::from_secs(10);
    let is_alive = loop {
        match tokio::time::timeout(silence, pipe.read_buf(&mut answers)).await {
            Ok(Ok(0) | Err(_)) => break false,
            Ok(Ok(_)) => {}
            Err(_) => break true,
        }
    };
    let answers = String::from_utf8_lossy(&answers);
    // The one line that is not the same each time.
    let lines = answers.split_inclusive("\r\n");
    let lines = lines.filter(|line| !line.starts_with("date: "));
    (lines.collect(), is_alive)
}

/// Runs a test in virtual time.
pub(super) fn virtually<F: Future>(test: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test)
}

/// Bytes cut at these places.
pub(super) fn torn<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|at| at % (bytes.len() + 1)).collect();
    places.sort_unstable();
    let (mut pieces, mut start) = (Vec::new(), 0);
    for at in places {
        pieces.push(&bytes[start..at]);
        start = at;
    }
    pieces.push(&bytes[start..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
