//! Watches the requests that a peer sends, before hyper sees them.
//!
//! ```text
//! request = line *field empty-line [ body ]          body = length bytes | *chunk last-chunk *trailer empty-line
//! ```
//! RFC 9112. hyper lets pass what two parties can read differently (a length beside chunks, lengths twice) and knows no
//! limit of ours. The meter finds where requests begin and end, refuses what can be read in two ways (section 11.2), and
//! notes since when a head is unfinished.

use http::Uri;
use tokio::time::Instant;

use super::super::{
    greeting::is_token,
    limits::Limits,
    refusal::{PER_FIELD, TOO_LARGE},
};

/// Bytes of the line before a chunk: 16 digits, and extensions, which nobody sends.
const CHUNK_LINE: usize = 256;

/// The methods that HTTP itself brings along. RFC 9110, section 9.3, and RFC 5789.
const METHODS: [&[u8]; 9] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
];

/// Why a peer's bytes are not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    /// The line that should begin a request is of no HTTP.
    #[error("the peer does not speak HTTP")]
    Stranger,
    /// The head of a request can be read in two ways, or not at all.
    #[error("the head of the request is not sound: {0}")]
    Head(&'static str),
    /// The line that begins a request is too long.
    #[error("the target of the request is longer than `limits.header_bytes`")]
    Target,
    /// There are more fields than may be, or larger ones.
    #[error("{TOO_LARGE}")]
    Fields,
    /// A body in a coding that is not known.
    #[error("the transfer-encoding of the request is not known; `chunked` is")]
    Coding,
    /// The body is not made of chunks.
    #[error("the body of the request is not sound: {0}")]
    Body(&'static str),
}

/// Where in a request a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before or in the line that begins it.
    Line,
    Field,
    /// Within a body or a chunk: so many bytes are to come.
    Bytes {
        left: u64,
        chunked: bool,
    },
    /// Before a chunk.
    ChunkLine,
    /// After a chunk, where an empty line is due.
    ChunkEnd,
    Trailer,
}

/// How the head says that the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Unsaid,
    Length(u64),
    Chunked,
}

/// The parser's state.
#[derive(Debug)]
pub(super) struct Meter {
    place: Place,
    framing: Framing,
    /// How many heads have come.
    heads: u64,
    /// A line that is not whole yet.
    partial: Vec<u8>,
    /// What the head, or the trailers, have taken so far.
    bytes: usize,
    fields: usize,
    /// Since when a head is unfinished.
    since: Option<Instant>,
    /// The request asks for nothing but a head.
    head_only: bool,
    /// Its version of HTTP knows chunks.
    chunks: bool,
    most_bytes: usize,
    most_fields: usize,
}

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            place: Place::Line,
            framing: Framing::Unsaid,
            heads: 0,
            partial: Vec::new(),
            bytes: 0,
            fields: 0,
            since: None,
            head_only: false,
            chunks: true,
            most_bytes: limits.header_bytes as usize,
            most_fields: limits.header_fields,
        }
    }

    /// When the head that is unfinished has to be whole.
    pub(super) fn due(&self, limits: &Limits) -> Option<Instant> {
        self.since.map(|since| since + limits.header_block)
    }

    /// Takes note that nothing is read for now: the time of what is unfinished begins anew.
    pub(super) fn pause(&mut self, now: Instant) {
        if let Some(since) = &mut self.since {
            *since = now;
        }
    }

    /// Whether all of a request has come, and nothing of the next.
    pub(super) fn is_between(&self) -> bool {
        self.place == Place::Line && self.since.is_none()
    }

    /// Whether the request that comes, or came last, is HEAD.
    pub(super) fn is_head_only(&self) -> bool {
        self.head_only
    }

    /// Whether more of the body of a request is to come, which is the first, the second or another of the connection. Of
    /// requests that come one behind the other the last may be read in part while the first is answered.
    pub(super) fn is_within_body(&self, request: u64) -> bool {
        request == self.heads && !matches!(self.place, Place::Line | Place::Field)
    }

    /// Takes note of bytes from the peer; says how many of them are sound, and what is wrong with the rest.
    pub(super) fn observe(&mut self, bytes: &[u8]) -> (usize, Result<(), Violation>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.step(rest) {
                Ok(left) => rest = left,
                Err(violation) => return (bytes.len() - rest.len(), Err(violation)),
            }
        }
        (bytes.len(), Ok(()))
    }

    /// Takes one line, or as much of a body as there is.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Violation> {
        if let Place::Bytes { left, chunked } = self.place {
            let count = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            self.place = match (left - count as u64, chunked) {
                (0, true) => Place::ChunkEnd,
                (0, false) => Place::Line,
                (left, chunked) => Place::Bytes { left, chunked },
            };
            return Ok(bytes.get(count..).unwrap_or_default());
        }
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.check_size(self.partial.len() + bytes.len())?;
            self.begin();
            self.partial.extend_from_slice(bytes);
            return Ok(&[]);
        };
        let (line, rest) = bytes.split_at(end + 1);
        if self.partial.is_empty() {
            self.line(line)?;
            return Ok(rest);
        }
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(line);
        self.line(&whole)?;
        // Kept for the next line that comes in two parts.
        whole.clear();
        self.partial = whole;
        Ok(rest)
    }

    /// A head is unfinished from its first byte on.
    fn begin(&mut self) {
        if matches!(self.place, Place::Line) && self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Violation> {
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Err(self.unsound("a line ends without a carriage return"));
        };
        if line.contains(&b'\r') || line.contains(&0) {
            return Err(self.unsound("a line holds a bare carriage return or a NUL"));
        }
        self.check_size(line.len())?;
        match self.place {
            Place::Line => self.first_line(line)?,
            Place::Field if line.is_empty() => self.end_head(),
            Place::Field => self.field(line)?,
            Place::ChunkLine => self.chunk_line(line)?,
            Place::ChunkEnd if line.is_empty() => self.place = Place::ChunkLine,
            Place::ChunkEnd => return Err(Violation::Body("a chunk is longer than it says")),
            Place::Trailer if line.is_empty() => self.place = Place::Line,
            Place::Trailer => self.count(line.len())?,
            Place::Bytes { .. } => {}
        }
        Ok(())
    }

    fn first_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        // RFC 9112, section 2.2: an empty line may stand before a request.
        if line.is_empty() {
            return Ok(());
        }
        if is_strange(line) {
            return Err(Violation::Stranger);
        }
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Violation::Head("its first line is not `METHOD target HTTP/1.1`"));
        };
        if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
            return Err(Violation::Head("its method has a character that no method may have"));
        }
        check_target(target)?;
        if !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
            return Err(Violation::Head("its version is neither HTTP/1.1 nor HTTP/1.0"));
        }
        self.head_only = method == b"HEAD";
        self.chunks = version == b"HTTP/1.1";
        self.begin();
        self.place = Place::Field;
        self.framing = Framing::Unsaid;
        self.bytes = line.len();
        self.fields = 0;
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Violation> {
        self.count(line.len())?;
        let colon = memchr::memchr(b':', line).ok_or(Violation::Head("a line has no colon"))?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        // White space before the colon, and lines that go on with the one before, are refused with it.
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Violation::Head(
                "a name of a field has a character that no name may have",
            ));
        }
        if value.iter().any(|byte| *byte != b'\t' && byte.is_ascii_control()) {
            return Err(Violation::Head("a value of a field has a control character"));
        }
        let framing = if name.eq_ignore_ascii_case(b"content-length") {
            Framing::Length(length(value).ok_or(Violation::Head("content-length is no number"))?)
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if !self.chunks {
                return Err(Violation::Head("HTTP/1.0 knows no transfer-encoding"));
            }
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Violation::Coding);
            }
            Framing::Chunked
        } else {
            return Ok(());
        };
        if self.framing != Framing::Unsaid {
            return Err(Violation::Head("it says more than once how the body ends"));
        }
        self.framing = framing;
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Violation> {
        self.bytes += bytes + PER_FIELD;
        self.fields += 1;
        if self.bytes > self.most_bytes || self.fields > self.most_fields {
            return Err(self.too_large());
        }
        Ok(())
    }

    fn end_head(&mut self) {
        self.heads += 1;
        self.since = None;
        self.bytes = 0;
        self.fields = 0;
        self.place = match self.framing {
            Framing::Unsaid | Framing::Length(0) => Place::Line,
            Framing::Length(left) => Place::Bytes { left, chunked: false },
            Framing::Chunked => Place::ChunkLine,
        };
    }

    fn chunk_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let left = hexadecimal(size.trim_ascii_end()).ok_or(Violation::Body("a chunk has no size"))?;
        self.place = if left == 0 {
            Place::Trailer
        } else {
            Place::Bytes { left, chunked: true }
        };
        Ok(())
    }

    /// Whether a line may be that long.
    fn check_size(&self, line: usize) -> Result<(), Violation> {
        let most = match self.place {
            Place::ChunkLine | Place::ChunkEnd => CHUNK_LINE,
            // With its end.
            _ => (self.most_bytes + 2).saturating_sub(self.bytes),
        };
        if line > most { Err(self.too_large()) } else { Ok(()) }
    }

    fn too_large(&self) -> Violation {
        match self.place {
            Place::Line => Violation::Target,
            Place::Field => Violation::Fields,
            Place::Trailer => Violation::Body("its trailers are more than `limits.header_bytes`"),
            Place::Bytes { .. } | Place::ChunkLine | Place::ChunkEnd => Violation::Body("a chunk has no size"),
        }
    }

    fn unsound(&self, what: &'static str) -> Violation {
        match self.place {
            Place::Line | Place::Field => Violation::Head(what),
            _ => Violation::Body(what),
        }
    }
}

/// Whether whoever sends this line would not know an answer of HTTP either: it names neither a version of it nor one of
/// its methods. A preface of HTTP/2 that went wrong is such a line, and is answered by closing. RFC 9113, section 3.4.
fn is_strange(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let known = words.next().is_some_and(|method| METHODS.contains(&method));
    !known && !words.next_back().is_some_and(|version| version.starts_with(b"HTTP/"))
}

/// What hyper would refuse, or cut off so that nobody behind it could tell.
fn check_target(target: &[u8]) -> Result<(), Violation> {
    if target.contains(&b'#') {
        return Err(Violation::Head("its target has a fragment, which is the client's own"));
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/?".contains(byte);
    let sound = target.first() == Some(&b'/') && target.iter().all(plain) || Uri::try_from(target).is_ok();
    sound.then_some(()).ok_or(Violation::Head(
        "its target has a character that none may have, or is none",
    ))
}

/// Digits alone: no sign, no list.
fn length(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

fn hexadecimal(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_hexdigit);
    let value = str::from_utf8(value).ok().filter(|_| digits)?;
    u64::from_str_radix(value, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        Meter::new(&Limits {
            header_bytes: 200,
            header_fields: 4,
            ..Limits::default()
        })
    }

    /// What is said to these bytes at once, and byte by byte: the same.
    fn outcome(bytes: &[u8]) -> Result<bool, Violation> {
        let mut whole = meter();
        let (sound, observed) = whole.observe(bytes);
        let mut slow = meter();
        let mut passed = 0;
        let pieces = bytes.iter().try_for_each(|byte| {
            let (count, observed) = slow.observe(&[*byte]);
            passed += count;
            observed
        });
        assert_eq!(pieces, observed, "{}", bytes.escape_ascii());
        assert!(passed >= sound, "{}", bytes.escape_ascii());
        assert!(observed.is_err() || whole.is_between() == slow.is_between());
        observed.map(|()| whole.is_between())
    }

    fn of_head(fields: &str) -> Result<bool, Violation> {
        outcome(format!("POST / HTTP/1.1\r\n{fields}\r\n").as_bytes())
    }

    #[test]
    fn requests_end_where_they_say() {
        for (bytes, ended) in [
            (&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..], true),
            (b"\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", true),
            (b"GET / HTTP/1.1\r\nhost: a\r\n", false),
            (b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhell", false),
            (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", true),
            (b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhelloG", false),
            (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n",
                false,
            ),
            (
                b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                true,
            ),
            (
                b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0a ;x=y\r\n0123456789\r\n0\r\nt: v\r\n\r\n",
                true,
            ),
            (
                b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                true,
            ),
        ] {
            assert_eq!(outcome(bytes), Ok(ended), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_two_parties_can_read_differently_is_refused() {
        for head in [
            "content-length: 1\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 1\r\n",
            "content-length: 1\r\ncontent-length: 1\r\n",
            "content-length: 1\r\ncontent-length: 2\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "content-length: 1, 1\r\n",
            "content-length: +1\r\n",
            "content-length: 0x1\r\n",
            "content-length:\r\n",
            "content-length: 99999999999999999999\r\n",
            "content-length : 1\r\n",
            "a: b\r\n c\r\n",
            "a: b\r\n\tc: d\r\n",
            " a: b\r\n",
            "a: b\n",
            "a: b\rc: d\r\n",
            "a: b\0\r\n",
            "a: b\x01\r\n",
            "a: b\x7f\r\n",
            "no colon\r\n",
            ": nothing\r\n",
        ] {
            assert!(
                matches!(of_head(head), Err(Violation::Head(_))),
                "{head:?}: {:?}",
                of_head(head)
            );
        }
        for head in [
            "gzip, chunked",
            "identity",
            "chunked, chunked",
            "xchunked",
            "chunked;q=1",
            "",
        ] {
            let head = format!("transfer-encoding: {head}\r\n");
            assert_eq!(of_head(&head), Err(Violation::Coding), "{head}");
        }
    }

    #[test]
    fn first_lines_that_hyper_would_refuse_are_refused() {
        for line in [
            "GET / HTTP/2.0",
            "GET / HTTP/1.2",
            "GET / http/1.1",
            "GET /",
            "GET",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "G@T / HTTP/1.1",
            "GET /a#b HTTP/1.1",
            "GET /a<b HTTP/1.1",
            "GET /a\tb HTTP/1.1",
            "GET a/b HTTP/1.1",
            "GET /?\x7f HTTP/1.1",
        ] {
            let request = format!("{line}\r\n\r\n");
            assert!(matches!(outcome(request.as_bytes()), Err(Violation::Head(_))), "{line}");
        }
        for line in [
            "GET * HTTP/1.1",
            "GET http://a:1/b?c HTTP/1.0",
            "CONNECT a:1 HTTP/1.1",
            "BREW /{a}?\u{e9} HTTP/1.1",
        ] {
            assert_eq!(outcome(format!("{line}\r\n\r\n").as_bytes()), Ok(true), "{line}");
        }
        let not_utf8 = [&b"GET /\xff HTTP/1.1\r\n"[..], b"\r\n"].concat();
        assert!(matches!(outcome(&not_utf8), Err(Violation::Head(_))));
    }

    #[test]
    fn bodies_that_are_no_chunks_are_refused() {
        for body in [
            "\r\n",
            "-1\r\n",
            "0x5\r\n",
            "5\nhello",
            "5\r\nhello!\r\n",
            "5\r\nhello\n",
            "g\r\n",
            " 5\r\n",
            "11111111111111111\r\n",
            ";a\r\n",
        ] {
            let request = format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{body}");
            assert!(
                matches!(outcome(request.as_bytes()), Err(Violation::Body(_))),
                "{body:?}: {:?}",
                outcome(request.as_bytes())
            );
        }
        let endless = format!(
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;{}",
            "x".repeat(CHUNK_LINE)
        );
        assert!(matches!(outcome(endless.as_bytes()), Err(Violation::Body(_))));
    }

    #[test]
    fn heads_stay_within_their_limits() {
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(200));
        assert_eq!(outcome(long.as_bytes()), Err(Violation::Target));
        assert_eq!(of_head(&"a: b\r\n".repeat(4)), Ok(true));
        assert_eq!(of_head(&"a: b\r\n".repeat(5)), Err(Violation::Fields));
        assert_eq!(of_head(&format!("a: {}\r\n", "b".repeat(200))), Err(Violation::Fields));
        assert_eq!(of_head(&format!("a: {}\r\n", "b".repeat(140))), Ok(true));
        assert_eq!(
            of_head(&format!("a: {0}\r\nb: {0}\r\n", "b".repeat(70))),
            Err(Violation::Fields)
        );
    }

    #[test]
    fn what_is_sound_is_told_from_what_is_not() {
        let mut meter = meter();
        let first = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let both = [&first[..], b"GET / HTTP/1.1\r\nhost : a\r\n\r\n"].concat();
        let (sound, observed) = meter.observe(&both);
        assert!(sound >= first.len() && sound < both.len());
        assert!(matches!(observed, Err(Violation::Head(_))));
    }
}
