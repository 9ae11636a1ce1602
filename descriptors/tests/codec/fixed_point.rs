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

#[test]
fn what_a_string_holds_comes_back_at_every_place() {
    let message = message("plain.Item");
    let pieces = [
        "\"",
        "\\",
        "\n\t",
        "\u{1}",
        "é",
        "漢\"",
        "\u{1f}😀",
        "\"\\\u{7f}\u{2028}",
    ];
    let lengths = [0, 1, 7, 15, 16, 17, 31, 33, 64, 65];
    for (piece, before) in pieces
        .iter()
        .flat_map(|piece| (0..36).map(move |before| (piece, before)))
    {
        for after in lengths {
            let text = format!("{}{piece}{}{piece}", "a".repeat(before), "b".repeat(after));
            let json = serde_json::json!({ "title": text }).to_string();
            let wire = wire_of(&message, &json).unwrap();
            assert!(wire.ends_with(text.as_bytes()), "{json}");
            assert_eq!(json_of(&message, &wire).as_deref(), Ok(&*json));
            let units: Vec<_> = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            let units = units.concat();
            assert_eq!(wire_of(&message, &format!(r#"{{"title":"{units}"}}"#)), Ok(wire));
        }
    }
}
