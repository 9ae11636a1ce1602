//! Well-known types, both ways.

use crate::{bytes, json_of, message, number, wire_of};

/// The JSON is what the wire renders to, and reads back to it.
#[track_caller]
fn both_ways(wire: &[Vec<u8>], json: &str) {
    let known = message("sample.Known");
    assert_eq!(json_of(&known, &wire.concat()).as_deref(), Ok(json));
    assert_eq!(wire_of(&known, json), Ok(wire.concat()));
}

#[track_caller]
fn renders(wire: &[Vec<u8>], json: &str) {
    assert_eq!(json_of(&message("sample.Known"), &wire.concat()).as_deref(), Ok(json));
}

#[test]
fn any_with_a_message() {
    let url = bytes(1, &[b"type.googleapis.com/plain.Item"]);
    let item = bytes(2, &[&bytes(1, &[b"x"]), &number(2, 4)]);
    let json = r#"{"any":{"@type":"type.googleapis.com/plain.Item","title":"x","count":"4"}}"#;
    both_ways(&[bytes(1, &[&url, &item])], json);
    renders(&[bytes(1, &[&item, &url])], json);
    // The type may come last.
    let late = r#"{"any":{"title":"x","count":"4","@type":"type.googleapis.com/plain.Item"}}"#;
    assert_eq!(wire_of(&message("sample.Known"), late), Ok(bytes(1, &[&url, &item])));
}

#[test]
fn any_with_a_well_known_type_or_another_any() {
    let url = bytes(1, &[b"type.googleapis.com/google.protobuf.Duration"]);
    let span = bytes(2, &[&number(1, 3)]);
    let json = r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"3s"}}"#;
    both_ways(&[bytes(1, &[&url, &span])], json);
    let outer = bytes(1, &[b"type.googleapis.com/google.protobuf.Any"]);
    let json = format!(
        r#"{{"any":{{"@type":"type.googleapis.com/google.protobuf.Any","value":{}}}}}"#,
        &json[7..json.len() - 1]
    );
    both_ways(&[bytes(1, &[&outer, &bytes(2, &[&url, &span])])], &json);
}

#[test]
fn any_survives_what_is_not_known() {
    let url = bytes(1, &[b"example.com/no.Such"]);
    let json = r#"{"any":{"@type":"example.com/no.Such","value":"AQID"}}"#;
    both_ways(&[bytes(1, &[&url, &bytes(2, &[&[1, 2, 3]])])], json);
    // A known type whose bytes don't parse.
    let url = bytes(1, &[b"type.googleapis.com/plain.Item"]);
    let json = r#"{"any":{"@type":"type.googleapis.com/plain.Item","value":"CgP/"}}"#;
    both_ways(&[bytes(1, &[&url, &bytes(2, &[&[10, 3, 255]])])], json);
    // The same, where the rest of the message takes the other walk.
    renders(
        &[
            number(99, 1),
            bytes(2, &[]),
            bytes(1, &[&url, &bytes(2, &[&[10, 3, 255]])]),
        ],
        &format!("{},\"time\":\"1970-01-01T00:00:00Z\"}}", &json[..json.len() - 1]),
    );
    both_ways(&[bytes(1, &[])], r#"{"any":{}}"#);
    for json in [
        r#"{"any":{"title":"x"}}"#,
        r#"{"any":{"@type":"plain.Item"}}"#,
        r#"{"any":{"@type":"x/plain.Item","@type":"x/plain.Item"}}"#,
        r#"{"any":{"@type":"x/plain.Item","value":"AQID","count":1}}"#,
        r#"{"any":{"@type":"x/no.Such","title":"x"}}"#,
        r#"{"any":{"@type":"x/google.protobuf.Duration"}}"#,
        r#"{"any":{"@type":"x/google.protobuf.Duration","value":null}}"#,
        r#"{"any":{"@type":"x/google.protobuf.Duration","value":"1s","value":"1s"}}"#,
        r#"{"any":{"@type":7}}"#,
        r#"{"any":{"@type":""}}"#,
        r#"{"any":[]}"#,
    ] {
        wire_of(&message("sample.Known"), json).expect_err(json);
    }
}

#[test]
fn any_with_a_message_without_fields_may_have_an_empty_value() {
    let known = message("sample.Known");
    let wire = bytes(1, &[&bytes(1, &[b"x/sample.Bare"])]);
    both_ways(std::slice::from_ref(&wire), r#"{"any":{"@type":"x/sample.Bare"}}"#);
    for json in [
        r#"{"any":{"@type":"x/sample.Bare","value":{}}}"#,
        r#"{"any":{"value":{ },"@type":"x/sample.Bare"}}"#,
    ] {
        assert_eq!(wire_of(&known, json).as_ref(), Ok(&wire), "{json}");
    }
    for json in [
        r#"{"any":{"@type":"x/sample.Bare","value":{"a":1}}}"#,
        r#"{"any":{"@type":"x/sample.Bare","value":{},"value":{}}}"#,
        r#"{"any":{"@type":"x/plain.Item","value":{}}}"#,
    ] {
        wire_of(&known, json).expect_err(json);
    }
}

#[test]
fn any_is_no_place_for_bytes_that_would_be_read_as_something_else() {
    let any = |name: &str, value: &[u8]| {
        let url = format!("type.googleapis.com/{name}");
        bytes(1, &[&bytes(1, &[url.as_bytes()]), &bytes(2, &[value])])
    };
    for name in ["sample.Odd", "google.protobuf.Duration", "google.protobuf.BytesValue"] {
        json_of(&message("sample.Known"), &any(name, &[0xff])).expect_err(name);
        let late = [&*bytes(2, &[]), &any(name, &[0xff])].concat();
        json_of(&message("sample.Known"), &late).expect_err(name);
    }
}

#[test]
fn times_and_spans() {
    both_ways(
        &[bytes(2, &[&number(1, 1), &number(2, 500_000_000)])],
        r#"{"time":"1970-01-01T00:00:01.500Z"}"#,
    );
    both_ways(
        &[bytes(3, &[&number(1, 1), &number(2, 1)])],
        r#"{"span":"1.000000001s"}"#,
    );
    renders(
        &[bytes(3, &[&number(2, 7), &number(1, 1), &number(2, 0)])],
        r#"{"span":"1s"}"#,
    );
    renders(
        &[bytes(3, &[&number(1, 1)]), bytes(3, &[&number(2, 5_000_000)])],
        r#"{"span":"1.005s"}"#,
    );
    let error = json_of(&message("sample.Known"), &bytes(2, &[&number(1, 253_402_300_800)])).unwrap_err();
    assert_eq!(
        error,
        "time: 253402300800 s and 0 ns are out of the range of google.protobuf.Timestamp (at byte 2)"
    );
}

#[test]
fn masks() {
    both_ways(
        &[bytes(4, &[&bytes(1, &[b"a_b.c"]), &bytes(1, &[b"d"])])],
        r#"{"mask":"aB.c,d"}"#,
    );
    both_ways(&[bytes(4, &[])], r#"{"mask":""}"#);
    both_ways(&[bytes(4, &[&bytes(1, &[b"_a"])])], r#"{"mask":"A"}"#);
    for path in [
        &b""[..],
        b"aB",
        b"a_",
        b"a__b",
        b"a_1",
        b"a,b",
        b"a\"b",
        "é".as_bytes(),
        b"a..b",
        b".a",
        b"a.",
    ] {
        json_of(&message("sample.Known"), &bytes(4, &[&bytes(1, &[path])])).expect_err("no round trip");
    }
    for json in ["a_b", ",", "a,", "a,,b", "a b", "a..b", ".a", "a.", "a,b."] {
        wire_of(&message("sample.Known"), &format!(r#"{{"mask":"{json}"}}"#)).expect_err(json);
    }
}

#[test]
fn values() {
    let text = |text: &[u8]| bytes(3, &[text]);
    both_ways(&[bytes(6, &[&number(1, 0)])], r#"{"value":null}"#);
    both_ways(&[bytes(6, &[&text(b"x")])], r#"{"value":"x"}"#);
    let list = bytes(6, &[&bytes(1, &[&number(4, 1)]), &bytes(1, &[&number(1, 0)])]);
    both_ways(&[bytes(6, &[&list])], r#"{"value":[true,null]}"#);
    let entry = |key: &[u8], value: &[u8]| bytes(1, &[&bytes(1, &[key]), &bytes(2, &[value])]);
    let object = [entry(b"b", &text(b"x")), entry(b"a", &number(1, 0))].concat();
    both_ways(&[bytes(5, &[&object])], r#"{"object":{"b":"x","a":null}}"#);
}

#[test]
fn values_in_odd_order() {
    let text = |text: &[u8]| bytes(3, &[text]);
    renders(&[bytes(6, &[&text(b"x"), &number(4, 1)])], r#"{"value":true}"#);
    renders(&[bytes(6, &[])], r#"{"value":null}"#);
    let nan = [&[17u8][..], &f64::NAN.to_le_bytes()].concat();
    json_of(&message("sample.Known"), &bytes(6, &[&nan])).expect_err("NaN");
    json_of(&message("sample.Known"), &bytes(6, &[&number(4, 1), &nan])).expect_err("NaN");
    let entry = |key: &[u8], value: &[u8]| bytes(1, &[&bytes(1, &[key]), &bytes(2, &[value])]);
    renders(
        &[bytes(5, &[&entry(b"a", &text(b"x")), &entry(b"a", &text(b"y"))])],
        r#"{"object":{"a":"y"}}"#,
    );
    // A list in two pieces.
    renders(
        &[
            bytes(7, &[&bytes(1, &[&text(b"x")])]),
            bytes(7, &[&bytes(1, &[&text(b"y")])]),
        ],
        r#"{"list":["x","y"]}"#,
    );
}

#[test]
fn wrappers_and_values_in_lists() {
    both_ways(&[bytes(8, &[])], r#"{"boxed":"0"}"#);
    both_ways(&[bytes(8, &[&number(1, 5)])], r#"{"boxed":"5"}"#);
    both_ways(
        &[bytes(9, &[&number(1, 0)]), bytes(9, &[&number(4, 0)])],
        r#"{"values":[null,false]}"#,
    );
    both_ways(
        &[bytes(10, &[&bytes(1, &[b"k"]), &bytes(2, &[&number(1, 0)])])],
        r#"{"byName":{"k":null}}"#,
    );
}

/// Source: ProtoJSON, "Timestamp" and "Duration": 0, 3, 6 or 9 digits, as many as are needed.
#[test]
fn fractions_have_three_digits_or_six_or_nine() {
    for (nanos, fraction) in [
        (0, ""),
        (1, ".000000001"),
        (10, ".000000010"),
        (1_000, ".000001"),
        (120_000, ".000120"),
        (1_000_000, ".001"),
        (500_000_000, ".500"),
        (999_999_999, ".999999999"),
    ] {
        let parts = if nanos == 0 {
            number(1, 1)
        } else {
            [number(1, 1), number(2, nanos)].concat()
        };
        both_ways(
            &[bytes(2, &[&parts])],
            &format!(r#"{{"time":"1970-01-01T00:00:01{fraction}Z"}}"#),
        );
        both_ways(&[bytes(3, &[&parts])], &format!(r#"{{"span":"1{fraction}s"}}"#));
    }
}

#[test]
fn times_and_spans_out_of_range() {
    let time = |seconds: i64, nanos: i64| {
        bytes(
            2,
            &[&number(1, seconds.cast_unsigned()), &number(2, nanos.cast_unsigned())],
        )
    };
    let span = |seconds: i64, nanos: i64| {
        bytes(
            3,
            &[&number(1, seconds.cast_unsigned()), &number(2, nanos.cast_unsigned())],
        )
    };
    let known = message("sample.Known");
    for wire in [
        time(-62_135_596_801, 0),
        time(253_402_300_800, 0),
        time(0, -1),
        time(0, 1_000_000_000),
        span(315_576_000_001, 0),
        span(-315_576_000_001, 0),
        span(1, -1),
        span(-1, 1),
        span(0, 1_000_000_000),
    ] {
        json_of(&known, &wire).unwrap_err();
        // The walk for bytes in another order says so too.
        json_of(&known, &[bytes(4, &[]), wire].concat()).unwrap_err();
    }
    for wire in [
        time(-62_135_596_800, 0),
        time(253_402_300_799, 999_999_999),
        span(315_576_000_000, 999_999_999),
        span(-315_576_000_000, -999_999_999),
    ] {
        let json = json_of(&known, &wire).unwrap();
        assert_eq!(json_of(&known, &wire_of(&known, &json).unwrap()), Ok(json));
    }
}

#[test]
fn null_is_absent_for_all_but_values() {
    let json = r#"{"any":null,"time":null,"span":null,"mask":null,"object":null,"list":null,"boxed":null,"values":null,"byName":null}"#;
    assert_eq!(wire_of(&message("sample.Known"), json), Ok(Vec::new()));
    both_ways(&[bytes(6, &[&number(1, 0)])], r#"{"value":null}"#);
    let odd = message("sample.Odd");
    let wire = [number(2, 0), number(3, 0), number(3, 0)].concat();
    assert_eq!(
        wire_of(&odd, r#"{"nothing":null,"nothings":[null,"NULL_VALUE"]}"#),
        Ok(wire)
    );
    for json in [
        r#"{"byName":{"k":nul}}"#,
        r#"{"nothing":"NULL"}"#,
        r#"{"nothing":false}"#,
    ] {
        wire_of(&odd, json).expect_err(json);
    }
}
