//! Another attempt at calls that failed, as a policy says. gRFC A6, "Retry Policy".

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use bytes::Bytes;
use descant_handlers::{Proxy, UpstreamProtocol};
use http::Response;

use super::{
    hedge::hedging,
    proxy,
    replica::{Replica, call},
    script::{End, Scripted, before_with, configured, ending, retrying},
    upstream::{Asked, trailers},
};
use crate::support::{Ask, BIDI, FAIL, SERVER, UNARY, envelope, soon};

const CLIENT: &str = "/descant.suite.v1.Shapes/Client";
const BEFORE: &str = "grpc-previous-rpc-attempts";

/// As `retrying`, with pauses of a minute.
fn slow() -> String {
    r#"{ "methodConfig": [{ "name": [{}], "retryPolicy": { "maxAttempts": 3, "initialBackoff": "60s", "maxBackoff": "60s",
        "backoffMultiplier": 1, "retryableStatusCodes": [14] } }] }"#
        .to_owned()
}

#[tokio::test]
async fn a_failure_is_tried_again_until_it_goes_well() {
    for path in [FAIL, SERVER] {
        let scripted = Scripted::failing(&["14", "14"]).await;
        let front = scripted.before(retrying(4)).await;
        let answer = front.connect().await.send(Ask::empty(path)).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        assert_eq!(scripted.saw(BEFORE), [None, Some("1".to_owned()), Some("2".to_owned())]);
    }
}

#[tokio::test]
async fn attempts_count_from_those_of_the_caller_on() {
    for path in [FAIL, SERVER] {
        let scripted = Scripted::failing(&["14", "14"]).await;
        let front = scripted.before(retrying(4)).await;
        let answer = front.connect().await.send(Ask::empty(path).header(BEFORE, "2")).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
        assert_eq!(
            scripted.saw(BEFORE),
            ["2", "3", "4"].map(|count| Some(count.to_owned()))
        );
    }
}

#[tokio::test]
async fn the_last_failure_is_told() {
    let scripted = Scripted::failing(&["14"; 9]).await;
    let front = scripted.before(retrying(3)).await;
    let answer = call(&front.connect().await).await;
    assert_eq!((answer.code(), answer.reason()), (Some(14), "not now"), "{answer:?}");
    assert_eq!(scripted.calls(), 3);
}

#[tokio::test]
async fn other_codes_are_final() {
    let scripted = Scripted::failing(&["14", "5"]).await;
    let front = scripted.before(retrying(5)).await;
    let answer = call(&front.connect().await).await;
    assert_eq!((answer.code(), scripted.calls()), (Some(5), 2), "{answer:?}");
}

#[tokio::test]
async fn what_http_says_counts_as_its_code() {
    let scripted = Scripted::start(|call, mut asked| async move {
        if call == 0 {
            let head = http::Response::builder()
                .status(503)
                .header("content-type", "text/plain");
            asked.respond.send_response(head.body(()).unwrap(), true).unwrap();
        } else {
            asked.answer(envelope(0, b""), "0");
        }
    })
    .await;
    let front = scripted.before(retrying(2)).await;
    assert_eq!(call(&front.connect().await).await.code(), Some(0));
}

#[tokio::test]
async fn a_reply_that_has_begun_is_final() {
    for path in [FAIL, SERVER] {
        let scripted = Scripted::start(|_, mut asked| async move { asked.answer(&b""[..], "14") }).await;
        let front = scripted.before(retrying(5)).await;
        let answer = front.connect().await.send(Ask::empty(path)).await;
        assert_eq!((answer.code(), scripted.calls()), (Some(14), 1), "{answer:?}");
    }
}

/// Whatever is wrong with its head: the upstream has run the call. An HTTP status that is none of a reply is a failure.
#[tokio::test]
async fn a_reply_that_has_begun_is_final_though_it_cannot_be_read() {
    const TYPE: &str = "application/grpc";
    let retry = r#""retryPolicy": { "maxAttempts": 3, "initialBackoff": "0.001s", "maxBackoff": "0.001s",
        "backoffMultiplier": 1, "retryableStatusCodes": ["INTERNAL"] }"#;
    let hedge = r#""hedgingPolicy": { "maxAttempts": 3, "hedgingDelay": "60s", "nonFatalStatusCodes": ["INTERNAL"] }"#;
    for (status, kind, coding, calls) in [
        (200, TYPE, "rot13", 1),
        (200, "application/grpc+json", "identity", 1),
        (400, TYPE, "identity", 3),
    ] {
        for (policy, path) in [(retry, FAIL), (retry, UNARY), (hedge, FAIL)] {
            let scripted = Scripted::start(move |_, mut asked| async move {
                let head = Response::builder().status(status).header("content-type", kind);
                let head = head.header("grpc-encoding", coding).body(()).unwrap();
                let mut stream = asked.respond.send_response(head, false).unwrap();
                let _ = stream.send_data(envelope(0, b""), false);
                let _ = stream.send_trailers(trailers("0"));
            })
            .await;
            let json = format!(r#"{{ "methodConfig": [{{ "name": [{{}}], {policy} }}] }}"#);
            let front = scripted.before(configured(&json)).await;
            let answer = soon(front.connect().await.send(Ask::empty(path))).await;
            assert_eq!((answer.code(), scripted.calls()), (Some(13), calls), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn the_upstream_says_how_long_to_wait_or_never() {
    for (said, code, calls) in [("1", 0, 2), ("-1", 14, 1), ("later", 14, 1)] {
        let scripted = Scripted::start(move |call, mut asked| async move {
            if call == 0 {
                asked.refuse("14", &[("grpc-retry-pushback-ms", said)]);
            } else {
                asked.answer(envelope(0, b""), "0");
            }
        })
        .await;
        let front = scripted.before(configured(&slow())).await;
        let answer = call(&front.connect().await).await;
        assert_eq!((answer.code(), scripted.calls()), (Some(code), calls), "{answer:?}");
    }
}

#[tokio::test]
async fn streams_are_sent_again_as_they_were() {
    let body = [envelope(0, b"one"), envelope(0, b"two"), envelope(0, b"three")];
    for path in [CLIENT, BIDI] {
        let whole: Vec<u8> = body.iter().flat_map(|envelope| envelope.to_vec()).collect();
        let expected = whole.clone();
        let scripted = Scripted::start(move |call, mut asked| {
            let expected = expected.clone();
            async move {
                assert_eq!(asked.whole().await, expected);
                if call < 2 {
                    asked.refuse("14", &[]);
                } else {
                    asked.answer(envelope(0, b""), "0");
                }
            }
        })
        .await;
        let front = scripted.before(retrying(3)).await;
        let answer = front.connect().await.send(Ask::bytes(path, body.clone())).await;
        assert_eq!((answer.code(), scripted.calls()), (Some(0), 3), "{answer:?}");
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_its_reply_has_begun() {
    // The first attempt fails in the middle of the request, the second gets the rest as it comes.
    let scripted = Scripted::start(|call, mut asked| async move {
        let first = asked.request.body_mut().data().await.unwrap().unwrap();
        assert_eq!(first, envelope(0, b"one"));
        if call == 0 {
            return asked.refuse("14", &[]);
        }
        let mut stream = asked.begin();
        stream.send_data(envelope(0, b"first"), false).unwrap();
        assert_eq!(asked.whole().await, envelope(0, b"two"));
        stream.send_data(envelope(0, b"last"), false).unwrap();
        stream.send_trailers(super::upstream::trailers("0")).unwrap();
    })
    .await;
    let front = scripted.before(retrying(3)).await;
    let peer = front.connect().await;
    let mut open = peer.open(Ask::bytes(BIDI, [&b""[..]])).await;
    open.push(envelope(0, b"one"));
    let (mut body, mut replies) = open.head().await;
    let first = crate::support::soon(replies.data()).await.unwrap().unwrap();
    assert_eq!(first, envelope(0, b"first"));
    body.send_data(envelope(0, b"two"), true).unwrap();
    let last = crate::support::soon(replies.data()).await.unwrap().unwrap();
    assert_eq!(last, envelope(0, b"last"));
}

#[tokio::test]
async fn more_than_is_kept_is_sent_once() {
    let large = vec![b'x'; 1000];
    for path in [FAIL, CLIENT, BIDI] {
        let scripted = Scripted::start(|_, mut asked| async move {
            asked.whole().await;
            asked.refuse("14", &[]);
        })
        .await;
        let mut options = retrying(3);
        options.retry_bytes = 999;
        let front = scripted.before(options).await;
        let answer = front
            .connect()
            .await
            .send(Ask::bytes(path, [envelope(0, &large)]))
            .await;
        assert_eq!((answer.code(), scripted.calls()), (Some(14), 1), "{answer:?}");
    }
}

#[tokio::test]
async fn a_call_that_was_lost_is_repeated_only_where_that_does_no_harm() {
    // `Unary` is NO_SIDE_EFFECTS; of `Fail` nothing is said.
    for (path, lost, code, calls) in [(FAIL, false, 14, 1), (UNARY, false, 0, 2), (FAIL, true, 0, 2)] {
        for end in [&[End::Cut][..], &[End::Goaway(1)]] {
            let (address, seen) = ending(end).await;
            let mut options = retrying(3);
            options.retry_lost = lost;
            let front = before_with(address, options).await;
            let answer = front.connect().await.send(Ask::empty(path)).await;
            let seen = seen.load(Ordering::SeqCst);
            assert_eq!((answer.code(), seen), (Some(code), calls), "{path} {answer:?}");
        }
    }
}

#[tokio::test]
async fn another_attempt_goes_to_another_address() {
    let (good, bad) = (
        Replica::start().await,
        Scripted::start(|_, mut asked| async move { asked.refuse("14", &[]) }).await,
    );
    for balance in ["power-of-two", "round-robin", "ring-hash:user"] {
        let mut options = retrying(2);
        options.balance = balance.parse().unwrap();
        let urls = [good.address(), bad.upstream.address].map(|address| format!("http://{address}"));
        let front = proxy(Proxy::to_each(urls).unwrap().options(options)).await;
        let peer = front.connect().await;
        let before = bad.calls();
        for user in 0..20 {
            let ask = Ask::empty(UNARY).header("user", user.to_string());
            let answer = peer.send(ask).await;
            assert_eq!(answer.code(), Some(0), "{balance} {answer:?}");
        }
        assert_ne!(bad.calls(), before, "{balance}");
    }
}

#[tokio::test]
async fn other_protocols_of_the_upstream_are_retried_alike() {
    // An error of Connect is a status of HTTP with JSON behind it.
    let scripted = Scripted::start(|call, mut asked| async move {
        let head = http::Response::builder();
        if call == 0 {
            let head = head.status(503).header("content-type", "application/json");
            let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
            stream.send_data(r#"{"code":"unavailable"}"#.into(), true).unwrap();
        } else {
            let head = head.header("content-type", "application/proto");
            asked.respond.send_response(head.body(()).unwrap(), true).unwrap();
        }
    })
    .await;
    let mut options = retrying(2);
    options.protocol = UpstreamProtocol::Connect;
    let front = scripted.before(options).await;
    let answer = call(&front.connect().await).await;
    assert_eq!((answer.code(), scripted.calls()), (Some(0), 2), "{answer:?}");
}

#[tokio::test]
async fn the_deadline_is_that_of_all_attempts() {
    let scripted = Scripted::failing(&["14"; 9]).await;
    let front = scripted.before(configured(&slow())).await;
    let began = Instant::now();
    let answer = front
        .connect()
        .await
        .send(Ask::empty(FAIL).header("grpc-timeout", "20S"))
        .await;
    // Who would have to wait for longer than there is time is told at once.
    assert_eq!((answer.code(), scripted.calls()), (Some(14), 1), "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_call_takes_no_longer_than_it_may() {
    let scripted = Scripted::start(|_, mut asked| async move {
        if asked.request.uri().path() == SERVER {
            let mut stream = asked.begin();
            stream.send_data(envelope(0, b""), false).unwrap();
            std::future::pending::<()>().await;
        }
        std::future::pending::<()>().await;
    })
    .await;
    let json = |time: &str| format!(r#"{{ "methodConfig": [{{ "name": [{{}}], "timeout": "{time}" }}] }}"#);
    let mut of_proxy = configured("{}");
    of_proxy.timeout = Some(Duration::from_millis(100));
    let mut of_both = configured(&json("0.1s"));
    of_both.timeout = Some(Duration::from_secs(60));
    for options in [of_proxy, configured(&json("0.1s")), of_both] {
        let front = scripted.before(options).await;
        let peer = front.connect().await;
        for (path, messages) in [(FAIL, 0), (SERVER, 1)] {
            for given in ["60S", "never"] {
                let ask = Ask::empty(path);
                let ask = if given == "never" {
                    ask
                } else {
                    ask.header("grpc-timeout", given)
                };
                let answer = peer.send(ask).await;
                let told = "the upstream has not answered within 0.1 s, its timeout";
                assert_eq!((answer.code(), answer.reason()), (Some(4), told), "{answer:?}");
                assert_eq!(answer.envelopes().len(), messages);
            }
        }
        // A caller that has less time keeps its own.
        let answer = peer.send(Ask::empty(FAIL).header("grpc-timeout", "10m")).await;
        assert_eq!(
            (answer.code(), answer.reason()),
            (Some(4), "the deadline of the call has passed")
        );
    }
    for told in scripted.saw("grpc-timeout") {
        let told = told.expect("each call has one");
        let micros: u64 = told
            .strip_suffix('u')
            .expect("less than a hundred seconds")
            .parse()
            .unwrap();
        assert!(micros <= 100_000, "{told}");
    }
}

#[tokio::test]
async fn the_most_exact_name_wins() {
    let json = r#"{ "methodConfig": [
        { "name": [{ "service": "descant.suite.v1.Shapes" }], "timeout": "60s" },
        { "name": [{}], "timeout": "0.001s" },
        { "name": [{ "service": "descant.suite.v1.Shapes", "method": "Fail" }] }
    ] }"#;
    let scripted = Scripted::failing(&[]).await;
    let front = scripted.before(configured(json)).await;
    let peer = front.connect().await;
    for path in [UNARY, FAIL] {
        assert_eq!(peer.send(Ask::empty(path)).await.code(), Some(0), "{path}");
    }
    let told = scripted.saw("grpc-timeout");
    assert!(told[0].is_some() && told[1].is_none(), "{told:?}");
}

#[tokio::test]
async fn who_may_waits_until_there_is_a_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let json = r#"{ "methodConfig": [{ "name": [{ "service": "descant.suite.v1.Shapes", "method": "Unary" }], "waitForReady": true }] }"#;
    let front = before_with(address, configured(json)).await;
    let peer = front.connect().await;
    let answer = peer.send(Ask::empty(FAIL)).await;
    assert_eq!(answer.code(), Some(14), "{answer:?}");
    let late = peer.send(Ask::empty(UNARY).header("grpc-timeout", "300m")).await;
    assert_eq!(late.code(), Some(4), "{late:?}");
    let why = "the deadline of the call has passed, and there is no connection: cannot connect to http://127.0.0.1:";
    assert!(late.reason().starts_with(why), "{late:?}");
    let waits = peer.open(Ask::empty(UNARY)).await.finish();
    let up = async {
        let gateway = descant_tests::gateway(&descant_handlers::Health::new());
        let server = descant::Server::builder(gateway)
            .listen(address.to_string())
            .bind()
            .await
            .unwrap();
        server.serve(std::future::pending::<()>()).await.unwrap();
    };
    let answered = async {
        tokio::select! {
            answer = waits => answer,
            () = up => unreachable!(),
        }
    };
    assert_eq!(crate::support::soon(answered).await.code(), Some(0));
}

/// What ends a body that has no messages, with this status and perhaps something else.
fn end_of(protocol: UpstreamProtocol, code: &str, more: &str) -> Bytes {
    match (protocol, code) {
        (UpstreamProtocol::GrpcWeb, code) => envelope(0x80, format!("grpc-status: {code}\r\n{more}").as_bytes()),
        (_, "0") => envelope(2, b"{}"),
        _ => envelope(2, br#"{"error":{"code":"unavailable"}}"#),
    }
}

fn answer_in_body(asked: &mut Asked, protocol: UpstreamProtocol, body: impl Into<Bytes>) {
    let kind = match protocol {
        UpstreamProtocol::GrpcWeb => "application/grpc-web+proto",
        _ => "application/connect+proto",
    };
    let head = Response::builder().header("content-type", kind).body(()).unwrap();
    let mut stream = asked.respond.send_response(head, false).unwrap();
    let _ = stream.send_data(body.into(), true);
}

#[tokio::test]
async fn a_body_that_is_a_failure_alone_is_a_failure() {
    let (web, connect) = (UpstreamProtocol::GrpcWeb, UpstreamProtocol::Connect);
    for (protocol, path) in [(web, UNARY), (web, SERVER), (connect, SERVER)] {
        for hedges in [false, true] {
            let scripted = Scripted::start(move |call, mut asked| async move {
                let end = end_of(protocol, if call < 2 { "14" } else { "0" }, "");
                let message = if call < 2 { Bytes::new() } else { envelope(0, b"") };
                answer_in_body(&mut asked, protocol, [message, end].concat());
            })
            .await;
            let mut options = if hedges { hedging(3, "60s") } else { retrying(3) };
            options.protocol = protocol;
            let front = scripted.before(options).await;
            let answer = soon(front.connect().await.send(Ask::empty(path))).await;
            assert_eq!(answer.code(), Some(0), "{protocol:?} {path}: {answer:?}");
            assert_eq!(
                (answer.envelopes().len(), scripted.calls()),
                (1, 3),
                "{protocol:?} {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_is_a_failure_alone_has_its_pushback_and_an_empty_one_is_none() {
    let web = UpstreamProtocol::GrpcWeb;
    for (code, more) in [("14", "grpc-retry-pushback-ms: -1\r\n"), ("0", "note: a\r\n")] {
        let scripted = Scripted::start(move |_, mut asked| async move {
            answer_in_body(&mut asked, web, end_of(web, code, more));
        })
        .await;
        let mut options = retrying(3);
        options.protocol = web;
        let front = scripted.before(options).await;
        let answer = soon(front.connect().await.send(Ask::empty(SERVER))).await;
        assert_eq!((answer.code(), scripted.calls()), (code.parse().ok(), 1), "{answer:?}");
        assert_eq!(answer.last("note"), (code == "0").then_some("a"), "{answer:?}");
    }
}
