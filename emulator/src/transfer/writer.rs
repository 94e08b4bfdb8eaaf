//! Lines into a blob, in blocks: no more than one block is in memory.

use hub_core::transfer::LINE_END;
use hyper::body::Bytes;

use super::container::{Container, ContainerError};

/// A blob that is being written. It is there once it was finished, and not before.
#[derive(Debug)]
pub(super) struct BlobWriter<'a> {
    container: &'a Container,
    blob: &'a str,
    block_bytes: usize,
    waiting: Vec<u8>,
    blocks: usize,
}

impl<'a> BlobWriter<'a> {
    pub(super) fn new(container: &'a Container, blob: &'a str) -> Self {
        Self {
            container,
            blob,
            block_bytes: BLOCK_BYTES,
            waiting: Vec::new(),
            blocks: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn with_blocks_of(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// Writes one line, and its end.
    pub(super) async fn line(&mut self, line: &str) -> Result<(), ContainerError> {
        self.waiting.extend_from_slice(line.as_bytes());
        self.waiting.extend_from_slice(LINE_END.as_bytes());
        if self.waiting.len() >= self.block_bytes {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ContainerError> {
        let block = Bytes::from(std::mem::take(&mut self.waiting));
        let number = self.blocks;
        self.container.put_block(self.blob, number, block).await?;
        self.blocks += 1;
        Ok(())
    }

    /// Makes the blob of what was written, in place of one of its name.
    pub(super) async fn finish(mut self) -> Result<(), ContainerError> {
        if self.blocks == 0 {
            return self.container.put(self.blob, self.waiting.into()).await;
        }
        if !self.waiting.is_empty() {
            self.flush().await?;
        }
        self.container.put_block_list(self.blob, self.blocks).await
    }
}

/// A blob has 50,000 blocks at most, so 200 GB fit.
const BLOCK_BYTES: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::tests::TestBlobs;

    #[tokio::test]
    async fn blocks_make_one_blob_which_is_there_when_it_is_finished() {
        // JOB-14
        let blobs = TestBlobs::start().await;
        let container = Container::parse(&blobs.container()).unwrap();
        let mut writer = BlobWriter::new(&container, "x").with_blocks_of(8);
        for line in ["one", "two", "three", "four", "5"] {
            writer.line(line).await.unwrap();
        }
        assert!(writer.blocks > 1);
        assert_eq!(blobs.file("x"), None);
        writer.finish().await.unwrap();
        let written = blobs.file("x").unwrap();
        assert_eq!(written, "one\r\ntwo\r\nthree\r\nfour\r\n5\r\n");
    }
}
