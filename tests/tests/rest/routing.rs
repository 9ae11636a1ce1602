//! Which method a request reaches, and which it never reaches.

use serde_json::json;

use super::client::{get, lab, post, request};

#[tokio::test]
async fn a_rule_leads_to_its_method() {
    let lab = lab().await;
    assert_eq!(lab.json(get("/v1/items/a")).await, (200, json!({"name": "a"})));
    assert_eq!(
        lab.json(get("/v1/shelves/a%20b/item")).await,
        (200, json!({"name": "shelves/a b"}))
    );
    assert_eq!(lab.json(get("/v1/items/a%2Fb")).await, (200, json!({"name": "a/b"})));
    // Several segments keep their escaped slashes, which are data.
    assert_eq!(
        lab.json(get("/v1/shelves/a%2Fb/item")).await,
        (200, json!({"name": "shelves/a%2Fb"}))
    );
    assert_eq!(
        lab.json(get("/%76%31/items/a%3Ab?size=3")).await,
        (200, json!({"name": "a:b", "size": 3}))
    );
    let whole = post("/v1/items/a:whole", r#"{"name": "other", "size": 1}"#);
    assert_eq!(lab.json(whole).await, (200, json!({"name": "a", "size": 1})));
    assert_eq!(lab.json(request("DELETE", "/v1/items/a")).await.0, 200);
    assert_eq!(lab.json(request("PURGE", "/v1/items/a")).await.0, 200);
}

#[tokio::test]
async fn no_template_is_404() {
    let lab = lab().await;
    for path in [
        "/",
        "/v1",
        "/v1/items/",
        "/v1//items/a",
        "/v1/items/a/",
        "/v1/items/a:other",
        "/v1%2Fitems/a",
        "/V1/items/a",
    ] {
        let (status, error) = lab.json(get(path)).await;
        assert_eq!(
            (status, &error["code"], &error["details"]),
            (404, &json!(5), &json!([])),
            "{path}"
        );
    }
}

#[tokio::test]
async fn other_methods_are_405_with_those_that_are_there() {
    let lab = lab().await;
    let answer = lab.ask(request("PUT", "/v1/items/a")).await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, "DELETE, GET, HEAD, OPTIONS, PATCH, PURGE")
    );
    assert_eq!(answer.json()["code"], 12);
    let answer = lab.ask(request("OPTIONS", "/v1/items/a")).await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (204, "DELETE, GET, HEAD, OPTIONS, PATCH, PURGE")
    );
    assert_eq!(answer.text(), "");
    assert_eq!(lab.ask(request("OPTIONS", "/v1/nothing")).await.status, 404);
    let answer = lab.ask(get("/v1/items/a:whole")).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "OPTIONS, POST"));
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let lab = lab().await;
    for (path, status) in [
        ("/v1/items/a", 200),
        ("/v1/many/3", 200),
        ("/v1/files", 200),
        ("/v1/nothing", 404),
        ("/v1/fail/3", 400),
        ("/v1/items/..", 400),
    ] {
        let head = lab.ask(request("HEAD", path)).await;
        assert_eq!((head.status, head.text()), (status, ""), "{path}");
        assert_eq!(
            head.header("content-type"),
            lab.ask(get(path)).await.header("content-type"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn paths_that_can_be_read_in_two_ways_are_400() {
    let lab = lab().await;
    for path in [
        "/v1/../items/a",
        "/v1/items/.",
        "/v1/items/%2e%2E",
        "/v1/%2e/items/a",
        "/v1/items\\a",
        "/v1/items/a%",
        "/v1/items/a%4",
        "/v1/items/%zz",
        "/v1/items/a%00b",
        "/v1/items/%ff",
        "/v1/items/%C3",
        "/nowhere/%zz",
    ] {
        let (status, error) = lab.json(get(path)).await;
        assert_eq!((status, &error["code"]), (400, &json!(3)), "{path}");
    }
    // h2 cuts fragments off before anyone can look.
    for fragment in ["/v1/items/a#b", "/v1/items/a?size=1#b"] {
        assert_eq!(lab.one(&get(fragment)).await.status, 400, "{fragment}");
    }
    for query in ["name=%zz", "size=%ff", "tags=a%00", "%zz=1"] {
        let (status, error) = lab.json(get(&format!("/v1/items/a?{query}"))).await;
        assert_eq!((status, &error["code"]), (400, &json!(3)), "{query}");
    }
}

#[tokio::test]
async fn conflicting_authorities_are_400() {
    let lab = lab().await;
    let answer = lab.two(&get("/v1/items/a").header("host", "other.test")).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (400, json!(3)));
}

#[tokio::test]
async fn calls_of_other_protocols_are_theirs() {
    let lab = lab().await;
    // A method's own path, and a content type of Connect.
    let call = lab.ask(post("/lab.v1.Lab/Unbound", r#"{"name": "a"}"#)).await;
    assert_eq!((call.status, call.json()), (200, json!({"name": "a"})));
    let wrong = lab.ask(post("/lab.v1.Lab/Unbound", "{")).await;
    assert_eq!(wrong.json()["code"], "invalid_argument");
    // The same on a rule's path is REST, whatever its headers and query have in common with Connect.
    let rest = post("/v1/items", "{").header("connect-protocol-version", "1");
    assert_eq!(lab.json(rest).await.1["code"], 3);
    let grpc = request("POST", "/v1/items")
        .header("content-type", "application/grpc")
        .body([0; 5]);
    assert_eq!(lab.json(grpc).await.0, 415);
    let (status, error) = lab.json(get("/v1/items/a?connect=v1")).await;
    assert_eq!((status, &error["code"]), (400, &json!(3)));
}

#[tokio::test]
async fn methods_without_rules_are_served_if_asked_for() {
    let mut options = descant::RestOptions::default();
    options.unbound_methods = true;
    let gateway = super::lab::builder().rest(options).build().unwrap();
    let lab = super::client::Lab(crate::support::serve_gateway(gateway, |_| {}).await);
    let call = request("POST", "/lab.v1.Lab/Unbound").header("content-type", "application/vnd.lab+json");
    assert_eq!(
        lab.json(call.clone().body(r#"{"name": "a"}"#)).await,
        (200, json!({"name": "a"}))
    );
    assert_eq!(lab.json(call.body("{")).await.1["code"], 3);
    // A method that has a rule is there by its rule.
    let bound = request("POST", "/lab.v1.Lab/Get").header("content-type", "application/vnd.lab+json");
    assert_eq!(lab.ask(bound.body("{}")).await.status, 415);
}

#[tokio::test]
async fn each_route_may_have_its_own_json() {
    let written = |change: fn(&mut descant::JsonOptions)| {
        let mut options = descant::RestOptions::default();
        change(&mut options.json);
        options
    };
    let builder = || {
        let all = written(|json| json.integers_as_numbers = true);
        super::lab::builder().rest(all)
    };
    let defaults = written(|json| json.emit_defaults = true);
    let pretty = written(|json| json.pretty = true);
    let gateway = builder()
        .rest_for("lab.v1.Lab/Get", pretty.clone())
        .rest_for("lab.v1.*", defaults);
    let lab = super::client::Lab(crate::support::serve_gateway(gateway.build().unwrap(), |_| {}).await);
    assert_eq!(
        lab.ask(get("/v1/items/a?big=5")).await.text(),
        "{\n  \"name\": \"a\",\n  \"big\": \"5\"\n}"
    );
    let deleted = lab.json(request("DELETE", "/v1/items/a")).await.1;
    assert_eq!((&deleted["size"], &deleted["big"]), (&json!(0), &json!("0")));
    let gateway = builder().rest_for("lab.v1.Lab/Get", pretty.clone()).build().unwrap();
    let lab = super::client::Lab(crate::support::serve_gateway(gateway, |_| {}).await);
    let deleted = lab.ask(request("DELETE", "/v1/items/a?big=5")).await;
    assert_eq!(deleted.text(), r#"{"name":"a","big":5}"#);
    for (pattern, wanted) in [
        ("lab.v1.Lab/Gett", "lab.v1.Lab/Get"),
        ("lab v1", "is no pattern"),
        ("lab.v1.Lab", "twice"),
    ] {
        let gateway = super::lab::builder().rest_for(pattern, pretty.clone());
        let error = gateway.rest_for("lab.v1.Lab", pretty.clone()).build().unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}
