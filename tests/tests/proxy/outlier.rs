//! Servers that fail get no calls for a while.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use descant_handlers::{UpstreamCodec, UpstreamProtocol, proxy::ProxyOptions};
use http::{HeaderValue, Response};
use tracing::Level;

use super::{
    addresses::silence,
    proxy,
    replica::{Names, Replica, call, failures, quick, until},
    script::retrying,
    upstream::{Asked, trailers},
};
use crate::{
    logs::Lines,
    support::{Ask, BIDI, SERVER, UNARY, WAIT, envelope, eventually, serve, soon},
};

fn options(change: impl FnOnce(&mut descant_handlers::proxy::Outlier)) -> ProxyOptions {
    let mut options = quick();
    change(options.outlier.as_mut().unwrap());
    options
}

#[tokio::test]
async fn of_three_the_bad_one_is_ejected() {
    for code in ["14", "13", "2", "15"] {
        let (one, other) = (Replica::start().await, Replica::start().await);
        let bad = Replica::failing(code).await;
        let names = Names::of([one.address(), bad.address(), other.address()]);
        let front = proxy(names.proxy(quick())).await;
        let peer = front.connect().await;
        let failed = failures(&peer, 1000).await;
        assert_eq!((failed, bad.calls()), (5, 5), "{code}");
    }
}

/// Whatever code comes of what is no reply, no caller has brought it about.
#[tokio::test]
async fn of_three_one_that_gives_no_reply_is_ejected() {
    for kind in ["nothing", "8", "11", "12"] {
        let bad = Replica::answering(move |mut asked: Asked| async move {
            match kind {
                "nothing" => {
                    let head = Response::builder().header("content-type", "application/grpc");
                    let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
                    let _ = stream.send_trailers(trailers("0"));
                }
                code => asked.respond.send_reset(code.parse::<u32>().unwrap().into()),
            }
        })
        .await;
        let (one, other) = (Replica::start().await, Replica::start().await);
        let names = Names::of([one.address(), bad.address(), other.address()]);
        let front = proxy(names.proxy(quick())).await;
        let peer = front.connect().await;
        let failed = failures(&peer, 1000).await;
        assert_eq!((failed, bad.calls()), (5, 5), "{kind}");
    }
}

/// One that answers each call with a page of this status.
async fn page(status: u16) -> Replica {
    Replica::answering(move |mut asked: Asked| async move {
        let head = Response::builder().status(status).header("content-type", "text/html");
        let _ = asked.respond.send_response(head.body(()).unwrap(), true);
    })
    .await
}

/// Servers may say so of a method that they do not have, and callers could have them ejected by it: so each is held against the others.
#[tokio::test]
async fn one_that_answers_with_pages_is_compared_with_the_others() {
    let (one, bad) = (Replica::start().await, page(404).await);
    let names = Names::of([one.address(), bad.address()]);
    let often = || {
        options(|outlier| {
            outlier.interval = Duration::from_millis(500);
            outlier.volume = 10;
        })
    };
    let front = proxy(names.proxy(often())).await;
    let peer = front.connect().await;
    let mut well = 0;
    until(&peer, |answer| {
        well = if answer.code() == Some(0) { well + 1 } else { 0 };
        well == 100
    })
    .await;
    assert!(bad.calls() >= 10, "not for a few in a row: {}", bad.calls());
    let (one, other) = (page(404).await, page(404).await);
    let names = Names::of([one.address(), other.address()]);
    let front = proxy(names.proxy(often())).await;
    let peer = front.connect().await;
    for _ in 0..100 {
        assert_eq!(call(&peer).await.code(), Some(12));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(
        one.calls() > 20 && other.calls() > 20,
        "{} {}",
        one.calls(),
        other.calls()
    );
}

/// A caller without the right token is refused wherever it goes.
#[tokio::test]
async fn one_that_refuses_a_caller_is_not_ejected() {
    for (status, code) in [(401, 16), (403, 7)] {
        let (one, other) = (page(status).await, page(status).await);
        let names = Names::of([one.address(), other.address()]);
        let front = proxy(names.proxy(quick())).await;
        let peer = front.connect().await;
        for _ in 0..60 {
            assert_eq!(call(&peer).await.code(), Some(code));
        }
        assert!(
            one.calls() > 10 && other.calls() > 10,
            "{status}: {} {}",
            one.calls(),
            other.calls()
        );
    }
}

/// Over HTTP/1.1 it cannot be asked whether it is there: it takes connections as before.
#[tokio::test]
async fn one_that_has_stopped_is_ejected_over_http1_too() {
    let well = serve(|_| {}).await;
    let names = Names::of([silence().await, well.address]);
    let mut options = quick();
    (options.protocol, options.http1) = (UpstreamProtocol::Connect, true);
    let front = proxy(names.proxy(options)).await;
    let peer = front.connect().await;
    let mut failed = Vec::new();
    for _ in 0..80 {
        let answer = soon(peer.send(Ask::empty(UNARY).header("grpc-timeout", "200m"))).await;
        failed.push(answer.code() != Some(0));
    }
    // A second of silence, and five calls behind it.
    let all = failed.iter().filter(|failed| **failed).count();
    assert!((5..20).contains(&all) && !failed[60..].contains(&true), "{failed:?}");
}

/// Nobody knows whether the server would have answered.
#[tokio::test]
async fn callers_with_no_time_eject_nobody_over_http1() {
    let (one, other) = (serve(|_| {}).await, serve(|_| {}).await);
    let names = Names::of([one.address, other.address]);
    let mut options = quick();
    (options.protocol, options.http1) = (UpstreamProtocol::Connect, true);
    let (lines, _guard) = Lines::json(Level::INFO);
    let front = proxy(names.proxy(options)).await;
    let peer = front.connect().await;
    for _ in 0..40 {
        soon(peer.send(Ask::empty(WAIT).header("grpc-timeout", "2m"))).await;
    }
    assert_eq!(failures(&peer, 20).await, 0);
    lines.records("ejected", 0).await;
}

#[tokio::test]
async fn what_a_call_is_to_blame_for_ejects_nobody() {
    for code in ["3", "5", "7", "8", "12", "16"] {
        let (one, other) = (Replica::start().await, Replica::failing(code).await);
        let names = Names::of([one.address(), other.address()]);
        let front = proxy(names.proxy(quick())).await;
        let peer = front.connect().await;
        failures(&peer, 100).await;
        assert!(other.calls() > 20, "{code}: {}", other.calls());
    }
}

/// A caller that asks for no more than what has changed can be told that nothing has.
#[tokio::test]
async fn what_a_caller_asks_for_ejects_nobody() {
    for (protocol, path) in [
        (UpstreamProtocol::Grpc, UNARY),
        (UpstreamProtocol::GrpcWeb, UNARY),
        (UpstreamProtocol::Connect, UNARY),
        (UpstreamProtocol::Connect, SERVER),
    ] {
        for (status, ejects) in [(206, false), (304, false), (412, false), (500, true)] {
            let answering = move |status: u16| {
                Replica::answering(move |mut asked: Asked| async move {
                    let head = Response::builder()
                        .status(status)
                        .header("content-type", "application/octet-stream");
                    asked.respond.send_response(head.body(()).unwrap(), true).unwrap();
                })
            };
            // Both of them, so that as many calls get to the one as to the other.
            let (one, other) = (answering(412).await, answering(status).await);
            let mut options = quick();
            options.protocol = protocol;
            let names = Names::of([one.address(), other.address()]);
            let front = proxy(names.proxy(options)).await;
            let peer = front.connect().await;
            for _ in 0..40 {
                assert_ne!(peer.send(Ask::empty(path)).await.code(), Some(0));
            }
            assert_eq!(
                other.calls() == 5,
                ejects,
                "{protocol:?} {path} {status}: {}",
                other.calls()
            );
        }
    }
}

#[tokio::test]
async fn a_request_that_breaks_ejects_nobody() {
    let patient = |mut asked: Asked| async move {
        if asked.request.uri().path() == BIDI {
            std::future::pending::<()>().await;
        }
        asked.answer(envelope(0, b""), "0");
    };
    let (one, other) = (Replica::answering(patient).await, Replica::answering(patient).await);
    let names = Names::of([one.address(), other.address()]);
    let front = proxy(names.proxy(options(|outlier| outlier.consecutive = 1))).await;
    let peer = front.connect().await;
    for _ in 0..20 {
        peer.send(Ask::bytes(BIDI, [&b"\0\0\0"[..]])).await;
    }
    let before = [one.calls(), other.calls()];
    failures(&peer, 50).await;
    assert!(one.calls() > before[0] + 5 && other.calls() > before[1] + 5);
}

#[tokio::test]
async fn a_server_that_is_well_again_gets_calls_again() {
    let (lines, _guard) = Lines::json(Level::WARN);
    let (recovering, ill) = Replica::recovering().await;
    let one = Replica::start().await;
    let names = Names::of([one.address(), recovering.address()]);
    // Longer than a hundred calls take on a busy machine.
    let short = options(|outlier| outlier.ejection = Duration::from_secs(2));
    let front = proxy(names.proxy(short)).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 100).await, 5);
    // On trial one failure is enough.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(failures(&peer, 50).await, 1);
    for why in ["2 s: 5 failures in a row", "4 s: it failed again, on trial"] {
        lines.records(&format!("ejected for {why}"), 1).await;
    }
    ill.store(false, Ordering::SeqCst);
    let before = recovering.calls();
    until(&peer, |answer| {
        assert_eq!(answer.code(), Some(0));
        recovering.calls() > before + 20
    })
    .await;
}

#[tokio::test]
async fn one_that_is_ejected_gets_calls_if_nobody_else_can_be_connected_to() {
    let (recovering, ill) = Replica::recovering().await;
    // Nobody listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let names = Names::of([gone, recovering.address()]);
    let front = proxy(names.proxy(quick())).await;
    let peer = front.connect().await;
    assert_eq!(failures(&peer, 20).await, 20);
    ill.store(false, Ordering::SeqCst);
    assert_eq!(failures(&peer, 50).await, 0);
}

#[tokio::test]
async fn another_attempt_does_not_go_to_one_that_is_ejected() {
    let failing = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&failing);
    let one = Replica::refusing(move |_| told.swap(false, Ordering::SeqCst)).await;
    let bad = Replica::refusing(|_| true).await;
    let names = Names::of([one.address(), bad.address()]);
    let mut options = retrying(3);
    options.outlier = quick().outlier;
    let front = proxy(names.proxy(options)).await;
    let peer = front.connect().await;
    assert_eq!((failures(&peer, 40).await, bad.calls()), (0, 5));
    failing.store(true, Ordering::SeqCst);
    assert_eq!((failures(&peer, 1).await, bad.calls()), (0, 5));
    assert!(!failing.load(Ordering::SeqCst));
}

#[tokio::test]
async fn one_that_fails_now_and_then_is_ejected_by_comparison() {
    let count = Arc::<AtomicUsize>::default();
    let flaky = Replica::answering(move |mut asked: Asked| {
        let code = if count.fetch_add(1, Ordering::SeqCst) % 3 == 0 {
            "0"
        } else {
            "14"
        };
        async move { asked.answer(envelope(0, b""), code) }
    })
    .await;
    let (one, other) = (Replica::start().await, Replica::start().await);
    let names = Names::of([one.address(), flaky.address(), other.address()]);
    let short = options(|outlier| {
        outlier.interval = Duration::from_millis(200);
        outlier.volume = 10;
    });
    let front = proxy(names.proxy(short)).await;
    let peer = front.connect().await;
    let ejected = async {
        loop {
            let before = flaky.calls();
            failures(&peer, 100).await;
            if flaky.calls() == before {
                break;
            }
        }
    };
    crate::support::soon(ejected).await;
}

#[tokio::test]
async fn where_all_fail_some_are_still_tried() {
    let replicas = [
        Replica::failing("14").await,
        Replica::failing("14").await,
        Replica::failing("14").await,
    ];
    let names = Names::of(replicas.each_ref().map(Replica::address));
    let all = options(|outlier| outlier.max_percent = 100);
    for options in [quick(), all] {
        let front = proxy(names.proxy(options)).await;
        let peer = front.connect().await;
        assert_eq!(failures(&peer, 60).await, 60);
        // It is the servers' own word.
        assert_eq!(call(&peer).await.reason(), "");
    }
    let alone = Replica::failing("14").await;
    let front = proxy(Names::of([alone.address()]).proxy(quick())).await;
    let peer = front.connect().await;
    assert_eq!((failures(&peer, 60).await, alone.calls()), (60, 60));
}

#[tokio::test]
async fn more_calls_than_are_allowed_are_refused_at_once() {
    let one = Replica::answering(|mut asked: Asked| async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        asked.answer(envelope(0, b""), "0");
    })
    .await;
    let names = Names::of([one.address()]);
    let mut few = quick();
    few.max_calls = Some(2);
    let front = proxy(names.proxy(few)).await;
    let peer = front.connect().await;
    let first = tokio::spawn(peer.open(Ask::empty(UNARY)).await.finish());
    let second = tokio::spawn(peer.open(Ask::empty(UNARY)).await.finish());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = call(&peer).await;
    let expected = "http://orders.test:9000 has 2 calls in flight, and may have no more";
    assert_eq!((answer.code(), answer.reason()), (Some(14), expected));
    for open in [first, second] {
        assert_eq!(open.await.unwrap().code(), Some(0));
    }
    assert_eq!(call(&peer).await.code(), Some(0));
}

#[tokio::test]
async fn more_waiting_than_is_allowed_is_refused_at_once() {
    let mut settings = h2::server::Builder::new();
    settings.max_concurrent_streams(1);
    let upstream = super::upstream::upstream_with(settings, usize::MAX, |mut asked: Asked| async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        asked.answer(envelope(0, b""), "0");
    })
    .await;
    let mut few = quick();
    few.connections = Some(1);
    few.max_pending = 1;
    let front = proxy(Names::of([upstream.address]).proxy(few)).await;
    let peer = front.connect().await;
    assert_eq!(call(&peer).await.code(), Some(0));
    let taken = tokio::spawn(peer.open(Ask::empty(UNARY)).await.finish());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let waiting = tokio::spawn(peer.open(Ask::empty(UNARY)).await.finish());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = call(&peer).await;
    let expected = "1 calls wait for http://orders.test:9000 already, and no more may";
    assert_eq!((answer.code(), answer.reason()), (Some(14), expected));
    for open in [taken, waiting] {
        assert_eq!(open.await.unwrap().code(), Some(0));
    }
    assert_eq!(upstream.connections(), 1);
}

/// A head that is too large is a failure of its server, as trailers are.
#[tokio::test]
async fn replies_that_are_too_large_eject() {
    for in_head in [true, false] {
        let fine = Replica::start().await;
        let other = Replica::answering(move |mut asked| async move {
            let large = HeaderValue::try_from("x".repeat(20_000)).unwrap();
            let mut head = Response::builder().header("content-type", "application/grpc");
            let mut last = trailers("0");
            if in_head {
                head = head.header("note", large);
            } else {
                last.insert("note", large);
            }
            let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
            let _ = stream.send_data(envelope(0, b""), false);
            let _ = stream.send_trailers(last);
        })
        .await;
        let names = Names::of([fine.address(), other.address()]);
        let front = proxy(names.proxy(quick())).await;
        failures(&front.connect().await, 100).await;
        assert_eq!(other.calls(), 5, "{in_head}");
    }
}

/// Connections that say nothing are doubted for calls that were given up on them, and for no others.
#[tokio::test]
async fn a_call_that_never_went_up_raises_no_doubt() {
    let silent = || {
        Replica::answering(|asked| async move {
            let _held = asked;
            std::future::pending::<()>().await;
        })
    };
    let (one, other) = (silent().await, silent().await);
    let names = Names::of([one.address(), other.address()]);
    let mut options = quick();
    (options.protocol, options.codec) = (UpstreamProtocol::Connect, UpstreamCodec::Json);
    let front = proxy(names.proxy(options)).await;
    let peer = front.connect().await;
    // Until all that servers say of themselves has come.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..2 {
        tokio::spawn(peer.open(Ask::empty(UNARY)).await.finish());
    }
    eventually(|| one.calls() == 1 && other.calls() == 1).await;
    let connections = || one.upstream.connections() + other.upstream.connections();
    let before = connections();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let broken = soon(peer.send(Ask::bytes(UNARY, [envelope(0, b"\x0a\x05")]))).await;
    assert_eq!(broken.code(), Some(13), "{broken:?}");
    // Who is in doubt is asked by a connection of its own.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(connections(), before);
}
