//! Bodies in base64, for clients that can read and write nothing but text. gRPC-Web, "Protocol differences vs gRPC over
//! HTTP2".
//!
//! Whoever flushes pads, so padding may stand anywhere between groups of four.

use std::task::{Context, Poll, ready};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::{Buf, Bytes};

use super::timed::BodyError;
use crate::transport::{Inbound, Payload, Share};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Digits of a group, which stands for three bytes.
const GROUP: usize = 4;

/// The body of a request, decoded if it is in base64.
#[derive(Debug)]
pub(super) struct Body {
    inbound: Inbound,
    /// Digits of a group that is not whole, if the body is in base64.
    digits: Option<Vec<u8>>,
}

impl Body {
    pub(super) fn new(inbound: Inbound, text: bool) -> Self {
        let digits = text.then(Vec::new);
        Self { inbound, digits }
    }

    /// What was taken still counts until this is dropped.
    pub(super) fn take_share(&mut self) -> Option<Share> {
        self.inbound.take_share()
    }

    /// Of what was taken so many bytes are still held.
    pub(super) fn keep(&mut self, bytes: usize) {
        self.inbound.keep(bytes);
    }

    /// The next bytes; `None` at the end.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let next = ready!(self.inbound.poll_data(cx));
        let Some(digits) = &mut self.digits else {
            return Poll::Ready(next.map(|data| Ok(data?)));
        };
        Poll::Ready(match next {
            Some(Ok(data)) => Some(decode(digits, &data)),
            Some(Err(error)) => Some(Err(error.into())),
            None if digits.is_empty() => None,
            None => Some(group(&std::mem::take(digits)).map(Bytes::from)),
        })
    }
}

/// Decodes whole groups; the digits that are left wait for more.
fn decode(digits: &mut Vec<u8>, data: &[u8]) -> Result<Bytes, BodyError> {
    digits.extend_from_slice(data);
    let whole = digits.len() - digits.len() % GROUP;
    let mut out = Vec::with_capacity(whole / GROUP * 3);
    let (mut rest, left) = digits.split_at(whole);
    while !rest.is_empty() {
        let padded = rest.iter().position(|digit| *digit == b'=').unwrap_or(rest.len() - 1);
        let (part, after) = rest.split_at(padded - padded % GROUP + GROUP);
        out.extend_from_slice(&group(part)?);
        rest = after;
    }
    let left = left.to_vec();
    *digits = left;
    Ok(out.into())
}

fn group(digits: &[u8]) -> Result<Vec<u8>, BodyError> {
    BASE64
        .decode(digits)
        .map_err(|error| BodyError::Text(error.to_string()))
}

/// Bytes in base64, padded.
pub(super) fn encode(mut payload: Payload) -> Payload {
    let bytes = payload.copy_to_bytes(payload.remaining());
    Bytes::from(BASE64.encode(bytes)).into()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn all(chunks: &[&[u8]]) -> Result<Vec<u8>, BodyError> {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let mut body = Body::new(Inbound::from_chunks(chunks), true);
        let mut out = Vec::new();
        while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
            out.extend(data?);
        }
        Ok(out)
    }

    #[tokio::test]
    async fn text_is_decoded_wherever_it_is_cut_and_padded() {
        let text = b"YQ==YWI=YWJjYWJjZA==";
        for first in 0..text.len() {
            for second in first..text.len() {
                let chunks = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(all(&chunks).await.unwrap(), b"aababcabcd");
            }
        }
    }

    #[tokio::test]
    async fn the_last_group_may_lack_its_padding() {
        assert_eq!(all(&[b"YWJjYQ"]).await.unwrap(), b"abca");
        assert_eq!(all(&[]).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn what_is_no_base64_is_an_error() {
        for text in [
            &b"a"[..],
            b"YQ=a",
            b"=QQQ",
            b"====",
            b"YW J",
            b"\xff\xff\xff\xff",
            b"-_-_",
        ] {
            assert!(matches!(all(&[text]).await, Err(BodyError::Text(_))), "{text:?}");
        }
    }
}
