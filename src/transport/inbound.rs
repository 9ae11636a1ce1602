//! The body of a request.

use std::{
    collections::VecDeque,
    error::Error as _,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use descant_handlers::Status;
#[cfg(feature = "tower")]
use futures_core::Stream;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::{Account, Connection, Share, http1::Violation};

/// How much of a request that is refused is read, and for how long.
const DISCARDED: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(1);

/// The body of a request: bytes as they come. Trailers mean nothing in a request and are left aside.
///
/// Taking bytes gives the peer leave to send as many more, so whoever gathers them must bound what
/// it holds. The time a message takes from its first byte to its last ([`Limits::message`]) is the
/// reader's to bound as well, for only it knows where messages begin and end.
///
/// Dropped before its end it tells the peer to stop sending.
///
/// [`Limits::message`]: super::Limits
#[derive(Debug)]
pub(crate) struct Inbound {
    source: Source,
    /// What was taken of it and counts for its connection.
    share: Option<Share>,
}

#[derive(Debug)]
enum Source {
    Http2(RequestStream),
    Http1(Incoming),
    /// Of an application's own HTTP server.
    #[cfg(feature = "tower")]
    Foreign(Foreign),
    /// Chunks that are there.
    Memory(VecDeque<Result<Bytes, InboundError>>),
}

/// A body that comes over HTTP/2. Dropped before its end it is noted: its stream is not done with.
#[derive(Debug)]
struct RequestStream {
    stream: h2::RecvStream,
    connection: Arc<Connection>,
    /// Whether its end was read. h2 knows it too, but has to look.
    ended: bool,
}

impl Drop for RequestStream {
    fn drop(&mut self) {
        if !self.ended && !self.stream.is_end_stream() {
            self.connection.abandon();
        }
    }
}

/// A body of any type.
#[cfg(feature = "tower")]
struct Foreign(Pin<Box<dyn Stream<Item = Result<Bytes, InboundError>> + Send>>);

#[cfg(feature = "tower")]
impl std::fmt::Debug for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Foreign")
    }
}

/// Why a request's body ended early. Mostly no reply reaches the peer any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InboundError {
    /// The body is not what HTTP/1.1 has as one, or not whole.
    #[error("{0}")]
    Unsound(String),
    /// The peer reset the stream.
    #[error("the peer cancelled the request (HTTP/2 error code {0})")]
    Reset(u32),
    /// The connection is gone.
    #[error("the connection was lost: {0}")]
    Lost(String),
}

impl Inbound {
    /// A body that is there.
    pub(crate) fn whole(body: Bytes) -> Self {
        let chunks = Some(body).filter(|body| !body.is_empty());
        Self::of(Source::Memory(chunks.into_iter().map(Ok).collect()))
    }

    /// A body that comes over HTTP/2, on a stream of this connection.
    pub(super) fn http2(stream: h2::RecvStream, connection: Arc<Connection>) -> Self {
        Self::of(Source::Http2(RequestStream {
            stream,
            connection,
            ended: false,
        }))
    }

    /// A body that an application's own HTTP server reads.
    #[cfg(feature = "tower")]
    pub(crate) fn foreign(body: impl Stream<Item = Result<Bytes, InboundError>> + Send + 'static) -> Self {
        Self::of(Source::Foreign(Foreign(Box::pin(body))))
    }

    /// A body of these chunks.
    #[cfg(test)]
    pub(crate) fn from_chunks<C>(chunks: C) -> Self
    where
        C: IntoIterator<Item = Result<Bytes, InboundError>>,
    {
        Self::of(Source::Memory(chunks.into_iter().collect()))
    }

    fn of(source: Source) -> Self {
        Self { source, share: None }
    }

    /// The same body; what is taken of it counts for a connection until [`keep`](Self::keep) says otherwise, or it is dropped.
    pub(crate) fn counted(mut self, account: &Arc<Account>) -> Self {
        self.share = Some(Share::of(account, 0));
        self
    }

    /// Of what was taken so many bytes are still held.
    pub(crate) fn keep(&mut self, bytes: usize) {
        if let Some(share) = &mut self.share {
            share.shrink_to(bytes);
        }
    }

    /// What was taken still counts until this is dropped.
    pub(crate) fn take_share(&mut self) -> Option<Share> {
        self.share.take()
    }

    /// The next bytes: never empty unless the peer sent an empty DATA frame; `None` at the end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, InboundError>>> {
        let next = ready!(self.poll_source(cx));
        if let (Some(share), Some(Ok(data))) = (&mut self.share, &next) {
            share.grow(data.len());
        }
        Poll::Ready(next)
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, InboundError>>> {
        match &mut self.source {
            Source::Http2(RequestStream { stream, ended, .. }) => stream.poll_data(cx).map(|next| {
                *ended = next.is_none();
                next.map(|data| {
                    let data = data.map_err(|error| InboundError::from(&error))?;
                    // Fails only if more is released than was received.
                    let _ = stream.flow_control().release_capacity(data.len());
                    Ok(data)
                })
            }),
            Source::Http1(body) => poll_http1(body, cx),
            #[cfg(feature = "tower")]
            Source::Foreign(Foreign(body)) => body.as_mut().poll_next(cx),
            Source::Memory(chunks) => Poll::Ready(chunks.pop_front()),
        }
    }

    /// Takes what is left, for a moment. A reply that comes before the request has ended is what gRPC's clients expect; of
    /// others many fail, or never see it.
    pub(crate) async fn discard(mut self) {
        let mut taken = 0;
        let all = poll_fn(|cx| {
            while let Some(Ok(data)) = ready!(self.poll_data(cx)) {
                taken += data.len();
                if taken > DISCARDED {
                    break;
                }
            }
            Poll::Ready(())
        });
        // Whoever takes longer is answered all the same.
        let _ = timeout(PATIENCE, all).await;
    }
}

fn poll_http1(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, InboundError>>> {
    loop {
        let frame = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(InboundError::from(&error)))),
            Some(Ok(frame)) => frame,
        };
        if let Ok(data) = frame.into_data() {
            return Poll::Ready(Some(Ok(data)));
        }
    }
}

impl InboundError {
    /// How a call ends whose request ended so.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Unsound(_) => Status::invalid_argument(self.to_string()),
            Self::Reset(_) | Self::Lost(_) => Status::cancelled(self.to_string()),
        }
    }
}

impl From<Incoming> for Inbound {
    fn from(body: Incoming) -> Self {
        Self::of(Source::Http1(body))
    }
}

impl From<&hyper::Error> for InboundError {
    fn from(error: &hyper::Error) -> Self {
        let source = error.source();
        let io = source.and_then(|source| source.downcast_ref::<io::Error>());
        if io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
            return Self::Unsound("the body of the request ended before it was whole".to_owned());
        }
        let violation = io.and_then(io::Error::get_ref).filter(|inner| inner.is::<Violation>());
        match (violation, source) {
            (Some(violation), _) => Self::Unsound(violation.to_string()),
            (None, Some(source)) => Self::Lost(source.to_string()),
            (None, None) => Self::Lost(error.to_string()),
        }
    }
}

impl From<&h2::Error> for InboundError {
    fn from(error: &h2::Error) -> Self {
        match error.reason() {
            Some(reason) if error.is_reset() => Self::Reset(reason.into()),
            _ => Self::Lost(error.to_string()),
        }
    }
}
