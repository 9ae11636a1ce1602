//! `descant call` beside servers that do what one does not expect.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::{Request, Response, response::Builder};

use crate::process::{Ran, Server, beside, demo_set, descant};

const BOOK: &str = "bookshop.v1.Catalog/GetBook";

/// A server of HTTP/2 that answers each request so.
fn answering(answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) + Clone + Send + 'static) -> String {
    beside(|tell| async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell.send(listener.local_addr().unwrap().to_string()).unwrap();
        while let Ok((socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut builder = h2::server::Builder::new();
                builder.max_header_list_size(4 << 20);
                let mut connection = builder.handshake(socket).await.unwrap();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    answer(request, respond);
                }
            });
        }
    })
}

/// The head of a reply of gRPC.
fn head() -> Builder {
    Response::builder().header("content-type", "application/grpc")
}

/// Calls a method of the demo, which need not describe itself there.
fn call(address: &str, args: &[&str]) -> Ran {
    let set = demo_set();
    descant([&["call", address, BOOK, set.to_str().unwrap()], args].concat())
}

#[test]
fn a_request_id_is_what_the_user_says_and_nothing_else() {
    let address = answering(|request, mut respond| {
        let ids: Vec<_> = request.headers().get_all("x-request-id").iter().collect();
        let head = head()
            .header("grpc-status", "9")
            .header("grpc-message", format!("{ids:?}"));
        respond.send_response(head.body(()).unwrap(), true).unwrap();
    });
    let none = call(&address, &[]);
    assert!(none.err.contains("FAILED_PRECONDITION: []\n"), "{none:?}");
    let said = call(&address, &["-v", "-H", "x-request-id: mine"]);
    assert!(said.err.contains("FAILED_PRECONDITION: [\"mine\"]\n"), "{said:?}");
    assert!(said.err.contains("> x-request-id: mine\n"), "{said:?}");
}

/// A message of `GetBook`'s reply with this id, in gzip, in its envelope.
fn zipped(id: &str) -> Bytes {
    let message = [&[0x0a, u8::try_from(id.len()).unwrap()], id.as_bytes()].concat();
    let gzip = descant::handlers::Encoding::named("gzip").unwrap();
    envelope(1, &gzip.compress(&message).unwrap())
}

fn envelope(flag: u8, message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat().into()
}

/// A reply of these bytes, and trailers.
fn reply(head: Builder, body: Bytes, mut respond: SendResponse<Bytes>, trailers: &[(&'static str, &str)]) {
    let mut sending = respond.send_response(head.body(()).unwrap(), false).unwrap();
    sending.send_data(body, false).unwrap();
    let trailers = trailers.iter().map(|(name, value)| {
        let name = http::HeaderName::from_static(name);
        (name, value.parse().unwrap())
    });
    sending.send_trailers(trailers.collect()).unwrap();
}

const OK: (&str, &str) = ("grpc-status", "0");

#[test]
fn replies_may_be_compressed_unasked() {
    let address = answering(|request, respond| {
        let taken = request.headers().get("grpc-accept-encoding").unwrap();
        assert_eq!(taken, descant::handlers::Encodings::all());
        reply(head().header("grpc-encoding", "gzip"), zipped("z"), respond, &[OK]);
    });
    let ran = call(&address, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "{\"id\":\"z\"}\n"), "{ran:?}");
    for quiet in [&[][..], &["-q"]] {
        let small = call(&address, &[&["--max-message", "2"], quiet].concat());
        assert_eq!(small.code, Some(64 + 8), "{small:?}");
        let is_told = small.err.contains("hint: --max-message SIZE takes larger ones");
        assert_eq!(is_told, quiet.is_empty(), "{small:?}");
    }
}

#[test]
fn a_reply_that_does_not_inflate_is_a_failure_of_the_call() {
    let address = answering(|_, respond| {
        reply(
            head().header("grpc-encoding", "gzip"),
            envelope(1, b"no gzip"),
            respond,
            &[OK],
        );
    });
    let ran = call(&address, &["-q"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(64 + 13), ""), "{ran:?}");
}

#[test]
fn a_request_may_be_in_a_coding_that_the_server_has_not() {
    let address = answering(|_, mut respond| {
        let head = head().header("grpc-status", "12").body(()).unwrap();
        respond.send_response(head, true).unwrap();
    });
    let ran = call(&address, &["--compress", "gzip"]);
    let hint = "hint: does it take messages in gzip? else leave out --compress\n";
    assert!(ran.code == Some(64 + 12) && ran.err.ends_with(hint), "{ran:?}");
}

#[test]
fn heads_and_trailers_may_be_long() {
    let address = answering(|_, respond| {
        let long = "x".repeat(50 << 10);
        let head = (0..4).fold(head(), |head, _| head.header("long", &long));
        let trailers = [
            ("grpc-status", "9"),
            ("grpc-message", "no"),
            ("longer", &*long.repeat(10)),
        ];
        reply(head, Bytes::new(), respond, &trailers);
    });
    let ran = call(&address, &["-v"]);
    assert_eq!(ran.code, Some(64 + 9), "{}", ran.err.len());
    assert!(ran.err.len() > 700 << 10, "{}", ran.err.len());
}

/// An answer of HTTP/1.1, however it is asked.
fn answering_http1(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn so_may_those_of_http1() {
    let fields = "long: value\r\n".repeat(5000) + &format!("longer: {}\r\n", "x".repeat(100 << 10));
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\n{fields}content-length: 3\r\n\r\n\n\x01z");
    let address = answering_http1(answer);
    let ran = call(&address, &["--protocol", "connect", "--http1"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "{\"id\":\"z\"}\n"), "{ran:?}");
}

/// A server that says so to each connection, before it hears anything or behind that, and hangs up or not.
fn blurting(said: &'static [u8], first: bool, hangs_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Of several connections not each is asked something.
            thread::spawn(move || {
                if !first {
                    let _ = stream.read(&mut [0; 16]);
                }
                let _ = stream.write_all(said);
                if !hangs_up {
                    let _ = stream.read_to_end(&mut Vec::new());
                }
            });
        }
    });
    address
}

#[test]
fn what_does_not_speak_http1_is_found_out_however_soon_it_speaks() {
    let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
    for (said, told) in [
        (&settings[..], "it answers in HTTP/2\nhint: leave out --http1\n"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it speaks SSH\n"),
    ] {
        for (first, hangs_up) in [(true, false), (true, true), (false, false), (false, true)] {
            let address = blurting(said, first, hangs_up);
            let told = format!("error: cannot connect to {address}: {told}");
            let way = ["--protocol", "connect", "--http1"];
            let described = call(&address, &way);
            assert_eq!(
                (described.code, &described.err),
                (Some(64 + 14), &told),
                "{first} {hangs_up}"
            );
            let asked = descant([&["call", &address, BOOK], &way[..]].concat());
            assert_eq!((asked.code, &asked.err), (Some(64 + 14), &told), "{first} {hangs_up}");
        }
    }
}

#[test]
fn details_that_do_not_parse_are_told_as_such() {
    // Two of a `google.rpc.Status`: an ErrorInfo that ends too soon, and a type that nobody knows.
    let any = |name: &str, value: &[u8]| prost_types::Any {
        type_url: format!("type.googleapis.com/{name}"),
        value: value.to_vec(),
    };
    let status = descant::handlers::Status::aborted("no")
        .with_any(any("google.rpc.ErrorInfo", b"\x0a\x09x"))
        .with_any(any("a.B", b"hi"));
    let details = STANDARD_NO_PAD.encode(status.to_details_bin().unwrap());
    let address = answering(move |_, mut respond| {
        let head = head().header("grpc-status", "10").header("grpc-message", "no");
        let head = head.header("grpc-status-details-bin", &details).body(()).unwrap();
        respond.send_response(head, true).unwrap();
    });
    let ran = call(&address, &[]);
    let (broken, unknown) = (
        "\n  google.rpc.ErrorInfo (it does not parse: ",
        ") base64:Cgl4\n  a.B (its descriptor is missing) base64:aGk=\n",
    );
    assert!(ran.err.contains(broken) && ran.err.contains(unknown), "{ran:?}");
}

#[test]
fn a_value_without_a_form_in_json_hides_nothing() {
    // `published`: a Timestamp of 2^40 seconds.
    let address = answering(|_, respond| {
        let message = b"\x0a\x01z\x3a\x07\x08\x80\x80\x80\x80\x80\x20";
        reply(head(), envelope(0, message), respond, &[OK]);
    });
    let ran = call(&address, &[]);
    assert_eq!(ran.code, Some(6), "{ran:?}");
    let hint = "\nhint: --format text may show it all the same; are these the descriptors of the server?\n";
    assert!(ran.err.ends_with(hint), "{ran:?}");
    let text = call(&address, &["--format", "text"]);
    assert_eq!((text.code, text.err.as_str()), (Some(0), ""));
    assert!(text.out.contains("seconds: 1099511627776"), "{text:?}");
}

#[test]
fn messages_may_nest_deeper_than_is_usual() {
    let folder = tempfile::tempdir().unwrap();
    let source = "syntax = \"proto3\"; package n; message Node { Node next = 1; } service Deep { rpc Send(Node) returns (Node); }";
    std::fs::write(folder.path().join("node.proto"), source).unwrap();
    let path = folder.path().to_str().unwrap();
    let server = Server::start(&[path, "--echo"]);
    let json = r#"{"next":"#.repeat(150) + "{}" + &"}".repeat(150);
    let call = |more: &[&str]| descant([&["call", server.address(), "n.Deep/Send", "-d", &json], more].concat());
    let usual = call(&[]);
    assert_eq!(usual.code, Some(6), "{usual:?}");
    let hint = "\nhint: --depth N takes deeper ones, up to 256\n";
    assert!(usual.err.ends_with(hint), "{usual:?}");
    let deeper = call(&["--depth", "200"]);
    assert_eq!(
        (deeper.code, deeper.out),
        (Some(0), json.clone() + "\n"),
        "{}",
        deeper.err
    );
    assert_eq!(call(&["--depth", "257"]).code, Some(2));

    let input = folder.path().join("in.json");
    std::fs::write(&input, &json).unwrap();
    let input = input.to_str().unwrap();
    let convert = |more: &[&str]| {
        let args = ["convert", path, "-t", "n.Node", "-i", input, "--to", "json"];
        descant([&args[..], more].concat())
    };
    let usual = convert(&[]);
    assert!(usual.code == Some(6) && usual.err.ends_with(hint), "{usual:?}");
    assert_eq!(convert(&["--depth", "200"]).out, json + "\n");
}

#[test]
fn only_who_lacks_a_method_is_asked_what_it_serves() {
    let two = [envelope(0, b""), envelope(0, b"")].concat();
    for body in [Bytes::new(), two.into()] {
        let address = answering(move |_, respond| reply(head(), body.clone(), respond, &[OK]));
        let ran = call(&address, &[]);
        let (code, told) = (Some(64 + 12), "where one message is due\n");
        assert!(ran.code == code && ran.err.ends_with(told), "{ran:?}");
    }
    let address = answering(|_, mut respond| {
        let head = head().header("grpc-status", "12").body(()).unwrap();
        respond.send_response(head, true).unwrap();
    });
    let ran = call(&address, &[]);
    let hint = "hint: does the server have that method? the descriptors may not be its own\n";
    assert!(ran.err.ends_with(hint), "{ran:?}");
}

#[test]
fn what_http_says_of_the_call_is_no_other_protocol() {
    for (status, kind, hint) in [
        (
            401,
            "application/json",
            "hint: -H 'authorization: Bearer TOKEN' says who calls\n",
        ),
        (503, "text/plain", "hint: trying the same again may help\n"),
        (404, "text/plain", "hint: does it speak another protocol? "),
        (503, "text/html", "hint: that is a web page: "),
    ] {
        let address = answering(move |_, mut respond| {
            let head = Response::builder().status(status).header("content-type", kind);
            respond.send_response(head.body(()).unwrap(), true).unwrap();
        });
        let ran = call(&address, &[]);
        assert!(ran.err.contains(hint), "{ran:?}");
    }
}

#[test]
fn required_fields_are_looked_for_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let source = "syntax = \"proto2\"; package r; service Old { rpc Send(Form) returns (Form); }
        message Form { required string name = 1; optional int32 age = 2; repeated Form of = 3; map<string, Form> by = 4;
                       optional group Seat = 5 { required int32 row = 1; } }";
    std::fs::write(folder.path().join("old.proto"), source).unwrap();
    let server = Server::start(&[folder.path().to_str().unwrap(), "--echo"]);
    let call = |args: &[&str]| descant([&["call", server.address(), "r.Old/Send"], args].concat());
    for (args, missing) in [
        (&["-d", "{}"][..], "name"),
        (&["-d", r#"{"age":1}"#], "name"),
        (
            &["-d", r#"{"of":[{"name":"a"},{}],"seat":{}}"#],
            "of[1].name, seat.row, name",
        ),
        (&["-d", r#"{"name":"a","by":{"k":{}}}"#], "by[0].value.name"),
    ] {
        let ran = call(args);
        let told = format!("error: -d is no r.Form: some required fields are missing: {missing}\n");
        assert!(ran.code == Some(6) && ran.err.starts_with(&told), "{ran:?}");
    }
    let none = "error: the empty message is no r.Form: some required fields are missing: name\n";
    assert!(call(&[]).err.starts_with(none));
    let whole = r#"{"name":"a","of":[{"name":"b"}],"seat":{"row":0}}"#;
    let ran = call(&["-d", whole]);
    assert_eq!((ran.code, ran.out), (Some(0), format!("{whole}\n")), "{}", ran.err);
}
