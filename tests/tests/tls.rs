//! TLS: which certificate is shown, who is let in, what is spoken.

use descant::{Gateway, Schema, Server, Tls, TlsBuilder};
use descant_handlers::{Call, Metadata, Reply, Status, from_fn};
use tokio_rustls::client::TlsStream;

use crate::support::{
    Answer, Ask, Peer, Running, SERVER, UNARY,
    certificates::{Authority, Issued},
    framed, run, serve_tls, soon, text,
    text::Text,
};

fn shows(issued: &Issued) -> TlsBuilder {
    Tls::builder().certificate(issued.certificate.clone(), issued.key.clone())
}

/// What a server says of who calls it: how many certificates it was shown, and which comes first.
async fn who(tls: TlsBuilder) -> Running {
    let schema = Schema::load(concat!(env!("CARGO_MANIFEST_DIR"), "/suites/protos")).unwrap();
    let handler = from_fn(|call: Call| async move {
        let identity = call.peer.tls.clone().ok_or_else(|| Status::internal("no TLS"))?;
        let mut metadata = Metadata::new();
        metadata
            .insert("certificates", &identity.certificates.len().to_string())
            .unwrap();
        if let Some(own) = identity.certificates.first() {
            metadata.insert_bin("own-bin", own).unwrap();
        }
        Ok(Reply::new(call.messages).with_metadata(metadata))
    });
    let gateway = Gateway::builder(schema)
        .route("descant.suite.v1.Shapes/Unary", handler)
        .build()
        .unwrap();
    run(
        Server::builder(gateway).listen_tls("127.0.0.1:0", &tls.build().unwrap()),
        |_| {},
    )
    .await
}

async fn call<T>(stream: TlsStream<T>) -> Answer
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    Peer::over(stream).await.send(Ask::one(UNARY, &text("hi"))).await
}

#[tokio::test]
async fn alpn_says_what_is_spoken_and_else_the_first_bytes() {
    let authority = Authority::new();
    let server = serve_tls(&shows(&authority.issue("descant.test")).build().unwrap(), |_| {}).await;
    for (offered, agreed) in [
        (&["h2"][..], Some(&b"h2"[..])),
        (&["http/1.1", "h2"], Some(b"h2")),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let connect = || authority.client().protocols(offered).connect(server.address);
        let stream = connect().await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        if agreed != Some(b"http/1.1") {
            assert_eq!(call(stream).await.code(), Some(0));
        }
        if agreed != Some(b"h2") {
            let mut peer = Text(connect().await.unwrap());
            peer.send("HEAD / HTTP/1.1\r\nhost: descant.test\r\nconnection: close\r\n\r\n")
                .await;
            let said = peer.rest().await;
            assert!(said.starts_with(b"HTTP/1.1 "), "{}", said.escape_ascii());
        }
    }
    // A protocol that is not spoken here is refused in the handshake. RFC 7301, section 3.2.
    let error = authority
        .client()
        .protocols(&["spdy/3"])
        .connect(server.address)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[tokio::test]
async fn the_certificate_is_the_one_asked_for() {
    let authority = Authority::new();
    let (first, second) = (authority.issue("descant.test"), authority.issue("*.second.test"));
    let tls = shows(&first)
        .certificate(second.certificate.clone(), second.key.clone())
        .build()
        .unwrap();
    let server = serve_tls(&tls, |_| {}).await;
    for (name, shown) in [
        ("descant.test", Some(&first)),
        ("a.second.test", Some(&second)),
        ("third.test", None),
    ] {
        let connected = authority.client().name(name).connect(server.address).await;
        match shown {
            Some(shown) => {
                let stream = connected.unwrap();
                assert_eq!(
                    stream.get_ref().1.peer_certificates().unwrap()[0],
                    shown.der(),
                    "{name}"
                );
            }
            // The first is shown, which this client does not take for the third.
            None => assert!(connected.unwrap_err().to_string().contains("descant.test")),
        }
    }
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let own = clients.issue("client");
    let server = who(shows(&authority.issue("descant.test")).client_ca(clients.pem.clone())).await;
    let connected = authority.client().shows(&own).connect(server.address).await.unwrap();
    let answer = call(connected).await;
    assert_eq!(answer.headers["certificates"], "1");
    let shown = descant_handlers::Metadata::from_headers(answer.headers)
        .get_bin("own-bin")
        .unwrap()
        .unwrap();
    assert_eq!(&shown[..], &own.der()[..]);

    for client in [authority.client(), authority.client().shows(&strangers.issue("client"))] {
        let refused = async {
            let stream = client.connect(server.address).await?;
            let mut text = Text(stream);
            text.send("").await;
            tokio::io::AsyncReadExt::read_u8(&mut text.0).await
        };
        let error = soon(refused).await.unwrap_err().to_string();
        assert!(
            error.contains("CertificateRequired") || error.contains("UnknownCA"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn certificates_of_clients_may_be_a_matter_of_choice() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let tls = shows(&authority.issue("descant.test"))
        .client_ca(clients.pem.clone())
        .client_optional(true);
    let server = who(tls).await;
    let without = authority.client().connect(server.address).await.unwrap();
    assert_eq!(call(without).await.headers["certificates"], "0");
    let with = authority
        .client()
        .shows(&clients.issue("client"))
        .connect(server.address)
        .await
        .unwrap();
    assert_eq!(call(with).await.headers["certificates"], "1");
}

#[tokio::test]
async fn large_replies_arrive_whole() {
    let authority = Authority::new();
    let server = serve_tls(&shows(&authority.issue("descant.test")).build().unwrap(), |_| {}).await;
    let peer = Peer::over(authority.client().connect(server.address).await.unwrap()).await;
    let ask = descant_tests::messages::Ask {
        text: "x".repeat(1000),
        count: 2000,
        ..Default::default()
    };
    let answer = peer.send(Ask::bytes(SERVER, [framed(&ask)])).await;
    assert_eq!(answer.code(), Some(0));
    assert_eq!(answer.envelopes().len(), 2000);
}

#[tokio::test]
async fn a_reload_shows_the_new_certificate_to_new_connections() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = std::env::temp_dir().join(format!("descant-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let put = |issued: &Issued| {
        std::fs::write(folder.join("crt"), &issued.certificate).unwrap();
        std::fs::write(folder.join("key"), &issued.key).unwrap();
    };
    put(&old.issue("descant.test"));
    let tls = Tls::builder()
        .certificate_files(folder.join("crt"), folder.join("key"))
        .build()
        .unwrap();
    let server = serve_tls(&tls, |_| {}).await;
    let open = Peer::over(old.client().connect(server.address).await.unwrap()).await;
    put(&new.issue("descant.test"));
    tls.reload().unwrap();
    new.client().connect(server.address).await.unwrap();
    old.client().connect(server.address).await.unwrap_err();
    assert_eq!(open.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
    std::fs::write(folder.join("key"), "").unwrap();
    tls.reload().unwrap_err();
    new.client().connect(server.address).await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
