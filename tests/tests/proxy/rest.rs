//! Upstreams of REST. What they have in common with others, the tests of all ways see to.

use bytes::Bytes;
use descant::{Gateway, Schema};
use descant_handlers::{
    Handler as _, Proxy, UpstreamProtocol,
    proxy::{HealthCheck, ProxyOptions},
};
use descant_tests::messages::Answer as Answered;
use http::Response;
use prost::Message as _;

use super::{
    caller, calling,
    http1::heads,
    proxy,
    replica::{Names, Replica, failures, quick},
    script::{Scripted, retrying},
    upstream::Asked,
};
use crate::support::{Ask, BIDI, FAIL, SERVER, UNARY, framed, serve, serve_gateway, soon, text};

/// What makes another request of one, where a server heeds it.
const OVERRIDES: [&str; 5] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];
const CLIENT: &str = "/descant.suite.v1.Shapes/Client";
const PEEK: &str = "/descant.suite.v1.Shapes/Peek";

fn over_rest(mut options: ProxyOptions) -> ProxyOptions {
    options.protocol = UpstreamProtocol::Rest;
    options
}

impl Asked {
    fn respond_json(&mut self, status: u16, body: impl Into<Bytes>) {
        let head = Response::builder()
            .status(status)
            .header("content-type", "application/json");
        let mut stream = self.respond.send_response(head.body(()).unwrap(), false).unwrap();
        let _ = stream.send_data(body.into(), true);
    }
}

#[tokio::test]
async fn a_call_is_made_again_with_the_same_request() {
    let scripted = Scripted::start(|call, mut asked| async move {
        let request = asked.whole().await;
        if call == 0 {
            asked.respond_json(503, r#"{"code":14,"message":"not now"}"#);
        } else {
            // One message as it came, or the lines.
            let request = if request.is_empty() {
                Bytes::from_static(b"{}")
            } else {
                request
            };
            asked.respond_json(200, request);
        }
    })
    .await;
    let front = scripted.before(over_rest(retrying(2))).await;
    let peer = front.connect().await;
    let unary = peer.send(Ask::one(UNARY, &text("hi"))).await;
    assert_eq!(unary.message::<Answered>().text, "hi");
    let words = ["one", "two"].map(|word| framed(&text(word)));
    let both = Scripted::start(|call, mut asked| async move {
        let request = asked.whole().await;
        if call == 0 {
            asked.respond_json(503, "{}");
        } else {
            asked.respond_json(200, request);
        }
    })
    .await;
    let front = both.before(over_rest(retrying(2))).await;
    let answer = front.connect().await.send(Ask::bytes(BIDI, words)).await;
    let texts = answer
        .envelopes()
        .into_iter()
        .map(|(_, message)| Answered::decode(message).unwrap().text);
    assert_eq!(texts.collect::<Vec<_>>(), ["one", "two"], "{answer:?}");
    assert_eq!((answer.code(), both.calls()), (Some(0), 2));
    assert_eq!(both.saw("grpc-previous-rpc-attempts"), [None, None]);
    assert_eq!(
        both.saw("content-type"),
        vec![Some("application/x-ndjson".to_owned()); 2]
    );
}

#[tokio::test]
async fn requests_have_what_their_rule_says_and_nothing_of_other_protocols() {
    let scripted = Scripted::start(|_, mut asked| async move {
        let (head, uri) = (asked.request.method().clone(), asked.request.uri().clone());
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let body = asked.whole().await;
        let told = format!(
            "{head} {}{query} {}",
            uri.path(),
            String::from_utf8(body.to_vec()).unwrap()
        );
        asked.respond_json(200, serde_json::json!({ "text": told, "new": [1] }).to_string());
    })
    .await;
    let front = scripted.before(over_rest(ProxyOptions::default())).await;
    let peer = front.connect().await;
    for (path, ask, told) in [
        (UNARY, text("hi"), r#"POST /suite/unary {"text":"hi"}"#),
        (PEEK, text("a/b c"), "GET /suite/peek/a%2Fb%20c "),
        (PEEK, text(""), "GET /suite/peek "),
        (PEEK, text(".."), "GET /suite/peek?text=.. "),
        (SERVER, text("&"), "GET /suite/server?text=%26 "),
    ] {
        let answer = peer
            .send(
                OVERRIDES
                    .iter()
                    .fold(Ask::one(path, &ask), |ask, name| ask.header(name, "DELETE"))
                    .header("grpc-timeout", "20S")
                    .header("content-range", "bytes 0-3/9")
                    .header("content-digest", "sha-256=:AA==:")
                    .header("note", "a"),
            )
            .await;
        assert_eq!(answer.message::<Answered>().text, told, "{answer:?}");
    }
    assert!(scripted.saw("note").iter().all(Option::is_some));
    for name in [
        "grpc-timeout",
        "connect-timeout-ms",
        "grpc-accept-encoding",
        "connect-protocol-version",
        "content-range",
        "content-digest",
    ]
    .into_iter()
    .chain(OVERRIDES)
    {
        assert!(scripted.saw(name).iter().all(Option::is_none), "{name}");
    }
    let times = scripted.saw("x-server-timeout");
    assert!(
        times.iter().all(|time| time.as_ref().unwrap().starts_with("19.")),
        "{times:?}"
    );
    let accepts: Vec<_> = scripted.saw("accept").into_iter().flatten().collect();
    assert_eq!(&accepts[..4], ["application/json"; 4]);
    assert!(accepts[4].starts_with("application/x-ndjson, "), "{accepts:?}");
}

/// Five mistakes of callers took a server that was well from all of them.
#[tokio::test]
async fn mistakes_of_callers_eject_no_server() {
    for (status, of_server) in [
        (304, false),
        (400, false),
        (404, false),
        (409, false),
        (422, false),
        (429, true),
        (500, true),
        (502, true),
    ] {
        let fine = Replica::answering(|mut asked| async move { asked.respond_json(200, "{}") }).await;
        let other = Replica::answering(move |mut asked| async move {
            asked.respond_json(status, r#"{"message":"no"}"#);
        })
        .await;
        let names = Names::of([fine.address(), other.address()]);
        let front = proxy(names.proxy(over_rest(quick()))).await;
        failures(&front.connect().await, 100).await;
        assert_eq!(other.calls() == 5, of_server, "{status}: {}", other.calls());
    }
}

/// What is cut off says nothing of the request, whatever its status is.
#[tokio::test]
async fn errors_that_are_cut_off_are_the_servers() {
    let fine = Replica::answering(|mut asked| async move { asked.respond_json(200, "{}") }).await;
    let other = Replica::answering(|mut asked: Asked| async move {
        let head = Response::builder()
            .status(400)
            .header("content-type", "application/json");
        let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::from_static(b"{"), false).unwrap();
        stream.send_reset(h2::Reason::INTERNAL_ERROR);
    })
    .await;
    let names = Names::of([fine.address(), other.address()]);
    let front = proxy(names.proxy(over_rest(quick()))).await;
    failures(&front.connect().await, 100).await;
    assert_eq!(other.calls(), 5);
}

#[tokio::test]
async fn what_is_no_message_is_never_sent() {
    let scripted = Scripted::start(|_, mut asked| async move { asked.respond_json(200, "{}") }).await;
    let front = scripted.before(over_rest(ProxyOptions::default())).await;
    let peer = front.connect().await;
    for path in [UNARY, BIDI] {
        let broken = peer.send(Ask::bytes(path, [&b"\0\0\0\0\x02\x0a\x05"[..]])).await;
        assert_eq!(broken.code(), Some(3), "{broken:?}");
        let told = "what is to be sent is no descant.suite.v1.Ask: ";
        assert!(broken.reason().starts_with(told), "{broken:?}");
    }
    assert_eq!(scripted.calls(), 0);
}

#[tokio::test]
async fn an_answer_that_is_cut_is_no_whole_one() {
    let scripted = Scripted::start(|_, mut asked| async move {
        let head = Response::builder().header("content-type", "application/x-ndjson");
        let mut stream = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
        stream
            .send_data(Bytes::from_static(b"{\"text\":\"a\"}\n"), false)
            .unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        stream.send_reset(h2::Reason::INTERNAL_ERROR);
    })
    .await;
    let front = scripted.before(over_rest(ProxyOptions::default())).await;
    let answer = front.connect().await.send(Ask::one(SERVER, &text("a"))).await;
    assert_eq!((answer.code(), answer.envelopes().len()), (Some(13), 1), "{answer:?}");
    assert!(answer.reason().starts_with("the upstream reset the call"), "{answer:?}");
}

/// As a tree JSON takes ten times as many bytes.
#[tokio::test]
async fn an_error_in_a_stream_is_read_up_to_256_kib() {
    for (length, code) in [(200 << 10, 5), (300 << 10, 2)] {
        let scripted = Scripted::start(move |_, mut asked| async move {
            let text = "x".repeat(length);
            asked.respond_json(
                200,
                format!("[{{\"error\":{{\"code\":5,\"message\":\"\",\"x\":\"{text}\"}}}}]"),
            );
        })
        .await;
        let front = scripted.before(over_rest(ProxyOptions::default())).await;
        let answer = front.connect().await.send(Ask::one(SERVER, &text("a"))).await;
        assert_eq!(answer.code(), Some(code), "{length}");
        assert!(answer.reason().len() < 300, "{}", answer.reason().len());
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_not_read_to_its_end() {
    let scripted = Scripted::start(|_, mut asked| async move {
        let text = "x".repeat(2000);
        asked.respond_json(200, format!("{{\"text\":\"{text}\"}}"));
    })
    .await;
    let mut options = over_rest(ProxyOptions::default());
    options.message_bytes = 1000;
    let front = scripted.before(options).await;
    let peer = front.connect().await;
    for path in [UNARY, SERVER] {
        let answer = peer.send(Ask::one(path, &text("a"))).await;
        let told = "the upstream sent a message that is larger than the limit of 1000 bytes (`message_bytes`)";
        assert_eq!((answer.code(), answer.reason()), (Some(8), told), "{answer:?}");
    }
}

#[test]
fn methods_without_a_rule_are_found_when_a_gateway_is_built() {
    let schema = descant_tests::schema();
    let method = |path: &str| schema.method(path).unwrap();
    let rest = Proxy::to("http://127.0.0.1:1")
        .unwrap()
        .protocol(UpstreamProtocol::Rest);
    assert_eq!(rest.check(&[method(UNARY), method(FAIL)]), Ok(()));
    assert_eq!(
        rest.check(&[method(UNARY), method("/grpc.testing.TestService/UnaryCall")]),
        Err(
            "speaks REST, and grpc.testing.TestService.UnaryCall has no HTTP rule (google.api.http) to call it by"
                .to_owned()
        )
    );
    let two = [
        "/grpc.testing.TestService/UnaryCall",
        "/grpc.testing.TestService/EmptyCall",
    ]
    .map(method);
    let wanted = "speaks REST, and grpc.testing.TestService.UnaryCall, grpc.testing.TestService.EmptyCall have no HTTP rules \
        (google.api.http) to call them by";
    assert_eq!(rest.check(&two), Err(wanted.to_owned()));
    let mut options = over_rest(ProxyOptions::default());
    options.health = Some(HealthCheck::default());
    let asking = Proxy::to("http://127.0.0.1:1").unwrap().options(options);
    let error = asking.check(&[method(UNARY)]).unwrap_err();
    assert!(error.ends_with("leave out `health`"), "{error}");
}

#[tokio::test]
async fn trailers_of_streams_come_over_either_version_of_http() {
    for http1 in [false, true] {
        let upstream = serve(|_| {}).await;
        let front = calling((UpstreamProtocol::Rest, http1), upstream.address).await;
        let ask = Ask::bytes(BIDI, [framed(&text("a"))]).header("echo-note", "x");
        let answer = front.connect().await.send(ask).await;
        assert_eq!(answer.last("late-echo-note"), Some("x"), "{http1} {answer:?}");
    }
}

#[tokio::test]
async fn no_part_of_an_answer_is_asked_for_or_taken() {
    let scripted = Scripted::start(|call, mut asked| async move {
        asked.respond_json(if call == 0 { 200 } else { 206 }, "{}");
    })
    .await;
    let front = scripted.before(over_rest(ProxyOptions::default())).await;
    let peer = front.connect().await;
    let conditions = ["range", "if-range", "if-none-match", "if-modified-since"];
    let ask = || {
        let ask = Ask::one(UNARY, &text("a"));
        conditions
            .into_iter()
            .fold(ask, |ask, name| ask.header(name, "bytes=0-3"))
    };
    assert_eq!(peer.send(ask()).await.code(), Some(0));
    for name in conditions {
        assert_eq!(scripted.saw(name), [None]);
    }
    let part = peer.send(ask()).await;
    assert_eq!(part.code(), Some(2), "{part:?}");
    assert!(part.reason().contains("HTTP 206 Partial Content"), "{part:?}");
}

/// A request without a body is a head alone, and over HTTP/1.1 nobody asks for more of it.
#[tokio::test]
async fn a_rule_without_a_body_takes_one_message_of_a_stream() {
    let rules = "http: {rules: [{selector: descant.suite.v1.Shapes.Client, get: '/up/{text}'}]}";
    let protos = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/protos");
    let schema = Schema::builder().path(protos).http_rules("rules.yaml", rules);
    let schema = schema.build().unwrap();
    let scripted = Scripted::start(|_, mut asked| async move { asked.respond_json(200, "{}") }).await;
    let (address, heads) =
        heads(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").await;
    for (http1, upstream) in [(false, scripted.upstream.address), (true, address)] {
        let to = caller((UpstreamProtocol::Rest, http1), &format!("http://{upstream}"));
        let gateway = Gateway::builder(schema.clone()).route("descant.suite.v1.Shapes/Client", to);
        let front = serve_gateway(gateway.build().unwrap(), |_| {}).await;
        let peer = front.connect().await;
        let words = ["one", "one", "two"].map(|word| framed(&text(word)));
        let told = soon(peer.send(Ask::bytes(CLIENT, words.clone()))).await;
        let reason = "message 2: the HTTP rule has no body, and so takes one message";
        assert_eq!((told.code(), told.reason()), (Some(3), reason), "{http1} {told:?}");
        let told = soon(peer.send(Ask::bytes(CLIENT, [words[0].clone()]))).await;
        assert_eq!(told.code(), Some(0), "{http1} {told:?}");
    }
    assert_eq!(scripted.calls(), 1);
    let heads = heads.lock().unwrap();
    assert!(
        heads.len() == 1 && heads[0].starts_with("GET /up/one HTTP/1.1\r\n"),
        "{heads:?}"
    );
}

/// Some servers want to be told of no body, and hyper has to be told of one that these methods mostly have not.
#[tokio::test]
async fn over_http1_a_request_says_whether_it_has_a_body() {
    let rules = "http: {rules: [
        {selector: descant.suite.v1.Shapes.Client, get: /up, body: '*'},
        {selector: descant.suite.v1.Shapes.Unary, post: '/do/{text}'}]}";
    let protos = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/protos");
    let schema = Schema::builder().path(protos).http_rules("rules.yaml", rules);
    let schema = schema.build().unwrap();
    let (address, heads) =
        heads(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").await;
    let to = caller((UpstreamProtocol::Rest, true), &format!("http://{address}"));
    let gateway = Gateway::builder(schema);
    let gateway = gateway.route("descant.suite.v1.Shapes/Client", to.clone());
    let gateway = gateway.route("descant.suite.v1.Shapes/Unary", to);
    let front = serve_gateway(gateway.build().unwrap(), |_| {}).await;
    let peer = front.connect().await;
    for (path, begins, says) in [
        (UNARY, "POST /do/one HTTP/1.1\r\n", "\r\ncontent-length: 0\r\n"),
        (CLIENT, "GET /up HTTP/1.1\r\n", "\r\ntransfer-encoding: chunked\r\n"),
    ] {
        let told = soon(peer.send(Ask::bytes(path, [framed(&text("one"))]))).await;
        assert_eq!(told.code(), Some(0), "{told:?}");
        let head = heads.lock().unwrap().pop().unwrap();
        assert!(head.starts_with(begins) && head.contains(says), "{head}");
    }
}
