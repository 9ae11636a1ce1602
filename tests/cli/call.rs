//! `descant call`.

mod misfits;

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use crate::{
    page,
    process::{Ran, Server, beside, command, demo_set, descant},
};

fn call(server: &Server, args: &[&str]) -> Ran {
    descant([&["call", server.address()], args].concat())
}

const BOOK: &str = "bookshop.v1.Catalog/GetBook";

#[test]
fn each_shape_is_called() {
    let server = Server::start(&[]);
    let unary = call(&server, &[BOOK, "-d", r#"{"id":"emma"}"#]);
    assert!(unary.out.starts_with(r#"{"id":"emma","title":"Emma","#), "{unary:?}");
    assert_eq!(
        (unary.code, unary.out.lines().count(), unary.err.as_str()),
        (Some(0), 1, "")
    );

    let replies = call(&server, &["bookshop.v1.Catalog.SearchBooks", "-d", r#"{"query":"e"}"#]);
    assert_eq!(replies.code, Some(0), "{replies:?}");
    assert!(replies.out.lines().count() > 1, "{replies:?}");

    let imported = r#"{"title":"One","authors":[{"name":"A"}],"price":{"currency":"EUR","units":"1"}}"#;
    let requests = call(
        &server,
        &["bookshop.v1.Catalog/ImportBooks", "-d", &[imported, imported].concat()],
    );
    assert_eq!(
        (requests.code, requests.out.lines().count()),
        (Some(0), 1),
        "{requests:?}"
    );

    let talk = r#"{"text":"And about gardening?"}{"text":"And about cooking?"}"#;
    let both = call(&server, &["bookshop.v1.Desk/Chat", "-d", talk]);
    assert_eq!((both.code, both.out.lines().count()), (Some(0), 2), "{both:?}");

    let none = call(&server, &["bookshop.v1.Desk/Chat"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""), "{none:?}");
    let usual = call(&server, &["bookshop.v1.Catalog/ListBooks"]);
    assert!(usual.out.contains("emma"), "{usual:?}");
}

#[test]
fn each_protocol_is_spoken_over_either_version_of_http() {
    let server = Server::start(&[]);
    for (protocol, spoken) in [("grpc", "gRPC"), ("grpc-web", "gRPC-Web"), ("connect", "Connect")] {
        for more in [
            &[][..],
            &["--compress", "gzip"],
            &["--http1"],
            &["--http1", "--compress", "br"],
        ] {
            if protocol == "grpc" && more.contains(&"--http1") {
                continue;
            }
            let with = |args: &[&str]| call(&server, &[args, &["--protocol", protocol, "-v"], more].concat());
            let unary = with(&[BOOK, "-d", r#"{"id":"emma"}"#]);
            assert!(
                unary.out.starts_with(r#"{"id":"emma""#),
                "{protocol} {more:?}: {unary:?}"
            );
            let version = if more.contains(&"--http1") { ", HTTP/1.1" } else { "" };
            assert!(unary.err.contains(&format!(" ({spoken}{version})\n")), "{unary:?}");
            assert_eq!(unary.err.contains("HTTP/2 "), version.is_empty(), "{unary:?}");
            let talk = r#"{"text":"And about gardening?"}{"text":"And about cooking?"}"#;
            let both = with(&["bookshop.v1.Desk/Chat", "-d", talk]);
            assert_eq!((both.code, both.out.lines().count()), (Some(0), 2), "{both:?}");
            let order = r#"{"items":[{"bookId":"the-art-of-war","quantity":3}]}"#;
            let refused = with(&["bookshop.v1.Desk/PlaceOrder", "-d", order]);
            assert_eq!(refused.code, Some(64 + 9), "{refused:?}");
            assert!(refused.err.contains("google.rpc.PreconditionFailure {"), "{refused:?}");
        }
    }
    let grpc = call(&server, &[BOOK, "--http1"]);
    assert_eq!(
        (grpc.code, grpc.err.as_str()),
        (
            Some(2),
            "error: gRPC is not spoken over HTTP/1.1, which has no room for its trailers\n\
             hint: say --protocol grpc-web, connect or rest too\n"
        )
    );
    let coding = call(&server, &[BOOK, "--compress", "lz4"]);
    assert_eq!(coding.code, Some(2), "{coding:?}");
    assert!(
        coding
            .err
            .starts_with("error: invalid value 'lz4' for '--compress <CODING>'\n  [possible values: gzip, zstd, br, deflate, snappy]\n"),
        "{coding:?}"
    );
}

#[test]
fn files_describe_a_server_that_does_not_describe_itself() {
    let server = Server::start(&[]);
    let set = demo_set();
    let ran = call(&server, &[BOOK, set.to_str().unwrap(), "-d", r#"{"id":"emma"}"#, "-v"]);
    assert!(ran.out.contains("Emma"), "{ran:?}");
    assert!(!ran.err.contains("reflection"), "{ran:?}");
}

#[test]
fn a_talk_goes_both_ways_as_it_is_typed() {
    let server = Server::start(&[]);
    let mut child = command(["call", server.address(), "bookshop.v1.Desk/Chat", "-d", "@-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    let mut read = BufReader::new(child.stdout.take().unwrap());
    for word in ["gardening", "cooking"] {
        writeln!(typed, r#"{{"text":"And about {word}?"}}"#).unwrap();
        let mut line = String::new();
        read.read_line(&mut line).unwrap();
        assert!(line.contains(word), "{line}");
    }
    drop(typed);
    assert!(child.wait().unwrap().success());
}

#[test]
fn replies_are_shown_as_they_are_asked_for() {
    let server = Server::start(&[]);
    for (options, shown) in [
        (&["--format", "pretty"][..], "{\n  \"id\": \"emma\",\n"),
        (&["--pretty"], "{\n  \"id\": \"emma\",\n"),
        (&["--format", "text"], "id: \"emma\"\n"),
        (&["--proto-names", "--enums-as-numbers"], "\"reading_time\""),
        (&["--emit-defaults"], "{\"id\":\"emma\""),
        (&["--quiet"], ""),
    ] {
        let ran = call(&server, &[&[BOOK, "-d", r#"{"id":"emma"}"#], options].concat());
        assert!(
            ran.out.contains(shown) && ran.out.is_empty() == shown.is_empty(),
            "{ran:?}"
        );
    }
}

#[test]
fn what_goes_beside_the_messages_is_told() {
    let server = Server::start(&[]);
    let ran = call(
        &server,
        &[
            BOOK,
            "-d",
            r#"{"id":"emma"}"#,
            "-vv",
            "-H",
            "x-user: me",
            "-H",
            "key-bin: 3q0",
        ],
    );
    for line in [
        &format!(
            "> {BOOK} at {} (gRPC)\n> x-user: me\n> key-bin: 3q0\n",
            server.address()
        ),
        "> message of 6 bytes\n",
        "< x-request-id: ",
        "< message of ",
        "< OK\n",
        "= lookup ",
        " HTTP/2 ",
        " reflection ",
        " first reply ",
        " total ",
    ] {
        assert!(ran.err.contains(line), "{line}: {}", ran.err);
    }
}

#[test]
fn a_call_that_fails_says_how() {
    let server = Server::start(&[]);
    let order = r#"{"items":[{"bookId":"the-art-of-war","quantity":30}]}"#;
    let ran = call(&server, &["bookshop.v1.Desk/PlaceOrder", "-d", order]);
    assert_eq!(ran.code, Some(64 + 9));
    let told = "error: FAILED_PRECONDITION: not enough in stock: the-art-of-war (1 left)\n  \
                google.rpc.PreconditionFailure {\"violations\":[{\"type\":\"STOCK\",";
    assert!(ran.err.starts_with(told), "{}", ran.err);
    assert!(
        ran.err
            .contains("\n  google.rpc.ErrorInfo {\"reason\":\"OUT_OF_STOCK\","),
        "{}",
        ran.err
    );

    let missing = call(&server, &[BOOK, "-d", r#"{"id":"none"}"#]);
    assert_eq!(missing.code, Some(64 + 5), "{missing:?}");
    let quiet = call(&server, &[BOOK, "-d", r#"{"id":"none"}"#, "-q"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(64 + 5), ""));

    let late = call(&server, &["bookshop.v1.Catalog/WatchPrices", "--timeout", "300ms"]);
    assert_eq!(late.code, Some(64 + 4), "{late:?}");
    assert!(late.err.contains("DEADLINE_EXCEEDED"), "{late:?}");
    // Data may come late as well: nobody writes here.
    let mut waits = command(["call", server.address(), BOOK, "-d", "@-", "--timeout", "300ms"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let typed = waits.stdin.take();
    assert_eq!(waits.wait().unwrap().code(), Some(64 + 4));
    drop(typed);
    let unknown = call(&server, &["bookshop.v1.Catalog/GetBok", "-q"]);
    assert_eq!((unknown.code, unknown.err.as_str()), (Some(4), ""));
    let large = call(&server, &["bookshop.v1.Catalog/ListBooks", "--max-message", "64"]);
    assert_eq!(large.code, Some(64 + 8), "{large:?}");
    assert!(
        large.err.contains("hint: --max-message SIZE takes larger ones"),
        "{large:?}"
    );
}

#[test]
fn names_and_data_that_do_not_fit_are_told_before_anything_is_sent() {
    let server = Server::start(&[]);
    for (args, code, told) in [
        (
            &["bookshop.v1.Catalog/GetBok"][..],
            4,
            "error: there is no method `bookshop.v1.Catalog/GetBok`\nhint: did you mean bookshop.v1.Catalog/GetBook",
        ),
        (
            &["bookshop.v1.Catlog/GetBook"],
            4,
            "knows no symbol `bookshop.v1.Catlog`\nhint: it serves bookshop.v1.Catalog",
        ),
        (
            &["bookshop.v1.Desk"],
            2,
            "error: `bookshop.v1.Desk` is a service, and one of its methods is called\nhint: write bookshop.v1.Desk/PlaceOrder; it has PlaceOrder, Chat",
        ),
        (
            &["GetBook"],
            2,
            "error: `GetBook` is no method\nhint: write package.Service/Method",
        ),
        (
            &[BOOK, "-H", "nothing"],
            2,
            "-H 'nothing': there is no colon\nhint: write -H 'name: value'\n",
        ),
        (
            &[BOOK, "-H", "grpc-timeout: 1S"],
            2,
            "belongs to the protocol; choose another one\nhint: say --timeout TIME\n",
        ),
        (
            &[BOOK, "-H", "host: a"],
            2,
            "belongs to the protocol; choose another one\n",
        ),
        (
            &[BOOK, "-H", "x-bin: ???"],
            2,
            "error: -H 'x-bin: ???': names that end in -bin hold bytes, and this is no base64: Invalid symbol 63, offset 0.\n\
             hint: write the bytes in base64: `aGk=` is hi\n",
        ),
        (&[BOOK, "-d", "@/nowhere"], 2, "-d @/nowhere: No such file"),
        (
            &[BOOK, "-d", "@"],
            2,
            "error: -d @: there is no name of a file behind the @\nhint: `-d @-` takes standard input\n",
        ),
        (
            &[BOOK, r#"{"id":"emma"}"#],
            2,
            "error: `{\"id\":\"emma\"}` is no file or folder of descriptors\n\
             hint: is it the message? then write -d before it\n",
        ),
        (&[BOOK, "@-"], 2, "hint: is it the message? then write -d before it\n"),
        (&[BOOK, "emma.binpb"], 4, "emma.binpb: "),
        (
            &[BOOK, "-d", "{"],
            6,
            "-d is no bookshop.v1.GetBookRequest: EOF while parsing",
        ),
        (
            &[BOOK, "-d", r#"{"id":7}"#],
            6,
            "-d is no bookshop.v1.GetBookRequest: id: expected a string, but there is a number (line 1, column 7)",
        ),
        (
            &["bookshop.v1.Desk/Chat", "-d", r#"{"text":"hi"}{"tex":"hi"}"#],
            6,
            "-d is no bookshop.v1.ChatMessage (message 2): ",
        ),
        (
            &[BOOK, "--insecure"],
            2,
            "is spoken to in plain text\nhint: say https://HOST:PORT",
        ),
        (&[BOOK, "--cert", "a.pem"], 2, "--key"),
    ] {
        let ran = call(&server, args);
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{args:?}: {}", ran.err);
    }
}

#[test]
fn sizes_and_times_that_make_no_sense_are_usage_errors() {
    for (args, told) in [
        (
            ["call", "localhost:1", BOOK, "--max-message", "4MB"],
            "expected bytes above 0, such as 65536, 64KiB or 16MiB",
        ),
        (
            ["call", "localhost:1", BOOK, "--max-message", "0"],
            "'0' for '--max-message <SIZE>': expected bytes above 0, such as 65536, 64KiB or 16MiB",
        ),
        (
            ["call", "localhost:1", BOOK, "--timeout", "0s"],
            "'0s' for '--timeout <TIME>': expected a time above 0 such as 30s, 500ms or 2m",
        ),
        (
            ["call", "localhost:1", BOOK, "--connect-timeout", "0"],
            "expected a time above 0 such as",
        ),
        (
            ["call", "localhost:1", BOOK, "--timeout", "5"],
            "expected a time above 0 such as 30s, 500ms or 2m; say the unit: `5s` are seconds, `5ms` thousandths\n",
        ),
    ] {
        let ran = descant(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{args:?}: {}", ran.err);
    }
}

#[test]
fn what_stands_behind_the_only_message_is_told_for_what_it_is() {
    let server = Server::start(&[]);
    for (data, told) in [
        ("{}{}", "the method takes one message, and -d has more"),
        (r#"{"id":"x"}}"#, "GetBookRequest: expected value (line 1, column 11)"),
        (
            r#"{"id":"x"} garbage"#,
            "GetBookRequest: expected value (line 1, column 12)",
        ),
    ] {
        let ran = call(&server, &[BOOK, "-d", data]);
        assert!(ran.code == Some(6) && ran.err.contains(told), "{ran:?}");
    }
}

#[test]
fn an_address_has_no_path() {
    let server = Server::start(&[]);
    let slash = format!("{}/", server.address());
    let slash = descant(["call", &slash, "bookshop.v1.Catalog/ListBooks"]);
    assert_eq!(slash.code, Some(0), "{slash:?}");
    for (address, mend) in [
        ("localhost:1/api", "say localhost:1"),
        ("http://localhost:1/api", "say localhost:1"),
        ("https://localhost:1/api", "say https://localhost:1"),
    ] {
        let ran = descant(["call", address, BOOK]);
        let told = format!(
            "error: {address}: an address has no path\nhint: {mend}: the method that is called says the path\n"
        );
        assert_eq!((ran.code, ran.err), (Some(2), told));
    }
}

#[test]
fn what_is_wrong_in_data_has_its_place_in_all_of_it() {
    let server = Server::start(&[]);
    let talk = "{\"text\": \"Grüße\"}\n{\n  \"text\": 7}\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.json");
    std::fs::write(&file, talk).unwrap();
    let at_file = format!("@{}", file.display());
    let told = "is no bookshop.v1.ChatMessage (message 2): text: expected a string, but there is a number (line 3, column 11)\n";
    for (data, origin) in [
        (talk, "-d"),
        (&at_file, file.to_str().unwrap()),
        ("@-", "standard input"),
    ] {
        let mut chat = command(["call", server.address(), "bookshop.v1.Desk/Chat", "-d", data]);
        let ran = Ran::from(chat.stdin(std::fs::File::open(&file).unwrap()).output().unwrap());
        assert_eq!(ran.code, Some(6), "{ran:?}");
        assert!(ran.err.starts_with(&format!("error: {origin} {told}")), "{ran:?}");
    }
    let mut of_folder = command(["call", server.address(), "bookshop.v1.Desk/Chat", "-d", "@-"]);
    let ran = Ran::from(of_folder.stdin(std::fs::File::open("/").unwrap()).output().unwrap());
    let told = "error: standard input cannot be read: Is a directory (os error 21)\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), told));
    let marked = "\u{feff}{\"text\":\"Hello\"}\n";
    std::fs::write(&file, marked).unwrap();
    let ran = call(&server, &["bookshop.v1.Desk/Chat", "-d", &at_file]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let one_line = r#"{"text":"Grüße"} {"text":7}"#;
    let ran = call(&server, &["bookshop.v1.Desk/Chat", "-d", one_line]);
    assert!(ran.err.contains("a number (line 1, column 26)\n"), "{ran:?}");
    for (data, place) in [
        (r#"{"text":"Grüße" x}"#, "(line 1, column 17)\n"),
        ("{\"text\":\"Grüße\"}\n{\"text\":\"ß\"]", "(line 2, column 12)\n"),
    ] {
        let ran = call(&server, &["bookshop.v1.Desk/Chat", "-d", data]);
        assert!(ran.code == Some(6) && ran.err.contains(place), "{ran:?}");
    }
}

/// A server of HTTP/2 that answers every request so; with a head alone if there is no body.
fn answering(
    answer: impl Fn(&http::Uri) -> (http::response::Builder, &'static [u8]) + Copy + Send + 'static,
) -> String {
    beside(move |tell| async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell.send(listener.local_addr().unwrap().to_string()).unwrap();
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(socket).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let (head, body) = answer(request.uri());
                    let head = head.body(()).unwrap();
                    let mut sending = respond.send_response(head, body.is_empty()).unwrap();
                    if !body.is_empty() {
                        sending.send_data(bytes::Bytes::from_static(body), true).unwrap();
                    }
                }
            });
        }
    })
}

/// A server that answers everything with a page.
fn pages() -> String {
    answering(|_| (http::Response::builder().header("content-type", "text/html"), b"<html>"))
}

/// The head of a call that fails so.
fn failed(code: &str) -> http::response::Builder {
    let head = http::Response::builder().header("content-type", "application/grpc");
    head.header("grpc-status", code)
}

/// A server that refuses each call with the `:authority` that it says.
fn named() -> String {
    answering(|uri| {
        let told = format!("this is {}", uri.authority().unwrap());
        (failed("9").header("grpc-message", told), b"")
    })
}

#[test]
fn another_authority_is_said() {
    let (address, set) = (named(), demo_set());
    let set = set.to_str().unwrap();
    let url = format!("http://{address}");
    let front = Server::start(&[set, "--to", &url, "--to-authority", "orders.example"]);
    let said = ["--authority", "orders.example"];
    for (args, told) in [
        (vec!["call", &address, BOOK, set], address.as_str()),
        (vec!["call", &address, BOOK, set, said[0], said[1]], "orders.example"),
        (vec!["call", &address, BOOK, said[0], said[1]], "orders.example"),
        (vec!["list", "--from", &address, said[0], said[1]], "orders.example"),
        (vec!["call", front.address(), BOOK], "orders.example"),
    ] {
        let ran = descant(args.iter().copied());
        assert!(ran.err.contains(&format!("this is {told}")), "{args:?} {ran:?}");
    }
    // It is the name of nobody who has to be trusted.
    let careless = command([
        "call",
        &format!("https://{address}"),
        BOOK,
        "--insecure",
        said[0],
        said[1],
    ])
    .envs([("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")])
    .output()
    .unwrap();
    let told = String::from_utf8(careless.stderr).unwrap();
    assert!(told.contains("plain text"), "{told}");
    let wrong = descant(["call", &address, BOOK, "--authority", "me@orders"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.err.contains("\"me@orders\" is not a host, or a host and a port"),
        "{wrong:?}"
    );
}

/// A service that knows of nothing that stands in its messages, and what may stand there.
fn parcels() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let service = "syntax = \"proto3\"; package post; import \"google/protobuf/any.proto\";\
                   service Post { rpc Send(google.protobuf.Any) returns (google.protobuf.Any);\
                                  rpc Talk(stream google.protobuf.Any) returns (stream google.protobuf.Any); }";
    let parcel = "syntax = \"proto3\"; package post; import \"google/protobuf/any.proto\";\
                  message Parcel { string to = 1; google.protobuf.Any inside = 2; }";
    let letter = "syntax = \"proto3\"; package post; message Letter { string text = 1; }";
    for (name, text) in [("post", service), ("parcel", parcel), ("letter", letter)] {
        std::fs::write(folder.path().join(format!("{name}.proto")), text).unwrap();
    }
    folder
}

/// A `google.rpc.Status`: code 9, "no", and a post.Letter with the text "hi".
const DETAILS: &str = "CAkSAm5vGicKH3R5cGUuZ29vZ2xlYXBpcy5jb20vcG9zdC5MZXR0ZXISBAoCaGk";
const PARCEL: &str = r#"{"@type":"type.googleapis.com/post.Parcel","to":"Ada","inside":{"@type":"type.googleapis.com/post.Letter","text":"hi"}}"#;

#[test]
fn types_that_stand_in_an_any_are_asked_for() {
    let folder = parcels();
    let path = folder.path().to_str().unwrap();
    let server = Server::start(&[path, "--echo"]);
    let one = call(&server, &["post.Post/Send", "-d", PARCEL]);
    assert_eq!((one.code, one.out), (Some(0), format!("{PARCEL}\n")), "{}", one.err);
    let both = call(&server, &["post.Post/Talk", "-d", &[PARCEL, PARCEL].concat()]);
    assert_eq!(
        (both.code, both.out),
        (Some(0), format!("{PARCEL}\n{PARCEL}\n")),
        "{}",
        both.err
    );
    let bytes = r#"{"@type":"type.googleapis.com/post.Letter","value":"CgJoaQ=="}"#;
    let text = call(&server, &["post.Post/Send", "-d", bytes, "--format", "text"]);
    assert_eq!(
        text.out, "[type.googleapis.com/post.Letter] {\n  text: \"hi\"\n}\n\n",
        "{}",
        text.err
    );

    // One that nobody knows goes through as it is, and cannot be made of JSON.
    let unknown = r#"{"@type":"type.googleapis.com/post.Card","value":"CgJoaQ=="}"#;
    let opaque = call(&server, &["post.Post/Send", "-d", unknown]);
    assert_eq!(
        (opaque.code, opaque.out),
        (Some(0), format!("{unknown}\n")),
        "{}",
        opaque.err
    );
    let wrong = call(
        &server,
        &["post.Post/Send", "-d", r#"{"@type":"post.Card/post.Card","text":"hi"}"#],
    );
    assert_eq!(wrong.code, Some(6));
    assert!(wrong.err.contains("there is no message \"post.Card\""), "{wrong:?}");

    // Where files say what there is nobody is asked.
    let alone = folder.path().join("post.proto");
    let alone = call(&server, &["post.Post/Send", alone.to_str().unwrap(), "-d", PARCEL]);
    assert_eq!(alone.code, Some(6), "{alone:?}");
    assert!(alone.err.contains("there is no message \"post.Parcel\""), "{alone:?}");
}

#[test]
fn so_are_those_of_details() {
    let address = answering(|_| (failed("9").header("grpc-status-details-bin", DETAILS), b""));
    let url = format!("http://{address}");
    let folder = parcels();
    let front = Server::start(&[folder.path().to_str().unwrap(), "--to", &url]);
    let failed = call(&front, &["post.Post/Send"]);
    assert_eq!(failed.code, Some(64 + 9), "{failed:?}");
    assert!(failed.err.contains("\n  post.Letter {\"text\":\"hi\"}\n"), "{failed:?}");
}

#[test]
fn codes_of_the_servers_own_have_exit_codes_of_their_own() {
    for (code, exit, said) in [("77", 64 + 77, "77"), ("2147483647", 64 + 2, "2147483647")] {
        let address = answering(move |_| (failed(code), b""));
        let url = format!("http://{address}");
        let folder = parcels();
        let front = Server::start(&[folder.path().to_str().unwrap(), "--to", &url]);
        let failed = call(&front, &["post.Post/Send"]);
        assert_eq!(failed.code, Some(exit), "{failed:?}");
        assert!(
            failed.err.starts_with(&format!("error: UNKNOWN ({said})")),
            "{failed:?}"
        );
    }
}

#[test]
fn the_page_is_true() {
    page::check("docs/call.md", &Server::start(&[]));
}
