//! `serve`: from its banner to its end.

use std::{fs, path::Path, time::Instant};

use bytes::Bytes;
use tempfile::tempdir;

use crate::process::{PATIENCE, Server, demo_set, http, http_with, pause};

const FIRST: &str = "syntax = \"proto3\"; package first; message M {} service First { rpc Do(M) returns (M); }";
const SECOND: &str = "syntax = \"proto3\"; package second; message M {} service Second { rpc Do(M) returns (M); }";

/// Replaces a file as programs do that care for their readers.
fn replace(file: &Path, text: &str) {
    let fresh = file.with_extension("fresh");
    fs::write(&fresh, text).unwrap();
    fs::rename(fresh, file).unwrap();
}

#[test]
fn the_banner_says_how_to_call() {
    let server = Server::start(&[]);
    let address = server.address();
    let banner = server.out();
    for line in [
        format!("  {address} (plain text)"),
        "  bookshop.v1.Catalog (8 methods)".into(),
        format!("  grpcurl -plaintext {address} list"),
        format!("  grpcurl -plaintext -d '{{\"id\":\"emma\"}}' {address} bookshop.v1.Catalog/GetBook"),
    ] {
        assert!(banner.lines().any(|shown| shown == line), "{line}\n{banner}");
    }
}

#[test]
fn every_listener_is_ready() {
    let server = Server::start(&["--listen", "[::1]:0", "--workers", "3"]);
    assert_eq!(server.addresses.len(), 2, "{:?}", server.addresses);
    for address in &server.addresses {
        let ran = crate::process::descant(["list", "--from", address]);
        assert_eq!(ran.code, Some(0), "{address}: {ran:?}");
    }
}

const LIBRARY: &str = r#"
syntax = "proto3";
package library;
import "google/api/annotations.proto";
import "google/protobuf/field_mask.proto";
enum Kind { NONE = 0; NOVEL = 1; }
message Book { string name = 1; int64 copies = 2; Kind kind = 3; int32 page_count = 4; }
message Change { Book book = 1; google.protobuf.FieldMask update_mask = 2; }
service Library {
  rpc Get(Book) returns (Book) { option (google.api.http) = { get: "/v1/books/{name}" }; }
  rpc Update(Change) returns (Change) { option (google.api.http) = { patch: "/v1/books/{book.name}" body: "book" }; }
  rpc Plain(Book) returns (Book);
}
"#;

/// What REST answers to each request, body and all, with these options of `serve`.
fn rest<const N: usize>(options: &[&str], requests: [(&str, &str); N]) -> [String; N] {
    let folder = tempdir().unwrap();
    let file = folder.path().join("library.proto");
    fs::write(&file, LIBRARY).unwrap();
    let server = Server::start(&[&[file.to_str().unwrap(), "--echo"], options].concat());
    requests.map(|(request, body)| {
        let (status, answer) = http_with(server.address(), request, body);
        format!("{} {answer}", status.split(' ').nth(1).unwrap())
    })
}

#[test]
fn an_echo_can_be_tried_with_curl_alone() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("library.proto");
    fs::write(&file, LIBRARY).unwrap();
    let server = Server::start(&[file.to_str().unwrap(), "--echo"]);
    let line = format!(
        "  curl -H 'content-type: application/json' -d '{{}}' http://{}/library.Library/Get\n",
        server.address()
    );
    assert!(server.out().contains(&line), "{}", server.out());
}

#[test]
fn rest_can_be_spoken_otherwise() {
    let query = ("GET /v1/books/a?key=b", "");
    let patch = ("PATCH /v1/books/a", r#"{"copies":0}"#);
    let plain = ("POST /library.Library/Plain", r#"{"name":"a"}"#);
    let unknown = ("PATCH /v1/books/a", r#"{"nonsense":1}"#);
    let [refused, filled, no_such, wrong] = rest(&[], [query, patch, plain, unknown]);
    assert!(
        refused.starts_with("400 ") && wrong.starts_with("400 "),
        "{refused} {wrong}"
    );
    assert_eq!(filled, r#"200 {"book":{"name":"a"},"updateMask":"copies"}"#);
    assert!(no_such.starts_with("415 "), "{no_such}");
    let options = ["--no-update-mask", "--unbound-methods", "--ignore-unknown"];
    assert_eq!(
        rest(&options, [patch, plain, unknown]),
        [
            r#"200 {"book":{"name":"a"}}"#,
            r#"200 {"name":"a"}"#,
            r#"200 {"book":{"name":"a"}}"#
        ]
    );
    for (ignored, status) in [("key", "200"), ("*", "200"), ("other", "400")] {
        let [answer] = rest(&["--ignore-parameter", ignored], [query]);
        assert!(answer.starts_with(status), "{ignored}: {answer}");
    }
}

#[test]
fn rest_can_be_written_otherwise() {
    let full = ("GET /v1/books/a?copies=5&kind=NOVEL&page_count=7", "");
    let empty = ("GET /v1/books/a", "");
    for (option, wanted) in [
        (
            "--proto-names",
            r#"{"name":"a","copies":"5","kind":"NOVEL","page_count":7}"#,
        ),
        (
            "--enums-as-numbers",
            r#"{"name":"a","copies":"5","kind":1,"pageCount":7}"#,
        ),
        (
            "--integers-as-numbers",
            r#"{"name":"a","copies":5,"kind":"NOVEL","pageCount":7}"#,
        ),
    ] {
        let [answer, without] = rest(&[option], [full, empty]);
        assert_eq!(answer, format!("200 {wanted}"), "{option}");
        assert_eq!(without, r#"200 {"name":"a"}"#, "{option}");
    }
    let unknown = ("GET /v1/books/a?nope=1", "");
    let [defaults, pretty, error] = rest(&["--emit-defaults", "--pretty"], [empty, empty, unknown]);
    assert!(error.starts_with("400 {\n  \"code\": 3,\n"), "{error}");
    assert_eq!(defaults, pretty);
    assert!(
        pretty.contains("\n  \"copies\": \"0\",\n  \"kind\": \"NONE\""),
        "{pretty}"
    );
}

#[test]
fn silence_is_kept_if_it_is_asked_for() {
    let mut server = Server::start(&["--log-level", "off"]);
    server.signal("TERM");
    assert!(server.end().success());
    assert_eq!((server.out().as_str(), server.err().as_str()), ("", ""));
}

#[test]
fn log_lines_can_be_json() {
    let mut server = Server::start(&["--log-format", "json"]);
    server.signal("TERM");
    assert!(server.end().success());
    let lines: Vec<serde_json::Value> = server
        .err()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(server.out(), "");
    assert_eq!(lines[0]["addresses"], server.address());
    assert_eq!(lines[0]["message"], "serving 9 files, 2 services, 10 methods");
    let last = lines.last().unwrap()["message"].as_str().unwrap();
    assert!(last.starts_with("SIGTERM: stopping"), "{last}");
}

#[test]
fn a_signal_stops_and_leaves_nothing_behind() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[]);
        server.signal(signal);
        assert_eq!(server.end().code(), Some(0), "{signal}");
        assert!(!server.folder.path().join("ready").exists());
    }
}

/// Holds a call open: a watch of prices that never ends.
fn with_open_call(server: &mut Server, then: impl FnOnce(&mut Server)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let call = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::post(format!("http://{}/bookshop.v1.Catalog/WatchPrices", server.address()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap();
        let (response, mut body) = client.send_request(request, false).unwrap();
        body.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
        let mut replies = response.await.unwrap().into_body();
        assert!(replies.data().await.unwrap().is_ok());
        (client, replies)
    });
    then(server);
    drop(call);
}

#[test]
fn calls_in_flight_get_their_grace_and_no_more() {
    let mut server = Server::start(&["--grace", "1s"]);
    with_open_call(&mut server, |server| {
        let start = Instant::now();
        server.signal("TERM");
        assert_eq!(server.end().code(), Some(0));
        assert!(start.elapsed().as_millis() >= 900, "{:?}", start.elapsed());
        assert!(
            server.err().contains("requests were not finished within"),
            "{}",
            server.err()
        );
    });
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(&["--grace", "1h"]);
    with_open_call(&mut server, |server| {
        server.signal("TERM");
        server.until("it says so", |server| server.err().contains("SIGTERM: stopping"));
        server.signal("TERM");
        assert_eq!(server.end().code(), Some(143));
    });
}

#[test]
fn a_change_that_is_watched_is_served() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("api.proto");
    fs::write(&file, FIRST).unwrap();
    let mut server = Server::start_in(folder, &["--watch", file.to_str().unwrap()]);
    assert!(server.services().starts_with("first.First\n"));
    replace(&file, SECOND);
    server.until("the change is served", |server| {
        server.services().contains("second.Second\n")
    });
    replace(&file, "syntax = \"proto3\"; message M { Missing m = 1; }");
    server.until("the fault is told", |server| server.err().contains("not reloaded"));
    assert!(server.services().contains("second.Second\n"));
}

#[test]
fn a_reload_is_a_signal_or_a_request() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("api.proto");
    fs::write(&file, FIRST).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let admin = port.to_string();
    let mut server = Server::start_in(folder, &["--admin", &admin, file.to_str().unwrap()]);
    fs::write(&file, SECOND).unwrap();
    server.signal("HUP");
    server.until("the change is served", |server| {
        server.services().contains("second.Second\n")
    });

    fs::write(&file, FIRST).unwrap();
    let (status, body) = http(&admin, "POST /reload");
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    assert!(server.services().contains("first.First\n"));

    fs::write(&file, "syntax = \"proto3\"; message M { Missing m = 1; }").unwrap();
    let (status, body) = http(&admin, "POST /reload");
    assert_eq!(status, "HTTP/1.1 422 Unprocessable Entity");
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(report["reloaded"], false);
    assert!(!report["findings"].as_array().unwrap().is_empty(), "{body}");
    assert!(server.services().contains("first.First\n"));
}

#[test]
fn admin_pages_tell_how_the_server_is() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let admin = port.to_string();
    let mut server = Server::start(&["--admin", &admin, "--grace", "1h"]);
    assert_eq!(
        http(&admin, "GET /healthz"),
        ("HTTP/1.1 200 OK".into(), "alive\n".into())
    );
    assert_eq!(
        http(&admin, "GET /readyz"),
        ("HTTP/1.1 200 OK".into(), "ready\n".into())
    );
    let (_, schema) = http(&admin, "GET /schema");
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["services"][0]["name"], "bookshop.v1.Catalog");
    assert_eq!(http(&admin, "GET /").0, "HTTP/1.1 404 Not Found");
    assert_eq!(http(&admin, "GET /reload").0, "HTTP/1.1 405 Method Not Allowed");
    let (status, _) = http(
        &admin,
        "POST /reload HTTP/1.1\r\norigin: http://evil.example\r\nx: y\r\nx-",
    );
    assert!(status.contains("403") || status.contains("400"), "{status}");
    with_open_call(&mut server, |server| {
        server.signal("TERM");
        let start = Instant::now();
        while http(&admin, "GET /readyz").1 != "draining\n" || server.folder.path().join("ready").exists() {
            assert!(start.elapsed() < PATIENCE);
            pause();
        }
    });
}

#[test]
fn an_admin_port_that_is_taken_is_no_reason_not_to_serve() {
    // It may be taken by somebody else already: just as good.
    let _taken = std::net::TcpListener::bind("127.0.0.1:9901");
    let folder = tempdir().unwrap();
    let ready = folder.path().join("ready");
    let mut child = crate::process::command(["serve", "--listen", "127.0.0.1:0", "--ready-file"])
        .arg(&ready)
        .stdout(std::process::Stdio::null())
        .stderr(fs::File::create(folder.path().join("err")).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !ready.exists() {
        assert!(start.elapsed() < PATIENCE);
        pause();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let err = fs::read_to_string(folder.path().join("err")).unwrap();
    assert!(err.contains("no admin pages: cannot listen on 127.0.0.1:9901"), "{err}");
}

#[test]
fn a_set_without_handlers_says_so() {
    let server = Server::start(&[demo_set().to_str().unwrap()]);
    let banner = server.out();
    assert!(
        banner.contains("answered by nothing yet: every call gets UNIMPLEMENTED"),
        "{banner}"
    );
    assert!(server.services().contains("bookshop.v1.Catalog\n"));
}

#[test]
fn http_rules_may_stand_apart_and_are_reloaded() {
    let rules = |path: &str| format!("http:\n  rules:\n  - selector: bookshop.v1.Catalog.GetBook\n    get: {path}\n");
    let folder = tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, rules("/v9/{id}")).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let mut server = Server::start_in(folder, &["--http-rules", &file]);
    let get = |server: &Server, path: &str| http(server.address(), &format!("GET {path}")).0;
    assert!(get(&server, "/v9/emma").contains(" 200 "));
    assert!(
        get(&server, "/v1/books/emma").contains(" 405 "),
        "DELETE is still there"
    );
    replace(Path::new(&file), &rules("/v10/{id}"));
    server.signal("HUP");
    server.until("the new rule", |server| get(server, "/v10/emma").contains(" 200 "));
    replace(Path::new(&file), &rules("/v11/{nothing}"));
    server.signal("HUP");
    server.until("the findings", |server| server.err().contains("rules.yaml:3:5"));
    assert!(get(&server, "/v10/emma").contains(" 200 "));
}

#[test]
fn calls_are_answered_by_the_server_behind() {
    let behind = Server::start(&[]);
    let set = demo_set();
    let url = format!("http://{}", behind.address());
    let front = Server::start(&[set.to_str().unwrap(), "--to", &url, "--workers", "2"]);
    let banner = front.out();
    assert!(banner.contains(&format!("answered by {url}\n")), "{banner}");
    let get = "GET /v1/books/emma";
    assert_eq!(http(front.address(), get), http(behind.address(), get));
    let missing = "GET /v1/books/nowhere";
    let (status, body) = http(front.address(), missing);
    assert_eq!((status, body), http(behind.address(), missing));
    drop(behind);
    let (status, body) = http(front.address(), get);
    assert!(status.contains(" 503 "), "{status}");
    assert!(body.contains(&format!("cannot connect to {url}: ")), "{body}");
}
