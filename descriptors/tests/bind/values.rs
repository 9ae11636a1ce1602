//! Values of paths and queries.

use descant_descriptors::{BindOptions, UnknownParameters};

use crate::{JSON, got, json_of, wire_of};

#[test]
fn paths_bind_fields() {
    assert_eq!(got("GET /v1/get/a"), r#"{"title":"a"}"#);
    assert_eq!(got("GET /v1/get/a+b%20%2F%2f"), r#"{"title":"a+b //"}"#);
    assert_eq!(
        got("GET /v1/all/shelves/1%2F2/%C3%A9"),
        r#"{"title":"shelves/1%2F2/é"}"#
    );
    assert_eq!(got("GET /v1/all/shelves"), r#"{"title":"shelves"}"#);
    assert_eq!(got("GET /v1/number/-7/x"), r#"{"number":-7,"part":{"title":"x"}}"#);
    assert_eq!(got("GET /v1/group/0"), r#"{"cluster":{"size":0}}"#);
    assert_eq!(
        got("GET /v1/time/2001-02-03T04%3A05%3A06Z"),
        r#"{"time":"2001-02-03T04:05:06Z"}"#
    );
    assert_eq!(
        got("GET /v1/number/x/y"),
        "\"number\" in the path: \"x\" is not a signed 32-bit integer"
    );
    assert_eq!(got("GET /v1/get/%ff"), "\"title\" in the path: it is not UTF-8");
    assert_eq!(got("GET /v1/get/%00"), "\"title\" in the path: it has a NUL character");
}

#[test]
fn queries_bind_fields() {
    let query = |query: &str| got(&format!("GET /v1/get/t?{query}")).replace(r#""title":"t","#, "");
    assert_eq!(query("number=5&&"), r#"{"number":5}"#);
    assert_eq!(
        query("part.part.title=a+b%2Bc&part.number=1"),
        r#"{"part":{"number":1,"part":{"title":"a b+c"}}}"#
    );
    assert_eq!(
        query("numbers=3&kind=SOME&numbers=1&numbers=2"),
        r#"{"numbers":[3,1,2],"kind":"SOME"}"#
    );
    assert_eq!(
        query("rawBytes=-_8&raw%5Fbytes"),
        "query parameter \"raw_bytes\": query parameter \"rawBytes\" binds that field already"
    );
    assert_eq!(query("spans=1s&spans=-0.5s"), r#"{"spans":["1s","-0.500s"]}"#);
    assert_eq!(query("flag=false"), r#"{"flag":false}"#);
    assert_eq!(query("updateMask=aB,c"), r#"{"updateMask":"aB,c"}"#);
    assert_eq!(query("word"), r#"{"word":""}"#);
    assert_eq!(
        query("cluster.size=3&cluster.note=x"),
        r#"{"cluster":{"size":3,"note":"x"}}"#
    );
    assert_eq!(query("kind=1"), r#"{"kind":"SOME"}"#);
}

#[test]
fn other_parameters_are_refused() {
    let query = |query: &str| got(&format!("GET /v1/get/t?{query}"));
    assert_eq!(
        query("nubmer=1"),
        "query parameter \"nubmer\": \"nubmer\" is no field of bind.Request; did you mean \"number\"?"
    );
    // The JSON name of a field, which its point keeps from being named by it.
    assert_eq!(
        query("spacious.x=1"),
        "query parameter \"spacious.x\": \"spacious\" is no field of bind.Request"
    );
    assert_eq!(query("spot=1"), r#"{"title":"t","spacious.x":"1"}"#);
    assert_eq!(query("=1"), "query parameter \"\": \"\" is no field of bind.Request");
    assert_eq!(
        query("number=x"),
        "query parameter \"number\": \"x\" is not a signed 32-bit integer"
    );
    assert_eq!(
        query("labels=x"),
        "query parameter \"labels\": it is a map, which a query can't bind"
    );
    assert_eq!(
        query("labels.a=x"),
        "query parameter \"labels.a\": \"a\" stands in a map, of which a path can't name an entry"
    );
    assert_eq!(
        query("parts=x"),
        "query parameter \"parts\": it is a list of messages, which a query can't bind"
    );
    assert_eq!(
        query("part=x"),
        "query parameter \"part\": it is a message: name a field in it, as in `message.field=value`"
    );
    assert_eq!(
        query("object={}"),
        "query parameter \"object\": it is a message of any shape, which a query can't bind"
    );
    assert_eq!(
        query("any.type_url=x"),
        "query parameter \"any.type_url\": it stands in a google.protobuf.Any, which a query can't bind"
    );
    assert_eq!(
        query("number=%zz"),
        "query parameter \"number\": it has a `%` without two hexadecimal digits behind it"
    );
    assert_eq!(query("word=%00"), "query parameter \"word\": it has a NUL character");
    assert_eq!(
        query("title.x=1"),
        "query parameter \"title.x\": \"x\" stands in a scalar, which has no fields"
    );
}

#[test]
fn unknown_parameters_may_be_ignored() {
    let with = |unknown: UnknownParameters, query: &str| {
        let mut options = BindOptions::default();
        options.unknown_parameters = unknown;
        let line = format!("GET /v1/get/t?{query}");
        wire_of(&options, &line, JSON, b"").map(|wire| json_of(&wire)).ok()
    };
    let named = || UnknownParameters::IgnoreNamed(vec!["key".to_owned(), "number".to_owned()]);
    assert_eq!(
        with(UnknownParameters::Ignore, "x=1&y.z=2"),
        Some(r#"{"title":"t"}"#.to_owned())
    );
    assert_eq!(with(named(), "key=1&key=2"), Some(r#"{"title":"t"}"#.to_owned()));
    assert_eq!(
        with(named(), "number=4"),
        Some(r#"{"title":"t","number":4}"#.to_owned())
    );
    assert_eq!(with(named(), "kez=1"), None);
}
