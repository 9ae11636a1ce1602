//! Each setting.

use descant_descriptors::{Codec, JsonOptions};

use crate::{bytes, json_with, message, number};

fn with(set: impl FnOnce(&mut JsonOptions)) -> JsonOptions {
    let mut options = JsonOptions::default();
    set(&mut options);
    options
}

#[test]
fn emit_defaults() {
    let options = with(|options| options.emit_defaults = true);
    let item = message("plain.Item");
    let all = r#"{"title":"","count":"0","price":0,"ready":false,"raw":"","kind":"NONE","parts":[],"numbers":[],"words":[],"byName":{},"byNumber":{},"ratio":0,"swing":0,"serialNumber":"0","samples":[],"byTruth":{},"kinds":[]}"#;
    assert_eq!(json_with(&options, &item, b"").as_deref(), Ok(all));
    let some = all
        .replace("\"count\":\"0\"", "\"count\":\"5\"")
        .replace("\"ratio\"", "\"word\":\"w\",\"ratio\"");
    let (count, word) = (number(2, 5), bytes(13, &[b"w"]));
    assert_eq!(
        json_with(&options, &item, &[&*count, &*word].concat()),
        Ok(some.clone())
    );
    assert_eq!(json_with(&options, &item, &[&*word, &*count].concat()), Ok(some));
    assert_eq!(
        json_with(&options, &message("sample.Old"), b"").as_deref(),
        Ok(r#"{"colors":[],"byName":{},"swings":[],"[sample.marks]":[]}"#)
    );
}

#[test]
fn names_and_numbers() {
    let item = message("plain.Item");
    let wire = [
        number(2, 5),
        number(6, 1),
        [&[0x99, 1][..], &7u64.to_le_bytes()].concat(),
    ]
    .concat();
    let options = with(|options| {
        options.proto_names = true;
        options.enums_as_numbers = true;
        options.integers_as_numbers = true;
    });
    assert_eq!(
        json_with(&options, &item, &wire).as_deref(),
        Ok(r#"{"count":5,"kind":1,"serial_number":7}"#)
    );
}

#[test]
fn redact() {
    let options = with(|options| options.redact = true);
    let old = message("sample.Old");
    let wire = [number(1, 1), bytes(10, &[b"hidden"]), bytes(11, &[&[2]])].concat();
    assert_eq!(
        json_with(&options, &old, &wire).as_deref(),
        Ok(r#"{"number":1,"secret":"[REDACTED]","swings":["1"]}"#)
    );
    let wire = [bytes(10, &[b"hidden"]), number(1, 1)].concat();
    assert_eq!(
        json_with(&options, &old, &wire).as_deref(),
        Ok(r#"{"number":1,"secret":"[REDACTED]"}"#)
    );
}

#[test]
fn pretty() {
    let options = with(|options| options.pretty = true);
    let wire = [bytes(1, &[b"a\":{"]), bytes(7, &[&number(2, 1)]), bytes(7, &[])].concat();
    let json = "{\n  \"title\": \"a\\\":{\",\n  \"parts\": [\n    {\n      \"count\": \"1\"\n    },\n    {}\n  ]\n}";
    assert_eq!(json_with(&options, &message("plain.Item"), &wire).as_deref(), Ok(json));
}

#[test]
fn ignore_unknown() {
    let mut codec = Codec::new(with(|options| options.ignore_unknown = true));
    let json = br#"{"x":{"y":[1,{"z":"\n"}],"w":{}},"kind":"NEW","kinds":["SOME","NEW"],"count":1,"v":[]}"#;
    let mut wire = Vec::new();
    codec.json_to_wire(&message("plain.Item"), json, &mut wire).unwrap();
    assert_eq!(wire, [bytes(22, &[&[1]]), number(2, 1)].concat());
    for json in [r#"{"x":[1,]}"#, r#"{"x":{"a":1"#, r#"{"x":tru}"#, r#"{"x":[}"#] {
        codec
            .json_to_wire(&message("plain.Item"), json.as_bytes(), &mut wire)
            .expect_err(json);
    }
}

#[test]
fn limit() {
    let options = with(|options| options.limit = 100);
    let item = message("plain.Item");
    let packed = vec![1; 1000];
    let error = json_with(&options, &item, &bytes(22, &[&packed])).unwrap_err();
    assert!(error.contains("longer than the limit of 100 bytes"), "{error}");
    assert!(json_with(&options, &item, &bytes(22, &[&packed[..10]])).is_ok());
}
