//! gRPC-Web's own: in which of its two forms the reply goes out.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>

use http::{HeaderMap, header::ACCEPT};

use super::{
    detect::{Media, Protocol, by_content_type},
    framed::{Dialect, Opening},
};

/// Reads the content types of a request. The reply is in base64 if `accept` asks for that, and as the request is if it
/// asks for nothing.
pub(super) fn opening(media: Media, text: bool, headers: &HeaderMap) -> Opening {
    let wanted = headers
        .get_all(ACCEPT)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .find_map(|part| match by_content_type(part) {
            Some(Protocol::GrpcWeb { media: wanted, text }) => {
                (wanted.notation == media.notation).then_some((wanted, text))
            }
            _ => None,
        });
    let (reply, text_back) = wanted.unwrap_or((media, text));
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
        // What is written in JSON is answered in JSON.
        assert_eq!(
            reply("application/grpc-web+json", text),
            (false, "application/grpc-web+json")
        );
    }
}
