//! Connect: <https://connectrpc.com/docs/protocol>.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE as BASE64};
use bytes::Bytes;
use descant_handlers::Code;
use descant_tests::messages::{Answer as Reply, Failure};
use http::{Method, StatusCode};
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, BIDI, FAIL, SERVER, UNARY, WAIT, envelope, framed, serve, text};

const JSON: &str = "application/json";
const STREAM: &str = "application/connect+json";

async fn ask(ask: Ask) -> Answer {
    let server = serve(|limits| limits.message_bytes = 10_000).await;
    server.connect().await.send(ask).await
}

fn post<B: Into<Bytes>>(path: &str, content_type: &str, body: impl IntoIterator<Item = B>) -> Ask {
    Ask::bytes(path, body)
        .without("te")
        .without("content-type")
        .header("content-type", content_type)
}

fn get(target: &str) -> Ask {
    Ask::bytes::<Bytes>(target, [])
        .without("te")
        .without("content-type")
        .method(Method::GET)
}

fn document(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

fn refused(answer: &Answer, status: u16, code: &str, says: &str) {
    let error = document(answer);
    assert_eq!(
        (answer.status.as_u16(), &error["code"]),
        (status, &json!(code)),
        "{answer:?}"
    );
    assert_eq!(answer.headers["content-type"], JSON);
    assert!(error["message"].as_str().unwrap().contains(says), "{error}");
}

/// The messages of a stream, and its end.
fn stream(answer: &Answer) -> (Vec<Bytes>, Value) {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.trailers.is_none(), "{answer:?}");
    let mut envelopes = answer.envelopes();
    let (flag, end) = envelopes.pop().unwrap();
    assert_eq!(flag, 2, "{answer:?}");
    let messages = envelopes.into_iter().map(|(flag, message)| {
        assert_eq!(flag, 0);
        message
    });
    (messages.collect(), serde_json::from_slice(&end).unwrap())
}

#[tokio::test]
async fn a_message_is_the_body() {
    let answer = ask(post(UNARY, JSON, [r#"{"text":"hi"}"#]).header("echo-a", "1")).await;
    assert_eq!(
        (answer.status, document(&answer)),
        (StatusCode::OK, json!({"text": "hi"}))
    );
    assert_eq!(answer.headers["content-type"], JSON);
    assert_eq!(
        (&answer.headers["echo-a"], &answer.headers["trailer-late-echo-a"]),
        (&"1".parse().unwrap(), &"1".parse().unwrap())
    );
    let answer = ask(post(UNARY, "application/proto", [text("hi").encode_to_vec()])).await;
    assert_eq!(Reply::decode(answer.body).unwrap().text, "hi");
    assert_eq!(answer.headers["content-type"], "application/proto");
    // In pieces, with parameters and a version.
    let pieces = post(
        UNARY,
        "application/json; charset=utf-8",
        [r#"{"te"#, "xt", r#"":"hi"}"#],
    );
    let answer = ask(pieces.header("connect-protocol-version", "1")).await;
    assert_eq!(document(&answer), json!({"text": "hi"}));
}

#[tokio::test]
async fn json_is_utf_8() {
    let (unary, stream) = (
        "application/json; charset=latin1",
        "application/connect+json;charset=\"UTF-16\"",
    );
    for (path, content_type, types) in [
        (UNARY, unary, "application/json, "),
        (BIDI, stream, "application/connect+json, "),
    ] {
        let answer = ask(post(path, content_type, ["{}"])).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        let accepted = answer.headers["accept-post"].to_str().unwrap();
        assert!(accepted.starts_with(types), "{accepted}");
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(body.contains("JSON is UTF-8"), "{body}");
    }
}

#[tokio::test]
async fn errors_are_json() {
    let failure = Failure {
        code: Code::FailedPrecondition.number(),
        message: "not \"now\"".into(),
        details: vec![
            prost_types::Any {
                type_url: "type.googleapis.com/descant.suite.v1.Count".into(),
                value: vec![8, 7],
            },
            prost_types::Any {
                type_url: "type.googleapis.com/no.Such".into(),
                value: vec![255],
            },
        ],
    };
    let answer = ask(post(FAIL, "application/proto", [failure.encode_to_vec()])).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (400, &JSON.parse().unwrap())
    );
    let details = json!([
        {"type": "descant.suite.v1.Count", "value": "CAc", "debug": {"number": 7}},
        {"type": "no.Such", "value": "/w"},
    ]);
    let error = json!({"code": "failed_precondition", "message": "not \"now\"", "details": details});
    assert_eq!(document(&answer), error);
    let answer = ask(post(
        "/descant.suite.v1.Shapes/FailLate",
        "application/connect+proto",
        [framed(&failure)],
    ))
    .await;
    let (messages, end) = stream(&answer);
    assert_eq!((messages.len(), end), (1, json!({"error": error})));
}

#[tokio::test]
async fn what_cannot_be_a_call_says_why() {
    refused(
        &ask(post(UNARY, JSON, [r#"{"txt":1}"#])).await,
        400,
        "invalid_argument",
        "txt",
    );
    refused(&ask(post(UNARY, JSON, [""])).await, 400, "invalid_argument", "");
    let timeout = post(UNARY, JSON, ["{}"]).header("connect-timeout-ms", "12345678901");
    refused(&ask(timeout).await, 400, "invalid_argument", "connect-timeout-ms");
    let version = post(UNARY, JSON, ["{}"]).header("connect-protocol-version", "2");
    refused(&ask(version).await, 400, "invalid_argument", "connect-protocol-version");
    let unknown = post("/descant.suite.v1.Shapes/Unari", JSON, ["{}"]).header("connect-protocol-version", "1");
    refused(
        &ask(unknown).await,
        404,
        "unimplemented",
        "descant.suite.v1.Shapes/Unary",
    );
    refused(
        &ask(post(UNARY, JSON, ["x".repeat(20_000)])).await,
        429,
        "resource_exhausted",
        "10000 bytes",
    );
    let coding = ask(post(UNARY, JSON, ["{}"]).header("content-encoding", "rot13")).await;
    refused(&coding, 501, "unimplemented", "gzip");
    assert!(coding.headers["accept-encoding"].to_str().unwrap().contains("gzip"));
    let binary = post(UNARY, JSON, ["{}"]).header("note-bin", "no base64!");
    refused(&ask(binary).await, 400, "invalid_argument", "note-bin");
}

#[tokio::test]
async fn content_types_that_do_not_fit_are_refused_with_those_that_do() {
    let streamed = ask(post(UNARY, STREAM, [envelope(0, b"{}")])).await;
    assert_eq!(streamed.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(streamed.headers["accept-post"], "application/json, application/proto");
    let bare = ask(post(SERVER, JSON, ["{}"])).await;
    refused(&bare, 415, "unknown", "streams");
    assert_eq!(
        bare.headers["accept-post"],
        "application/connect+json, application/connect+proto"
    );
    let other = ask(post(UNARY, "application/foo", ["{}"]).header("connect-protocol-version", "1")).await;
    assert_eq!(other.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(
        other.headers["accept-post"]
            .to_str()
            .unwrap()
            .contains("application/json")
    );
    let method = ask(post(WAIT, JSON, ["{}"]).method(Method::DELETE)).await;
    assert_eq!(
        (method.status, &method.headers["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
}

#[tokio::test]
async fn streams_end_with_a_message_of_their_own() {
    let asked = envelope(0, br#"{"text":"again","count":2}"#);
    let answer = ask(post(SERVER, STREAM, [asked]).header("echo-a", "1")).await;
    assert_eq!(answer.headers["content-type"], STREAM);
    let (messages, end) = stream(&answer);
    assert_eq!(messages, vec![&br#"{"text":"again"}"#[..]; 2]);
    assert_eq!(end, json!({"metadata": {"late-echo-a": ["1"]}}));
    let answer = ask(post(BIDI, STREAM, [envelope(0, b"{}"), envelope(0, b"{}")])).await;
    assert_eq!(stream(&answer), (vec![Bytes::from_static(b"{}"); 2], json!({})));
    for (body, code) in [
        (vec![], "unimplemented"),
        (vec![envelope(0, b"{}"), envelope(0, b"{}")], "unimplemented"),
        (vec![envelope(1, b"{}")], "internal"),
        (vec![envelope(2, b"{}")], "internal"),
        (vec![envelope(0, b"{")], "invalid_argument"),
    ] {
        let (_, end) = stream(&ask(post(SERVER, STREAM, body)).await);
        assert_eq!(end["error"]["code"], code);
    }
}

#[tokio::test]
async fn deadlines_hold() {
    let unary = ask(post(WAIT, JSON, ["{}"]).header("connect-timeout-ms", "20")).await;
    refused(&unary, 504, "deadline_exceeded", "deadline");
}

#[tokio::test]
async fn what_changes_nothing_may_be_got() {
    const PEEK: &str = "/descant.suite.v1.Shapes/Peek";
    let answer = ask(get(&format!(
        "{PEEK}?connect=v1&encoding=json&message=%7B%22text%22:%22a+b%22%7D"
    )))
    .await;
    assert_eq!(
        (answer.status, document(&answer)),
        (StatusCode::OK, json!({"text": "a b"}))
    );
    assert_eq!(
        (&answer.headers["content-type"], &answer.headers["vary"]),
        (&JSON.parse().unwrap(), &"accept-encoding".parse().unwrap())
    );
    let message = BASE64.encode(text("hi?>").encode_to_vec());
    for message in [
        message.as_str(),
        message.trim_end_matches('='),
        &message.replace('=', "%3D"),
    ] {
        let answer = ask(get(&format!(
            "{PEEK}?message={message}&base64=1&encoding=proto&other=x"
        )))
        .await;
        assert_eq!(Reply::decode(answer.body).unwrap().text, "hi?>");
    }
    for (query, status, code, says) in [
        ("connect=v2&encoding=json&message=%7B%7D", 400, "invalid_argument", "v1"),
        ("connect=v1&encoding=json", 400, "invalid_argument", "no message"),
        ("connect=v1&message=%7B%7D", 400, "invalid_argument", "no encoding"),
        (
            "connect=v1&encoding=xml&message=%7B%7D",
            415,
            "unknown",
            "proto and json",
        ),
        (
            "encoding=json&encoding=json&message=%7B%7D",
            400,
            "invalid_argument",
            "more than once",
        ),
        (
            "encoding=json&message=%7B%7D&base64=1",
            400,
            "invalid_argument",
            "base64",
        ),
        (
            "encoding=json&message=%7B%7D&compression=rot13",
            501,
            "unimplemented",
            "gzip",
        ),
    ] {
        refused(&ask(get(&format!("{PEEK}?{query}"))).await, status, code, says);
    }
    let answer = ask(get(&format!("{WAIT}?connect=v1&encoding=json&message=%7B%7D"))).await;
    refused(&answer, 405, "unknown", "NO_SIDE_EFFECTS");
    assert_eq!(answer.headers["allow"], "POST");
}

/// As clients have it that say of each request what it would be.
#[tokio::test]
async fn a_type_without_a_body_means_nothing() {
    let target = "/descant.suite.v1.Shapes/Peek?connect=v1&encoding=json&message=%7B%22text%22:%22a%22%7D";
    for content_type in [
        JSON,
        "application/json; charset=utf-8",
        "application/proto",
        "text/plain",
    ] {
        for (method, body) in [(Method::GET, r#"{"text":"a"}"#), (Method::HEAD, "")] {
            let asked = get(target).method(method).header("content-type", content_type);
            let answer = ask(asked).await;
            assert_eq!(
                (answer.status, &*answer.body),
                (StatusCode::OK, body.as_bytes()),
                "{content_type}"
            );
        }
    }
    // What has no meaning but its own still has it.
    for (content_type, allow) in [
        ("application/grpc", "POST"),
        ("application/grpc-web", "POST"),
        (STREAM, "POST"),
    ] {
        let answer = ask(get(target).header("content-type", content_type)).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["allow"]),
            (405, &allow.parse().unwrap())
        );
    }
}

/// A message that is worth compressing.
fn long() -> String {
    json!({"text": "words ".repeat(200)}).to_string()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn the_reply_has_the_coding_that_the_client_likes_best() {
    for (accepts, coding) in [
        (Some("br, gzip"), Some("br")),
        (Some("gzip, br"), Some("gzip")),
        (Some("zstd;q=0.1, br;q=0.9"), Some("br")),
        (Some("identity"), None),
        (Some("rot13"), None),
        // "Servers must assume that the client accepts the Content-Encoding used for the request."
        (None, Some("gzip")),
    ] {
        let with = |ask: Ask, name| match accepts {
            Some(accepts) => ask.header(name, accepts),
            None => ask,
        };
        let unary = post(UNARY, JSON, [gzip(long().as_bytes())]).header("content-encoding", "gzip");
        let answer = ask(with(unary, "accept-encoding")).await;
        let said = answer
            .headers
            .get("content-encoding")
            .map(|value| value.to_str().unwrap());
        assert_eq!(said, coding, "{accepts:?}");
        let stream = post(BIDI, STREAM, [envelope(1, &gzip(long().as_bytes()))]);
        let stream = stream.header("connect-content-encoding", "gzip");
        let answer = ask(with(stream, "connect-accept-encoding")).await;
        let said = answer.headers.get("connect-content-encoding");
        assert_eq!(said.map(|value| value.to_str().unwrap()), coding, "{accepts:?}");
        assert_eq!(answer.envelopes()[0].0 == 1, coding.is_some(), "{accepts:?}");
    }
}

#[tokio::test]
async fn what_does_not_inflate_is_the_fault_of_the_request() {
    let unary = post(UNARY, JSON, ["nonsense"]).header("content-encoding", "gzip");
    refused(&ask(unary).await, 400, "invalid_argument", "gzip");
    let streamed = post(SERVER, STREAM, [envelope(1, b"nonsense")]).header("connect-content-encoding", "gzip");
    assert_eq!(stream(&ask(streamed).await).1["error"]["code"], "invalid_argument");
    let twice = post(UNARY, JSON, ["{}"])
        .header("content-encoding", "identity")
        .header("content-encoding", "gzip");
    refused(&ask(twice).await, 400, "invalid_argument", "content-encoding");
}

#[tokio::test]
async fn nothing_is_not_inflated() {
    // "Servers must not attempt to decompress zero-length HTTP request content", and so in streams.
    let proto = "application/connect+proto";
    let streamed = post(BIDI, proto, [envelope(1, b"")]).header("connect-content-encoding", "gzip");
    let (messages, end) = stream(&ask(streamed).await);
    assert_eq!((messages, end), (vec![Bytes::new()], json!({})));
    let unary = post(UNARY, "application/proto", [""]).header("content-encoding", "gzip");
    assert_eq!(ask(unary).await.status, StatusCode::OK);
    // The header has the spelling of HTTP.
    let unary = post(UNARY, JSON, [gzip(b"{}")]).header("content-encoding", "GZip");
    assert_eq!(ask(unary).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_query_is_read_as_queries_are() {
    const PEEK: &str = "/descant.suite.v1.Shapes/Peek";
    for query in [
        "connect=v%31&encoding=jso%6e&message=%7B%7D",
        // "Other values for the "base64" parameter will simply be ignored."
        "encoding=json&message=%7B%7D&base64=0",
        "encoding=json&message=%7B%7D&base64=true",
        "encoding=json&message=%7B%7D&compression=identity",
        "encoding=proto&message=&compression=gzip",
    ] {
        let answer = ask(get(&format!("{PEEK}?{query}"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
    }
    for message in ["%7B%7D%", "%7B%7D%2", "%zz"] {
        let answer = ask(get(&format!("{PEEK}?connect=v1&encoding=json&message={message}"))).await;
        refused(&answer, 400, "invalid_argument", "hexadecimal");
    }
    let head = get(&format!("{PEEK}?connect=v1&encoding=json&message=%7B%7D")).method(Method::HEAD);
    let answer = ask(head).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    assert_eq!(answer.headers["content-length"], "2");
    let answer = ask(get(PEEK)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        String::from_utf8_lossy(&answer.body).contains("?connect=v1"),
        "{answer:?}"
    );
    let answer = ask(get(PEEK).method(Method::PUT)).await;
    assert_eq!(
        (answer.status, &answer.headers["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD, POST".parse().unwrap())
    );
}
