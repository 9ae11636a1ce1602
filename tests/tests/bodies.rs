//! Requests whose body is wrong. gRPC-over-HTTP/2, "Length-Prefixed-Message"; the codes: gRPC core, `doc/statuscodes.md`.

use std::time::Duration;

use bytes::Bytes;
use descant_handlers::Code;
use descant_tests::messages::{Answer as Reply, Ask as Asked};
use h2::Reason;

use crate::support::{Answer, Ask, BIDI, UNARY, envelope, framed, serve, soon, text};

const CLIENT: &str = "/descant.suite.v1.Shapes/Client";

async fn ask(ask: Ask) -> Answer {
    let server = serve(|limits| limits.message_bytes = 1000).await;
    let peer = server.connect().await;
    let answer = peer.send(ask).await;
    // Whatever it was, the connection lives on.
    assert_eq!(peer.send(Ask::empty(UNARY)).await.code(), Some(0));
    answer
}

async fn code(path: &str, body: &[&[u8]]) -> Option<i32> {
    let chunks: Vec<_> = body.iter().map(|chunk| Bytes::copy_from_slice(chunk)).collect();
    ask(Ask::bytes(path, chunks)).await.code()
}

const HI: &[u8] = b"\0\0\0\0\x04\x0a\x02hi";

#[tokio::test]
async fn a_message_may_come_in_any_pieces() {
    for split in 0..HI.len() {
        let answer = ask(Ask::bytes(UNARY, [&HI[..split], &HI[split..]])).await;
        assert_eq!(answer.message::<Reply>().text, "hi");
    }
    let bytes = HI.iter().map(|byte| Bytes::copy_from_slice(&[*byte]));
    assert_eq!(ask(Ask::bytes(UNARY, bytes)).await.message::<Reply>().text, "hi");
}

#[tokio::test]
async fn no_message_where_one_is_due() {
    let unimplemented = Some(Code::Unimplemented.number());
    assert_eq!(code(UNARY, &[]).await, unimplemented);
    assert_eq!(code(UNARY, &[b""]).await, unimplemented);
}

#[tokio::test]
async fn more_than_one_message_where_one_is_due() {
    let unimplemented = Some(Code::Unimplemented.number());
    assert_eq!(code(UNARY, &[HI, HI]).await, unimplemented);
    assert_eq!(code(UNARY, &[&[HI, HI].concat()]).await, unimplemented);
    assert_eq!(code(UNARY, &[HI, b"\0"]).await, unimplemented);
    assert_eq!(code(UNARY, &[&[HI, b"!"].concat()]).await, unimplemented);
}

#[tokio::test]
async fn a_body_that_ends_within_a_message() {
    for end in 1..HI.len() {
        for path in [UNARY, CLIENT, BIDI] {
            assert_eq!(
                code(path, &[&HI[..end]]).await,
                Some(Code::Internal.number()),
                "{path} {end}"
            );
        }
    }
    assert_eq!(code(BIDI, &[HI, &HI[..6]]).await, Some(Code::Internal.number()));
}

#[tokio::test]
async fn flags_that_nobody_knows() {
    for flag in [2, 3, 0x80, 0xff] {
        let body = [envelope(flag, b"")];
        assert_eq!(ask(Ask::bytes(UNARY, body)).await.code(), Some(Code::Internal.number()));
    }
}

#[tokio::test]
async fn a_compressed_message_without_an_encoding() {
    let internal = Some(Code::Internal.number());
    assert_eq!(ask(Ask::bytes(UNARY, [envelope(1, b"")])).await.code(), internal);
    let identity = Ask::bytes(UNARY, [envelope(1, b"")]).header("grpc-encoding", "identity");
    assert_eq!(ask(identity).await.code(), internal);
}

#[tokio::test]
async fn a_message_that_is_too_large() {
    let exhausted = Some(Code::ResourceExhausted.number());
    let large = framed(&text(&"x".repeat(1000)));
    assert_eq!(ask(Ask::bytes(UNARY, [large.clone()])).await.code(), exhausted);
    assert_eq!(ask(Ask::bytes(BIDI, [large])).await.code(), exhausted);
    // Only declared: nothing is waited for, and nothing set aside.
    let answer = ask(Ask::bytes(UNARY, [&b"\0\xff\xff\xff\xff"[..]])).await;
    assert_eq!(answer.code(), exhausted);
    assert!(answer.reason().contains("1000"), "{answer:?}");
    let fits = text(&"x".repeat(997));
    assert_eq!(prost::Message::encoded_len(&fits), 1000);
    assert_eq!(ask(Ask::one(UNARY, &fits)).await.code(), Some(0));
}

#[tokio::test]
async fn bytes_that_are_no_message() {
    // A field of a wire type that does not exist.
    let answer = ask(Ask::bytes(UNARY, [envelope(0, b"\x0f")])).await;
    assert!(
        [Some(Code::Internal.number()), Some(Code::InvalidArgument.number())].contains(&answer.code()),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_content_length_that_is_not_that_of_the_body() {
    for length in ["8", "10", "99999"] {
        let answer = ask(Ask::bytes(UNARY, [HI]).header("content-length", length)).await;
        // RFC 9113, section 8.1.1: malformed, a stream error.
        assert!(
            answer.reset == Some(Reason::PROTOCOL_ERROR) || answer.code() != Some(0),
            "{length}: {answer:?}"
        );
    }
    let answer = ask(Ask::bytes(UNARY, [HI]).header("content-length", "9")).await;
    assert_eq!(answer.message::<Reply>().text, "hi");
}

#[tokio::test]
async fn trailers_of_a_request_mean_nothing() {
    let answer = ask(Ask::bytes(UNARY, [HI]).trailer("note", "x").trailer("grpc-status", "7")).await;
    assert_eq!(answer.message::<Reply>().text, "hi");
    let answer = ask(Ask::bytes(BIDI, [HI]).trailer("note", "x")).await;
    assert_eq!(answer.message::<Reply>().text, "hi");
    let answer = ask(Ask::bytes(UNARY, [&HI[..3]]).trailer("note", "x")).await;
    assert_eq!(answer.code(), Some(Code::Internal.number()));
}

#[tokio::test]
async fn a_stream_ends_with_its_error_after_what_was_good() {
    let body = [HI.to_vec(), HI.to_vec(), b"\x07\0\0\0\0".to_vec()];
    let answer = ask(Ask::bytes(BIDI, body)).await;
    assert_eq!(answer.envelopes().len(), 2);
    assert_eq!(answer.code(), Some(Code::Internal.number()));
}

#[tokio::test]
async fn a_message_that_trickles_in_for_too_long() {
    let server = serve(|limits| limits.message = Duration::from_millis(200)).await;
    let peer = server.connect().await;
    for path in [UNARY, BIDI] {
        let mut open = peer.open(Ask::bytes(path, [&b""[..]])).await;
        open.push(&HI[..6]);
        let answer = soon(open.answer()).await;
        assert_eq!(
            answer.code(),
            Some(Code::DeadlineExceeded.number()),
            "{path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_stream_may_be_silent_between_messages() {
    let server = serve(|limits| limits.message = Duration::from_millis(50)).await;
    let peer = server.connect().await;
    let mut open = peer.open(Ask::bytes(BIDI, [&b""[..]])).await;
    open.push(HI);
    tokio::time::sleep(Duration::from_millis(200)).await;
    open.push(framed(&Asked::default()));
    open.body.send_data(Bytes::new(), true).unwrap();
    let answer = soon(open.answer()).await;
    assert_eq!((answer.code(), answer.envelopes().len()), (Some(0), 2));
}
