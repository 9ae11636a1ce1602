//! A mount on the port of an axum application.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Router, extract::State, routing::get};
use bytes::Bytes;
use descant::{Limits, Mount};
use descant_handlers::{Call, Message, Messages, Metadata, Reply, Status, from_fn};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{BOOKSHOP, CATALOG, SHAPES, answers, bare, builder, listed};
use crate::support::{Ask, BIDI, Peer, SERVER, UNARY, WAIT, framed, soon, text};

/// Serves an application on a free port.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn beside_a_page(mount: &Mount) -> Router {
    Router::new()
        .route("/", get(|| async { "the shop" }))
        .fallback_service(mount.service())
}

async fn connect(address: SocketAddr) -> Peer {
    Peer::over(TcpStream::connect(address).await.unwrap()).await
}

/// An exchange of HTTP/1.1, head and body.
async fn http1(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{request}\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn pages_and_calls_share_port_and_state() {
    #[derive(Default)]
    struct Shop(AtomicU64);
    let shop = Arc::new(Shop::default());
    let counts = from_fn(|call: Call| async move {
        call.state::<Arc<Shop>>()?.0.fetch_add(1, Ordering::Relaxed);
        Ok(Reply::new(call.messages))
    });
    let mount = bare(BOOKSHOP)
        .route(CATALOG, counts)
        .state(shop.clone())
        .build()
        .unwrap();
    let app = Router::new()
        .route(
            "/",
            get(|State(shop): State<Arc<Shop>>| async move { shop.0.load(Ordering::Relaxed).to_string() }),
        )
        .with_state(shop)
        .fallback_service(mount.service());
    let address = serve(app).await;

    let peer = connect(address).await;
    let answer = peer.send(Ask::empty("/bookshop.v1.Catalog/GetBook")).await;
    assert_eq!(answer.code(), Some(0), "{answer:?}");
    assert_eq!(answer.headers["x-request-id"].len(), 32);
    let page = http1(address, "GET /v1/books/emma HTTP/1.1").await;
    assert!(
        page.starts_with("HTTP/1.1 200 OK") && page.ends_with(r#"{"id":"emma"}"#),
        "{page}"
    );
    let front = http1(address, "GET / HTTP/1.1").await;
    assert!(front.ends_with("\r\n\r\n2"), "{front}");
    let unknown = http1(address, "GET /nothing HTTP/1.1").await;
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
    assert!(!mount.is_running(), "no port of its own");
}

#[tokio::test]
async fn every_shape_of_call_goes_through() {
    let mount = builder().build().unwrap();
    let address = serve(beside_a_page(&mount)).await;
    let peer = connect(address).await;
    assert_eq!(peer.send(Ask::one(UNARY, &text("hi"))).await.code(), Some(0));
    // Large messages, one by one, both ways.
    let mut open = peer.open(Ask::bytes(BIDI, [&b""[..]])).await;
    let mut large = text(&"much ".repeat(4000));
    large.count = 3;
    for _ in 0..2 {
        open.push(framed(&large));
    }
    let (mut body, mut answers) = open.head().await;
    let mut length = 0;
    while length < 2 * framed(&large).len() {
        let data = soon(answers.data()).await.unwrap().unwrap();
        answers.flow_control().release_capacity(data.len()).unwrap();
        length += data.len();
    }
    body.send_data(Bytes::new(), true).unwrap();
    assert!(soon(answers.data()).await.is_none());
    assert_eq!(answers.trailers().await.unwrap().unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn what_fails_midway_says_so() {
    let fails = from_fn(|call: Call| async move {
        let first = Message::from_wire(call.messages.only().await?.into_wire()?);
        Ok(Messages::generate(move |sender| async move {
            sender.send(first).await?;
            Err(Status::data_loss("the rest is gone"))
        })
        .into())
    });
    let mount = builder().route(format!("{SHAPES}/Server"), fails).build().unwrap();
    let peer = connect(serve(beside_a_page(&mount)).await).await;
    let answer = peer.send(Ask::one(SERVER, &text("hi"))).await;
    assert_eq!((answer.code(), answer.envelopes().len()), (Some(15), 1), "{answer:?}");
}

#[tokio::test]
async fn grpc_over_http1_is_told_what_it_needs_and_grpc_web_is_served() {
    let mount = builder().build().unwrap();
    let address = serve(beside_a_page(&mount)).await;
    let post =
        |content_type: &str| format!("POST {UNARY} HTTP/1.1\r\ncontent-type: {content_type}\r\ncontent-length: 0");
    let refused = http1(address, &post("application/grpc")).await;
    assert!(refused.starts_with("HTTP/1.1 505"), "{refused}");
    let web = http1(address, &post("application/grpc-web+proto")).await;
    assert!(
        web.starts_with("HTTP/1.1 200") && web.contains("grpc-status: 12"),
        "{web}"
    );
}

#[tokio::test]
async fn limits_on_messages_hold_there_too() {
    let mut limits = Limits::default();
    limits.message_bytes = 100;
    let mount = builder().limits(limits).build().unwrap();
    let peer = connect(serve(beside_a_page(&mount)).await).await;
    let long = peer.send(Ask::one(UNARY, &text(&"long".repeat(50)))).await;
    assert_eq!(long.code(), Some(8), "{long:?}");
}

#[tokio::test]
async fn what_calls_hold_is_bounded_there_too() {
    let mut limits = Limits::default();
    limits.memory = 1 << 20;
    let mount = builder().limits(limits).build().unwrap();
    let peer = connect(serve(beside_a_page(&mount)).await).await;
    let mut waits = peer.open(Ask::bytes(WAIT, [&b""[..]])).await;
    waits.body.send_data(framed(&text(&"x".repeat(1 << 20))), true).unwrap();
    let hi = || peer.send(Ask::one(UNARY, &text("hi")));
    soon(async { while hi().await.code() != Some(8) {} }).await;
    waits.body.send_reset(h2::Reason::CANCEL);
    soon(async { while hi().await.code() != Some(0) {} }).await;
}

#[tokio::test]
async fn a_peer_that_the_application_knows_is_the_calls_peer() {
    let tells = from_fn(|call: Call| async move {
        let mut metadata = Metadata::new();
        let address = call.peer.address.map(|address| address.to_string());
        metadata.insert("peer", address.as_deref().unwrap_or("nobody"))?;
        Ok(Reply::new(call.messages).with_metadata(metadata))
    });
    let mount = bare(BOOKSHOP).route(CATALOG, tells).build().unwrap();
    let known = descant_handlers::Peer::at(([192, 0, 2, 7], 4711).into());
    for (app, peer) in [
        (beside_a_page(&mount), "nobody"),
        (beside_a_page(&mount).layer(axum::Extension(known)), "192.0.2.7:4711"),
    ] {
        let answer = connect(serve(app).await)
            .await
            .send(Ask::empty("/bookshop.v1.Catalog/GetBook"))
            .await;
        assert_eq!(answer.headers["peer"], peer);
    }
}

#[tokio::test]
async fn a_port_of_its_own_beside_the_applications() {
    let mount = builder().start().await.unwrap();
    let address = serve(beside_a_page(&mount)).await;
    assert!(answers(&mount).await);
    assert_eq!(
        connect(address).await.send(Ask::one(UNARY, &text("hi"))).await.code(),
        Some(0)
    );
    assert!(listed(&mount).await.contains(SHAPES));
    mount.stop().await.unwrap();
    assert_eq!(
        connect(address).await.send(Ask::one(UNARY, &text("hi"))).await.code(),
        Some(0)
    );
}
