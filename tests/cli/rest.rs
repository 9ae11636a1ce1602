//! `descant call --protocol rest`.

mod answers;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use descant::{Gateway, demo};

use crate::process::{Ran, Server, demo_set, descant, repository, serve_beside};

const BOOK: &str = "bookshop.v1.Catalog/GetBook";

fn call(address: &str, args: &[&str]) -> Ran {
    descant([&["call", address], args, &["--protocol", "rest"]].concat())
}

/// A server that answers with what it is asked.
fn echo() -> (Server, String) {
    let proto = repository("tests/cli/shelf.proto");
    let proto = proto.to_str().unwrap().to_owned();
    (Server::start(&[&proto, "--echo"]), proto)
}

/// A server of HTTP/1.1 that gives one answer to everything and hangs up, and what it was asked.
fn once(answer: &'static str) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || answer_with(stream.unwrap(), answer, &seen));
        }
    });
    (address, requests)
}

/// The last one.
type Requests = Arc<Mutex<String>>;

fn answer_with(mut stream: TcpStream, answer: &str, seen: &Requests) {
    let (mut came, mut buffer) = (Vec::new(), [0; 4096]);
    // A head, and of a body what comes along with it.
    while !came.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).unwrap();
        came.extend_from_slice(&buffer[..count]);
        if count == 0 {
            return;
        }
    }
    *seen.lock().unwrap() = String::from_utf8_lossy(&came).into_owned();
    let _ = stream.write_all(answer.as_bytes());
}

#[test]
fn each_shape_is_called_over_either_version_of_http() {
    let server = Server::start(&[]);
    for more in [
        &[][..],
        &["--compress", "gzip"],
        &["--http1"],
        &["--http1", "--compress", "br"],
    ] {
        let with = |args: &[&str]| call(server.address(), &[args, &["-v"], more].concat());
        let version = if more.contains(&"--http1") { ", HTTP/1.1" } else { "" };
        let unary = with(&[BOOK, "-d", r#"{"id":"emma"}"#]);
        assert!(unary.out.starts_with(r#"{"id":"emma","title":"Emma""#), "{unary:?}");
        for line in [
            &*format!("> {BOOK} at {} (REST{version})\n", server.address()),
            "> GET /v1/books/emma\n",
            "< HTTP 200 OK\n",
            "< x-request-id: ",
            "< OK\n",
        ] {
            assert!(unary.err.contains(line), "{line}: {unary:?}");
        }

        let found = with(&["bookshop.v1.Catalog/SearchBooks", "-d", r#"{"query":"a & b","most":3}"#]);
        assert!(
            found.err.contains("> GET /v1/books:search?query=a%20%26%20b&most=3\n"),
            "{found:?}"
        );
        let found = with(&["bookshop.v1.Catalog/SearchBooks", "-d", r#"{"query":"e"}"#]);
        assert_eq!(
            (found.code, found.out.lines().count() > 1),
            (Some(0), true),
            "{found:?}"
        );

        let refused = r#"{"title":"?"}"#;
        let import = with(&["bookshop.v1.Catalog/ImportBooks", "-d", &[refused, refused].concat()]);
        assert!(import.out.contains(r#""refused":[{"title":"?""#), "{import:?}");
        assert!(import.out.contains(r#"{"index":1,"#), "{import:?}");

        let talk = r#"{"text":"And about gardening?"}{"text":"And about cooking?"}"#;
        let both = with(&["bookshop.v1.Desk/Chat", "-d", talk]);
        assert_eq!((both.code, both.out.lines().count()), (Some(0), 2), "{both:?}");
        let none = with(&["bookshop.v1.Desk/Chat"]);
        assert_eq!((none.code, none.out.as_str()), (Some(0), ""), "{none:?}");

        let order = r#"{"items":[{"bookId":"the-art-of-war","quantity":3}]}"#;
        let order = with(&["bookshop.v1.Desk/PlaceOrder", "-d", order]);
        assert_eq!(order.code, Some(64 + 9), "{order:?}");
        assert!(order.err.contains("< HTTP 400 Bad Request\n"), "{order:?}");
        assert!(
            order.err.contains("google.rpc.PreconditionFailure {\"violations\""),
            "{order:?}"
        );
    }
}

#[test]
fn the_first_rule_that_fits_is_taken() {
    let server = Server::start(&[]);
    for (data, line) in [
        ("{}", "> GET /v1/books\n"),
        (
            r#"{"pageSize":1,"genre":"DRAMA"}"#,
            "> GET /v1/books?pageSize=1&genre=DRAMA\n",
        ),
        (
            r#"{"atMost":{"currency":"EUR","units":"6"}}"#,
            "> GET /v1/books?atMost.currency=EUR&atMost.units=6\n",
        ),
    ] {
        let ran = call(server.address(), &["bookshop.v1.Catalog/ListBooks", "-d", data, "-v"]);
        assert!(ran.err.contains(line), "{ran:?}");
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let price = r#"{"id":"emma","price":{"currency":"EUR","units":"8"}}"#;
    let ran = call(server.address(), &["bookshop.v1.Catalog/SetPrice", "-d", price, "-v"]);
    assert!(ran.err.contains("> PUT /v1/books/emma/price\n"), "{ran:?}");
    assert!(ran.out.contains(r#""price":{"currency":"EUR","units":"8"}"#), "{ran:?}");
}

/// What a server makes of it, which answers with that.
#[test]
fn messages_arrive_as_they_were_sent() {
    let (server, proto) = echo();
    for http1 in [&[][..], &["--http1"]] {
        for (method, data, line) in [
            (
                "Read",
                r#"{"name":"shelves/ä:b?","number":"-1","raw":"//79","words":["&",""],"span":"1.500s"}"#,
                "> GET /v1/shelves/%C3%A4%3Ab%3F:read?number=-1&raw=__79&words=%26&words=&span=1.500s\n",
            ),
            // A secret goes up, and is not told.
            (
                "Read",
                r#"{"name":"shelves/a","number":"1","secret":"s"}"#,
                "> GET /v1/shelves/a:read\n",
            ),
            (
                "Read",
                r#"{"name":"a/b%2Fc","inner":{"number":"1"}}"#,
                "> GET /v1/files/a/b%252Fc?inner.number=1\n",
            ),
            (
                "Part",
                r#"{"number":"1","inner":{"name":"a/b","number":"2","labels":{"c":"d"}}}"#,
                "> PATCH /v1/a%2Fb?number=1\n",
            ),
            ("Odd", r#"{"name":"a","labels":{"b":"c"}}"#, "> QUERY /v1/odd\n"),
            ("Got", r#"{"name":"a"}"#, "> GET /v1/got\n"),
            (
                "Talk",
                "{\"name\":\"a\",\"number\":\"1\"}\n{\"name\":\"a\",\"words\":[\"x\"]}",
                "> POST /v1/talk/a\n",
            ),
            (
                "Upload",
                r#"{"contentType":"text/x-y","data":"aGFsbG8="}"#,
                "> POST /v1/upload\n",
            ),
            (
                "Pour",
                r#"{"contentType":"text/x-y","data":"aGFsbG8="}"#,
                "> POST /v1/pour\n",
            ),
        ] {
            let method = format!("shelf.v1.Shelves/{method}");
            let ran = call(
                server.address(),
                &[&[&method, &proto, "-d", data, "-v"], http1].concat(),
            );
            assert!(ran.err.contains(line), "{ran:?}");
            // With `response_body` there is nothing else.
            let wanted = if method.ends_with("Part") {
                r#"{"inner":{"name":"a/b","number":"2","labels":{"c":"d"}}}"#
            } else {
                data
            };
            assert_eq!((ran.code, ran.out.trim_end()), (Some(0), wanted), "{ran:?}");
        }
    }
}

#[test]
fn streams_go_as_an_array_too() {
    let (server, proto) = echo();
    let two = r#"{"name":"a","number":"1"}{"name":"a"}"#;
    for (data, out) in [
        (two, "{\"name\":\"a\",\"number\":\"1\"}\n{\"name\":\"a\"}\n"),
        (r#"{"name":"a"}"#, "{\"name\":\"a\"}\n"),
    ] {
        for http1 in [&[][..], &["--http1"]] {
            let args = ["shelf.v1.Shelves/Talk", &proto, "-d", data, "--array"];
            let ran = call(server.address(), &[&args[..], http1].concat());
            assert_eq!((ran.code, ran.out.as_str()), (Some(0), out), "{ran:?}");
        }
    }
    let demo = Server::start(&[]);
    let none = call(demo.address(), &["bookshop.v1.Desk/Chat", "--array"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""), "{none:?}");
    let (address, request) = once("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let set = demo_set();
    let args = ["bookshop.v1.Desk/Chat", set.to_str().unwrap(), "--array", "--http1"];
    assert_eq!(call(&address, &args).code, Some(0));
    let request = request.lock().unwrap();
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    let ran = descant(["call", &address, BOOK, "--array"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.ends_with("hint: say --protocol rest too\n"), "{ran:?}");
}

#[test]
fn what_can_not_be_sent_is_told_before() {
    let (server, proto) = echo();
    for (method, data, code, told) in [
        (
            "Plain",
            "{}",
            2,
            "error: `shelf.v1.Shelves/Plain` has no HTTP rule (google.api.http), by which REST would call it\n\
             hint: --protocol grpc, grpc-web or connect call it without one; --http-rules, or a PATH whose descriptors have the \
             rule, helps too\n",
        ),
        (
            "Read",
            r#"{"name":"a/../b"}"#,
            6,
            "error: -d cannot be sent by REST: the message fits no HTTP rule of shelf.v1.Shelves.Read: \
             GET /v1/{name=shelves/*}:read: \"name\" is \"a/../b\", which has a dot segment, and so leads elsewhere, \
             and its place in the path takes \"shelves/*\"; GET /v1/files/{name=**}: ",
        ),
        (
            "Read",
            r#"{"name":"a","labels":{"a":"b"}}"#,
            6,
            "\"labels\" is a map, which a query can't carry\nhint: ",
        ),
        (
            "Read",
            &*format!(r#"{{"name":"a","words":["{}"]}}"#, "x".repeat(70_000)),
            64 + 8,
            "error: RESOURCE_EXHAUSTED: path and query would have 70018 bytes, more than 65000, which is all that a URL can have\n",
        ),
        (
            "Talk",
            r#"{"name":"a"}{"number":"1"}"#,
            6,
            "error: -d cannot be sent by REST (message 2): ",
        ),
        (
            "Talk",
            r#"{"name":"a"}{"name":"b"}"#,
            64 + 3,
            "error: INVALID_ARGUMENT: message 2: path and query are those of the whole request, and it has others than the first \
             message\n",
        ),
        (
            "Single",
            r#"{"name":"a"}{"name":"a"}"#,
            64 + 3,
            "error: INVALID_ARGUMENT: message 2: the HTTP rule has no body, and so takes one message\n",
        ),
    ] {
        let method = format!("shelf.v1.Shelves/{method}");
        let ran = call(server.address(), &[&method, &proto, "-d", data]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains(told), "{ran:?}");
    }
}

#[test]
fn requests_are_what_servers_of_rest_take() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nnote: a\r\ntrailer-end: b\r\ncontent-length: 23\r\n\r\n\
                  {\"id\":\"emma\",\"extra\":1}";
    let (address, request) = once(answer);
    let set = demo_set();
    let args = [
        BOOK,
        set.to_str().unwrap(),
        "-d",
        r#"{"id":"emma"}"#,
        "--http1",
        "--timeout",
        "5s",
        "-v",
    ];
    let ran = call(&address, &[&args[..], &["-H", "authorization: Bearer me"]].concat());
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), "{\"id\":\"emma\"}\n"),
        "{ran:?}"
    );
    assert!(ran.err.contains("< passed over: "), "{ran:?}");
    assert!(ran.err.contains("extra"), "{ran:?}");
    assert!(ran.err.contains("< note: a\n< OK\n< trailer end: b\n"), "{ran:?}");
    let request = request.lock().unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /v1/books/emma http/1.1\r\n"), "{request}");
    for line in [
        "accept: application/json\r\n",
        "authorization: bearer me\r\n",
        "x-server-timeout: 4.",
    ] {
        assert!(request.contains(line), "{line}: {request}");
    }
    for other in [
        "content-type",
        "content-length",
        "transfer-encoding",
        "grpc-",
        "connect-",
        "te:",
    ] {
        assert!(!request.contains(other), "{other}: {request}");
    }

    let (address, request) = once("HTTP/1.1 204 No Content\r\n\r\n");
    let price = r#"{"id":"emma","price":{"units":"8"}}"#;
    let ran = call(
        &address,
        &[
            "bookshop.v1.Catalog/SetPrice",
            set.to_str().unwrap(),
            "-d",
            price,
            "--http1",
        ],
    );
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "{}\n"), "{ran:?}");
    let request = request.lock().unwrap().clone();
    assert!(
        request.starts_with("PUT /v1/books/emma/price HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    assert!(request.contains("content-length: 13\r\n"), "{request}");

    let (address, request) = once("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let ran = call(
        &address,
        &["bookshop.v1.Catalog/WatchPrices", set.to_str().unwrap(), "--http1"],
    );
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:?}");
    let request = request.lock().unwrap().clone();
    let accept = "accept: application/x-ndjson, application/json;q=0.9, text/event-stream;q=0.5\r\n";
    for line in [accept, "te: trailers\r\n", "connection: te\r\n"] {
        assert!(request.contains(line), "{line}: {request}");
    }
}

#[test]
fn a_server_without_grpc_needs_a_path() {
    let mend =
        "hint: reflection is asked by gRPC, which a server of REST need not speak: name a PATH that describes it\n";
    let (address, _request) = once("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let ran = call(&address, &[BOOK, "--http1", "-d", r#"{"id":"emma"}"#]);
    assert_eq!(ran.code, Some(64 + 14), "{ran:?}");
    assert!(
        ran.err.contains("it answers in HTTP/1.1, and gRPC needs HTTP/2"),
        "{ran:?}"
    );
    assert!(ran.err.ends_with(mend), "{ran:?}");

    let address = serve_beside(|| Gateway::builder(demo::schema().unwrap()).reflection(false));
    let ran = call(&address, &[BOOK, "-d", r#"{"id":"emma"}"#]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.ends_with(mend), "{ran:?}");

    // The other version of HTTP.
    let (address, _request) = once("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    let ran = call(&address, &[BOOK, demo_set().to_str().unwrap()]);
    assert_eq!(ran.code, Some(64 + 14), "{ran:?}");
    assert!(ran.err.ends_with("hint: say --http1 too\n"), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_called_too() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", folder.path().join("socket").display());
    let _server = Server::start(&["--listen", &address]);
    for http1 in [&[][..], &["--http1"]] {
        let ran = call(&address, &[&[BOOK, "-d", r#"{"id":"emma"}"#], http1].concat());
        assert!(ran.out.contains("Emma"), "{ran:?}");
    }
}

/// As a file has them that stands apart, whichever way the descriptors come.
#[test]
fn rules_may_stand_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, rules: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("http:\n  rules:\n{rules}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let rules = file(
        "rules.yaml",
        "  - {selector: bookshop.v1.Catalog.GetBook, get: '/v2/{id}'}\n",
    );
    let more = file(
        "more.yaml",
        "  - {selector: nobody.Knows.It, get: /nobody}\n  - {selector: grpc.health.v1.Health.Check, get: '/{nothing}'}\n",
    );
    let server = Server::start(&["--http-rules", &rules]);
    let (set, data) = (demo_set(), r#"{"id":"emma"}"#);
    for described in [&[set.to_str().unwrap()][..], &["--http-rules", &more]] {
        let ran = call(
            server.address(),
            &[&[BOOK, "-d", data, "-v", "--http-rules", &rules], described].concat(),
        );
        assert!(ran.err.contains("> GET /v2/emma\n"), "{ran:?}");
        assert!(ran.out.starts_with(r#"{"id":"emma","title":"Emma""#), "{ran:?}");
    }
    let unfit = call(
        server.address(),
        &["grpc.health.v1.Health/Check", "--http-rules", &more],
    );
    assert_eq!(unfit.code, Some(2), "{unfit:?}");
    assert!(
        unfit.err.contains("more.yaml:4:") && unfit.err.contains("\"nothing\""),
        "{unfit:?}"
    );
    let other = descant(["call", server.address(), BOOK, "--http-rules", &rules]);
    assert_eq!(
        (other.code, other.err.as_str()),
        (
            Some(2),
            "error: --http-rules is about calls by REST, and another protocol is asked for\nhint: say --protocol rest too\n"
        )
    );
}

/// An API of REST behind a face of gRPC.
#[test]
fn a_gateway_stands_before_a_server_of_rest() {
    let behind = Server::start(&[]);
    let url = format!("http://{}", behind.address());
    let set = demo_set();
    for http1 in [&[][..], &["--to-http1"]] {
        let args = [set.to_str().unwrap(), "--to", &url, "--to-protocol", "rest"];
        let front = Server::start(&[&args[..], http1].concat());
        let by_grpc = |args: &[&str]| descant([&["call", front.address()], args].concat());
        let unary = by_grpc(&[BOOK, "-d", r#"{"id":"emma"}"#]);
        assert!(unary.out.starts_with(r#"{"id":"emma","title":"Emma""#), "{unary:?}");
        let none = by_grpc(&[BOOK, "-d", r#"{"id":"none"}"#]);
        assert_eq!(none.code, Some(64 + 5), "{none:?}");
        assert!(none.err.contains("google.rpc.ResourceInfo {"), "{none:?}");
        let found = by_grpc(&["bookshop.v1.Catalog/SearchBooks", "-d", r#"{"query":"e"}"#]);
        assert!(found.out.lines().count() > 1, "{found:?}");
        let talk = r#"{"text":"And about gardening?"}{"text":"And about cooking?"}"#;
        let both = by_grpc(&["bookshop.v1.Desk/Chat", "-d", talk]);
        assert_eq!((both.code, both.out.lines().count()), (Some(0), 2), "{both:?}");
        let unfit = by_grpc(&[BOOK, "-d", r#"{"id":".."}"#]);
        assert_eq!(unfit.code, Some(64 + 3), "{unfit:?}");
    }
    let ran = descant([
        "serve",
        "--to",
        &url,
        "--to-protocol",
        "rest",
        "--listen",
        "127.0.0.1:0",
    ]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("a server of REST does not describe itself"), "{ran:?}");
}
