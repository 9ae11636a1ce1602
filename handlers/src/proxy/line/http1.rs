//! A connection of HTTP/1.1, which has one call at a time.

use std::{
    error::Error,
    future::poll_fn,
    io, mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Buf as _;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, Uri, Version,
    header::{self, Entry},
};
use hyper::{
    body::{Body as HttpBody, Frame as HttpFrame, SizeHint},
    client::conn::http1::{self, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::AbortHandle,
};

use super::Gone;
use crate::{
    Messages, Status,
    proxy::{
        codings::Sent,
        fate::Fate,
        misfit::{Misfit, Unfit},
        request::{Frame, Frames},
        stream::{Broken, Stream},
        wire::{Wire, Writes},
    },
};

/// Bytes of the head of a reply, at least.
const HEAD_BYTES: usize = 64 << 10;
/// Fields of the head of a reply, at least.
const HEAD_FIELDS: usize = 200;
/// Of a larger head there may be a field for each so many bytes.
const FIELD_BYTES: usize = 128;

/// What a call is sent by, and ended.
#[derive(Debug)]
pub(super) struct Slot {
    sender: Mutex<SendRequest<Body>>,
    driver: AbortHandle,
    /// The request of its call has been handed over to its end.
    sent: Arc<AtomicBool>,
    /// Its call has begun to send a request.
    asked: AtomicBool,
    /// And the head of an answer came.
    heard: AtomicBool,
    /// It had a call that came to its end.
    kept: AtomicBool,
    writes: Arc<Writes>,
    /// How large trailers may be.
    header_bytes: usize,
}

/// Why a request was not answered.
pub(in crate::proxy) enum Unanswered {
    /// The connection was closing: nothing of it was sent.
    Unsent(Box<Request<Body>>),
    /// The connection broke when the request had come so far.
    Broken(Broken, Fate),
}

impl Slot {
    /// Speaks HTTP/1.1 over this socket. Nothing is said before the first call.
    pub(super) async fn over<T>(socket: T, header_bytes: usize, gone: impl FnOnce() -> Gone) -> Result<Self, Unfit>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let wire = Wire::new(socket);
        let mut builder = http1::Builder::new();
        builder
            .max_headers(HEAD_FIELDS.max(header_bytes / FIELD_BYTES))
            .max_buf_size(HEAD_BYTES.max(header_bytes));
        let opened = builder.handshake(TokioIo::new(wire.clone())).await;
        let (sender, connection) = opened.map_err(|error| Unfit::new(Misfit::Other, error.to_string()))?;
        let writes = wire.writes();
        let driver = tokio::spawn(drive(connection, wire.clone(), gone()));
        let slot = Self {
            sender: Mutex::new(sender),
            driver: driver.abort_handle(),
            sent: Arc::default(),
            asked: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            kept: AtomicBool::new(false),
            writes,
            header_bytes,
        };
        // Not before its driver has run once, perhaps on another thread: whoever is told of it sooner finds that it takes nothing.
        let ready = poll_fn(|cx| slot.poll_ready(cx)).await;
        // hyper says no more than that it is closed.
        ready.map_err(|_| wire.refusal().unwrap_or_else(|| Unfit::unasked(&wire.greeting())))?;
        Ok(slot)
    }

    /// Whether it could take a call, if it has none.
    pub(super) fn is_ready(&self) -> bool {
        self.sender().is_ready()
    }

    /// Ready once it takes a call.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.sender().poll_ready(cx)
    }

    /// Sends a request, and waits for the head of its reply.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<Response<Stream>, Unanswered> {
        let body = request.body_mut();
        // Of a body of no bytes nobody asks for any.
        self.sent.store(body.size_hint().exact() == Some(0), Ordering::Relaxed);
        body.sent = Some(Arc::clone(&self.sent));
        self.asked.store(true, Ordering::Relaxed);
        self.heard.store(false, Ordering::Relaxed);
        let written = self.writes.times();
        let sending = self.sender().try_send_request(request);
        let mut error = match sending.await {
            Ok(mut response) => {
                self.heard.store(true, Ordering::Relaxed);
                forget_connection(response.headers_mut());
                return Ok(response.map(|body| Stream::Http1(body, self.header_bytes)));
            }
            Err(error) => error,
        };
        if let Some(unsent) = error.take_message() {
            return Err(Unanswered::Unsent(Box::new(unsent)));
        }
        let error = error.into_error();
        let fate = self.fate(&error, written);
        Err(Unanswered::Broken(Broken::Http1(error), fate))
    }

    /// How far a request came to which no answer did. `written`: how often something was before it.
    fn fate(&self, error: &hyper::Error, written: u64) -> Fate {
        if self.writes.times() == written {
            Fate::Unsent
        } else if self.kept.load(Ordering::Relaxed) && is_closed(error) {
            Fate::Closed
        } else {
            Fate::Lost
        }
    }

    /// Whether the request of its call was sent to its end, and no answer to it has begun.
    pub(super) fn is_unheard(&self) -> bool {
        let is_sent = self.asked.load(Ordering::Relaxed) && self.sent.load(Ordering::Relaxed);
        is_sent && !self.heard.load(Ordering::Relaxed)
    }

    /// Its call has ended; `whole`: with its reply. Whether it takes another one; if not it closes.
    pub(super) fn ended(&self, whole: bool) -> bool {
        if !self.asked.swap(false, Ordering::Relaxed) {
            // The call failed before it was sent, for which the connection is not to blame.
            return true;
        }
        let usable = whole && self.sent.load(Ordering::Relaxed);
        if usable {
            self.kept.store(true, Ordering::Relaxed);
        } else {
            self.driver.abort();
        }
        usable
    }

    fn sender(&self) -> MutexGuard<'_, SendRequest<Body>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out what is for this connection: RFC 9110, sections 7.6.1 and 11.7.1.
fn forget_connection(headers: &mut HeaderMap) {
    headers.remove(header::PROXY_AUTHENTICATE);
    let Entry::Occupied(said) = headers.entry(header::CONNECTION) else {
        return;
    };
    let lists = said.remove_entry_mult().1;
    let lists: Vec<_> = lists.collect();
    for name in lists
        .iter()
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
    {
        headers.remove(name.trim_ascii());
    }
}

/// Whether the server hung up instead of answering.
fn is_closed(error: &hyper::Error) -> bool {
    error.is_incomplete_message() || error.source().is_some_and(<dyn Error>::is::<io::Error>)
}

/// Moves bytes until the connection is closed. Why it was is told to its call.
async fn drive<T>(mut connection: Connection<TokioIo<Wire<T>>, Body>, mut wire: Wire<T>, gone: Gone)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    poll_fn(|cx| {
        if Pin::new(&mut connection).poll(cx).is_ready() {
            // What waits to be written stays here, and so is known not to have left: an end in peace has written it.
            return Poll::Ready(());
        }
        ready!(wire.drain(cx)).map_or_else(
            |_| {
                // What came before the other side hung up may say why, and is lost with the connection.
                let _ = Pin::new(&mut wire).poll_read(cx, &mut ReadBuf::new(&mut [0; 16]));
                Poll::Ready(())
            },
            |()| Poll::Pending,
        )
    })
    .await;
    if let Some(unfit) = wire.refusal().or_else(|| Unfit::of_answer(&wire.greeting())) {
        let _ = gone.state.fault.set(unfit.what);
    }
}

/// A request as HTTP/1.1 has it: its target is a path, and the host stands in a header.
pub(in crate::proxy) fn request(head: Request<()>, body: Body) -> Result<Request<Body>, Status> {
    let (mut parts, ()) = head.into_parts();
    if let Some(authority) = parts.uri.authority() {
        let host = HeaderValue::try_from(authority.as_str());
        let host = host.map_err(|error| Status::internal(error.to_string()))?;
        parts.headers.insert(header::HOST, host);
    }
    if let Some(target) = parts.uri.path_and_query() {
        parts.uri = Uri::from(target.clone());
    }
    if parts.headers.contains_key(header::TE) {
        // RFC 9110, section 10.1.4.
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    let is_of_none = matches!(
        parts.method,
        Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS
    );
    match body.left {
        // Else some servers answer 411. RFC 9110, section 8.6.
        Left::Nothing if !is_of_none => {
            parts
                .headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        // hyper drops bodies of these methods, unless they are said to be there.
        Left::Stream { .. } if is_of_none => {
            let chunked = HeaderValue::from_static("chunked");
            parts.headers.insert(header::TRANSFER_ENCODING, chunked);
        }
        _ => {}
    }
    parts.version = Version::HTTP_11;
    Ok(Request::from_parts(parts, body))
}

/// The body of a request, pulled by the connection.
pub(in crate::proxy) struct Body {
    left: Left,
    /// Set at its end.
    sent: Option<Arc<AtomicBool>>,
}

enum Left {
    /// All of it.
    Whole(Frame),
    Stream {
        frames: Frames,
        /// Why the request ended, if it is the request that ends the call.
        fault: Arc<OnceLock<Status>>,
    },
    Nothing,
}

impl Body {
    pub(in crate::proxy) fn whole(frame: Frame) -> Self {
        let left = Left::Whole(frame);
        Self { left, sent: None }
    }

    pub(in crate::proxy) fn nothing() -> Self {
        let left = Left::Nothing;
        Self { left, sent: None }
    }

    /// `fault` is told why the request ends, if that is its own fault.
    pub(in crate::proxy) fn stream(messages: Messages, way: Sent, fault: Arc<OnceLock<Status>>) -> Self {
        let frames = Frames::new(messages, way);
        let left = Left::Stream { frames, fault };
        Self { left, sent: None }
    }

    fn end(&mut self) {
        self.left = Left::Nothing;
        if let Some(sent) = &self.sent {
            sent.store(true, Ordering::Relaxed);
        }
    }
}

impl HttpBody for Body {
    type Data = Frame;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<HttpFrame<Frame>, Status>>> {
        let next = match &mut self.left {
            Left::Stream { frames, fault } => {
                let frame = ready!(frames.poll_next(cx));
                if let Some(Err(status)) = &frame {
                    let _ = fault.set(status.clone());
                }
                frame
            }
            left => {
                let whole = match mem::replace(left, Left::Nothing) {
                    Left::Whole(frame) => Some(Ok(frame)),
                    Left::Stream { .. } | Left::Nothing => None,
                };
                self.end();
                whole
            }
        };
        if next.is_none() {
            self.end();
        }
        Poll::Ready(next.map(|frame| frame.map(HttpFrame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.left, Left::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.left {
            Left::Whole(frame) => SizeHint::with_exact(frame.remaining() as u64),
            Left::Stream { .. } => SizeHint::default(),
            Left::Nothing => SizeHint::with_exact(0),
        }
    }
}
