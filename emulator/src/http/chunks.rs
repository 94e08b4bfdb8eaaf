//! The chunked transfer coding of a body, read (RFC 9112, section 7.1).
//!
//! Pure: bytes in, pieces of the body out. Strict where leniency has let requests be smuggled: every line ends in
//! CR LF, sizes are hexadecimal digits and nothing else. Extensions and trailers are read over, within bounds.

use bytes::{Buf, Bytes, BytesMut};

/// Where in its body a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// At the line with a chunk's size.
    Size,
    /// So many bytes before the chunk's end.
    Data(u64),
    /// At the CR LF behind a chunk.
    DataEnd,
    /// At a line of the trailers.
    Trailers,
    /// Behind the body.
    Over,
}

/// What the front of the bytes came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Piece(Bytes),
    /// More bytes are needed.
    More,
    Over,
}

/// The reader of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkReader {
    at: Chunks,
    /// Bytes of extensions and trailers, which say nothing here.
    idle_bytes: usize,
}

/// What is no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunks of the body are malformed: {0}")]
pub(super) struct ChunkFault(&'static str);

impl ChunkReader {
    pub(super) fn new() -> Self {
        Self {
            at: Chunks::Size,
            idle_bytes: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.at == Chunks::Over
    }

    /// Takes the next piece off the front of `buffer`.
    pub(super) fn step(&mut self, buffer: &mut BytesMut) -> Result<Step, ChunkFault> {
        loop {
            match self.at {
                Chunks::Size => {
                    let Some(line) = take_line(buffer)? else {
                        return Ok(Step::More);
                    };
                    self.at = match self.read_size(&line)? {
                        0 => Chunks::Trailers,
                        size => Chunks::Data(size),
                    };
                }
                Chunks::Data(left) => {
                    if buffer.is_empty() {
                        return Ok(Step::More);
                    }
                    let there = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(buffer.len());
                    let left = left - there as u64;
                    self.at = if left == 0 {
                        Chunks::DataEnd
                    } else {
                        Chunks::Data(left)
                    };
                    return Ok(Step::Piece(buffer.split_to(there).freeze()));
                }
                Chunks::DataEnd => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        self.at = Chunks::Size;
                    }
                    None if buffer.is_empty() || buffer[0] == b'\r' => return Ok(Step::More),
                    _ => return Err(ChunkFault("a chunk is longer than its size")),
                },
                Chunks::Trailers => {
                    let Some(line) = take_line(buffer)? else {
                        return Ok(Step::More);
                    };
                    if line.is_empty() {
                        self.at = Chunks::Over;
                    }
                    self.idle(line.len())?;
                }
                Chunks::Over => return Ok(Step::Over),
            }
        }
    }

    fn read_size(&mut self, line: &[u8]) -> Result<u64, ChunkFault> {
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
        let (size, extension) = line.split_at(digits.count());
        if size.is_empty() || size.len() > SIZE_DIGITS_MAX {
            return Err(ChunkFault("a chunk's size is not a number"));
        }
        if !matches!(extension.trim_ascii_start().first(), None | Some(b';')) {
            return Err(ChunkFault("a chunk's size is not a number"));
        }
        self.idle(extension.len())?;
        let size = std::str::from_utf8(size).unwrap_or_default();
        u64::from_str_radix(size, 16).map_err(|_| ChunkFault("a chunk's size is not a number"))
    }

    fn idle(&mut self, bytes: usize) -> Result<(), ChunkFault> {
        self.idle_bytes += bytes;
        if self.idle_bytes > IDLE_BYTES_MAX {
            return Err(ChunkFault("there is too much besides the body"));
        }
        Ok(())
    }
}

/// Takes a line off without its CR LF; `None`: it is not whole yet.
fn take_line(buffer: &mut BytesMut) -> Result<Option<BytesMut>, ChunkFault> {
    let window = &buffer[..buffer.len().min(LINE_BYTES_MAX)];
    let Some(end) = window
        .iter()
        .position(|byte| *byte < b' ' && *byte != b'\t')
    else {
        return if window.len() < LINE_BYTES_MAX {
            Ok(None)
        } else {
            Err(ChunkFault("a line is too long"))
        };
    };
    match window[end..] {
        [b'\r', b'\n', ..] => {
            let line = buffer.split_to(end);
            buffer.advance(2);
            Ok(Some(line))
        }
        [b'\r'] => Ok(None),
        _ => Err(ChunkFault("a line does not end in CR LF")),
    }
}

/// Sixteen would be all of 64 bits; nobody sends so much.
const SIZE_DIGITS_MAX: usize = 12;
const LINE_BYTES_MAX: usize = 4 * 1024;
/// All extensions and trailers of a body.
const IDLE_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// The body, and what stands behind it.
    type Read = (Vec<u8>, Vec<u8>);

    fn read(text: &[u8], step: usize) -> Result<Option<Read>, ChunkFault> {
        let (mut reader, mut buffer) = (ChunkReader::new(), BytesMut::new());
        let (mut body, mut rest) = (Vec::new(), text);
        loop {
            match reader.step(&mut buffer)? {
                Step::Piece(piece) => body.extend_from_slice(&piece),
                Step::Over => {
                    buffer.extend_from_slice(rest);
                    assert!(reader.is_over());
                    return Ok(Some((body, buffer.to_vec())));
                }
                Step::More if rest.is_empty() => return Ok(None),
                Step::More => {
                    let (next, later) = rest.split_at(step.min(rest.len()));
                    buffer.extend_from_slice(next);
                    rest = later;
                }
            }
        }
    }

    #[test]
    fn chunks_are_joined_however_they_are_torn() {
        let cases: [(&[u8], &[u8], &[u8]); 5] = [
            (b"0\r\n\r\nGET", b"", b"GET"),
            (b"5\r\nhello\r\n0\r\n\r\n", b"hello", b""),
            (
                b"A;x=\"y\"\r\n0123456789\r\n1\r\n\n\r\n00\r\n\r\n",
                b"0123456789\n",
                b"",
            ),
            (
                b"1 ;a\r\nx\r\n0;b\r\nTrailer: x\r\nAnother: y\r\n\r\nP",
                b"x",
                b"P",
            ),
            (b"0000002\r\n\r\n\r\n0\r\n\r\n\r\n", b"\r\n", b"\r\n"),
        ];
        for (text, body, rest) in cases {
            for step in 1..=text.len() {
                let expected = Ok(Some((body.to_vec(), rest.to_vec())));
                assert_eq!(read(text, step), expected, "{step}");
            }
        }
    }

    #[test]
    fn what_others_may_read_differently_is_no_chunk() {
        let cases: [&[u8]; 14] = [
            b"\r\n0\r\n\r\n",
            b"-1\r\n",
            b"+1\r\nx\r\n0\r\n\r\n",
            b"0x1\r\nx\r\n0\r\n\r\n",
            b" 1\r\nx\r\n0\r\n\r\n",
            b"1\nx\r\n0\r\n\r\n",
            b"1\r\nxy\r\n0\r\n\r\n",
            b"1\r\nx\n0\r\n\r\n",
            b"1\r\nx\ry0\r\n\r\n",
            b"1;\nx\r\n0\r\n\r\n",
            b"1;a\rb\r\nx\r\n0\r\n\r\n",
            b"1 2\r\nx",
            b"ffffffffffffffff1\r\n",
            b"0\r\nTrailer: x\n\r\n",
        ];
        for text in cases {
            for step in 1..=text.len() {
                assert!(
                    read(text, step).is_err(),
                    "{}",
                    String::from_utf8_lossy(text)
                );
            }
        }
    }

    #[test]
    fn extensions_and_trailers_have_a_bound() {
        let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "x".repeat(LINE_BYTES_MAX));
        assert!(read(long.as_bytes(), 1000).is_err());
        let many = format!("1;{}\r\nx\r\n", "x".repeat(1000)).repeat(20);
        assert!(read(many.as_bytes(), 1000).is_err());
        let trailers = format!("0\r\n{}\r\n", "a: b\r\n".repeat(5000));
        assert!(read(trailers.as_bytes(), 1000).is_err());
    }
}
