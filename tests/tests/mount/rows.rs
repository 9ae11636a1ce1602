//! What a mount can be told.

use std::{fs, sync::Arc, time::Duration};

use descant::{Keepalive, Limits, Metrics, Mount, Rate, Tls, prometheus::Registry};
use descant_handlers::{
    Call, Metadata, Reply, RequestId, Status, from_fn,
    layer::{self, Next},
};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, pem::PemObject},
};

use super::{BOOKSHOP, CATALOG, SHAPES, SUITE, address, answers, bare, builder, call, connect, health, listed, schema};
use crate::support::{Answer, Ask, BIDI, Peer, UNARY, certificates::Authority, text};

const GET_BOOK: &str = "/bookshop.v1.Catalog/GetBook";

#[test]
fn it_is_on_every_interface_and_port_50051_unless_told_otherwise() {
    let mount = Mount::builder(schema(BOOKSHOP)).build().unwrap();
    assert!(format!("{mount:?}").contains("[::]:50051"), "{mount:?}");
    let name = mount.name();
    assert!(name.contains("rows.rs:"), "{name}");
}

#[tokio::test]
async fn a_host_may_be_a_name_or_an_address() {
    for host in ["localhost", "127.0.0.1", "[::]", "::"] {
        let mount = builder().host(host).start().await.unwrap();
        let port = mount.port().unwrap();
        assert!(mount.addresses().iter().all(|address| address.port() == port));
        let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let answer = Peer::over(socket).await.send(Ask::one(UNARY, &text("hi"))).await;
        assert_eq!(answer.code(), Some(0), "{host}");
    }
}

/// What the application lends.
struct Shop(&'static str);

/// Says which state it has, and how the call is called.
async fn tells(call: Call) -> Result<Reply, Status> {
    let mut metadata = Metadata::new();
    metadata.insert("state", call.state::<Shop>()?.0)?;
    metadata.insert("known-as", &call.request_id.to_string())?;
    Ok(Reply::new(call.messages).with_metadata(metadata))
}

/// The same call by each protocol.
fn by_every_protocol() -> Vec<(&'static str, Ask)> {
    let by = |content_type: &str, body: &'static [u8]| {
        let ask = Ask::bytes(GET_BOOK, [body]).without("content-type");
        ask.header("content-type", content_type)
    };
    let page = Ask::bytes("/v1/books/emma", [&b""[..]])
        .method(http::Method::GET)
        .without("content-type");
    vec![
        ("gRPC", Ask::empty(GET_BOOK)),
        ("gRPC-Web", by("application/grpc-web+proto", &[0; 5])),
        (
            "Connect",
            by("application/json", b"{}").header("connect-protocol-version", "1"),
        ),
        ("REST", page),
    ]
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn handlers_see_the_application_and_the_id_that_the_caller_gets() {
    const GIVEN: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    for keep in [false, true] {
        let mount = bare(BOOKSHOP).route(CATALOG, from_fn(tells)).state(Shop("the corner"));
        let mount = mount.gateway(|gateway| gateway.keep_request_ids(keep));
        let mount = mount.start().await.unwrap();
        for (protocol, ask) in by_every_protocol() {
            let answer = call(&mount, ask.header("x-request-id", GIVEN)).await;
            assert_eq!(answer.status, 200, "{protocol}");
            assert_eq!(header(&answer, "state"), "the corner", "{protocol}");
            let id = header(&answer, "x-request-id");
            assert!(id.parse::<RequestId>().is_ok(), "{protocol}: {id}");
            assert_eq!(header(&answer, "known-as"), id, "{protocol}");
            assert_eq!(id == GIVEN, keep, "{protocol}");
        }
        // What is none is not kept.
        for given in ["42", "4bf92f3577b34da6a3ce929d0e0e473g", ""] {
            let answer = call(&mount, Ask::empty(GET_BOOK).header("x-request-id", given)).await;
            assert_eq!((header(&answer, "x-request-id").len(), answer.code()), (32, Some(0)));
        }
    }
}

#[tokio::test]
async fn errors_carry_the_id_as_well() {
    let fails = from_fn(|call: Call| async move { Err(Status::not_found(call.request_id.to_string())) });
    let mount = bare(BOOKSHOP).route(CATALOG, fails).start().await.unwrap();
    for (protocol, ask) in by_every_protocol() {
        let answer = call(&mount, ask).await;
        let id = header(&answer, "x-request-id");
        assert_eq!(id.len(), 32, "{protocol}");
        let told = answer.reason().contains(id) || String::from_utf8_lossy(&answer.body).contains(id);
        assert!(told, "{protocol}: {answer:?}");
    }
}

#[tokio::test]
async fn tls_comes_from_files_or_bytes_or_is_ready() {
    let authority = Authority::new();
    let issued = authority.issue("descant.test");
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("server.crt"), folder.path().join("server.key"));
    fs::write(&certificate, &issued.certificate).unwrap();
    fs::write(&key, &issued.key).unwrap();
    let mut ready = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![issued.der()],
            PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap(),
        )
        .unwrap();
    ready.alpn_protocols = vec![b"h2".to_vec()];
    for tls in [
        Tls::builder().certificate_files(certificate, key).build().unwrap(),
        Tls::builder()
            .certificate(issued.certificate.clone(), issued.key.clone())
            .build()
            .unwrap(),
        Tls::from(Arc::new(ready)),
    ] {
        let mount = builder().tls(tls).start().await.unwrap();
        let stream = authority.client().connect(address(&mount)).await.unwrap();
        let answer = Peer::over(stream).await.send(Ask::one(UNARY, &text("hi"))).await;
        assert_eq!(answer.code(), Some(0));
    }
    let error = Tls::builder().certificate("no PEM", "none").build().unwrap_err();
    assert!(error.is_tls(), "{error}");
}

#[tokio::test]
async fn reflection_is_on_for_all_services_or_for_those_that_are_named() {
    let mount = builder().start().await.unwrap();
    let names = listed(&mount).await;
    for name in [SHAPES, "grpc.testing.TestService", "grpc.health.v1.Health"] {
        assert!(names.contains(name), "{names}");
    }
    let mount = builder().reflect_only([SHAPES]).start().await.unwrap();
    let names = listed(&mount).await;
    assert!(names.contains(SHAPES) && !names.contains("TestService"), "{names}");

    let error = |names: &[&str]| builder().reflect_only(names.to_vec()).build().unwrap_err().to_string();
    let unknown = error(&["descant.suite.v1.Shape"]);
    assert!(
        unknown.contains("descant.suite.v1.Shape") && unknown.contains(SHAPES),
        "the nearest name: {unknown}"
    );
    let empty = error(&[]);
    assert!(empty.contains("no service"), "{empty}");
}

#[tokio::test]
async fn health_is_on_and_its_handle_is_at_hand() {
    let mount = builder().start().await.unwrap();
    assert_eq!(health(&mount, SHAPES).await, Ok(1));
    let handle = mount.gateway().health().unwrap();
    handle.set(SHAPES, descant_handlers::ServingStatus::NotServing);
    assert_eq!(health(&mount, SHAPES).await, Ok(2));
    let mount = builder().health(None).start().await.unwrap();
    assert_eq!(health(&mount, "").await, Err(12));
}

/// Leaves a mark on its way in, and on its way out.
async fn marks(mark: &'static str, mut call: Call, next: Next) -> Result<Reply, Status> {
    call.metadata.append("trail", mark)?;
    let mut reply = next.call(call).await?;
    reply.metadata.append("trail", mark)?;
    Ok(reply)
}

async fn first(call: Call, next: Next) -> Result<Reply, Status> {
    marks("first", call, next).await
}

async fn refuses(_: Call, _: Next) -> Result<Reply, Status> {
    Err(Status::permission_denied("not here"))
}

#[tokio::test]
async fn interceptors_see_a_call_in_order_and_where_they_are_meant_to() {
    let tells = from_fn(|call: Call| async move {
        let mut metadata = Metadata::new();
        metadata.insert("came", &call.metadata.get_all("trail").collect::<Vec<_>>().join(" "))?;
        Ok(Reply::new(call.messages).with_metadata(metadata))
    });
    let mount = bare(SUITE)
        .route(SHAPES, tells)
        .intercept(first)
        .layer_on(
            format!("{SHAPES}/Unary"),
            layer::from_fn(|call, next| marks("second", call, next)),
        )
        .layer_on(format!("{SHAPES}/Bidi"), layer::from_fn(refuses))
        .layer(layer::from_fn(|call, next| marks("third", call, next)));
    let mount = mount.start().await.unwrap();
    let answer = call(&mount, Ask::one(UNARY, &text("hi"))).await;
    assert_eq!(header(&answer, "came"), "first second third");
    let trail: Vec<_> = answer.headers.get_all("trail").iter().collect();
    assert_eq!(trail, ["third", "second", "first"]);
    let refused = call(&mount, Ask::one(BIDI, &text("hi"))).await;
    assert_eq!((refused.code(), refused.reason()), (Some(7), "not here"));
}

#[tokio::test]
async fn every_limit_is_an_option() {
    let mut limits = Limits::default();
    let (time, keepalive) = (Duration::from_secs(60), Keepalive::default());
    (limits.tls_handshake, limits.preface, limits.header_block) = (time, time, time);
    (limits.message, limits.write_stall, limits.grace) = (time, time, time);
    (limits.idle, limits.keepalive, limits.age) = (Some(time), Some(keepalive), None);
    (limits.streams, limits.header_bytes, limits.stream_window) = (10, 4 << 10, 32 << 10);
    (limits.connection_window, limits.control_frames) = (64 << 10, Rate::default());
    (limits.connections, limits.connections_per_peer) = (10, 10);
    (limits.held_per_connection, limits.memory) = (64 << 10, 1 << 30);
    (limits.message_bytes, limits.header_fields) = (100, 10);
    let mount = builder().limits(limits).start().await.unwrap();
    let peer = connect(&mount).await;
    assert_eq!(peer.send(Ask::one(UNARY, &text("short"))).await.code(), Some(0));
    let long = peer.send(Ask::one(UNARY, &text(&"long".repeat(50)))).await;
    assert_eq!(long.code(), Some(8), "{long:?}");
    let many = (0..10).fold(Ask::empty(UNARY), |ask, _| ask.header("x", "y"));
    assert_eq!(peer.send(many).await.status, 431);
}

#[tokio::test]
async fn workers_are_threads_of_their_own() {
    let tells = from_fn(|call: Call| async move {
        let mut metadata = Metadata::new();
        metadata.insert("thread", std::thread::current().name().unwrap_or_default())?;
        Ok(Reply::new(call.messages).with_metadata(metadata))
    });
    let mount = bare(SUITE).route(SHAPES, tells).workers(3).start().await.unwrap();
    let (mut peers, mut threads) = (Vec::new(), std::collections::BTreeSet::new());
    for _ in 0..3 {
        let peer = connect(&mount).await;
        let answer = peer.send(Ask::one(UNARY, &text("hi"))).await;
        threads.insert(header(&answer, "thread").to_owned());
        peers.push(peer);
    }
    assert_eq!(threads.len(), 3, "{threads:?}");
    assert!(
        threads.contains("descant-1") && threads.contains("descant-2"),
        "{threads:?}"
    );
    drop(peers);
    mount.stop().await.unwrap();
    mount.start().await.unwrap();
    assert!(mount.is_running());
}

#[tokio::test]
async fn mistakes_are_told_before_anything_listens() {
    let error = builder().route("descant.suite.v1.Shape/Unary", from_fn(tells)).build();
    assert!(error.unwrap_err().to_string().contains("did you mean"));
    let error = builder()
        .host("no such host")
        .build()
        .unwrap()
        .start()
        .await
        .unwrap_err();
    assert!(error.is_bind(), "{error}");
    let mount = builder().start().await.unwrap();
    assert!(answers(&mount).await);
}

#[tokio::test]
async fn runtimes_are_counted_while_they_serve_and_once_in_each_registry() {
    let registry = Registry::new();
    let metrics = Metrics::in_registry(&registry).unwrap();
    let shown = || {
        let text = metrics.to_text().unwrap();
        let lines = text.lines().filter(|line| line.starts_with("descant_runtime_workers{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let with = |builder: descant::MountBuilder| builder.gateway(|gateway| gateway.metrics(metrics.clone()));
    let mounts = [with(builder()).workers(2), with(builder())].map(|builder| builder.build().unwrap());
    assert!(shown().is_empty());
    for mount in &mounts {
        mount.start().await.unwrap();
        assert!(answers(mount).await);
    }
    // The test's own for both, and the one of the thread beside it.
    let both = [0, 1].map(|number| format!("descant_runtime_workers{{runtime=\"{number}\"}} 1"));
    assert_eq!(shown(), both);
    mounts[0].stop().await.unwrap();
    assert_eq!(shown(), both[..1]);
    mounts[1].stop().await.unwrap();
    assert!(shown().is_empty());
}
