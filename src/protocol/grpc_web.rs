//! gRPC-Web's own: in which of its two forms the reply goes out.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>

use http::{HeaderMap, header::ACCEPT};

use super::{
    detect::{Media, Protocol, by_content_type},
    framed::{Dialect, Opening},
    weight::weight,
};

/// Reads the content types of a request. The reply is in base64 if `accept` likes that best, and as the request is if it
/// asks for nothing.
pub(super) fn opening(media: Media, text: bool, headers: &HeaderMap) -> Opening {
    let lists = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let wanted = lists
        .flat_map(|list| list.split(','))
        .filter_map(|range| match by_content_type(range.as_bytes()) {
            Some(Protocol::GrpcWeb { media: wanted, text }) if wanted.notation == media.notation => {
                Some((weight(range), wanted, text))
            }
            _ => None,
        })
        .filter(|(weight, ..)| *weight > 0)
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    let (_, reply, text_back) = wanted.unwrap_or((0, media, text));
    Opening {
        dialect: Dialect::GrpcWeb { text: text_back },
        media,
        text,
        reply: reply.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(content_type: &str, accept: &str) -> (bool, &'static str) {
        let Some(Protocol::GrpcWeb { media, text }) = by_content_type(content_type.as_bytes()) else {
            panic!("{content_type}")
        };
        let headers = [(ACCEPT, accept.parse().unwrap())].into_iter().collect();
        let opening = opening(media, text, &headers);
        (
            matches!(opening.dialect, Dialect::GrpcWeb { text: true }),
            opening.reply,
        )
    }

    #[test]
    fn the_client_says_how_it_reads() {
        let (binary, text) = ("application/grpc-web", "application/grpc-web-text");
        assert_eq!(reply(binary, "*/*"), (false, binary));
        assert_eq!(reply(text, "*/*"), (true, text));
        assert_eq!(
            reply(binary, "application/json, application/grpc-web-text"),
            (true, text)
        );
        assert_eq!(
            reply(text, "application/grpc-web+proto"),
            (false, "application/grpc-web+proto")
        );
        assert_eq!(
            reply(binary, "application/grpc-web;q=0.1, application/grpc-web-text"),
            (true, text)
        );
        assert_eq!(reply(text, "application/grpc-web;q=0"), (true, text));
        // What is written in JSON is answered in JSON.
        assert_eq!(
            reply("application/grpc-web+json", text),
            (false, "application/grpc-web+json")
        );
    }
}
