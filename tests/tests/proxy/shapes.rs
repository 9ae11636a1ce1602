//! What passes: messages of all shapes, metadata, trailers, statuses.

use bytes::Bytes;
use descant_handlers::Proxy;
use descant_tests::messages::{Answer as Answered, Ask as Asked, Failure};
use prost::Message;

use super::{WAYS, Way, calling, proxy};
use crate::support::{Answer, Ask, BIDI, FAIL, SERVER, UNARY, framed, serve, text};

pub(super) const CLIENT: &str = "/descant.suite.v1.Shapes/Client";
const FAIL_LATE: &str = "/descant.suite.v1.Shapes/FailLate";

async fn through(way: Way, ask: Ask) -> Answer {
    let upstream = serve(|_| {}).await;
    let front = calling(way, upstream.address).await;
    front.connect().await.send(ask).await
}

fn texts(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.code(), Some(0), "{answer:?}");
    let messages = answer.envelopes().into_iter();
    messages
        .map(|(_, message)| Answered::decode(message).unwrap().text)
        .collect()
}

fn count(word: &str, count: i32) -> Asked {
    Asked { count, ..text(word) }
}

#[tokio::test]
async fn all_four_shapes_pass() {
    let words = ["one", "two", "three"].map(|word| framed(&text(word)));
    for way in WAYS {
        for (ask, expected) in [
            (Ask::one(UNARY, &text("hi")), vec!["hi"]),
            (Ask::one(UNARY, &text("")), vec![""]),
            (Ask::one(SERVER, &count("hi", 3)), vec!["hi"; 3]),
            (Ask::one(SERVER, &count("hi", 0)), vec![]),
            (Ask::bytes(CLIENT, words.clone()), vec!["one two three"]),
            (Ask::bytes(BIDI, words.clone()), vec!["one", "two", "three"]),
            (Ask::bytes(BIDI, [Bytes::new()]), vec![]),
        ] {
            assert_eq!(texts(&through(way, ask).await), expected, "{way:?}");
        }
    }
}

#[tokio::test]
async fn metadata_passes_both_ways_and_trailers_back() {
    for (way, path) in WAYS.into_iter().flat_map(|way| [(way, UNARY), (way, SERVER)]) {
        let ask = Ask::one(path, &count("hi", 1));
        let ask = ask
            .header("echo-note", "a")
            .header("echo-note", "b")
            .header("echo-raw-bin", "AAEC");
        let answer = through(way, ask).await;
        assert_eq!(texts(&answer), ["hi"], "{way:?}");
        let all = |map: &http::HeaderMap, name: &str| -> Vec<String> {
            let values = map.get_all(name).iter();
            values.map(|value| value.to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(all(&answer.headers, "echo-note"), ["a", "b"]);
        assert_eq!(all(&answer.headers, "echo-raw-bin"), ["AAEC"]);
        let trailers = answer.trailers.as_ref().unwrap();
        assert_eq!(all(trailers, "late-echo-note"), ["a", "b"]);
        assert_eq!(all(trailers, "late-echo-raw-bin"), ["AAEC"]);
    }
}

#[tokio::test]
async fn statuses_pass_with_their_details() {
    let detail = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(),
        value: vec![10, 4, b'S', b'O', b'L', b'D'],
    };
    let failure = Failure {
        code: 9,
        message: "größer als 100 %".into(),
        details: vec![detail.clone()],
    };
    for (way, path) in WAYS.into_iter().flat_map(|way| [(way, FAIL), (way, FAIL_LATE)]) {
        let upstream = serve(|_| {}).await;
        let front = calling(way, upstream.address).await;
        let direct = upstream.connect().await.send(Ask::one(path, &failure)).await;
        let answer = front.connect().await.send(Ask::one(path, &failure)).await;
        for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
            assert_eq!(answer.last(name), direct.last(name), "{way:?} {path} {name}");
        }
        assert_eq!(answer.body, direct.body);
        assert_eq!(answer.code(), Some(9));
    }
}

#[tokio::test]
async fn large_messages_pass() {
    for way in WAYS {
        let upstream = serve(|_| {}).await;
        let front = calling(way, upstream.address).await;
        let peer = front.connect().await;
        let word = "x".repeat(2 << 20);
        let answer = peer.send(Ask::one(UNARY, &text(&word))).await;
        assert_eq!(answer.message::<Answered>().text.len(), word.len());
        let many = [framed(&text(&word)), framed(&text(&word)), framed(&text("end"))];
        let lengths: Vec<_> = texts(&peer.send(Ask::bytes(BIDI, many)).await)
            .iter()
            .map(String::len)
            .collect();
        assert_eq!(lengths, [word.len(), word.len(), 3]);
    }
}

#[tokio::test]
async fn a_talk_goes_back_and_forth() {
    for way in WAYS {
        let upstream = serve(|_| {}).await;
        let front = calling(way, upstream.address).await;
        let mut open = front.connect().await.open(Ask::bytes(BIDI, [Bytes::new()])).await;
        open.push(framed(&text("first")));
        let (mut questions, mut answers) = open.head().await;
        for next in ["second", "third"] {
            let data = crate::support::soon(answers.data()).await.unwrap().unwrap();
            assert!(!data.is_empty());
            questions.send_data(framed(&text(next)), false).unwrap();
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_upstream_may_be_behind_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix:{}", folder.path().join("upstream.sock").display());
    let gateway = descant_tests::gateway(&descant_handlers::Health::new());
    let server = descant::Server::builder(gateway).listen(&url).bind().await.unwrap();
    let _served = tokio::spawn(server.serve(std::future::pending::<()>()));
    let front = proxy(Proxy::to(&url).unwrap()).await;
    let answer = front.connect().await.send(Ask::one(UNARY, &text("hi"))).await;
    assert_eq!(texts(&answer), ["hi"]);
}
