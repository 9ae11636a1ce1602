//! What a client would like to get: `Accept`.

use http::{HeaderMap, HeaderValue, header};

use crate::protocol::weight;

/// How a stream of messages goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON array, an element a message.
    Array,
    /// One line a message; by the name that the client has for it.
    Lines(&'static str),
    /// Server-sent events. <https://html.spec.whatwg.org/multipage/server-sent-events.html>
    Events,
}

/// Every content type that says how messages of a stream are told apart.
const KNOWN: [(&str, Format); 6] = [
    ("text/event-stream", Format::Events),
    ("application/x-ndjson", Format::Lines("application/x-ndjson")),
    ("application/ndjson", Format::Lines("application/ndjson")),
    ("application/jsonl", Format::Lines("application/jsonl")),
    ("application/x-jsonlines", Format::Lines("application/x-jsonlines")),
    ("application/json", Format::Array),
];

impl Format {
    /// The format that a content type names, without its parameters and whatever its case.
    pub(super) fn named(content_type: &str) -> Option<Self> {
        let essence = essence(content_type);
        let known = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(essence));
        known.map(|(_, format)| *format)
    }

    /// The one that a client likes best, and of those that it likes equally the first; `None`: it names none, or likes
    /// anything at all better. RFC 9110, section 12.5.1.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let lists = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let (mut best, mut anything) = (None, 0);
        for range in lists.flat_map(|list| list.split(',')) {
            let weight = weight(range);
            if matches!(essence(range), "*/*" | "application/*") {
                anything = weight.max(anything);
            }
            let format = Self::named(range).filter(|_| weight > best.map_or(0, |(weight, _)| weight));
            best = format.map(|format| (weight, format)).or(best);
        }
        best.filter(|(weight, _)| *weight >= anything).map(|(_, format)| format)
    }

    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Array => "application/json",
            Self::Lines(name) => name,
            Self::Events => "text/event-stream",
        })
    }
}

/// A type, or a range of them, without its parameters.
fn essence(range: &str) -> &str {
    range.split(';').next().unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &str) -> Option<Format> {
        Format::accepted(&HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]))
    }

    #[test]
    fn the_format_is_what_the_client_likes_best() {
        for (accept, wanted) in [
            ("text/event-stream", Some(Format::Events)),
            ("Text/Event-Stream; charset=utf-8", Some(Format::Events)),
            ("application/x-ndjson", Some(Format::Lines("application/x-ndjson"))),
            ("application/jsonl, */*", Some(Format::Lines("application/jsonl"))),
            ("application/json", Some(Format::Array)),
            ("application/json, text/event-stream", Some(Format::Array)),
            ("application/json;q=0.5, text/event-stream;q=0.9", Some(Format::Events)),
            ("text/event-stream;q=0, application/json", Some(Format::Array)),
            ("text/event-stream;q=0", None),
            ("*/*", None),
            ("text/event-stream, */*", Some(Format::Events)),
            ("text/event-stream;q=0.5, */*;q=0.1", Some(Format::Events)),
            ("*/*, text/event-stream;q=0.5", None),
            ("text/event-stream;q=0.2, application/*", None),
            ("text/html", None),
            ("", None),
        ] {
            assert_eq!(accepted(accept), wanted, "{accept}");
        }
    }
}
