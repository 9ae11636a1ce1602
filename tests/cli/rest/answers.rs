//! What servers answer, and what is made of it.

use super::{BOOK, call, once};
use crate::process::{demo_set, repository};

#[test]
fn answers_say_what_became_of_a_call() {
    let hint = "hint: -v shows what was asked for: does the server have that route? its rules may not be those of the \
                descriptors\n";
    for (answer, code, told) in [
        // A Status.
        (
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n\r\n{\"code\":5,\"message\":\"gone\",\"details\":[\
             {\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"R\"},{\"@type\":\"a/b.C\",\"value\":\"AQ==\"}]}",
            64 + 5,
            "error: NOT_FOUND: gone\n  google.rpc.ErrorInfo {\"reason\":\"R\"}\n  b.C (its descriptor is missing) base64:AQ==\n"
                .to_owned(),
        ),
        // Google's form.
        (
            "HTTP/1.1 409 Conflict\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"code\":409,\"message\":\"there\",\
             \"status\":\"ALREADY_EXISTS\"}}",
            64 + 6,
            "error: ALREADY_EXISTS: there\n".to_owned(),
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"code\":404,\"message\":\"gone\"}}",
            64 + 5,
            "error: NOT_FOUND: gone\n".to_owned(),
        ),
        // Where the method is a stream.
        (
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n\r\n[{\"error\":{\"code\":404,\"message\":\"gone\",\
             \"status\":\"NOT_FOUND\"}}]",
            64 + 5,
            "error: NOT_FOUND: gone\n".to_owned(),
        ),
        // Nothing but HTTP.
        (
            "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n404 page not found\n",
            64 + 12,
            format!(
                "error: UNIMPLEMENTED: the upstream has no GET /v1/books/{{id}}: it answers with HTTP 404 Not Found: 404 page not \
                 found\n{hint}"
            ),
        ),
        (
            "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n",
            64 + 12,
            format!(
                "error: UNIMPLEMENTED: the upstream has no GET /v1/books/{{id}}: it answers with HTTP 405 Method Not Allowed and no \
                 content type\n{hint}"
            ),
        ),
        // grpc-gateway's own.
        (
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n\r\n{\"code\":5,\"message\":\"Not Found\",\"details\":[]}",
            64 + 5,
            format!("error: NOT_FOUND: Not Found\n{hint}"),
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\r\n{\"message\":\"no healthy upstream\"}",
            64 + 14,
            "error: UNAVAILABLE: the upstream answers with HTTP 503 Service Unavailable: no healthy upstream\n\
             hint: trying the same again may help\n"
                .to_owned(),
        ),
        (
            "HTTP/1.1 308 Permanent Redirect\r\nlocation: https://books.example/v1/books/emma\r\ncontent-length: 0\r\n\r\n",
            64 + 2,
            "error: UNKNOWN: the upstream answers with HTTP 308 Permanent Redirect to https://books.example/v1/books/emma and no \
             content type, not as REST does\nhint: redirects are not followed: call the address that it leads to\n"
                .to_owned(),
        ),
        (
            "HTTP/1.1 415 Unsupported Media Type\r\ncontent-type: application/grpc\r\n\r\n",
            64 + 2,
            "error: UNKNOWN: the upstream answers with HTTP 415 Unsupported Media Type and content type application/grpc, not as REST \
             does\nhint: does it speak another protocol? --protocol grpc, grpc-web, connect or rest\n"
                .to_owned(),
        ),
        // Envoy's transcoder without `convert_grpc_status`.
        (
            "HTTP/1.1 404 Not Found\r\ngrpc-status: 5\r\ngrpc-message: g%C3%B6ne\r\ncontent-length: 0\r\n\r\n",
            64 + 5,
            "error: NOT_FOUND: göne\n".to_owned(),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>",
            64 + 2,
            "error: UNKNOWN: the upstream answers with HTTP 200 OK and content type text/html, not as REST does\n\
             hint: that is a web page: is it the port of the API? does something on the way answer in its place?\n"
                .to_owned(),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"id\":7}",
            64 + 13,
            "error: INTERNAL: the upstream sent JSON that is no bookshop.v1.Book: id: expected a string, but there is a number (line \
             1, column 7)\n"
                .to_owned(),
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\":",
            64 + 14,
            "error: UNAVAILABLE: the connection to http://ADDRESS is lost: ".to_owned(),
        ),
    ] {
        is_told(answer, code, &told);
    }
}

/// Whether a call that is answered so ends with this code, and says this first.
fn is_told(answer: &'static str, code: i32, told: &str) {
    let (set, (address, _request)) = (demo_set(), once(answer));
    let ran = call(
        &address,
        &[BOOK, set.to_str().unwrap(), "-d", r#"{"id":"emma"}"#, "--http1"],
    );
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(
        ran.err.starts_with(&told.replace("ADDRESS", &address)),
        "{told}: {}",
        ran.err
    );
}

#[test]
fn plain_apis_of_json_are_understood_by_their_statuses() {
    for (answer, code, told) in [
        (
            "HTTP/1.1 502 Bad Gateway\r\ncontent-type: application/json\r\n\r\n{\"error\":{\"code\":502,\"message\":\"gone\"}}",
            64 + 14,
            "error: UNAVAILABLE: gone\nhint: trying the same again may help\n",
        ),
        (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\r\n{\"detail\":\"no id\"}",
            64 + 3,
            "error: INVALID_ARGUMENT: the upstream answers with HTTP 400 Bad Request: no id\n",
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n\r\n{\"detail\":\"no such book\"}",
            64 + 5,
            "error: NOT_FOUND: the upstream answers with HTTP 404 Not Found: no such book\n",
        ),
    ] {
        is_told(answer, code, told);
    }
}

#[test]
fn streams_come_in_every_form() {
    let ok = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n";
    for (answer, out, code, err) in [
        ("application/json\r\n\r\n[{\"id\":\"a\"},\n{\"id\":\"b\"}]", ok, 0, ""),
        ("application/json\r\n\r\n[]", "", 0, ""),
        (
            "application/x-ndjson\r\n\r\n{\"id\":\"a\"}\n{\"id\":\"b\"}\n",
            ok,
            0,
            "",
        ),
        (
            "application/json\r\n\r\n{\"result\":{\"id\":\"a\"}}\n{\"result\":{\"id\":\"b\"}}\n",
            ok,
            0,
            "",
        ),
        (
            "text/event-stream\r\n\r\n: hello\n\ndata: {\"id\":\"a\"}\n\ndata: {\"id\":\ndata: \"b\"}\n\n",
            ok,
            0,
            "",
        ),
        (
            "application/json\r\n\r\n[{\"id\":\"a\"},{\"error\":{\"code\":8,\"message\":\"much\"}}]",
            "{\"id\":\"a\"}\n",
            64 + 8,
            "error: RESOURCE_EXHAUSTED: much\n",
        ),
        (
            "application/json\r\n\r\n{\"result\":{\"id\":\"a\"}}\n{\"error\":{\"grpc_code\":5,\"http_code\":404,\"message\":\"gone\"}}\n",
            "{\"id\":\"a\"}\n",
            64 + 5,
            "error: NOT_FOUND: gone\n",
        ),
        (
            "text/event-stream\r\n\r\ndata: {\"id\":\"a\"}\n\nevent: error\ndata: {\"code\":4,\"message\":\"late\"}\n\n",
            "{\"id\":\"a\"}\n",
            64 + 4,
            "error: DEADLINE_EXCEEDED: late\n",
        ),
        // Envoy's transcoder.
        (
            "application/json\r\n\r\n{\"code\":5,\"message\":\"gone\",\"details\":[]}",
            "",
            64 + 5,
            "error: NOT_FOUND: gone\n",
        ),
        (
            "application/json\r\ntransfer-encoding: chunked\r\n\r\nc\r\n[{\"id\":\"a\"}]\r\n0\r\ngrpc-status: 4\r\ngrpc-message: late\r\n\r\n",
            "{\"id\":\"a\"}\n",
            64 + 4,
            "error: DEADLINE_EXCEEDED: late\n",
        ),
        (
            "application/json\r\n\r\n[{\"id\":\"a\"}",
            "{\"id\":\"a\"}\n",
            64 + 13,
            "error: INTERNAL: the upstream's reply is cut off: the body ends within the array\n",
        ),
        (
            "text/event-stream\r\n\r\ndata: {\"id\":\"a\"}\n\ndata: {\"id",
            "{\"id\":\"a\"}\n",
            64 + 13,
            "error: INTERNAL: the upstream's reply is cut off: the body ends within an event\n",
        ),
        (
            "application/json\r\ntransfer-encoding: chunked\r\n\r\nb\r\n{\"id\":\"a\"}\n\r\n",
            "{\"id\":\"a\"}\n",
            64 + 14,
            "error: UNAVAILABLE: the connection to ",
        ),
        (
            "text/html\r\n\r\n<html>",
            "",
            64 + 2,
            "error: UNKNOWN: the upstream answers with HTTP 200 OK and content type text/html, not as REST does\n",
        ),
    ] {
        is_streamed(answer, out, code, err);
    }
}

/// Whether a stream that is answered so, from the value of its content type on, prints this and ends with this code.
fn is_streamed(answer: &str, out: &str, code: i32, err: &str) {
    let answer: &'static str = format!("HTTP/1.1 200 OK\r\ncontent-type: {answer}").leak();
    let (set, (address, _request)) = (demo_set(), once(answer));
    let method = "bookshop.v1.Catalog/WatchPrices";
    let ran = call(&address, &[method, set.to_str().unwrap(), "--http1"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(code), out), "{answer}: {ran:?}");
    assert!(ran.err.starts_with(err), "{answer}: {ran:?}");
}

/// What grpc-gateway calls its wrapper may be a field, and of a server that is newer than the schema.
#[test]
fn a_field_called_result_is_the_messages_own() {
    let folder = tempfile::tempdir().unwrap();
    let proto = folder.path().join("watch.proto");
    let text = r#"syntax = "proto3"; package w; import "google/api/annotations.proto";
        message Ask {} message Event { string id = 1; } message Reply { Event result = 1; }
        service S { rpc Watch(Ask) returns (stream Reply) { option (google.api.http) = { get: "/v1/watch" }; } }"#;
    std::fs::write(&proto, text).unwrap();
    for element in [
        r#"{"result":{"id":"a"}}"#,
        r#"{"result":{"id":"a","new":1}}"#,
        r#"{"result":{"result":{"id":"a"}}}"#,
        r#"{"result":{"result":{"id":"a","new":1}}}"#,
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n{element}\n");
        let (address, _request) = once(answer.leak());
        let ran = call(&address, &["w.S/Watch", proto.to_str().unwrap(), "--http1"]);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (Some(0), "{\"result\":{\"id\":\"a\"}}\n"),
            "{element}: {ran:?}"
        );
    }
}

/// Not first, not alone, or without a message: such a call ended well, with an empty message.
#[test]
fn an_error_ends_a_stream_wherever_it_stands() {
    for (answer, out, code, err) in [
        (
            "application/x-ndjson\r\n\r\n{\"id\":\"a\"}\n{\"x\":1,\"error\":{\"code\":5,\"message\":\"gone\"}}\n",
            "{\"id\":\"a\"}\n",
            64 + 5,
            "error: NOT_FOUND: gone\n",
        ),
        (
            "application/x-ndjson\r\n\r\n{\"id\":\"a\",\"new\":{\"error\":1}}\n{\"code\":5}\n",
            "{\"id\":\"a\"}\n",
            64 + 5,
            "error: NOT_FOUND",
        ),
        (
            "application/json\r\n\r\n[{\"id\":\"a\"},{\"message\":\"broken\",\"code\":13}]",
            "{\"id\":\"a\"}\n",
            64 + 13,
            "error: INTERNAL: broken\n",
        ),
    ] {
        is_streamed(answer, out, code, err);
    }
}

/// A server that writes much at once was refused, and one that writes the same bit by bit was not.
#[test]
fn bytes_come_in_pieces_of_the_limit_whatever_those_of_http_are() {
    let proto = repository("tests/cli/shelf.proto");
    let (address, _request) = once("HTTP/1.1 200 OK\r\ncontent-type: text/x-y\r\ncontent-length: 10\r\n\r\n0123456789");
    let args = ["shelf.v1.Shelves/Pour", proto.to_str().unwrap(), "-d", "{}", "--http1"];
    let ran = call(&address, &[&args[..], &["--max-message", "6"]].concat());
    let piece = |data: &str| format!("{{\"contentType\":\"text/x-y\",\"data\":\"{data}\"}}\n");
    assert_eq!(
        (ran.code, ran.out),
        (Some(0), [piece("MDEyMzQ1"), piece("Njc4OQ==")].concat()),
        "{}",
        ran.err
    );
}
