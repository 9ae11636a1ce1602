//! The text format, both ways. Protobuf's conformance suite asks for much more; this is what it leaves open.

use descant_descriptors::{Codec, JsonOptions, Place};

use crate::{bytes, message, number, wire_of};

fn text_with(options: &JsonOptions, name: &str, wire: &[u8]) -> String {
    let mut text = Vec::new();
    Codec::new(options.clone())
        .wire_to_textproto(&message(name), wire, &mut text)
        .unwrap();
    String::from_utf8(text).unwrap()
}

fn read_with(options: &JsonOptions, name: &str, text: &str) -> Result<Vec<u8>, String> {
    let mut wire = b"before".to_vec();
    let result = Codec::new(options.clone()).textproto_to_wire(&message(name), text.as_bytes(), &mut wire);
    let wire = wire.split_off(6);
    result.map(|()| wire).map_err(|error| error.to_string())
}

/// The text reads as the same message as the JSON.
#[track_caller]
fn reads(name: &str, text: &str, json: &str) {
    let wire = read_with(&JsonOptions::default(), name, text);
    assert_eq!(wire, wire_of(&message(name), json), "{text}");
}

/// The message prints as the text, and the text reads as the message.
#[track_caller]
fn prints(name: &str, wire: &[Vec<u8>], text: &str) {
    assert_eq!(text_with(&JsonOptions::default(), name, &wire.concat()), text);
    let mut canonical = Vec::new();
    Codec::default()
        .normalize(&message(name), &wire.concat(), &mut canonical)
        .unwrap();
    assert_eq!(read_with(&JsonOptions::default(), name, text), Ok(canonical), "{text}");
}

#[track_caller]
fn refuses(name: &str, text: &str, what: &str) {
    assert_eq!(
        read_with(&JsonOptions::default(), name, text).unwrap_err(),
        what,
        "{text}"
    );
}

#[test]
fn one_field_a_line() {
    let wire = [
        number(16, 3),
        bytes(1, &["a\"\n\u{1}é\u{202e}".as_bytes()]),
        bytes(8, &[&[1, 2]]),
        bytes(7, &[&bytes(1, &[b"x"])]),
        bytes(7, &[]),
        bytes(10, &[&bytes(1, &[b"k"]), &bytes(2, &[])]),
        bytes(5, &[&[0xff, 0]]),
        number(6, 5),
        number(6, 7),
        [&[25u8][..], &f64::NEG_INFINITY.to_le_bytes()].concat(),
        [&[0x8d, 1][..], &0.1f32.to_le_bytes()].concat(),
        number(18, 3),
    ];
    let text = r#"title: "a\"\n\001é\342\200\256"
price: -inf
raw: "\377\000"
kind: 7
parts {
  title: "x"
}
parts {
}
numbers: 1
numbers: 2
by_name {
  key: "k"
  value {
  }
}
maybe: 3
ratio: 0.1
swing: -2
"#;
    prints("plain.Item", &wire, text);
}

#[test]
fn groups_go_by_their_type_and_extensions_by_their_full_names() {
    let wire = [
        vec![0x2b],
        number(1, 1),
        vec![0x2c],
        bytes(100, &[&number(2, 5)]),
        number(101, 1),
        number(101, 2),
    ];
    let text = "Cluster {\n  size: 1\n}\n[sample.item] {\n  count: 5\n}\n[sample.marks]: 1\n[sample.marks]: 2\n";
    prints("sample.Old", &wire, text);
    reads("sample.Old", "cluster { size: 1 }", r#"{"cluster":{"size":1}}"#);
    reads(
        "sample.Old",
        "[ sample # here\n . marks ]: [1]",
        r#"{"[sample.marks]":[1]}"#,
    );
}

#[test]
fn any_is_taken_apart_where_its_type_is_known() {
    let any = |url: &str, value: &[u8]| bytes(1, &[&bytes(1, &[url.as_bytes()]), &bytes(2, &[value])]);
    let known = "any {\n  [example.com/a/plain.Item] {\n    count: 5\n  }\n}\n";
    prints("sample.Known", &[any("example.com/a/plain.Item", &number(2, 5))], known);
    let unknown = "any {\n  type_url: \"example.com/plain.Nobody\"\n  value: \"\\020\\005\"\n}\n";
    prints(
        "sample.Known",
        &[any("example.com/plain.Nobody", &number(2, 5))],
        unknown,
    );
    let damaged = "any {\n  type_url: \"example.com/plain.Item\"\n  value: \"\\020\"\n}\n";
    prints("sample.Known", &[any("example.com/plain.Item", &[16])], damaged);
    // Unknown fields beside its own are left out as everywhere, or printed, and then it stays as it is.
    let odd = bytes(1, &[&bytes(1, &[b"a/plain.Item"]), &number(2, 5), &number(9, 1)]);
    let mut codec = Codec::default();
    let mut text = Vec::new();
    codec
        .wire_to_textproto(&message("sample.Known"), &odd, &mut text)
        .unwrap();
    assert_eq!(text, b"any {\n  [a/plain.Item] {\n  }\n}\n");
    assert_eq!(codec.unknown_fields(), 2);
    let mut options = JsonOptions::default();
    options.print_unknown = true;
    assert_eq!(
        text_with(&options, "sample.Known", &odd),
        "any {\n  type_url: \"a/plain.Item\"\n  2: 5\n  9: 1\n}\n"
    );
    // What stands in it is in canonical order too.
    reads(
        "sample.Known",
        "any { [type.googleapis.com / plain.Item]: < maybe: 1, count: 2, numbers: 3; numbers: [] numbers: [4] > }",
        r#"{"any":{"@type":"type.googleapis.com/plain.Item","count":2,"numbers":[3,4],"maybe":1}}"#,
    );
}

#[test]
fn everything_that_the_specification_writes() {
    reads(
        "plain.Item",
        "# A comment.\ntitle: 'a' \"b\\x41\\u00e9\\U0001f600\" # and\n '\\101\\?'; count: - 0x1F, price: 1.5e1f ready: t",
        r#"{"title":"abAé😀A?","count":-31,"price":15,"ready":true}"#,
    );
    reads(
        "plain.Item",
        "numbers: [017, -5] samples: [.5, 1., -inf, 10F]",
        r#"{"numbers":[15,-5],"samples":[0.5,1,"-Infinity",10]}"#,
    );
    reads(
        "plain.Item",
        "kind: MANY kinds: [1, NONE]",
        r#"{"kind":5,"kinds":[1,0]}"#,
    );
    reads(
        "plain.Item",
        "by_name: [{key: \"a\"}, <value: {count: 1}>]",
        r#"{"byName":{"a":{},"":{"count":1}}}"#,
    );
    reads("plain.Item", "parts [{}, <count: 1>]", r#"{"parts":[{},{"count":1}]}"#);
    reads(
        "plain.Item",
        "ratio: 1e39 price: 1e400",
        r#"{"price":"Infinity","ratio":"Infinity"}"#,
    );
    // A message may come in pieces.
    reads(
        "plain.Item",
        "child { count: 1 } child { maybe: 2 }",
        r#"{"child":{"count":1,"maybe":2}}"#,
    );
}

#[test]
fn names_are_those_of_the_files() {
    reads(
        "text.Names",
        "gone: 5 left { a: [1, { }] } shadow: 2 shadow_one: 1",
        r#"{"shadow":1,"other":2}"#,
    );
    refuses(
        "plain.Item",
        "byName { }",
        "plain.Item has no field \"byName\"; did you mean \"by_name\"? (line 1, column 1)",
    );
    refuses(
        "sample.Old",
        "\n  [sample.item2] {}",
        "sample.Old has no extension \"[sample.item2]\"; did you mean \"[sample.item]\"? (line 2, column 3)",
    );
}

#[test]
fn faults_name_field_and_place() {
    let cases = [
        (
            "count: 1 count: 2",
            "count: this field is there twice (line 1, column 10)",
        ),
        (
            "word: 'a' code: 1",
            "code: another field of the same oneof is set already (line 1, column 11)",
        ),
        (
            "child { maybe: 2147483648 }",
            "child.maybe: this number is out of the range of a signed 32-bit integer (line 1, column 16)",
        ),
        (
            "numbers: [1, 2.0]",
            "numbers[1]: expected a signed 32-bit integer without a fraction, an exponent or the suffix f, but there is a number (line 1, column 14)",
        ),
        (
            "title \"a\"",
            "title: expected `:`, but there is a string (line 1, column 7)",
        ),
        (
            "title: \"a\nb\"",
            "title: a string must end on its line; a line feed in it is written \\n (line 1, column 10)",
        ),
        ("title: 'a", "title: this string does not end (line 1, column 8)"),
        (
            "title: '\\777'",
            "title: this is no escape sequence, or of a character that does not exist; \\\\ is a backslash (line 1, column 9)",
        ),
        ("title: '\\xff'", "title: this string is not UTF-8 (line 1, column 8)"),
        (
            "kind: MANNY",
            "kind: the enum has no value \"MANNY\"; did you mean \"MANY\"? (line 1, column 7)",
        ),
        (
            "ready: yes",
            "ready: expected true or false, but there is \"yes\" (line 1, column 8)",
        ),
        (
            "price: 0x10",
            "price: a number with a fraction is written in decimal (line 1, column 8)",
        ),
        (
            "count: 10maybe: 1",
            "count: \"10maybe\" is no number (line 1, column 8)",
        ),
        ("count: 09", "count: \"09\" is no number (line 1, column 8)"),
        (
            "child { count: 1",
            "child: expected the name of a field or `}`, but the text ends (line 1, column 17)",
        ),
        (
            "child { count: 1 >",
            "child: expected the name of a field or `}`, but there is `>` (line 1, column 18)",
        ),
        (
            "{}",
            "expected the name of a field, but there is `{` (line 1, column 1)",
        ),
    ];
    for (text, what) in cases {
        refuses("plain.Item", text, what);
    }
    refuses(
        "sample.Old",
        "colors: [RED, 7]",
        "colors[1]: the enum has no value \"7\" (line 1, column 15)",
    );
    refuses(
        "sample.Known",
        "any { [a.b/plain.None] {} }",
        "any: there is no message \"plain.None\", so what is in this google.protobuf.Any can't be read (line 1, column 7)",
    );
    refuses(
        "sample.Known",
        "any { [/plain.Item] {} }",
        "any: \"/plain.Item\" is no full name and no type URL (line 1, column 8)",
    );
}

#[test]
fn what_is_unknown_may_be_ignored() {
    let mut options = JsonOptions::default();
    options.ignore_unknown = true;
    let text =
        "what: -inf other { a: 'x' 'y', b <> [c.d]: 5 } count: 1 [a.b]: [1, {}] kind: NOBODY kinds: [SOME, NOBODY]";
    let wire = read_with(&options, "plain.Item", text).unwrap();
    assert_eq!(
        Ok(wire),
        wire_of(&message("plain.Item"), r#"{"count":1,"kinds":["SOME"]}"#)
    );
}

#[test]
fn options_of_printing() {
    let wire = [
        number(2, 5),
        bytes(201, &[&number(1, 7)]),
        bytes(202, &[b"text"]),
        [&[0xdd, 0x0c][..], &5u32.to_le_bytes()].concat(),
        vec![0xe3, 0x0c],
        number(1, 1),
        vec![0xe4, 0x0c],
    ]
    .concat();
    let mut codec = Codec::default();
    let mut text = Vec::new();
    codec
        .wire_to_textproto(&message("plain.Item"), &wire, &mut text)
        .unwrap();
    assert_eq!((text.as_slice(), codec.unknown_fields()), (&b"count: 5\n"[..], 4));
    let mut options = JsonOptions::default();
    options.print_unknown = true;
    let numbered = "count: 5\n201 {\n  1: 7\n}\n202: \"text\"\n203: 0x00000005\n204 {\n  1: 1\n}\n";
    assert_eq!(text_with(&options, "plain.Item", &wire), numbered);

    let mut options = JsonOptions::default();
    options.redact = true;
    options.enums_as_numbers = true;
    let wire = [number(3, 1), bytes(10, &[b"s"])].concat();
    assert_eq!(
        text_with(&options, "sample.Old", &wire),
        "color: 1\nsecret: [REDACTED]\n"
    );

    let mut options = JsonOptions::default();
    options.emit_defaults = true;
    assert!(
        text_with(&options, "plain.Item", &[])
            .starts_with("title: \"\"\ncount: 0\nprice: 0\nready: false\nraw: \"\"\nkind: NONE\n")
    );
}

#[test]
fn what_is_hidden_is_hidden_in_what_is_not_taken_apart() {
    let mut options = JsonOptions::default();
    options.redact = true;
    options.print_unknown = true;
    let any = bytes(1, &[&bytes(1, &[b"a/plain.Nobody"]), &bytes(2, &[b"secret"])]);
    assert_eq!(
        text_with(&options, "sample.Known", &any),
        "any {\n  type_url: \"a/plain.Nobody\"\n  value: [REDACTED]\n}\n"
    );
    let unknown = [number(4, 9), bytes(300, &[b"secret"]), vec![0xe3, 0x13, 0xe4, 0x13]].concat();
    assert_eq!(
        text_with(&options, "sample.Old", &unknown),
        "4: [REDACTED]\n300: [REDACTED]\n316: [REDACTED]\n"
    );
    let entry = bytes(6, &[&bytes(1, &[b"a"]), &number(2, 9)]);
    assert_eq!(text_with(&options, "sample.Old", &entry), "6: [REDACTED]\n");
}

#[test]
fn maps_are_printed_by_key() {
    let entry = |number_of: u32, key: Vec<u8>| bytes(number_of, &[&key, &[]]);
    let keys = |name: &str, wire: &[u8]| {
        let text = text_with(&JsonOptions::default(), name, wire);
        let keys = text.lines().filter_map(|line| line.trim().strip_prefix("key: "));
        keys.collect::<Vec<_>>().join(" ")
    };
    let words = ["b", "", "a", "é", "ab", "a"].map(|key| entry(10, bytes(1, &[key.as_bytes()])));
    assert_eq!(keys("plain.Item", &words.concat()), r#""" "a" "ab" "b" "é""#);
    let minus = 5u64.wrapping_neg();
    let numbers = [3, minus, 0, 20].map(|key| entry(11, number(1, key)));
    assert_eq!(keys("plain.Item", &numbers.concat()), "-5 0 3 20");
    let truths = [1, 0].map(|key| entry(21, number(1, key)));
    assert_eq!(keys("plain.Item", &truths.concat()), "false true");
    // -2, 1, -1 in zigzag.
    let zigzag = [3, 2, 1].map(|key| entry(4, number(1, key)));
    assert_eq!(keys("sample.Odd", &zigzag.concat()), "-2 -1 1");
    // In what an Any holds as well.
    let any = [bytes(1, &[b"a/plain.Item"]), bytes(2, &[&numbers.concat()])].concat();
    assert_eq!(keys("sample.Known", &bytes(1, &[&any])), "-5 0 3 20");
    // The canonical form is not the text's: there they stay as they came.
    let mut normal = Vec::new();
    Codec::default()
        .normalize(&message("plain.Item"), &truths.concat(), &mut normal)
        .unwrap();
    assert_eq!(normal[3..5], [8, 1]);
}

#[test]
fn numbers_that_a_closed_enum_lacks_are_unknown_fields() {
    let wire = [
        number(4, 1),
        number(4, 9),
        bytes(6, &[&bytes(1, &[b"a"]), &number(2, 9)]),
    ]
    .concat();
    assert_eq!(text_with(&JsonOptions::default(), "sample.Old", &wire), "colors: RED\n");
    let mut options = JsonOptions::default();
    options.print_unknown = true;
    let numbered = "colors: RED\n4: 9\n6 {\n  1: \"a\"\n  2: 9\n}\n";
    assert_eq!(text_with(&options, "sample.Old", &wire), numbered);
}

#[test]
fn depth_is_bounded() {
    let nested = |count: usize| format!("{}{}", "child {".repeat(count), "}".repeat(count));
    assert!(read_with(&JsonOptions::default(), "plain.Item", &nested(99)).is_ok());
    let error = read_with(&JsonOptions::default(), "plain.Item", &nested(100_000)).unwrap_err();
    assert!(
        error.ends_with("messages nest deeper than the limit `depth` of 100 (line 1, column 701)"),
        "{error}"
    );
    let mut options = JsonOptions::default();
    options.ignore_unknown = true;
    let unknown = nested(100_000).replace("child", "nobody");
    assert!(read_with(&options, "plain.Item", &unknown).is_err());
}

#[test]
fn places_count_characters() {
    let mut wire = Vec::new();
    let error = Codec::default()
        .textproto_to_wire(
            &message("plain.Item"),
            "title: 'é'\nword: 'é' nobody: 1".as_bytes(),
            &mut wire,
        )
        .unwrap_err();
    let place = Place::Text {
        line: 2,
        column: 11,
        offset: 23,
    };
    assert_eq!(error.place(), place);
}

#[test]
fn output_is_bounded() {
    let mut options = JsonOptions::default();
    options.limit = 100;
    let wire: Vec<u8> = std::iter::repeat_n(bytes(7, &[]), 50).flatten().collect();
    let mut text = Vec::new();
    let error = Codec::new(options)
        .wire_to_textproto(&message("plain.Item"), &wire, &mut text)
        .unwrap_err();
    assert_eq!(
        (error.what(), text.len()),
        ("the text is longer than the limit of 100 bytes", 0)
    );
    assert!(error.is_too_long());
}
