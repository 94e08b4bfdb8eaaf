//! One connection: the stream, the timer, the order of reading and writing.
//!
//! The task of a connection is the only one to touch its stream. It writes all that waits, then
//! waits for bytes from the device, messages from the hub, or a deadline.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hub_core::link::LinkClose;
use hub_proto::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};

use super::conversation::Conversation;
use super::end::{End, NotLetIn};
use super::input::{Input, Read, poll_discard};
use super::peer::Peer;
use crate::clock::Timer;
use crate::listener::ConnectionContext;

/// Speaks MQTT on `io` until one side ends it.
///
/// What the future holds is held for each connection, idle ones included: not an async function,
/// which would keep its arguments beside what becomes of them, and in boxes what is over when a
/// device was let in, or comes at the end.
pub(crate) fn serve<IO>(io: IO, context: ConnectionContext) -> impl Future<Output = ()> + Send
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (peer, open) = (Peer::from(context.peer), context.stop.guard());
    let mut connection = Connection::new(io, context);
    async move {
        let end = match Box::pin(connection.arrive()).await {
            None => poll_fn(|context| connection.poll_until(context, Goal::End)).await,
            end => end,
        };
        Box::pin(connection.leave(peer.into(), end)).await;
        drop(open);
    }
}

#[derive(Debug)]
struct Connection<IO> {
    io: IO,
    conversation: Conversation,
    input: Input,
    output: Output,
    /// It may be set to an earlier instant than the deadline. It is never set to a later one, nor to
    /// none, when anything is written: whoever reads that may move the clock.
    timer: Timer,
}

/// What has left the mailbox and is being written.
#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    written: usize,
    is_unflushed: bool,
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Linked,
    End,
}

impl<IO> Connection<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn new(io: IO, context: ConnectionContext) -> Self {
        let clock = context.hub.clock().clone();
        let conversation = Conversation::new(context);
        let timer = clock.timer_that_rings(conversation.bell());
        let (input, output) = (Input::default(), Output::default());
        Self {
            io,
            conversation,
            input,
            output,
            timer,
        }
    }

    /// Comes back when the device was let in, or, with its end, when it will not be.
    async fn arrive(&mut self) -> Option<End> {
        // It is there until CONNECT.
        let mut stop = self.conversation.stop()?;
        let end = tokio::select! {
            // By chance is not by seed.
            biased;
            end = poll_fn(|context| self.poll_until(context, Goal::Linked)) => end,
            () = stop.stopped() => Some(End::NotLetIn(NotLetIn::Shutdown)),
        };
        // From here on the hub itself ends the link when it stops; a stop that came between the
        // two is seen here.
        end.or_else(|| stop.is_stopping().then_some(End::Here(LinkClose::Shutdown)))
    }

    async fn leave(&mut self, peer: SocketAddr, end: Option<End>) {
        let end = end.unwrap_or_else(|| self.conversation.lost());
        self.conversation.close(peer, &end);
        // What was due on this connection has happened; the farewell is between the sockets.
        self.timer.set(None);
        if end.is_worth_a_farewell() {
            // A peer that does not care for the rest is not waited for.
            let _ = tokio::time::timeout(FAREWELL, self.farewell()).await;
        }
    }

    /// Runs the connection until its end, or, with `None`, until the goal before it is reached.
    fn poll_until(&mut self, context: &mut Context<'_>, goal: Goal) -> Poll<Option<End>> {
        // What the hub sends while this task is at work needs no waking.
        self.conversation.mailbox().unregister();
        loop {
            let now = self.conversation.now();
            let deadline = self.conversation.poll_deadline();
            if self.timer.at().is_none_or(|at| deadline < at) {
                self.timer.set(Some(deadline));
                // What has come already is seen below.
                let _ = self.timer.poll_due(context);
            }
            if let Some(end) = self
                .poll_write(context)
                .or_else(|| self.check_deadline(now))
            {
                return Poll::Ready(Some(end));
            }
            if goal == Goal::Linked && self.conversation.is_linked() {
                return Poll::Ready(None);
            }
            match self.poll_read(context, now) {
                Poll::Ready(Some(end)) => return Poll::Ready(Some(end)),
                Poll::Ready(None) => continue,
                Poll::Pending => {}
            }
            self.conversation.mailbox().register(context.waker());
            if self.conversation.mailbox().closed().is_some()
                || (self.output.is_empty() && self.conversation.mailbox().has_news())
            {
                continue;
            }
            if self.poll_timer(context, now).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Writes what can be written of what waits.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Option<End> {
        loop {
            if self.output.is_empty() {
                let mail = self.conversation.mailbox().take();
                self.output.refill(mail.bytes);
                if let Some(reason) = mail.closed {
                    return Some(End::ByHub(reason));
                }
            }
            match self.output.poll_write(context, &mut self.io) {
                Poll::Ready(Ok(())) if self.conversation.mailbox().has_news() => {}
                Poll::Ready(Ok(())) => return None,
                Poll::Ready(Err(_)) => return Some(self.conversation.lost()),
                // The device does not read just now. Whether the hub has closed the link matters
                // all the same.
                Poll::Pending => return self.conversation.mailbox().closed().map(End::ByHub),
            }
        }
    }

    /// Reads and acts, unless the device leaves too much unread itself.
    fn poll_read(&mut self, context: &mut Context<'_>, now: Instant) -> Poll<Option<End>> {
        if self.unread_bytes() >= UNREAD_BYTES_HIGH {
            return Poll::Pending;
        }
        if self.conversation.is_waiting() {
            return self.poll_gone(context);
        }
        let is_holding = self.conversation.is_holding();
        let conversation = &mut self.conversation;
        let act = |bytes: &[u8]| conversation.receive(now, bytes);
        let read = if is_holding {
            Ok(self.input.resume(act))
        } else {
            ready!(self.input.poll_read(context, &mut self.io, act))
        };
        Poll::Ready(match read {
            Ok(Read::Some) => None,
            Ok(Read::End(end)) => Some(end),
            Ok(Read::Eof) => Some(self.conversation.lost()),
            Err(error) => Some(self.conversation.failed(&error)),
        })
    }

    /// Reads on while a packet waits its turn, within bounds, for nothing but to see whether the device
    /// has gone: then its place is another's.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<Option<End>> {
        if self.input.kept_bytes() >= KEPT_BYTES_HIGH {
            return Poll::Pending;
        }
        let keep = |_: &[u8]| Ok::<_, End>(0);
        Poll::Ready(
            match ready!(self.input.poll_read(context, &mut self.io, keep)) {
                Ok(Read::Eof) => Some(self.conversation.lost()),
                Ok(Read::Some | Read::End(_)) => None,
                Err(error) => Some(self.conversation.failed(&error)),
            },
        )
    }

    fn check_deadline(&mut self, now: Instant) -> Option<End> {
        if now < self.conversation.poll_deadline() {
            return None;
        }
        let end = self.conversation.handle_deadline(now)?;
        let unread = self.unread_bytes();
        if matches!(end, End::Here(LinkClose::KeepAlive)) && unread >= UNREAD_BYTES_HIGH {
            // It may well have sent; it was not listened to, because it does not listen.
            return Some(End::Here(LinkClose::SlowReader(unread)));
        }
        Some(end)
    }

    /// Sees to it that the task wakes by the deadline. Ready: it has come.
    fn poll_timer(&mut self, context: &mut Context<'_>, now: Instant) -> Poll<()> {
        let deadline = self.conversation.poll_deadline();
        if self.timer.at().is_none_or(|at| deadline < at || at <= now) {
            self.timer.set(Some(deadline));
        }
        if self.conversation.mailbox().take_ring() {
            // The time is read again.
            return Poll::Ready(());
        }
        self.timer.poll_due(context)
    }

    fn unread_bytes(&self) -> usize {
        self.output.len() + self.conversation.mailbox().waiting_bytes()
    }

    /// Writes what still waits, closes this side, and waits for the other to do the same: a socket
    /// closed with bytes unread is reset, and the reset can overtake the last answer.
    async fn farewell(&mut self) {
        let written = poll_fn(|context| {
            loop {
                if self.output.is_empty() {
                    let mail = self.conversation.mailbox().take();
                    if mail.bytes.is_empty() {
                        return self.output.poll_write(context, &mut self.io);
                    }
                    self.output.refill(mail.bytes);
                }
                ready!(self.output.poll_write(context, &mut self.io))?;
            }
        });
        if written.await.is_err() {
            return;
        }
        if poll_fn(|context| Pin::new(&mut self.io).poll_shutdown(context))
            .await
            .is_ok()
        {
            poll_fn(|context| poll_discard(context, &mut self.io)).await;
        }
    }
}

impl Output {
    fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn refill(&mut self, bytes: Vec<u8>) {
        assert!(self.is_empty(), "bytes leave in order");
        self.bytes = bytes;
        self.written = 0;
    }

    /// Writes and flushes all there is.
    fn poll_write<IO>(&mut self, context: &mut Context<'_>, io: &mut IO) -> Poll<io::Result<()>>
    where
        IO: AsyncWrite + Unpin,
    {
        while !self.is_empty() {
            let rest = &self.bytes[self.written..];
            let count = ready!(Pin::new(&mut *io).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
            self.is_unflushed = true;
        }
        // An idle connection holds no buffer.
        self.bytes = Vec::new();
        self.written = 0;
        if self.is_unflushed {
            ready!(Pin::new(io).poll_flush(context))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// With this much unread by the device, nothing more is read from it: it makes the hub no new work
/// before it has taken the old.
pub(super) const UNREAD_BYTES_HIGH: usize = 64 * 1024;
/// How much a device may send ahead while a packet of its waits its turn; the largest packet fits.
const KEPT_BYTES_HIGH: usize = 512 * 1024;
/// How long a closing connection may take to take its last bytes and close its side.
const FAREWELL: Duration = Duration::from_secs(1);
