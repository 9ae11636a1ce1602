//! How deep messages may nest, whichever part of a request makes them.

use descant_descriptors::{BindErrorKind, BindOptions, Codec, JsonOptions};

use crate::{JSON, SCHEMA, wire_with};

/// The message as JSON, or the error.
fn sent(depth: u32, line: &str, body: &str) -> String {
    let mut json = JsonOptions::default();
    json.depth = depth;
    match wire_with(&BindOptions::default(), &json, line, JSON, body.as_bytes()) {
        Ok(wire) => {
            let (request, mut text) = (SCHEMA.message("bind.Request").unwrap(), Vec::new());
            Codec::new(json).wire_to_json(&request, &wire, &mut text).unwrap();
            String::from_utf8(text).unwrap()
        }
        Err(error) => {
            assert_eq!(error.kind(), BindErrorKind::BadRequest);
            error.to_string()
        }
    }
}

#[test]
fn of_the_path() {
    let put = |depth| sent(depth, "PUT /v1/deep/a", "{}");
    assert_eq!(put(3), r#"{"part":{"part":{"title":"a"}}}"#);
    assert_eq!(
        put(2),
        "\"part.part.title\" in the path: messages nest deeper than the limit `depth` of 2"
    );
    let time = |depth| sent(depth, "GET /v1/time/1970-01-01T00%3A00%3A01Z", "");
    assert_eq!(time(2), r#"{"time":"1970-01-01T00:00:01Z"}"#);
    assert_eq!(
        time(1),
        "\"time\" in the path: messages nest deeper than the limit `depth` of 1"
    );
}

#[test]
fn of_the_query() {
    for deepest in [3, 100, JsonOptions::MOST_DEPTH] {
        let parents = |levels: u32| "part.".repeat(levels as usize - 1);
        let get = |levels: u32| sent(deepest, &format!("GET /v1/get/a?{}number=1", parents(levels)), "");
        let part =
            |levels: u32| "\"part\":{".repeat(levels as usize - 1) + "\"number\":1" + &"}".repeat(levels as usize);
        assert_eq!(get(deepest), format!("{{\"title\":\"a\",{}", part(deepest)));
        let error = get(deepest + 1);
        assert!(error.starts_with("query parameter \"part.part.part."), "{error}");
        let end = format!("\": messages nest deeper than the limit `depth` of {deepest}");
        assert!(error.ends_with(&end), "{error}");
    }
}

#[test]
fn of_the_body() {
    let nested = |levels: usize| "{\"part\":".repeat(levels - 1) + "{}" + &"}".repeat(levels - 1);
    let put = |depth, levels| sent(depth, "PUT /v1/put/a", &nested(levels));
    assert_eq!(put(3, 3), r#"{"title":"a","part":{"part":{}}}"#);
    assert_eq!(
        put(3, 4),
        "part.part.part in the body: messages nest deeper than the limit `depth` of 3 (line 1, column 25)"
    );
    // The body is one level below the message.
    let put = |depth, levels| sent(depth, "PUT /v1/part/a/1", &nested(levels));
    assert_eq!(put(3, 2), r#"{"number":1,"part":{"title":"a","part":{}}}"#);
    assert_eq!(
        put(3, 3),
        "part.part in the body: messages nest deeper than the limit `depth` of 3 (line 1, column 17)"
    );
}
