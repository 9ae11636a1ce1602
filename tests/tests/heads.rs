//! Requests whose head is wrong. gRPC-over-HTTP/2, "Requests".

use descant_handlers::Code;
use descant_tests::{
    messages::Answer as Reply,
    wire::{DATA, END_HEADERS, END_STREAM, HEADERS, block, head},
};
use http::{Method, StatusCode};

use crate::support::{
    Answer, Ask, BIDI, UNARY,
    raw::{Raw, status},
    serve, soon, text,
};

async fn ask(ask: Ask) -> Answer {
    let server = serve(|_| {}).await;
    server.connect().await.send(ask).await
}

fn refused(answer: &Answer, status: StatusCode, code: Code) {
    assert_eq!(
        (answer.status, answer.code()),
        (status, Some(code.number())),
        "{answer:?}"
    );
    assert!(
        answer.trailers.is_none() && answer.body.is_empty(),
        "not trailers-only: {answer:?}"
    );
    assert!(!answer.reason().is_empty(), "it says nothing: {answer:?}");
}

#[tokio::test]
async fn a_sound_head_is_taken_in_every_spelling() {
    for content_type in [
        "application/grpc",
        "application/grpc+proto",
        "Application/GRPC",
        "application/grpc; charset=utf-8",
    ] {
        let sound = Ask::one(UNARY, &text("hi"))
            .without("content-type")
            .header("content-type", content_type);
        let answer = ask(sound).await;
        assert_eq!(answer.message::<Reply>().text, "hi");
        assert!(
            answer.headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("application/grpc")
        );
    }
}

#[tokio::test]
async fn te_is_a_hint_not_a_must() {
    // It tells a server that no proxy on the way drops trailers; the server has nothing to gain from refusing.
    let answer = ask(Ask::one(UNARY, &text("hi")).without("te")).await;
    assert_eq!(answer.message::<Reply>().text, "hi");
}

#[tokio::test]
async fn other_methods_than_post_are_refused() {
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let answer = ask(Ask::empty(UNARY).method(method)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers["allow"], "POST");
    }
}

#[tokio::test]
async fn what_is_not_grpc_is_an_unsupported_media_type() {
    for content_type in ["text/plain", "text/json", "application/grpcx", "application", ""] {
        let answer = ask(Ask::empty(UNARY)
            .without("content-type")
            .header("content-type", content_type))
        .await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        assert_eq!(answer.code(), None, "no gRPC status for who does not speak gRPC");
        assert!(!answer.body.is_empty());
    }
    let answer = ask(Ask::empty(UNARY).without("content-type")).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented_and_the_nearest_are_named() {
    let answer = ask(Ask::empty("/descant.suite.v1.Shapes/Unari")).await;
    refused(&answer, StatusCode::OK, Code::Unimplemented);
    assert!(answer.reason().contains("descant.suite.v1.Shapes/Unary"), "{answer:?}");
    let answer = ask(Ask::empty("/descant.suite.v1.Shape/Unary")).await;
    refused(&answer, StatusCode::OK, Code::Unimplemented);
    assert!(answer.reason().contains("descant.suite.v1.Shapes"), "{answer:?}");
}

#[tokio::test]
async fn a_flood_of_unknown_methods_is_answered_without_the_nearest() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    let mut named = 0;
    for number in 0..300 {
        let answer = peer
            .send(Ask::empty(&format!("/descant.suite.v1.Shapes/Unari{number}")))
            .await;
        refused(&answer, StatusCode::OK, Code::Unimplemented);
        let reason = answer.reason();
        assert!(
            reason.starts_with(&format!("unknown method Unari{number} for service")),
            "{reason}"
        );
        named += usize::from(reason.contains("did you mean"));
    }
    assert!((50..300).contains(&named), "{named}");
}

#[tokio::test]
async fn a_method_that_nothing_answers_says_how_to_mend_it() {
    let answer = ask(Ask::empty("/grpc.testing.TestService/UnimplementedCall")).await;
    refused(&answer, StatusCode::OK, Code::Unimplemented);
    assert!(answer.reason().contains("UnimplementedCall"), "{answer:?}");
}

#[tokio::test]
async fn a_timeout_that_is_none_is_refused() {
    for timeout in ["", "S", "10", "123456789S", "-1S", "1.5S", "1s", "1 S", "1S,2S"] {
        let answer = ask(Ask::empty(UNARY).header("grpc-timeout", timeout)).await;
        refused(&answer, StatusCode::BAD_REQUEST, Code::InvalidArgument);
        assert!(answer.reason().contains("grpc-timeout"), "{answer:?}");
    }
}

#[tokio::test]
async fn two_timeouts_are_refused() {
    for second in ["1S", "2S"] {
        let answer = ask(Ask::empty(UNARY)
            .header("grpc-timeout", "1S")
            .header("grpc-timeout", second))
        .await;
        refused(&answer, StatusCode::BAD_REQUEST, Code::InvalidArgument);
    }
}

#[tokio::test]
async fn an_unknown_encoding_is_unimplemented_and_the_known_ones_are_named() {
    for encoding in ["compress", "rot13", "GZIP", "gzip,zstd", ""] {
        let answer = ask(Ask::empty(UNARY).header("grpc-encoding", encoding)).await;
        refused(&answer, StatusCode::OK, Code::Unimplemented);
        assert_eq!(
            answer.headers["grpc-accept-encoding"],
            "identity,gzip,zstd,br,deflate,snappy"
        );
    }
}

#[tokio::test]
async fn binary_metadata_has_to_be_base64() {
    let answer = ask(Ask::empty(UNARY).header("note-bin", "no base64!")).await;
    refused(&answer, StatusCode::BAD_REQUEST, Code::InvalidArgument);
    assert!(answer.reason().contains("note-bin"), "{answer:?}");
    for sound in ["", "AP8", "AP8=", "AP8,/w=="] {
        let answer = ask(Ask::empty(UNARY).header("note-bin", sound)).await;
        assert_eq!(answer.code(), Some(0), "{sound:?}");
    }
}

#[tokio::test]
async fn more_header_fields_than_allowed_are_refused_and_the_connection_lives_on() {
    let server = serve(|limits| limits.header_fields = 20).await;
    let peer = server.connect().await;
    let mut many = Ask::empty(UNARY);
    for _ in 0..30 {
        many = many.header("note", "x");
    }
    too_large(&peer.send(many).await);
    assert_eq!(peer.send(Ask::empty(UNARY)).await.code(), Some(0));
}

#[tokio::test]
async fn more_header_bytes_than_allowed_are_refused_and_the_connection_lives_on() {
    let server = serve(|limits| limits.header_bytes = 2000).await;
    let peer = server.connect().await;
    let long = Ask::empty(UNARY).header("note", "x".repeat(3000));
    too_large(&peer.send(long).await);
    assert_eq!(peer.send(Ask::empty(UNARY)).await.code(), Some(0));
}

/// `google.rpc.Status`, for it is not looked at what the call speaks.
fn too_large(answer: &crate::support::Answer) {
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(answer.headers["content-type"], "application/json");
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(said["code"], 8);
    assert!(said["message"].as_str().unwrap().contains("limits.header_"), "{said}");
}

#[tokio::test]
async fn the_head_is_judged_before_the_body_comes() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    // The body stays open; nothing waits for its end for long.
    let mut open = peer.open(Ask::empty(UNARY).header("grpc-encoding", "rot13")).await;
    open.push(&[0; 5][..]);
    let answer = soon(open.answer()).await;
    refused(&answer, StatusCode::OK, Code::Unimplemented);
}

#[tokio::test]
async fn bodies_compressed_as_a_whole_are_refused() {
    // Their bytes were taken for the lengths of messages.
    for content_type in ["application/grpc", "application/grpc-web", "application/connect+json"] {
        let ask_with = |coding: &str| {
            ask(Ask::empty(BIDI)
                .without("content-type")
                .header("content-type", content_type)
                .header("content-encoding", coding))
        };
        let answer = ask_with("gzip").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        assert_eq!(answer.headers["accept-encoding"], "identity");
        assert_eq!(ask_with("identity").await.status, StatusCode::OK, "{content_type}");
    }
}

#[tokio::test]
async fn what_decides_how_a_request_is_read_comes_once() {
    for (name, value) in [("content-type", "application/json"), ("grpc-encoding", "gzip")] {
        let twice = Ask::empty(UNARY)
            .header("grpc-encoding", "identity")
            .header(name, value);
        refused(&ask(twice).await, StatusCode::BAD_REQUEST, Code::InvalidArgument);
    }
}

#[tokio::test]
async fn leave_to_send_is_given_to_who_waits_for_it() {
    let server = serve(|_| {}).await;
    let mut raw = Raw::connect(server.address).await;
    let fields = [head(UNARY), vec![("expect", "100-continue")]].concat();
    raw.send(HEADERS, END_HEADERS, 1, &block(&fields)).await;
    let leave = raw.next_of(&[HEADERS]).await.unwrap();
    assert!(
        leave.payload.windows(3).any(|digits| digits == b"100") || leave.payload.len() < 8,
        "{leave:?}"
    );
    raw.send(DATA, END_STREAM, 1, &[0; 5]).await;
    let answer = raw.next_of(&[HEADERS]).await.unwrap();
    assert_eq!(status(&answer.payload), Some(200));
    // A head that is wrong is answered at once.
    let mut raw = Raw::connect(server.address).await;
    let fields = [head(UNARY), vec![("expect", "100-continue"), ("grpc-timeout", "soon")]].concat();
    raw.send(HEADERS, END_HEADERS, 1, &block(&fields)).await;
    let answer = raw.next_of(&[HEADERS]).await.unwrap();
    assert_eq!(status(&answer.payload), Some(400));
}
