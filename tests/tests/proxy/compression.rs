//! Compressed messages on their way through.

use std::{
    io::{Read, Write},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use descant_handlers::{
    UpstreamProtocol,
    proxy::{Balance, Proxy, ProxyOptions},
};
use http::{HeaderMap, HeaderValue, Response};

use super::{
    before, calling, proxy,
    upstream::{Asked, Upstream, trailers, upstream},
};
use crate::support::{Answer, Ask, BIDI, SERVER, UNARY, envelope, soon};

const TEXT: &[u8] = b"\x0a\x05hello";
const GZIP: [(&str, &str); 2] = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity,gzip")];

fn gzip(message: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(message).read_to_end(&mut out).unwrap();
    out
}

/// What an upstream got of each call: its head and its body.
type Seen = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

/// An upstream that takes gzip, or says nothing of that, and answers with this.
async fn answering(takes: Option<&'static str>, coding: Option<&'static str>, reply: Bytes) -> (Upstream, Seen) {
    let seen = Seen::default();
    let note = Arc::clone(&seen);
    let upstream = upstream(move |mut asked: Asked| {
        let (note, reply) = (Arc::clone(&note), reply.clone());
        async move {
            let mut body = Vec::new();
            let stream = asked.request.body_mut();
            while let Some(data) = stream.data().await {
                let data = data.unwrap();
                stream.flow_control().release_capacity(data.len()).unwrap();
                body.extend(data);
            }
            note.lock().unwrap().push((asked.request.headers().clone(), body));
            let mut head = Response::builder().header("content-type", "application/grpc");
            for (name, value) in [("grpc-accept-encoding", takes), ("grpc-encoding", coding)] {
                if let Some(value) = value {
                    head = head.header(name, HeaderValue::from_static(value));
                }
            }
            let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
            stream.send_data(reply, false).unwrap();
            stream.send_trailers(trailers("0")).unwrap();
        }
    })
    .await;
    (upstream, seen)
}

fn with(ask: Ask, headers: [(&'static str, &'static str); 2]) -> Ask {
    headers
        .into_iter()
        .fold(ask, |ask, (name, value)| ask.header(name, value))
}

async fn asked(upstream: &Upstream, asks: Vec<Ask>) -> Vec<Answer> {
    let front = before(upstream.address).await;
    let peer = front.connect().await;
    let mut answers = Vec::new();
    for ask in asks {
        answers.push(soon(peer.send(ask)).await);
    }
    answers
}

#[tokio::test]
async fn what_both_sides_take_goes_through_untouched() {
    // Not as anybody else would compress it: the bytes are the same only if nobody looked.
    let (request, reply) = (gzip(b""), [gzip(TEXT), gzip(b"")].concat());
    for path in [UNARY, SERVER, BIDI] {
        let (upstream, seen) = answering(Some("gzip"), Some("gzip"), envelope(1, &reply)).await;
        let ask = || with(Ask::bytes(path, [envelope(1, &request)]), GZIP);
        let answers = asked(&upstream, vec![ask(), ask()]).await;
        for answer in &answers {
            assert_eq!(answer.code(), Some(0), "{answer:?}");
            assert_eq!(answer.headers["grpc-encoding"], "gzip");
            assert_eq!(answer.body, envelope(1, &reply));
        }
        let seen = seen.lock().unwrap();
        let [(first, plain), (second, passed)] = &seen[..] else {
            panic!("{seen:?}")
        };
        assert_eq!(first["grpc-accept-encoding"], "identity,gzip");
        // The first call went up before the upstream had said what it takes.
        assert!(!first.contains_key("grpc-encoding"));
        assert_eq!(plain, &envelope(0, b""));
        assert_eq!(second["grpc-encoding"], "gzip");
        assert_eq!(passed, &envelope(1, &request));
    }
}

#[tokio::test]
async fn each_address_says_for_itself_what_it_takes() {
    let request = gzip(b"");
    let (takes, told) = answering(Some("gzip"), None, envelope(0, TEXT)).await;
    let (other, silent) = answering(None, None, envelope(0, TEXT)).await;
    let urls = [&takes, &other].map(|upstream| format!("http://{}", upstream.address));
    let mut options = ProxyOptions::default();
    options.balance = Balance::RoundRobin;
    let front = proxy(Proxy::to_each(urls).unwrap().options(options)).await;
    let peer = front.connect().await;
    for _ in 0..8 {
        let ask = with(Ask::bytes(UNARY, [envelope(1, &request)]), GZIP);
        let answer = soon(peer.send(ask)).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
    }
    let compressed = |seen: &Seen| -> Vec<bool> {
        let seen = seen.lock().unwrap();
        seen.iter()
            .map(|(head, _)| head.contains_key("grpc-encoding"))
            .collect()
    };
    let (told, silent) = (compressed(&told), compressed(&silent));
    assert!(told.contains(&true), "{told:?}");
    assert!(!silent.is_empty() && !silent.contains(&true), "{silent:?}");
}

#[tokio::test]
async fn what_the_upstream_left_plain_stays_plain() {
    let long = [b"\x0a\xac\x02", &[b'a'; 300][..]].concat();
    for path in [UNARY, SERVER] {
        let (upstream, _) = answering(Some("gzip"), None, envelope(0, &long)).await;
        let ask = with(Ask::bytes(path, [envelope(1, &gzip(b""))]), GZIP);
        let answers = asked(&upstream, vec![ask]).await;
        assert!(!answers[0].headers.contains_key("grpc-encoding"));
        assert_eq!(answers[0].body, envelope(0, &long));
    }
}

#[tokio::test]
async fn what_the_upstream_does_not_take_is_inflated() {
    for path in [UNARY, BIDI] {
        let (upstream, seen) = answering(None, None, envelope(0, b"")).await;
        let ask = || with(Ask::bytes(path, [envelope(1, &gzip(TEXT))]), GZIP);
        asked(&upstream, vec![ask(), ask()]).await;
        for (headers, body) in &*seen.lock().unwrap() {
            assert!(!headers.contains_key("grpc-encoding"));
            assert_eq!(body, &envelope(0, TEXT));
        }
    }
}

#[tokio::test]
async fn what_does_not_inflate_is_the_senders_fault() {
    let (upstream, seen) = answering(None, None, envelope(0, b"")).await;
    let ask = with(Ask::bytes(UNARY, [envelope(1, b"nonsense")]), GZIP);
    let answers = asked(&upstream, vec![ask]).await;
    assert_eq!(answers[0].code(), Some(13), "{:?}", answers[0]);
    assert!(answers[0].reason().contains("gzip"), "{}", answers[0].reason());
    assert!(seen.lock().unwrap().is_empty(), "nothing of it went up");
}

#[tokio::test]
async fn what_comes_in_a_coding_that_was_not_offered_is_inflated() {
    let (upstream, seen) = answering(None, Some("gzip"), envelope(1, &gzip(TEXT))).await;
    let json = Ask::bytes(UNARY, [Bytes::from_static(b"{}")])
        .without("te")
        .without("content-type");
    let asks = vec![
        Ask::empty(UNARY),
        Ask::empty(SERVER),
        json.header("content-type", "application/json"),
    ];
    let answers = asked(&upstream, asks).await;
    for answer in &answers[..2] {
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        assert!(!answer.headers.contains_key("grpc-encoding"), "{answer:?}");
        assert_eq!(answer.body, envelope(0, TEXT));
    }
    assert_eq!(
        (answers[2].status.as_u16(), &answers[2].body[..]),
        (200, &br#"{"text":"hello"}"#[..])
    );
    for (fields, _) in &*seen.lock().unwrap() {
        assert!(!fields.contains_key("grpc-accept-encoding"), "{fields:?}");
    }
}

#[tokio::test]
async fn a_coding_that_nobody_knows_is_an_error() {
    let (upstream, _) = answering(None, Some("rot13"), envelope(1, &gzip(TEXT))).await;
    let answers = asked(&upstream, vec![Ask::empty(UNARY), Ask::empty(SERVER)]).await;
    for answer in answers {
        assert_eq!(answer.code(), Some(13), "{answer:?}");
        assert!(answer.reason().contains("rot13"), "{}", answer.reason());
    }
}

#[tokio::test]
async fn who_reads_json_gets_what_was_inflated() {
    let (upstream, seen) = answering(Some("gzip"), None, envelope(0, TEXT)).await;
    let ask = Ask::bytes(UNARY, [envelope(0, br#"{"text":"hello"}"#)]);
    let ask = ask
        .without("content-type")
        .header("content-type", "application/grpc+json");
    let answers = asked(&upstream, vec![ask.header("grpc-accept-encoding", "gzip")]).await;
    assert_eq!(answers[0].code(), Some(0), "{:?}", answers[0]);
    // Nothing is gained by what would have to be inflated here.
    let fields = &seen.lock().unwrap()[0].0;
    assert!(!fields.contains_key("grpc-accept-encoding"), "{fields:?}");
}

#[tokio::test]
async fn a_stream_goes_on_as_it_came() {
    let many: Vec<u8> = (0..10_000_u32)
        .flat_map(|number| {
            let message = gzip(&number.to_be_bytes());
            [envelope(u8::from(number % 2 == 0), &message), envelope(0, b"")].concat()
        })
        .collect();
    let (upstream, seen) = answering(Some("gzip"), Some("gzip"), many.clone().into()).await;
    let first = Ask::empty(UNARY);
    let pieces = many.chunks(1000).map(Bytes::copy_from_slice);
    let ask = with(Ask::bytes(BIDI, pieces), GZIP);
    let answers = asked(&upstream, vec![first, ask]).await;
    assert_eq!(answers[1].code(), Some(0));
    assert!(answers[1].body == many[..], "the reply has changed");
    assert!(seen.lock().unwrap()[1].1 == many, "the request has changed");
    assert_eq!(gunzip(&answers[1].envelopes()[0].1), 0_u32.to_be_bytes());
}

/// Connect: what has no bytes is not to be decompressed.
#[tokio::test]
async fn an_empty_message_of_connect_is_empty_in_any_coding() {
    let upstream = upstream(|mut asked: Asked| async move {
        let head = Response::builder()
            .header("content-type", "application/connect+proto")
            .header("connect-content-encoding", "gzip");
        let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
        let body = [envelope(1, b""), envelope(1, &gzip(TEXT)), envelope(2, b"{}")].concat();
        stream.send_data(body.into(), true).unwrap();
    })
    .await;
    let front = calling((UpstreamProtocol::Connect, false), upstream.address).await;
    let answer = soon(front.connect().await.send(with(Ask::empty(SERVER), GZIP))).await;
    assert_eq!((answer.code(), answer.envelopes().len()), (Some(0), 2), "{answer:?}");
    assert_eq!(answer.envelopes()[0], (0, Bytes::new()));
}
