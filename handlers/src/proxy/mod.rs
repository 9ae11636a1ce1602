//! Answers calls from a server of gRPC, gRPC-Web or Connect.
//!
//! ```text
//! Call -> request::head -> Pool::lease -> Line (one HTTP/2 connection) -> upstream
//! Reply <- reply::Replies <- DATA, trailers <---------------------------------+
//! ```
//! What the protocols differ in is `speech.rs`, and `connect.rs` for the JSON of Connect.
//! Messages go through as wire bytes: none is decoded. Each runtime has connections of its own, so that a call is not
//! handed from thread to thread. Source: gRPC over HTTP/2, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

mod backoff;
mod balance;
mod codings;
mod connect;
mod dial;
mod endpoint;
mod health;
mod json;
mod keeper;
mod lease;
mod line;
mod misfit;
mod options;
mod outlier;
mod pool;
mod reply;
mod request;
mod resolve;
mod silence;
mod speech;
mod status;
mod stream;
mod target;
mod upstream;
mod wire;

use std::{
    fmt,
    future::{poll_fn, ready},
    mem,
    sync::{Arc, OnceLock},
    time::Duration,
};

use descant_descriptors::{Idempotency, Method, Shape};
use h2::client::SendRequest;
use http::{Request, Response};

use self::{
    codings::Sent,
    lease::Lease,
    line::{Body, Ready, Unanswered},
    pool::Pools,
    reply::{First, Head, Replies, Source},
    request::{Frame, Pump},
    speech::Speech,
    stream::{Broken, Stream},
    target::Target,
    upstream::Upstream,
};
pub use self::{
    dial::Phases,
    misfit::{ConnectError, Misfit},
    options::{Balance, HealthCheck, Keepalive, Outlier, ProxyOptions},
    resolve::Resolve,
    speech::{UpstreamCodec, UpstreamProtocol},
    target::ProxyError,
};
use crate::{
    Answer, Call, Coding, Encoding, Encodings, Handler, Messages, Reply, Status, envelope::Envelopes, tls::ClientTls,
    trace::ClientSpan,
};

/// Answers every call, of whichever method, from a gRPC server over HTTP/2, or one of another protocol ([`UpstreamProtocol`]).
///
/// Metadata, messages, trailers and statuses with their details pass both ways; what is left of the deadline goes on
/// (`grpc-timeout`, `connect-timeout-ms`); a call that is given up is reset there too. The call's id goes on as `x-request-id`, in the place of what the
/// caller sent of that name. If the call is traced the upstream is told of a span of its own (`traceparent`); otherwise
/// what the caller said of its goes on as it is. Trailers of requests are not passed on, nor is what belongs to
/// HTTP or to a protocol.
///
/// Nobody looks into messages. Those of a stream go on in the envelopes that they came in, as many at a time as are there.
/// A compressed message goes on as it is where both sides take its coding: the upstream is offered what the caller takes, and is
/// sent what its replies say that it takes (`grpc-accept-encoding`), or what is said of it ([`ProxyOptions::encodings`]). Otherwise it
/// is inflated.
///
/// An upstream may have several addresses: those of a name, which is looked up again and again, or of several URLs. Each call goes
/// to one of them ([`Balance`]); those that fail, or say that they are unwell, get none for a while ([`Outlier`], [`HealthCheck`]).
///
/// Connections are made when they are first needed, by the runtime that the call runs on, and are kept. An upstream that cannot be
/// reached is UNAVAILABLE, with the reason, and is tried again after a while that grows with each failure. Nothing in a call
/// chooses the upstream. What changes is told as events of `tracing` with the target `descant.proxy`.
///
/// ```
/// use descant_handlers::Proxy;
///
/// let orders = Proxy::to("http://127.0.0.1:9000")?;
/// assert_eq!(orders.to_string(), "http://127.0.0.1:9000");
/// assert_eq!(
///     Proxy::to("ftp://files").unwrap_err().to_string(),
///     "upstream \"ftp://files\": ftp is not spoken; write http://HOST:PORT, https://HOST or unix:/PATH"
/// );
/// # Ok::<(), descant_handlers::ProxyError>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    upstream: Arc<Upstream>,
    pools: Arc<Pools>,
}

impl Proxy {
    /// A proxy to the server at `http://HOST:PORT` (without TLS), at `https://HOST:PORT` (port 80 and 443 unless they are written) or,
    /// on Unix, at the socket `unix:/PATH`. Nothing is connected yet.
    pub fn to(upstream: &str) -> Result<Self, ProxyError> {
        Self::to_each([upstream])
    }

    /// A proxy to several servers that do the same. Each is written as in [`Proxy::to`].
    pub fn to_each<U: AsRef<str>>(upstreams: impl IntoIterator<Item = U>) -> Result<Self, ProxyError> {
        let targets = upstreams.into_iter().map(|upstream| Target::parse(upstream.as_ref()));
        let targets: Vec<_> = targets.collect::<Result<_, _>>()?;
        if targets.is_empty() {
            return Err(ProxyError::nothing());
        }
        Ok(Self {
            upstream: Arc::new(Upstream::new(targets)),
            pools: Arc::default(),
        })
    }

    /// All that can be set.
    #[must_use]
    pub fn options(mut self, options: ProxyOptions) -> Self {
        self.change().options = options;
        self
    }

    /// Finds the addresses of names; the system's own resolver unless it is set.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.change().resolver = Arc::new(resolver);
        self
    }

    /// Whom to trust over TLS, and what to show: for `https://`, and for a Unix socket, which is spoken to over TLS from then on.
    /// The files are read now, and by [`Proxy::reload`]. Without this,
    /// servers are trusted that the platform trusts.
    pub fn tls(mut self, tls: ClientTls) -> Result<Self, ProxyError> {
        self.change().set_tls(tls)?;
        Ok(self)
    }

    /// Sets [`ProxyOptions::protocol`].
    #[must_use]
    pub fn protocol(mut self, protocol: UpstreamProtocol) -> Self {
        self.change().options.protocol = protocol;
        self
    }

    /// Calls the upstream over HTTP/1.1: [`ProxyOptions::http1`].
    #[must_use]
    pub fn http1(mut self) -> Self {
        self.change().options.http1 = true;
        self
    }

    /// Sets [`ProxyOptions::encodings`].
    #[must_use]
    pub fn encodings(mut self, codings: impl IntoIterator<Item = Encoding>) -> Self {
        self.change().options.encodings = codings.into_iter().collect();
        self
    }

    /// Sets [`ProxyOptions::message_bytes`].
    #[must_use]
    pub fn message_bytes(mut self, most: usize) -> Self {
        self.change().options.message_bytes = most;
        self
    }

    /// Sets [`ProxyOptions::connect_timeout`].
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.change().options.connect_timeout = time;
        self
    }

    /// Whether the upstream is called over TLS.
    pub fn speaks_tls(&self) -> bool {
        self.upstream.speaks_tls()
    }

    /// Connects now, for the calls of this runtime that are to come, to the first address that can be connected to, and says how
    /// long it took. Calls connect by themselves: this tells more of why it cannot be done.
    pub async fn connect(&self) -> Result<Phases, ConnectError> {
        self.pools.here(&self.upstream).connect_now().await
    }

    /// Reads certificates and keys from their files again, for connections to come; those that are open keep what they have. If
    /// something is wrong nothing changes.
    pub fn reload(&self) -> Result<(), ProxyError> {
        self.upstream.reload_tls()
    }

    /// What is to be changed. The clones of before keep what they have, and their connections.
    fn change(&mut self) -> &mut Upstream {
        self.pools = Arc::default();
        Arc::make_mut(&mut self.upstream)
    }

    async fn answer(&self, mut call: Call) -> Result<Reply, Status> {
        let options = &self.upstream.options;
        let shape = call.method.shape();
        let speech = options.protocol.speech(shape);
        let bare = if speech.is_bare() {
            Some(mem::replace(&mut call.messages, Messages::empty()).only().await?)
        } else {
            None
        };
        let key = balance::key(&options.balance, &call.metadata);
        let (ready, mut lease) = self.pools.here(&self.upstream).ready(key).await?;
        lease.wait_until(call.deadline);
        let mut terms = Terms {
            speech,
            codec: options.codec,
            sent: match &bare {
                Some(message) => lease.taken().for_message(message),
                None => lease.taken().for_call(&call),
            },
            offered: call.accepted,
            one_reply: matches!(shape, Shape::Unary | Shape::ClientStreaming),
            message_bytes: options.message_bytes,
        };
        let json = terms.codec == UpstreamCodec::Json;
        let (head, messages) = if let Some(mut message) = bare {
            if json {
                message = json::message(&message, &call.method.input(), terms.sent.encoding)?;
                terms.sent = lease.taken().for_message(&message);
            }
            let head = request::head(lease.target(), &terms, &mut call)?;
            let by_get = options.connect_get && call.method.idempotency() == Idempotency::NoSideEffects;
            let get = if by_get {
                request::get(&head, &message, &terms)?
            } else {
                None
            };
            (get.unwrap_or(head), Messages::one(message))
        } else {
            if json {
                call.messages = json::up(call.messages, call.method.input(), terms.sent.encoding)?;
            }
            (request::head(lease.target(), &terms, &mut call)?, call.messages)
        };
        let reply = exchange(ready, lease, head, messages, terms).await?;
        if json {
            json::down(reply, call.method.output())
        } else {
            Ok(reply)
        }
    }
}

/// What both ends of a call hold to.
#[derive(Clone, Copy, Debug)]
struct Terms {
    speech: Speech,
    codec: UpstreamCodec,
    sent: Sent,
    /// The codings that messages of the reply may have.
    offered: Encodings,
    one_reply: bool,
    /// Of a message of the reply, as it came and inflated.
    message_bytes: usize,
}

/// As [`Handler::check`] has it, and each call that comes nevertheless.
const NO_GRPC_OVER_HTTP1: &str =
    "speaks gRPC over HTTP/1.1, which has no room for its trailers; choose gRPC-Web or Connect, or HTTP/2";

/// One attempt at a call: sends the request, and reads its reply as far as it has to be known.
async fn exchange(
    ready: Ready,
    lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: Terms,
) -> Result<Reply, Status> {
    let fault = Arc::new(OnceLock::new());
    let Sending { lease, pump, response } = match ready {
        Ready::Http2(requests) => over_http2(requests, lease, head, messages, &terms, &fault).await?,
        Ready::Http1 => Box::pin(over_http1(lease, head, messages, &terms, &fault)).await?,
    };
    answered(lease, pump, response, fault, terms).await
}

/// A request whose reply has begun.
struct Sending {
    lease: Lease,
    pump: Option<Pump>,
    response: Response<Stream>,
}

async fn over_http2(
    mut requests: SendRequest<Frame>,
    lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: &Terms,
    fault: &Arc<OnceLock<Status>>,
) -> Result<Sending, Status> {
    let by_get = head.method() == http::Method::GET;
    let opened = requests.send_request(head, by_get);
    let (response, mut body) = opened.map_err(|error| lease.broken(&Broken::Http2(error)))?;
    let pump = match messages.try_one() {
        _ if by_get => None,
        Ok((message, _)) => {
            // An answer may have come already, with a reset behind it; then the response says so.
            let _ = body.send_data(Frame::only(message, terms.speech, terms.sent)?, true);
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
        Err(error) => Err(unanswered(&lease, &Broken::Http2(error), fault)),
    }
}

async fn over_http1(
    mut lease: Lease,
    head: Request<()>,
    messages: Messages,
    terms: &Terms,
    fault: &Arc<OnceLock<Status>>,
) -> Result<Sending, Status> {
    if terms.speech == Speech::Grpc {
        return Err(Status::internal(format!("the proxy {NO_GRPC_OVER_HTTP1}")));
    }
    let body = match messages.try_one() {
        _ if head.method() == http::Method::GET => Body::nothing(),
        Ok((message, _)) => Body::whole(Frame::only(message, terms.speech, terms.sent)?),
        Err(messages) => Body::stream(messages, terms.sent, Arc::clone(fault)),
    };
    let mut request = line::over_http1(head, body)?;
    for _ in 0..pool::ATTEMPTS {
        request = match lease.send(request).await {
            Ok(response) => {
                let pump = None;
                return Ok(Sending { lease, pump, response });
            }
            Err(Unanswered::Broken(broken)) => return Err(unanswered(&lease, &broken, fault)),
            Err(Unanswered::Unsent(request)) => *request,
        };
        lease = lease.again().await?;
    }
    let target = lease.target();
    Err(Status::unavailable(format!("{target} closes each connection at once")))
}

/// Why no reply came. Of a request that broke the upstream knows nothing.
fn unanswered(lease: &Lease, broken: &Broken, fault: &OnceLock<Status>) -> Status {
    if let Some(fault) = fault.get() {
        return fault.clone();
    }
    let status = lease.broken(broken);
    lease.went_wrong(&status);
    status
}

/// Reads a reply whose head came.
async fn answered(
    mut lease: Lease,
    pump: Option<Pump>,
    mut response: Response<Stream>,
    fault: Arc<OnceLock<Status>>,
    terms: Terms,
) -> Result<Reply, Status> {
    lease.taken().note(response.headers(), terms.speech);
    if response.body().is_end_stream() {
        lease.came_whole();
    }
    if terms.speech.is_bare() {
        // In a box: the futures of all calls are as large as the largest of these.
        return Box::pin(reply::unary(response, lease, &terms)).await;
    }
    let mut first = First::Unknown;
    if terms.speech == Speech::GrpcWeb && status::is_said(response.headers()) {
        let peeked = Box::pin(reply::peek(&mut response, &mut lease)).await;
        first = peeked.inspect_err(|status| lease.went_wrong(status))?;
    }
    let head = reply::head(response, first, &terms);
    let Head {
        metadata,
        encoding,
        body,
    } = head.inspect_err(|status| lease.went_wrong(status))?;
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

impl Handler for Proxy {
    // Not an `async fn`: its future would hold the call once more, for as long as the call runs.
    fn call<'this, 'answer>(&'this self, mut call: Call) -> Answer<'answer>
    where
        'this: 'answer,
    {
        let (address, port) = self.upstream.named();
        match ClientSpan::begin(&mut call, &address, port) {
            Ok(None) => Box::pin(self.answer(call)),
            Ok(Some(span)) => Box::pin(async move { span.follow(self.answer(call).await) }),
            Err(status) => Box::pin(ready(Err(status))),
        }
    }

    /// Whether TLS can be spoken, and the protocol over its version of HTTP.
    fn check(&self, _: &[Method]) -> Result<(), String> {
        let options = &self.upstream.options;
        if options.http1 && options.protocol == UpstreamProtocol::Grpc {
            return Err(NO_GRPC_OVER_HTTP1.to_owned());
        }
        let checked = self.upstream.check_tls();
        checked.map_err(|error| format!("cannot reach its {error}"))
    }
}

/// Where it goes.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.upstream.fmt(f)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proxy").field(&self.upstream).finish()
    }
}
