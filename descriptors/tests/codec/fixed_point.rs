//! JSON that is accepted comes back as one form, and that form is fixed.

use crate::{json_of, message, wire_of};

#[test]
fn every_accepted_json_has_one_form() {
    let cases = [
        (
            "plain.Item",
            r#"{"count": 7.0, "serial_number":"9", "raw":"-_8"}"#,
            r#"{"count":"7","raw":"+/8=","serialNumber":"9"}"#,
        ),
        (
            "plain.Item",
            r#"{"kind":5,"price":1e2,"title":"\u0041"}"#,
            r#"{"title":"A","price":100,"kind":"MANY"}"#,
        ),
        (
            "plain.Item",
            r#"{"byNumber":{"2":"b","1":"a"}}"#,
            r#"{"byNumber":{"2":"b","1":"a"}}"#,
        ),
        (
            "sample.Known",
            r#"{"time":"1970-01-01T01:00:00.10+01:00"}"#,
            r#"{"time":"1970-01-01T00:00:00.100Z"}"#,
        ),
        (
            "sample.Known",
            r#"{"value":{"a":[1.50,{"b":null}]}}"#,
            r#"{"value":{"a":[1.5,{"b":null}]}}"#,
        ),
    ];
    for (name, json, form) in cases {
        let message = message(name);
        let wire = wire_of(&message, json).unwrap();
        assert_eq!(json_of(&message, &wire).as_deref(), Ok(form));
        let again = wire_of(&message, form).unwrap();
        assert_eq!(json_of(&message, &again).as_deref(), Ok(form));
    }
}
