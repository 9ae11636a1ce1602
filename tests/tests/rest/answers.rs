//! What an answer looks like.

use descant::RestOptions;
use serde_json::json;

use super::client::{Lab, get, lab, read, request};
use crate::support::{serve_gateway, text::Text};

#[tokio::test]
async fn parts_of_answers() {
    let lab = lab().await;
    for (path, wanted) in [
        ("/v1/parts/a/tags?tags=x&tags=y", r#"["x","y"]"#),
        ("/v1/parts/a/tags", "[]"),
        ("/v1/parts/a/inner?inner.size=1", r#"{"size":1}"#),
        ("/v1/parts/a/inner", "{}"),
        ("/v1/parts/a/big?big=9007199254740993", r#""9007199254740993""#),
        ("/v1/parts/a/big", r#""0""#),
    ] {
        let answer = lab.ask(get(path)).await;
        assert_eq!((answer.status, answer.text()), (200, wanted), "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn errors_have_their_status_and_code() {
    let lab = lab().await;
    let codes = [
        (1, 499),
        (2, 500),
        (3, 400),
        (4, 504),
        (5, 404),
        (6, 409),
        (7, 403),
        (8, 429),
        (9, 400),
        (10, 409),
        (11, 400),
        (12, 501),
        (13, 500),
        (14, 503),
        (15, 500),
        (16, 401),
    ];
    for (code, status) in codes {
        let answer = lab.ask(get(&format!("/v1/fail/{code}?message=oh+no"))).await;
        assert_eq!(answer.status, status, "{code}");
        assert_eq!(answer.json(), json!({"code": code, "message": "oh no", "details": []}));
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("trailer-x-why"), "asked");
        let trailers = answer
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with("trailer-"));
        assert_eq!(trailers.count(), 1, "what is about a response is none: {answer:?}");
    }
}

#[tokio::test]
async fn unknown_details_are_kept() {
    let lab = lab().await;
    let (_, error) = lab.json(get("/v1/fail/5?strange_detail=true")).await;
    assert_eq!(
        error["details"],
        json!([
            {"@type": "type.googleapis.com/nowhere.Nothing", "value": "/wA="},
            {"@type": "type.googleapis.com/lab.v1.Item", "value": "/w=="},
        ])
    );
    let given = r#"{"any": {"@type": "type.googleapis.com/nowhere.Nothing", "value": "/wA="}}"#;
    let (status, item) = lab.json(super::client::post("/v1/items/a:whole", given)).await;
    assert_eq!((status, item["any"]["value"].as_str()), (200, Some("/wA=")));
}

#[tokio::test]
async fn retry_info_is_a_header() {
    let lab = lab().await;
    let answer = lab.ask(get("/v1/fail/14?retry_seconds=3")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "4"));
    let detail = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.000000001s"}]);
    assert_eq!(answer.json()["details"], detail);
}

#[tokio::test]
async fn an_answer_without_json_is_500_and_nothing_else() {
    let lab = lab().await;
    let (status, error) = lab.json(get("/v1/broken")).await;
    assert_eq!((status, &error["code"]), (500, &json!(13)));
}

#[tokio::test]
async fn bytes_come_as_they_are() {
    let lab = lab().await;
    let png = lab.ask(get("/v1/files?name=image/png")).await;
    assert_eq!(
        (png.status, png.header("content-type"), &png.body[..]),
        (200, "image/png", &b"\x00\xff"[..])
    );
    let none = lab.ask(get("/v1/files")).await;
    assert_eq!(none.header("content-type"), "application/octet-stream");
    for illegal in ["text/plainCRLFx-evil:%201", "a%01b"] {
        for path in ["/v1/files", "/v1/files:many"] {
            let (status, error) = lab.json(get(&format!("{path}?name={illegal}"))).await;
            assert_eq!((status, &error["code"]), (500, &json!(13)), "{illegal}");
        }
    }
    let many = lab.ask(get("/v1/files:many?name=text/plain")).await;
    assert_eq!(
        (many.status, many.header("content-type"), many.text()),
        (200, "text/plain", "one,two")
    );
    let events = get("/v1/files:many?name=text/plain").header("accept", "text/event-stream");
    let bytes = lab.ask(events.clone()).await;
    assert_eq!((bytes.text(), bytes.header("cache-control")), ("one,two", ""));
    let many = get("/v1/many/2").header("accept", "text/event-stream");
    assert_eq!(lab.ask(many).await.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn errors_are_indented_where_answers_are() {
    let mut options = RestOptions::default();
    options.json.pretty = true;
    let gateway = super::lab::builder().rest(options).build().unwrap();
    let lab = Lab(serve_gateway(gateway, |_| {}).await);
    let gone = "{\n  \"code\": 5,\n  \"message\": \"a:b\",\n  \"details\": []\n}";
    assert_eq!(lab.ask(get("/v1/fail/5?message=a:b")).await.text(), gone);
    assert_eq!(lab.ask(get("/v1/fail/5:late?message=a:b")).await.text(), gone);
    let detailed = lab.ask(get("/v1/fail/5?retry_seconds=1")).await;
    let detail = "[\n    {\n      \"@type\": \"type.googleapis.com/google.rpc.RetryInfo\",\n      \"retryDelay\": ";
    assert!(detailed.text().contains(detail), "{}", detailed.text());
    for ask in [
        get("/v1/nothing"),
        get("/v1/items/a?nope=1"),
        request("PUT", "/v1/broken"),
    ] {
        let text = lab.ask(ask).await.text().to_owned();
        assert!(text.starts_with("{\n  \"code\": "), "{text}");
    }
    let late = |accept| get("/v1/fail/5:late?message=a:b&after=1").header("accept", accept);
    let one_line = r#"{"code":5,"message":"a:b","details":[]}"#;
    assert_eq!(
        lab.ask(late("text/event-stream")).await.text(),
        format!("data: {{}}\n\nevent: error\ndata: {one_line}\n\n")
    );
    assert_eq!(
        lab.ask(late("application/json")).await.text(),
        format!("[{{}},{{\"error\":{one_line}}}]")
    );
}

#[tokio::test]
async fn answers_are_compressed_for_who_accepts_it() {
    let lab = lab().await;
    let tags = "tags=abcdefghij&".repeat(100);
    let path = format!("/v1/items/a?{}", tags.trim_end_matches('&'));
    for (accept, coding) in [
        ("gzip", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("gzip;q=0", ""),
        ("identity", ""),
        ("foo, zstd", "zstd"),
    ] {
        let answer = lab.ask(get(&path).header("accept-encoding", accept)).await;
        assert_eq!(answer.header("content-encoding"), coding, "{accept}");
        assert_eq!(answer.status, 200);
    }
    // The bytes are others then, so the tag must not say that they are the same.
    for (coding, given, sent) in [
        ("gzip", "\"1\"", "W/\"1\""),
        ("gzip", "W/\"1\"", "W/\"1\""),
        ("gzip", "odd", "odd"),
        ("identity", "\"1\"", "\"1\""),
    ] {
        let ask = get("/v1/metadata")
            .header("x-tag", given)
            .header("x-long", "a".repeat(1000));
        let answer = lab.ask(ask.header("accept-encoding", coding)).await;
        assert_eq!(answer.header("etag"), sent, "{coding}: {given}");
        assert_eq!(answer.header("content-encoding") == "gzip", coding == "gzip");
    }
    let error = lab
        .ask(get(&format!("/v1/fail/5?message={}", "a".repeat(1000))).header("accept-encoding", "gzip"))
        .await;
    assert_eq!(error.header("content-encoding"), "");
}

/// What HTTP/1.1 itself refuses is an error like any other.
#[tokio::test]
async fn requests_that_are_no_http_get_json_too() {
    let lab = lab().await;
    let post = "POST /v1/items HTTP/1.1\r\nhost: a\r\n";
    let close = "connection: close\r\n";
    for (request, status, code) in [
        (format!("{post}{close}content-length: 5000000\r\n\r\n{{"), 413, 8),
        ("G@T / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), 400, 3),
        ("GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), 400, 3),
        (
            "GET / HTTP/1.1\r\nconnection: close\r\nhost: a b\r\n\r\n".to_owned(),
            400,
            3,
        ),
        ("GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), 400, 3),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000)), 414, 8),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101)), 431, 8),
        (format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(20_000)), 431, 8),
        (format!("{post}transfer-encoding: gzip\r\n\r\n"), 501, 12),
        (format!("{post}transfer-encoding: chunked\r\n\r\nx\r\n"), 400, 3),
    ] {
        let mut text = Text::connect(lab.0.address).await;
        text.send(&request).await;
        let answer = read(&text.rest().await);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (status, &json!(code)),
            "{request:?}"
        );
        assert_eq!(answer.header("content-type"), "application/json");
    }
}
