//! One attempt at a call: a request, and what came of it.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use bytes::Buf as _;
use descant_descriptors::Shape;
use h2::client::{ResponseFuture, SendRequest};
use http::{Request, Response};

use super::{
    codings::Sent,
    fate::{Failed, Fate, fate},
    header_list,
    json::{self, Reader},
    lease::Lease,
    line::{self, Body, Ready, Unanswered},
    pool,
    replies::{OnlyReply, Replies},
    reply::{self, First, Head, Source},
    request::{self, Frame, Pump},
    rest,
    sending::Sending,
    speech::{Speech, UpstreamCodec},
    status::{self, Stage},
    stream::{Broken, Stream},
};
use crate::{Answer, Coding, Messages, Reply, Status};

/// As [`Handler::check`](crate::Handler::check) has it, and each call that comes nevertheless.
pub(super) const NO_GRPC_OVER_HTTP1: &str =
    "speaks gRPC over HTTP/1.1, which has no room for its trailers; choose gRPC-Web or Connect, or HTTP/2";

/// What both ends of a call hold to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) speech: Speech,
    pub(super) codec: UpstreamCodec,
    pub(super) sent: Sent,
    pub(super) shape: Shape,
    /// How deep messages may nest that are JSON.
    pub(super) depth: u32,
    /// The method bears to be called twice.
    pub(super) repeats: bool,
    /// A reply without messages is known for that before its head goes on.
    pub(super) peeks: bool,
    /// The request carries the call's id.
    pub(super) named: bool,
}

/// Why a request ended, if it is the request that ended the call. Only one that is a stream can.
pub(super) type Fault = Option<Arc<OnceLock<Status>>>;

/// A request that is on its way. Ready once its reply has begun.
pub(super) struct Asked {
    awaited: Awaited,
    fault: Fault,
    terms: Terms,
    /// By what messages are read that come as JSON.
    json: Option<Box<Reader>>,
}

/// What is waited for. Small, for there is one for each call in flight; what is rare has a box of its own.
enum Awaited {
    /// The head of the reply. `written`: how often the connection was written to before the request.
    Http2 {
        response: ResponseFuture,
        lease: Lease,
        pump: Option<Pump>,
        written: u64,
    },
    Http1(Boxed<Sending>),
    /// What stands behind the head, without which that cannot be read.
    More(Boxed<Begun>),
    Nothing,
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Failed>> + Send>>;

/// A reply that has begun: the call will not be made again.
pub(super) struct Begun {
    pub(super) lease: Lease,
    pub(super) pump: Option<Pump>,
    pub(super) fault: Fault,
    pub(super) terms: Terms,
    pub(super) head: Beginning,
    pub(super) json: Option<Box<Reader>>,
}

pub(super) enum Beginning {
    Head(Head),
    /// A reply that is a message, without envelope.
    Bare(Response<Stream>),
}

/// A reply that is there, or that has to be waited for.
pub(super) enum Finish {
    Now(Result<Reply, Status>),
    Later(Answer<'static>),
}

/// The whole of an attempt.
pub(super) async fn exchange(
    ready: Ready,
    lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: Terms,
) -> Result<Reply, Status> {
    let begun = match ask(ready, lease, head, messages, terms) {
        Ok(asked) => asked.await,
        Err(failed) => Err(failed),
    };
    begun.map_err(|failed| failed.status)?.finish().await
}

/// Sends the request.
pub(super) fn ask(
    ready: Ready,
    lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: Terms,
) -> Result<Asked, Failed> {
    let mut fault = None;
    let awaited = match ready {
        Ready::Http2(requests) => over_http2(requests, lease, head, messages, &terms, &mut fault)?,
        Ready::Http1 => {
            let fault = Arc::clone(fault.get_or_insert_default());
            Awaited::Http1(Box::pin(over_http1(lease, head, messages, terms, fault)))
        }
    };
    Ok(Asked {
        awaited,
        fault,
        terms,
        json: None,
    })
}

/// The body of a request.
enum Going {
    Nothing,
    One(Frame),
    Many(Messages),
}

fn over_http2(
    mut requests: SendRequest<Frame>,
    mut lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: &Terms,
    fault: &mut Fault,
) -> Result<Awaited, Failed> {
    let taken = header_list::check(&head, lease.header_list(), lease.endpoint());
    taken.map_err(Failed::ours)?;
    let is_alone = is_alone(&head, &messages);
    // Before anything goes up: it may not be what it says it is.
    let body = match messages.try_one() {
        _ if is_alone => Going::Nothing,
        Ok((message, _)) => {
            let frame = Frame::only(message, terms.speech, terms.sent);
            Going::One(frame.map_err(Failed::ours)?)
        }
        Err(messages) => Going::Many(messages),
    };
    let written = lease.written();
    let (response, mut up) = match requests.send_request(head, is_alone) {
        Ok(opened) => opened,
        Err(error) => {
            lease.give_up();
            let status = lease.broken(&Broken::Http2(error), Stage::Asked);
            lease.came_to(Fate::Unsent);
            return Err(Failed::of(status, Fate::Unsent));
        }
    };
    lease.was_sent(match &body {
        Going::One(frame) => frame.remaining(),
        Going::Nothing | Going::Many(_) => 0,
    });
    let pump = match body {
        Going::Nothing => None,
        Going::One(frame) => {
            // An answer may have come already, with a reset behind it; then the response says so.
            let _ = up.send_data(frame, true);
            None
        }
        Going::Many(messages) => {
            let fault = Arc::clone(fault.get_or_insert_default());
            Some(request::pump(messages, terms.sent, (up, lease.uplink()), fault))
        }
    };
    Ok(Awaited::Http2 {
        response,
        lease,
        pump,
        written,
    })
}

/// Whether a head is all of a request. One by POST has a body, though it be empty.
fn is_alone(head: &Request<()>, messages: &Messages) -> bool {
    head.method() != http::Method::POST && messages.is_done()
}

async fn over_http1(
    mut lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: Terms,
    fault: Arc<OnceLock<Status>>,
) -> Result<Sending, Failed> {
    if terms.speech == Speech::Grpc {
        return Err(Failed::ours(Status::internal(format!(
            "the proxy {NO_GRPC_OVER_HTTP1}"
        ))));
    }
    let is_alone = is_alone(&head, &messages);
    let body = match messages.try_one() {
        _ if is_alone => Body::nothing(),
        Ok((message, _)) => {
            let frame = Frame::only(message, terms.speech, terms.sent);
            Body::whole(frame.map_err(Failed::ours)?)
        }
        Err(messages) if messages.is_done() => Body::nothing(),
        Err(messages) => Body::stream(messages, terms.sent, Arc::clone(&fault)),
    };
    let mut request = line::over_http1(head, body).map_err(Failed::ours)?;
    let fault = Some(fault);
    let mut found = None;
    for _ in 0..pool::ATTEMPTS {
        request = match lease.send(request).await {
            Ok(response) => return Sending::of(response, lease, None),
            Err(Unanswered::Broken(broken, fate)) => return Err(unanswered(&lease, &broken, fate, (&fault, &terms))),
            Err(Unanswered::Unsent(request)) => *request,
        };
        found = lease.fault();
        let again = lease.again().await;
        // Another address may be there.
        lease = again.map_err(|status| Failed::of(status, Fate::Unsent))?;
    }
    lease.came_to(Fate::Unreachable);
    let status = status::of_closed(found.as_deref(), lease.target());
    Err(Failed::of(status, Fate::Unreachable))
}

/// Why no reply came. Of a request that broke the upstream knows nothing. `lost`: how far a request came of which HTTP does not say so.
fn unanswered(lease: &Lease, broken: &Broken, lost: Fate, (fault, terms): (&Fault, &Terms)) -> Failed {
    if let Some(fault) = fault.as_ref().and_then(|fault| fault.get()) {
        return Failed::ours(fault.clone());
    }
    let status = lease.broken(broken, Stage::Asked);
    let fate = match fate(broken) {
        Fate::Lost => lost,
        said => said,
    };
    if fate == Fate::Unsent || fate == Fate::Closed {
        lease.came_to(fate);
    }
    if !lease.was_declined(broken, fate, terms.repeats) {
        lease.went_wrong(&status);
    }
    Failed::of(status, fate)
}

impl Asked {
    /// The messages of the reply come as JSON.
    pub(super) fn in_json(self, by: Reader) -> Self {
        let json = Some(Box::new(by));
        Self { json, ..self }
    }

    /// Waits for the response of HTTP/2.
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Sending, Failed>> {
        let response = match &mut self.awaited {
            Awaited::Http2 { response, .. } => ready!(Pin::new(response).poll(cx)),
            Awaited::Http1(sending) => return sending.as_mut().poll(cx),
            Awaited::More(_) | Awaited::Nothing => return Poll::Pending,
        };
        let Awaited::Http2 {
            lease, pump, written, ..
        } = mem::replace(&mut self.awaited, Awaited::Nothing)
        else {
            return Poll::Pending;
        };
        let most = lease.header_bytes();
        Poll::Ready(match response {
            Ok(response) => Sending::of(response.map(|body| Stream::Http2(body, most)), lease, pump),
            Err(error) => {
                let lost = if lease.written() == written {
                    Fate::Unsent
                } else {
                    Fate::Lost
                };
                Err(unanswered(
                    &lease,
                    &Broken::Http2(error),
                    lost,
                    (&self.fault, &self.terms),
                ))
            }
        })
    }
}

impl Future for Asked {
    type Output = Result<Begun, Failed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let asked = &mut *self;
        if !matches!(asked.awaited, Awaited::More(_)) {
            let mut sending = ready!(asked.poll_response(cx))?;
            let (fault, terms, json) = (asked.fault.take(), asked.terms, asked.json.take());
            sending.note(terms);
            if !sending.wants_more(terms) {
                return Poll::Ready(sending.begun(First::Unknown, fault, terms, json));
            }
            asked.awaited = Awaited::More(Box::pin(sending.read_more(fault, terms, json)));
        }
        match &mut asked.awaited {
            Awaited::More(more) => more.as_mut().poll(cx),
            Awaited::Http2 { .. } | Awaited::Http1(_) | Awaited::Nothing => Poll::Pending,
        }
    }
}

impl Begun {
    /// Reads the rest, as far as it has to be known.
    pub(super) async fn finish(self) -> Result<Reply, Status> {
        let mut begun = Some(self);
        let finish = poll_fn(|cx| match begun.take() {
            Some(begun) => Poll::Ready(begun.finish_now(cx)),
            None => Poll::Pending,
        });
        match finish.await {
            Finish::Now(reply) => reply,
            Finish::Later(reply) => reply.await,
        }
    }

    /// The same, as far as it is there: mostly all of a reply comes at once, and nothing of it has to be kept.
    pub(super) fn finish_now(mut self, cx: &mut Context<'_>) -> Finish {
        let Some(by) = self.json.take() else {
            return self.read(cx);
        };
        let of = match *by {
            Reader::Message(of) => of,
            Reader::Rest(reading) => return self.read_by_rule(reading),
        };
        let depth = self.terms.depth;
        match self.read(cx) {
            Finish::Now(reply) => Finish::Now(reply.and_then(|reply| json::down(reply, of, depth))),
            Finish::Later(reply) => Finish::Later(Box::pin(async move { json::down(reply.await?, of, depth) })),
        }
    }

    fn read_by_rule(self, reading: rest::Reading) -> Finish {
        let Beginning::Bare(response) = self.head else {
            let what = "an answer of REST has no envelopes";
            return Finish::Now(Err(Status::internal(what)));
        };
        let (lease, pump, fault, terms) = (self.lease, self.pump, self.fault, self.terms);
        Finish::Later(Box::pin(rest::reply(response, lease, pump, fault, terms, reading)))
    }

    fn read(self, cx: &mut Context<'_>) -> Finish {
        let Self {
            lease,
            pump,
            fault,
            terms,
            head,
            json: _,
        } = self;
        let Head {
            metadata,
            encoding,
            body,
        } = match head {
            Beginning::Head(head) => head,
            Beginning::Bare(response) => {
                return Finish::Later(Box::pin(async move { reply::unary(response, lease, &terms).await }));
            }
        };
        let mut replies = Replies::new(Source { body, lease, fault }, encoding, &terms, pump);
        let messages = match terms.shape {
            Shape::ServerStreaming | Shape::Bidi => Messages::stream(replies),
            shape => match replies.poll_only(cx) {
                Poll::Ready(only) => return Finish::Now(reply::only(metadata, only, terms.speech)),
                Poll::Pending if shape == Shape::Unary => {
                    return Finish::Later(Box::pin(async move {
                        let only = poll_fn(|cx| replies.poll_only(cx)).await;
                        reply::only(metadata, only, terms.speech)
                    }));
                }
                // The caller may wait for the head before it sends on.
                Poll::Pending => Messages::stream(OnlyReply::of(replies)),
            },
        };
        let mut reply = Reply::new(messages).with_metadata(metadata);
        reply.coding = Coding::AsCame(encoding);
        Finish::Now(Ok(reply))
    }
}
