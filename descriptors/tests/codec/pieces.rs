//! Single fields, read and written by their paths.

use allocation_counter::measure;
use descant_descriptors::Codec;

use crate::{bytes, json_of, message, number, wire_of};

fn text(of: &str, path: &str, text: &str) -> Result<Vec<u8>, String> {
    let of = message(of);
    let path = of.field_path(path).unwrap();
    let mut wire = b"before".to_vec();
    let result = Codec::default().text_to_wire(&of, &path, text, &mut wire);
    let wire = wire.split_off(6);
    result.map(|()| wire).map_err(|error| error.what().to_owned())
}

/// What a text becomes, as JSON of the whole message.
fn seen(of: &str, path: &str, value: &str) -> String {
    match text(of, path, value) {
        Ok(wire) => json_of(&message(of), &wire).unwrap(),
        Err(what) => what,
    }
}

#[test]
fn text_of_every_kind() {
    let item = |path: &str, value: &str| seen("plain.Item", path, value);
    assert_eq!(item("title", "\u{e9} \"x\""), r#"{"title":"é \"x\""}"#);
    assert_eq!(
        item("count", "-9223372036854775808"),
        r#"{"count":"-9223372036854775808"}"#
    );
    assert_eq!(item("maybe", "1e3"), r#"{"maybe":1000}"#);
    assert_eq!(item("price", "-Infinity"), r#"{"price":"-Infinity"}"#);
    assert_eq!(item("ratio", "0.1"), r#"{"ratio":0.1}"#);
    assert_eq!(item("ready", "true"), r#"{"ready":true}"#);
    assert_eq!(item("raw", "-_8"), r#"{"raw":"+/8="}"#);
    assert_eq!(item("raw", "+/8="), r#"{"raw":"+/8="}"#);
    assert_eq!(item("kind", "MANY"), r#"{"kind":"MANY"}"#);
    assert_eq!(item("kind", "5"), r#"{"kind":"MANY"}"#);
    assert_eq!(item("kind", "77"), r#"{"kind":77}"#);
    assert_eq!(item("swing", "-3"), r#"{"swing":-3}"#);
    assert_eq!(
        item("serialNumber", "18446744073709551615"),
        r#"{"serialNumber":"18446744073709551615"}"#
    );
    assert_eq!(item("child.child.words", "w"), r#"{"child":{"child":{"words":["w"]}}}"#);
    assert_eq!(item("numbers", "4"), r#"{"numbers":[4]}"#);
    assert_eq!(item("kinds", "SOME"), r#"{"kinds":["SOME"]}"#);
    assert_eq!(
        seen("sample.Old", "cluster.inner.swings", "-1"),
        r#"{"cluster":{"inner":{"swings":["-1"]}}}"#
    );
    assert_eq!(
        seen("sample.Old", "[sample.item].title", "x"),
        r#"{"[sample.item]":{"title":"x"}}"#
    );
}

#[test]
fn text_of_well_known_types() {
    let known = |path: &str, value: &str| seen("sample.Known", path, value);
    assert_eq!(
        known("time", "2001-02-03T04:05:06.5Z"),
        r#"{"time":"2001-02-03T04:05:06.500Z"}"#
    );
    assert_eq!(known("span", "-3.5s"), r#"{"span":"-3.500s"}"#);
    assert_eq!(known("mask", "aB,c.dE"), r#"{"mask":"aB,c.dE"}"#);
    assert_eq!(known("mask", ""), r#"{"mask":""}"#);
    assert_eq!(known("boxed", "0"), r#"{"boxed":"0"}"#);
    assert_eq!(known("boxed", "7"), r#"{"boxed":"7"}"#);
    assert_eq!(
        known("time", "yesterday"),
        "\"yesterday\" is not a time such as \"2001-02-03T04:05:06Z\", or out of range"
    );
    assert_eq!(
        known("span", "5"),
        "\"5\" is not a duration such as \"1.5s\", or out of range"
    );
    assert_eq!(
        known("mask", "a_b"),
        "\"a_b\" is not a list of paths in lowerCamelCase with commas between"
    );
    assert_eq!(known("object", "{}"), "a message can't be told from plain text");
}

#[test]
fn other_text_is_refused() {
    let item = |path: &str, value: &str| seen("plain.Item", path, value);
    assert_eq!(item("count", "x"), "\"x\" is not a signed 64-bit integer");
    assert_eq!(item("count", ""), "\"\" is not a signed 64-bit integer");
    assert_eq!(
        item("maybe", "2147483648"),
        "\"2147483648\" is not a signed 32-bit integer"
    );
    assert_eq!(item("maybe", " 1"), "\" 1\" is not a signed 32-bit integer");
    assert_eq!(item("maybe", "+1"), "\"+1\" is not a signed 32-bit integer");
    assert_eq!(item("ready", "1"), "\"1\" is not true or false");
    assert_eq!(item("raw", "a b"), "\"a b\" is not base64");
    assert_eq!(
        item("kind", "MANNY"),
        "the enum has no value \"MANNY\"; did you mean \"MANY\"?"
    );
    assert_eq!(
        item("kind", "many"),
        "the enum has no value \"many\"; did you mean \"MANY\"?"
    );
    assert_eq!(item("price", "1e999"), "\"1e999\" is not a number");
    assert_eq!(item("child", "x"), "a message can't be told from plain text");
    assert_eq!(seen("sample.Old", "color", "9"), "the enum has no value \"9\"");
}

#[test]
fn a_zero_is_written() {
    assert_eq!(text("plain.Item", "title", "").unwrap(), b"\x0a\0");
    assert_eq!(text("plain.Item", "child.count", "0").unwrap(), b"\x7a\x02\x10\0");
    assert_eq!(text("sample.Old", "cluster.size", "0").unwrap(), b"\x2b\x08\0\x2c");
    assert_eq!(text("sample.Known", "boxed", "0").unwrap(), b"\x42\0");
}

fn field(of: &str, path: &str, json: &str) -> Result<Vec<u8>, String> {
    let of = message(of);
    let path = of.field_path(path).unwrap();
    let mut wire = b"before".to_vec();
    let result = Codec::default().json_to_field(&of, &path, json.as_bytes(), &mut wire);
    let wire = wire.split_off(6);
    result.map(|()| wire).map_err(|error| error.to_string())
}

#[test]
fn json_of_a_field() {
    let same = |of: &str, path: &str, json: &str, whole: &str| {
        assert_eq!(
            field(of, path, json).unwrap(),
            wire_of(&message(of), whole).unwrap(),
            "{path}"
        );
    };
    same("plain.Item", "child", r#"{"title":"a"}"#, r#"{"child":{"title":"a"}}"#);
    same("plain.Item", "child.child", " {} ", r#"{"child":{"child":{}}}"#);
    same("plain.Item", "numbers", "[1,2]", r#"{"numbers":[1,2]}"#);
    same("plain.Item", "parts", "[{},{}]", r#"{"parts":[{},{}]}"#);
    same("plain.Item", "by_number", r#"{"1":"a"}"#, r#"{"byNumber":{"1":"a"}}"#);
    same("plain.Item", "count", "\"5\"", r#"{"count":5}"#);
    same("plain.Item", "child", "null", "{}");
    same(
        "sample.Old",
        "cluster.inner",
        r#"{"number":1}"#,
        r#"{"cluster":{"inner":{"number":1}}}"#,
    );
    same("sample.Known", "value", "null", r#"{"value":null}"#);
    same(
        "sample.Known",
        "time",
        "\"2001-02-03T04:05:06Z\"",
        r#"{"time":"2001-02-03T04:05:06Z"}"#,
    );
    let long = format!("{{\"title\":\"{}\"}}", "x".repeat(300));
    same(
        "plain.Item",
        "child.child",
        &long,
        &format!(r#"{{"child":{{"child":{long}}}}}"#),
    );
    assert_eq!(
        field("plain.Item", "child", r#"{"tilte":1}"#).unwrap_err(),
        "plain.Item has no field \"tilte\"; did you mean \"title\"? (line 1, column 2)"
    );
    assert!(field("plain.Item", "child", "{} x").is_err());
    assert!(field("plain.Item", "child", "").is_err());
}

fn one(of: &str, path: &str, wire: &[u8]) -> Result<String, String> {
    let of = message(of);
    let path = of.field_path(path).unwrap();
    let mut json = b"before".to_vec();
    let result = Codec::default().field_to_json(&of, &path, wire, &mut json);
    let json = String::from_utf8(json.split_off(6)).unwrap();
    result.map(|()| json).map_err(|error| error.to_string())
}

#[test]
fn a_field_as_json() {
    let item = |path: &str, json: &str| {
        let wire = wire_of(&message("plain.Item"), json).unwrap();
        one("plain.Item", path, &wire).unwrap()
    };
    let all = r#"{"title":"t","count":5,"parts":[{"title":"p"},{}],"byNumber":{"2":"b","1":"a"},"child":{"child":{"numbers":[1]}}}"#;
    assert_eq!(item("title", all), "\"t\"");
    assert_eq!(item("count", all), "\"5\"");
    assert_eq!(item("parts", all), r#"[{"title":"p"},{}]"#);
    assert_eq!(item("by_number", all), r#"{"2":"b","1":"a"}"#);
    assert_eq!(item("child", all), r#"{"child":{"numbers":[1]}}"#);
    assert_eq!(item("child.child.numbers", all), "[1]");
    // In pieces, out of order, and twice.
    let wire = [
        bytes(15, &[&number(16, 1), &bytes(15, &[&number(16, 1)])]),
        number(2, 4),
        bytes(15, &[&bytes(15, &[&number(2, 3)])]),
        number(2, 9),
    ]
    .concat();
    assert_eq!(
        one("plain.Item", "child.child", &wire).unwrap(),
        r#"{"count":"3","maybe":1}"#
    );
    assert_eq!(
        one("plain.Item", "child", &wire).unwrap(),
        r#"{"child":{"count":"3","maybe":1},"maybe":1}"#
    );
    assert_eq!(one("plain.Item", "count", &wire).unwrap(), "\"9\"");
    let odd = [bytes(7, &[&number(2, 1), &bytes(1, &[b"x"])]), bytes(7, &[])].concat();
    assert_eq!(
        one("plain.Item", "parts", &odd).unwrap(),
        r#"[{"title":"x","count":"1"},{}]"#
    );
    let group = wire_of(&message("sample.Old"), r#"{"cluster":{"inner":{"text":"x"}}}"#).unwrap();
    assert_eq!(one("sample.Old", "cluster.inner", &group).unwrap(), r#"{"text":"x"}"#);
    assert_eq!(
        one("sample.Old", "cluster", &group).unwrap(),
        r#"{"inner":{"text":"x"}}"#
    );
    // A later member of the oneof replaces it.
    let oneof = [bytes(12, &[]), bytes(13, &[b"w"])].concat();
    assert_eq!(one("plain.Item", "item", &oneof).unwrap(), "{}");
    assert_eq!(one("plain.Item", "word", &oneof).unwrap(), "\"w\"");
    // As of the whole message.
    let foreign = bytes(15, &[&bytes(1, &[b"\xff"])]);
    let error = one("plain.Item", "child", &foreign).unwrap_err();
    assert_eq!(
        error,
        "child.title: a string is not UTF-8, so it has no JSON form (at byte 4)"
    );
    assert_eq!(json_of(&message("plain.Item"), &foreign), Err(error));
    assert!(one("plain.Item", "child", b"\x7a\x05").is_err());
}

#[test]
fn a_field_that_is_not_set() {
    let of = |of: &str, path: &str| one(of, path, b"").unwrap();
    assert_eq!(of("plain.Item", "title"), "\"\"");
    assert_eq!(of("plain.Item", "count"), "\"0\"");
    assert_eq!(of("plain.Item", "maybe"), "0");
    assert_eq!(of("plain.Item", "ready"), "false");
    assert_eq!(of("plain.Item", "kind"), "\"NONE\"");
    assert_eq!(of("plain.Item", "parts"), "[]");
    assert_eq!(of("plain.Item", "by_name"), "{}");
    assert_eq!(of("plain.Item", "child"), "{}");
    assert_eq!(of("plain.Item", "child.child.title"), "\"\"");
    assert_eq!(of("sample.Known", "object"), "{}");
    assert_eq!(of("sample.Known", "list"), "[]");
    assert_eq!(of("sample.Known", "time"), "null");
    assert_eq!(of("sample.Known", "any"), "{}");
    assert_eq!(of("sample.Defaults", "number"), "-7");
    assert_eq!(of("sample.Defaults", "raw"), "\"YQD/\"");
    assert_eq!(of("sample.Defaults", "ratio"), "\"-Infinity\"");
    assert_eq!(of("sample.Defaults", "late"), "\"THREE\"");
    assert_eq!(of("sample.Defaults", "set"), "\"FOUR\"");
    assert_eq!(of("sample.Defaults", "plain"), "\"\"");
}

#[test]
fn a_field_is_left_out() {
    let without = |of: &str, path: &str, wire: &[u8]| {
        let of = message(of);
        let path = of.field_path(path).unwrap();
        let mut out = Vec::new();
        Codec::default().without_field(&of, &path, wire, &mut out).unwrap();
        out
    };
    let twice = [number(2, 1), bytes(1, &[b"t"]), number(2, 2)].concat();
    assert_eq!(without("plain.Item", "count", &twice), bytes(1, &[b"t"]));
    assert_eq!(without("plain.Item", "title", &[]), b"");
    assert_eq!(without("plain.Item", "child.title", &twice), twice);
    let long = bytes(9, &[&[b'x'; 200]]);
    let nested = bytes(15, &[&bytes(15, &[&long, &bytes(1, &[b"t"])]), &number(16, 1)]);
    let expected = bytes(15, &[&bytes(15, &[&long]), &number(16, 1)]);
    assert_eq!(without("plain.Item", "child.child.title", &nested), expected);
    let group = b"\x2b\x08\x01\x12\x02\x08\x05\x2c\x08\x03";
    assert_eq!(
        without("sample.Old", "cluster.size", group),
        b"\x2b\x12\x02\x08\x05\x2c\x08\x03"
    );
    assert_eq!(
        without("sample.Old", "cluster.inner.number", group),
        b"\x2b\x08\x01\x12\x00\x2c\x08\x03"
    );
    // Another wire type is another, unknown field.
    let other = bytes(2, &[b"x"]);
    assert_eq!(without("plain.Item", "count", &other), other);
}

#[test]
fn members_become_a_mask() {
    let mask = |of: &str, json: &str| {
        let mut wire = Vec::new();
        let result = Codec::default().json_to_mask(&message(of), json.as_bytes(), &mut wire);
        result.map(|()| {
            let mut paths = Vec::new();
            let mut rest = &wire[..];
            while let [10, length, after @ ..] = rest {
                paths.push(std::str::from_utf8(&after[..usize::from(*length)]).unwrap());
                rest = &after[usize::from(*length)..];
            }
            paths.join(",")
        })
    };
    let item = |json: &str| mask("plain.Item", json).unwrap();
    assert_eq!(
        item(r#" {"title":"x","count":0,"serialNumber":null}"#),
        "title,count,serial_number"
    );
    assert_eq!(
        item(r#"{"child":{"serial_number":1,"child":{},"parts":[{"title":"x"}]},"byName":{"a":{}}}"#),
        "child.serial_number,child.child,child.parts,by_name"
    );
    assert_eq!(item(r#"{"chi\u006cd":{"title":""}}"#), "child.title");
    assert_eq!(item("{}"), "");
    assert_eq!(
        mask("sample.Known", r#"{"object":{"a":{}},"any":{}}"#).unwrap(),
        "object,any"
    );
    assert_eq!(
        mask("sample.Old", r#"{"cluster":{"inner":{"text":""}}}"#).unwrap(),
        "cluster.inner.text"
    );
    assert!(mask("plain.Item", "[]").is_err());
    let deep = "{\"child\":".repeat(101) + "{}" + &"}".repeat(101);
    assert!(mask("plain.Item", &deep).is_err());
}

#[test]
fn fields_as_json_allocate_nothing() {
    let item = message("plain.Item");
    let path = item.field_path("child.parts").unwrap();
    let wire = wire_of(&item, r#"{"child":{"parts":[{"title":"a"},{"title":"b"}]}}"#).unwrap();
    let (mut codec, mut json) = (Codec::default(), Vec::new());
    let mut turn = || {
        json.clear();
        codec.field_to_json(&item, &path, &wire, &mut json).unwrap();
    };
    turn();
    assert_eq!(measure(turn).count_total, 0);
}
