//! Peers that speak what is not spoken on their port.

use std::time::{Duration, Instant};

use descant::Tls;

use crate::support::{certificates::Authority, raw::Raw, serve, serve_tls, text::Text};

fn tls() -> Tls {
    let issued = Authority::new().issue("descant.test");
    Tls::builder()
        .certificate(issued.certificate, issued.key)
        .build()
        .unwrap()
}

#[tokio::test]
async fn tls_on_a_plain_port_gets_an_alert() {
    let server = serve(|_| {}).await;
    let error = Authority::new().client().connect(server.address).await.unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
}

#[tokio::test]
async fn plain_http_1_on_a_tls_port_is_told_to_use_https() {
    let server = serve_tls(&tls(), |_| {}).await;
    let mut peer = Text::connect(server.address).await;
    // In pieces: the answer must not be lost to what is still on its way.
    peer.send("POST / HTTP/1.1\r\n").await;
    peer.send("host: descant.test\r\ncontent-length: 10000\r\n\r\n").await;
    peer.send("x".repeat(10_000)).await;
    let said = String::from_utf8(peer.rest().await).unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    assert!(body.contains("this port speaks TLS: use https://"), "{body}");
}

#[tokio::test]
async fn plain_http_2_on_a_tls_port_gets_a_goaway() {
    let server = serve_tls(&tls(), |_| {}).await;
    let mut peer = Raw::connect(server.address).await;
    let goaway = peer.next().await.unwrap();
    assert_eq!(goaway.kind, 7);
    // INADEQUATE_SECURITY.
    assert_eq!(goaway.payload[..8], [0, 0, 0, 0, 0, 0, 0, 12]);
    assert_eq!(&goaway.payload[8..], b"this port speaks TLS: use https://");
    assert!(peer.next().await.is_none());
}

#[tokio::test]
async fn junk_is_closed_without_a_word() {
    let (plain, secret) = (serve(|_| {}).await, serve_tls(&tls(), |_| {}).await);
    for address in [plain.address, secret.address] {
        for junk in [
            &b"SSH-2.0-OpenSSH_9.7\r\n"[..],
            b"\0\0\0\0",
            &[0x80, 0x2e, 1, 0, 2],
            &[0xff; 300],
        ] {
            let mut peer = Text::connect(address).await;
            let began = Instant::now();
            peer.send(junk).await;
            tokio::io::AsyncWriteExt::shutdown(&mut peer.0).await.unwrap();
            assert_eq!(peer.rest().await, b"", "{}", junk.escape_ascii());
            assert!(began.elapsed() < Duration::from_secs(5));
        }
    }
    // A handshake that is none gets an alert, as TLS asks for.
    let mut peer = Text::connect(secret.address).await;
    peer.send([22, 3, 1, 0, 5, 1, 0, 0, 1, 0xff]).await;
    assert_eq!(peer.rest().await[..1], [21]);
}

#[tokio::test]
async fn silence_has_its_time() {
    let short = Duration::from_millis(300);
    let plain = serve(|limits| limits.preface = short).await;
    let secret = serve_tls(&tls(), |limits| limits.tls_handshake = short).await;
    for (address, said) in [
        (plain.address, &b""[..]),
        (plain.address, b"PR"),
        (secret.address, b""),
        (secret.address, &[22, 3, 1]),
    ] {
        let mut peer = Text::connect(address).await;
        let began = Instant::now();
        peer.send(said).await;
        assert_eq!(peer.rest().await, b"", "{}", said.escape_ascii());
        assert!(began.elapsed() >= short && began.elapsed() < Duration::from_secs(5));
    }
}
