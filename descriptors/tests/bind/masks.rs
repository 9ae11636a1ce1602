//! Update masks that are filled in.

use descant_descriptors::BindOptions;

use crate::{JSON, json_of, sent, wire_of};

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
