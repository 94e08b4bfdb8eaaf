//! Answers, and how they are written.
//!
//! Header fields are text from the start, as they go out: names have the case that is written here (SDKs
//! look for exactly `ETag`), and nothing is looked up in between.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use hyper::StatusCode;

use super::date::push_date;

/// A body that is made while it is sent. An error breaks the connection, so that the client sees that
/// something is missing.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// An answer to one request.
pub(crate) struct Answer {
    status: StatusCode,
    /// `name: value` and CR LF each.
    fields: Vec<u8>,
    pub(super) content: Content,
    closes: bool,
}

/// The body of an answer.
pub(super) enum Content {
    Whole(Bytes),
    /// With how many bytes it has, where that is known.
    Pieces(Pieces, Option<u64>),
    /// The answer to a HEAD, with how many bytes a GET would bring.
    Described(u64),
}

/// What the request says of how it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) is_http_10: bool,
    /// The request was a HEAD: the answer has no body.
    pub(super) is_head: bool,
    pub(super) is_kept: bool,
}

/// How the body behind a head is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Nothing,
    /// As it is; so many bytes.
    Sized(u64),
    Chunked,
    /// As it is; the end of the connection is its end (HTTP/1.0).
    UntilClose,
}

impl Answer {
    /// An answer with its whole body.
    pub(crate) fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::of(status, Content::Whole(body.into()))
    }

    /// 200 with a body that is made while it is sent; `bytes` where it is known how many there will be.
    pub(crate) fn stream(pieces: Pieces, bytes: Option<u64>) -> Self {
        Self::of(StatusCode::OK, Content::Pieces(pieces, bytes))
    }

    /// 200 to a HEAD, where a GET would bring so many bytes.
    pub(crate) fn described(bytes: u64) -> Self {
        Self::of(StatusCode::OK, Content::Described(bytes))
    }

    fn of(status: StatusCode, content: Content) -> Self {
        Self {
            status,
            fields: Vec::with_capacity(FIELDS_BYTES),
            content,
            closes: false,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn set_status(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// The bytes of a body that is there.
    pub(crate) fn body(&self) -> &[u8] {
        match &self.content {
            Content::Whole(body) => body,
            Content::Pieces(..) | Content::Described(_) => &[],
        }
    }

    /// The connection ends with this answer.
    pub(crate) fn close(&mut self) {
        self.closes = true;
    }

    pub(crate) fn closes(&self) -> bool {
        self.closes
    }

    /// Adds a field. Name and value must be such as HTTP allows ([`is_value`]); how long the body is and
    /// what becomes of the connection is not said here.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        assert!(is_value(value), "a field's value has no control characters");
        debug_assert!(name.bytes().all(is_token), "{name}");
        self.fields.reserve(name.len() + value.len() + 4);
        self.fields.extend_from_slice(name.as_bytes());
        self.fields.extend_from_slice(b": ");
        self.fields.extend_from_slice(value.as_bytes());
        self.fields.extend_from_slice(b"\r\n");
    }

    /// Adds a field in place of those of the same name.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let mut kept = Vec::with_capacity(FIELDS_BYTES);
        for line in self.fields.split_inclusive(|byte| *byte == b'\n') {
            let written = line.split(|byte| *byte == b':').next();
            if written.is_some_and(|written| !written.eq_ignore_ascii_case(name.as_bytes())) {
                kept.extend_from_slice(line);
            }
        }
        self.fields = kept;
        self.push(name, value);
    }

    /// Appends the head, and says what comes behind it.
    pub(super) fn print_head(&self, out: &mut Vec<u8>, manner: Manner) -> Encoding {
        out.extend_from_slice(if manner.is_http_10 {
            b"HTTP/1.0 "
        } else {
            b"HTTP/1.1 "
        });
        out.extend_from_slice(self.status.as_str().as_bytes());
        out.push(b' ');
        // Some parsers want a reason.
        let reason = self.status.canonical_reason().unwrap_or("Unnamed");
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.fields);
        let encoding = self.encoding(manner);
        match encoding {
            Encoding::Sized(bytes) => {
                out.extend_from_slice(b"content-length: ");
                push_number(out, bytes);
                out.extend_from_slice(b"\r\n");
            }
            Encoding::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Encoding::Nothing | Encoding::UntilClose => {}
        }
        if self.status != StatusCode::SWITCHING_PROTOCOLS {
            if !manner.is_kept {
                out.extend_from_slice(b"connection: close\r\n");
            } else if manner.is_http_10 {
                out.extend_from_slice(b"connection: keep-alive\r\n");
            }
        }
        out.extend_from_slice(b"date: ");
        push_date(out);
        out.extend_from_slice(b"\r\n\r\n");
        if manner.is_head {
            Encoding::Nothing
        } else {
            encoding
        }
    }

    /// (RFC 9110, section 8.6, and RFC 9112, section 6)
    fn encoding(&self, manner: Manner) -> Encoding {
        let is_without = self.status.is_informational()
            || matches!(
                self.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        match &self.content {
            _ if is_without => Encoding::Nothing,
            Content::Whole(body) => Encoding::Sized(body.len() as u64),
            Content::Pieces(_, Some(bytes)) | Content::Described(bytes) => Encoding::Sized(*bytes),
            Content::Pieces(_, None) if manner.is_http_10 => Encoding::UntilClose,
            Content::Pieces(_, None) => Encoding::Chunked,
        }
    }

    /// Whether the end of the body is told by the end of the connection.
    pub(super) fn ends_connection(&self, is_http_10: bool) -> bool {
        is_http_10 && matches!(self.content, Content::Pieces(_, None))
    }

    /// Every field, in order.
    #[cfg(test)]
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = std::str::from_utf8(&self.fields).unwrap();
        text.lines().map(|line| line.split_once(": ").unwrap())
    }

    /// The first field of that name, whatever its case.
    #[cfg(test)]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields();
        fields.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The body's pieces.
    #[cfg(test)]
    pub(crate) fn into_pieces(self) -> Pieces {
        match self.content {
            Content::Pieces(pieces, _) => pieces,
            Content::Whole(body) => Box::pin(futures_util::stream::iter([Ok(body)])),
            Content::Described(_) => Box::pin(futures_util::stream::empty()),
        }
    }

    /// The whole body.
    #[cfg(test)]
    pub(crate) async fn into_body(self) -> Vec<u8> {
        use futures_util::StreamExt;
        let pieces: Vec<_> = self.into_pieces().collect().await;
        let pieces = pieces.into_iter().map(|piece| piece.unwrap().to_vec());
        pieces.collect::<Vec<_>>().concat()
    }
}

/// Status and names: values may hold secrets.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Whether a text may be a field's value (RFC 9110, section 5.5).
pub(crate) fn is_value(text: &str) -> bool {
    let is_allowed = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    // All of it, sixteen at a time, which is faster than to stop.
    text.bytes().fold(true, |all, byte| all & is_allowed(byte))
}

/// Whether a byte may stand in a field's name (RFC 9110, section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Room for the fields of most answers.
const FIELDS_BYTES: usize = 192;
