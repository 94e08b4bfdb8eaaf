//! The head of a request: bytes to method, target and header fields, and back to nothing.
//!
//! One block of memory holds the whole head as it came; method, target and fields are places in it, so
//! names keep the case in which they were written and nothing is copied. What two servers could
//! understand differently is refused (RFC 9112, section 11.2): see [`HeadFault`]. Knows no path and no
//! handler.

use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use hyper::{Method, StatusCode};

/// The head of one request.
#[derive(Clone)]
pub(crate) struct Head {
    bytes: Bytes,
    method: Method,
    is_http_10: bool,
    /// `http://host:port` of a target that has it.
    authority: Option<Span>,
    path: Span,
    query: Option<Span>,
    fields: Vec<Field>,
}

/// A place in the head.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u16,
    end: u16,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: Span,
    value: Span,
}

/// Why a head is none. The connection cannot go on after it: nobody knows where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadFault {
    /// 400.
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    /// 408.
    #[error("the head of the request did not come in time")]
    TooSlow,
    /// 431.
    #[error("the head of the request is too large")]
    TooLarge,
    /// 501.
    #[error("of the transfer codings, only chunked alone is implemented")]
    Coding,
    /// 505.
    #[error("the version of HTTP is neither 1.0 nor 1.1")]
    Version,
}

/// How long the body behind a head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Bytes(u64),
    Chunked,
}

/// What a head says of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    pub(super) length: Length,
    /// Whether the client would send another request after this one.
    pub(super) is_kept: bool,
    /// Whether the client holds its body back until it is asked for it.
    pub(super) awaits_continue: bool,
}

impl Head {
    /// Takes the head off the front of `buffer`; `None`: it is not whole yet. At most `bytes_max` bytes
    /// are looked at.
    pub(super) fn take(
        buffer: &mut BytesMut,
        bytes_max: usize,
    ) -> Result<Option<(Self, Framing)>, HeadFault> {
        let bytes_max = bytes_max.min(usize::from(u16::MAX));
        let looked_at = &buffer[..buffer.len().min(bytes_max)];
        let Some((mut head, length)) = Self::read(looked_at)? else {
            return if looked_at.len() < bytes_max {
                Ok(None)
            } else {
                Err(HeadFault::TooLarge)
            };
        };
        head.bytes = buffer.split_to(length).freeze();
        let framing = head.framing()?;
        Ok(Some((head, framing)))
    }

    /// The head without its bytes, and how many they are.
    fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, HeadFault> {
        let mut headers = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(bytes, &mut headers) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let place =
            |part: &[u8]| Span::of(part.as_ptr().addr() - bytes.as_ptr().addr(), part.len());
        let method = request.method.unwrap_or_default();
        let first = place(method.as_bytes());
        let fields = request.headers.iter().map(|header| Field {
            name: place(header.name.as_bytes()),
            value: place(header.value),
        });
        let fields: Vec<Field> = fields.collect();
        check_line_ends(&bytes[..length], first, &fields)?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| HeadFault::Malformed("the method is no token"))?;
        let target = request.path.unwrap_or_default();
        let start = target.as_ptr().addr() - bytes.as_ptr().addr();
        let (authority, path, query) = read_target(target, start)?;
        let head = Self {
            bytes: Bytes::new(),
            is_http_10: request.version == Some(0),
            authority,
            path,
            query,
            fields,
            method,
        };
        Ok(Some((head, length)))
    }

    /// What stands in the head of the message's end and the connection's (RFC 9112, sections 6 and 9.3).
    fn framing(&self) -> Result<Framing, HeadFault> {
        let (mut content_length, mut is_chunked) = (None, false);
        let (mut close, mut keep_alive, mut awaits_continue) = (false, false, false);
        for field in &self.fields {
            let value = &self.bytes[field.value.range()];
            match &self.bytes[field.name.range()] {
                name if name.eq_ignore_ascii_case(b"content-length") => {
                    let length = read_length(value)?;
                    if content_length.is_some_and(|known| known != length) {
                        return Err(HeadFault::Malformed("it has several lengths"));
                    }
                    content_length = Some(length);
                }
                name if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    if is_chunked {
                        return Err(HeadFault::Malformed("it is chunked twice"));
                    }
                    check_coding(value)?;
                    is_chunked = true;
                }
                name if name.eq_ignore_ascii_case(b"connection") => {
                    for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                        close |= token.eq_ignore_ascii_case(b"close");
                        keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                name if name.eq_ignore_ascii_case(b"expect") => {
                    // HTTP/1.0 has no such thing (RFC 9110, section 10.1.1).
                    awaits_continue |=
                        !self.is_http_10 && value.eq_ignore_ascii_case(b"100-continue");
                }
                _ => {}
            }
        }
        let length = match (content_length, is_chunked) {
            (Some(_), true) => {
                return Err(HeadFault::Malformed("it is chunked and has a length"));
            }
            (None, true) if self.is_http_10 => {
                return Err(HeadFault::Malformed("its version has no chunks"));
            }
            (None, true) => Length::Chunked,
            (length, false) => Length::Bytes(length.unwrap_or(0)),
        };
        Ok(Framing {
            length,
            is_kept: !close && (keep_alive || !self.is_http_10),
            awaits_continue,
        })
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    pub(crate) fn is_http_10(&self) -> bool {
        self.is_http_10
    }

    /// The target's path as it came, with its leading slash; `*` for a request about the server.
    pub(crate) fn path(&self) -> &str {
        match self.text_at(self.path) {
            "" => "/",
            path => path,
        }
    }

    /// What stands behind the target's `?`.
    pub(crate) fn query(&self) -> Option<&str> {
        self.query.map(|query| self.text_at(query))
    }

    /// The authority of a target that has one, `host:port`.
    pub(crate) fn authority(&self) -> Option<&str> {
        self.authority.map(|authority| self.text_at(authority))
    }

    /// The value of the first field of that name, which counts without its case.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The values of all fields of that name, which counts without its case.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter_map(move |(written, value)| {
            let is_it = written.eq_ignore_ascii_case(name.as_bytes());
            is_it.then_some(value)
        })
    }

    /// Whether there is a field of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The first field of that name as text; `None` if it is absent or not of printable ASCII.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        printable(self.get(name)?)
    }

    /// Every field, name and value, as written and in the order of the head.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let part = |span: Span| &self.bytes[span.range()];
        let pair = move |field: &Field| (part(field.name), part(field.value));
        self.fields.iter().map(pair)
    }

    fn text_at(&self, span: Span) -> &str {
        // The parser has looked at the whole target.
        std::str::from_utf8(&self.bytes[span.range()]).unwrap_or_default()
    }
}

/// Without values: they may hold secrets.
impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("fields", &self.fields.len())
            .finish_non_exhaustive()
    }
}

impl Span {
    /// Within a head, whose bound fits.
    fn of(start: usize, length: usize) -> Self {
        let short = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        Self {
            start: short(start),
            end: short(start + length),
        }
    }

    fn range(self) -> Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }
}

/// A value as text, if it is of printable ASCII.
pub(crate) fn printable(value: &[u8]) -> Option<&str> {
    let is_printable = value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    is_printable.then(|| std::str::from_utf8(value).unwrap_or_default())
}

/// Lines end in CR LF and in nothing else: a proxy in front may see no end where only one of them stands
/// (RFC 9112, section 2.2, lets a server choose). The parser has refused a CR alone, and takes an LF.
fn check_line_ends(head: &[u8], first: Span, fields: &[Field]) -> Result<(), HeadFault> {
    let (before, rest) = head.split_at(first.range().start);
    // Each field begins where the line before it ends, and an empty line is the end.
    let ends = fields.iter().map(|field| &head[..field.name.range().start]);
    let is_strict = before.chunks(2).all(|line| line == b"\r\n")
        && ends.into_iter().all(|lines| lines.ends_with(b"\r\n"))
        && rest.ends_with(b"\r\n\r\n");
    if is_strict {
        Ok(())
    } else {
        Err(HeadFault::Malformed("a line ends in LF alone"))
    }
}

type Target = (Option<Span>, Span, Option<Span>);

/// Takes a target apart that begins at `start` of the head (RFC 9112, section 3.2).
fn read_target(target: &str, start: usize) -> Result<Target, HeadFault> {
    if has(target, |byte| matches!(byte, b'#' | b'<' | b'>')) {
        return Err(HeadFault::Malformed("the target is no URI"));
    }
    let (authority, rest) = match target.as_bytes().first() {
        Some(b'/') => (None, 0),
        Some(b'*') if target.len() == 1 => (None, 0),
        _ => {
            let scheme = target
                .find("://")
                .filter(|end| ["http", "https"].contains(&&*target[..*end].to_ascii_lowercase()));
            let Some(scheme) = scheme else {
                return Err(HeadFault::Malformed(
                    "the target is neither path nor address",
                ));
            };
            let begin = scheme + "://".len();
            let length = target[begin..].find(['/', '?']);
            let end = length.map_or(target.len(), |length| begin + length);
            (Some(Span::of(start + begin, end - begin)), end)
        }
    };
    let mark = target[rest..].find('?').map(|at| rest + at);
    let path = Span::of(start + rest, mark.unwrap_or(target.len()) - rest);
    let query = mark.map(|mark| Span::of(start + mark + 1, target.len() - mark - 1));
    let (before, behind) = target.split_at(mark.unwrap_or(target.len()));
    // Quotes in a path are none either, but some clients leave a lock's around it.
    if has(before, |byte| byte == b'`') || has(behind, |byte| byte == b'"') {
        return Err(HeadFault::Malformed("the target is no URI"));
    }
    Ok((authority, path, query))
}

/// Whether such a byte stands in a text. Looks at all of it, sixteen at a time, which is faster than to stop.
fn has(text: &str, is_one: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |found, byte| found | is_one(byte))
}

/// Digits and nothing else: signs, spaces and lists are read differently by others.
fn read_length(value: &[u8]) -> Result<u64, HeadFault> {
    let fault = HeadFault::Malformed("its length is not a number");
    if value.is_empty() {
        return Err(fault);
    }
    value.iter().try_fold(0_u64, |length, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0').ok_or(fault)?;
        let length = length.checked_mul(10).ok_or(fault)?;
        length.checked_add(digit.into()).ok_or(fault)
    })
}

/// (RFC 9112, sections 6.1 and 6.3)
fn check_coding(value: &[u8]) -> Result<(), HeadFault> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let last = value.rsplit(|byte| *byte == b',').next();
    let is_chunked = last.is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
    Err(if is_chunked {
        HeadFault::Coding
    } else {
        HeadFault::Malformed("chunked is not its last transfer coding")
    })
}

impl HeadFault {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        }
    }
}

impl From<httparse::Error> for HeadFault {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::HeaderName => Self::Malformed("a header's name is no token"),
            httparse::Error::HeaderValue => Self::Malformed("a header's value holds a control"),
            httparse::Error::NewLine => Self::Malformed("a line does not end in CR LF"),
            httparse::Error::Status | httparse::Error::Token => {
                Self::Malformed("the request line is none")
            }
            httparse::Error::TooManyHeaders => Self::TooLarge,
            httparse::Error::Version => Self::Version,
        }
    }
}

/// As many as hyper takes.
const FIELDS_MAX: usize = 100;
