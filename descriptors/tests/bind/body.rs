//! Bodies.

use descant_descriptors::{BindErrorKind, BindOptions};

use crate::{JSON, json_of, sent, wire_of};

fn typed(line: &str, content_type: Option<&str>, body: &[u8]) -> Result<String, BindErrorKind> {
    let result = wire_of(&BindOptions::default(), line, content_type, body);
    result.map(|wire| json_of(&wire)).map_err(|error| error.kind())
}

#[test]
fn a_body_is_the_message_or_a_field() {
    assert_eq!(sent("PUT /v1/numbers", "[1,2]"), r#"{"numbers":[1,2]}"#);
    assert_eq!(sent("PUT /v1/labels", r#"{"a":"b"}"#), r#"{"labels":{"a":"b"}}"#);
    assert_eq!(sent("PUT /v1/count", "\"5\""), r#"{"number":5}"#);
    assert_eq!(sent("PUT /v1/count", "0"), r#"{"number":0}"#);
    assert_eq!(sent("PUT /v1/count", "null"), "{}");
    assert_eq!(
        sent("PUT /v1/time", "\"2001-02-03T04:05:06Z\""),
        r#"{"time":"2001-02-03T04:05:06Z"}"#
    );
    assert_eq!(sent("PUT /v1/object", r#"{"a":[null]}"#), r#"{"object":{"a":[null]}}"#);
}

#[test]
fn an_empty_body_is_an_empty_message() {
    assert_eq!(sent("PUT /v1/put/a", ""), r#"{"title":"a"}"#);
    assert_eq!(sent("PUT /v1/part/a/1", ""), r#"{"number":1,"part":{"title":"a"}}"#);
    assert_eq!(sent("PUT /v1/group/1", ""), r#"{"cluster":{"size":1}}"#);
    assert_eq!(sent("PUT /v1/numbers", ""), "{}");
    assert_eq!(sent("PUT /v1/count", ""), "{}");
}

#[test]
fn faults_of_a_body_say_where() {
    assert_eq!(
        sent("PUT /v1/put/a", "{\n \"part\": {\"nubmer\": 1}}"),
        "part in the body: bind.Request has no field \"nubmer\"; did you mean \"number\"? (line 2, column 11)"
    );
    assert_eq!(
        sent("PUT /v1/put/a", "{}x"),
        "the body: there is more text after the message (line 1, column 3)"
    );
    assert_eq!(
        sent("PUT /v1/put/a", " "),
        "the body: expected an object, but the text ends (line 1, column 2)"
    );
    assert!(sent("PUT /v1/put/a", "[]").starts_with("the body: expected an object"));
    assert_eq!(sent("GET /v1/get/a", "{}"), "the body: this method takes none");
    assert!(
        sent("PUT /v1/put/a", r#"{"number":1,"number":2}"#)
            .starts_with("number in the body: this field is there twice")
    );
}

#[test]
fn content_types() {
    let put = |content_type| typed("PUT /v1/put/a", content_type, b"{}");
    for json in [
        None,
        Some(""),
        Some("Application/JSON; charset=utf-8"),
        Some("application/merge-patch+json"),
    ] {
        assert!(put(json).is_ok(), "{json:?}");
    }
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/proto"] {
        assert_eq!(put(Some(other)), Err(BindErrorKind::UnsupportedMediaType), "{other}");
    }
    assert_eq!(typed("PUT /v1/put/a", None, b"a=b"), Err(BindErrorKind::BadRequest));
    assert!(typed("PUT /v1/put/a", Some("application/x-www-form-urlencoded"), b"").is_ok());
}

#[test]
fn limits() {
    let mut options = BindOptions::default();
    options.limit = 10;
    let kind = |line: &str, body: &[u8]| wire_of(&options, line, JSON, body).map_err(|error| error.kind());
    assert_eq!(kind("PUT /v1/put/a", b"{         }"), Err(BindErrorKind::TooLarge));
    assert_eq!(kind("PUT /v1/put/abcdefghi", b"{}"), Err(BindErrorKind::TooLarge));
    assert!(kind("PUT /v1/put/abcdefgh", b"{}").is_ok());
}

#[test]
fn http_bodies_come_as_they_are() {
    let file = typed("PUT /v1/file/a?number=1", Some("image/png"), b"\x89\xff").unwrap();
    assert_eq!(
        file,
        r#"{"title":"a","number":1,"file":{"contentType":"image/png","data":"if8="}}"#
    );
    let none = typed("PUT /v1/file/a", None, b"").unwrap();
    assert_eq!(none, r#"{"title":"a","file":{}}"#);
    let whole = wire_of(&BindOptions::default(), "POST /v1/upload", Some("text/csv"), b"a,b").unwrap();
    assert_eq!(whole, b"\x0a\x08text/csv\x12\x03a,b");
}
