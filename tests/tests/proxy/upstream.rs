//! Upstreams that do as they are told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    server::{Builder, SendResponse},
};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::{io::AsyncWriteExt, net::TcpListener};

/// Where an upstream is, and how often it was connected to.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    /// How many of the connections are still there.
    open: Arc<AtomicUsize>,
}

impl Upstream {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// A call that an upstream got.
pub(crate) struct Asked {
    pub(crate) request: Request<RecvStream>,
    pub(crate) respond: SendResponse<Bytes>,
}

impl Asked {
    /// Sends a head as gRPC has it.
    pub(crate) fn begin(&mut self) -> SendStream<Bytes> {
        let head = Response::builder().header("content-type", "application/grpc");
        self.respond.send_response(head.body(()).unwrap(), false).unwrap()
    }

    /// Answers with this body, and this `grpc-status` behind it.
    pub(crate) fn answer(&mut self, body: impl Into<Bytes>, code: &'static str) {
        let mut stream = self.begin();
        stream.send_data(body.into(), false).unwrap();
        stream.send_trailers(trailers(code)).unwrap();
    }
}

pub(crate) fn trailers(code: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(code));
    trailers
}

/// An upstream that does this with each call.
pub(crate) async fn upstream<F, Fut>(answer: F) -> Upstream
where
    F: Fn(Asked) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    upstream_with(Builder::new(), usize::MAX, answer).await
}

/// The same with these settings, and a GOAWAY after so many calls on a connection.
pub(super) async fn upstream_with<F, Fut>(settings: Builder, most: usize, answer: F) -> Upstream
where
    F: Fn(Asked) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream {
        address: listener.local_addr().unwrap(),
        connections: Arc::default(),
        open: Arc::default(),
    };
    let (connections, open) = (Arc::clone(&upstream.connections), Arc::clone(&upstream.open));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            let (settings, answer, open) = (settings.clone(), answer.clone(), Arc::clone(&open));
            open.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut connection = settings.handshake(socket).await.unwrap();
                let mut calls = 0;
                while let Some(Ok((request, respond))) = connection.accept().await {
                    calls += 1;
                    if calls == most {
                        connection.graceful_shutdown();
                    }
                    tokio::spawn(answer(Asked { request, respond }));
                }
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    upstream
}

/// An upstream that says these bytes to whoever connects, and hangs up.
pub(super) async fn babbler(words: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(words).await;
        }
    });
    address
}
