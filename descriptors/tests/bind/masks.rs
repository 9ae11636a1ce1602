//! Update masks that are filled in.

use descant_descriptors::{BindOptions, JsonOptions};

use crate::{JSON, json_of, sent, wire_of, wire_with};

#[test]
fn a_patch_gets_a_mask() {
    assert_eq!(
        sent(
            "PATCH /v1/part/p",
            r#"{"number":0,"part":{"raw_bytes":"","cluster":{}},"labels":{"a":"b"}}"#
        ),
        r#"{"part":{"title":"p","number":0,"part":{"cluster":{},"rawBytes":""},"labels":{"a":"b"}},"updateMask":"number,part.rawBytes,part.cluster,labels"}"#
    );
    assert_eq!(
        sent("PATCH /v1/part/p", r#"{"title":"x","time":null}"#),
        r#"{"part":{"title":"p"},"updateMask":"title,time"}"#
    );
}

#[test]
fn others_get_none() {
    assert_eq!(
        sent("PATCH /v1/part/p?updateMask=word", r#"{"number":1}"#),
        r#"{"part":{"title":"p","number":1},"updateMask":"word"}"#
    );
    assert_eq!(
        sent("PATCH /v1/part/p?update_mask=", r#"{"number":1}"#),
        r#"{"part":{"title":"p","number":1},"updateMask":""}"#
    );
    assert_eq!(sent("PATCH /v1/part/p", "{}"), r#"{"part":{"title":"p"}}"#);
    assert_eq!(sent("PATCH /v1/part/p", ""), r#"{"part":{"title":"p"}}"#);
    assert_eq!(sent("PATCH /v1/part/p", "null"), r#"{"part":{"title":"p"}}"#);
    assert_eq!(sent("PATCH /v1/all", r#"{"part":{}}"#), r#"{"part":{}}"#);
    assert_eq!(
        sent("POST /v1/part/p", r#"{"number":1}"#),
        r#"{"part":{"title":"p","number":1}}"#
    );
    let mut options = BindOptions::default();
    options.fill_update_mask = false;
    let wire = wire_of(&options, "PATCH /v1/part/p", JSON, br#"{"number":1}"#).unwrap();
    assert_eq!(json_of(&wire), r#"{"part":{"title":"p","number":1}}"#);
}

#[test]
fn what_is_passed_over_is_in_no_mask() {
    let mut json = JsonOptions::default();
    json.ignore_unknown = true;
    let sent = |body: &str| {
        let wire = wire_with(
            &BindOptions::default(),
            &json,
            "PATCH /v1/part/p",
            JSON,
            body.as_bytes(),
        );
        json_of(&wire.unwrap())
    };
    assert_eq!(
        sent(r#"{"nope":1,"number":2,"kind":"NOPE"}"#),
        r#"{"part":{"title":"p","number":2},"updateMask":"number"}"#
    );
    assert_eq!(sent(r#"{"kind":7}"#), r#"{"part":{"title":"p"}}"#);
    assert_eq!(
        sent(r#"{"part":{"kind":"NOPE"}}"#),
        r#"{"part":{"title":"p","part":{}}}"#
    );
    assert_eq!(
        sent(r#"{"kinds":["SOME","NOPE"],"kindsByName":{"a":"NOPE","b":"NONE"},"number":2}"#),
        r#"{"part":{"title":"p","number":2,"kinds":["SOME"],"kindsByName":{"b":"NONE"}},"updateMask":"number"}"#
    );
    assert_eq!(
        sent(r#"{"kind":"NONE","kinds":["SOME",0],"kindsByName":{"a":"SOME"},"part":{"kind":null}}"#),
        r#"{"part":{"title":"p","part":{},"kind":"NONE","kinds":["SOME","NONE"],"kindsByName":{"a":"SOME"}},"updateMask":"kind,kinds,kindsByName,part.kind"}"#
    );
    assert_eq!(
        sent(r#"{"kinds":[],"kindsByName":null}"#),
        r#"{"part":{"title":"p"},"updateMask":"kinds,kindsByName"}"#
    );
}
