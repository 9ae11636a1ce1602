//! Trailers where they are not trailers of HTTP: headers that begin with `trailer-`, lines and members behind a body.
//!
//! A reply of gRPC that has trailers alone has them in its one head, beside what servers say there of their response. That
//! stands among the trailers from then on, and means nothing there, or something else: the `vary` of a response that this one is not made of,
//! another call's id. A response of gRPC has it in its own head again, and is left as it is.

use descant_handlers::RequestId;
use http::{HeaderMap, HeaderName};

const PREFIX: &str = "trailer-";

/// Whether a name is about a response, how it is kept and shown, or who passed it on, and not about the call. RFC 9110, section
/// 6.5.1, allows none of these behind a body, but for the id, which a response has in its head.
fn is_of_response(name: &str) -> bool {
    let named = matches!(
        name,
        "accept-ranges"
            | "age"
            | "allow"
            | "alt-svc"
            | "cache-control"
            | "date"
            | "expires"
            | "pragma"
            | "server"
            | "strict-transport-security"
            | "vary"
            | "via"
            | "warning"
    );
    named || name == RequestId::KEY || name.starts_with("access-control-")
}

/// What of trailers, or of the metadata of a status, is for the caller.
pub(super) fn own(mut trailers: HeaderMap) -> HeaderMap {
    while let Some(name) = trailers.keys().find(|name| is_of_response(name.as_str())).cloned() {
        trailers.remove(name);
    }
    trailers
}

/// Trailers as headers whose names begin with `trailer-`: a reply of one message has no other place that all read.
/// Connect, "Unary-Response".
pub(super) fn add_prefixed(headers: &mut HeaderMap, trailers: HeaderMap) {
    let mut last = None;
    for (name, value) in own(trailers) {
        // The map names each name once, with its first value.
        last = name
            .and_then(|name| HeaderName::try_from(format!("{PREFIX}{name}")).ok())
            .or(last);
        if let Some(name) = &last {
            headers.append(name.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_about_a_response_is_no_trailer() {
        let mut trailers = HeaderMap::new();
        for name in [
            "vary",
            "note",
            "date",
            "server",
            "x-request-id",
            "access-control-allow-origin",
            "note",
            "late-bin",
        ] {
            trailers.append(HeaderName::from_static(name), HeaderValue::from_static("a"));
        }
        let mut headers = HeaderMap::new();
        add_prefixed(&mut headers, trailers);
        let mut names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["trailer-late-bin", "trailer-note", "trailer-note"]);
    }
}
