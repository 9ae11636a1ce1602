//! Upstreams over TLS: who is trusted, and what those who are not are told.

use std::{fs, net::SocketAddr, sync::Arc};

use descant::Tls;
use descant_handlers::{Handler, Proxy, UpstreamProtocol, tls::ClientTls};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, pem::PemObject},
        sign::{CertifiedKey, SingleCertAndKey},
    },
};

use super::{babbler, proxy, upstream::Asked};
use crate::support::{
    Answer, Ask, Running, UNARY,
    certificates::{Authority, Issued},
    serve, serve_tls, text,
};

const NAME: &str = "descant.test";

pub(super) async fn upstream(shown: &Issued) -> Running {
    let tls = Tls::builder().certificate(shown.certificate.clone(), shown.key.clone());
    serve_tls(&tls.build().unwrap(), |_| {}).await
}

async fn asked(upstream: SocketAddr, tls: ClientTls) -> Answer {
    let to = Proxy::to(&format!("https://{upstream}")).unwrap().tls(tls).unwrap();
    through(to).await
}

async fn through(to: Proxy) -> Answer {
    proxy(to).await.connect().await.send(Ask::one(UNARY, &text("hi"))).await
}

fn refused(answer: &Answer, why: &str) {
    assert_eq!(answer.code(), Some(14), "{answer:?}");
    let reason = answer.reason();
    assert!(reason.starts_with("cannot connect to http"), "{reason}");
    assert!(reason.contains(why), "{why}: {reason}");
}

fn trusting(authority: &Authority) -> ClientTls {
    ClientTls::new().ca(authority.pem.clone()).server_name(NAME)
}

#[tokio::test]
async fn an_upstream_is_trusted_by_authority_and_name() {
    let authority = Authority::new();
    let upstream = upstream(&authority.issue(NAME)).await;
    let answer = asked(upstream.address, trusting(&authority)).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
    // Without a name it is that of the URL, which this certificate does not have.
    let nameless = ClientTls::new().ca(authority.pem.clone());
    refused(&asked(upstream.address, nameless).await, "not valid for name");
    let other = trusting(&authority).server_name("other.test");
    refused(&asked(upstream.address, other).await, "not valid for name");
    // One that requests are to say takes its place.
    let said = |name: &str| {
        let to = Proxy::to(&format!("https://{}", upstream.address)).unwrap();
        to.authority(&name.parse().unwrap())
    };
    let nameless = || ClientTls::new().ca(authority.pem.clone());
    let named = through(said(&format!("{NAME}:8443")).tls(nameless()).unwrap()).await;
    assert_eq!(named.code(), Some(0), "{named:?}");
    let other = through(said("other.test").tls(nameless()).unwrap()).await;
    refused(&other, "not valid for name");
    let named = through(said("other.test").tls(trusting(&authority)).unwrap()).await;
    assert_eq!(named.code(), Some(0), "{named:?}");
    let stranger = trusting(&Authority::new());
    let nobody = "its certificate is not to be trusted: nobody who is trusted has signed it";
    refused(&asked(upstream.address, stranger).await, nobody);
    // As is what the platform trusts.
    let to = Proxy::to(&format!("https://{}", upstream.address)).unwrap();
    if to.check(&[]).is_ok() {
        refused(&through(to).await, "its certificate is not to be trusted");
    }
    let careless = ClientTls::new().insecure(true);
    assert_eq!(asked(upstream.address, careless).await.code(), Some(0));
}

#[tokio::test]
async fn the_version_of_http_may_be_said_before_or_after() {
    let authority = Authority::new();
    let upstream = upstream(&authority.issue(NAME)).await;
    let to = || {
        let to = Proxy::to(&format!("https://{}", upstream.address)).unwrap();
        to.protocol(UpstreamProtocol::Connect)
    };
    let before = to().http1().tls(trusting(&authority)).unwrap();
    let after = to().tls(trusting(&authority)).unwrap().http1();
    for to in [before, after] {
        let answer = through(to).await;
        assert_eq!(answer.code(), Some(0), "{answer:?}");
    }
}

#[tokio::test]
async fn an_address_may_be_the_name() {
    let authority = Authority::new();
    let upstream = upstream(&authority.issue("127.0.0.1")).await;
    let answer = asked(upstream.address, ClientTls::new().ca(authority.pem.clone())).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
}

#[tokio::test]
async fn a_certificate_that_ran_out_is_told() {
    let authority = Authority::new();
    let upstream = upstream(&authority.issue_expired(NAME)).await;
    refused(&asked(upstream.address, trusting(&authority)).await, "expired");
}

#[tokio::test]
async fn an_upstream_may_ask_for_a_certificate() {
    let authority = Authority::new();
    let shown = authority.issue(NAME);
    let tls = Tls::builder()
        .certificate(shown.certificate, shown.key)
        .client_ca(authority.pem.clone());
    let upstream = serve_tls(&tls.build().unwrap(), |_| {}).await;
    let nothing = asked(upstream.address, trusting(&authority)).await;
    refused(&nothing, "it asks for a client certificate, and none was shown");
    let own = authority.issue("gateway.test");
    let known = trusting(&authority).certificate(own.certificate, own.key);
    assert_eq!(asked(upstream.address, known).await.code(), Some(0));
    let strange = Authority::new().issue("gateway.test");
    let unknown = trusting(&authority).certificate(strange.certificate, strange.key);
    refused(&asked(upstream.address, unknown).await, "it refuses TLS with the alert");
}

#[tokio::test]
async fn plain_text_and_tls_are_told_apart() {
    let authority = Authority::new();
    let plain = serve(|_| {}).await;
    refused(&asked(plain.address, trusting(&authority)).await, "it speaks no TLS");
    let mute = babbler(b"").await;
    refused(
        &asked(mute, trusting(&authority)).await,
        "it hangs up on a TLS handshake",
    );
    let secret = upstream(&authority.issue(NAME)).await;
    let answer = through(Proxy::to(&format!("http://{}", secret.address)).unwrap()).await;
    refused(&answer, "speaks TLS");
    // Others than ours send an alert.
    let alert = babbler(b"\x15\x03\x01\0\x02\x02\x46").await;
    let answer = through(Proxy::to(&format!("http://{alert}")).unwrap()).await;
    refused(&answer, "it speaks TLS; write https:// if that is meant");
    let old = babbler(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let answer = through(Proxy::to(&format!("http://{old}")).unwrap()).await;
    refused(&answer, "it answers in HTTP/1.1, and gRPC needs HTTP/2");
}

#[tokio::test]
async fn http2_has_to_be_chosen() {
    let authority = Authority::new();
    for protocols in [&[][..], &[b"http/1.1".to_vec()]] {
        let upstream = speaking(&authority.issue(NAME), protocols).await;
        refused(
            &asked(upstream, trusting(&authority)).await,
            "it does not choose HTTP/2",
        );
    }
}

/// As servers do that miss a certificate, and say so with no alert.
#[tokio::test]
async fn who_hangs_up_behind_the_handshake_may_ask_for_a_certificate() {
    let authority = Authority::new();
    let upstream = speaking(&authority.issue(NAME), &[b"h2".to_vec()]).await;
    let why = "it hung up behind the TLS handshake: it may ask for a client certificate";
    refused(&asked(upstream, trusting(&authority)).await, why);
}

/// A server that takes handshakes, knows these protocols, and hangs up.
async fn speaking(shown: &Issued, protocols: &[Vec<u8>]) -> SocketAddr {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![shown.der()], key);
    let mut config = config.unwrap();
    config.alpn_protocols = protocols.to_vec();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let _ = acceptor.accept(socket).await;
        }
    });
    address
}

/// What a signature is worth that is too weak to be checked.
#[tokio::test]
async fn who_trusts_anybody_asks_for_no_sound_signature() {
    let authority = Authority::new();
    let (shown, other) = (authority.issue(NAME), authority.issue(NAME));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_slice(other.key.as_bytes()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let wrong = SingleCertAndKey::from(CertifiedKey::new(vec![shown.der()], key));
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.unwrap().with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::new(wrong));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(socket) = acceptor.accept(socket).await else {
                continue;
            };
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(socket).await.unwrap();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    Asked { request, respond }.answer(&[0; 5][..], "0");
                }
            });
        }
    });
    refused(&asked(address, trusting(&authority)).await, "too weak to be checked");
    let careless = ClientTls::new().insecure(true);
    assert_eq!(asked(address, careless).await.code(), Some(0));
}

#[tokio::test]
async fn files_are_read_again_when_asked_to() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, &old.pem).unwrap();
    let upstream = upstream(&new.issue(NAME)).await;
    let to = Proxy::to(&format!("https://{}", upstream.address)).unwrap();
    let to = to.tls(ClientTls::new().ca_file(&file).server_name(NAME)).unwrap();
    let front = proxy(to.clone()).await;
    let peer = front.connect().await;
    refused(&peer.send(Ask::empty(UNARY)).await, "nobody who is trusted");
    fs::write(&file, "nothing").unwrap();
    let error = to.reload().unwrap_err().to_string();
    assert!(
        error.contains("ca.pem") && error.starts_with("upstream https://"),
        "{error}"
    );
    fs::write(&file, &new.pem).unwrap();
    to.reload().unwrap();
    let trusted = async {
        while peer.send(Ask::empty(UNARY)).await.code() != Some(0) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    crate::support::soon(trusted).await;
}

#[test]
fn what_cannot_be_is_refused_when_it_is_built() {
    let to = || Proxy::to("https://orders").unwrap();
    for (tls, why) in [
        (ClientTls::new().ca("none"), "the CA: there is no certificate in it"),
        (ClientTls::new().insecure(true).server_name("a b"), "no name"),
        (
            ClientTls::new().insecure(true).certificate("a", "b"),
            "the client certificate: ",
        ),
    ] {
        let error = to().tls(tls).unwrap_err().to_string();
        assert!(error.starts_with("upstream https://orders: TLS: "), "{error}");
        assert!(error.contains(why), "{why}: {error}");
    }
}
