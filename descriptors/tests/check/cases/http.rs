//! `google.api.http`: to protoc an option like any other, so that it takes what is refused here.

use super::{Case, Verdict, loads, refused, warned};
use crate::write::{
    BOOL, INT32, MESSAGE, REPEATED, STRING, Wire, entry, field, map, message, method, named, proto3, sub,
};

/// The numbers of `HttpRule`.
const GET: u32 = 2;
const POST: u32 = 4;
const DELETE: u32 = 5;
const BODY: u32 = 7;
const CUSTOM: u32 = 8;
const ADDITIONAL: u32 = 11;
const RESPONSE_BODY: u32 = 12;

fn options(rule: &Wire) -> Wire {
    Wire::default().put(72_295_728, rule)
}

/// A method with a rule.
fn ruled(name: &str, rule: &Wire) -> Wire {
    method(name, ".p.M", ".p.M").put(4, &options(rule))
}

fn service(name: &str, methods: &[Wire]) -> Wire {
    methods.iter().cloned().fold(named(name), Wire::method)
}

fn around(services: &[Wire]) -> [Wire; 1] {
    let inner = message("Inner")
        .field(field("name", 1, STRING))
        .field(field("size", 2, INT32));
    let whole = message("M")
        .field(field("name", 1, STRING))
        .field(field("id", 2, INT32))
        .field(sub("inner", 3, ".p.Inner"))
        .field(field("tags", 4, STRING).label(REPEATED))
        .field(map("labels", 5, ".p.M.LabelsEntry"))
        .field(field("done", 6, BOOL))
        .field(field("list", 7, MESSAGE).of(".p.Inner").label(REPEATED))
        .nested(entry("LabelsEntry", STRING, field("value", 2, STRING)));
    let file = proto3("a.proto").package("p").message(inner).message(whole);
    [services.iter().cloned().fold(file, Wire::service)]
}

fn one(rule: &Wire) -> [Wire; 1] {
    around(&[service("S", &[ruled("Do", rule)])])
}

fn two(first: &Wire, second: &Wire) -> [Wire; 1] {
    around(&[service("S", &[ruled("One", first), ruled("Two", second)])])
}

fn get(template: &str) -> Wire {
    Wire::default().text(GET, template)
}

fn post(template: &str, body: &str) -> Wire {
    Wire::default().text(POST, template).text(BODY, body)
}

fn custom(kind: &str, template: &str) -> Wire {
    Wire::default().put(CUSTOM, &Wire::default().text(1, kind).text(2, template))
}

/// Two services, each made for a host.
fn hosts(one: &str, template: &str, other: &str) -> [Wire; 1] {
    let on = |name: &str, host: &str, template: &str| {
        let options = Wire::default().text(1049, host);
        service(name, &[ruled("Get", &get(template))]).put(3, &options)
    };
    around(&[on("A", one, template), on("B", other, "/v1/{name}")])
}

pub(super) fn cases() -> Vec<Case> {
    let cases = [templates(), fields(), rules(), twice()].into_iter().flatten();
    let unlike = |case: Case| match case.verdict {
        Verdict::Refused(_) => case.unlike_protoc(),
        _ => case,
    };
    cases.map(unlike).collect()
}

fn templates() -> Vec<Case> {
    vec![
        loads("http rule", &one(&get("/v1/{name=a/*}:do"))),
        loads("http rule for any method", &one(&custom("*", "/v1/{name}"))),
        loads(
            "http rule for a method of its own",
            &one(&custom("PURGE", "/v1/{name}")),
        ),
        refused(
            "http method that is none",
            "\"A B\" is no HTTP method",
            &one(&custom("A B", "/v1")),
        ),
        refused(
            "http method without name",
            "is no HTTP method",
            &one(&custom("", "/v1")),
        ),
        refused(
            "http template without slash",
            "does not begin with `/`",
            &one(&get("v1")),
        ),
        refused("http template that is empty", "does not begin with `/`", &one(&get(""))),
        refused(
            "http template with a segment behind `**`",
            "`**` has to be the last",
            &one(&get("/v1/**/a")),
        ),
        refused(
            "http template with an open variable",
            "is not closed",
            &one(&get("/v1/{name")),
        ),
    ]
}

fn fields() -> Vec<Case> {
    vec![
        loads("http variable in a message", &one(&get("/v1/{inner.name}"))),
        loads("http variable by its JSON name", &one(&get("/v1/{done}/{inner.size}"))),
        refused(
            "http variable that is not there",
            "\"nam\" is no field of p.M; did you mean \"name\"?",
            &one(&get("/v1/{nam}")),
        ),
        refused(
            "http variable in a scalar",
            "stands in a scalar",
            &one(&get("/v1/{name.x}")),
        ),
        refused(
            "http variable in a list",
            "stands in a list",
            &one(&get("/v1/{list.name}")),
        ),
        refused(
            "http variable that is a list",
            "\"tags\", which is a list",
            &one(&get("/v1/{tags}")),
        ),
        refused(
            "http variable that is a map",
            "\"labels\", which is a map",
            &one(&get("/v1/{labels}")),
        ),
        refused(
            "http variable that is a message",
            "\"inner\", which is a message",
            &one(&get("/v1/{inner}")),
        ),
        refused(
            "http variable twice",
            "\"name\" besides \"name\"",
            &one(&get("/v1/{name}/{name}")),
        ),
        loads("http body", &one(&post("/v1/{inner.name}", "inner"))),
        loads("http body that is a list", &one(&post("/v1", "tags"))),
        refused(
            "http body that is not there",
            "`body` of its HTTP rule",
            &one(&post("/v1", "innr")),
        ),
        refused(
            "http body inside a field",
            "stands inside another field",
            &one(&post("/v1", "inner.name")),
        ),
        refused(
            "http body bound by path",
            "\"name\" by path and by body",
            &one(&post("/v1/{name}", "name")),
        ),
        loads("http response body", &one(&get("/v1").text(RESPONSE_BODY, "tags"))),
        refused(
            "http response body that is not there",
            "`response_body` of its HTTP rule",
            &one(&get("/v1").text(RESPONSE_BODY, "tag")),
        ),
    ]
}

fn rules() -> Vec<Case> {
    let more = |rule: &Wire| get("/v1/{name}").put(ADDITIONAL, rule);
    vec![
        warned(
            "http rule that binds nothing",
            "so that it binds nothing",
            &one(&Wire::default().text(BODY, "*")),
        ),
        loads("additional http binding", &one(&more(&get("/v2/{name}")))),
        loads(
            "additional http binding alone",
            &one(&Wire::default().put(ADDITIONAL, &get("/v2"))),
        ),
        refused(
            "additional http binding that binds nothing",
            "names neither a method nor a template",
            &one(&more(&Wire::default())),
        ),
        refused(
            "additional http binding of an additional one",
            "has `additional_bindings` itself",
            &one(&more(&get("/v2").put(ADDITIONAL, &get("/v3")))),
        ),
        refused(
            "additional http binding that is wrong",
            "does not begin",
            &one(&more(&get("x"))),
        ),
        warned(
            "http GET with a body",
            "\"GET /v1\" has a body",
            &one(&get("/v1").text(BODY, "*")),
        ),
        loads(
            "http DELETE with a body",
            &one(&Wire::default().text(DELETE, "/v1").text(BODY, "*")),
        ),
        refused(
            "http rule that is none",
            "can't be read",
            &one(&Wire::default().int(GET, 1)),
        ),
    ]
}

fn twice() -> Vec<Case> {
    vec![
        refused(
            "http binding twice",
            "\"GET /v1/{id}\" is the same as \"/v1/{name}\" of \"p.S.One\"",
            &two(&get("/v1/{name}"), &get("/v1/{id}")),
        ),
        refused(
            "http binding twice in one rule",
            "is the same as",
            &one(&get("/v1/{name}").put(ADDITIONAL, &get("/v1/*"))),
        ),
        refused(
            "http binding twice, once with a variable over literals",
            "is the same as",
            &two(&get("/v1/{name=a/*}"), &get("/v1/a/{name}")),
        ),
        loads(
            "http binding with another verb",
            &two(&get("/v1/{name}:a"), &get("/v1/{name}:b")),
        ),
        loads(
            "http binding with another method",
            &two(&get("/v1/{name}"), &post("/v1/{name}", "*")),
        ),
        loads(
            "http binding for any method beside one",
            &two(&get("/v1"), &custom("*", "/v1")),
        ),
        warned(
            "http binding twice in a published API",
            "which gets the requests",
            &hosts("a.example", "/v1/{name}", "a.example"),
        ),
        warned(
            "http binding twice in two published APIs",
            "which gets the requests",
            &hosts("a.example", "/v1/{name}", "b.example"),
        ),
        warned(
            "http template outside the grammar in a published API",
            "the binding is left out",
            &hosts("a.example", "/v1/{name=**}/a", "b.example"),
        ),
    ]
}
