//! Upstreams that do something else with each call, and remember what they saw.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use descant_handlers::{
    Proxy,
    proxy::{ProxyOptions, ServiceConfig},
};
use descant_tests::wire::{ACK, END_HEADERS, GOAWAY, HEADERS, PREFACE, SETTINGS, frame};
use http::{HeaderMap, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    proxy,
    upstream::{Asked, Upstream, upstream},
};
use crate::support::{Running, envelope};

/// An upstream, and the heads of the calls that it got.
pub(super) struct Scripted {
    pub(super) upstream: Upstream,
    heads: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Scripted {
    /// Does this with each call, which is told how many there were before.
    pub(super) async fn start<F, Fut>(answer: F) -> Self
    where
        F: Fn(usize, Asked) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let heads = Arc::<Mutex<Vec<HeaderMap>>>::default();
        let seen = Arc::clone(&heads);
        let upstream = upstream(move |asked: Asked| {
            let mut seen = seen.lock().unwrap();
            seen.push(asked.request.headers().clone());
            answer(seen.len() - 1, asked)
        })
        .await;
        Self { upstream, heads }
    }

    /// Says these codes one after the other, and nothing else; then that all is well.
    pub(super) async fn failing(codes: &'static [&'static str]) -> Self {
        Self::start(move |call, mut asked| async move {
            match codes.get(call) {
                Some(code) => asked.refuse(code, &[]),
                None => asked.answer(envelope(0, b""), "0"),
            }
        })
        .await
    }

    pub(super) fn calls(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// What each call had in this header.
    pub(super) fn saw(&self, name: &str) -> Vec<Option<String>> {
        let heads = self.heads.lock().unwrap();
        let value = |head: &HeaderMap| Some(head.get(name)?.to_str().unwrap().to_owned());
        heads.iter().map(value).collect()
    }

    /// Descant before it.
    pub(super) async fn before(&self, options: ProxyOptions) -> Running {
        before_with(self.upstream.address, options).await
    }
}

pub(super) async fn before_with(upstream: SocketAddr, options: ProxyOptions) -> Running {
    let to = Proxy::to(&format!("http://{upstream}")).unwrap();
    proxy(to.options(options)).await
}

impl Asked {
    /// Ends the call with this status alone, and these headers.
    pub(super) fn refuse(&mut self, code: &str, headers: &[(&str, &str)]) {
        let head = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", code)
            .header("grpc-message", "not now");
        let head = headers
            .iter()
            .fold(head, |head, (name, value)| head.header(*name, *value));
        let _ = self.respond.send_response(head.body(()).unwrap(), true);
    }

    /// All of the request.
    pub(super) async fn whole(&mut self) -> Bytes {
        let mut whole = BytesMut::new();
        while let Some(data) = self.request.body_mut().data().await {
            let data = data.unwrap();
            let _ = self.request.body_mut().flow_control().release_capacity(data.len());
            whole.extend_from_slice(&data);
        }
        whole.freeze()
    }
}

/// Options with this service config; nothing is concluded from failures.
pub(super) fn configured(json: &str) -> ProxyOptions {
    let mut options = ProxyOptions::default();
    options.service_config = ServiceConfig::from_json(json).unwrap();
    options.outlier = None;
    options
}

/// A policy for all methods that retries UNAVAILABLE so often, after short pauses.
pub(super) fn retrying(attempts: usize) -> ProxyOptions {
    configured(&format!(
        r#"{{ "methodConfig": [{{ "name": [{{}}], "retryPolicy": {{
            "maxAttempts": {attempts}, "initialBackoff": "0.001s", "maxBackoff": "0.01s", "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"] }} }}] }}"#
    ))
}

/// The same with five attempts, of which four failures use up what there may be.
pub(super) fn throttled() -> ProxyOptions {
    configured(
        r#"{ "methodConfig": [{ "name": [{}], "retryPolicy": { "maxAttempts": 5, "initialBackoff": "0.001s",
            "maxBackoff": "0.001s", "backoffMultiplier": 1, "retryableStatusCodes": [14] } }],
            "retryThrottling": { "maxTokens": 10, "tokenRatio": 0.1 } }"#,
    )
}

/// What a connection does once a call has come.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// GOAWAY with this last stream, then it closes.
    Goaway(u32),
    /// GOAWAY with the call as the last stream, this code and these words, then it closes.
    Farewell(u8, &'static str),
    /// It closes without a word.
    Cut,
}

/// An upstream whose first connections end so, each under its first call; those after them work. Says how many calls it saw.
pub(super) async fn ending(ends: &'static [End]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, calls) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let seen = Arc::clone(&calls);
    tokio::spawn(async move {
        let mut ends = ends.iter();
        while let Ok((socket, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            match ends.next() {
                Some(end) => drop(tokio::spawn(end_with(socket, *end, seen))),
                None => drop(tokio::spawn(work(socket, seen))),
            }
        }
    });
    (address, calls)
}

async fn end_with(mut socket: TcpStream, end: End, seen: Arc<AtomicUsize>) {
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    socket.write_all(&frame(SETTINGS, ACK, 0, &[])).await.unwrap();
    let mut preface = vec![0; PREFACE.len()];
    socket.read_exact(&mut preface).await.unwrap();
    loop {
        let mut head = [0; 9];
        if socket.read_exact(&mut head).await.is_err() {
            return;
        }
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        socket.read_exact(&mut payload).await.unwrap();
        if head[3] == HEADERS {
            assert_ne!(head[4] & END_HEADERS, 0);
            seen.fetch_add(1, Ordering::SeqCst);
            if let End::Goaway(last) = end {
                let mut goaway = last.to_be_bytes().to_vec();
                goaway.extend_from_slice(&[0; 4]);
                socket.write_all(&frame(GOAWAY, 0, 0, &goaway)).await.unwrap();
            }
            if let End::Farewell(code, words) = end {
                let goaway = [&[0, 0, 0, 1, 0, 0, 0, code], words.as_bytes()].concat();
                socket.write_all(&frame(GOAWAY, 0, 0, &goaway)).await.unwrap();
            }
            socket.shutdown().await.unwrap();
            // What is still on its way is taken, or the kernel would throw away what was said.
            let rest = async { while socket.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} };
            let _ = tokio::time::timeout(Duration::from_secs(5), rest).await;
            return;
        }
    }
}

async fn work(socket: TcpStream, seen: Arc<AtomicUsize>) {
    let mut connection = h2::server::handshake(socket).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        seen.fetch_add(1, Ordering::SeqCst);
        Asked { request, respond }.answer(envelope(0, b""), "0");
    }
}
