//! What has come from the client and was not taken yet. Holds memory only while there is something.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::read_buffer::with_read_buffer;

/// What a connection runs over.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + ?Sized> Transport for IO {}

#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) buffer: BytesMut,
    /// The client sends no more.
    is_ended: bool,
}

impl Input {
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Reads once, and says how much: nothing is the end.
    pub(super) fn poll_fill<IO>(
        &mut self,
        context: &mut Context<'_>,
        io: &mut IO,
    ) -> Poll<io::Result<usize>>
    where
        IO: AsyncRead + Unpin + ?Sized,
    {
        with_read_buffer(|room| {
            ready!(Pin::new(io).poll_read(context, room))?;
            let fresh = room.filled();
            if fresh.is_empty() {
                self.is_ended = true;
            } else if self.buffer.is_empty() {
                // As much as there is and no more; what the requests before took stays theirs.
                self.buffer = BytesMut::from(fresh);
            } else {
                self.buffer.extend_from_slice(fresh);
            }
            Poll::Ready(Ok(fresh.len()))
        })
    }

    /// Gives up the room of what was taken.
    pub(super) fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// All there is.
    pub(super) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.buffer).freeze()
    }
}
