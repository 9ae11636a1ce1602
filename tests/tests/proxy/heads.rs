//! What an upstream is told of a call, and what not.

use std::sync::{Arc, Mutex};

use descant_handlers::{Proxy, UpstreamProtocol, proxy::Forwarded};
use descant_tests::messages::Answer;
use http::{HeaderMap, HeaderValue, Response, Uri};

use super::{
    WAYS, before, caller, calling,
    http1::{EMPTY, heads},
    kept::EMPTY_WEB,
    proxy,
    upstream::{Asked, Upstream, trailers, upstream},
};
use crate::support::{Ask, SERVER, UNARY, WAIT, serve, soon, text};

/// What an upstream gets of a call.
#[derive(Clone, Debug, Default)]
struct Seen {
    uri: Uri,
    headers: HeaderMap,
    trailers: Option<HeaderMap>,
}

async fn seen(ask: Ask) -> (Upstream, Seen) {
    seen_by(|proxy| proxy, ask).await
}

/// What it gets through such a proxy.
async fn seen_by(set: impl FnOnce(Proxy) -> Proxy, ask: Ask) -> (Upstream, Seen) {
    let told = Arc::new(Mutex::new(Seen::default()));
    let tell = Arc::clone(&told);
    let upstream = upstream(move |mut asked| {
        let tell = Arc::clone(&tell);
        async move {
            let body = asked.request.body_mut();
            while let Some(data) = body.data().await {
                let length = data.unwrap().len();
                body.flow_control().release_capacity(length).unwrap();
            }
            let trailers = body.trailers().await.unwrap();
            *tell.lock().unwrap() = Seen {
                uri: asked.request.uri().clone(),
                headers: asked.request.headers().clone(),
                trailers,
            };
            asked.answer(&[0; 5][..], "0");
        }
    })
    .await;
    let front = proxy(set(Proxy::to(&format!("http://{}", upstream.address)).unwrap())).await;
    let answer = front.connect().await.send(ask).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
    let seen = told.lock().unwrap().clone();
    (upstream, seen)
}

#[tokio::test]
async fn the_id_of_a_call_goes_up_as_it_goes_back() {
    const GIVEN: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (_upstream, seen) = seen(Ask::empty(UNARY).header("x-request-id", GIVEN)).await;
    let ids: Vec<_> = seen.headers.get_all("x-request-id").iter().collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(ids[0].len(), 32);
    // It is the caller's only in a gateway that keeps those.
    assert_ne!(ids[0], GIVEN);
}

#[tokio::test]
async fn an_upstream_is_told_who_calls_if_that_is_wanted() {
    for (forwarded, wanted) in [
        (Forwarded::Pass, "9.9.9.9"),
        (Forwarded::Add, "9.9.9.9, 127.0.0.1"),
        (Forwarded::Set, "127.0.0.1"),
    ] {
        let ask = Ask::empty(UNARY).header("x-forwarded-for", "9.9.9.9");
        let (_upstream, told) = seen_by(|proxy| proxy.forwarded(forwarded), ask).await;
        assert_eq!(told.headers["x-forwarded-for"], wanted);
    }
}

#[tokio::test]
async fn names_that_grpc_has_not_stay_behind() {
    let ask = Ask::empty(UNARY)
        .header("x!y", "1")
        .header("x-y.z_0", "2")
        .header("a-bin", "AAE,AQI");
    let (_upstream, told) = seen(ask).await;
    assert!(!told.headers.contains_key("x!y"), "{told:?}");
    assert_eq!(told.headers["x-y.z_0"], "2");
    let bytes: Vec<_> = told.headers.get_all("a-bin").iter().collect();
    assert_eq!(bytes, ["AAE", "AQI"]);
}

#[tokio::test]
async fn the_authority_is_the_urls_or_what_is_said() {
    const SAID: &str = "orders.example:8443";
    let (upstream, told) = seen(Ask::empty(UNARY)).await;
    assert_eq!(told.uri.authority().unwrap().as_str(), upstream.address.to_string());
    let named = |proxy: Proxy| proxy.authority(&SAID.parse().unwrap());
    let (_, told) = seen_by(named, Ask::empty(UNARY)).await;
    assert_eq!(told.uri.authority().unwrap().as_str(), SAID);
    let (address, heads) = heads(EMPTY).await;
    let over_http1 = named(caller((UpstreamProtocol::Connect, true), &format!("http://{address}")));
    proxy(over_http1).await.connect().await.send(Ask::empty(UNARY)).await;
    let heads = heads.lock().unwrap();
    let hosts: Vec<_> = heads[0].lines().filter(|line| line.starts_with("host:")).collect();
    assert_eq!(hosts, [format!("host: {SAID}")]);
}

#[tokio::test]
async fn what_a_caller_says_of_its_trace_goes_up_as_it_is_if_nobody_traces_here() {
    let fields = [
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("tracestate", "a=1,,b=2"),
        ("baggage", "who=me;since=now, what=this"),
    ];
    let ask = fields
        .iter()
        .fold(Ask::empty(UNARY), |ask, (name, value)| ask.header(name, value));
    let (_upstream, seen) = seen(ask).await;
    for (name, value) in fields {
        assert_eq!(seen.headers[name], value);
    }
}

#[tokio::test]
async fn the_head_is_descants_own_and_the_metadata_the_callers() {
    let ask = Ask::empty(UNARY)
        .header("note", "a")
        .header("user-agent", "someone/1")
        .header("grpc-encoding", "identity")
        .header("grpc-accept-encoding", "gzip")
        .header("accept-encoding", "br");
    let (upstream, seen) = seen(ask).await;
    assert_eq!(seen.uri.to_string(), format!("http://{}{UNARY}", upstream.address));
    let mut names: Vec<_> = seen.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "content-type",
            "grpc-accept-encoding",
            "note",
            "te",
            "user-agent",
            "x-request-id"
        ]
    );
    assert_eq!(seen.headers["content-type"], "application/grpc");
    assert_eq!(seen.headers["grpc-accept-encoding"], "identity,gzip");
    assert_eq!(seen.headers["te"], "trailers");
    assert_eq!(seen.headers["user-agent"], "someone/1");
    assert!(seen.trailers.is_none());
}

#[tokio::test]
async fn what_of_grpcs_own_is_for_the_server_is_passed_on() {
    let fields = [
        ("grpc-previous-rpc-attempts", "1"),
        ("grpc-trace-bin", "AAEC/w"),
        ("grpc-tags-bin", "AAEC/w=="),
    ];
    let ask = Ask::empty(UNARY).header("grpc-other", "a");
    let ask = fields.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
    let (_upstream, seen) = seen(ask).await;
    for (name, value) in fields {
        assert_eq!(seen.headers.get(name).unwrap(), value);
    }
    assert!(!seen.headers.contains_key("grpc-other"), "{seen:?}");
}

#[tokio::test]
async fn a_number_of_attempts_that_is_none_stays_behind() {
    for said in ["abc", "-1", "99999999999999999999", ""] {
        let (_upstream, seen) = seen(Ask::empty(UNARY).header("grpc-previous-rpc-attempts", said)).await;
        assert!(
            !seen.headers.contains_key("grpc-previous-rpc-attempts"),
            "{said}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn of_several_numbers_of_attempts_there_is_one() {
    const BEFORE: &str = "grpc-previous-rpc-attempts";
    for (said, told) in [(["1", "x"], Some("1")), (["2", "3"], Some("2")), (["x", "1"], None)] {
        let ask = said.iter().fold(Ask::empty(UNARY), |ask, one| ask.header(BEFORE, one));
        let (_upstream, seen) = seen(ask).await;
        let all: Vec<_> = seen
            .headers
            .get_all(BEFORE)
            .iter()
            .map(|one| one.to_str().unwrap())
            .collect();
        assert_eq!(all, Vec::from_iter(told), "{said:?}");
    }
}

#[tokio::test]
async fn trailers_of_a_request_are_not_passed_on() {
    let (_, seen) = seen(Ask::empty(UNARY).trailer("note", "late")).await;
    assert!(seen.trailers.is_none(), "{seen:?}");
}

#[tokio::test]
async fn what_is_left_of_the_deadline_goes_on() {
    let (_, seen) = seen(Ask::empty(UNARY).header("grpc-timeout", "30S")).await;
    let timeout = seen.headers["grpc-timeout"].to_str().unwrap();
    let micros: u64 = timeout.strip_suffix('u').unwrap().parse().unwrap();
    assert!((20_000_000..30_000_000).contains(&micros), "{timeout}");
}

#[tokio::test]
async fn a_deadline_ends_the_call_on_both_sides() {
    let upstream = serve(|_| {}).await;
    let front = before(upstream.address).await;
    let direct = upstream.connect().await;
    let before = direct.given_up().await;
    let answer = front
        .connect()
        .await
        .send(Ask::empty(WAIT).header("grpc-timeout", "200m"))
        .await;
    assert_eq!(answer.code(), Some(4), "{answer:?}");
    direct.expect_given_up(before).await;
}

#[tokio::test]
async fn a_call_that_is_given_up_is_given_up_there_too() {
    let upstream = serve(|_| {}).await;
    let front = before(upstream.address).await;
    let direct = upstream.connect().await;
    let before = direct.given_up().await;
    let peer = front.connect().await;
    let open = peer.open(Ask::empty(WAIT)).await;
    let finishing = tokio::spawn(open.finish());
    let waiting = async {
        loop {
            let ask = Ask::empty(crate::support::GIVEN_UP);
            let count = direct.send(ask).await.message::<descant_tests::messages::Count>();
            if count.waiting == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    soon(waiting).await;
    finishing.abort();
    direct.expect_given_up(before).await;
}

/// The names of Connect mean nothing to gRPC, and are metadata like any other there.
#[tokio::test]
async fn what_belongs_to_connect_alone_passes_between_two_that_speak_grpc() {
    const NAMES: [&str; 2] = ["connect-token", "trailer-note"];
    let upstream = upstream(|mut asked: Asked| async move {
        let mut last = trailers("0");
        let mut head = Response::builder().header("content-type", "application/grpc");
        for name in NAMES {
            let said = asked.request.headers().get(name).cloned();
            let said = said.unwrap_or(HeaderValue::from_static("nothing"));
            head = head.header(name, &said);
            last.insert(name, said);
        }
        let mut body = asked.respond.send_response(head.body(()).unwrap(), false).unwrap();
        body.send_data(vec![0; 5].into(), false).unwrap();
        body.send_trailers(last).unwrap();
    })
    .await;
    let server = before(upstream.address).await;
    let front = server.connect().await;
    let ask = |ask: Ask| NAMES.iter().fold(ask, |ask, name| ask.header(name, "a"));
    let answer = front.send(ask(Ask::empty(UNARY))).await;
    for name in NAMES {
        assert_eq!(
            (&answer.headers[name], answer.last(name)),
            (&HeaderValue::from_static("a"), Some("a"))
        );
    }
    // A caller by Connect means its own protocol, and its reply has trailers under such names.
    let connect = ask(Ask::bytes(UNARY, ["{}"]))
        .without("te")
        .without("content-type")
        .header("content-type", "application/json");
    let answer = front.send(connect).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.headers.contains_key("connect-token"), "{answer:?}");
    assert_eq!(answer.headers.get_all("trailer-note").iter().count(), 0, "{answer:?}");
}

/// A page in text mode asks for base64, which is for Descant to write.
#[tokio::test]
async fn what_a_caller_takes_is_not_what_is_taken_here() {
    const TEXT: &str = "application/grpc-web-text";
    let upstream = serve(|_| {}).await;
    for way in WAYS {
        let front = calling(way, upstream.address).await;
        let ask = Ask::one(UNARY, &text("hi")).header("accept", TEXT);
        let answer = front.connect().await.send(ask).await;
        assert_eq!(answer.code(), Some(0), "{way:?} {answer:?}");
        assert_eq!(answer.message::<Answer>().text, "hi", "{way:?}");
    }
    let web = "accept: application/grpc-web+proto\r\n";
    for (protocol, path, reply, accept) in [
        (UpstreamProtocol::GrpcWeb, UNARY, EMPTY_WEB, Some(web)),
        (UpstreamProtocol::Connect, UNARY, EMPTY, None),
        (UpstreamProtocol::Connect, SERVER, EMPTY, None),
    ] {
        let (address, heads) = heads(reply).await;
        let front = calling((protocol, true), address).await;
        front
            .connect()
            .await
            .send(Ask::empty(path).header("accept", TEXT))
            .await;
        let heads = heads.lock().unwrap();
        let lines = heads[0].split_inclusive('\n');
        let said: Vec<_> = lines.filter(|line| line.starts_with("accept:")).collect();
        assert_eq!(said, accept.into_iter().collect::<Vec<_>>(), "{protocol:?} {path}");
    }
}

/// RFC 9113, section 8.2.3: HTTP/2 may cut it, and nobody else knows of that.
#[tokio::test]
async fn a_cookie_goes_on_in_one_piece() {
    let ask = || {
        let ask = Ask::empty(UNARY).header("cookie", "a=1").header("note", "x");
        ask.header("cookie", "b=2").header("note", "y").header("cookie", "c=3")
    };
    let (_upstream, seen) = seen(ask()).await;
    let of = |name| seen.headers.get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(of("cookie"), ["a=1; b=2; c=3"]);
    assert_eq!(of("note"), ["x", "y"]);
    let (address, heads) = heads(EMPTY).await;
    let front = calling((UpstreamProtocol::Connect, true), address).await;
    front.connect().await.send(ask()).await;
    let heads = heads.lock().unwrap();
    let cookies: Vec<_> = heads[0].lines().filter(|line| line.starts_with("cookie:")).collect();
    assert_eq!(cookies, ["cookie: a=1; b=2; c=3"]);
}
