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
        Ok(r#"{"colors":[],"byName":{},"swings":[]}"#)
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
fn redact_every_shape() {
    let options = with(|options| options.redact = true);
    let odd = message("sample.Odd");
    let secrets = [
        bytes(5, &[b"SECRET"]),
        bytes(7, &[&bytes(1, &[b"SECRET"]), &bytes(2, &[b"SECRET"])]),
        bytes(8, &[&bytes(1, &[b"SECRET"])]),
        bytes(100, &[b"SECRET"]),
    ];
    let hidden = r#""hidden":"[REDACTED]","hiddenMap":"[REDACTED]","hiddenList":"[REDACTED]""#;
    let extension = r#""[sample.hidden_extension]":"[REDACTED]""#;
    let plain = secrets.concat();
    let backwards: Vec<u8> = secrets.iter().rev().flatten().copied().collect();
    let entry = |inner: &[u8]| bytes(9, &[&bytes(1, &[b"k"]), &bytes(2, &[inner])]);
    let url = bytes(1, &[b"type.googleapis.com/sample.Odd"]);
    for inner in [&plain, &backwards] {
        let any = bytes(10, &[&url, &bytes(2, &[inner])]);
        let json = json_with(&options, &odd, &[&**inner, &*entry(inner), &any].concat()).unwrap();
        let expected = format!(
            r#"{{{hidden},"odds":{{"k":{{{hidden},{extension}}}}},"any":{{"@type":"type.googleapis.com/sample.Odd",{hidden},{extension}}},{extension}}}"#
        );
        assert_eq!(json, expected);
    }
    // The other member of the oneof came last.
    let wire = [bytes(5, &[b"SECRET"]), bytes(6, &[b"shown"])].concat();
    assert_eq!(json_with(&options, &odd, &wire).as_deref(), Ok(r#"{"shown":"shown"}"#));
}

#[test]
fn redact_what_nobody_can_look_into() {
    let options = with(|options| options.redact = true);
    let any = |name: &str, value: &[u8]| bytes(1, &[&bytes(1, &[name.as_bytes()]), &bytes(2, &[value])]);
    for (name, value) in [("x/no.Such", &b"SECRET"[..]), ("x/plain.Item", b"\x0a\x07SECRET")] {
        let json = json_with(&options, &message("sample.Known"), &any(name, value)).unwrap();
        assert_eq!(json, format!(r#"{{"any":{{"@type":"{name}","value":"[REDACTED]"}}}}"#));
    }
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

    let mut codec = Codec::new(options.clone());
    let too_long = codec.wire_to_json(&item, &bytes(22, &[&packed]), &mut Vec::new());
    assert!(too_long.unwrap_err().is_too_long());
    let broken = codec.wire_to_json(&item, &[0xff], &mut Vec::new());
    assert!(!broken.unwrap_err().is_too_long());

    let title = bytes(1, &[b"x"]);
    assert!(json_with(&with(|options| options.limit = 13), &item, &title).is_ok());
    json_with(&with(|options| options.limit = 12), &item, &title).expect_err("13 bytes");
    // Deep inside, each line is indented far.
    let deep = (0..90).fold(bytes(7, &[]).repeat(1000), |inner, _| bytes(7, &[&inner]));
    let pretty = with(|options| (options.pretty, options.limit) = (true, 100_000));
    json_with(&pretty, &item, &deep).expect_err("190 bytes a line");
    assert!(json_with(&with(|options| options.limit = 100_000), &item, &deep).is_ok());
}

/// Source: `always_print_fields_with_no_presence`, protobuf's `json.h`: it is about fields without presence, so a
/// default of proto2's is not written, nor an extension, which has presence or is no field of the message.
#[test]
fn emit_defaults_leaves_presence_alone() {
    let options = with(|options| options.emit_defaults = true);
    assert_eq!(
        json_with(&options, &message("sample.Defaults"), b"").as_deref(),
        Ok("{}")
    );
    let item = bytes(100, &[]);
    let json = json_with(&options, &message("sample.Old"), &item).unwrap();
    assert!(json.contains(r#""[sample.item]":{"title":"","count":"0""#), "{json}");
    // An extension that came without one known element is as absent as one that did not come.
    assert_eq!(
        json_with(&options, &message("sample.Known"), &[]).as_deref(),
        Ok(r#"{"values":[],"byName":{}}"#)
    );
    let url = bytes(1, &[b"x/sample.Known"]);
    for wire in [url.clone(), [&*url, &bytes(2, &[])].concat()] {
        let json = json_with(&options, &message("sample.Known"), &bytes(1, &[&wire])).unwrap();
        let expected = r#"{"any":{"@type":"x/sample.Known","values":[],"byName":{}},"values":[],"byName":{}}"#;
        assert_eq!(json, expected);
    }
}

#[test]
fn integers_as_numbers_everywhere_but_in_keys() {
    let options = with(|options| options.integers_as_numbers = true);
    let entry = bytes(11, &[&number(1, 7), &bytes(2, &[b"x"])]);
    let json = json_with(&options, &message("plain.Item"), &[number(2, u64::MAX), entry].concat());
    assert_eq!(json.as_deref(), Ok(r#"{"count":-1,"byNumber":{"7":"x"}}"#));
    let boxed = bytes(8, &[&number(1, 1 << 62)]);
    let json = json_with(&options, &message("sample.Known"), &boxed);
    assert_eq!(json.as_deref(), Ok(r#"{"boxed":4611686018427387904}"#));
    let swings = bytes(11, &[&[1, 2]]);
    assert_eq!(
        json_with(&options, &message("sample.Old"), &swings).as_deref(),
        Ok(r#"{"swings":[-1,1]}"#)
    );
}

#[test]
fn enums_as_numbers_everywhere() {
    let options = with(|options| options.enums_as_numbers = true);
    let entry = bytes(6, &[&bytes(1, &[b"k"]), &number(2, 1)]);
    let wire = [number(3, 2), number(4, 1), entry, number(9, 0)].concat();
    assert_eq!(
        json_with(&options, &message("sample.Old"), &wire).as_deref(),
        Ok(r#"{"color":2,"colors":[1],"byName":{"k":1},"shade":0}"#)
    );
    // Source: ProtoJSON, "NullValue: JSON null", whatever becomes of other enums.
    assert_eq!(
        json_with(&options, &message("sample.Odd"), &number(2, 0)).as_deref(),
        Ok(r#"{"nothing":null}"#)
    );
}

#[test]
fn unknown_names_of_values_are_ignored_in_every_shape() {
    let mut codec = Codec::new(with(|options| options.ignore_unknown = true));
    let cases = [
        (r#"{"color":"NEW","number":1}"#, number(1, 1)),
        (r#"{"colors":["NEW","RED","NEW"]}"#, number(4, 1)),
        (
            r#"{"byName":{"a":"NEW","k":"RED","b":"NEW"}}"#,
            bytes(6, &[&bytes(1, &[b"k"]), &number(2, 1)]),
        ),
        (r#"{"color":9,"colors":[9],"byName":{"a":9},"shade":"NEW"}"#, Vec::new()),
        (
            r#"{"[no.such]":{"@type":7},"x":[[{"y":{}}],null,1e9,true]}"#,
            Vec::new(),
        ),
    ];
    for (json, expected) in cases {
        let mut wire = Vec::new();
        codec
            .json_to_wire(&message("sample.Old"), json.as_bytes(), &mut wire)
            .unwrap();
        assert_eq!(wire, expected, "{json}");
    }
    for json in [r#"{"color":1.5}"#, r#"{"color":true}"#, r#"{"x":{"a":1,}}"#] {
        let result = codec.json_to_wire(&message("sample.Old"), json.as_bytes(), &mut Vec::new());
        result.expect_err(json);
    }
}
