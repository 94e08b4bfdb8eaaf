//! An open connection as a device's task polls it: what is to be written, and what is read.
//!
//! Nothing here waits, and there is no buffer of a device's own to read into: ten thousand idle
//! devices must not hold ten thousand buffers.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use hub_proto::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::rare::Rare;
use crate::transport::Stream;

/// An open connection.
pub(super) struct Line {
    stream: Box<dyn Stream>,
    output: Rare<Output>,
    is_unflushed: bool,
    /// Whether the stream has no more to read, and why.
    pub(super) ended: Option<Box<str>>,
    /// Being closed: until then the last words may take.
    pub(super) closing_until: Option<Instant>,
}

/// What is to be written.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Line {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            output: Rare::default(),
            is_unflushed: false,
            ended: None,
            closing_until: None,
        }
    }

    /// The stream, for whoever keeps it open without a use for it.
    pub(super) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    /// Queues bytes. An error when the hub has long read nothing.
    pub(super) fn queue(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        let output = self.output.room();
        if output.bytes.len() - output.written + bytes.len() > OUTPUT_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "the hub does not read what it is sent",
            ));
        }
        if output.bytes.is_empty() {
            output.bytes = bytes;
        } else {
            output.bytes.extend_from_slice(&bytes);
        }
        Ok(())
    }

    /// Writes what is queued; ready when nothing is left.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut count = 0;
        while let Some(output) = self.output.get_mut()
            && let rest = &output.bytes[output.written..]
            && !rest.is_empty()
        {
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => {
                    output.written += bytes;
                    count += bytes;
                    self.is_unflushed = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        // Given back at once: an idle device holds nothing.
        self.output.clear();
        if self.is_unflushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(count))
    }

    /// Reads once and hands on what came; nothing at the end.
    pub(super) fn poll_read<R>(
        &mut self,
        context: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> R,
    ) -> Poll<io::Result<R>> {
        let mut bytes = [MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(take(buffer.filled()))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Says the end of the stream, once everything is written.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// More than any answer; less than what a thousand such devices would make a machine feel.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// On the stack, and so shared by all devices of a thread.
const READ_BYTES: usize = 8 * 1024;
