//! Two records a call, with the fields that were asked for.

use std::time::Duration;

use descant::{LogCalls, LogField, Mount, Schema, Tls};
use http::{Method, StatusCode};
use tokio_rustls::rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use tracing::Level;

use super::{Lines, OPEN, SECRET, TALK, VAULT, fields, rest, vault};
use crate::support::{Ask, Peer, certificates::Authority, soon};

const ALL: &str = "method,service,protocol,request_id,trace_id,peer,tls_fingerprint,user_agent,http_method,http_path,http_route,timeout_ms,code,\
                   status_message,http_status,duration_ms,time_left_ms,request_messages,request_bytes,response_messages,response_bytes,\
                   metadata.x-tenant,metadata.blob-bin,metadata.authorization,response_metadata.kept-in,trailer.seal-bin";

#[tokio::test]
async fn every_field_is_what_it_says() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let (_mount, peer) = vault(|gateway| gateway.log_fields(fields(ALL))).await;
    let ask = Ask::empty(OPEN)
        .header("user-agent", "test/1")
        .header("x-tenant", "acme")
        .header("x-tenant", "zenith")
        .header("blob-bin", "AP8")
        .header("grpc-timeout", "60S");
    let answer = peer.send(ask).await;
    let record = lines.response().await;
    let came = lines.records("grpc.request", 1).await.remove(0);
    for (field, wanted) in [
        ("method", "vault.v1.Vault/Open"),
        ("service", "vault.v1.Vault"),
        ("protocol", "grpc"),
        ("request_id", answer.headers["x-request-id"].to_str().unwrap()),
        ("user_agent", "test/1"),
        ("http_method", "POST"),
        ("http_path", OPEN),
        ("http_route", OPEN),
        ("metadata.x-tenant", "acme, zenith"),
        ("metadata.blob-bin", "AP8"),
        ("target", "descant.grpc"),
        ("level", "INFO"),
    ] {
        assert_eq!(
            (&came[field], &record[field]),
            (&wanted.into(), &wanted.into()),
            "{field}"
        );
    }
    for record in [&came, &record] {
        assert!(record["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{record}");
        let allowed = record["timeout_ms"].as_f64().unwrap();
        assert!((59_000.0..60_001.0).contains(&allowed), "{record}");
        // What has no value has no place.
        assert!(record.get("tls_fingerprint").is_none() && record.get("metadata.authorization").is_none());
    }
    for field in ["code", "http_status", "duration_ms", "response_metadata.kept-in"] {
        assert!(came.get(field).is_none(), "{field}: {came}");
    }
    assert_eq!(record["code"], "OK");
    assert_eq!(record["http_status"], 200);
    assert_eq!(record["response_metadata.kept-in"], "the cellar");
    assert_eq!(
        (&record["request_messages"], &record["request_bytes"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        (&record["response_messages"], &record["response_bytes"]),
        (&1.into(), &0.into())
    );
    let (took, left) = (
        record["duration_ms"].as_f64().unwrap(),
        record["time_left_ms"].as_f64().unwrap(),
    );
    assert!(took > 0.0 && (50_000.0..60_000.0).contains(&left), "{record}");
    assert!(record.get("status_message").is_none() && record.get("trailer.seal-bin").is_none());
}

#[tokio::test]
async fn how_a_call_fails_is_told_with_what_comes_last() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let (_mount, peer) = vault(|gateway| gateway.log_fields(fields(ALL))).await;
    peer.send(Ask::empty(OPEN).header("fails", "yes")).await;
    let record = lines.response().await;
    assert_eq!(record["code"], "NOT_FOUND");
    assert_eq!(
        record["status_message"], "no such\\nkey",
        "control characters are escaped"
    );
    assert_eq!(record["trailer.seal-bin"], "AP8");
    assert_eq!(record["http_status"], 200);
    let path = "/v1/vaults/here";
    peer.send(rest(Method::GET, path).header("fails", "yes")).await;
    let record = lines.records("grpc.response", 2).await.remove(1);
    assert_eq!(
        (&record["http_status"], &record["protocol"]),
        (&404.into(), &"rest".into())
    );
    assert_eq!(
        (&record["http_path"], &record["http_route"]),
        (&path.into(), &"/v1/vaults/{name}".into())
    );
    // A stream, whose deadline passes.
    peer.send(Ask::empty(TALK).header("waits", "yes").header("grpc-timeout", "20m"))
        .await;
    let record = lines.records("grpc.response", 3).await.remove(2);
    assert_eq!(record["code"], "DEADLINE_EXCEEDED");
    assert!(record["time_left_ms"].as_f64().unwrap() <= 0.0, "{record}");
    assert_eq!(record["status_message"], "the deadline of the call has passed");
}

#[tokio::test]
async fn one_line_has_the_fields_in_their_order_and_no_control_characters() {
    let (lines, _guard) = Lines::text(Level::INFO);
    let (_mount, peer) = vault(|gateway| {
        let chosen = "code,method,metadata.x-note,metadata.cookie,code";
        gateway.log_fields(fields(chosen))
    })
    .await;
    let long = "é".repeat(4000);
    let ask = Ask::empty(OPEN)
        .header("x-note", "a\tb\u{9b}31m\u{202e}\u{2028}c")
        .header("cookie", &long)
        .header("authorization", format!("Bearer {SECRET}"));
    peer.send(ask).await;
    peer.send(Ask::empty(OPEN)).await;
    crate::support::soon(async {
        while lines.all().matches("grpc.response").count() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let all = lines.all();
    assert!(!all.contains(SECRET), "{all}");
    let response = all.lines().find(|line| line.contains("grpc.response")).unwrap();
    let begins = "descant.grpc: grpc.response code=\"OK\" method=\"vault.v1.Vault/Open\" metadata.x-note=\"";
    assert!(response.contains(begins), "{response}");
    assert!(!response.contains(|letter: char| letter.is_control() || letter == '\u{202e}' || letter == '\u{2028}'));
    assert!(response.ends_with("...\""), "{response}");
    assert!(response.len() < 1000, "{}", response.len());
    assert_eq!(all.lines().count(), 4, "{all}");
}

#[tokio::test]
async fn requests_that_become_no_call_have_an_id_too() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let (_mount, peer) = vault(|gateway| gateway.log_fields(fields(ALL)).keep_request_ids(true)).await;
    let connect = |content_type: &str| rest(Method::POST, OPEN).header("content-type", content_type);
    let asks = [
        Ask::empty("/no.Such/Method"),
        Ask::empty(OPEN).header("grpc-encoding", "morse"),
        Ask::empty("/no.Such/Method")
            .without("content-type")
            .header("content-type", "application/grpc-web+proto"),
        connect("application/json").header("connect-timeout-ms", "soon"),
        connect("text/plain"),
        rest(Method::GET, "/nothing/here"),
        rest(Method::DELETE, "/v1/keys"),
    ];
    let mut ids = Vec::new();
    for ask in asks {
        let answer = peer.send(ask).await;
        ids.push(answer.headers["x-request-id"].to_str().unwrap().to_owned());
        let records = lines.records("grpc.response", ids.len()).await;
        let record = records.last().unwrap();
        assert_eq!(record["request_id"], *ids.last().unwrap());
        assert_eq!(record["http_status"], answer.status.as_u16());
        assert!(
            record["code"] != "OK" && record["status_message"].is_string(),
            "{record}"
        );
    }
    assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
    let given = "4bf92f3577b34da6a3ce929d0e0e4736";
    let answer = peer
        .send(Ask::empty("/no.Such/Method").header("x-request-id", given))
        .await;
    assert_eq!(answer.headers["x-request-id"], given);
    // What asks for no call gets none: the methods of a path, for instance.
    let options = peer.send(rest(Method::OPTIONS, "/v1/keys")).await;
    assert_eq!(
        (options.status, options.headers.get("x-request-id")),
        (StatusCode::NO_CONTENT, None)
    );
}

#[tokio::test]
async fn ids_are_not_sent_where_they_are_not_to_be() {
    let (_mount, peer) = vault(|gateway| gateway.send_request_ids(false)).await;
    let answer = peer.send(Ask::empty("/no.Such/Method")).await;
    assert_eq!(answer.headers.get("x-request-id"), None);
}

#[tokio::test]
async fn paths_and_messages_do_not_give_away_what_is_not_for_logs() {
    let (lines, _guard) = Lines::json(Level::TRACE);
    let (_mount, peer) = vault(|gateway| gateway.log_fields(fields(ALL))).await;
    let secret = format!("/v1/vaults/here/keys/{SECRET}?token={SECRET}&pin={SECRET}&count={SECRET}");
    let bad_query = format!("/v1/vaults/here?count={SECRET}&token={SECRET}");
    let misspelt = format!("/v1/vaults/here/key/{SECRET}");
    let other_method = format!("/v1/vaults/here/keys/{SECRET}");
    let body = format!(r#"{{"count":"{SECRET}"}}"#);
    let mut asks: Vec<Ask> = [&secret, &bad_query, &misspelt]
        .map(|path| rest(Method::GET, path))
        .into();
    asks.push(rest(Method::DELETE, &other_method));
    asks.push(Ask::empty(&other_method));
    let count = asks.len() + 1;
    for ask in asks {
        peer.send(ask).await;
    }
    let posted = Ask::bytes("/v1/keys", [body.clone()]).without("content-type");
    peer.send(posted.header("content-type", "application/json")).await;
    let records = lines.records("grpc.response", count).await;
    let all = lines.all();
    assert!(!all.contains(SECRET), "{all}");
    assert_eq!(records[0]["http_path"], "/v1/vaults/{name}/keys/{token}");
    assert_eq!(records[1]["http_path"], "/v1/vaults/here");
    for record in &records[2..5] {
        assert_eq!(record["http_path"], "[REDACTED]");
    }
    let misread = records.last().unwrap();
    assert_eq!(misread["code"], "INVALID_ARGUMENT");
    assert_eq!(misread["status_message"], "[REDACTED]");
    // Streams as well: JSON that is no message of that type.
    let talk = Ask::bytes(TALK, [crate::support::envelope(0, body.as_bytes())]).without("content-type");
    peer.send(talk.header("content-type", "application/grpc+json")).await;
    let record = lines.records("grpc.response", count + 1).await.pop().unwrap();
    assert_eq!(
        (&record["code"], &record["status_message"]),
        (&"INVALID_ARGUMENT".into(), &"[REDACTED]".into())
    );
    assert!(!lines.all().contains(SECRET));
}

#[tokio::test]
async fn a_request_without_secrets_is_told_what_is_wrong_in_the_log_too() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let (_mount, peer) = vault(|gateway| gateway.log_fields(fields(ALL))).await;
    peer.send(rest(Method::GET, "/v1/words/emma?wrod=x")).await;
    let record = lines.response().await;
    assert_eq!(record["http_path"], "/v1/words/emma", "never the query");
    let message = record["status_message"].as_str().unwrap();
    assert!(message.contains("wrod"), "{message}");
}

#[tokio::test]
async fn nothing_is_written_for_who_does_not_listen() {
    let (lines, _guard) = Lines::json(Level::WARN);
    let (_mount, peer) = vault(|gateway| gateway.log_fields(fields(ALL)).log_calls(LogCalls::All)).await;
    assert_eq!(peer.send(Ask::empty(OPEN)).await.code(), Some(0));
    assert_eq!(lines.all(), "");
}

#[tokio::test]
async fn mounts_with_fields_of_their_own_share_a_port() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let (_first, peer) = vault(|gateway| gateway.log_fields([LogField::Code])).await;
    let (_second, other) = vault(|gateway| gateway.log_fields([LogField::Code, LogField::Method])).await;
    for (peer, has) in [(peer, false), (other, true)] {
        peer.send(Ask::empty(OPEN)).await;
        let records = lines.records("grpc.response", 1 + usize::from(has)).await;
        assert_eq!(records.last().unwrap().get("method").is_some(), has);
    }
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let [authority, clients] = [(), ()].map(|()| Authority::new());
    let issued = authority.issue("descant.test");
    let tls = Tls::builder()
        .certificate(issued.certificate, issued.key)
        .client_ca(clients.pem.clone());
    let mount = Mount::builder(Schema::load(VAULT).unwrap())
        .host("127.0.0.1")
        .port(0)
        .tls(tls.build().unwrap());
    let mount = mount
        .gateway(|gateway| gateway.log_fields(fields(ALL)))
        .start()
        .await
        .unwrap();
    let own = clients.issue("client.test");
    let stream = authority
        .client()
        .shows(&own)
        .connect(mount.addresses()[0])
        .await
        .unwrap();
    Peer::over(stream).await.send(Ask::empty(OPEN)).await;
    let record = lines.response().await;
    let sha256 = TLS13_AES_128_GCM_SHA256
        .tls13()
        .unwrap()
        .common
        .hash_provider
        .hash(&own.der());
    let told = record["tls_fingerprint"].as_str().unwrap();
    let bytes = (0..told.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&told[at..at + 2], 16).unwrap());
    assert!(bytes.eq(sha256.as_ref().iter().copied()), "{told}");
}

#[tokio::test]
async fn a_call_that_outlives_a_stop_is_unavailable() {
    let (lines, _guard) = Lines::json(Level::INFO);
    let (mount, peer) = vault(|gateway| gateway.log_fields(fields("code,status_message,http_status"))).await;
    let mut waiting = peer.open(Ask::empty(OPEN).header("waits", "yes")).await;
    waiting.body.send_data(vec![0; 5].into(), true).unwrap();
    lines.records("grpc.request", 1).await;
    mount.stop_within(Duration::from_millis(50)).await.unwrap();
    let record = lines.response().await;
    assert_eq!(record["code"], "UNAVAILABLE");
    let message = record["status_message"].as_str().unwrap();
    assert!(message.starts_with("the server stops"), "{message}");
    assert_eq!(record["http_status"], 200);
    assert_eq!(soon(waiting.answer()).await.reason(), message);
}
