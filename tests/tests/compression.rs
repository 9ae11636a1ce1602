//! Compression of messages, each for itself. gRPC core, `doc/compression.md`.

use std::io::{Read, Write};

use bytes::Bytes;
use descant_handlers::Code;
use descant_tests::messages::Answer as Answered;
use prost::Message as _;

use crate::support::{Answer, Ask, BIDI, FAIL, UNARY, envelope, framed, serve, text};

async fn ask(ask: Ask) -> Answer {
    let server = serve(|limits| limits.message_bytes = 100_000).await;
    server.connect().await.send(ask).await
}

const CODINGS: [&str; 5] = ["gzip", "zstd", "br", "deflate", "snappy"];

fn deflate(coding: &str, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::best());
            encoder.write_all(message).unwrap();
            encoder.finish().unwrap();
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(&mut out, flate2::Compression::best());
            encoder.write_all(message).unwrap();
            encoder.finish().unwrap();
        }
        "br" => brotli::CompressorWriter::new(&mut out, 4096, 5, 22)
            .write_all(message)
            .unwrap(),
        "snappy" => snap::write::FrameEncoder::new(&mut out).write_all(message).unwrap(),
        _ => out = zstd::encode_all(message, 3).unwrap(),
    }
    out
}

fn inflate(coding: &str, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut from: Box<dyn Read + '_> = match coding {
        "gzip" => Box::new(flate2::read::MultiGzDecoder::new(message)),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(message)),
        "br" => Box::new(brotli::Decompressor::new(message, 4096)),
        "snappy" => Box::new(snap::read::FrameDecoder::new(message)),
        _ => Box::new(zstd::Decoder::new(message).unwrap()),
    };
    from.read_to_end(&mut out).unwrap();
    out
}

fn words() -> descant_tests::messages::Ask {
    text(&"words ".repeat(1000))
}

fn compressed(coding: &'static str, path: &str) -> Ask {
    let message = deflate(coding, &words().encode_to_vec());
    Ask::bytes(path, [envelope(1, &message)]).header("grpc-encoding", coding)
}

#[tokio::test]
async fn a_compressed_request_is_inflated() {
    for coding in CODINGS {
        let answer = ask(compressed(coding, UNARY)).await;
        assert_eq!(answer.message::<Answered>().text, words().text);
        assert!(
            !answer.headers.contains_key("grpc-encoding"),
            "the client takes none: {answer:?}"
        );
    }
}

/// Whatever the client says of replies.
#[tokio::test]
async fn who_compresses_is_told_what_is_taken() {
    for path in [UNARY, BIDI, FAIL] {
        let web = |ask: Ask| {
            ask.without("content-type")
                .header("content-type", "application/grpc-web")
        };
        for call in [compressed("gzip", path), web(compressed("gzip", path))] {
            let answer = ask(call).await;
            let taken = answer.headers["grpc-accept-encoding"].to_str().unwrap();
            assert!(CODINGS.iter().all(|coding| taken.contains(coding)), "{answer:?}");
        }
        let plain = ask(Ask::one(path, &words())).await;
        assert!(!plain.headers.contains_key("grpc-accept-encoding"), "{plain:?}");
    }
}

#[tokio::test]
async fn a_reply_is_compressed_as_the_request_was_if_the_client_takes_that() {
    for coding in CODINGS {
        let answer =
            ask(compressed(coding, UNARY).header("grpc-accept-encoding", "identity, gzip,zstd, br,deflate,snappy"))
                .await;
        assert_eq!(answer.headers["grpc-encoding"], coding);
        let envelopes = answer.envelopes();
        let [(1, message)] = &envelopes[..] else {
            panic!("{answer:?}")
        };
        let message = Answered::decode(&inflate(coding, message)[..]).unwrap();
        assert_eq!(message.text, words().text);
    }
}

#[tokio::test]
async fn plain_messages_may_come_among_compressed_ones() {
    let bodies = [
        envelope(1, &deflate("gzip", &words().encode_to_vec())),
        framed(&text("plain")),
        envelope(1, &deflate("gzip", &text("small").encode_to_vec())),
    ];
    let answer = ask(Ask::bytes(BIDI, bodies)
        .header("grpc-encoding", "gzip")
        .header("grpc-accept-encoding", "gzip"))
    .await;
    let texts: Vec<String> = answer
        .envelopes()
        .into_iter()
        .map(|(flag, message)| {
            let message = if flag == 1 {
                inflate("gzip", &message).into()
            } else {
                message
            };
            Answered::decode(message).unwrap().text
        })
        .collect();
    assert_eq!(texts, [words().text.as_str(), "plain", "small"]);
}

#[tokio::test]
async fn a_bomb_is_stopped_at_the_limit() {
    for coding in CODINGS {
        // Snappy makes a twentieth of it.
        let bomb = vec![0; if coding == "snappy" { 1 << 20 } else { 50 << 20 }];
        let small = deflate(coding, &bomb);
        assert!(small.len() < 100_000);
        let answer = ask(Ask::bytes(UNARY, [envelope(1, &small)]).header("grpc-encoding", coding)).await;
        assert_eq!(answer.code(), Some(Code::ResourceExhausted.number()), "{answer:?}");
    }
}

#[tokio::test]
async fn what_does_not_inflate_is_an_internal_error() {
    for coding in CODINGS {
        let sound = deflate(coding, &words().encode_to_vec());
        let cut = Bytes::copy_from_slice(&sound[..sound.len() / 2]);
        for broken in [Bytes::from_static(b"nonsense"), Bytes::from_static(b""), cut] {
            if ["snappy", "zstd"].contains(&coding) && broken.is_empty() {
                // No frame at all is how snappy writes nothing, and Go's library for zstd.
                continue;
            }
            let answer = ask(Ask::bytes(UNARY, [envelope(1, &broken)]).header("grpc-encoding", coding)).await;
            assert_eq!(
                answer.code(),
                Some(Code::Internal.number()),
                "{coding} {broken:?}: {answer:?}"
            );
        }
    }
}
