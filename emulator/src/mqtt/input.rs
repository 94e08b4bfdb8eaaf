//! Bytes off the stream, without a buffer for those who are silent.
//!
//! A thread reads for all its connections into one buffer, and what is read is acted on before the
//! thread turns to another connection. Only the rest of a cut packet is kept.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncRead;

use crate::read_buffer::with_read_buffer;

/// The rest of a cut packet.
#[derive(Debug, Default)]
pub(super) struct Input {
    rest: Vec<u8>,
}

/// What a read came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<E> {
    /// There was something, and it was acted on.
    Some,
    /// The peer will send no more.
    Eof,
    /// Acting on it ended the connection.
    End(E),
}

impl Input {
    /// Reads once and hands what there is, a cut packet's rest first, to `consume`, which acts on
    /// all whole packets and says how many bytes they were.
    pub(super) fn poll_read<IO, E>(
        &mut self,
        context: &mut Context<'_>,
        io: &mut IO,
        consume: impl FnOnce(&[u8]) -> Result<usize, E>,
    ) -> Poll<io::Result<Read<E>>>
    where
        IO: AsyncRead + Unpin,
    {
        with_read_buffer(|buffer| {
            ready!(Pin::new(io).poll_read(context, buffer))?;
            let fresh = buffer.filled();
            if fresh.is_empty() {
                return Poll::Ready(Ok(Read::Eof));
            }
            Poll::Ready(Ok(match self.feed(fresh, consume) {
                Ok(()) => Read::Some,
                Err(end) => Read::End(end),
            }))
        })
    }

    /// Hands the rest to `consume` again, which left whole packets in it, without reading.
    pub(super) fn resume<E>(&mut self, consume: impl FnOnce(&[u8]) -> Result<usize, E>) -> Read<E> {
        match self.feed(&[], consume) {
            Ok(()) => Read::Some,
            Err(end) => Read::End(end),
        }
    }

    /// How many bytes are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.rest.len()
    }

    fn feed<E>(
        &mut self,
        fresh: &[u8],
        consume: impl FnOnce(&[u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        if self.rest.is_empty() {
            let consumed = consume(fresh)?;
            self.rest.extend_from_slice(&fresh[consumed..]);
            return Ok(());
        }
        self.rest.extend_from_slice(fresh);
        let consumed = consume(&self.rest)?;
        if consumed == self.rest.len() {
            self.rest = Vec::new();
        } else {
            self.rest.drain(..consumed);
        }
        Ok(())
    }
}

/// Reads and forgets until the peer has closed its side. For the last moments of a connection: a
/// socket closed with bytes unread is reset, and the reset can overtake the last answer.
pub(super) fn poll_discard<IO>(context: &mut Context<'_>, io: &mut IO) -> Poll<()>
where
    IO: AsyncRead + Unpin,
{
    loop {
        let is_over = ready!(with_read_buffer(|buffer| {
            let read = ready!(Pin::new(&mut *io).poll_read(context, buffer));
            Poll::Ready(read.is_err() || buffer.filled().is_empty())
        }));
        if is_over {
            return Poll::Ready(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of this toy protocol are two bytes.
    fn pairs(seen: &mut Vec<u8>, bytes: &[u8]) -> Result<usize, &'static str> {
        let whole = bytes.len() / 2 * 2;
        seen.extend(&bytes[..whole]);
        if bytes[..whole].contains(&b'!') {
            Err("end")
        } else {
            Ok(whole)
        }
    }

    #[test]
    fn a_cut_packet_waits_for_its_rest_and_nothing_else_is_kept() {
        let (mut input, mut seen) = (Input::default(), Vec::new());
        for (fresh, rest) in [
            (b"abc".as_slice(), 1),
            (b"d", 0),
            (b"e", 1),
            (b"fg", 1),
            (b"h", 0),
        ] {
            input.feed(fresh, |bytes| pairs(&mut seen, bytes)).unwrap();
            assert_eq!(input.rest.len(), rest, "after {fresh:?}");
        }
        assert_eq!(seen, b"abcdefgh");
        assert_eq!(input.rest.capacity(), 0);
        assert_eq!(
            input.feed(b"!!", |bytes| pairs(&mut seen, bytes)),
            Err("end")
        );
    }
}
