//! One connection of HTTP/1.1, from its first byte until its client goes or the emulator stops.
//!
//! Requests are answered one after the other, in their order; what comes ahead of its turn waits in the
//! socket. An answer is written at once, head and small body together. Whatever ends a connection while
//! its client may still send is told after the answer has had its time to arrive.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use hyper::{Method, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::answer::{Answer, Content, Encoding, Manner, Pieces};
use super::body::{Body, Progress};
use super::head::{Framing, Head, HeadFault};
use super::input::{Input, Transport};
use crate::read_buffer::with_read_buffer;
use crate::stop::StopToken;

/// What a client may take up before anything of it is understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadBounds {
    /// How long the head of a request may take, and how long a kept-alive connection may be idle.
    pub(crate) within: Duration,
    /// The largest head, below 64 KiB.
    pub(crate) bytes: usize,
}

/// Who answers the requests of a connection.
pub(crate) trait Service: Sync {
    /// Answers one request. Never fails: a refusal is an answer. Status 101 hands the connection over.
    fn answer(&self, head: Head, body: Body<'_>) -> impl Future<Output = Answer> + Send;
}

/// A connection that was handed over with status 101.
#[derive(Debug)]
pub(crate) struct Upgraded<I> {
    pub(crate) io: I,
    /// What the client has sent behind its request.
    pub(crate) read: Bytes,
}

/// Serves `io`. The error says why the connection ended early.
pub(crate) async fn serve<I, S>(
    io: I,
    bounds: HeadBounds,
    stop: StopToken,
    service: &S,
) -> io::Result<Option<Upgraded<I>>>
where
    I: Transport,
    S: Service,
{
    let mut connection = Connection {
        io,
        input: Input::default(),
        patience: Patience::new(bounds.within),
    };
    let mut watched = stop.clone();
    let mut stopped = pin!(watched.stopped());
    loop {
        let next = match connection.next_head(bounds, stopped.as_mut()).await? {
            Arrived::Head(head, framing) => {
                // What a request takes is given up before the wait for the next one.
                let exchange = connection.exchange(head, framing, &stop, service);
                Box::pin(exchange).await?
            }
            Arrived::Fault(fault) => Box::pin(connection.refuse(fault)).await?,
            Arrived::Nothing => Next::Close(true),
        };
        match next {
            Next::GoOn => connection.patience.renew(),
            Next::Close(is_all_read) => {
                Box::pin(connection.close(is_all_read)).await;
                return Ok(None);
            }
            Next::HandOver => {
                let read = connection.input.take();
                let io = connection.io;
                return Ok(Some(Upgraded { io, read }));
            }
        }
    }
}

struct Connection<I> {
    io: I,
    input: Input,
    patience: Patience,
}

/// What a client did in its turn.
enum Arrived {
    Head(Head, Framing),
    Fault(HeadFault),
    /// It went, was silent for too long, or the emulator stops.
    Nothing,
}

/// What becomes of the connection.
enum Next {
    GoOn,
    /// Whether all that the client has sent was read, as far as one can know.
    Close(bool),
    HandOver,
}

impl<I: Transport> Connection<I> {
    async fn next_head<F>(
        &mut self,
        bounds: HeadBounds,
        mut stopped: Pin<&mut F>,
    ) -> io::Result<Arrived>
    where
        F: Future<Output = ()>,
    {
        // A head can only have become whole by the end of a line.
        let mut is_worth_a_look = !self.input.is_empty();
        loop {
            if is_worth_a_look {
                match Head::take(&mut self.input.buffer, bounds.bytes) {
                    Ok(Some((head, framing))) => return Ok(Arrived::Head(head, framing)),
                    Ok(None) => {}
                    Err(fault) => return Ok(Arrived::Fault(fault)),
                }
            }
            let known = self.input.buffer.len();
            let came = poll_fn(|context| {
                if let Poll::Ready(read) = self.input.poll_fill(context, &mut self.io) {
                    return Poll::Ready(read.map(|bytes| (bytes > 0).then_some(Ok(()))));
                }
                if stopped.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Ok(None));
                }
                ready!(self.patience.poll_over(context));
                Poll::Ready(Ok(Some(Err(HeadFault::TooSlow))))
            });
            match came.await? {
                Some(Ok(())) => {}
                Some(Err(fault)) if !self.input.is_empty() => return Ok(Arrived::Fault(fault)),
                Some(Err(_)) | None => return Ok(Arrived::Nothing),
            }
            is_worth_a_look = self.input.buffer[known..].contains(&b'\n')
                || self.input.buffer.len() >= bounds.bytes;
        }
    }

    /// One request and its answer.
    async fn exchange<S: Service>(
        &mut self,
        head: Head,
        framing: Framing,
        stop: &StopToken,
        service: &S,
    ) -> io::Result<Next> {
        let mut manner = Manner {
            is_http_10: head.is_http_10(),
            is_head: *head.method() == Method::HEAD,
            is_kept: framing.is_kept,
        };
        let mut progress = Progress::new(framing);
        let body = Body::new(&mut progress, &mut self.input, &mut self.io);
        let mut answer = service.answer(head, body).await;
        if !progress.is_over() {
            progress.skip(&mut self.input);
        }
        let is_upgrade = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        if is_upgrade && !progress.is_over() {
            answer = refusal(HeadFault::Malformed("an upgrade has a body"));
        }
        manner.is_kept &= (progress.is_over() || progress.is_nearly_over())
            && !answer.closes()
            && !answer.ends_connection(manner.is_http_10)
            && !stop.is_stopping();
        self.write(answer, manner).await?;
        if is_upgrade && progress.is_over() {
            return Ok(Next::HandOver);
        }
        if !manner.is_kept {
            return Ok(Next::Close(progress.is_over() && self.input.is_empty()));
        }
        if !progress.is_over() {
            let mut body = Body::new(&mut progress, &mut self.input, &mut self.io);
            let rest = timeout(LINGER_WITHIN, async {
                while let Ok(Some(_)) = body.piece().await {}
            });
            if rest.await.is_err() || !progress.is_over() {
                return Ok(Next::Close(false));
            }
        }
        self.input.rest();
        Ok(Next::GoOn)
    }

    /// Tells why there will be no further answer.
    async fn refuse(&mut self, fault: HeadFault) -> io::Result<Next> {
        let manner = Manner {
            is_http_10: false,
            is_head: false,
            is_kept: false,
        };
        self.write(refusal(fault), manner).await?;
        Ok(Next::Close(false))
    }

    async fn write(&mut self, mut answer: Answer, manner: Manner) -> io::Result<()> {
        let mut out = Vec::with_capacity(HEAD_BYTES + answer.body().len().min(JOINED_BYTES));
        let encoding = answer.print_head(&mut out, manner);
        let content = std::mem::replace(&mut answer.content, Content::Described(0));
        match content {
            _ if encoding == Encoding::Nothing => self.io.write_all(&out).await?,
            Content::Whole(body) if body.len() <= JOINED_BYTES => {
                out.extend_from_slice(&body);
                self.io.write_all(&out).await?;
            }
            Content::Whole(body) => self.io.write_all_buf(&mut out.chain(body)).await?,
            Content::Pieces(pieces, _) => self.write_pieces(out, pieces, encoding).await?,
            // Only a HEAD is answered so.
            Content::Described(_) => return Err(io::Error::other("an answer without its body")),
        }
        self.io.flush().await
    }

    async fn write_pieces(
        &mut self,
        head: Vec<u8>,
        mut pieces: Pieces,
        encoding: Encoding,
    ) -> io::Result<()> {
        // The head does not wait for the first piece.
        self.io.write_all(&head).await?;
        drop(head);
        self.io.flush().await?;
        let mut written = 0_u64;
        while let Some(piece) = self.next_piece(&mut pieces, encoding).await? {
            let piece = piece?;
            if piece.is_empty() {
                continue;
            }
            written += piece.len() as u64;
            if encoding == Encoding::Chunked {
                let size = Bytes::from(format!("{:x}\r\n", piece.len()));
                let mut chunk = size.chain(piece).chain(&b"\r\n"[..]);
                self.io.write_all_buf(&mut chunk).await?;
            } else if matches!(encoding, Encoding::Sized(bytes) if written > bytes) {
                return Err(io::Error::other("an answer is longer than its head says"));
            } else {
                self.io.write_all(&piece).await?;
            }
            self.io.flush().await?;
        }
        match encoding {
            Encoding::Chunked => self.io.write_all(b"0\r\n\r\n").await,
            Encoding::Sized(bytes) if written < bytes => {
                Err(io::Error::other("an answer is shorter than its head says"))
            }
            _ => Ok(()),
        }
    }

    /// The next piece. While one without a known end waits, a client that has gone is noticed.
    async fn next_piece(
        &mut self,
        pieces: &mut Pieces,
        encoding: Encoding,
    ) -> io::Result<Option<io::Result<Bytes>>> {
        let is_watched = !matches!(encoding, Encoding::Sized(_));
        poll_fn(|context| {
            if let Poll::Ready(piece) = pieces.poll_next_unpin(context) {
                return Poll::Ready(Ok(piece));
            }
            // What comes ahead of its turn stays where it is, but for one read.
            while is_watched && self.input.is_empty() {
                if ready!(self.input.poll_fill(context, &mut self.io))? == 0 {
                    return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Ends the connection. A socket closed with bytes unread is reset, and the reset can overtake the
    /// last answer: so what a client still sends is read for a while and forgotten.
    async fn close(&mut self, is_all_read: bool) {
        let _ = timeout(LINGER_WITHIN, async {
            let closed = self.io.shutdown().await;
            if closed.is_ok() && !is_all_read && !self.input.is_ended() {
                poll_fn(|context| poll_discard(context, &mut self.io)).await;
            }
        })
        .await;
    }
}

fn refusal(fault: HeadFault) -> Answer {
    let mut answer = Answer::new(fault.status(), format!("{fault}\n"));
    answer.push("content-type", "text/plain; charset=utf-8");
    answer.close();
    answer
}

/// Reads and forgets until the client has closed its side or was patient for too long.
fn poll_discard<I: Transport>(context: &mut Context<'_>, io: &mut I) -> Poll<()> {
    let mut bytes = 0;
    loop {
        let read = with_read_buffer(|room| {
            let read = Pin::new(&mut *io).poll_read(context, room);
            read.map_ok(|()| room.filled().len())
        });
        match ready!(read) {
            Ok(read) if read > 0 && bytes < LINGER_BYTES_MAX => bytes += read,
            _ => return Poll::Ready(()),
        }
    }
}

/// How long a client may be silent. Patience with the network is real time, whatever the hub's clock
/// does; and one timer serves all requests: it is set again when it has run out too early.
struct Patience {
    within: Duration,
    until: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(within: Duration) -> Self {
        Self {
            within,
            until: Instant::now() + within,
            timer: None,
        }
    }

    fn renew(&mut self) {
        self.until = Instant::now() + self.within;
    }

    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let until = self.until;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= until {
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
    }
}

/// Room for most heads of answers.
const HEAD_BYTES: usize = 384;
/// A body up to this size is copied behind its head, so that one packet brings both.
const JOINED_BYTES: usize = 16 * 1024;
/// How long a connection that is over is read on.
const LINGER_WITHIN: Duration = Duration::from_secs(2);
/// How much of what is still sent then is read.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;
