//! What travels beside bodies.

use serde_json::json;

use super::client::{get, lab};
use crate::support::text::Text;

#[tokio::test]
async fn headers_become_metadata_unless_they_are_somebody_elses() {
    let lab = lab().await;
    let ask = get("/v1/metadata")
        .header("x-mine", "yes")
        .header("authorization", "Bearer a")
        .header("token-bin", "AQI")
        .header("grpc-encoding", "identity")
        .header("grpc-anything", "no")
        .header("connect-protocol-version", "1")
        .header("content-language", "en")
        .header("accept-encoding", "identity")
        .header("te", "trailers");
    let (status, item) = lab.json(ask).await;
    assert_eq!(status, 200);
    assert_eq!(
        item["labels"],
        json!({"x-mine": "yes", "authorization": "Bearer a", "token-bin": "AQI"})
    );
    let listed = get("/v1/metadata")
        .header("connection", "x-hop")
        .header("x-hop", "no")
        .header("x-end", "yes");
    assert_eq!(lab.one(&listed).await.json()["labels"], json!({"x-end": "yes"}));
    let (status, error) = lab.json(get("/v1/metadata").header("token-bin", "$$")).await;
    assert_eq!((status, &error["code"]), (400, &json!(3)));
}

#[tokio::test]
async fn metadata_becomes_headers_and_trailers_too() {
    let lab = lab().await;
    let answer = lab.ask(get("/v1/metadata")).await;
    assert_eq!(answer.header("x-early"), "yes");
    assert_eq!(answer.header("x-early-bin"), "AQI");
    assert_eq!(answer.header("trailer-x-late"), "no");
    assert!(answer.trailers.is_empty());
    let stream = lab.ask(get("/v1/many/2")).await;
    assert_eq!((stream.header("trailer-x-late"), stream.trailers.len()), ("", 0));
    let stream = lab.two(&get("/v1/many/2").header("te", "trailers")).await;
    assert_eq!(
        (&stream.trailers["x-late"], stream.trailers.len()),
        (&"yes".parse().unwrap(), 1)
    );
    let mut text = Text::connect(lab.0.address).await;
    text.send("GET /v1/many/2 HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: close, te\r\n\r\n")
        .await;
    let said = String::from_utf8(text.rest().await).unwrap();
    assert!(said.contains("\r\ntrailer: x-late\r\n"), "{said}");
    assert!(said.ends_with("\r\n0\r\nx-late: yes\r\n\r\n"), "{said}");
}

#[tokio::test]
async fn the_shortest_deadline_counts() {
    let lab = lab().await;
    let left = |answer: &super::client::Answer| answer.json().get("size").and_then(serde_json::Value::as_i64);
    assert_eq!(left(&lab.ask(get("/v1/deadline")).await), Some(-1));
    for (headers, most) in [
        (&[("connect-timeout-ms", "5000")][..], 5000),
        (&[("grpc-timeout", "4S")], 4000),
        (&[("x-server-timeout", "3.5")], 3500),
        (&[("x-server-timeout", "3.3000000000000003")], 3300),
        (&[("x-server-timeout", "2.5E+0")], 2500),
        (
            &[
                ("connect-timeout-ms", "90000"),
                ("grpc-timeout", "80S"),
                ("x-server-timeout", "2"),
            ],
            2000,
        ),
        (&[("x-server-timeout", "60"), ("connect-timeout-ms", "1900")], 1900),
    ] {
        let ask = headers
            .iter()
            .fold(get("/v1/deadline"), |ask, (name, value)| ask.header(name, value));
        let answer = lab.one(&ask).await;
        let left = left(&answer).unwrap();
        assert!((most - 1000..=most).contains(&left), "{headers:?}: {left}");
    }
    for (name, value) in [
        ("connect-timeout-ms", "soon"),
        ("grpc-timeout", "1"),
        ("x-server-timeout", "-1"),
        ("x-server-timeout", "1s"),
    ] {
        let (status, error) = lab.json(get("/v1/deadline").header(name, value)).await;
        assert_eq!((status, &error["code"]), (400, &json!(3)), "{name}: {value}");
    }
    for (value, says) in [
        ("soon", "x-server-timeout is not a number of seconds such as 2.5"),
        ("1e10", "x-server-timeout is out of range"),
    ] {
        let (_, error) = lab.json(get("/v1/deadline").header("x-server-timeout", value)).await;
        assert_eq!(error["message"], says);
    }
    let (status, error) = lab.json(get("/v1/deadline").header("x-server-timeout", "0")).await;
    assert_eq!((status, &error["code"]), (504, &json!(4)));
}
