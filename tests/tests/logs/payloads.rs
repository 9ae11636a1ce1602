//! Messages in the log.

use descant::LogCalls;
use http::Method;
use tracing::Level;

use super::{Lines, OPEN, SECRET, TALK, fields, rest, vault};
use crate::support::{Ask, envelope};

/// A field of the wire format that has a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    [&[number << 3 | 2, length], bytes].concat()
}

/// A key whose every secret is [`SECRET`], and an unknown field of the same.
fn key(name: &str) -> Vec<u8> {
    let unknown = field(15, SECRET.as_bytes());
    [
        field(1, name.as_bytes()),
        field(2, SECRET.as_bytes()),
        vec![8 << 3, 7],
        unknown,
    ]
    .concat()
}

const MASKED: &str = r#""token":"[REDACTED]""#;

#[tokio::test]
async fn what_is_not_for_logs_is_masked_wherever_it_stands() {
    let (lines, _guard) = Lines::json(Level::DEBUG);
    let (_mount, peer) = vault(|gateway| gateway.log_payloads(4096)).await;
    let any = |name: &str| {
        let url = field(1, format!("type.googleapis.com/{name}").as_bytes());
        field(7, &[url, field(2, &key("in an Any"))].concat())
    };
    let entry = [field(1, b"k"), field(2, &key("in a map"))].concat();
    for (kind, inner) in [
        ("vault.v1.Key", field(5, &key("in a oneof"))),
        ("no.Such", field(6, SECRET.as_bytes())),
    ] {
        let message = [
            key("all"),
            field(3, &entry),
            field(4, &key("in a list")),
            inner,
            any(kind),
        ]
        .concat();
        let answer = peer.send(Ask::bytes(OPEN, [envelope(0, &message)])).await;
        assert_eq!(answer.envelopes()[0].1, message, "only the log is masked");
    }
    let records = lines.records("grpc.payload", 4).await;
    let all = lines.all();
    assert!(!all.contains(SECRET), "{all}");
    // Times and ids may have such digits.
    for record in &records {
        assert!(!record["payload"].as_str().unwrap().contains("777"), "{record}");
    }
    let shown = records[0]["payload"].as_str().unwrap();
    for name in ["all", "in a map", "in a list", "in a oneof", "in an Any"] {
        assert!(
            shown.contains(&format!(r#""name":"{name}",{MASKED}"#)),
            "{name}: {shown}"
        );
    }
    assert!(shown.contains(r#""count":"[REDACTED]""#), "{shown}");
    assert!(
        records[2]["payload"]
            .as_str()
            .unwrap()
            .contains(r#""pin":"[REDACTED]""#)
    );
    for (record, direction) in records.iter().zip(["request", "response"].into_iter().cycle()) {
        assert_eq!(
            (&record["direction"], &record["number"]),
            (&direction.into(), &1.into())
        );
        assert_eq!(record["method"], "vault.v1.Vault/Open");
        assert_eq!(
            (&record["target"], &record["level"]),
            (&"descant.payload".into(), &"DEBUG".into())
        );
        assert!(record.get("cut").is_none() && record.get("error").is_none());
    }
    assert_eq!(records[0]["request_id"], records[1]["request_id"]);
    assert_eq!(records[0]["payload"], records[1]["payload"]);
}

#[tokio::test]
async fn messages_of_streams_are_numbered_in_each_direction() {
    let (lines, _guard) = Lines::json(Level::DEBUG);
    let (_mount, peer) = vault(|gateway| gateway.log_payloads(4096)).await;
    let messages = ["one", "two", "three"].map(|name| envelope(0, &field(1, name.as_bytes())));
    peer.send(Ask::bytes(TALK, messages)).await;
    let records = lines.records("grpc.payload", 6).await;
    for direction in ["request", "response"] {
        let of = records.iter().filter(|record| record["direction"] == direction);
        let told: Vec<_> = of
            .map(|record| (record["number"].as_u64(), record["payload"].as_str()))
            .collect();
        let wanted = [r#"{"name":"one"}"#, r#"{"name":"two"}"#, r#"{"name":"three"}"#];
        let wanted: Vec<_> = (1..).map(Some).zip(wanted.map(Some)).collect();
        assert_eq!(told, wanted, "{direction}");
    }
}

#[tokio::test]
async fn long_messages_are_cut_and_what_is_none_says_why() {
    let (lines, _guard) = Lines::json(Level::DEBUG);
    let (_mount, peer) = vault(|gateway| gateway.log_payloads(12)).await;
    let long = field(1, "é".repeat(60).as_bytes());
    peer.send(Ask::bytes(OPEN, [envelope(0, &long)])).await;
    let broken = [
        field(1, b"name"),
        field(2, &[SECRET.as_bytes(), b"\xff"].concat()),
        vec![0xff],
    ]
    .concat();
    peer.send(Ask::bytes(OPEN, [envelope(0, &broken)])).await;
    let records = lines.records("grpc.payload", 4).await;
    assert_eq!(
        (&records[0]["payload"], &records[0]["cut"]),
        (&r#"{"name":"é"#.into(), &true.into())
    );
    assert_eq!(records[0]["bytes"], long.len());
    assert!(records[2].get("payload").is_none(), "{}", records[2]);
    assert!(
        records[2]["error"]
            .as_str()
            .unwrap()
            .starts_with("not a message of type vault.v1.Key: ")
    );
    assert!(!lines.all().contains(SECRET));
}

#[tokio::test]
async fn messages_of_rest_are_told_as_they_are_bound() {
    let (lines, _guard) = Lines::json(Level::DEBUG);
    let (_mount, peer) = vault(|gateway| gateway.log_payloads(4096).log_fields(fields("code"))).await;
    peer.send(rest(Method::GET, &format!("/v1/vaults/here/keys/{SECRET}?count=7")))
        .await;
    let records = lines.records("grpc.payload", 2).await;
    let wanted = format!(r#"{{"name":"here",{MASKED},"count":"[REDACTED]"}}"#);
    for record in &records {
        assert_eq!(
            (&record["payload"], &record["protocol"]),
            (&wanted.as_str().into(), &"rest".into())
        );
    }
    assert!(!lines.all().contains(SECRET));
}

#[tokio::test]
async fn they_are_told_only_if_that_was_asked_for() {
    let (lines, _guard) = Lines::json(Level::TRACE);
    let (_mount, peer) = vault(|gateway| gateway).await;
    peer.send(Ask::empty(OPEN)).await;
    lines.response().await;
    lines.records("grpc.payload", 0).await;
    // Those of health only with all calls.
    for (calls, wanted) in [(LogCalls::Off, 0), (LogCalls::All, 2)] {
        let (_mount, peer) = vault(|gateway| gateway.log_payloads(64).log_calls(calls)).await;
        peer.send(Ask::empty("/grpc.health.v1.Health/Check")).await;
        lines.records("grpc.payload", wanted).await;
    }
}
