//! Compressed messages on their way through: untouched where both sides take the coding.
//! Source: <https://github.com/grpc/grpc/blob/master/doc/compression.md>

use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::{reply::too_large, speech::Speech};
use crate::{Call, Coding, Encoding, Encodings, InflateError, Message, Status};

/// The codings that an address of an upstream takes: what it says, which nobody knows before its first reply, and what was said
/// of it.
#[derive(Debug)]
pub(super) struct Taken {
    said: AtomicU8,
    always: Encodings,
}

impl Taken {
    /// That it takes these, whatever it says.
    pub(super) fn always(codings: Encodings) -> Self {
        Self {
            said: AtomicU8::default(),
            always: codings,
        }
    }

    /// Notes what the head of a reply says.
    pub(super) fn note(&self, headers: &HeaderMap, speech: Speech) {
        let accept = speech.accept();
        // One that says nothing has said before what it takes, or never will.
        if !headers.contains_key(&accept) {
            return;
        }
        let mut taken = Encodings::default();
        for list in headers.get_all(&accept) {
            let names = list.to_str().unwrap_or_default().split(',').map(str::trim_ascii);
            names
                .filter_map(|name| speech.coding(name))
                .for_each(|coding| taken.insert(coding));
        }
        if self.said.load(Ordering::Relaxed) != taken.bits() {
            self.said.store(taken.bits(), Ordering::Relaxed);
        }
    }

    fn has(&self, coding: Encoding) -> bool {
        self.always.has(coding) || Encodings::from_bits(self.said.load(Ordering::Relaxed)).has(coding)
    }

    /// How the one message of a body that is nothing else goes up.
    pub(super) fn for_message(&self, message: &Message) -> Sent {
        Sent {
            encoding: message.encoding().filter(|encoding| self.has(*encoding)),
            as_came: true,
        }
    }

    /// How the messages of a call go up.
    pub(super) fn for_call(&self, call: &Call) -> Sent {
        match call.coding {
            Coding::AsCame(Some(encoding)) if self.has(encoding) => Sent {
                encoding: Some(encoding),
                as_came: true,
            },
            Coding::AsCame(None) => Sent {
                encoding: None,
                as_came: true,
            },
            Coding::AsCame(Some(_)) | Coding::Free => Sent::PLAIN,
        }
    }
}

/// How messages go up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// How the compressed ones are compressed; `None`: all are plain.
    pub(super) encoding: Option<Encoding>,
    /// What comes in a row goes on so.
    pub(super) as_came: bool,
}

impl Sent {
    /// All inflated.
    pub(super) const PLAIN: Self = Self {
        encoding: None,
        as_came: false,
    };
}

/// What an upstream is told of the codings that its reply may have: those that may be left on it. Nothing where it has none by itself:
/// gRPC answers a plain request of who names none with plain messages, while HTTP's `Accept-Encoding` and some who answer in the coding of the
/// request want to be told.
pub(super) fn accepted(codings: Encodings, speech: Speech, sent: Sent) -> Result<Option<HeaderValue>, Status> {
    if codings == Encodings::default() {
        let needs_no_word = speech == Speech::Grpc && sent.encoding.is_none();
        return Ok((!needs_no_word).then(|| HeaderValue::from_static("identity")));
    }
    let names = codings.iter().map(Encoding::name);
    let list = std::iter::once("identity").chain(names).collect::<Vec<_>>().join(",");
    let list = HeaderValue::try_from(list).map_err(|error| Status::internal(error.to_string()))?;
    Ok(Some(list))
}

/// How a reply says that its messages are compressed. It may be in a coding that was not offered, as servers have it that compress whatever they
/// send: what the caller does not take is inflated. One that is not known here is INTERNAL.
pub(super) fn of_reply(headers: &HeaderMap, speech: Speech) -> Result<Option<Encoding>, Status> {
    let Some(name) = headers.get(speech.encoding()).filter(|name| !is_none(name)) else {
        return Ok(None);
    };
    let coding = name.to_str().ok().and_then(|name| speech.coding(name));
    coding.map(Some).ok_or_else(|| {
        Status::internal(format!(
            "the upstream compresses its reply as {name:?}, which is not known here"
        ))
    })
}

/// Undoes the coding of a body of HTTP, whether it was offered or not: who answers may be somebody on the way.
pub(super) fn inflate(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Status> {
    let coding = headers.get(header::CONTENT_ENCODING).filter(|coding| !is_none(coding));
    let Some(coding) = coding.filter(|_| !body.is_empty()) else {
        return Ok(body);
    };
    let known = coding.to_str().ok().and_then(Encoding::of_http);
    let known = known.ok_or_else(|| {
        Status::internal(format!(
            "the upstream compresses its answer as {coding:?}, which is not known here"
        ))
    })?;
    known.inflate(&body, limit).map_err(|error| match error {
        InflateError::TooLarge(limit) => too_large(limit),
        InflateError::Broken { .. } => broken(&error),
    })
}

/// Whether this names no coding.
pub(super) fn is_none(name: &HeaderValue) -> bool {
    name.as_bytes().eq_ignore_ascii_case(b"identity")
}

/// What it says of an upstream that some of its reply does not inflate.
pub(super) fn broken(error: &InflateError) -> Status {
    match error {
        InflateError::TooLarge(_) => Status::resource_exhausted(format!("of the upstream's reply: {error}")),
        InflateError::Broken { .. } => Status::internal(format!("of the upstream's reply: {error}")),
    }
}

#[cfg(all(test, feature = "gzip"))]
mod tests {
    use http::HeaderName;

    use super::*;
    use crate::Code;

    fn grpc(name: HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))].into_iter().collect()
    }

    #[test]
    fn an_upstream_says_what_it_takes() {
        let gzip = Encoding::named("gzip").unwrap();
        let taken = Taken::always(Encodings::default());
        let accept = Speech::Grpc.accept();
        assert!(!taken.has(gzip));
        taken.note(&grpc(accept.clone(), "identity, gzip,rot13"), Speech::Grpc);
        assert!(taken.has(gzip));
        taken.note(&HeaderMap::new(), Speech::Grpc);
        assert!(taken.has(gzip));
        taken.note(&grpc(accept, "identity"), Speech::Grpc);
        assert!(!taken.has(gzip));
        assert!(Taken::always([gzip].into_iter().collect()).has(gzip));
    }

    #[test]
    fn a_reply_has_no_coding_that_is_not_known() {
        let gzip = Encoding::named("gzip").unwrap();
        let offered: Encodings = [gzip].into_iter().collect();
        let told = |offered, speech, sent| accepted(offered, speech, sent).unwrap();
        assert_eq!(told(offered, Speech::Grpc, Sent::PLAIN).unwrap(), "identity,gzip");
        let none = Encodings::default();
        assert_eq!(told(none, Speech::Grpc, Sent::PLAIN), None);
        let squeezed = Sent {
            encoding: Some(gzip),
            as_came: true,
        };
        for (speech, sent) in [(Speech::Grpc, squeezed), (Speech::ConnectUnary, Sent::PLAIN)] {
            assert_eq!(told(none, speech, sent).unwrap(), "identity");
        }
        for (name, expected) in [
            ("identity", Ok(None)),
            ("gzip", Ok(Some(gzip))),
            ("rot13", Err(Code::Internal)),
        ] {
            let found = of_reply(&grpc(Speech::Grpc.encoding(), name), Speech::Grpc);
            assert_eq!(found.map_err(|status| status.code()), expected);
        }
    }

    #[test]
    fn the_header_of_http_has_codings_in_any_case() {
        let gzip = Encoding::named("gzip").unwrap();
        for (speech, name, expected) in [
            (Speech::ConnectUnary, "GZip", Ok(Some(gzip))),
            (Speech::ConnectUnary, "x-gzip", Ok(Some(gzip))),
            (Speech::ConnectUnary, "Identity", Ok(None)),
            (Speech::ConnectStream, "GZip", Err(Code::Internal)),
        ] {
            let found = of_reply(&grpc(speech.encoding(), name), speech);
            assert_eq!(found.map_err(|status| status.code()), expected, "{speech:?} {name}");
        }
        let taken = Taken::always(Encodings::default());
        let unary = Speech::ConnectUnary;
        taken.note(&grpc(unary.accept(), "br, GZIP"), unary);
        assert!(taken.has(gzip));
    }
}
