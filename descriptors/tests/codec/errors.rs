//! Errors say what, where, and how to mend it.

use descant_descriptors::{Codec, Place};

use crate::{bytes, json_of, message, number, wire_of};

#[track_caller]
fn says(json: &str, said: &str) {
    assert_eq!(wire_of(&message("plain.Item"), json), Err(said.to_owned()));
}

#[test]
fn of_json() {
    says(
        r#"{"parts":[{},{"byName":{"k":{"count":"x"}}}]}"#,
        r#"parts[1].byName["k"].count: "x" is not a signed 64-bit integer (line 1, column 38)"#,
    );
    says(
        "{\n  \"titel\": 1\n}",
        r#"plain.Item has no field "titel"; did you mean "title"? (line 2, column 3)"#,
    );
    says(
        r#"{"kind":"SOM"}"#,
        r#"kind: the enum has no value "SOM"; did you mean "SOME"? (line 1, column 9)"#,
    );
    says(
        r#"{"title":7}"#,
        "title: expected a string, but there is a number (line 1, column 10)",
    );
    says(
        r#"{"numbers":{}}"#,
        "numbers: expected an array, but there is an object (line 1, column 12)",
    );
    says(
        r#"{"title":"é\x"}"#,
        "title: this is no escape sequence of JSON, or half a surrogate pair (line 1, column 12)",
    );
    says(
        "{",
        "expected the name of a member, but the text ends (line 1, column 2)",
    );
    says(
        r#"{"word":"a","code":1}"#,
        "code: another field of the same oneof is set already (line 1, column 20)",
    );
}

#[test]
fn of_an_any() {
    let says = |json, said: &str| assert_eq!(wire_of(&message("google.protobuf.Any"), json), Err(said.to_owned()));
    says(
        r#"{"@type":"type.googleapis.com/plain.Itme","title":"a"}"#,
        "there is no message \"plain.Itme\", so beside \"@type\" this google.protobuf.Any can only have the member \"value\", \
         the message's bytes in base64 (line 1, column 43)",
    );
    says(
        r#"{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s","nanos":1}"#,
        "expected the members \"@type\" and \"value\", once each (line 1, column 70)",
    );
}

#[test]
fn of_wire() {
    let item = message("plain.Item");
    let said = |wire: &[Vec<u8>]| json_of(&item, &wire.concat()).unwrap_err();
    let inner = bytes(7, &[&bytes(1, &[b"ok"]), &[0x4a, 9, 65]]);
    assert_eq!(
        said(&[bytes(7, &[]), inner]),
        "parts[1].words: the message can't be read: the bytes end in the middle of a field (at byte 9)"
    );
    assert_eq!(
        said(&[bytes(1, &[&[0xff]])]),
        "title: a string is not UTF-8, so it has no JSON form (at byte 2)"
    );
    for wire in [
        &[0u8][..],
        &[8],
        &[0x0c],
        &[0x0b],
        &[0x0e],
        &[0xff; 11],
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
    ] {
        said(&[wire.to_vec()]);
        said(&[number(16, 1), wire.to_vec()]);
        said(&[number(16, 1), number(2, 1), wire.to_vec()]);
    }
}

#[test]
fn are_data_too() {
    let mut codec = Codec::default();
    let error = codec.json_to_wire(
        &message("plain.Item"),
        b"{\n\"child\":{\"maybe\":1.5}}",
        &mut Vec::new(),
    );
    let error = error.unwrap_err();
    assert_eq!(error.path(), "child.maybe");
    assert_eq!(error.what(), "\"1.5\" is not a signed 32-bit integer");
    let Place::Text { line, column, offset } = error.place() else {
        panic!("{error}")
    };
    assert_eq!((line, column, offset), (2, 18, 19));
}
