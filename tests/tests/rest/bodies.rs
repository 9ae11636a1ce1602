//! What is read of a request's body.

use std::io::Write as _;

use serde_json::json;

use super::client::{get, lab, post, request};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn json_has_several_names() {
    let lab = lab().await;
    for content_type in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.a+json",
        "",
    ] {
        let ask = request("POST", "/v1/items")
            .header("content-type", content_type)
            .body(r#"{"size": 1}"#);
        assert_eq!(
            lab.json(ask).await,
            (200, json!({"item": {"size": 1}})),
            "{content_type}"
        );
    }
    let none = request("POST", "/v1/items").body(r#"{"size": 1}"#);
    assert_eq!(lab.json(none).await.0, 200);
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "multipart/form-data; boundary=a",
        "application/json; charset=latin1",
        "application/vnd.a+json;v=1; Charset=\"UTF-16\"",
    ] {
        let ask = request("POST", "/v1/items")
            .header("content-type", content_type)
            .body("{}");
        let (status, error) = lab.json(ask).await;
        assert_eq!((status, &error["code"]), (415, &json!(3)), "{content_type}");
    }
}

#[tokio::test]
async fn an_empty_body_is_an_empty_message() {
    let lab = lab().await;
    assert_eq!(lab.json(request("POST", "/v1/items")).await, (200, json!({"item": {}})));
    assert_eq!(
        lab.json(request("POST", "/v1/items/a:whole")).await,
        (200, json!({"name": "a"}))
    );
}

#[tokio::test]
async fn a_body_where_there_is_none_is_400() {
    let lab = lab().await;
    for method in ["GET", "DELETE", "PURGE"] {
        let (status, error) = lab.json(request(method, "/v1/items/a").json("{}")).await;
        assert_eq!((status, &error["code"]), (400, &json!(3)), "{method}");
    }
}

#[tokio::test]
async fn codings_are_undone() {
    let lab = lab().await;
    let body = br#"{"size": 1}"#;
    for (coding, body) in [
        ("gzip", gzip(body)),
        ("GZIP", gzip(body)),
        ("x-gzip", gzip(body)),
        ("identity", body.to_vec()),
        ("zstd", zstd::encode_all(&body[..], 0).unwrap()),
    ] {
        let ask = request("POST", "/v1/items")
            .header("content-encoding", coding)
            .json(body);
        assert_eq!(lab.json(ask).await, (200, json!({"item": {"size": 1}})), "{coding}");
    }
    for coding in ["foo", "gzip, gzip", "aes128gcm"] {
        let answer = lab
            .ask(
                request("POST", "/v1/items")
                    .header("content-encoding", coding)
                    .json(gzip(body)),
            )
            .await;
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (415, json!(3)),
            "{coding}"
        );
        assert!(answer.header("accept-encoding").contains("gzip"));
    }
    let twice = request("POST", "/v1/items")
        .header("content-encoding", "gzip")
        .header("content-encoding", "gzip");
    assert_eq!(lab.ask(twice.json(gzip(body))).await.status, 415);
    let broken = request("POST", "/v1/items")
        .header("content-encoding", "gzip")
        .json(body);
    assert_eq!(lab.json(broken).await.0, 400);
}

#[tokio::test]
async fn what_is_too_large_is_413() {
    let lab = lab().await;
    let (limit, large) = (4 << 20, r#"{"name": "a"}"#);
    let padded = |length: usize| format!("{large}{}", " ".repeat(length - large.len()));
    assert_eq!(lab.ask(post("/v1/items", padded(limit))).await.status, 200);
    let over = lab.two(&post("/v1/items", padded(limit + 1))).await;
    assert_eq!((over.status, over.json()["code"].clone()), (413, json!(8)));
    // Four gigabytes would be no different.
    let bomb = post("/v1/items", gzip(padded(limit + 1).as_bytes())).header("content-encoding", "gzip");
    let (status, error) = lab.json(bomb).await;
    assert_eq!((status, &error["code"]), (413, &json!(8)));
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place() {
    let lab = lab().await;
    for (body, says) in [
        (r#"{"sise": 1}"#, "sise"),
        (r#"{"size": "many"}"#, "size"),
        (r#"{"size": 1, "size": 2}"#, "size"),
        (r#"{"inner": {"big": {}}}"#, "inner.big"),
        ("{} {}", "line 1, column"),
        ("{'a': 1}", "line 1, column"),
        ("{\n\"size\": x}", "line 2, column"),
        ("[]", "line 1, column"),
    ] {
        let (status, error) = lab.json(post("/v1/items", body)).await;
        assert_eq!((status, &error["code"]), (400, &json!(3)), "{body}");
        assert!(error["message"].as_str().unwrap().contains(says), "{body}: {error}");
    }
    let (status, _) = lab.json(post("/v1/items", b"{\"name\": \"\xff\"}")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn path_wins() {
    let lab = lab().await;
    let patch = |path: &str, body: &str| request("PATCH", path).json(body);
    let found = lab.json(patch("/v1/items/a", r#"{"name": "other", "size": 0}"#)).await;
    assert_eq!(found, (200, json!({"item": {"name": "a"}, "updateMask": "name,size"})));
    let found = lab.json(patch("/v1/items/a?update_mask=size", r#"{"size": 2}"#)).await;
    assert_eq!(
        found,
        (200, json!({"item": {"name": "a", "size": 2}, "updateMask": "size"}))
    );
    for refused in [
        get("/v1/items/a?name=b"),
        patch("/v1/items/a?item.name=b", "{}"),
        patch("/v1/items/a?item.size=1", "{}"),
        post("/v1/items/a:whole?size=1", "{}"),
    ] {
        assert_eq!(lab.json(refused.clone()).await.0, 400, "{refused:?}");
    }
}

#[tokio::test]
async fn bytes_pass_as_they_are() {
    let lab = lab().await;
    let put = request("PUT", "/v1/files/a")
        .header("content-type", "image/png")
        .body(b"\x00\xff");
    assert_eq!(
        lab.json(put).await,
        (
            200,
            json!({"name": "a", "file": {"contentType": "image/png", "data": "AP8="}})
        )
    );
    let none = request("PUT", "/v1/files/a");
    assert_eq!(lab.json(none).await, (200, json!({"name": "a", "file": {}})));
}
