//! Metrics: what is counted of calls, however they come and end.

use std::time::Duration;

use descant::{Gateway, Metrics, Schema, prometheus::Registry};
use descant_handlers::{Code, Echo, Health};
use descant_tests::messages::Failure;
use h2::Reason;
use http::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Ask, BIDI, FAIL, Peer, Running, SERVER, UNARY, WAIT, framed, serve_gateway, soon, text};

/// A server, its gateway and a client.
async fn start() -> (Running, Gateway, Peer) {
    let gateway = descant_tests::gateway(&Health::new());
    let server = serve_gateway(gateway.clone(), |_| {}).await;
    let peer = server.connect().await;
    (server, gateway, peer)
}

/// What is scraped.
fn scrape(gateway: &Gateway) -> String {
    gateway.metrics().unwrap().to_text().unwrap()
}

/// The value of a series of `Shapes`: `requests_total`, `Unary`, and what stands behind the method in the labels.
fn value(gateway: &Gateway, metric: &str, method: &str, labels: &str) -> Option<u64> {
    series(gateway, metric, &format!("descant.suite.v1.Shapes/{method}"), labels)
}

fn series(gateway: &Gateway, metric: &str, method: &str, labels: &str) -> Option<u64> {
    let labels: Vec<_> = labels.split(',').collect();
    let text = scrape(gateway);
    let mut lines = text.lines().filter(|line| {
        line.starts_with(&format!("descant_grpc_{metric}{{"))
            && line.contains(&format!("method=\"{method}\""))
            && labels.iter().all(|label| line.contains(label))
    });
    let (_, value) = lines.next()?.rsplit_once(' ')?;
    Some(value.parse().unwrap())
}

/// How often calls of a method have ended so. A call is told of once its stream is gone, a moment after its end.
async fn expect_ended(gateway: &Gateway, method: &str, code: Code, protocol: &str, count: u64) {
    let labels = format!("code=\"{code}\",protocol=\"{protocol}\"");
    let told = async {
        while series(gateway, "requests_total", method, &labels) != Some(count) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(10), told).await;
    assert!(told.is_ok(), "not {count} of {method} {labels}:\n{}", scrape(gateway));
    let (duration, in_flight) = ("request_duration_seconds_count", "requests_in_flight");
    let protocol = format!("protocol=\"{protocol}\"");
    assert!(series(gateway, duration, method, &protocol) >= Some(count));
    assert_eq!(series(gateway, in_flight, method, &protocol), Some(0));
}

#[tokio::test]
async fn a_unary_call_is_counted_with_its_sizes() {
    let (_server, gateway, peer) = start().await;
    for _ in 0..2 {
        peer.send(Ask::one(UNARY, &text("four"))).await;
    }
    expect_ended(&gateway, "descant.suite.v1.Shapes/Unary", Code::Ok, "grpc", 2).await;
    // A tag, a length and the text.
    for (metric, wanted) in [
        ("request_messages_total", 2),
        ("request_bytes_total", 12),
        ("response_messages_total", 2),
        ("response_bytes_total", 12),
    ] {
        assert_eq!(value(&gateway, metric, "Unary", "grpc"), Some(wanted), "{metric}");
    }
}

#[tokio::test]
async fn errors_are_counted_by_their_codes() {
    let (_server, gateway, peer) = start().await;
    let failure = Failure {
        code: Code::NotFound.number(),
        ..Failure::default()
    };
    peer.send(Ask::one(FAIL, &failure)).await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/Fail", Code::NotFound, "grpc", 1).await;
    assert_eq!(value(&gateway, "response_messages_total", "Fail", "grpc"), Some(0));
    peer.send(Ask::one("/descant.suite.v1.Shapes/FailLate", &failure)).await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/FailLate", Code::NotFound, "grpc", 1).await;
    assert_eq!(value(&gateway, "response_messages_total", "FailLate", "grpc"), Some(1));
    peer.send(Ask::empty(WAIT).header("grpc-timeout", "20m")).await;
    expect_ended(
        &gateway,
        "descant.suite.v1.Shapes/Wait",
        Code::DeadlineExceeded,
        "grpc",
        1,
    )
    .await;
}

#[tokio::test]
async fn messages_of_streams_are_counted_both_ways() {
    let (_server, gateway, peer) = start().await;
    let ask = descant_tests::messages::Ask {
        count: 3,
        ..text("abc")
    };
    peer.send(Ask::one(SERVER, &ask)).await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/Server", Code::Ok, "grpc", 1).await;
    assert_eq!(value(&gateway, "response_messages_total", "Server", "grpc"), Some(3));
    let messages = ["a", "bb"].map(|word| framed(&text(word)));
    peer.send(Ask::bytes("/descant.suite.v1.Shapes/Client", messages.clone()))
        .await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/Client", Code::Ok, "grpc", 1).await;
    assert_eq!(value(&gateway, "request_messages_total", "Client", "grpc"), Some(2));
    assert_eq!(value(&gateway, "request_bytes_total", "Client", "grpc"), Some(7));
    peer.send(Ask::bytes(BIDI, messages)).await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/Bidi", Code::Ok, "grpc", 1).await;
    assert_eq!(value(&gateway, "request_messages_total", "Bidi", "grpc"), Some(2));
    assert_eq!(value(&gateway, "response_messages_total", "Bidi", "grpc"), Some(2));
}

#[tokio::test]
async fn calls_in_flight_show_and_end_cancelled_when_the_caller_goes() {
    let (_server, gateway, peer) = start().await;
    let before = peer.given_up().await;
    let mut waiting = peer.open(Ask::empty(WAIT)).await;
    waiting.body.send_data(vec![0; 5].into(), true).unwrap();
    let mut stream = peer.open(Ask::bytes(BIDI, [framed(&text("one"))])).await;
    stream.push(framed(&text("one")));
    let (mut sending, _receiving) = stream.head().await;
    let begun = async {
        while [WAIT, BIDI].iter().any(|path| {
            let method = path.trim_start_matches('/');
            series(&gateway, "requests_in_flight", method, "grpc") != Some(1)
        }) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(begun).await;
    waiting.body.send_reset(Reason::CANCEL);
    sending.send_reset(Reason::CANCEL);
    peer.expect_given_up(before).await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/Wait", Code::Cancelled, "grpc", 1).await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/Bidi", Code::Cancelled, "grpc", 1).await;
}

/// As gRPC's C core does: it rounds the time up that it tells, and resets the call when its own is over.
#[tokio::test]
async fn a_caller_that_goes_since_its_time_is_over_is_no_cancellation() {
    let (_server, gateway, peer) = start().await;
    let mut waiting = peer.open(Ask::empty(WAIT).header("grpc-timeout", "2S")).await;
    waiting.body.send_data(vec![0; 5].into(), true).unwrap();
    let method = WAIT.trim_start_matches('/');
    let begun = async {
        while series(&gateway, "requests_in_flight", method, "grpc") != Some(1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(begun).await;
    tokio::time::sleep(Duration::from_millis(1980)).await;
    waiting.body.send_reset(Reason::CANCEL);
    expect_ended(&gateway, method, Code::DeadlineExceeded, "grpc", 1).await;
}

#[tokio::test]
async fn nothing_that_a_peer_says_becomes_a_label() {
    let (_server, gateway, peer) = start().await;
    for path in ["/no.Such/Method", "/descant.suite.v1.Shapes/Nope", "/x\"y", "/%22/x"] {
        peer.send(Ask::empty(path)).await;
    }
    peer.send(Ask::empty("/whatever").without("content-type").method(Method::DELETE))
        .await;
    expect_ended(&gateway, "unknown", Code::Unimplemented, "grpc", 2).await;
    expect_ended(&gateway, "unknown", Code::NotFound, "rest", 1).await;
    let scraped = scrape(&gateway);
    for said in ["no.Such", "Nope", "x\\\"y", "%22", "whatever"] {
        assert!(!scraped.contains(said), "{said}: {scraped}");
    }
}

#[tokio::test]
async fn what_is_refused_counts_for_the_method_that_it_names() {
    let (_server, gateway, peer) = start().await;
    let compressed = Ask::one(UNARY, &text("hi")).header("grpc-encoding", "morse");
    peer.send(compressed).await;
    expect_ended(
        &gateway,
        "descant.suite.v1.Shapes/Unary",
        Code::Unimplemented,
        "grpc",
        1,
    )
    .await;
    let unknown_type = Ask::one(UNARY, &text("hi")).without("content-type");
    peer.send(unknown_type.header("content-type", "text/plain")).await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/Unary", Code::Unknown, "rest", 1).await;
}

#[tokio::test]
async fn every_protocol_has_its_label() {
    let (_server, gateway, peer) = start().await;
    let path = "/descant.suite.v1.Shapes/Peek";
    let json = |content_type: &str, body: &'static [u8]| {
        Ask::bytes(path, [body])
            .without("content-type")
            .header("content-type", content_type)
    };
    peer.send(json("application/json", b"{\"text\":\"hi\"}")).await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/Peek", Code::Ok, "connect", 1).await;
    // Sizes are those of the wire format, not of JSON.
    assert_eq!(value(&gateway, "request_bytes_total", "Peek", "connect"), Some(4));
    let web = Ask::one(path, &text("hi")).without("content-type");
    peer.send(web.header("content-type", "application/grpc-web+proto"))
        .await;
    expect_ended(&gateway, "descant.suite.v1.Shapes/Peek", Code::Ok, "grpc-web", 1).await;
    peer.send(Ask::bytes("/grpc.health.v1.Health/Check", [&[0; 5][..]]))
        .await;
    expect_ended(&gateway, "grpc.health.v1.Health/Check", Code::Ok, "grpc", 1).await;
}

#[tokio::test]
async fn connections_are_counted_while_they_are_open() {
    let (server, gateway, peer) = start().await;
    let second = server.connect().await;
    peer.send(Ask::one(UNARY, &text("hi"))).await;
    second.send(Ask::one(UNARY, &text("hi"))).await;
    let scraped = scrape(&gateway);
    assert!(scraped.contains("descant_open_connections 2\n"), "{scraped}");
    drop(second);
    soon(async {
        while !scrape(&gateway).contains("descant_open_connections 1\n") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(scrape(&gateway).contains("descant_connections_total 2\n"));
}

#[tokio::test]
async fn connections_are_counted_by_how_they_ended_or_why_they_never_began() {
    let gateway = descant_tests::gateway(&Health::new());
    let server = serve_gateway(gateway.clone(), |limits| limits.connections = 1).await;
    let scraped = async |line: &str| {
        soon(async {
            while !scrape(&gateway).contains(&format!("{line}\n")) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    };
    scraped("descant_connections_refused_total{limit=\"connections\"} 0").await;
    scraped("descant_connections_ended_total{reason=\"timeout\"} 0").await;
    let first = server.connect().await;
    let mut refused = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(soon(refused.read(&mut [0])).await.unwrap_or(0), 0);
    scraped("descant_connections_refused_total{limit=\"connections\"} 1").await;
    drop(first);
    scraped("descant_connections_ended_total{reason=\"done\"} 1").await;
    let mut odd = TcpStream::connect(server.address).await.unwrap();
    odd.write_all(b"SSH-2.0-OpenSSH_9.7\r\n").await.unwrap();
    scraped("descant_connections_ended_total{reason=\"protocol\"} 1").await;
    let version = env!("CARGO_PKG_VERSION");
    scraped(&format!("descant_build_info{{version=\"{version}\"}} 1")).await;
}

fn schema() -> Schema {
    Schema::load(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/protos")).unwrap()
}

#[tokio::test]
async fn gateways_may_share_a_registry_and_keep_what_it_had_over_a_reload() {
    let registry = Registry::new();
    let build = || {
        let metrics = Metrics::in_registry(&registry).unwrap();
        Gateway::builder(schema())
            .route("*", Echo)
            .metrics(metrics)
            .build()
            .unwrap()
    };
    let (first, second) = (build(), build());
    for gateway in [&first, &second] {
        let server = serve_gateway(gateway.clone(), |_| {}).await;
        server.connect().await.send(Ask::empty(WAIT)).await;
    }
    expect_ended(&first, "descant.suite.v1.Shapes/Wait", Code::Ok, "grpc", 2).await;
    second.reload(schema()).unwrap();
    let server = serve_gateway(second.clone(), |_| {}).await;
    server.connect().await.send(Ask::empty(WAIT)).await;
    expect_ended(&first, "descant.suite.v1.Shapes/Wait", Code::Ok, "grpc", 3).await;
}

#[tokio::test]
async fn a_gateway_that_is_not_observed_answers_the_same_and_counts_nothing() {
    let gateway = Gateway::builder(schema())
        .route("*", Echo)
        .observe(false)
        .build()
        .unwrap();
    assert!(gateway.metrics().is_none());
    let server = serve_gateway(gateway, |_| {}).await;
    let answer = server.connect().await.send(Ask::empty(WAIT)).await;
    assert_eq!(answer.code(), Some(0));
}
