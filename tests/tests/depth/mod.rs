//! `limits.depth`: how deep messages may nest, in requests and replies of whichever protocol.

mod upstream;

use descant::{Gateway, JsonOptions, Schema};
use descant_handlers::{Call, Handler, Message, Messages, Reply, Status, async_trait};
use prost_types::Any;
use serde_json::{Value, json};

use crate::{
    rest::client::{Answer, Lab, get, post},
    support::{self, Ask, Running, envelope, serve_gateway},
};

const ECHO: &str = "/depth.v1.Nest/Echo";
const TALK: &str = "/depth.v1.Nest/Talk";
const GROW: &str = "/depth.v1.Nest/Grow";
const FAIL: &str = "/depth.v1.Nest/Fail";
const JSON: &str = "application/json";

/// What of `depth.proto` handlers look at.
#[derive(Clone, PartialEq, prost::Message)]
struct Node {
    #[prost(int32, tag = "2")]
    levels: i32,
}

struct Nest;

#[async_trait]
impl Handler for Nest {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        if matches!(call.method.name(), "Echo" | "Talk") {
            return Ok(Reply::new(call.messages));
        }
        let wanted: Node = call.messages.only().await?.decode()?;
        let grown = wire(wanted.levels);
        if call.method.name() == "Grow" {
            return Ok(Reply::new(Messages::one(Message::from_wire(grown.into()))));
        }
        Err(Status::aborted("as asked").with_any(Any {
            type_url: "type.googleapis.com/depth.v1.Node".to_owned(),
            value: grown,
        }))
    }
}

fn schema() -> Schema {
    Schema::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/depth/depth.proto")).unwrap()
}

/// The service, with this limit.
async fn nest(depth: u32) -> Running {
    let gateway = Gateway::builder(schema()).route("depth.v1.Nest", Nest).build();
    serve_gateway(gateway.unwrap(), |limits| limits.depth = depth).await
}

async fn rest(depth: u32) -> Lab {
    Lab(nest(depth).await)
}

/// A node in a node, and so on: so many levels of them, as wire bytes.
fn wire(levels: i32) -> Vec<u8> {
    (1..levels).fold(Vec::new(), |inner, _| {
        let mut outer = vec![3 << 3 | 2];
        prost::encode_length_delimiter(inner.len(), &mut outer).unwrap();
        [outer, inner].concat()
    })
}

/// The same as JSON.
fn chain(levels: u32) -> String {
    let count = levels as usize - 1;
    format!("{}{{}}{}", r#"{"child":"#.repeat(count), "}".repeat(count))
}

/// Bodies of so many levels, in which lists stand in maps, or values in lists, or messages in `Any`.
fn bodies(levels: u32) -> Vec<String> {
    // What has `own` levels, and `each` more with every `open`; what is missing then are nodes around it.
    let nested = |start: &str, own: u32, (open, close, each): (&str, &str, u32), end: &str| {
        let (count, missing) = ((levels - own) / each, (levels - own) % each);
        let many = |text: &str, count: u32| text.repeat(count as usize);
        let inner = many(open, count) + "{}" + &many(close, count);
        many(r#"{"child":"#, missing) + start + &inner + end + &many("}", missing)
    };
    vec![
        chain(levels),
        nested("", 1, (r#"{"rows":{"r":{"nodes":["#, "]}}}", 2), ""),
        nested(r#"{"value":"#, 3, ("[", "]", 2), "}"),
        nested(r#"{"value":"#, 3, (r#"{"a":"#, "}", 2), "}"),
        nested("", 1, (r#"{"any":{"@type":"x.y/depth.v1.Node","child":"#, "}}", 3), ""),
    ]
}

fn too_deep(depth: u32) -> String {
    format!("messages nest deeper than the limit `depth` of {depth}")
}

fn connect(path: &str, content_type: &str, body: impl Into<bytes::Bytes>) -> Ask {
    Ask::bytes(path, [body])
        .without("te")
        .without("content-type")
        .header("content-type", content_type)
}

fn text(answer: &support::Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: i32, says: &str) {
    let error = answer.json();
    assert_eq!((answer.status, &error["code"]), (status, &json!(code)), "{answer:?}");
    assert!(error["message"].as_str().unwrap().contains(says), "{error}");
}

#[tokio::test]
async fn requests_of_rest() {
    for depth in [5, 6, 7, 100] {
        let nest = rest(depth).await;
        for body in bodies(depth) {
            let answer = nest.ask(post("/v1/echo", &body)).await;
            assert_eq!((answer.status, answer.text()), (200, &*body));
        }
        for body in bodies(depth + 1) {
            let answer = nest.ask(post("/v1/echo", &body)).await;
            refused(&answer, 400, 3, &too_deep(depth));
        }
        // The body is a level below the message.
        let part = nest.ask(post("/v1/echo/child", chain(depth - 1))).await;
        assert_eq!((part.status, part.text()), (200, &*chain(depth)));
        refused(
            &nest.ask(post("/v1/echo/child", chain(depth))).await,
            400,
            3,
            &too_deep(depth),
        );
        let query = |levels: u32| format!("/v1/echo/n?{}levels=1", "child.".repeat(levels as usize - 1));
        assert_eq!(nest.ask(get(&query(depth))).await.status, 200);
        refused(&nest.ask(get(&query(depth + 1))).await, 400, 3, &too_deep(depth));
    }
}

#[tokio::test]
async fn replies_of_rest() {
    let nest = rest(5).await;
    let grown = nest.ask(get("/v1/grow/5")).await;
    assert_eq!((grown.status, grown.text()), (200, &*chain(5)));
    let answer = nest.ask(get("/v1/grow/6")).await;
    refused(&answer, 500, 13, "the reply has no JSON form: ");
    refused(&answer, 500, 13, &too_deep(5));
    let part = nest.ask(get("/v1/grow/5/child")).await;
    assert_eq!((part.status, part.text()), (200, &*chain(4)));
    refused(&nest.ask(get("/v1/grow/6/child")).await, 500, 13, &too_deep(5));
}

#[tokio::test]
async fn streams_of_rest() {
    let nest = rest(5).await;
    let lines = [chain(5), chain(6)].join("\n");
    let answer = nest.two(&post("/v1/talk", lines)).await;
    let (first, error) = answer.text().split_once('\n').unwrap();
    assert_eq!((answer.status, first), (200, &*chain(5)));
    let error: Value = serde_json::from_str(error).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("message 2: child.child.child.child.child in the body: "),
        "{message}"
    );
    assert!(message.contains(&too_deep(5)), "{message}");
}

#[tokio::test]
async fn details_of_errors() {
    let (nest, detail) = (rest(5).await, |levels: u32| chain(levels)[1..].to_owned());
    let error = nest.ask(get("/v1/fail/5")).await;
    let shown = r#"{"@type":"type.googleapis.com/depth.v1.Node","#.to_owned() + &detail(5);
    assert!(error.text().contains(&shown), "{error:?}");
    // As bytes: an error is not lost for what is in it.
    let error = nest.ask(get("/v1/fail/6")).await;
    refused(&error, 409, 10, "as asked");
    assert!(error.json()["details"][0]["value"].is_string(), "{error:?}");
    let peer = nest.0.connect().await;
    for (levels, shown) in [(5, true), (6, false)] {
        let answer = peer.send(connect(FAIL, JSON, format!("{{\"levels\":{levels}}}"))).await;
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(error["code"], json!("aborted"));
        assert_eq!(error["details"][0].get("debug").is_some(), shown, "{error}");
    }
}

#[tokio::test]
async fn connect_unary() {
    for depth in [5, 6, 7, 100] {
        let nest = nest(depth).await;
        let peer = nest.connect().await;
        for body in bodies(depth) {
            let answer = peer.send(connect(ECHO, JSON, body.clone())).await;
            assert_eq!((answer.status.as_u16(), text(&answer)), (200, &*body));
        }
        for body in bodies(depth + 1) {
            let answer = peer.send(connect(ECHO, JSON, body)).await;
            let error: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(
                (answer.status.as_u16(), &error["code"]),
                (400, &json!("invalid_argument"))
            );
            assert!(error["message"].as_str().unwrap().contains(&too_deep(depth)), "{error}");
        }
        let grow = |levels: u32| connect(GROW, JSON, format!("{{\"levels\":{levels}}}"));
        assert_eq!(text(&peer.send(grow(depth)).await), chain(depth));
        let answer = peer.send(grow(depth + 1)).await;
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status.as_u16(), &error["code"]), (500, &json!("internal")));
        assert!(error["message"].as_str().unwrap().contains(&too_deep(depth)), "{error}");
    }
}

/// JSON in envelopes: Connect's streams, gRPC and gRPC-Web.
#[tokio::test]
async fn json_in_envelopes() {
    let nest = nest(5).await;
    let peer = nest.connect().await;
    let framed = |body: String| envelope(0, body.as_bytes());
    let stream = |levels: u32| connect(TALK, "application/connect+json", framed(chain(levels)));
    let answer = peer.send(stream(5)).await;
    assert_eq!(answer.envelopes()[0].1, chain(5));
    let answer = peer.send(stream(6)).await;
    let end: Value = serde_json::from_slice(&answer.envelopes()[0].1).unwrap();
    assert_eq!(end["error"]["code"], json!("invalid_argument"));
    assert!(
        end["error"]["message"].as_str().unwrap().contains(&too_deep(5)),
        "{end}"
    );
    let grpc = |path, body| {
        Ask::bytes(path, [framed(body)])
            .without("content-type")
            .header("content-type", "application/grpc+json")
    };
    assert_eq!(peer.send(grpc(ECHO, chain(5))).await.envelopes()[0].1, chain(5));
    let answer = peer.send(grpc(ECHO, chain(6))).await;
    assert_eq!(answer.code(), Some(3), "{answer:?}");
    assert!(answer.reason().contains(&too_deep(5)), "{answer:?}");
    let answer = peer.send(grpc(GROW, r#"{"levels":6}"#.to_owned())).await;
    assert_eq!(answer.code(), Some(13), "{answer:?}");
    assert!(answer.reason().contains(&too_deep(5)), "{answer:?}");
    let web = connect(ECHO, "application/grpc-web+json", framed(chain(6)));
    let answer = peer.send(web).await;
    assert!(
        String::from_utf8_lossy(&answer.body).contains(&too_deep(5)),
        "{answer:?}"
    );
}

#[tokio::test]
async fn bytes_that_nobody_looks_into_nest_as_they_like() {
    let nest = nest(5).await;
    let peer = nest.connect().await;
    let deep = wire(1000);
    let answer = peer.send(Ask::bytes(ECHO, [envelope(0, &deep)])).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
    assert_eq!(answer.envelopes(), [(0, deep.clone().into())]);
    let answer = peer.send(connect(ECHO, "application/proto", deep.clone())).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &*deep));
}

/// In a build without optimization too.
#[tokio::test]
async fn the_most_fits_the_stack_of_a_server() {
    let most = JsonOptions::MOST_DEPTH;
    // More counts as the most.
    let nest = rest(u32::MAX).await;
    let peer = nest.0.connect().await;
    for body in bodies(most) {
        let answer = nest.ask(post("/v1/echo", &body)).await;
        assert_eq!((answer.status, answer.text()), (200, &*body));
        let answer = peer.send(connect(ECHO, JSON, body.clone())).await;
        assert_eq!((answer.status.as_u16(), text(&answer)), (200, &*body));
    }
    refused(
        &nest.ask(post("/v1/echo", chain(most + 1))).await,
        400,
        3,
        &too_deep(most),
    );
}
