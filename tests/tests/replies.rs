//! How answers look on the wire. gRPC-over-HTTP/2, "Responses".

use descant::{Gateway, Schema};
use descant_handlers::{Call, Code, Messages, Reply, Status, async_trait};
use descant_tests::messages::{Answer as Answered, Failure};
use http::StatusCode;

use crate::support::{Answer, Ask, BIDI, FAIL, SERVER, UNARY, framed, serve, serve_gateway, text};

async fn ask(ask: Ask) -> Answer {
    let server = serve(|_| {}).await;
    server.connect().await.send(ask).await
}

fn failure(code: Code, message: &str) -> Failure {
    Failure {
        code: code.number(),
        message: message.to_owned(),
        details: Vec::new(),
    }
}

#[tokio::test]
async fn a_good_answer_has_headers_messages_and_trailers() {
    let answer = ask(Ask::one(UNARY, &text("hi"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/grpc");
    assert!(!answer.headers.contains_key("grpc-status"));
    assert_eq!(answer.trailers.as_ref().unwrap()["grpc-status"], "0");
    assert!(!answer.trailers.as_ref().unwrap().contains_key("grpc-message"));
    assert_eq!(answer.message::<Answered>().text, "hi");
}

#[tokio::test]
async fn an_error_before_the_first_message_is_trailers_only() {
    for (path, message) in [
        (FAIL, failure(Code::NotFound, "no such book")),
        (
            "/descant.suite.v1.Shapes/FailLate",
            failure(Code::NotFound, "no such book"),
        ),
    ] {
        let answer = ask(Ask::one(path, &message)).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.code(), Some(5));
        assert_eq!(answer.reason(), "no such book");
        assert_eq!(answer.headers["content-type"], "application/grpc");
        let late = path.ends_with("FailLate");
        assert_eq!(answer.trailers.is_some(), late, "{answer:?}");
        assert_eq!(answer.envelopes().len(), usize::from(late));
    }
}

#[tokio::test]
async fn messages_are_percent_encoded() {
    for (message, wanted) in [
        ("plain text, with ~ and !", "plain text, with ~ and !"),
        ("100 %", "100 %25"),
        ("gr\u{f6}\u{df}er", "gr%C3%B6%C3%9Fer"),
        ("two\r\nlines\t", "two%0D%0Alines%09"),
        ("\u{7f}\0", "%7F%00"),
        ("\u{65e5}\u{672c}", "%E6%97%A5%E6%9C%AC"),
    ] {
        let answer = ask(Ask::one(FAIL, &failure(Code::Aborted, message))).await;
        assert_eq!(answer.reason(), wanted);
    }
}

#[tokio::test]
async fn a_status_without_details_has_none_on_the_wire() {
    let answer = ask(Ask::one(FAIL, &failure(Code::Aborted, "x"))).await;
    assert_eq!(answer.last("grpc-status-details-bin"), None);
    let mut detailed = failure(Code::Aborted, "x");
    detailed.details.push(prost_types::Any {
        type_url: "type.googleapis.com/a.B".into(),
        value: vec![1, 2, 3],
    });
    let answer = ask(Ask::one(FAIL, &detailed)).await;
    let details = answer.last("grpc-status-details-bin").unwrap();
    assert!(
        !details.ends_with('='),
        "unpadded, as the specification asks: {details}"
    );
}

#[tokio::test]
async fn metadata_comes_back_in_its_order() {
    let answer = ask(Ask::one(UNARY, &text("hi"))
        .header("echo-note", "one")
        .header("echo-note", "two")
        .header("echo-raw-bin", "AP8="))
    .await;
    for (fields, name) in [
        (&answer.headers, "echo-note"),
        (answer.trailers.as_ref().unwrap(), "late-echo-note"),
    ] {
        assert_eq!(fields.get_all(name).iter().collect::<Vec<_>>(), ["one", "two"]);
    }
    assert_eq!(answer.headers["echo-raw-bin"], "AP8");
}

#[tokio::test]
async fn a_stream_may_have_no_message() {
    let answer = ask(Ask::one(SERVER, &text("none"))).await;
    assert_eq!((answer.code(), answer.body.len()), (Some(0), 0));
    let answer = ask(Ask::bytes::<&[u8]>(BIDI, [])).await;
    assert_eq!((answer.code(), answer.body.len()), (Some(0), 0));
}

#[tokio::test]
async fn both_directions_flow_at_once() {
    let server = serve(|_| {}).await;
    let peer = server.connect().await;
    let mut open = peer.open(Ask::bytes(BIDI, [&b""[..]])).await;
    open.push(framed(&text("0")));
    let (mut body, mut answers) = open.head().await;
    for number in 1..50 {
        let data = crate::support::soon(answers.data()).await.unwrap().unwrap();
        answers.flow_control().release_capacity(data.len()).unwrap();
        assert_eq!(
            data,
            framed(&Answered {
                text: (number - 1).to_string(),
                ..Answered::default()
            })
        );
        body.send_data(framed(&text(&number.to_string())), false).unwrap();
    }
}

#[tokio::test]
async fn a_large_answer_respects_the_window() {
    let mut asked = text("large");
    asked.size = 3 << 20;
    let answer = ask(Ask::one(UNARY, &asked)).await;
    assert_eq!(answer.message::<Answered>().padding.len(), 3 << 20);
}

/// Panics at its first chance, or within its stream.
struct Panics {
    late: bool,
}

#[async_trait]
impl descant_handlers::Handler for Panics {
    async fn call(&self, _: Call) -> Result<Reply, Status> {
        assert!(self.late, "at once");
        Ok(Messages::generate(|_| async { panic!("within the stream") }).into())
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_says_nothing_of_its_cause() {
    for late in [false, true] {
        let schema = Schema::load(concat!(env!("CARGO_MANIFEST_DIR"), "/suites/protos")).unwrap();
        let gateway = Gateway::builder(schema).route("*", Panics { late }).build().unwrap();
        let server = serve_gateway(gateway, |_| {}).await;
        let peer = server.connect().await;
        let answer = peer.send(Ask::one(SERVER, &text("x"))).await;
        assert_eq!(answer.code(), Some(Code::Internal.number()), "{answer:?}");
        assert!(
            !answer.reason().contains("at once") && !answer.reason().contains("within"),
            "{answer:?}"
        );
        assert_eq!(
            peer.send(Ask::one(SERVER, &text("x"))).await.code(),
            Some(Code::Internal.number())
        );
    }
}
