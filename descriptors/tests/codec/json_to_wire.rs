//! What JSON is read, and as what.

use crate::{bytes, message, number, wire_of};

#[track_caller]
fn reads(name: &str, json: &str, wire: &[Vec<u8>]) {
    assert_eq!(wire_of(&message(name), json), Ok(wire.concat()), "{json}");
}

#[test]
fn names_of_either_kind_in_any_order() {
    let wire = [&[0x99, 1][..], &7u64.to_le_bytes()].concat();
    reads("plain.Item", r#"{"serialNumber": 7}"#, std::slice::from_ref(&wire));
    reads("plain.Item", r#"{"serial_number":"7"}"#, std::slice::from_ref(&wire));
    reads("plain.Item", r#"{ "serial\u004eumber" : 7 }"#, &[wire]);
    reads(
        "plain.Item",
        r#"{"maybe":1,"title":"x"}"#,
        &[number(16, 1), bytes(1, &[b"x"])],
    );
}

#[test]
fn numbers_in_any_form() {
    for json in ["7", "\"7\"", "7.0", "70e-1", "0.7E+1", "\"7e0\""] {
        reads("plain.Item", &format!("{{\"maybe\":{json}}}"), &[number(16, 7)]);
    }
    for json in [
        "1.5",
        "2147483648",
        "\"\"",
        "\" 7\"",
        "\"0x7\"",
        "true",
        "\"07\"",
        "1e99",
    ] {
        wire_of(&message("plain.Item"), &format!("{{\"maybe\":{json}}}")).expect_err(json);
    }
}

#[test]
fn zero_is_left_out_where_there_is_no_presence() {
    reads(
        "plain.Item",
        r#"{"count":0,"title":"","ready":false,"kind":"NONE","price":0,"raw":""}"#,
        &[],
    );
    reads("plain.Item", r#"{"maybe":0,"code":0}"#, &[number(16, 0), number(14, 0)]);
    reads(
        "plain.Item",
        r#"{"price":-0.0}"#,
        &[[&[25u8][..], &(-0.0f64).to_le_bytes()].concat()],
    );
}

#[test]
fn null_is_absent() {
    reads(
        "plain.Item",
        r#"{"count":null,"parts":null,"byName":null,"child":null,"word":null,"code":1}"#,
        &[number(14, 1)],
    );
}

#[test]
fn lists_and_maps() {
    reads(
        "plain.Item",
        r#"{"numbers":[1, 2 ,3],"words":["a",""]}"#,
        &[bytes(8, &[&[1, 2, 3]]), bytes(9, &[b"a"]), bytes(9, &[])],
    );
    reads("plain.Item", r#"{"numbers":[],"byName":{}}"#, &[]);
    let entry = bytes(11, &[&number(1, 7), &bytes(2, &[b"x"])]);
    reads("plain.Item", r#"{"byNumber":{"7":"x"}}"#, &[entry]);
    let entry = bytes(10, &[&bytes(1, &[b"k"]), &bytes(2, &[&number(2, 1)])]);
    reads("plain.Item", r#"{"byName":{"\u006b":{"count":1}}}"#, &[entry]);
}

#[test]
fn lengths_of_every_width() {
    for length in [1, 100, 126, 127, 128, 129, 16_000, 16_384, 70_000] {
        let title = "x".repeat(length);
        let json = format!(r#"{{"child":{{"child":{{"title":"{title}"}},"parts":[{{}},{{"title":"{title}"}}]}}}}"#);
        let text = bytes(1, &[title.as_bytes()]);
        let wire = bytes(15, &[&bytes(15, &[&text]), &bytes(7, &[]), &bytes(7, &[&text])]);
        reads("plain.Item", &json, &[wire]);
    }
}

#[test]
fn strings() {
    reads(
        "plain.Item",
        r#"{"title":"\u00e9\ud83d\ude00\/\b\f\n\r\t\\\""}"#,
        &[bytes(1, &["é😀/\u{8}\u{c}\n\r\t\\\"".as_bytes()])],
    );
    reads(
        "plain.Item",
        "{\"title\":\"é and more than eight bytes\"}",
        &[bytes(1, &["é and more than eight bytes".as_bytes()])],
    );
    for json in [
        r#""\ud83d""#,
        r#""\ud83dx""#,
        r#""\ude00\ud83d""#,
        r#""\x""#,
        r#""\u12""#,
        "\"\n\"",
        "\"\u{1}\"",
        "\"",
        r#""\"#,
    ] {
        wire_of(&message("plain.Item"), &format!("{{\"title\":{json}}}")).expect_err(json);
    }
}

#[test]
fn base64_of_either_alphabet() {
    for json in ["+/8=", "-_8=", "+/8", "-_8"] {
        reads(
            "plain.Item",
            &format!("{{\"raw\":\"{json}\"}}"),
            &[bytes(5, &[&[0xfb, 0xff]])],
        );
    }
    wire_of(&message("plain.Item"), r#"{"raw":"a"}"#).expect_err("one letter");
    wire_of(&message("plain.Item"), r#"{"raw":"a?=="}"#).expect_err("no letter");
}

#[test]
fn groups_and_extensions() {
    let group = [&[5u8 << 3 | 3][..], &number(1, 7), &[5 << 3 | 4]].concat();
    reads("sample.Old", r#"{"cluster":{"size":7}}"#, &[group]);
    reads(
        "sample.Old",
        r#"{"[sample.marks]":[1,2]}"#,
        &[number(101, 1), number(101, 2)],
    );
    reads("sample.Old", r#"{"swings":[-1,1]}"#, &[bytes(11, &[&[1, 2]])]);
}

#[test]
fn what_is_not_strict_json_is_refused() {
    for json in [
        "",
        "{",
        "{}}",
        "{} x",
        "[]",
        "null",
        "{'title':'x'}",
        "{title:1}",
        r#"{"title":"x",}"#,
        r#"{,"title":"x"}"#,
        r#"{"title" "x"}"#,
        r#"{"maybe":01}"#,
        r#"{"maybe":+1}"#,
        r#"{"maybe":.5}"#,
        r#"{"maybe":1.}"#,
        r#"{"maybe":NaN}"#,
        r#"{"numbers":[1,]}"#,
        r#"{"numbers":[1 2]}"#,
        r#"{"ready":TRUE}"#,
        r#"{"ready":"true"}"#,
        "{}//",
        "\u{feff}{}",
        r#"{"numbers":[null]}"#,
        r#"{"byNumber":{"1":null}}"#,
        r#"{"byNumber":{"x":"y"}}"#,
        r#"{"byTruth":{"1":0}}"#,
    ] {
        wire_of(&message("plain.Item"), json).expect_err(json);
    }
}

#[test]
fn members_come_once() {
    for json in [
        r#"{"maybe":1,"maybe":1}"#,
        r#"{"serialNumber":1,"serial_number":1}"#,
        r#"{"title":null,"title":"x"}"#,
        r#"{"word":"a","code":1}"#,
        r#"{"byNumber":{"1":"a","1":"b"}}"#,
        r#"{"byNumber":{"1":"a","2":"b","0":"c","1.0":"d"}}"#,
        r#"{"byName":{"a":{},"\u0061":{}}}"#,
    ] {
        let error = wire_of(&message("plain.Item"), json).expect_err(json);
        assert!(error.contains("twice") || error.contains("oneof"), "{error}");
    }
}
