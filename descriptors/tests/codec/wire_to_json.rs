//! Whatever is legal on the wire has one JSON form.

use crate::{bytes, json_of, message, number};

#[track_caller]
fn renders(name: &str, wire: &[Vec<u8>], json: &str) {
    assert_eq!(json_of(&message(name), &wire.concat()).as_deref(), Ok(json));
}

#[test]
fn scalars_of_every_kind() {
    let wire = [
        bytes(1, &["a\"\n\u{1}é".as_bytes()]),
        number(2, u64::MAX),
        [&[25u8][..], &1.5f64.to_le_bytes()].concat(),
        number(4, 2),
        bytes(5, &[&[0xff, 0xfe]]),
        number(6, 5),
        [&[0x8d, 1][..], &0.1f32.to_le_bytes()].concat(),
        number(18, 3),
        [&[0x99, 1][..], &7u64.to_le_bytes()].concat(),
    ];
    let json = r#"{"title":"a\"\n\u0001é","count":"-1","price":1.5,"ready":true,"raw":"//4=","kind":"MANY","ratio":0.1,"swing":-2,"serialNumber":"7"}"#;
    renders("plain.Item", &wire, json);
}

#[test]
fn fields_whose_tags_have_two_bytes_repeat() {
    let entry = |key: u64, value: f64| bytes(21, &[&number(1, key), &[&[0x11][..], &value.to_le_bytes()].concat()]);
    let sample = |value: f64| [&[0xa1, 1][..], &value.to_le_bytes()].concat();
    let wire = [
        sample(1.5),
        sample(2.0),
        entry(0, 1.0),
        entry(1, 2.5),
        number(22, 1),
        number(22, 5),
    ];
    let json = r#"{"samples":[1.5,2],"byTruth":{"false":1,"true":2.5},"kinds":["SOME","MANY"]}"#;
    renders("plain.Item", &wire, json);
}

#[test]
fn zero_is_absent_where_there_is_no_presence() {
    renders("plain.Item", &[number(2, 0), number(4, 0), bytes(1, &[])], "{}");
    renders("plain.Item", &[number(16, 0)], r#"{"maybe":0}"#);
    renders("plain.Item", &[number(14, 0)], r#"{"code":0}"#);
    renders("sample.Old", &[number(1, 0)], r#"{"number":0}"#);
    // Only the low half counts.
    renders("plain.Item", &[number(6, 1 << 32)], "{}");
}

#[test]
fn floats_that_json_lacks() {
    let wire = |number: f64| [&[25u8][..], &number.to_le_bytes()].concat();
    renders("plain.Item", &[wire(f64::NAN)], r#"{"price":"NaN"}"#);
    renders("plain.Item", &[wire(f64::NEG_INFINITY)], r#"{"price":"-Infinity"}"#);
    renders("plain.Item", &[wire(-0.0)], r#"{"price":-0}"#);
    renders("plain.Item", &[wire(3.0)], r#"{"price":3}"#);
}

#[test]
fn fields_out_of_order_come_in_order() {
    renders(
        "plain.Item",
        &[number(16, 4), bytes(13, &[b"w"]), bytes(1, &[b"t"])],
        r#"{"title":"t","word":"w","maybe":4}"#,
    );
}

#[test]
fn the_last_scalar_wins() {
    renders("plain.Item", &[number(16, 1), number(16, 2)], r#"{"maybe":2}"#);
    renders("plain.Item", &[number(2, 1), number(2, 0)], "{}");
}

#[test]
fn messages_in_pieces_are_merged() {
    let pieces = [
        bytes(15, &[&bytes(1, &[b"one"]), &number(16, 1)]),
        bytes(1, &[b"t"]),
        bytes(15, &[&bytes(7, &[&number(2, 1)])]),
        bytes(15, &[&bytes(7, &[&number(2, 2)]), &bytes(1, &[b"two"])]),
    ];
    renders(
        "plain.Item",
        &pieces,
        r#"{"title":"t","child":{"title":"two","parts":[{"count":"1"},{"count":"2"}],"maybe":1}}"#,
    );
}

#[test]
fn a_oneof_that_changes_its_mind() {
    let item = |title: &[u8]| bytes(12, &[&bytes(1, &[title])]);
    let count = bytes(12, &[&number(2, 3)]);
    renders("plain.Item", &[item(b"a"), bytes(13, &[b"w"])], r#"{"word":"w"}"#);
    renders(
        "plain.Item",
        &[bytes(13, &[b"w"]), item(b"a")],
        r#"{"item":{"title":"a"}}"#,
    );
    // Merged with what came since the last change, not with what was before.
    renders(
        "plain.Item",
        &[item(b"a"), number(14, 1), count.clone()],
        r#"{"item":{"count":"3"}}"#,
    );
    renders(
        "plain.Item",
        &[item(b"a"), count],
        r#"{"item":{"title":"a","count":"3"}}"#,
    );
}

#[test]
fn lists_packed_unpacked_and_interleaved() {
    let json = r#"{"numbers":[1,-1,3],"words":["a"]}"#;
    let minus = |bytes: &mut Vec<u8>| crate::varint(bytes, u64::MAX);
    let mut packed = vec![1];
    minus(&mut packed);
    renders(
        "plain.Item",
        &[bytes(8, &[&packed]), number(8, 3), bytes(9, &[b"a"])],
        json,
    );
    renders(
        "plain.Item",
        &[number(8, 1), bytes(9, &[b"a"]), number(8, u64::MAX), bytes(8, &[&[3]])],
        json,
    );
    renders("plain.Item", &[bytes(8, &[])], "{}");
}

#[test]
fn maps() {
    let entry = |key: &[u8], count: u64| bytes(10, &[&bytes(1, &[key]), &bytes(2, &[&number(2, count)])]);
    renders(
        "plain.Item",
        &[entry(b"b", 1), entry(b"a", 2)],
        r#"{"byName":{"b":{"count":"1"},"a":{"count":"2"}}}"#,
    );
    // A key that comes again replaces.
    renders(
        "plain.Item",
        &[entry(b"b", 1), entry(b"a", 2), entry(b"b", 3)],
        r#"{"byName":{"a":{"count":"2"},"b":{"count":"3"}}}"#,
    );
    renders("plain.Item", &[bytes(10, &[])], r#"{"byName":{"":{}}}"#);
    renders(
        "plain.Item",
        &[bytes(11, &[&bytes(2, &[b"x"])])],
        r#"{"byNumber":{"0":"x"}}"#,
    );
    renders(
        "plain.Item",
        &[bytes(21, &[&number(1, 1)])],
        r#"{"byTruth":{"true":0}}"#,
    );
    // Value first; the key twice; a value in pieces.
    renders(
        "plain.Item",
        &[bytes(11, &[&bytes(2, &[b"x"]), &number(1, 7), &number(1, 8)])],
        r#"{"byNumber":{"8":"x"}}"#,
    );
    let pieces = [&*bytes(2, &[&number(2, 1)]), &*bytes(2, &[&number(16, 2)])];
    renders(
        "plain.Item",
        &[bytes(10, &pieces)],
        r#"{"byName":{"":{"count":"1","maybe":2}}}"#,
    );
}

#[test]
fn many_keys_in_no_order() {
    let key = |index: u64| index * 7919 % 100;
    let wire: Vec<_> = (0..200)
        .map(|index| {
            bytes(
                11,
                &[&number(1, key(index)), &bytes(2, &[index.to_string().as_bytes()])],
            )
        })
        .collect();
    let json = json_of(&message("plain.Item"), &wire.concat()).unwrap();
    assert_eq!(json.matches(':').count(), 101, "each key once: {json}");
    assert!(json.contains(r#""19":"101""#), "the later value of two: {json}");
}

#[test]
fn closed_enums_take_their_own_numbers_only() {
    renders("sample.Old", &[number(3, 9)], "{}");
    renders("sample.Old", &[number(3, 2), number(3, 9)], r#"{"color":"GREEN"}"#);
    renders("sample.Old", &[number(4, 9), number(4, 1)], r#"{"colors":["RED"]}"#);
    let entry = |number_: u64| bytes(6, &[&bytes(1, &[b"k"]), &number(2, number_)]);
    renders("sample.Old", &[entry(1), entry(9)], r#"{"byName":{"k":"RED"}}"#);
    renders("plain.Item", &[number(6, 9)], r#"{"kind":9}"#);
}

#[test]
fn groups_and_extensions() {
    let inner = bytes(2, &[&number(1, 5)]);
    let group = [&[5 << 3 | 3][..], &number(1, 7), &inner, &[5 << 3 | 4]].concat();
    let json = r#"{"number":1,"cluster":{"size":7,"inner":{"number":5}},"[sample.item]":{"title":"x"},"[sample.marks]":[1,2]}"#;
    let item = bytes(100, &[&bytes(1, &[b"x"])]);
    let marks = [number(101, 1), number(101, 2)].concat();
    renders(
        "sample.Old",
        &[number(1, 1), group.clone(), item.clone(), marks.clone()],
        json,
    );
    renders("sample.Old", &[marks, group, item, number(1, 1)], json);
}

#[test]
fn unknown_fields_are_counted() {
    let mut codec = descant_descriptors::Codec::default();
    let group = [&[0x9b, 6][..], &number(1, 7), &[0x9c, 6]].concat();
    let wire = [number(500, 1), bytes(501, &[b"x"]), group, bytes(2, &[b"another type"])].concat();
    let mut json = Vec::new();
    codec.wire_to_json(&message("plain.Item"), &wire, &mut json).unwrap();
    assert_eq!(json, b"{}");
    assert_eq!(codec.unknown_fields(), 4);
}

#[test]
fn normal_form() {
    let wire = [
        number(600, 3),
        number(16, 1),
        bytes(8, &[&[1, 2]]),
        bytes(15, &[&number(2, 1)]),
        number(8, 3),
        bytes(15, &[&number(16, 2)]),
        number(16, 0),
    ];
    let normal = [
        bytes(8, &[&[1, 2, 3]]),
        bytes(15, &[&number(2, 1), &number(16, 2)]),
        number(16, 0),
        number(600, 3),
    ];
    let mut out = Vec::new();
    let mut codec = descant_descriptors::Codec::default();
    codec
        .normalize(&message("plain.Item"), &wire.concat(), &mut out)
        .unwrap();
    assert_eq!(out, normal.concat());
}

#[test]
fn what_was_replaced_needs_no_json_form() {
    let broken = number(1, 253_402_300_800);
    renders(
        "sample.Known",
        &[bytes(2, &[&broken]), bytes(2, &[&number(1, 1)])],
        r#"{"time":"1970-01-01T00:00:01Z"}"#,
    );
    let entry = |value: &[u8]| bytes(10, &[&bytes(1, &[b"k"]), &bytes(2, &[value])]);
    let infinite = [&[17u8][..], &f64::INFINITY.to_le_bytes()].concat();
    renders(
        "sample.Known",
        &[entry(&infinite), entry(&number(4, 1))],
        r#"{"byName":{"k":true}}"#,
    );
    let url = bytes(1, &[b"type.googleapis.com/sample.Known"]);
    renders(
        "sample.Known",
        &[bytes(
            1,
            &[&url, &bytes(2, &[&bytes(2, &[&broken]), &bytes(2, &[&number(1, 1)])])],
        )],
        r#"{"any":{"@type":"type.googleapis.com/sample.Known","time":"1970-01-01T00:00:01Z"}}"#,
    );
}

#[test]
fn a_map_without_known_values_is_absent() {
    let entry = bytes(4, &[&number(1, 1), &number(2, 9)]);
    renders("sample.Odd", std::slice::from_ref(&entry), "{}");
    renders("sample.Odd", &[bytes(1, &[b"v"]), entry.clone()], r#"{"value":"v"}"#);
    renders("sample.Odd", &[entry, bytes(1, &[b"v"])], r#"{"value":"v"}"#);
}

#[test]
fn null_values() {
    renders(
        "sample.Odd",
        &[number(2, 0), bytes(3, &[&[0, 0]])],
        r#"{"nothing":null,"nothings":[null,null]}"#,
    );
    // It is an open enum: other numbers are kept, as those of any.
    renders(
        "sample.Odd",
        &[number(2, 5), number(3, 7)],
        r#"{"nothing":5,"nothings":[7]}"#,
    );
    renders("sample.Known", &[bytes(6, &[&number(1, 5)])], r#"{"value":null}"#);
    renders(
        "sample.Known",
        &[bytes(6, &[&number(4, 1), &number(1, 5)])],
        r#"{"value":null}"#,
    );
}
