//! `message_set_wire_format`. What is expected is what protobuf's Python (JSON) and C++ (text) make of the same bytes.

use descant_descriptors::{Codec, JsonOptions};

use crate::{bytes, json_of, json_with, message, number, wire_of};

/// An item of a set.
fn item(type_id: u64, content: &[u8]) -> Vec<u8> {
    [&[0x0b][..], &number(2, type_id), &bytes(3, &[content]), &[0x0c]].concat()
}

fn part(size: u64) -> Vec<u8> {
    item(1000, &number(1, size))
}

fn normal_of(name: &str, wire: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Codec::default().normalize(&message(name), wire, &mut out).unwrap();
    out
}

fn text_of(options: &JsonOptions, name: &str, wire: &[u8]) -> String {
    let mut text = Vec::new();
    let mut codec = Codec::new(options.clone());
    codec.wire_to_textproto(&message(name), wire, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn read_text(name: &str, text: &str) -> Result<Vec<u8>, String> {
    let mut wire = Vec::new();
    let result = Codec::default().textproto_to_wire(&message(name), text.as_bytes(), &mut wire);
    result.map(|()| wire).map_err(|error| error.to_string())
}

#[test]
fn items_are_extensions() {
    let inner = [number(1, 5), bytes(2, &[&item(2000, &bytes(1, &[b"deep"]))])].concat();
    let wire = bytes(1, &[&item(1000, &inner), &item(2000, &bytes(1, &[b"x"]))]);
    let json = concat!(
        r#"{"set":{"[set.Part.message_set_extension]":{"size":5,"inner":{"[set.other]":{"text":"deep"}}},"#,
        r#""[set.other]":{"text":"x"}}}"#
    );
    assert_eq!(json_of(&message("set.Holder"), &wire), Ok(json.to_owned()));
    assert_eq!(wire_of(&message("set.Holder"), json), Ok(wire.clone()));
    assert_eq!(normal_of("set.Holder", &wire), wire);
    let text = "set {\n  [set.Part] {\n    size: 5\n    inner {\n      [set.other] {\n        text: \"deep\"\n      }\n    }\n  }\n  [set.other] {\n    text: \"x\"\n  }\n}\n";
    assert_eq!(text_of(&JsonOptions::default(), "set.Holder", &wire), text);
    assert_eq!(read_text("set.Holder", text), Ok(wire));
}

#[test]
fn an_extension_in_its_type_goes_by_the_name_of_that_too() {
    let wire = bytes(1, &[&part(5)]);
    for json in [
        r#"{"set":{"[set.Part]":{"size":5}}}"#,
        r#"{"set":{"[set.Part.message_set_extension]":{"size":5}}}"#,
    ] {
        assert_eq!(wire_of(&message("set.Holder"), json), Ok(wire.clone()), "{json}");
    }
    for text in [
        "set { [set.Part] { size: 5 } }",
        "set { [set.Part.message_set_extension]: < size: 5 > }",
    ] {
        assert_eq!(read_text("set.Holder", text), Ok(wire.clone()), "{text}");
    }
    let twice = wire_of(
        &message("set.Holder"),
        r#"{"set":{"[set.Part]":{},"[set.Part.message_set_extension]":{}}}"#,
    );
    assert_eq!(
        twice.unwrap_err(),
        "set.[set.Part.message_set_extension]: this field is there twice (line 1, column 60)"
    );
    // It is declared elsewhere.
    assert_eq!(
        wire_of(&message("set.Holder"), r#"{"set":{"[set.Other]":{}}}"#).unwrap_err(),
        "set: set.Set has no field \"[set.Other]\"; did you mean \"[set.other]\"? (line 1, column 9)"
    );
}

#[test]
fn items_come_in_any_order_shape_and_number_of_pieces() {
    let canonical = bytes(1, &[&part(7), &item(2000, &bytes(1, &[b"x"]))]);
    let late_type = [&[0x0b][..], &bytes(3, &[&number(1, 7)]), &number(2, 1000), &[0x0c]].concat();
    // The first type and the first message count, and what else stands there does not.
    let much = [
        &[0x0b][..],
        &number(2, 1000),
        &number(2, 2000),
        &number(9, 1),
        &bytes(3, &[&number(1, 7)]),
        &bytes(3, &[&number(1, 8)]),
        &[0x0c],
    ]
    .concat();
    let other = item(2000, &bytes(1, &[b"x"]));
    for set in [
        [other.clone(), part(7)].concat(),
        [late_type, other.clone()].concat(),
        [much, other.clone()].concat(),
        // Merged.
        [part(3), other.clone(), item(1000, &[]), part(7)].concat(),
        // As extensions of other messages are written.
        [bytes(1000, &[&number(1, 7)]), bytes(2000, &[&bytes(1, &[b"x"])])].concat(),
    ] {
        let wire = bytes(1, &[&set]);
        assert_eq!(normal_of("set.Holder", &wire), canonical, "{set:?}");
        assert_eq!(
            json_of(&message("set.Holder"), &wire),
            json_of(&message("set.Holder"), &canonical),
            "{set:?}"
        );
        // In two pieces.
        let pieces = [bytes(1, &[&set[..0]]), bytes(1, &[&set])].concat();
        assert_eq!(normal_of("set.Holder", &pieces), canonical);
    }
}

#[test]
fn what_is_no_item_of_a_known_type_is_unknown() {
    let unknown = [
        item(3000, &number(1, 1)),
        // Without a type, and without a message.
        [&[0x0b][..], &bytes(3, &[b""]), &[0x0c]].concat(),
        [&[0x0b][..], &number(2, 1000), &[0x0c]].concat(),
        number(77, 1),
    ]
    .concat();
    let wire = bytes(1, &[&unknown, &part(1)]);
    let (mut codec, mut out) = (Codec::default(), Vec::new());
    codec.wire_to_json(&message("set.Holder"), &wire, &mut out).unwrap();
    assert_eq!(out, br#"{"set":{"[set.Part.message_set_extension]":{"size":1}}}"#);
    assert_eq!(codec.unknown_fields(), 4);
    out.clear();
    codec
        .wire_to_textproto(&message("set.Holder"), &wire, &mut out)
        .unwrap();
    assert_eq!(out, b"set {\n  [set.Part] {\n    size: 1\n  }\n}\n");
    assert_eq!(codec.unknown_fields(), 4);
    // They are kept, behind what is known.
    assert_eq!(
        normal_of("set.Holder", &wire),
        bytes(1, &[&part(1), &unknown]),
        "canonical"
    );
    let damaged = bytes(1, &[&item(1000, &[8])]);
    assert_eq!(
        json_of(&message("set.Holder"), &damaged).unwrap_err(),
        "set.[set.Part.message_set_extension].size: the message can't be read: the bytes end in the middle of a field (at byte 9)"
    );
}

#[test]
fn sets_stand_wherever_messages_do() {
    let set = part(2);
    let any = [bytes(1, &[b"x/set.Set"]), bytes(2, &[&set])].concat();
    let wire = [
        bytes(2, &[&set]),
        bytes(2, &[]),
        bytes(3, &[&bytes(1, &[b"k"]), &bytes(2, &[&set])]),
        bytes(4, &[&set]),
        bytes(6, &[&any]),
    ]
    .concat();
    let inner = r#""[set.Part.message_set_extension]":{"size":2}"#;
    let json = format!(
        r#"{{"sets":[{{{inner}}},{{}}],"byName":{{"k":{{{inner}}}}},"chosen":{{{inner}}},"any":{{"@type":"x/set.Set",{inner}}}}}"#
    );
    assert_eq!(json_of(&message("set.Holder"), &wire), Ok(json.clone()));
    assert_eq!(wire_of(&message("set.Holder"), &json), Ok(wire.clone()));
    let text = text_of(&JsonOptions::default(), "set.Holder", &wire);
    assert_eq!(read_text("set.Holder", &text), Ok(wire));
    // What a oneof has replaced has to be well-formed too.
    let replaced = [bytes(4, &[&item(1000, &[8])]), bytes(5, &[b"w"])].concat();
    assert!(json_of(&message("set.Holder"), &replaced).is_err());
}

#[test]
fn secrets_in_items_are_hidden() {
    let wire = bytes(1, &[&item(1000, &bytes(3, &[b"s"]))]);
    let mut options = JsonOptions::default();
    options.redact = true;
    assert_eq!(
        json_with(&options, &message("set.Holder"), &wire),
        Ok(r#"{"set":{"[set.Part.message_set_extension]":{"secret":"[REDACTED]"}}}"#.to_owned())
    );
    assert_eq!(
        text_of(&options, "set.Holder", &wire),
        "set {\n  [set.Part] {\n    secret: [REDACTED]\n  }\n}\n"
    );
}

#[test]
fn a_field_in_an_item_has_a_path() {
    let holder = message("set.Holder");
    let path = holder.field_path("set.[set.Part.message_set_extension].size").unwrap();
    let (mut codec, mut out) = (Codec::default(), Vec::new());
    codec.text_to_wire(&holder, &path, "7", &mut out).unwrap();
    assert_eq!(out, bytes(1, &[&part(7)]));
    let mut json = Vec::new();
    codec.field_to_json(&holder, &path, &out, &mut json).unwrap();
    assert_eq!(json, b"7");
    let mut rest = Vec::new();
    codec.without_field(&holder, &path, &out, &mut rest).unwrap();
    assert_eq!(rest, bytes(1, &[&item(1000, &[])]));
}
