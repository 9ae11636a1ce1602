//! Two mounts on one port.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use descant::{Cors, Gateway, Limits, Mount, MountBuilder, Schema, Server, Tls, descriptors::Builtin};
use descant_handlers::{Call, Metadata, Reply, Status, from_fn};
use h2::Reason;
use http::StatusCode;
use tokio::time::sleep;

use super::{BOOKSHOP, CATALOG, SHAPES, SUITE, address, bare, call, closed, connect, health, listed, schema};
use crate::support::{Ask, BIDI, UNARY, WAIT, certificates::Authority, soon, text};

pub(super) const GET_BOOK: &str = "/bookshop.v1.Catalog/GetBook";

/// A port that nobody has, most likely.
pub(super) fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Gives back what it gets, and says whose state it has.
async fn tells(call: Call) -> Result<Reply, Status> {
    let mut metadata = Metadata::new();
    metadata.insert("state", call.state::<String>()?)?;
    Ok(Reply::new(call.messages).with_metadata(metadata))
}

fn shapes(port: u16) -> MountBuilder {
    bare(SUITE)
        .port(port)
        .name("shapes")
        .state(String::from("of shapes"))
        .route(format!("{SHAPES}/Unary"), from_fn(tells))
        .route(format!("{SHAPES}/Wait"), from_fn(|_| std::future::pending()))
}

pub(super) fn books(port: u16) -> MountBuilder {
    bare(BOOKSHOP)
        .port(port)
        .name("books")
        .state(String::from("of books"))
        .route(CATALOG, from_fn(tells))
}

async fn state(mount: &Mount, path: &str) -> Result<String, i32> {
    let answer = call(mount, Ask::empty(path)).await;
    let state = answer.headers.get("state");
    state
        .map(|state| state.to_str().unwrap().to_owned())
        .ok_or(answer.code().unwrap())
}

#[tokio::test]
async fn they_share_one_server_and_nothing_else() {
    let port = free();
    let shapes = shapes(port).start().await.unwrap();
    let books = books(port).start().await.unwrap();
    assert_eq!((shapes.port(), books.port()), (Some(port), Some(port)));
    let server = books.server().unwrap();
    assert_eq!(server.mounts().collect::<Vec<_>>(), ["shapes", "books"]);
    for mount in [&shapes, &books] {
        assert_eq!(state(mount, UNARY).await.unwrap(), "of shapes");
        assert_eq!(state(mount, GET_BOOK).await.unwrap(), "of books");
    }
    // Calls of both on one connection, and REST.
    let peer = connect(&books).await;
    let page = Ask::bytes("/v1/books/emma", [&b""[..]])
        .method(http::Method::GET)
        .without("content-type");
    let page = peer.send(page).await;
    assert_eq!(
        (page.status.as_u16(), &page.headers["state"]),
        (200, &"of books".parse().unwrap())
    );
    assert_eq!(peer.send(Ask::empty(UNARY)).await.code(), Some(0));
    assert_eq!(peer.send(Ask::empty("/nobody.Knows/This")).await.code(), Some(12));

    let names = listed(&shapes).await;
    assert!(names.contains(SHAPES) && names.contains(CATALOG), "{names}");
    assert_eq!(
        (health(&shapes, CATALOG).await, health(&books, SHAPES).await),
        (Ok(1), Ok(1))
    );

    // The first one goes; the connection stays.
    shapes.stop().await.unwrap();
    assert_eq!(peer.send(Ask::empty(GET_BOOK)).await.code(), Some(0));
    assert_eq!(peer.send(Ask::empty(UNARY)).await.code(), Some(12));
    let names = listed(&books).await;
    assert!(!names.contains(SHAPES) && names.contains(CATALOG), "{names}");
    assert_eq!(
        (health(&books, SHAPES).await, health(&books, CATALOG).await),
        (Err(5), Ok(1))
    );
    assert_eq!(health(&books, "").await, Ok(1));

    // It may come back, and the last one closes the port.
    shapes.start().await.unwrap();
    assert_eq!(state(&books, UNARY).await.unwrap(), "of shapes");
    books.stop().await.unwrap();
    assert_eq!(state(&shapes, GET_BOOK).await, Err(12));
    let at = address(&shapes);
    shapes.stop().await.unwrap();
    closed(at).await;
}

#[tokio::test]
async fn methods_of_one_schema_may_be_answered_by_two() {
    let port = free();
    let one = shapes(port).start().await.unwrap();
    let bidi = bare(SUITE).port(port).route(
        format!("{SHAPES}/Bidi"),
        from_fn(|call: Call| async move { Ok(Reply::new(call.messages)) }),
    );
    let two = bidi.start().await.unwrap();
    assert_eq!(state(&two, UNARY).await.unwrap(), "of shapes");
    let peer = connect(&one).await;
    assert_eq!(peer.send(Ask::one(BIDI, &text("hi"))).await.code(), Some(0));
}

#[tokio::test]
async fn a_method_of_both_is_an_error_that_names_both() {
    let port = free();
    let one = shapes(port).start().await.unwrap();
    let other = shapes(port).name("others").build().unwrap();
    let error = other.start().await.unwrap_err();
    assert!(error.is_clash(), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "mounts `shapes` and `others` share 127.0.0.1:{port}, and both answer descant.suite.v1.Shapes.Unary: only one \
             of them can, so leave its route out of the other, or give that another port"
        )
    );
    assert!(!other.is_running());
    assert!(one.is_running());
    one.stop().await.unwrap();
    other.start().await.unwrap();
}

/// The bookshop's rule for one book, on another method.
const LIBRARY: &str = r#"
syntax = "proto3";
package library;
import "google/api/annotations.proto";
message Asked { string name = 1; }
service Shelf {
  rpc Find(Asked) returns (Asked) { option (google.api.http) = { get: "/v1/books/{name}" }; }
  rpc Paint(Asked) returns (Asked) { option (google.api.http) = { patch: "/v1/genres/{name}/books" }; }
}
"#;

fn library(port: u16) -> MountBuilder {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("library.proto");
    std::fs::write(&file, LIBRARY).unwrap();
    let schema = Schema::load(file.to_str().unwrap()).unwrap();
    Mount::builder(schema).host("127.0.0.1").port(port).name("library")
}

#[tokio::test]
async fn a_rule_of_both_is_an_error_that_names_both() {
    let port = free();
    let _books = books(port).start().await.unwrap();
    let library = library(port).route("*", from_fn(tells)).start().await;
    let error = library.unwrap_err();
    assert!(error.is_clash(), "{error}");
    let said = format!(
        "mounts `books` and `library` share 127.0.0.1:{port}, and both answer GET /v1/books/{{name}}: only one"
    );
    assert!(error.to_string().starts_with(&said), "{error}");
}

#[tokio::test]
async fn a_preflight_is_for_whoever_gets_the_request() {
    let port = free();
    let _books = books(port).start().await.unwrap();
    let library = library(port)
        .state(String::from("of the library"))
        .route("library.Shelf/Paint", from_fn(tells))
        .gateway(|gateway| gateway.cors(Cors::allow(["https://shelf.example"]).unwrap()));
    let library = library.start().await.unwrap();
    let preflight = Ask::bytes("/v1/genres/new/books", [&b""[..]])
        .without("content-type")
        .method(http::Method::OPTIONS)
        .header("origin", "https://shelf.example")
        .header("access-control-request-method", "PATCH");
    let answer = call(&library, preflight).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "https://shelf.example");
}

#[tokio::test]
async fn other_options_are_an_error_that_names_both() {
    let issued = Authority::new().issue("descant.test");
    let tls = || Tls::builder().certificate(issued.certificate.clone(), issued.key.clone());
    let mut limits = Limits::default();
    limits.streams = 7;
    let port = free();
    let plain = shapes(port).start().await.unwrap();
    for (other, what) in [
        (books(port).tls(tls().build().unwrap()), "TLS"),
        (books(port).limits(limits), "limits"),
        (books(port).workers(2), "workers"),
        (books(port).reuse_port(true), "reuse_port"),
    ] {
        let error = other.start().await.unwrap_err();
        assert!(error.is_clash(), "{error}");
        let said = format!("mounts `shapes` and `books` share 127.0.0.1:{port}, but not their {what}");
        assert!(error.to_string().starts_with(&said), "{error}");
    }
    drop(plain);
    // The same files are the same TLS.
    let port = free();
    let _one = shapes(port).tls(tls().build().unwrap()).start().await.unwrap();
    books(port).tls(tls().build().unwrap()).start().await.unwrap();
}

#[tokio::test]
async fn one_that_leaves_lets_its_own_calls_finish_and_cuts_off_the_rest() {
    let port = free();
    let shapes = shapes(port).start().await.unwrap();
    let books = books(port).start().await.unwrap();
    let peer = connect(&books).await;
    let mut open = peer.open(Ask::empty(WAIT)).await;
    open.body.send_data(vec![0; 5].into(), true).unwrap();
    sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    soon(shapes.stop_within(Duration::from_millis(300))).await.unwrap();
    assert!((Duration::from_millis(250)..Duration::from_secs(2)).contains(&began.elapsed()));
    let answer = soon(open.answer()).await;
    assert_eq!(
        (answer.status, answer.reset),
        (StatusCode::OK, Some(Reason::INTERNAL_ERROR)),
        "its head comes before the cut"
    );
    assert_eq!(
        peer.send(Ask::empty(GET_BOOK)).await.code(),
        Some(0),
        "the connection stays"
    );
}

#[tokio::test]
async fn one_that_is_dropped_leaves_the_other() {
    let port = free();
    let shapes = shapes(port).start().await.unwrap();
    let books = books(port).start().await.unwrap();
    drop(shapes);
    assert_eq!(state(&books, UNARY).await, Err(12));
    assert_eq!(state(&books, GET_BOOK).await.unwrap(), "of books");
}

#[tokio::test]
async fn what_reflection_tells_is_what_each_lets_it_tell() {
    let port = free();
    let quiet = shapes(port).reflection(false).start().await.unwrap();
    let answer = call(
        &quiet,
        Ask::empty("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
    )
    .await;
    assert_eq!(answer.code(), Some(12));
    let books = books(port).reflect_only([CATALOG]).start().await.unwrap();
    let names = listed(&quiet).await;
    assert!(!names.contains(SHAPES) && names.contains(CATALOG), "{names}");
    drop(books);
}

#[tokio::test]
async fn a_reload_is_told_by_all_and_must_not_clash() {
    let port = free();
    let shapes = shapes(port).start().await.unwrap();
    let other = bare(BOOKSHOP).port(port).name("other").route("*", from_fn(tells));
    let other = other.start().await.unwrap();
    let error = other.gateway().reload(schema(SUITE)).unwrap_err();
    assert!(error.is_clash(), "{error}");
    assert!(listed(&shapes).await.contains(CATALOG));
    let small = Schema::builder().builtin(Builtin::Health).build().unwrap();
    other.gateway().reload(small).unwrap();
    assert!(!listed(&shapes).await.contains(CATALOG));
}

#[tokio::test]
async fn a_port_may_be_shared_with_others_who_ask_for_that() {
    let port = free();
    let gateway = Gateway::builder(schema(BOOKSHOP)).build().unwrap();
    let server = Server::builder(gateway)
        .listen(format!("127.0.0.1:{port}"))
        .reuse_port(true);
    let _server = server.bind().await.unwrap();
    let mount = shapes(port).build().unwrap();
    assert!(mount.start().await.unwrap_err().is_bind());
    shapes(port).reuse_port(true).start().await.unwrap();
}
