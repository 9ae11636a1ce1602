//! `explain`, to the letter, and the admin page of that name.

use std::net::TcpListener;

use crate::process::{Server, demo_set, descant, http, repository};

/// After a change of what is told, run this test with `UPDATE_SNAPSHOTS=1`.
fn explains(name: &str, args: &[&str]) {
    let ran = descant(std::iter::once("explain").chain(args.iter().copied()));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
    let path = repository(&format!("tests/cli/snapshots/explain-{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &ran.out).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(ran.out, expected, "{}: run with UPDATE_SNAPSHOTS=1", path.display());
}

#[test]
fn what_a_request_calls() {
    let set = demo_set();
    explains("get", &[set.to_str().unwrap(), "GET /v1/books/emma%20b"]);
    explains("query", &["GET /v1/genres/NOVEL/books?pageSize=2"]);
    let price = r#"{"currency":"EUR","units":"5"}"#;
    explains("put", &["PUT /v1/books/emma/price", "-d", price]);
    explains("stream", &["POST /v1/books:import", "-d", r#"[{"id":"a"},{"id":"b"}]"#]);
    let json = ["-H", "content-type: application/json", "-d", r#"{"id":"emma"}"#];
    explains("connect", &[&["POST /bookshop.v1.Catalog/GetBook"], &json[..]].concat());
}

#[test]
fn why_a_request_calls_nothing() {
    explains("unknown", &["GET /v1/bookz"]);
    explains("method", &["PATCH /v1/books/emma"]);
    explains("path", &["GET /v1/%2e%2e/books"]);
    explains("parameter", &["GET /v1/books?pageSiez=2&pageSize=1"]);
    explains("member", &["POST /v1/orders", "-d", r#"{"items":[{"quantity":"x"}]}"#]);
    let plain = ["-H", "content-type: text/plain", "-d", "emma"];
    let json = ["-H", "content-type: application/json", "-d", "{}"];
    explains("misspelt", &[&["POST /bookshop.v1.Catalog/GetBok"], &json[..]].concat());
    explains("form", &["POST /bookshop.v1.Catalog/GetBook", "-d", "id=emma"]);
    explains("type", &[&["PUT /v1/books/emma/price"], &plain[..]].concat());
}

#[test]
fn explanations_for_programs() {
    let ran = descant(["explain", "--format", "json", "GET /v1/books/emma"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["protocol"], "REST");
    assert_eq!(told["method"], "bookshop.v1.Catalog/GetBook");
    assert_eq!(told["templates"][0]["wins"], true);
    assert_eq!(told["fields"][0]["origin"], "path");
    assert_eq!(told["messages"][0]["id"], "emma");
    assert!(told["answer"].is_null());
}

#[test]
fn what_is_no_request_is_a_usage_error() {
    for args in [
        &["GET"][..],
        &["GET /v1/a b"],
        &["G@T /v1"],
        &["GET /v1", "-H", "nonsense"],
        &["GET /v1", "-d", "@missing"],
    ] {
        let ran = descant(std::iter::once("explain").chain(args.iter().copied()));
        assert_eq!(ran.code, Some(2), "{args:?}: {ran:?}");
        assert!(ran.err.starts_with("error: "), "{args:?}: {ran:?}");
    }
}

#[test]
fn what_is_no_target_is_told_how_to_become_one() {
    for (request, says) in [
        (
            "GET v1/books",
            "error: \"v1/books\" is no path: a path begins with `/`\n",
        ),
        (
            "GET /v1/books?pageSize=1#x",
            "error: \"/v1/books?pageSize=1#x\" has a fragment: `#` and what follows it stays with the client; leave it out, or write \
             `%23`\n",
        ),
        (
            "GET /v1/a b",
            "error: \"/v1/a b\" has a blank in it: write it as `%20`\n",
        ),
    ] {
        assert_eq!(descant(["explain", request]).err, says);
    }
}

#[test]
fn a_server_tells_which_handler_answers() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let admin = port.to_string();
    let _server = Server::start(&["--admin", &admin]);
    let (status, told) = http(&admin, "GET /explain?request=GET+/v1/books/emma&header=accept:%20*/*");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["messages"][0]["id"], "emma");
    let handler = told["handler"].as_str().unwrap();
    assert!(handler.ends_with(", by route `bookshop.v1.Catalog`"), "{handler}");
    let (status, told) = http(&admin, "GET /explain?request=GET+/v1/books%23x");
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    assert_eq!(
        told,
        "\"/v1/books#x\" has a fragment: `#` and what follows it stays with the client; leave it out, or write `%23`\n"
    );
    assert_eq!(http(&admin, "GET /explain").0, "HTTP/1.1 400 Bad Request");
    assert_eq!(http(&admin, "GET /explain?request=GET").0, "HTTP/1.1 400 Bad Request");
    assert_eq!(http(&admin, "GET /explain?what=GET+/").0, "HTTP/1.1 400 Bad Request");
}
