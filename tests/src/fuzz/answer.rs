//! Answers over HTTP/1.1, and what stands in them.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;

/// The flag of the envelope that holds trailers. gRPC-Web, "Message framing".
const TRAILERS: u8 = 0x80;
/// The flag of the last envelope of a stream. Connect, "Streaming-Response".
const END_STREAM: u8 = 2;

/// An answer that is whole.
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    /// Takes an answer apart.
    ///
    /// # Panics
    /// If it is none, or not all of it is there.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {text:?}"));
        let head = std::str::from_utf8(&bytes[..end]).expect("a head").to_ascii_lowercase();
        let status = head
            .strip_prefix("http/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok());
        let mut answer = Self {
            status: status.unwrap_or_else(|| panic!("no status: {text:?}")),
            head,
            body: Vec::new(),
        };
        let body = &bytes[end + 4..];
        answer.body = if answer.field("transfer-encoding") == Some("chunked") {
            unchunked(body)
        } else {
            let length = answer.field("content-length").and_then(|length| length.parse().ok());
            assert_eq!(Some(body.len()), length.or(Some(0)), "{text:?}");
            body.to_vec()
        };
        answer
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub(super) fn content_type(&self) -> &str {
        self.field("content-type").unwrap_or_default()
    }

    /// Envelopes of messages, then one with trailers.
    ///
    /// # Panics
    /// If it is anything else.
    pub(super) fn ends_with_trailers(&self) {
        let text = self.content_type().contains("-text");
        let body = if text { decoded(&self.body) } else { self.body.clone() };
        let trailers = self.last(&body, TRAILERS);
        let trailers = std::str::from_utf8(trailers).expect("trailers are text");
        let codes = trailers.lines().filter(|line| line.starts_with("grpc-status: "));
        assert_eq!(codes.count(), 1, "{self:?}");
    }

    /// Envelopes of messages, then one with the end of the stream in JSON.
    ///
    /// # Panics
    /// If it is anything else.
    pub(super) fn ends_with_end_of_stream(&self) {
        let end: Value = serde_json::from_slice(self.last(&self.body, END_STREAM)).expect("JSON");
        assert!(end.is_object(), "{self:?}");
        let error = end.get("error");
        assert!(error.is_none_or(|error| error["code"].is_string()), "{self:?}");
    }

    /// An error in JSON.
    ///
    /// # Panics
    /// If it is none.
    pub(super) fn is_error(&self) {
        let error: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert!(!error["code"].is_null(), "{self:?}");
    }

    /// The content of the last envelope, which is the only one with that flag.
    fn last<'b>(&self, mut body: &'b [u8], flag: u8) -> &'b [u8] {
        loop {
            let [found, a, b, c, d, rest @ ..] = body else {
                panic!("no end: {self:?}");
            };
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            let (content, rest) = rest
                .split_at_checked(length)
                .unwrap_or_else(|| panic!("cut off: {self:?}"));
            if found & flag != 0 {
                assert!(rest.is_empty(), "something follows the end: {self:?}");
                return content;
            }
            body = rest;
        }
    }
}

/// What chunks hold, up to the last one.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let line = body.windows(2).position(|window| window == b"\r\n").expect("a chunk");
        let length = std::str::from_utf8(&body[..line]).ok();
        let length = length
            .and_then(|length| usize::from_str_radix(length, 16).ok())
            .expect("a length");
        let content = &body[line + 2..];
        assert_eq!(&content[length..length + 2], b"\r\n", "a chunk's end");
        out.extend(&content[..length]);
        body = &content[length + 2..];
        if length == 0 {
            assert!(body.is_empty(), "something follows the last chunk");
            return out;
        }
    }
}

/// Base64 whose pieces are padded each.
fn decoded(text: &[u8]) -> Vec<u8> {
    let groups = text.chunks(4).map(|group| BASE64.decode(group).expect("base64"));
    groups.flatten().collect()
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.head, String::from_utf8_lossy(&self.body))
    }
}
