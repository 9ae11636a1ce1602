//! One attempt at a call: a request, and what came of it.

use std::{
    future::poll_fn,
    sync::{Arc, OnceLock},
    time::Duration,
};

use descant_descriptors::MessageType;
use h2::{Reason, client::SendRequest};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};

use super::{
    codings::Sent,
    json,
    lease::Lease,
    line::{self, Body, Ready, Unanswered},
    pool::{self, Refusal},
    reply::{self, First, Head, Replies, Source},
    request::{self, Frame, Pump},
    speech::{Speech, UpstreamCodec},
    status,
    stream::{Broken, Stream},
};
use crate::{Coding, Encodings, Messages, Reply, Status, envelope::Envelopes};

/// How long the upstream wants the next attempt to wait. gRFC A6, "Pushback".
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// As [`Handler::check`](crate::Handler::check) has it, and each call that comes nevertheless.
pub(super) const NO_GRPC_OVER_HTTP1: &str =
    "speaks gRPC over HTTP/1.1, which has no room for its trailers; choose gRPC-Web or Connect, or HTTP/2";

/// What both ends of a call hold to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) speech: Speech,
    pub(super) codec: UpstreamCodec,
    pub(super) sent: Sent,
    /// The codings that messages of the reply may have.
    pub(super) offered: Encodings,
    pub(super) one_reply: bool,
    /// Of a message of the reply, as it came and inflated.
    pub(super) message_bytes: usize,
    /// How deep messages may nest that are JSON.
    pub(super) depth: u32,
}

/// What became of an attempt that brought no reply.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) status: Status,
    pub(super) fate: Fate,
    pub(super) pushback: Option<Pushback>,
}

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is the call's own fault, or that of a limit: another one would end alike.
    Ours,
    /// There was no connection.
    Unreachable,
    /// There was one, and nothing of the request left on it.
    Unsent,
    /// The upstream says that nobody there has looked at it.
    Refused,
    /// The upstream closed a connection of HTTP/1.1 that it had kept, instead of an answer: mostly it was about to, and has not read the
    /// request, but that is not known.
    Closed,
    /// The upstream may have acted on it, and has not said how that went.
    Lost,
    /// The upstream said so, and nothing else.
    Answered,
}

/// What the upstream says of another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushback {
    Never,
    After(Duration),
}

impl Failed {
    /// The call itself cannot go on.
    pub(super) fn ours(status: Status) -> Self {
        Self::of(status, Fate::Ours)
    }

    fn of(status: Status, fate: Fate) -> Self {
        Self {
            status,
            fate,
            pushback: None,
        }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full(status) => Failed::ours(status),
            Refusal::Unreachable(status) => Failed::of(status, Fate::Unreachable),
        }
    }
}

/// What a header says of another attempt; what cannot be read forbids it, as in gRPC's own clients.
fn pushback(headers: &HeaderMap) -> Option<Pushback> {
    let said = headers.get(&PUSHBACK)?;
    let time = said.to_str().ok().and_then(|said| said.parse::<u32>().ok());
    Some(time.map_or(Pushback::Never, |ms| Pushback::After(Duration::from_millis(ms.into()))))
}

/// What of an attempt reached the upstream, as HTTP/2 tells it.
///
/// h2 ends a call with a GOAWAY of the other side only if that names a stream below it, or came before it was opened: those that the
/// upstream may have seen go on, and end with the connection, as an error of I/O.
fn fate(broken: &Broken) -> Fate {
    match broken {
        Broken::Http2(error) if error.is_remote() && error.is_go_away() => Fate::Refused,
        Broken::Http2(error) if error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM) => Fate::Refused,
        _ => Fate::Lost,
    }
}

/// A request whose reply has begun.
struct Sending {
    lease: Lease,
    pump: Option<Pump>,
    response: Response<Stream>,
}

/// A reply that has begun: the call will not be made again.
pub(super) struct Begun {
    lease: Lease,
    pump: Option<Pump>,
    fault: Arc<OnceLock<Status>>,
    terms: Terms,
    head: Beginning,
    /// What messages are that come as JSON.
    json: Option<MessageType>,
}

enum Beginning {
    Head(Head),
    /// A reply that is a message, without envelope.
    Bare(Response<Stream>),
}

/// The whole of an attempt.
pub(super) async fn exchange(
    ready: Ready,
    lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: Terms,
) -> Result<Reply, Status> {
    let begun = begin(ready, lease, head, messages, terms).await;
    begun.map_err(|failed| failed.status)?.finish().await
}

/// Sends the request, and waits until its reply begins.
pub(super) async fn begin(
    ready: Ready,
    lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: Terms,
) -> Result<Begun, Failed> {
    let fault = Arc::new(OnceLock::new());
    let sending = match ready {
        Ready::Http2(requests) => over_http2(requests, lease, head, messages, &terms, &fault).await?,
        Ready::Http1 => Box::pin(over_http1(lease, head, messages, &terms, &fault)).await?,
    };
    answered(sending, fault, terms).await
}

async fn over_http2(
    mut requests: SendRequest<Frame>,
    lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: &Terms,
    fault: &Arc<OnceLock<Status>>,
) -> Result<Sending, Failed> {
    let by_get = head.method() == http::Method::GET;
    let written = lease.written();
    let (response, mut body) = match requests.send_request(head, by_get) {
        Ok(opened) => opened,
        Err(error) => {
            lease.give_up();
            return Err(Failed::of(lease.broken(&Broken::Http2(error)), Fate::Unsent));
        }
    };
    let pump = match messages.try_one() {
        _ if by_get => None,
        Ok((message, _)) => {
            let frame = Frame::only(message, terms.speech, terms.sent).map_err(Failed::ours)?;
            // An answer may have come already, with a reset behind it; then the response says so.
            let _ = body.send_data(frame, true);
            None
        }
        Err(messages) => Some(request::pump(messages, terms.sent, body, Arc::clone(fault))),
    };
    match response.await {
        Ok(response) => Ok(Sending {
            response: response.map(Stream::Http2),
            lease,
            pump,
        }),
        Err(error) => {
            let mut failed = unanswered(&lease, &Broken::Http2(error), fault);
            if failed.fate == Fate::Lost && lease.written() == written {
                failed.fate = Fate::Unsent;
            }
            Err(failed)
        }
    }
}

async fn over_http1(
    mut lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: &Terms,
    fault: &Arc<OnceLock<Status>>,
) -> Result<Sending, Failed> {
    if terms.speech == Speech::Grpc {
        return Err(Failed::ours(Status::internal(format!(
            "the proxy {NO_GRPC_OVER_HTTP1}"
        ))));
    }
    let body = match messages.try_one() {
        _ if head.method() == http::Method::GET => Body::nothing(),
        Ok((message, _)) => Body::whole(Frame::only(message, terms.speech, terms.sent).map_err(Failed::ours)?),
        Err(messages) => Body::stream(messages, terms.sent, Arc::clone(fault)),
    };
    let mut request = line::over_http1(head, body).map_err(Failed::ours)?;
    for _ in 0..pool::ATTEMPTS {
        request = match lease.send(request).await {
            Ok(response) => {
                let pump = None;
                return Ok(Sending { lease, pump, response });
            }
            Err(Unanswered::Broken(broken, fate)) => {
                let mut failed = unanswered(&lease, &broken, fault);
                if failed.fate == Fate::Lost {
                    failed.fate = fate;
                }
                return Err(failed);
            }
            Err(Unanswered::Unsent(request)) => *request,
        };
        let again = lease.again().await;
        lease = again.map_err(|status| Failed::of(status, Fate::Unreachable))?;
    }
    let status = Status::unavailable(format!("{} closes each connection at once", lease.target()));
    Err(Failed::of(status, Fate::Unreachable))
}

/// Why no reply came. Of a request that broke the upstream knows nothing.
fn unanswered(lease: &Lease, broken: &Broken, fault: &OnceLock<Status>) -> Failed {
    if let Some(fault) = fault.get() {
        return Failed::ours(fault.clone());
    }
    let status = lease.broken(broken);
    lease.went_wrong(&status);
    Failed::of(status, fate(broken))
}

/// Reads the head of a reply.
async fn answered(sending: Sending, fault: Arc<OnceLock<Status>>, terms: Terms) -> Result<Begun, Failed> {
    let Sending {
        mut lease,
        pump,
        mut response,
    } = sending;
    lease.taken().note(response.headers(), terms.speech);
    let alone = response.body().is_end_stream();
    if alone {
        lease.came_whole();
    }
    let is_error = response.status() != StatusCode::OK;
    let mut first = First::Unknown;
    if terms.speech == Speech::GrpcWeb && status::is_said(response.headers()) {
        let peeked = Box::pin(reply::peek(&mut response, &mut lease)).await;
        first = peeked.map_err(|status| {
            lease.went_wrong(&status);
            Failed::of(status, Fate::Lost)
        })?;
    }
    let pushback = if alone || is_error || matches!(first, First::End) {
        pushback(response.headers())
    } else {
        None
    };
    let failed = |status| {
        let mut failed = Failed::of(status, Fate::Answered);
        failed.pushback = pushback;
        failed
    };
    let head = if !terms.speech.is_bare() {
        match reply::head(response, first, &terms) {
            Ok(head) => Beginning::Head(head),
            Err(status) => {
                lease.went_wrong(&status);
                return Err(failed(status));
            }
        }
    } else if is_error {
        let told = Box::pin(reply::unary(response, lease, &terms)).await;
        let mistaken = || Status::internal("the upstream calls an error what is none");
        return Err(failed(told.err().unwrap_or_else(mistaken)));
    } else {
        Beginning::Bare(response)
    };
    Ok(Begun {
        lease,
        pump,
        fault,
        terms,
        head,
        json: None,
    })
}

impl Begun {
    /// Its messages are of this type, and come as JSON.
    pub(super) fn in_json(self, of: MessageType) -> Self {
        Self { json: Some(of), ..self }
    }

    /// Reads the rest, as far as it has to be known.
    pub(super) async fn finish(mut self) -> Result<Reply, Status> {
        match self.json.take() {
            Some(of) => {
                let depth = self.terms.depth;
                json::down(self.read().await?, of, depth)
            }
            None => self.read().await,
        }
    }

    async fn read(self) -> Result<Reply, Status> {
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
            // In a box: the futures of all calls are as large as the largest of these.
            Beginning::Bare(response) => return Box::pin(reply::unary(response, lease, &terms)).await,
        };
        let mut replies = Replies {
            source: Source { body, lease, fault },
            envelopes: Envelopes::new(terms.message_bytes),
            encoding,
            speech: terms.speech,
            limit: terms.message_bytes,
            said: None,
            trailers: None,
            cut: None,
            _pump: pump,
            first: None,
        };
        if terms.one_reply {
            let only = poll_fn(|cx| replies.poll_only(cx)).await;
            return reply::whole(metadata, only);
        }
        let mut reply = Reply::new(Messages::stream(replies)).with_metadata(metadata);
        reply.coding = Coding::AsCame(encoding);
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pushback_is_a_number_of_milliseconds_or_a_no() {
        assert_eq!(pushback(&HeaderMap::new()), None);
        for (said, expected) in [
            ("0", Pushback::After(Duration::ZERO)),
            ("1500", Pushback::After(Duration::from_millis(1500))),
            ("-1", Pushback::Never),
            ("soon", Pushback::Never),
            ("99999999999", Pushback::Never),
        ] {
            let headers = [(PUSHBACK, said.parse().unwrap())];
            assert_eq!(pushback(&headers.into_iter().collect()), Some(expected), "{said}");
        }
    }
}
