//! A call on its way up.

use std::{
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Buf as _;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, uri::InvalidUri};
use tokio::task::AbortHandle;

use super::{
    codings::{self, Sent},
    exchange::Terms,
    lease::{LATE, Uplink, now},
    speech::{CONNECT_VERSION, Speech, UpstreamCodec},
    target::Target,
};
use crate::{
    Call, Message, Messages, Metadata, Pieces, RequestId, Status,
    envelope::{self, Batch, COMPRESSED, Growing, PLAIN},
    http2::Payload,
};

/// Bytes of a target: as many as servers take by default.
const LONGEST_TARGET: usize = 8 << 10;
/// gRFC A6, "Exposed Retry Metadata".
pub(super) const PREVIOUS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");
/// What these ask for is no message, but a part of one, or that it has not changed.
pub(super) const NO_MESSAGE: [HeaderName; 4] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
];
/// These stand for the body that a GET has not, and for conditions on what it changes, which is nothing.
const NOT_BY_GET: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    CONNECT_VERSION,
    header::IF_MATCH,
    header::IF_UNMODIFIED_SINCE,
];
const REQUEST_ID: HeaderName = HeaderName::from_static(RequestId::KEY);

/// The head of the request. Of the call's metadata goes on what is neither HTTP's nor a protocol's.
///
/// `before`: how many attempts were made at the call here.
pub(super) fn head(target: &Target, terms: &Terms, call: &mut Call, before: u32) -> Result<Request<()>, Status> {
    let speech = terms.speech;
    let before = (before > 0).then(|| before.saturating_add(made_by_caller(&call.metadata)));
    let mut headers = speech.request_headers(mem::take(&mut call.metadata));
    if speech.is_bare() {
        forget_body(&mut headers);
    } else {
        forget_odd_names(&mut headers);
    }
    if let Some(before) = before {
        headers.insert(PREVIOUS, before.into());
    } else {
        forget_miscount(&mut headers);
    }
    if let Some(accepted) = codings::accepted(call.accepted, speech, terms.sent)? {
        headers.insert(speech.accept(), accepted);
    }
    if let Some(encoding) = terms.sent.encoding {
        headers.insert(speech.encoding(), HeaderValue::from_static(encoding.name()));
    }
    if terms.named {
        let mut id = HeaderValue::from(call.request_id);
        // Not that it is secret: each is another one, and would take the place of what is said again in HPACK's table.
        id.set_sensitive(true);
        headers.insert(REQUEST_ID, id);
    }
    headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("descant/", env!("CARGO_PKG_VERSION"))));
    if let Some(deadline) = call.deadline {
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return Err(Status::deadline_exceeded(LATE));
        }
        speech.set_timeout(&mut headers, left)?;
    }
    bare(target, terms, call.method.path(), headers)
}

/// How many attempts the caller had made at the call before this one.
fn made_by_caller(metadata: &Metadata) -> u32 {
    count(metadata.get(PREVIOUS.as_str())).unwrap_or_default()
}

/// Takes out a number of attempts that is none: servers on gRPC's core end such a call with INTERNAL, as if they were to blame. Of several the
/// first counts.
fn forget_miscount(headers: &mut HeaderMap) {
    let mut said = headers.get_all(&PREVIOUS).iter();
    let (Some(first), more) = (said.next(), said.next().is_some()) else {
        return;
    };
    match count(first.to_str().ok()) {
        None => drop(headers.remove(&PREVIOUS)),
        Some(number) if more => drop(headers.insert(PREVIOUS, number.into())),
        Some(_) => {}
    }
}

/// The number of attempts that is said, if it is one.
fn count(said: Option<&str>) -> Option<u32> {
    said?.parse().ok()
}

/// Takes out what a caller said of a body, where that is not the one that goes up: a server could take it for a part of something (RFC 9110,
/// section 14.5), or find that it has another digest.
fn forget_body(headers: &mut HeaderMap) {
    let is_of_body = |name: &&HeaderName| {
        let name = name.as_str();
        name.starts_with("content-") || name == "digest" || name == "repr-digest"
    };
    forget(headers, is_of_body);
}

/// Takes out the names of which this holds.
fn forget(headers: &mut HeaderMap, holds: impl FnMut(&&HeaderName) -> bool) {
    let names: Vec<_> = headers.keys().filter(holds).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Takes out names that HTTP has and gRPC has not: servers refuse the call for them. gRPC over HTTP/2, "Header-Name".
fn forget_odd_names(headers: &mut HeaderMap) {
    let is_odd = |name: &&HeaderName| {
        let name = name.as_str().bytes();
        name.fold(false, |odd, byte| {
            odd | !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'-' | b'.')
        })
    };
    forget(headers, is_odd);
}

/// The head of a request for this path, whatever else it says.
pub(super) fn bare(target: &Target, terms: &Terms, path: &str, mut headers: HeaderMap) -> Result<Request<()>, Status> {
    terms.speech.dress(terms.codec, &mut headers);
    let uri = target.uri(path);
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.map_err(|error| Status::internal(format!("{path}: {error}")))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The same request by GET, with this message in its query; `None`: the query would be too long. Connect, "Unary-Get-Request".
pub(super) fn get(head: &Request<()>, message: &Message, terms: &Terms) -> Result<Option<Request<()>>, Status> {
    let (bytes, compression) = match terms
        .sent
        .encoding
        .map(|encoding| (encoding, message.clone().into_compressed(encoding)))
    {
        Some((encoding, Ok(bytes))) => (bytes, Some(encoding)),
        _ => (message.clone().into_wire()?, None),
    };
    let codec = match terms.codec {
        UpstreamCodec::Proto => "proto",
        UpstreamCodec::Json => "json",
    };
    let mut target = format!("{}?connect=v1&encoding={codec}&base64=1&message=", head.uri().path());
    if target.len() + bytes.len().saturating_mul(4) / 3 > LONGEST_TARGET {
        return Ok(None);
    }
    URL_SAFE_NO_PAD.encode_string(bytes, &mut target);
    if let Some(encoding) = compression {
        target.push_str("&compression=");
        target.push_str(encoding.name());
    }
    let mut request = with_target(head.clone(), &target)?;
    *request.method_mut() = Method::GET;
    for name in NOT_BY_GET.into_iter().chain(NO_MESSAGE) {
        request.headers_mut().remove(name);
    }
    Ok(Some(request))
}

/// The same request for this path and query.
pub(super) fn with_target(mut request: Request<()>, target: &str) -> Result<Request<()>, Status> {
    let broken = |error: &dyn std::fmt::Display| Status::internal(error.to_string());
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(target.try_into().map_err(|error: InvalidUri| broken(&error))?);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|error| broken(&error))?;
    Ok(request)
}

/// Sends the messages of a stream in a task of their own: an upstream that says much shall not stop what it is told.
pub(super) fn pump(
    messages: Messages,
    sent: Sent,
    (body, uplink): (SendStream<Frame>, Uplink),
    fault: Arc<OnceLock<Status>>,
) -> Pump {
    let frames = Arc::new(Mutex::new(Some(Frames::new(messages, sent))));
    let up = Up {
        body,
        uplink,
        is_over: false,
    };
    let task = tokio::spawn(send_all(Arc::clone(&frames), up, fault)).abort_handle();
    Pump { task, frames }
}

/// A task that ends with the call.
#[derive(Debug)]
pub(super) struct Pump {
    task: AbortHandle,
    frames: Arc<Mutex<Option<Frames>>>,
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
        // At once, and not when the task has its turn: whoever answers the caller asks whether its request has ended.
        drop(self.frames.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// A request on its way up.
struct Up {
    body: SendStream<Frame>,
    uplink: Uplink,
    /// It has ended, or was broken off and the call has failed with it.
    is_over: bool,
}

/// With h2's handle goes a reset, unless the upstream has sent one itself.
impl Drop for Up {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let reset = self.body.poll_reset(&mut Context::from_waker(Waker::noop()));
        if reset.is_pending() {
            self.uplink.broke_off();
        }
    }
}

async fn send_all(frames: Arc<Mutex<Option<Frames>>>, mut up: Up, fault: Arc<OnceLock<Status>>) {
    let mut next = |cx: &mut Context<'_>| match &mut *frames.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(frames) => frames.poll_next(cx),
        // The call is over.
        None => Poll::Pending,
    };
    loop {
        let Some(frame) = poll_fn(&mut next).await else {
            // The reply says what became of a call that takes no more.
            let _ = up.body.send_data(Frame::default(), true);
            up.is_over = true;
            return;
        };
        let sent = match frame {
            Ok(frame) => send(&mut up.body, frame).await,
            Err(status) => {
                // Before the reset, which wakes who waits for the reply.
                let _ = fault.set(status);
                up.body.send_reset(Reason::CANCEL);
                up.is_over = true;
                return;
            }
        };
        if sent.is_none() {
            return;
        }
    }
}

/// Sends a frame as there is window for it, and holds the rest of it meanwhile. `None`: the upstream takes no more, and the reply says why.
async fn send(body: &mut SendStream<Frame>, mut frame: Frame) -> Option<()> {
    while frame.has_remaining() {
        // For all of it: where the window is used up, each of many calls that asked for a byte would be given one, and send it in a frame of
        // its own. An upstream takes only so many of these, and ends the connection then.
        body.reserve_capacity(frame.remaining());
        let room = match body.capacity() {
            // Perhaps none again.
            0 => poll_fn(|cx| body.poll_capacity(cx)).await?.ok()?,
            room => room,
        };
        if room == 0 {
            continue;
        }
        let part = if room < frame.remaining() {
            frame.split_to(room)
        } else {
            mem::take(&mut frame)
        };
        body.send_data(part, false).ok()?;
    }
    Some(())
}

/// The messages of a stream as they go up: as many to a frame as are there. Of frames of a few bytes an upstream takes only so many,
/// and ends the connection then, with all its calls.
#[derive(Debug)]
pub(super) struct Frames {
    messages: Messages,
    way: Sent,
    /// What was found behind the frame before, if something was.
    next: Poll<Option<Status>>,
}

impl Frames {
    pub(super) fn new(messages: Messages, way: Sent) -> Self {
        Self {
            messages,
            way,
            next: Poll::Pending,
        }
    }

    /// The next frame; `None` at the end. Not to be polled again after an error.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, Status>>> {
        if self.way.as_came {
            let next = ready!(self.messages.poll_batch(cx));
            return Poll::Ready(next.map(|batch| Frame::batch(batch?, self.way)));
        }
        if let Poll::Ready(end) = mem::replace(&mut self.next, Poll::Pending) {
            return Poll::Ready(end.map(Err));
        }
        let mut run = Growing::default();
        let next = loop {
            match self.messages.poll_next(cx) {
                Poll::Ready(Some(message)) => {
                    let added = message.and_then(|message| run.add(PLAIN, message.into_pieces()?));
                    match added {
                        Ok(()) if run.is_full() => break Poll::Pending,
                        Ok(()) => {}
                        Err(status) => break Poll::Ready(Some(status)),
                    }
                }
                Poll::Ready(None) => break Poll::Ready(None),
                Poll::Pending if run.is_empty() => return Poll::Pending,
                Poll::Pending => break Poll::Pending,
            }
        };
        match next {
            Poll::Ready(end) if run.is_empty() => Poll::Ready(end.map(Err)),
            next => {
                self.next = next;
                Poll::Ready(Some(Ok(Frame::from(run.into_run().into_pieces()))))
            }
        }
    }
}

/// A message in its envelope, messages that came in theirs, or the end of the stream.
pub(super) type Frame = Payload;

impl Frame {
    /// The one message of a body.
    pub(in crate::proxy) fn only(message: Message, speech: Speech, way: Sent) -> Result<Self, Status> {
        if speech.is_bare() {
            let bytes: Pieces = match way.encoding {
                Some(encoding) => match message.into_compressed(encoding) {
                    Ok(bytes) => bytes.into(),
                    Err(message) => message.into_pieces()?,
                },
                None => message.into_pieces()?,
            };
            return Ok(Self::from(bytes));
        }
        Self::message(message, way)
    }

    fn message(message: Message, way: Sent) -> Result<Self, Status> {
        let compressed = match way.encoding {
            Some(encoding) => message.into_compressed(encoding),
            None => Err(message),
        };
        let (flag, message) = match compressed {
            Ok(bytes) => (COMPRESSED, bytes.into()),
            Err(message) => (PLAIN, message.into_pieces()?),
        };
        let head = envelope::head(flag, message.len());
        let head = head.ok_or_else(envelope::too_large)?;
        Ok(Self::framed(head, message))
    }

    fn batch(batch: Batch, way: Sent) -> Result<Self, Status> {
        match batch {
            Batch::One(message) => Self::message(message, way),
            Batch::Run(run) => Ok(Self::from(run.into_pieces())),
        }
    }
}
