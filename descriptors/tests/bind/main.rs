//! From HTTP requests to messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod body;
mod clashes;
mod compose;
mod depth;
mod masks;
mod values;

use std::sync::LazyLock;

use allocation_counter::measure;
use descant_descriptors::{
    BindError, BindErrorKind, BindOptions, BindRequest, Binder, Binding, Captures, Codec, Found, JsonOptions,
    MessageType, RequestBody, Schema,
};

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bind")).unwrap());

const JSON: Option<&str> = Some("application/json");

/// The wire bytes of a request: `GET /v1/get/a?number=1`.
fn wire_of(options: &BindOptions, line: &str, content_type: Option<&str>, body: &[u8]) -> Result<Vec<u8>, BindError> {
    wire_with(options, &JsonOptions::default(), line, content_type, body)
}

fn wire_with(
    options: &BindOptions,
    json: &JsonOptions,
    line: &str,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Vec<u8>, BindError> {
    let mut wire = b"before".to_vec();
    let body = RequestBody {
        content_type,
        bytes: body,
    };
    let result = with(line, body, |input, binding, request| {
        Binder::new(options.clone(), json.clone()).bind(input, binding, request, &mut wire)
    });
    let wire = wire.split_off(6);
    if result.is_err() {
        assert_eq!(wire, b"", "what failed was half written");
    }
    result.map(|()| wire)
}

/// Hands over what a request line leads to.
fn with<T>(line: &str, body: RequestBody<'_>, then: impl FnOnce(&MessageType, &Binding, &BindRequest<'_>) -> T) -> T {
    let (http_method, target) = line.split_once(' ').unwrap();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut captures = Captures::default();
    let Found::Binding(binding) = SCHEMA.routes().find(http_method, path, &mut captures) else {
        panic!("{line}: no such route");
    };
    let request = BindRequest {
        http_method,
        path,
        captures: &captures,
        query,
        body,
    };
    then(&binding.method(&SCHEMA).input(), binding, &request)
}

/// What is wrong with path or query, whatever the body.
fn checked(line: &str) -> String {
    let body = RequestBody {
        content_type: None,
        bytes: &[],
    };
    let result = with(line, body, |input, binding, request| {
        Binder::default().check(input, binding, request)
    });
    result.map_or_else(|error| error.to_string(), |()| String::new())
}

fn json_of(wire: &[u8]) -> String {
    let request = SCHEMA.message("bind.Request").unwrap();
    let mut json = Vec::new();
    Codec::default().wire_to_json(&request, wire, &mut json).unwrap();
    String::from_utf8(json).unwrap()
}

/// The message of a request as JSON, or the error.
fn sent(line: &str, body: &str) -> String {
    match wire_of(&BindOptions::default(), line, JSON, body.as_bytes()) {
        Ok(wire) => json_of(&wire),
        Err(error) => {
            assert_eq!(error.kind(), BindErrorKind::BadRequest);
            error.to_string()
        }
    }
}

fn got(line: &str) -> String {
    sent(line, "")
}

#[test]
fn nothing_is_allocated() {
    let lines = [
        (
            "GET",
            "/v1/number/5/a%20b",
            Some("numbers=1&numbers=2&part.number=3"),
            &b""[..],
        ),
        (
            "PUT",
            "/v1/part/x/5",
            Some("title=a"),
            br#"{"title":"other","number":1}"#,
        ),
    ];
    let mut binder = Binder::default();
    for (http_method, path, query, bytes) in lines {
        let (mut captures, mut wire) = (Captures::default(), Vec::new());
        let Found::Binding(binding) = SCHEMA.routes().find(http_method, path, &mut captures) else {
            panic!("no such route");
        };
        let body = RequestBody {
            content_type: JSON,
            bytes,
        };
        let request = BindRequest {
            http_method,
            path,
            captures: &captures,
            query,
            body,
        };
        let input = binding.method(&SCHEMA).input();
        let mut turn = || {
            wire.clear();
            binder.bind(&input, binding, &request, &mut wire).unwrap();
        };
        turn();
        assert_eq!(measure(turn).count_total, 0, "{path}");
    }
}
