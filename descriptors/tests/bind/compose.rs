//! From messages to requests, and back again.

use descant_descriptors::{
    BindOptions, BindRequest, Binder, Captures, Codec, Composed, Composer, Found, JsonOptions, RequestBody,
};
use fastrand::Rng;

use crate::SCHEMA;

fn wire(method: &str, json: &str) -> Vec<u8> {
    let method = SCHEMA.method(method).unwrap();
    let mut wire = Vec::new();
    Codec::default()
        .json_to_wire(&method.input(), json.as_bytes(), &mut wire)
        .unwrap();
    wire
}

fn composed(method: &str, json: &str) -> Result<Composed, String> {
    let wire = wire(method, json);
    let method = SCHEMA.method(method).unwrap();
    let composed = Composer::default().compose(&method, &wire);
    composed.map_err(|error| error.to_string())
}

/// A request as one line, or the error.
fn line(method: &str, json: &str) -> String {
    match composed(&format!("/compose.Composing/{method}"), json) {
        Ok(Composed {
            http_method,
            target,
            body: None,
            ..
        }) => format!("{http_method} {target}"),
        Ok(Composed {
            http_method,
            target,
            body: Some(body),
            ..
        }) => {
            let kind = String::from_utf8(body.content_type.to_vec()).unwrap();
            let bytes = String::from_utf8(body.bytes.to_vec()).unwrap();
            format!("{http_method} {target} {kind} {bytes}")
        }
        Err(error) => error,
    }
}

/// What a server makes of a request, in canonical form.
fn bound(composed: &Composed) -> Vec<u8> {
    let (path, query) = match composed.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (composed.target.as_str(), None),
    };
    let mut captures = Captures::default();
    let Found::Binding(binding) = SCHEMA.routes().find(&composed.http_method, path, &mut captures) else {
        panic!("{composed:?}: no such route");
    };
    assert_eq!(binding.index(), composed.binding, "{composed:?}");
    let body = composed.body.as_ref();
    let request = BindRequest {
        http_method: &composed.http_method,
        path,
        captures: &captures,
        query,
        body: RequestBody {
            content_type: body.map(|body| std::str::from_utf8(&body.content_type).unwrap()),
            bytes: body.map_or(&[], |body| &body.bytes),
        },
    };
    let mut options = BindOptions::default();
    options.fill_update_mask = false;
    let (mut wire, mut canonical) = (Vec::new(), Vec::new());
    let input = binding.method(&SCHEMA).input();
    Binder::new(options, JsonOptions::default())
        .bind(&input, binding, &request, &mut wire)
        .unwrap_or_else(|error| panic!("{composed:?}: {error}"));
    Codec::default().normalize(&input, &wire, &mut canonical).unwrap();
    canonical
}

/// A message comes back as it was.
fn returns(method: &str, json: &str) -> bool {
    let wire = wire(method, json);
    let handle = SCHEMA.method(method).unwrap();
    let mut canonical = Vec::new();
    Codec::default()
        .normalize(&handle.input(), &wire, &mut canonical)
        .unwrap();
    match Composer::default().compose(&handle, &wire) {
        Ok(composed) => {
            assert_eq!(bound(&composed), canonical, "{method} {json}: {composed:?}");
            true
        }
        Err(_) => false,
    }
}

#[test]
fn values_of_one_segment_are_escaped() {
    for (value, escaped) in [
        ("emma", "emma"),
        ("A-b_c.d~e", "A-b_c.d~e"),
        ("a/b", "a%2Fb"),
        ("a%2Fb", "a%252Fb"),
        ("é 书", "%C3%A9%20%E4%B9%A6"),
        ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
        ("a:read", "a%3Aread"),
        ("a+b", "a%2Bb"),
        ("a\\\\b", "a%5Cb"),
        ("...", "..."),
        ("a..", "a.."),
        ("/", "%2F"),
        ("a\\r\\nb", "a%0D%0Ab"),
        ("!$&'()*,;=@", "%21%24%26%27%28%29%2A%2C%3B%3D%40"),
    ] {
        let json = format!("{{\"name\":\"{value}\"}}");
        assert_eq!(line("One", &json), format!("GET /c/one/{escaped}:read"));
        assert!(returns("/compose.Composing/One", &json), "{value}");
    }
}

#[test]
fn values_of_several_segments_keep_their_slashes_and_fit_their_pattern() {
    for (method, value, target) in [
        ("Many", "shelves/1/books/b c", "DELETE /c/shelves/1/books/b%20c:burn"),
        ("Many", "shelves/%2F/books/:", "DELETE /c/shelves/%252F/books/%3A:burn"),
        ("Rest", "a", "GET /c/files/a"),
        ("Rest", "a/b%2Fc/d:e", "GET /c/files/a/b%252Fc/d%3Ae"),
        ("Mixed", "café/a:b/x", "GET /c/caf%C3%A9/a%3Ab/x"),
        ("Mixed", "café/a:b/x/y/z", "GET /c/caf%C3%A9/a%3Ab/x/y/z"),
    ] {
        let json = format!("{{\"name\":\"{value}\"}}");
        assert_eq!(line(method, &json), target);
        assert!(returns(&format!("/compose.Composing/{method}"), &json), "{value}");
    }
}

#[test]
fn values_that_do_not_fit_are_named() {
    let no_many = |is: &str| {
        format!(
            "the message fits no HTTP rule of compose.Composing.Many: DELETE /c/{{name=shelves/*/books/*}}:burn: \
             \"name\" {is}, and its place in the path takes \"shelves/*/books/*\""
        )
    };
    assert_eq!(line("Many", "{}"), no_many("is not set"));
    for value in [
        "shelves",
        "shelves/1/books",
        "shelves/1/books/",
        "shelves//books/b",
        "shelves/1/books/b/c",
        "Shelves/1/books/b",
        "/shelves/1/books/b",
        "shelves/1%2Fbooks/b",
    ] {
        let json = format!("{{\"name\":\"{value}\"}}");
        assert_eq!(
            line("Many", &json),
            no_many(&format!("is \"{value}\", which does not fit"))
        );
    }
    for (method, value) in [
        ("One", ".."),
        ("One", "."),
        ("One", "a/../b"),
        ("Rest", "a/../b"),
        ("Rest", "./a"),
        ("Many", "shelves/../books/b"),
    ] {
        let error = line(method, &format!("{{\"name\":\"{value}\"}}"));
        assert!(
            error.contains("which has a dot segment, and so leads elsewhere"),
            "{error}"
        );
    }
    assert!(line("One", r#"{"name":"a\u0000"}"#).contains("\"a\\u{0}\", which has a NUL character"));
    for value in ["a//b", "/a", "a/"] {
        assert!(line("Rest", &format!("{{\"name\":\"{value}\"}}")).contains("which does not fit"));
    }
    assert!(line("Rest", "{}").ends_with("\"name\" is not set, and its place in the path takes \"**\""));
    assert!(line("Star", r#"{"name":"a"}"#).ends_with("no field fills a \"*\" of its path"));
    assert_eq!(line("None", "{}"), "compose.Composing.None has no HTTP rule");
}

#[test]
fn the_first_binding_that_fits_is_taken() {
    for (json, target) in [
        (r#"{"number":"1","name":"a"}"#, "GET /c/several/1/a"),
        (r#"{"name":"a"}"#, "GET /c/several/a"),
        (r#"{"number":"1"}"#, "GET /c/several/1/all"),
        ("{}", "POST /c/several application/json {}"),
        (
            r#"{"name":"a","labels":{"b":"c"}}"#,
            r#"POST /c/several application/json {"name":"a","labels":{"b":"c"}}"#,
        ),
    ] {
        assert_eq!(line("Several", json), target);
        assert!(returns("/compose.Composing/Several", json), "{json}");
    }
}

#[test]
fn a_zero_fills_a_place_that_nothing_else_does() {
    assert_eq!(
        line(
            "Typed",
            r#"{"time":"2001-02-03T04:05:06.7Z","raw":"-_8","flag":false,"inner":{"number":"-7"}}"#
        ),
        "GET /c/typed/KIND_UNSPECIFIED/2001-02-03T04%3A05%3A06.700Z/-_8%3D/false/-7"
    );
    let error = line(
        "Typed",
        r#"{"time":"2001-02-03T04:05:06Z","raw":"-_8","flag":true,"inner":{}}"#,
    );
    assert!(error.contains("\"inner.number\" is not set"), "{error}");
    let error = line("Typed", r#"{"time":"2001-02-03T04:05:06Z","flag":true}"#);
    assert!(error.contains("\"raw\" is not set"), "{error}");
}

#[test]
fn queries_have_what_neither_path_nor_body_has() {
    for (json, query) in [
        ("{}", ""),
        (r#"{"number":"-5"}"#, "?number=-5"),
        (
            r#"{"inner":{"inner":{"name":"a b"},"number":"1"}}"#,
            "?inner.number=1&inner.inner.name=a%20b",
        ),
        (r#"{"inner":{"perhaps":""}}"#, "?inner.perhaps="),
        (
            r#"{"ratios":[1,-0.5,"NaN","Infinity",1e300]}"#,
            "?ratios=1&ratios=-0.5&ratios=NaN&ratios=Infinity&ratios=1e%2B300",
        ),
        (
            r#"{"kinds":["SHORT",0,7]}"#,
            "?kinds=SHORT&kinds=KIND_UNSPECIFIED&kinds=7",
        ),
        (r#"{"spans":["1.5s","-3s"]}"#, "?spans=1.500s&spans=-3s"),
        (r#"{"mask":"aB,c.d"}"#, "?mask=aB%2Cc.d"),
        (r#"{"raw":"/+8="}"#, "?raw=_-8%3D"),
        (
            r#"{"words":["","&=?#","%","+"]}"#,
            "?words=&words=%26%3D%3F%23&words=%25&words=%2B",
        ),
        (r#"{"text":"\"quoted\""}"#, "?text=%22quoted%22"),
        (r#"{"flag":false,"text":""}"#, "?flag=false&text="),
        (r#"{"yes":false}"#, "?yes=false"),
        (r#"{"share":0.1}"#, "?share=0.1"),
        (
            r#"{"time":"1969-12-31T23:59:59.000000001Z"}"#,
            "?time=1969-12-31T23%3A59%3A59.000000001Z",
        ),
    ] {
        let found = line("Any", json);
        assert_eq!(found, format!("GET /c/any{query}"), "{json}");
        assert!(
            returns(
                "/compose.Composing/One",
                &json.replacen('{', "{\"name\":\"a\",", 1).replace(",}", "}")
            ),
            "{json}"
        );
    }
}

#[test]
fn what_a_query_can_not_carry_is_named() {
    for (json, told) in [
        (r#"{"labels":{"a":"b"}}"#, "\"labels\" is a map"),
        (r#"{"inner":{"inners":[{}]}}"#, "\"inner.inners\" is a list of messages"),
        (r#"{"object":{}}"#, "\"object\" is a google.protobuf.Struct"),
        (r#"{"value":1}"#, "\"value\" is a google.protobuf.Value"),
        (r#"{"any":{}}"#, "\"any\" is a google.protobuf.Any"),
        (
            r#"{"inner":{"inner":{}}}"#,
            "\"inner.inner\" is a message without fields",
        ),
    ] {
        let error = line("Any", json);
        let wanted = format!(
            "the message fits no HTTP rule of compose.Composing.Any: * /c/any: {told}, which a query can't carry"
        );
        assert_eq!(error, wanted);
    }
}

#[test]
fn bodies_are_what_the_rule_says() {
    for (method, json, wanted) in [
        (
            "Body",
            r#"{"inner":{"name":"a","number":"1"},"labels":{"b":"c"}}"#,
            r#"PUT /c/body/a application/json {"inner":{"number":"1"},"labels":{"b":"c"}}"#,
        ),
        (
            "Field",
            r#"{"inner":{"name":"a","kind":"SHORT"},"number":"2","inners":[]}"#,
            r#"POST /c/field/a?number=2 application/json {"kind":"SHORT"}"#,
        ),
        (
            "List",
            r#"{"inners":[{"name":"a"},{}],"words":["x"]}"#,
            r#"POST /c/list?words=x application/json [{"name":"a"},{}]"#,
        ),
        ("List", "{}", "POST /c/list application/json []"),
        (
            "Scalar",
            r#"{"perhaps":"a\"b"}"#,
            r#"POST /c/scalar application/json "a\"b""#,
        ),
        ("Scalar", r#"{"perhaps":""}"#, r#"POST /c/scalar application/json """#),
        (
            "Scalar",
            r#"{"name":"n"}"#,
            "POST /c/scalar?name=n application/json null",
        ),
        (
            "File",
            r#"{"name":"n","number":"1","file":{"contentType":"text/x-y","data":"aGFsbG8="}}"#,
            "POST /c/file/n?number=1 text/x-y hallo",
        ),
        (
            "Upload",
            r#"{"contentType":"text/x-y","data":"aGFsbG8="}"#,
            "POST /c/upload text/x-y hallo",
        ),
        (
            "Odd",
            r#"{"name":"a"}"#,
            r#"QUERY /c/odd application/json {"name":"a"}"#,
        ),
    ] {
        assert_eq!(line(method, json), wanted);
        assert!(returns(&format!("/compose.Composing/{method}"), json), "{json}");
    }
    assert_eq!(line("Upload", "{}"), "POST /c/upload  ");
}

/// A member of a message: what text forms are there, and what has none.
fn random(rng: &mut Rng, depth: u32) -> String {
    const TEXTS: [&str; 12] = [
        "a",
        "shelves/1/books/2",
        "",
        "a/b",
        "..",
        "%2F",
        "é",
        "a:b",
        "?x=1&y",
        "\\\"",
        " ",
        "shelves/%2f/books/#",
    ];
    let mut members = Vec::new();
    let mut add = |name: &str, value: String| members.push(format!("\"{name}\":{value}"));
    let text = |rng: &mut Rng| format!("\"{}\"", TEXTS[rng.usize(..TEXTS.len())]);
    if rng.bool() {
        add("name", text(rng));
    }
    if rng.bool() {
        add("number", format!("\"{}\"", rng.i64(-5..5)));
    }
    if rng.u8(..4) == 0 {
        add("kind", rng.u8(..3).to_string());
    }
    if rng.u8(..4) == 0 {
        add("raw", "\"_-8=\"".to_owned());
    }
    if rng.u8(..4) == 0 {
        add("ratios", "[0.25,\"-Infinity\",1e-7,5e20]".to_owned());
    }
    if rng.u8(..4) == 0 {
        add("time", "\"0001-01-01T00:00:00Z\"".to_owned());
    }
    if rng.u8(..4) == 0 {
        add("flag", rng.bool().to_string());
    }
    if rng.u8(..4) == 0 {
        add("text", text(rng));
    }
    if rng.u8(..4) == 0 {
        add("words", format!("[{},{}]", text(rng), text(rng)));
    }
    if rng.u8(..4) == 0 {
        add("mask", "\"a,bC.d\"".to_owned());
    }
    if rng.u8(..4) == 0 {
        add("perhaps", text(rng));
    }
    if rng.u8(..4) == 0 {
        add("share", "0".to_owned());
    }
    if rng.u8(..8) == 0 {
        add("labels", format!("{{{}:\"b\"}}", text(rng)));
    }
    if rng.u8(..8) == 0 {
        add("file", "{\"contentType\":\"a/b\",\"data\":\"YQ==\"}".to_owned());
    }
    if depth > 0 && rng.bool() {
        add("inner", random(rng, depth - 1));
    }
    if depth > 0 && rng.u8(..8) == 0 {
        add("inners", format!("[{}]", random(rng, depth - 1)));
    }
    format!("{{{}}}", members.join(","))
}

#[test]
fn whatever_can_be_sent_comes_back() {
    let methods = [
        "One", "Many", "Rest", "Several", "Typed", "Body", "Field", "List", "Scalar", "File", "Odd", "Any",
    ];
    let mut sent = [0; 12];
    for seed in 0..2000 {
        let mut rng = Rng::with_seed(seed);
        let json = random(&mut rng, 2);
        for (method, sent) in methods.iter().zip(&mut sent) {
            // There is no JSON for a message that is not set.
            let tree: serde_json::Value = serde_json::from_str(&json).unwrap();
            let has = |name: &str| tree.get(name).is_some();
            if *method == "Field" && !has("inner") || *method == "File" && !has("file") {
                continue;
            }
            *sent += u32::from(returns(&format!("/compose.Composing/{method}"), &json));
        }
    }
    assert!(sent.iter().all(|count| *count > 0), "{sent:?}");
}

#[test]
fn groups_and_proto2_go_both_ways() {
    for (json, wanted) in [
        (
            r#"{"title":"a","cluster":{"size":0,"note":"x"}}"#,
            "GET /v1/get/a?cluster.size=0&cluster.note=x",
        ),
        (
            r#"{"title":"shelves/1","number":0}"#,
            "GET /v1/get/shelves%2F1?number=0",
        ),
        (r#"{"cluster":{"size":3}}"#, "GET /v1/group/3"),
        (r#"{"word":"w"}"#, "GET /v1/word/w"),
    ] {
        let composed = composed("/bind.Binding/Get", json).unwrap();
        assert_eq!(format!("{} {}", composed.http_method, composed.target), wanted);
        assert!(returns("/bind.Binding/Get", json), "{json}");
    }
    let patch = composed(
        "/bind.Binding/Patch",
        r#"{"part":{"title":"a","number":1},"updateMask":"number"}"#,
    )
    .unwrap();
    assert_eq!(patch.target, "/v1/part/a?updateMask=number");
    assert_eq!(patch.body.unwrap().bytes, &br#"{"number":1}"#[..]);
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let method = SCHEMA.method("/compose.Composing/One").unwrap();
    let error = Composer::default().compose(&method, b"\x0a\x05a").unwrap_err();
    assert!(error.has_rule());
    assert!(
        error
            .to_string()
            .starts_with("what is to be sent is no compose.Shelf: "),
        "{error}"
    );
}

#[test]
fn a_name_with_a_point_is_no_path() {
    for (json, target) in [
        (r#"{"page.size":5}"#, "GET /pointed?top=5"),
        (r#"{"page":{"size":5}}"#, "GET /pointed?page.size=5"),
        (r#"{"a\"b":5}"#, "GET /pointed?quoted=5"),
    ] {
        assert_eq!(line("Pointing", json), target);
        assert!(returns("/compose.Composing/Pointing", json), "{json}");
    }
}
