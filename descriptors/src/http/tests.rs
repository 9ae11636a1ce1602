//! Which binding a request finds.

use super::{Binding, Captures, Found};
use crate::{
    Schema,
    write::{STRING, Wire, field, message, method, named, proto3, set},
};

/// A schema with a method for each binding: `GET /v1/{a}`, called `M0` and so on. Variables are `a` to `d`.
fn schema(bindings: &[&str]) -> Schema {
    Schema::from_bytes(set(&files(bindings))).unwrap()
}

fn files(bindings: &[&str]) -> [Wire; 1] {
    let mut service = named("S");
    for (number, binding) in bindings.iter().enumerate() {
        let (kind, template) = binding.split_once(' ').unwrap();
        let rule = Wire::default().put(8, &Wire::default().text(1, kind).text(2, template));
        let options = Wire::default().put(72_295_728, &rule);
        service = service.method(method(&format!("M{number}"), ".M", ".M").put(4, &options));
    }
    let names = ["a", "b", "c", "d"];
    let whole = (1..).zip(names).fold(message("M"), |whole, (number, name)| {
        whole.field(field(name, number, STRING))
    });
    [proto3("a.proto").message(whole).service(service)]
}

/// What a request finds: the template and its values, `405` with the methods, or `404`.
fn find(schema: &Schema, request: &str) -> String {
    let (method, path) = request.split_once(' ').unwrap();
    let mut captures = Captures::default();
    match schema.routes().find(method, path, &mut captures) {
        Found::Binding(binding) => {
            let values = binding.variables().iter().enumerate();
            let values = values.map(|(index, variable)| {
                let value = captures.raw(index, path).unwrap();
                format!(" {}={value}", variable.field())
            });
            format!("{} {}", binding.http_method(), binding.template()) + &values.collect::<String>()
        }
        Found::OtherMethods(allow) => format!("405 {allow}"),
        Found::Nothing => "404".to_owned(),
    }
}

fn check(bindings: &[&str], cases: &[(&str, &str)]) {
    let mut backwards = bindings.to_vec();
    backwards.reverse();
    // Whatever the order of loading.
    for schema in [schema(bindings), schema(&backwards)] {
        for (request, wanted) in cases {
            assert_eq!(find(&schema, request), *wanted, "{request}");
        }
    }
}

#[test]
fn every_form_matches() {
    check(
        &[
            "GET /v1/books",
            "GET /v1/books/{a}",
            "GET /v1/{a=shelves/*}/books/{b}",
            "GET /v1/{a=files/**}",
            "GET /v1/{a=shelves/*/pages/**}:read",
            "POST /v1/books:batch",
            "POST /v1/{a}/{b}/{c}/{d}",
            "GET /v2/**",
            "GET /v3/*/x",
        ],
        &[
            ("GET /v1/books", "GET /v1/books"),
            ("GET /v1/books/1", "GET /v1/books/{a} a=1"),
            (
                "GET /v1/shelves/1/books/2",
                "GET /v1/{a=shelves/*}/books/{b} a=shelves/1 b=2",
            ),
            ("GET /v1/files/a/b/c", "GET /v1/{a=files/**} a=files/a/b/c"),
            ("GET /v1/files/a", "GET /v1/{a=files/**} a=files/a"),
            ("GET /v1/files", "GET /v1/{a=files/**} a=files"),
            (
                "GET /v1/shelves/1/pages/2/3:read",
                "GET /v1/{a=shelves/*/pages/**}:read a=shelves/1/pages/2/3",
            ),
            (
                "GET /v1/shelves/1/pages:read",
                "GET /v1/{a=shelves/*/pages/**}:read a=shelves/1/pages",
            ),
            ("POST /v1/books:batch", "POST /v1/books:batch"),
            ("POST /v1/1/2/3/4", "POST /v1/{a}/{b}/{c}/{d} a=1 b=2 c=3 d=4"),
            ("GET /v2", "GET /v2/**"),
            ("GET /v2/a/b", "GET /v2/**"),
            ("GET /v3/a/x", "GET /v3/*/x"),
            ("GET /v3/a/y", "404"),
            ("GET /v3/a", "404"),
            ("GET /v3/a/x/y", "404"),
            ("GET /", "404"),
            ("GET *", "404"),
            ("GET v2/a", "404"),
        ],
    );
}

#[test]
fn the_most_specific_template_wins() {
    check(
        &[
            "GET /v1/a/b/c",
            "GET /v1/a/b/{a}",
            "GET /v1/a/{a}/c",
            "GET /v1/{a}/b/c",
            "GET /v1/{a}/{b}/{c}",
            "GET /v1/a/**",
            "GET /{a=**}",
        ],
        &[
            ("GET /v1/a/b/c", "GET /v1/a/b/c"),
            ("GET /v1/a/b/d", "GET /v1/a/b/{a} a=d"),
            ("GET /v1/a/x/c", "GET /v1/a/{a}/c a=x"),
            ("GET /v1/x/b/c", "GET /v1/{a}/b/c a=x"),
            ("GET /v1/x/y/c", "GET /v1/{a}/{b}/{c} a=x b=y c=c"),
            // A literal in front goes before anything behind it.
            ("GET /v1/a/x/y", "GET /v1/a/**"),
            ("GET /v1/a", "GET /v1/a/**"),
            ("GET /v1", "GET /{a=**} a=v1"),
            ("GET /v1/x/y/z/w", "GET /{a=**} a=v1/x/y/z/w"),
            ("GET /", "GET /{a=**} a="),
        ],
    );
}

#[test]
fn method_and_verb_belong_to_the_template() {
    check(
        &[
            "GET /v1/books/featured",
            "DELETE /v1/books/{a}",
            "POST /v1/books/{a}:sell",
            "POST /v1/{a=**}:sell",
            "PATCH /v1/{a=**}",
            "* /v1/any/{a}",
            "PUT /v1/any/{a}",
            "HEAD /v1/head",
            "GET /v1/head",
        ],
        &[
            ("DELETE /v1/books/featured", "DELETE /v1/books/{a} a=featured"),
            ("PATCH /v1/books/featured", "PATCH /v1/{a=**} a=books/featured"),
            ("PUT /v1/books/featured", "405 DELETE, GET, HEAD, OPTIONS, PATCH"),
            ("OPTIONS /v1/books/featured", "405 DELETE, GET, HEAD, OPTIONS, PATCH"),
            ("POST /v1/books/1:sell", "POST /v1/books/{a}:sell a=1"),
            ("POST /v1/x/1:sell", "POST /v1/{a=**}:sell a=x/1"),
            ("GET /v1/books/1:sell", "405 OPTIONS, POST"),
            ("POST /v1/books/1:buy", "404"),
            ("POST /v1/books/1", "405 DELETE, OPTIONS, PATCH"),
            ("POST /v1/books/1:", "404"),
            ("POST /v1/books/:sell", "404"),
            ("POST /v1/books/a:b:sell", "POST /v1/books/{a}:sell a=a:b"),
            ("DELETE /v1/books/a%3Ab", "DELETE /v1/books/{a} a=a%3Ab"),
            ("DELETE /v1/books/a%3Asell", "DELETE /v1/books/{a} a=a%3Asell"),
            ("PURGE /v1/any/1", "* /v1/any/{a} a=1"),
            ("OPTIONS /v1/any/1", "* /v1/any/{a} a=1"),
            ("PUT /v1/any/1", "PUT /v1/any/{a} a=1"),
            ("* /v1/books/1", "405 DELETE, OPTIONS, PATCH"),
            ("delete /v1/books/1", "405 DELETE, OPTIONS, PATCH"),
            ("HEAD /v1/books/featured", "GET /v1/books/featured"),
            ("HEAD /v1/head", "HEAD /v1/head"),
        ],
    );
}

#[test]
fn paths_are_matched_as_they_came() {
    check(
        &[
            "GET /v1/caf\u{e9}/{a}",
            "GET /v1/a-b/{a=x/*}",
            "GET /v1/books/{a}",
            "GET /v1/books/{a}/{b}",
            "POST /v1/books/{a}:sell",
            "GET /v1/x/**",
        ],
        &[
            ("GET /v1/caf%C3%A9/1", "GET /v1/caf\u{e9}/{a} a=1"),
            ("GET /v1/caf%c3%a9/1", "GET /v1/caf\u{e9}/{a} a=1"),
            ("GET /v1/%61%2Db/%78/1", "GET /v1/a-b/{a=x/*} a=%78/1"),
            ("GET /%76%31/b%6Foks/1", "GET /v1/books/{a} a=1"),
            ("GET /v1/books/a%2Fb", "GET /v1/books/{a} a=a%2Fb"),
            ("GET /v1/books%2Fa", "404"),
            ("GET /v1%2fbooks/a", "404"),
            ("POST /v1/books/1:s%65ll", "POST /v1/books/{a}:sell a=1"),
            ("GET /v1/books//1", "404"),
            ("GET //v1/books/1", "404"),
            ("GET /v1/books/1/", "404"),
            ("GET /v1/books/", "404"),
            ("GET /v1/x/", "404"),
            ("GET /v1/x//y", "404"),
            ("GET /V1/books/1", "404"),
        ],
    );
}

#[test]
fn a_walk_is_bounded_by_the_trie() {
    // Two ways at each of ten segments, and no template that matches: each node is entered once.
    let templates: Vec<_> = (0..1024u32)
        .map(|number| {
            let part = |bit: u32| if number >> bit & 1 == 1 { "/a" } else { "/*" };
            format!("GET {}/end", (0..10).map(part).collect::<String>())
        })
        .collect();
    let schema = schema(&templates.iter().map(String::as_str).collect::<Vec<_>>());
    let path = format!("GET {}/other", "/a".repeat(10));
    for _ in 0..100 {
        assert_eq!(find(&schema, &path), "404");
    }
    assert_eq!(find(&schema, &format!("GET {}", "/a".repeat(100_000))), "404");
    let wanted = format!("GET {}/end", "/a".repeat(10));
    assert_eq!(find(&schema, &wanted), wanted);
}

#[test]
fn a_trace_tells_who_lost_and_why() {
    let schema = schema(&[
        "GET /v1/books/{a}",
        "DELETE /v1/books/{a}",
        "GET /{a=**}",
        "POST /v1/books/{a}:sell",
        "GET /v1/shelves/{a}",
        "GET /v1/books/{a}/{b}",
        "GET /other/{a}",
    ]);
    let told = |method, path| {
        let trace = schema.routes().trace(method, path).into_iter();
        let told: Vec<_> = trace
            .map(|found| {
                format!(
                    "{} {} {}",
                    found.binding.http_method(),
                    found.binding.template(),
                    found.verdict
                )
            })
            .collect();
        told
    };
    assert_eq!(
        told("GET", "/v1/books/b%6Fok"),
        [
            "GET /v1/books/{a} takes the request",
            "GET /{a=**} matches too, but is less specific at segment 1",
            "DELETE /v1/books/{a} is for another HTTP method",
            "POST /v1/books/{a}:sell has the verb `:sell`",
            "GET /v1/books/{a}/{b} has 4 segments",
            "GET /v1/shelves/{a} has `shelves` as segment 2",
        ]
    );
    assert_eq!(told("HEAD", "/v1/books/1")[0], "GET /v1/books/{a} takes the request");
    assert_eq!(
        told("POST", "/v1/books/1:buy")[..2],
        [
            "GET /v1/books/{a} has no verb (`%3A` is a `:` that is data)",
            "DELETE /v1/books/{a} has no verb (`%3A` is a `:` that is data)"
        ]
    );
    assert!(told("GET", "/v1//1").iter().all(|line| !line.contains("takes")));
}

#[test]
fn a_look_up_allocates_nothing() {
    let schema = schema(&[
        "GET /v1/{a=shelves/*}/books/{b}:sell",
        "GET /{c=**}",
        "GET /v1/b%20c/{d}",
    ]);
    let mut captures = Captures::default();
    let mut all = || {
        for path in [
            "/v1/shelves/1/books/2:sell",
            "/v1/shelves/1/books/2",
            "/v1/%62%20c/d",
            "/v1//",
        ] {
            let found = schema.routes().find("GET", path, &mut captures);
            assert!(!matches!(found, Found::OtherMethods(_)));
        }
    };
    all();
    assert_eq!(allocation_counter::measure(all).count_total, 0);
}

#[test]
fn overlaps_are_told() {
    let told = |bindings: &[&str]| {
        let schema = schema(bindings);
        let findings = schema
            .findings()
            .iter()
            .filter(|finding| finding.symbol.starts_with("S.M"));
        let told: Vec<_> = findings
            .map(|finding| format!("{}: {}", finding.severity, finding.what))
            .collect();
        told
    };
    for apart in [
        &["GET /v1/a/{a}", "GET /v1/b/{a}"][..],
        &["GET /v1/a/{a}", "POST /v1/{a}/b"],
        &["GET /v1/a/{a}:x", "GET /v1/{a}/b"],
        &["GET /v1/a", "GET /v1/a/{a}"],
        &["GET /v1/a/{a}", "GET /v1/{a}/b/c"],
    ] {
        assert_eq!(told(apart), [""; 0], "{apart:?}");
    }
    assert_eq!(
        told(&["GET /v1/a", "GET /v1/b", "GET /v1/{a}", "GET /{a=**}"]),
        [
            "note: some paths of its binding \"GET /v1/{a}\" go to \"GET /v1/a\" of \"S.M0\" and one other",
            "note: some paths of its binding \"GET /{a=**}\" go to \"GET /v1/a\" of \"S.M0\" and 2 others",
        ]
    );
    assert_eq!(
        told(&["* /v1/a/{a}:x", "GET /v1/{a=**}:x"]),
        ["note: some paths of its binding \"GET /v1/{a=**}:x\" go to \"* /v1/a/{a}:x\" of \"S.M0\""]
    );
    assert_eq!(
        told(&["GET /v1/{a}/b", "GET /v1/a/**"]),
        [
            "warning: its binding \"GET /v1/a/**\" and \"GET /v1/{a}/b\" of \"S.M0\" match the same paths, and neither is the narrower one"
        ]
    );
}

/// The findings of rules in YAML for the methods of `schema(&["GET /old/{a}", "GET /other"])`: where, and what.
fn with_rules(yaml: &str) -> Result<Schema, Vec<String>> {
    let set = set(&files(&["GET /old/{a}", "GET /other"]));
    let built = Schema::builder()
        .bytes("set", set)
        .http_rules("rules.yaml", yaml)
        .build();
    built.map_err(|error| {
        let findings = error.findings().iter();
        findings
            .map(|finding| format!("{}: {}; {}", finding.file, finding.what, finding.mend))
            .collect()
    })
}

#[test]
fn rules_may_stand_apart() {
    let schema = with_rules(
        r"
type: google.api.Service
name: library.example
authentication: {rules: [{selector: '*'}]}
http:
  rules:
  - {selector: S.M0, get: /earlier}
  - selector: S.M0
    post: /v1/{a=x/*}:do
    body: '*'
    response_body: b
    additional_bindings:
    - get: /v2/{a}
    - custom: {kind: PURGE, path: '/v2/{a}'}
",
    )
    .unwrap();
    for (request, wanted) in [
        ("GET /old/1", "404"),
        ("GET /earlier", "404"),
        ("GET /other", "GET /other"),
        ("POST /v1/x/1:do", "POST /v1/{a=x/*}:do a=x/1"),
        ("GET /v2/1", "GET /v2/{a} a=1"),
        ("PURGE /v2/1", "PURGE /v2/{a} a=1"),
    ] {
        assert_eq!(find(&schema, request), wanted, "{request}");
    }
    let bindings = schema.routes().of_method(&schema.method("/S/M0").unwrap());
    let places: Vec<_> = bindings.iter().map(|binding| binding.place().unwrap()).collect();
    assert_eq!(places, ["rules.yaml:8:5", "rules.yaml:13:7", "rules.yaml:14:7"]);
    assert!(bindings[1].is_additional());
}

#[test]
fn json_is_yaml_too() {
    let json = r#"{"http": {"rules": [{"selector": "S.M0", "get": "/v1", "responseBody": "b", "additionalBindings": [{"get": "/v2"}]}]}}"#;
    let schema = with_rules(json).unwrap();
    assert_eq!(find(&schema, "GET /v2"), "GET /v2");
}

#[test]
fn reserved_characters_are_decoded_as_the_file_may_ask() {
    for (asked, warned) in [("true", false), ("false", true)] {
        let schema = with_rules(&format!("http: {{fully_decode_reserved_expansion: {asked}}}")).unwrap();
        let mut findings = schema.findings().iter();
        let found = findings.any(|finding| {
            finding
                .what
                .contains("`fully_decode_reserved_expansion` is not followed")
        });
        assert_eq!(found, warned, "{asked}");
    }
}

#[test]
fn what_is_wrong_with_rules_has_its_place() {
    let rule = |rule: &str| format!("http:\n  rules:\n  - {rule}\n");
    for (yaml, wanted) in [
        (String::new(), "rules.yaml: it is empty"),
        ("a: [".to_owned(), "it is no YAML"),
        ("htp: {}".to_owned(), "rules.yaml:1:1: it has no section `http`"),
        (
            "http: []".to_owned(),
            "rules.yaml:1:7: a list stands where a map is due, in \"http: []\"",
        ),
        (
            "http: {rulez: []}".to_owned(),
            "rules.yaml:1:8: there is no key `rulez` here, in \"http: {rulez: []}\"; did you mean `rules`?",
        ),
        (
            "http: {rules: {}}".to_owned(),
            "rules.yaml:1:15: a map stands where a list of rules is due",
        ),
        (
            "http: {fully_decode_reserved_expansion: 1}".to_owned(),
            "rules.yaml:1:41: a text stands where true or false is due",
        ),
        (rule("{get: /v1}"), "rules.yaml:3:5: a rule has no `selector`"),
        (
            rule("{selector: S.M2, get: /v1}"),
            "rules.yaml:3:16: there is no method \"S.M2\", in \"- {selector: S.M2, get: /v1}\"; did you mean `S.M0`?",
        ),
        (
            rule("{selector: S.M0, gett: /v1}"),
            "rules.yaml:3:22: there is no key `gett` here, in",
        ),
        (rule("{selector: S.M0, get: /v1, get: /v2}"), "`get` is there twice"),
        (
            rule("{selector: S.M0, get: /v1, put: /v1}"),
            "more than one HTTP method",
        ),
        (
            rule("{selector: S.M0, get: [a]}"),
            "rules.yaml:3:27: a list stands where a template is due",
        ),
        (
            rule("{selector: S.M0, get: '/v1/{x}'}"),
            "rules.yaml:3:5: its HTTP template \"GET /v1/{x}\" names a field that is not there",
        ),
        (rule("{selector: S.M0, get: /other}"), "is the same as"),
        (
            rule("{selector: S.M0, get: /v1, additional_bindings: [{get: v2}]}"),
            "rules.yaml:3:54: its HTTP template \"v2\" is outside",
        ),
        (
            rule("{selector: S.M0, get: /v1, additional_bindings: [{get: /v2, additional_bindings: [{get: /v3}]}]}"),
            "has `additional_bindings` itself",
        ),
    ] {
        let told = with_rules(&yaml).unwrap_err();
        assert!(told.iter().any(|told| told.contains(wanted)), "{yaml}\n{told:#?}");
    }
}

#[test]
fn paths_that_bind_what_is_not_for_logs_are_known() {
    let proto = r#"
        syntax = "proto3";
        import "google/api/annotations.proto";
        service S {
          rpc Shown(A) returns (A) { option (google.api.http) = { get: "/shown/{name}" }; }
          rpc Hidden(A) returns (A) { option (google.api.http) = { get: "/hidden/{inner.token}" }; }
        }
        message A { string name = 1; B inner = 2; }
        message B { string token = 1 [debug_redact = true]; }
        message Plain { string name = 1; map<string, Plain> more = 2; }
        message Deep { map<string, A> more = 1; }
    "#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.proto");
    std::fs::write(&file, proto).unwrap();
    let schema = Schema::load(&file).unwrap();
    let hides: Vec<_> = schema.routes().bindings().iter().map(Binding::hides_path).collect();
    assert_eq!((&hides[..], schema.routes().hide_paths()), (&[false, true][..], true));
    for (name, wanted) in [("A", true), ("B", true), ("Plain", false), ("Deep", true)] {
        assert_eq!(schema.message(name).unwrap().has_redacted_fields(), wanted, "{name}");
    }
}

#[test]
fn queries_with_what_is_not_for_logs_are_known() {
    let proto = r#"
        syntax = "proto3";
        import "google/api/annotations.proto";
        service S {
          rpc Get(A) returns (A) { option (google.api.http) = { get: "/get/{name}" }; }
          rpc Post(A) returns (A) { option (google.api.http) = { post: "/post" body: "inner" }; }
        }
        message A { string name = 1; B inner = 2; C outer = 3 [debug_redact = true]; }
        message B { string token = 1 [debug_redact = true]; string plain = 2; }
        message C { string plain = 1; }
    "#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.proto");
    std::fs::write(&file, proto).unwrap();
    let schema = Schema::load(&file).unwrap();
    for (method, json, wanted) in [
        ("/S/Get", r#"{"name":"a"}"#, false),
        ("/S/Get", r#"{"name":"a","inner":{"plain":"b"}}"#, false),
        ("/S/Get", r#"{"name":"a","inner":{"token":"b"}}"#, true),
        ("/S/Get", r#"{"name":"a","outer":{"plain":"b"}}"#, true),
        // In the body.
        ("/S/Post", r#"{"name":"a","inner":{"token":"b"}}"#, false),
    ] {
        let (method, mut wire) = (schema.method(method).unwrap(), Vec::new());
        let mut codec = crate::Codec::default();
        codec.json_to_wire(&method.input(), json.as_bytes(), &mut wire).unwrap();
        let composed = crate::Composer::default().compose(&method, &wire).unwrap();
        assert_eq!(composed.hides_query, wanted, "{composed:?}");
    }
}

/// What fits the descriptors is served, whatever does not.
#[test]
fn rules_that_do_not_fit_are_left_out_where_that_is_asked_for() {
    let set = set(&files(&["GET /old/{a}", "GET /other/{nothing}", "GET /old/{a}"]));
    let yaml = "
http:
  rules:
  - {selector: S.Gone, get: /gone}
  - {selector: S.M0, get: '/new/{a}', additional_bindings: [{get: '/newer/{b.c}'}]}
  - {selector: S.M2, get: '/new/{a}'}
";
    let builder = Schema::builder().bytes("set", set).http_rules("rules.yaml", yaml);
    assert!(builder.clone().build().is_err());
    let schema = builder.clone().leave_out_unfit_http_rules().build().unwrap();
    assert_eq!(find(&schema, "GET /new/1"), "GET /new/{a} a=1");
    assert_eq!(find(&schema, "GET /newer/1"), "404");
    let told: Vec<_> = schema
        .findings()
        .iter()
        .map(|finding| format!("{} {}: {}", finding.severity, finding.file, finding.what))
        .collect();
    assert_eq!(
        told,
        [
            "warning rules.yaml:4:16: a rule is left out: there is no method \"S.Gone\", in \"- {selector: S.Gone, get: /gone}\"",
            "warning rules.yaml:5:61: its HTTP template \"GET /newer/{b.c}\" names a field that is not there: \"c\" stands in a scalar, which has no fields; the binding is left out",
            "warning a.proto: its HTTP template \"GET /other/{nothing}\" names a field that is not there: \"nothing\" is no field of M; the binding is left out",
            "warning rules.yaml:6:5: its binding \"GET /new/{a}\" is the same as \"/new/{a}\" of \"S.M0\", which gets the requests",
        ]
    );
    // What cannot be read is no question of what it fits.
    for unreadable in ["http: {rules: [{get: /a}]}", "http: ["] {
        let builder = builder.clone().http_rules("broken.yaml", unreadable);
        assert!(builder.leave_out_unfit_http_rules().build().is_err(), "{unreadable}");
    }
}
