//! The body of a request, as its handler asks for it.
//!
//! Nothing is read before somebody asks, and a client that waits to be asked (`Expect: 100-continue`) is
//! asked then. What nobody asked for is the connection's business.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use super::chunks::{ChunkFault, ChunkReader, Step};
use super::head::{Framing, Length};
use super::input::{Input, Transport};

/// The body of one request. Dropping it leaves what is not read to the connection.
pub(crate) struct Body<'a> {
    progress: &'a mut Progress,
    input: &'a mut Input,
    io: &'a mut (dyn Transport + 'a),
}

/// How much of a body is still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    left: Left,
    awaits_continue: bool,
}

#[derive(Clone, Copy, Debug)]
enum Left {
    Bytes(u64),
    Chunks(ChunkReader),
    /// It broke off, or was no body: nobody knows where it would end.
    Torn,
}

/// Why a body is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyFault {
    /// It is larger than the handler takes.
    #[error("it is too large")]
    TooLarge,
    /// It did not come in time.
    #[error("it did not come in time")]
    TooSlow,
    /// The connection broke, or the client ended it.
    #[error(transparent)]
    Torn(#[from] io::Error),
}

impl<'a> Body<'a> {
    pub(super) fn new(
        progress: &'a mut Progress,
        input: &'a mut Input,
        io: &'a mut (dyn Transport + 'a),
    ) -> Self {
        Self {
            progress,
            input,
            io,
        }
    }

    /// How many bytes are still to come, if the head said so.
    pub(crate) fn announced(&self) -> Option<u64> {
        match self.progress.left {
            Left::Bytes(left) => Some(left),
            Left::Chunks(_) | Left::Torn => None,
        }
    }

    /// The whole body, if it has at most `bytes_max` bytes and comes within that time. A larger one is
    /// not read on.
    pub(crate) async fn whole(
        &mut self,
        bytes_max: usize,
        within: Duration,
    ) -> Result<Bytes, BodyFault> {
        let max = bytes_max as u64;
        if self.announced().is_some_and(|bytes| bytes > max) {
            return Err(BodyFault::TooLarge);
        }
        // Nearly every body came with its head.
        if self.announced() == Some(0) {
            return Ok(Bytes::new());
        }
        let first = self.progress.step(self.input);
        if let (Ok(Step::Piece(piece)), Some(0)) = (&first, self.announced()) {
            return Ok(piece.clone());
        }
        let collected = Box::pin(self.collect(first, bytes_max));
        let whole = tokio::time::timeout(within, collected).await;
        whole.unwrap_or(Err(BodyFault::TooSlow))
    }

    async fn collect(
        &mut self,
        first: Result<Step, ChunkFault>,
        bytes_max: usize,
    ) -> Result<Bytes, BodyFault> {
        let mut whole = Vec::new();
        if let Step::Piece(piece) = first.map_err(torn)? {
            whole.extend_from_slice(&piece);
        }
        while whole.len() <= bytes_max {
            let Some(piece) = self.piece().await? else {
                return Ok(whole.into());
            };
            whole.extend_from_slice(&piece);
        }
        Err(BodyFault::TooLarge)
    }

    /// The next piece, at most as much as was read at once; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, BodyFault> {
        loop {
            match self.progress.step(self.input).map_err(torn)? {
                Step::Piece(piece) => return Ok(Some(piece)),
                Step::Over => return Ok(None),
                Step::More => {}
            }
            if let Err(error) = self.read().await {
                self.progress.left = Left::Torn;
                return Err(error.into());
            }
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.progress.awaits_continue) {
            self.io.write_all(CONTINUE).await?;
            self.io.flush().await?;
        }
        let read = poll_fn(|context| self.input.poll_fill(context, self.io)).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl Progress {
    pub(super) fn new(framing: Framing) -> Self {
        let left = match framing.length {
            Length::Bytes(bytes) => Left::Bytes(bytes),
            Length::Chunked => Left::Chunks(ChunkReader::new()),
        };
        Self {
            left,
            awaits_continue: framing.awaits_continue,
        }
    }

    /// Whether all of it was taken.
    pub(super) fn is_over(&self) -> bool {
        match &self.left {
            Left::Bytes(left) => *left == 0,
            Left::Chunks(chunks) => chunks.is_over(),
            Left::Torn => false,
        }
    }

    /// Takes what is there of a body that nobody wants.
    pub(super) fn skip(&mut self, input: &mut Input) {
        while let Ok(Step::Piece(_)) = self.step(input) {}
    }

    /// Whether what is missing is so little, and so sure to come, that the connection is worth it.
    pub(super) fn is_nearly_over(&self) -> bool {
        matches!(self.left, Left::Bytes(left) if left <= NEARLY_BYTES) && !self.awaits_continue
    }

    fn step(&mut self, input: &mut Input) -> Result<Step, ChunkFault> {
        let buffer = &mut input.buffer;
        let step = match &mut self.left {
            // A torn one was told when it tore.
            Left::Bytes(0) | Left::Torn => Ok(Step::Over),
            Left::Bytes(_) if buffer.is_empty() => Ok(Step::More),
            Left::Bytes(left) => {
                let there = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                *left -= there as u64;
                Ok(Step::Piece(buffer.split_to(there).freeze()))
            }
            Left::Chunks(chunks) => chunks.step(buffer),
        };
        if step.is_err() {
            self.left = Left::Torn;
        }
        step
    }
}

fn torn(fault: ChunkFault) -> BodyFault {
    io::Error::new(io::ErrorKind::InvalidData, fault).into()
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const NEARLY_BYTES: u64 = 64 * 1024;
