//! A file that comes in pieces, taken apart into lines of a bounded length.

/// Takes pieces, gives lines. Never holds more than one line of the bound and one piece.
#[derive(Debug)]
pub struct LineSplitter {
    max_bytes: usize,
    begun: Vec<u8>,
    is_too_long: bool,
}

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SplitLine {
    /// A line that is not blank.
    Text(Vec<u8>),
    /// A line over the bound, of which nothing was kept.
    TooLong,
}

impl LineSplitter {
    /// For lines of at most so many bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            begun: Vec::new(),
            is_too_long: false,
        }
    }

    /// The lines that end in `piece`, which may end with LF or CRLF. Blank ones are left out.
    pub fn feed(&mut self, piece: &[u8]) -> Vec<SplitLine> {
        let mut lines = Vec::new();
        let mut parts = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            if self.is_too_long || self.begun.len() + part.len() > self.max_bytes + 1 {
                self.is_too_long = true;
                self.begun = Vec::new();
            } else {
                self.begun.extend_from_slice(part);
            }
            if parts.peek().is_some() {
                lines.extend(self.take());
            }
        }
        lines
    }

    /// What stands behind the last end of a line.
    pub fn finish(mut self) -> Option<SplitLine> {
        self.take()
    }

    fn take(&mut self) -> Option<SplitLine> {
        let mut line = std::mem::take(&mut self.begun);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if std::mem::take(&mut self.is_too_long) || line.len() > self.max_bytes {
            return Some(SplitLine::TooLong);
        }
        (!line.iter().all(u8::is_ascii_whitespace)).then_some(SplitLine::Text(line))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(pieces: &[&[u8]], max: usize) -> Vec<SplitLine> {
        let mut splitter = LineSplitter::new(max);
        let mut lines: Vec<_> = pieces
            .iter()
            .flat_map(|piece| splitter.feed(piece))
            .collect();
        lines.extend(splitter.finish());
        lines
    }

    #[test]
    fn both_ends_of_line_are_read_and_a_line_over_the_bound_costs_only_itself() {
        // JOB-17
        let text = |text: &str| SplitLine::Text(text.as_bytes().to_vec());
        assert_eq!(
            split(&[b"ab\r", b"\ncd\n\r\n  \ne", b"f"], 4),
            [text("ab"), text("cd"), text("ef")]
        );
        assert_eq!(
            split(&[b"abcd\r\nabcde\r\nabc", b"defgh\nx\n"], 4),
            [
                text("abcd"),
                SplitLine::TooLong,
                SplitLine::TooLong,
                text("x")
            ]
        );
        assert!(split(&[b"", b"\n"], 4).is_empty());
    }

    proptest! {
        #[test]
        fn where_the_pieces_end_makes_no_difference(text in "[ab\r\n]{0,40}", at in 0_usize..40, max in 0_usize..6) {
            let bytes = text.as_bytes();
            let (one, other) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(split(&[one, other], max), split(&[bytes], max));
        }
    }
}
