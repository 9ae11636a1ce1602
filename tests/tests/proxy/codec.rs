//! Upstreams that take JSON, or calls by GET.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use descant_handlers::{Proxy, UpstreamCodec, UpstreamProtocol, proxy::ProxyOptions};
use descant_tests::messages::Answer as Answered;
use prost::Message as _;

use super::{
    WAYS, Way,
    http1::{EMPTY, heads},
    proxy,
};
use crate::support::{Ask, BIDI, FAIL, Running, SERVER, UNARY, framed, serve, text};

async fn calling((protocol, http1): Way, upstream: &str, change: impl FnOnce(&mut ProxyOptions)) -> Running {
    let mut options = ProxyOptions::default();
    (options.protocol, options.http1) = (protocol, http1);
    change(&mut options);
    proxy(Proxy::to(upstream).unwrap().options(options)).await
}

#[tokio::test]
async fn messages_go_as_json_and_come_back_as_protobuf() {
    let upstream = serve(|_| {}).await;
    for way in WAYS {
        let url = format!("http://{}", upstream.address);
        let front = calling(way, &url, |options| options.codec = UpstreamCodec::Json).await;
        let peer = front.connect().await;
        for path in [UNARY, SERVER, BIDI] {
            let ask = Ask::bytes(path, [framed(&text("größer"))]).header("echo-note", "a");
            let answer = peer.send(ask).await;
            assert_eq!(answer.code(), Some(0), "{way:?} {path} {answer:?}");
            for (_, message) in answer.envelopes() {
                assert_eq!(Answered::decode(message).unwrap().text, "größer", "{way:?} {path}");
            }
            assert_eq!(answer.last("late-echo-note"), Some("a"), "{way:?} {path}");
        }
        let refused = peer.send(Ask::empty(FAIL)).await;
        assert_ne!(refused.code(), Some(0), "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_no_such_message_is_internal() {
    let (address, _) =
        heads(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"text\":1}").await;
    let way = (UpstreamProtocol::Connect, true);
    let front = calling(way, &format!("http://{address}"), |options| {
        options.codec = UpstreamCodec::Json;
    })
    .await;
    let answer = front.connect().await.send(Ask::empty(UNARY)).await;
    assert_eq!(answer.code(), Some(13), "{answer:?}");
    let why = "the upstream sent JSON that is no descant.suite.v1.Answer: text: ";
    assert!(answer.reason().starts_with(why), "{answer:?}");
}

#[tokio::test]
async fn what_changes_nothing_may_be_called_by_get() {
    let (address, heads) = heads(EMPTY).await;
    let way = (UpstreamProtocol::Connect, true);
    let url = format!("http://{address}");
    let front = calling(way, &url, |options| options.connect_get = true).await;
    let (short, long) = (text("hi"), text(&"x".repeat(10_000)));
    // Any of these would have less than a message come back.
    let conditions = [
        "range",
        "if-range",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
    ];
    for ask in [&short, &long] {
        let ask = Ask::one(UNARY, ask);
        let ask = conditions.iter().fold(ask, |ask, name| ask.header(name, "*"));
        let answer = front.connect().await.send(ask).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        // So that its connection has ended.
        tokio::task::yield_now().await;
    }
    let heads = heads.lock().unwrap();
    let message = URL_SAFE_NO_PAD.encode(short.encode_to_vec());
    let line = format!("GET {UNARY}?connect=v1&encoding=proto&base64=1&message={message} HTTP/1.1\r\n");
    assert!(heads[0].starts_with(&line), "{}", heads[0]);
    for name in [
        "content-type",
        "content-length",
        "transfer-encoding",
        "connect-protocol-version",
    ]
    .into_iter()
    .chain(conditions)
    {
        assert!(!heads[0].contains(&format!("\n{name}:")), "{}", heads[0]);
    }
    // A URL has no room for so much.
    assert!(
        heads[1].starts_with(&format!("POST {UNARY} HTTP/1.1\r\n")),
        "{}",
        heads[1]
    );
}

#[tokio::test]
async fn a_get_is_answered_over_either_version_of_http() {
    let upstream = serve(|_| {}).await;
    for http1 in [false, true] {
        let way = (UpstreamProtocol::Connect, http1);
        let url = format!("http://{}", upstream.address);
        let front = calling(way, &url, |options| options.connect_get = true).await;
        let answer = front.connect().await.send(Ask::one(UNARY, &text("hi"))).await;
        assert_eq!(answer.message::<Answered>().text, "hi");
    }
}
