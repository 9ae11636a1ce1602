//! Messages in the log, as JSON, without what is not for logs.

use std::{cell::RefCell, fmt::Write};

use descant_descriptors::{Codec, JsonOptions, Method};
use descant_handlers::{Message, RequestId};
use tracing::Level;

use super::records::{clean, is_obeyed};
use crate::protocol::Protocol;

/// JSON longer than this is not made, however much of it would be shown.
const MOST_JSON: usize = 16 << 20;
/// A codec that has read a longer message is not kept: its buffers have grown.
const KEPT: usize = 256 << 10;

/// How messages are told of. See [`GatewayBuilder::log_payloads`](crate::GatewayBuilder::log_payloads).
#[derive(Clone, Copy, Debug)]
pub(super) struct Payloads {
    /// Bytes of a message's JSON; the rest is cut off.
    most: usize,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

/// The call that a message is of.
pub(super) struct Of<'a> {
    pub(super) method: &'a Method,
    pub(super) protocol: Protocol,
    pub(super) request_id: RequestId,
    pub(super) direction: Direction,
}

thread_local! {
    static CODEC: RefCell<Codec> = RefCell::new(codec());
}

fn codec() -> Codec {
    let mut options = JsonOptions::default();
    options.redact = true;
    options.limit = MOST_JSON;
    // Whatever a server lets pass can be told of.
    options.depth = JsonOptions::MOST_DEPTH;
    Codec::new(options)
}

impl Payloads {
    pub(super) fn new(most: usize) -> Self {
        Self { most }
    }

    /// Tells of a message, the `number`th of its direction.
    pub(super) fn tell(self, of: &Of<'_>, number: u64, message: &Message) {
        if !tracing::enabled!(target: "descant.payload", Level::DEBUG) {
            return;
        }
        let kind = match of.direction {
            Direction::Request => of.method.input(),
            Direction::Response => of.method.output(),
        };
        let bytes = message.wire_len();
        let json = CODEC.with_borrow_mut(|kept| {
            let json = message.to_json(&kind, kept);
            if bytes > KEPT {
                *kept = codec();
            }
            json
        });
        let (json, error) = match json {
            Ok(json) => (Some(escaped(String::from_utf8(json).unwrap_or_default())), None),
            Err(status) => (None, Some(status)),
        };
        let shown = json.as_deref().map(|json| start(json, self.most));
        let cut = json
            .as_ref()
            .zip(shown)
            .is_some_and(|(json, shown)| shown.len() < json.len());
        tracing::debug!(
            target: "descant.payload",
            method = of.method.path().strip_prefix('/').unwrap_or_default(),
            protocol = of.protocol.label(),
            request_id = %of.request_id,
            direction = of.direction.name(),
            number,
            bytes,
            payload = shown,
            cut = cut.then_some(true),
            error = error.as_ref().map(|status| clean(status.message())),
            "grpc.payload"
        );
    }
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// The same JSON without letters that do something to whoever reads it. Those below U+0020 it does not have.
fn escaped(json: String) -> String {
    if !json.contains(is_obeyed) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        if is_obeyed(letter) {
            // All are of the basic plane. Writing to a string does not fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// As much of a text as fits into so many bytes.
pub(super) fn start(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_are_obeyed_are_escaped() {
        let json = String::from("{\"a\":\"\u{9b}31m\u{202e}\u{7f} é\"}");
        let shown = escaped(json.clone());
        assert_eq!(shown, r#"{"a":"\u009b31m\u202e\u007f é"}"#);
        let [one, other] = [json, shown].map(|json| serde_json::from_str::<serde_json::Value>(&json).unwrap());
        assert_eq!(one, other);
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(start("aé", 3), "aé");
        assert_eq!(start("aé", 2), "a");
        assert_eq!(start("aé", 0), "");
    }
}
