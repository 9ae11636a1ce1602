//! What binds a field twice.

use crate::{checked, got, sent};

#[test]
fn the_path_wins() {
    assert_eq!(
        got("GET /v1/get/a?title=b"),
        "query parameter \"title\": \"title\" in the path binds that field already"
    );
    let own = r#"{"title":"body","number":1}"#;
    assert_eq!(sent("PUT /v1/put/path", own), r#"{"title":"path","number":1}"#);
    let deep = r#"{"part":{"number":2,"part":{"title":"body","number":3}}}"#;
    assert_eq!(
        sent("PUT /v1/deep/path", deep),
        r#"{"part":{"number":2,"part":{"title":"path","number":3}}}"#
    );
    assert_eq!(sent("PUT /v1/deep/path", "{}"), r#"{"part":{"part":{"title":"path"}}}"#);
    assert_eq!(
        sent("PUT /v1/part/path/7", own),
        r#"{"number":7,"part":{"title":"path","number":1}}"#
    );
    assert_eq!(
        sent("PUT /v1/group/0", r#"{"size":5,"note":"n"}"#),
        r#"{"cluster":{"size":0,"note":"n"}}"#
    );
}

#[test]
fn the_wire_has_each_field_once() {
    let body = br#"{"title":"body","number":1}"#;
    let options = descant_descriptors::BindOptions::default();
    let wire = crate::wire_of(&options, "PUT /v1/part/p/7?title=q", crate::JSON, body).unwrap();
    assert_eq!(wire, b"\x1a\x05\x10\x01\x0a\x01p\x0a\x01q\x10\x07");
}

#[test]
fn a_singular_parameter_comes_once() {
    assert_eq!(
        got("GET /v1/get/a?number=1&number=1"),
        "query parameter \"number\": it is there twice"
    );
    assert_eq!(
        got("GET /v1/get/a?time=2001-02-03T04:05:06Z&time.seconds=1"),
        "query parameter \"time.seconds\": query parameter \"time\" binds that field already"
    );
}

#[test]
fn a_oneof_has_one_member() {
    assert_eq!(
        got("GET /v1/get/a?word=1&other.title=1"),
        "query parameter \"other.title\": query parameter \"word\" is of the same oneof"
    );
    assert_eq!(
        got("GET /v1/word/a?other.title=1"),
        "query parameter \"other.title\": \"word\" in the path is of the same oneof"
    );
    assert_eq!(
        sent("PUT /v1/word/a", r#"{"other":{}}"#),
        "\"word\" in the path: the body has \"other\", which is of the same oneof"
    );
    assert_eq!(sent("PUT /v1/word/a", r#"{"word":"b"}"#), r#"{"word":"a"}"#);
    assert_eq!(
        got("GET /v1/get/a?part.word=1&part.other.title=1&other.title=2"),
        "query parameter \"part.other.title\": query parameter \"part.word\" is of the same oneof"
    );
}

#[test]
fn what_the_body_binds_is_not_for_queries() {
    assert_eq!(
        sent("PUT /v1/put/a?number=1", "{}"),
        "query parameter \"number\": the body of this method binds every field that the path does not"
    );
    assert_eq!(
        sent("PUT /v1/part/a/1?part.number=2", "{}"),
        "query parameter \"part.number\": the body of this method binds \"part\""
    );
    assert_eq!(
        sent("PUT /v1/numbers?numbers=2", "[]"),
        "query parameter \"numbers\": the body of this method binds \"numbers\""
    );
    assert_eq!(sent("PUT /v1/numbers?title=a", "[1]"), r#"{"title":"a","numbers":[1]}"#);
}

/// Of a stream, before there is a message.
#[test]
fn path_and_query_are_checked_alone() {
    for (line, wanted) in [
        ("PUT /v1/put/a", ""),
        ("PUT /v1/labels", ""),
        ("PUT /v1/part/a/7?kind=SOME&numbers=1&numbers=2", ""),
        (
            "PUT /v1/put/a?number=1",
            "query parameter \"number\": the body of this method binds every field that the path does not",
        ),
        (
            "PUT /v1/part/a/x",
            "\"number\" in the path: \"x\" is not a signed 32-bit integer",
        ),
        ("PUT /v1/part/%ff/7", "\"part.title\" in the path: it is not UTF-8"),
        (
            "PUT /v1/part/a/7?number=1",
            "query parameter \"number\": \"number\" in the path binds that field already",
        ),
        (
            "PUT /v1/part/a/7?part.number=1",
            "query parameter \"part.number\": the body of this method binds \"part\"",
        ),
        (
            "PUT /v1/part/a/7?kind=NOPE",
            "query parameter \"kind\": the enum has no value \"NOPE\"; did you mean \"NONE\"?",
        ),
    ] {
        assert_eq!(checked(line), wanted, "{line}");
    }
}
