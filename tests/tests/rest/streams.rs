//! Calls with many messages.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::{get, lab, post, request};
use crate::support::{Ask, soon, text::Text};

fn sizes(count: i32) -> Vec<Value> {
    let item = |size| if size == 0 { json!({}) } else { json!({"size": size}) };
    (0..count).map(item).collect()
}

#[tokio::test]
async fn a_stream_is_an_array_lines_or_events() {
    let lab = lab().await;
    for count in [0, 1, 3] {
        let path = format!("/v1/many/{count}");
        let array = lab.ask(get(&path)).await;
        assert_eq!((array.status, array.header("content-type")), (200, "application/json"));
        assert_eq!(array.json(), json!(sizes(count)));
        for name in ["application/x-ndjson", "application/jsonl"] {
            let lines = lab.ask(get(&path).header("accept", name)).await;
            assert_eq!(lines.header("content-type"), name);
            let wanted = sizes(count)
                .iter()
                .fold(String::new(), |text, item| text + &format!("{item}\n"));
            assert_eq!(lines.text(), wanted);
        }
        let events = lab.ask(get(&path).header("accept", "text/event-stream")).await;
        assert_eq!(events.header("content-type"), "text/event-stream");
        let wanted = sizes(count)
            .iter()
            .fold(String::new(), |text, item| text + &format!("data: {item}\n\n"));
        assert_eq!(events.text(), wanted);
    }
}

#[tokio::test]
async fn an_error_before_the_first_message_is_a_plain_one() {
    let lab = lab().await;
    for accept in ["*/*", "text/event-stream", "application/x-ndjson"] {
        let answer = lab
            .ask(get("/v1/fail/5:late?message=gone").header("accept", accept))
            .await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (404, "application/json"),
            "{accept}"
        );
        assert_eq!(answer.json(), json!({"code": 5, "message": "gone", "details": []}));
    }
}

#[tokio::test]
async fn an_error_on_the_way_is_said_and_the_answer_cut() {
    let lab = lab().await;
    let status = r#"{"code":5,"message":"gone","details":[]}"#;
    for (accept, wanted) in [
        ("*/*", format!(r#"[{{}},{{"size":1}},{{"error":{status}}}]"#)),
        (
            "application/x-ndjson",
            format!("{{}}\n{{\"size\":1}}\n{{\"error\":{status}}}\n"),
        ),
        (
            "text/event-stream",
            format!("data: {{}}\n\ndata: {{\"size\":1}}\n\nevent: error\ndata: {status}\n\n"),
        ),
    ] {
        let answer = lab
            .ask(get("/v1/fail/5:late?message=gone&after=2").header("accept", accept))
            .await;
        assert_eq!(
            (answer.status, answer.cut, answer.text()),
            (200, true, &*wanted),
            "{accept}"
        );
    }
}

/// HTTP/1.0 has no chunks: there the end of the connection would be that of the answer.
#[tokio::test]
async fn an_answer_that_is_cut_off_does_not_look_whole_over_http_1_0() {
    let lab = lab().await;
    let mut whole = Text::connect(lab.0.address).await;
    whole.send("GET /v1/many/2 HTTP/1.0\r\n\r\n").await;
    let mut said = String::new();
    soon(whole.0.read_to_string(&mut said)).await.unwrap();
    assert!(said.ends_with(r#"[{},{"size":1}]"#), "{said}");
    let mut cut = Text::connect(lab.0.address).await;
    cut.send("GET /v1/fail/5:late?message=gone&after=2 HTTP/1.0\r\n\r\n")
        .await;
    // What there is can be read before the reset comes.
    let said = cut.until("}]").await;
    assert!(said.contains(r#""message":"gone""#), "{said}");
    let end = soon(cut.0.read_u8()).await.unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset, "{end}");
}

/// A reset would destroy what the client has not read yet.
#[tokio::test]
async fn an_answer_that_is_cut_off_under_a_client_that_sends_on_ends_without_a_reset() {
    let lab = lab().await;
    let mut text = Text::connect(lab.0.address).await;
    text.send("POST /v1/talk/a HTTP/1.1\r\nhost: descant.test\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for item in ["size", "sise"] {
        text.send(format!("C\r\n{{\"{item}\": 1}}\n\r\n")).await;
        text.until("}\n").await;
    }
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        text.0.write_all(b"C\r\n{\"size\": 1}\n\r\n").await.unwrap();
    }
    let mut rest = String::new();
    soon(text.0.read_to_string(&mut rest)).await.unwrap();
    assert!(!rest.contains("0\r\n\r\n"), "{rest:?} looks whole");
}

#[tokio::test]
async fn many_messages_come_as_an_array_or_as_lines() {
    let lab = lab().await;
    let wanted = (200, json!({"size": 3, "tags": ["a", "a"]}));
    for (content_type, body) in [
        ("application/json", r#"[{"size": 1, "name": "b"}, {"size": 2}]"#),
        ("application/json", "{\"size\": 1}\n{\"size\": 2}\n"),
        ("application/x-ndjson", "{\"size\": 1}\n\n{\"size\": 2}"),
        ("application/jsonl", "{\"size\": 1}\r\n{\"size\": 2}\r\n"),
    ] {
        let ask = request("POST", "/v1/collect/a")
            .header("content-type", content_type)
            .body(body);
        assert_eq!(lab.json(ask).await, wanted, "{content_type} {body}");
    }
    assert_eq!(lab.json(post("/v1/collect/a", "[]")).await, (200, json!({})));
    assert_eq!(lab.json(post("/v1/collect/a", "")).await, (200, json!({})));
    for (body, says) in [
        (r#"[{"size": 1}, {"sise": 2}]"#, "message 2: "),
        (r#"[{"size": 1}"#, "array"),
        (r#"[{"size": 1} {"size": 2}]"#, "`,`"),
        (r#"{"size": 1}{"size": 2}"#, "new line"),
        (r#"{"size": "#, "within"),
    ] {
        let (status, error) = lab.json(post("/v1/collect/a", body)).await;
        assert_eq!((status, &error["code"]), (400, &json!(3)), "{body}");
        assert!(error["message"].as_str().unwrap().contains(says), "{body}: {error}");
    }
    let wrong = request("POST", "/v1/collect/a")
        .header("content-type", "text/plain")
        .body("[]");
    assert_eq!(lab.json(wrong).await.0, 415);
    let large = format!("[{{\"name\": \"{}\"}}]", "a".repeat(5 << 20));
    let answer = lab.two(&post("/v1/collect/a", large)).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (413, json!(8)));
}

/// A client that says nothing yet has to learn it, and the handler need not be called.
#[tokio::test]
async fn path_and_query_of_many_messages_are_checked_with_the_head() {
    let lab = lab().await;
    for (content_type, one, two) in [
        ("application/json", "[{}]", "[{}, {}]"),
        ("application/x-ndjson", "{}\n", "{}\n{}\n"),
    ] {
        for (path, says) in [
            ("/v1/collect/a?nope=1", "query parameter \"nope\": "),
            ("/v1/collect/a?size=1", "query parameter \"size\": "),
            ("/v1/collect/x/inner", "\"size\" in the path: "),
            ("/v1/collect/1/inner?inner.size=1", "query parameter \"inner.size\": "),
            ("/v1/collect/1/inner?size=1", "query parameter \"size\": "),
            ("/v1/collect/1/none?big=x", "query parameter \"big\": "),
            ("/v1/files/a?nope=1", "query parameter \"nope\": "),
            ("/v1/talk/a?nope=1", "query parameter \"nope\": "),
        ] {
            for body in ["", one] {
                let ask = request("POST", path).header("content-type", content_type).body(body);
                let (status, error) = lab.json(ask).await;
                assert_eq!((status, &error["code"]), (400, &json!(3)), "{path} {body}");
                assert!(error["message"].as_str().unwrap().starts_with(says), "{path}: {error}");
            }
        }
        let each = request("POST", "/v1/collect/2/inner?name=b")
            .header("content-type", content_type)
            .body(two);
        assert_eq!(lab.json(each).await, (200, json!({"size": 4, "tags": ["b", "b"]})));
    }
    let none = request("POST", "/v1/collect/2/none?name=b");
    assert_eq!(lab.json(none).await, (200, json!({"size": 2, "tags": ["b"]})));
    let mut text = Text::connect(lab.0.address).await;
    text.send("POST /v1/talk/a?nope=1 HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let head = text.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
}

#[tokio::test]
async fn a_compressed_stream_is_read_too() {
    use std::io::Write as _;
    let lab = lab().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(br#"[{"size": 1}, {"size": 2}]"#).unwrap();
    let ask = post("/v1/collect/a", encoder.finish().unwrap()).header("content-encoding", "gzip");
    assert_eq!(lab.json(ask).await, (200, json!({"size": 3, "tags": ["a", "a"]})));
}

#[tokio::test]
async fn bytes_are_streamed_in_pieces() {
    let lab = lab().await;
    let large = vec![7; 1 << 20];
    let ask = request("POST", "/v1/files/a")
        .header("content-type", "image/png")
        .body(&large);
    assert_eq!(
        lab.json(ask).await,
        (200, json!({"size": 1 << 20, "tags": ["a", "image/png"]}))
    );
    let none = request("POST", "/v1/files/a").header("content-type", "image/png");
    assert_eq!(lab.json(none).await, (200, json!({"tags": ["a", "image/png"]})));
}

#[tokio::test]
async fn both_sides_talk_over_http_2() {
    let lab = lab().await;
    let peer = lab.0.connect().await;
    let ask = Ask::bytes("/v1/talk/a", [Bytes::new()])
        .without("te")
        .without("content-type");
    let mut open = peer.open(ask.header("content-type", "application/x-ndjson")).await;
    open.push("{\"size\": 1}\n");
    let (mut request, mut answer) = open.head().await;
    assert_eq!(
        soon(answer.data()).await.unwrap().unwrap(),
        "{\"name\":\"a\",\"size\":1}\n"
    );
    request.send_data("{\"size\": 2}".into(), false).unwrap();
    request.send_data("\n".into(), true).unwrap();
    assert_eq!(
        soon(answer.data()).await.unwrap().unwrap(),
        "{\"name\":\"a\",\"size\":2}\n"
    );
    assert!(soon(answer.data()).await.is_none());
}

#[tokio::test]
async fn both_sides_talk_over_http_1() {
    let lab = lab().await;
    let mut text = Text::connect(lab.0.address).await;
    text.send("POST /v1/talk/a HTTP/1.1\r\nhost: descant.test\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n").await;
    // Nothing was said yet, and still the answer begins: a client may wait for it.
    let head = text.until("\r\n\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("application/x-ndjson"),
        "{head}"
    );
    for size in 1..4 {
        let line = format!("{{\"size\": {size}}}\n");
        text.send(format!("{:x}\r\n{line}\r\n", line.len())).await;
        assert!(
            text.until("}\n")
                .await
                .ends_with(&format!("{{\"name\":\"a\",\"size\":{size}}}\n"))
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    text.send("0\r\n\r\n").await;
    assert!(text.until("0\r\n\r\n").await.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn two_way_calls_answer_as_the_client_likes() {
    let lab = lab().await;
    let ask = |accept: &str| post("/v1/talk/a", "[{\"size\": 1}]").header("accept", accept);
    assert_eq!(lab.ask(ask("*/*")).await.text(), "{\"name\":\"a\",\"size\":1}\n");
    assert_eq!(
        lab.ask(ask("application/json")).await.text(),
        "[{\"name\":\"a\",\"size\":1}]"
    );
    assert_eq!(
        lab.ask(ask("text/event-stream")).await.text(),
        "data: {\"name\":\"a\",\"size\":1}\n\n"
    );
}
