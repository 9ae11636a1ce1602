//! What the tests of the transport call: it answers by path.

use std::{
    future::pending,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};

use super::{Connection, Frame, Inbound, Outbound, OutboundStream, Payload, Serve};

pub(super) const MEBIBYTE: usize = 1 << 20;

/// Answers by path; counts the requests that are being answered.
#[derive(Clone, Default)]
pub(super) struct Script {
    pub(super) open: Arc<AtomicUsize>,
}

/// A request that is being answered.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Serve for Script {
    fn serve(
        &self,
        request: Request<Inbound>,
        _: &Arc<Connection>,
    ) -> impl Future<Output = Response<Outbound>> + Send + use<> {
        self.clone().answer(request)
    }
}

impl Script {
    async fn answer(self, request: Request<Inbound>) -> Response<Outbound> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let _open = Open(self.open.clone());
        let path = request.uri().path().to_owned();
        let body = match path.as_str() {
            "/hello" => whole(Bytes::from_static(b"hello")),
            "/echo" => whole(collect(request.into_body()).await),
            "/empty" => Outbound::Empty,
            "/plain" => plain("hello"),
            "/mirror" => Outbound::Stream(Box::pin(Mirror(request.into_body()))),
            "/lines" => Outbound::Stream(Box::pin(Lines(0, None))),
            "/cut" => Outbound::Stream(Box::pin(Lines(0, Some(2)))),
            "/large" => whole(Bytes::from(vec![7; MEBIBYTE])),
            "/endless" => Outbound::Stream(Box::pin(Endless)),
            "/quiet" => Outbound::Stream(Box::pin(Quiet)),
            "/never" => pending().await,
            "/panic" => panic!("as the script says"),
            other => panic!("{other} is not in the script"),
        };
        Response::new(body)
    }
}

fn whole(body: Bytes) -> Outbound {
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    Outbound::Whole {
        payload: Payload::from(body),
        trailers,
    }
}

async fn collect(mut body: Inbound) -> Bytes {
    let mut all = BytesMut::new();
    while let Some(Ok(data)) = std::future::poll_fn(|cx| body.poll_data(cx)).await {
        all.extend_from_slice(&data);
    }
    all.freeze()
}

/// Kilobytes without end.
struct Endless;

impl OutboundStream for Endless {
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Frame>> {
        Poll::Ready(Some(Frame::Data(Payload::from(Bytes::from_static(&[1; 1024])))))
    }
}

/// Headers, then nothing.
struct Quiet;

impl OutboundStream for Quiet {
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Frame>> {
        Poll::Pending
    }
}

fn plain(body: &'static str) -> Outbound {
    Outbound::Whole {
        payload: Payload::from(Bytes::from_static(body.as_bytes())),
        trailers: HeaderMap::new(),
    }
}

/// What comes, as it comes.
struct Mirror(Inbound);

impl OutboundStream for Mirror {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.0.poll_data(cx).map(|next| match next? {
            Ok(data) => Some(Frame::Data(Payload::from(data))),
            Err(_) => Some(Frame::Cut),
        })
    }
}

/// Three lines and trailers, or as many lines and then a cut.
struct Lines(usize, Option<usize>);

impl OutboundStream for Lines {
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Frame>> {
        let line = self.0;
        self.0 += 1;
        Poll::Ready(Some(match self.1 {
            Some(most) if line == most => Frame::Cut,
            None if line == 3 => Frame::Trailers(HeaderMap::new()),
            _ => Frame::Data(Payload::from(Bytes::from_static(b"line\n"))),
        }))
    }
}
