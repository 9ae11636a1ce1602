//! Input that means to keep the codec busy: the work grows with its length, whatever it says.

use std::time::Duration;

use crate::{bytes, clock::clock, json_of, message, number, wire_of};

/// Many times what it takes, even without optimization; a tenth of what it took when depth multiplied it.
const PATIENCE: Duration = Duration::from_millis(1500);

#[track_caller]
fn quick(what: &str, run: impl FnOnce()) {
    let began = clock();
    run();
    let took = clock().saturating_sub(began);
    assert!(took < PATIENCE, "{what}: {took:?}");
}

#[test]
fn types_that_come_last() {
    let known = message("sample.Known");
    let numbers = format!("[{}1]", "1,".repeat(300_000));
    let inner = format!(r#"{{"numbers":{numbers},"@type":"x/plain.Item"}}"#);
    let any = |inner: String| format!(r#"{{"value":{inner},"@type":"x/google.protobuf.Any"}}"#);
    let json = format!(r#"{{"any":{}}}"#, (0..45).fold(inner, |inner, _| any(inner)));
    quick("each level looks ahead", || {
        let wire = wire_of(&known, &json).unwrap();
        let again = json_of(&known, &wire).unwrap();
        assert_eq!(wire_of(&known, &again), Ok(wire));
    });
    let without = json.replace(r#","@type":"x/plain.Item""#, "");
    let error = wire_of(&known, &without).unwrap_err();
    assert!(error.contains("the member \"@type\" among those"), "{error}");
}

#[test]
fn many_types_that_come_last() {
    let odd = message("sample.Odd");
    let any = r#"{"any":{"value":{"@type":"x/sample.Bare"},"@type":"x/google.protobuf.Any"}}"#;
    let entries: Vec<_> = (10_000..40_000).map(|key| format!("\"{key}\":{any}")).collect();
    let json = format!(r#"{{"odds":{{{}}}}}"#, entries.join(","));
    quick("each looks at what was found before", || {
        wire_of(&odd, &json).unwrap();
    });
}

#[test]
fn groups_in_groups() {
    let deep = (0..95).fold(number(1, 7).repeat(300_000), |inner, _| {
        [&[0x9b, 6][..], &inner, &[0x9c, 6]].concat()
    });
    let wire = [number(1, 1), deep, number(1, 2)].concat();
    quick("unknown groups", || {
        assert_eq!(json_of(&message("sample.Old"), &wire).unwrap(), r#"{"number":2}"#);
    });
}

#[test]
fn everything_twice() {
    let item = message("plain.Item");
    let twice = (0..90).fold(number(16, 1).repeat(100_000), |inner, _| bytes(15, &[&inner]));
    quick("scalars again and again, deep inside", || {
        json_of(&item, &twice).unwrap();
    });
    let entries: Vec<u8> = (0..60_000)
        .flat_map(|key| bytes(11, &[&number(1, key % 30_000)]))
        .collect();
    quick("keys twice", || {
        json_of(&item, &entries).unwrap();
    });
    let empty = bytes(7, &[]).repeat(300_000);
    quick("empty messages", || {
        json_of(&item, &empty).unwrap();
    });
    let switched = [bytes(12, &[]), number(14, 1)].concat().repeat(100_000);
    quick("a oneof that can't decide", || {
        json_of(&item, &switched).unwrap();
    });
}

#[test]
fn json_with_many_of_everything() {
    let item = message("plain.Item");
    let keys: Vec<String> = (0..60_000).rev().map(|key| format!(r#""{key}":"""#)).collect();
    quick("keys backwards", || {
        wire_of(&item, &format!(r#"{{"byNumber":{{{}}}}}"#, keys.join(","))).unwrap();
    });
    quick("a number of many digits", || {
        wire_of(&item, &format!(r#"{{"count":1{}e-999999}}"#, "0".repeat(999_999))).unwrap();
        wire_of(&item, &format!(r#"{{"price":0.{}1}}"#, "0".repeat(1_000_000))).unwrap();
    });
    quick("an unknown name of a megabyte", || {
        wire_of(&item, &format!(r#"{{"{}":1}}"#, "x".repeat(1_000_000))).expect_err("unknown");
    });
    quick("escapes", || {
        wire_of(&item, &format!(r#"{{"title":"{}"}}"#, r"\u0041".repeat(200_000))).unwrap();
    });
    let long: Vec<String> = (0..3000)
        .map(|index| format!(r#"{{"title":"{index:0200}"}}"#))
        .collect();
    let deep = (0..90).fold(format!("[{}]", long.join(",")), |inner, _| {
        format!(r#"[{{"parts":{inner}}}]"#)
    });
    quick("long lengths, deep inside", || {
        wire_of(&item, &format!(r#"{{"parts":{deep}}}"#)).unwrap();
    });
}
