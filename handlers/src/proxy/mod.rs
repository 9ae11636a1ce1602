//! Answers calls from a server of gRPC, gRPC-Web, Connect or REST.
//!
//! ```text
//! Call -> request::head -> Pool::ready -> Line (one connection) -> upstream
//! Reply <- replies::Replies <- DATA, trailers <---------------------------------+
//! ```
//! What the protocols differ in is `speech.rs`, `connect.rs` for the JSON of Connect, and `rest/`.
//! Messages go through as wire bytes: none is decoded, unless the upstream is to get JSON. Each runtime has connections of its own, so that a call is not
//! handed from thread to thread. Source: gRPC over HTTP/2, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

mod answering;
mod backoff;
mod balance;
mod codings;
mod connect;
mod dial;
mod endpoint;
mod exchange;
mod fate;
mod forwarded;
mod gauge;
mod header_list;
mod health;
mod json;
mod keeper;
mod lease;
mod ledger;
mod line;
mod misfit;
mod options;
mod outlier;
mod pick;
mod pool;
mod pools;
mod queue;
mod replies;
mod reply;
mod request;
mod resolve;
mod rest;
mod retry;
mod sending;
mod service_config;
mod silence;
mod speech;
mod status;
mod stream;
mod target;
mod time_limit;
mod upstream;
mod wire;

use std::{fmt, future::ready, mem, sync::Arc, time::Duration};

use descant_descriptors::{Idempotency, Method};
use http::Request;
use tokio::runtime::Handle;

use self::{
    answering::Answering,
    exchange::{Asked, Begun, NO_GRPC_OVER_HTTP1, Terms, ask},
    fate::{Failed, Fate},
    lease::Lease,
    ledger::Tally,
    line::Ready,
    pool::Want,
    pools::Pools,
    retry::{Course, Spare, Throttle, Tried, Trip},
    service_config::Policy,
    speech::Speech,
    target::Target,
    time_limit::TimeLimit,
    upstream::Upstream,
};
pub use self::{
    dial::Phases,
    forwarded::Forwarded,
    misfit::{ConnectError, Misfit},
    options::{Balance, HealthCheck, Keepalive, Outlier, ProxyOptions},
    resolve::Resolve,
    service_config::{ServiceConfig, ServiceConfigError, ServiceConfigFault, Step},
    speech::{UpstreamCodec, UpstreamProtocol},
    target::{Authority, ProxyError},
};
use crate::{
    Answer, Call, Encoding, Handler, Message, Messages, Reply, Status,
    tls::ClientTls,
    trace::ClientSpan,
    upstreams::{AttemptLog, UpstreamCounts, UpstreamStatistics},
};

/// Answers every call, of whichever method, from a gRPC server over HTTP/2, or one of another protocol ([`UpstreamProtocol`]).
///
/// Metadata, messages, trailers and statuses with their details pass both ways; what is left of the deadline goes on
/// (`grpc-timeout`, `connect-timeout-ms`); a call that is given up is reset there too. The call's id goes on as `x-request-id`, in the place of what the
/// caller sent of that name. If the call is traced the upstream is told of a span of its own (`traceparent`); otherwise
/// what the caller said of its goes on as it is. Trailers of requests are not passed on, nor is what belongs to
/// HTTP or to a protocol.
///
/// Nobody looks into messages, unless the upstream is to get JSON. Those of a stream go on in the envelopes that they came in, as many at a time as are there.
/// A compressed message goes on as it is where both sides take its coding: the upstream is offered what the caller takes, and is
/// sent what its replies say that it takes (`grpc-accept-encoding`), or what is said of it ([`ProxyOptions::encodings`]). Otherwise it
/// is inflated.
///
/// An upstream may have several addresses: those of a name, which is looked up again and again, or of several URLs. Each call goes
/// to one of them ([`Balance`]); those that fail, or say that they are unwell, get none for a while ([`Outlier`], [`HealthCheck`]).
///
/// Connections are made by the runtime that the call runs on, when they are first needed, and are kept; the first to each address when
/// a gateway begins to serve ([`ProxyOptions::warm_up`]). An upstream that cannot be
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
        let upstream = Arc::new(Upstream::new(targets));
        let pools = Pools::new(&upstream);
        Ok(Self { upstream, pools })
    }

    /// All that can be set.
    #[must_use]
    pub fn options(mut self, options: ProxyOptions) -> Self {
        let protocol = options.protocol;
        self.change().options = options;
        self.protocol(protocol)
    }

    /// All that is set.
    pub fn chosen(&self) -> &ProxyOptions {
        &self.upstream.options
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

    /// What requests say in `:authority`, in the place of the host and port of the URL; over TLS the server is asked for that host, which its
    /// certificate must have, unless [`ClientTls::server_name`] names another.
    #[must_use]
    pub fn authority(mut self, name: &Authority) -> Self {
        self.change().set_authority(name);
        self
    }

    /// Sets [`ProxyOptions::protocol`].
    #[must_use]
    pub fn protocol(mut self, protocol: UpstreamProtocol) -> Self {
        let options = &mut self.change().options;
        options.protocol = protocol;
        if protocol == UpstreamProtocol::Rest {
            // So that others need not ask.
            options.codec = UpstreamCodec::Json;
        }
        self
    }

    /// Calls the upstream over HTTP/1.1: [`ProxyOptions::http1`].
    #[must_use]
    pub fn http1(mut self) -> Self {
        self.change().options.http1 = true;
        self
    }

    /// Sends the messages of streams as JSON arrays: [`ProxyOptions::rest_array`].
    #[must_use]
    pub fn rest_array(mut self) -> Self {
        self.change().options.rest_array = true;
        self
    }

    /// Sets [`ProxyOptions::encodings`].
    #[must_use]
    pub fn encodings(mut self, codings: impl IntoIterator<Item = Encoding>) -> Self {
        self.change().options.encodings = codings.into_iter().collect();
        self
    }

    /// Sets [`ProxyOptions::forwarded`].
    #[must_use]
    pub fn forwarded(mut self, forwarded: Forwarded) -> Self {
        self.change().options.forwarded = forwarded;
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

    /// What was counted up to now of its calls, and of those of its clones. For metrics there is [`Handler::upstreams`].
    pub fn statistics(&self) -> UpstreamStatistics {
        self.pools.ledger().read()
    }

    /// What is to be changed. The clones of before keep what they have, and their connections.
    fn change(&mut self) -> &mut Upstream {
        self.pools = Pools::new(&self.upstream);
        let upstream = Arc::make_mut(&mut self.upstream);
        upstream.forget_tls();
        upstream
    }

    /// Whether a call may be sent as it is.
    fn goes_as_it_is(&self, call: &Call) -> bool {
        // Whoever makes the answer where there is no runtime has it polled where there is one.
        self.is_plain() && !self.wants_whole(call) && Handle::try_current().is_ok()
    }

    /// Sends a call of which nothing is said, if there is a connection for it. It stays where it is: each function that it is handed to would
    /// have a copy of it.
    fn sent_now(&self, call: &mut Call) -> Option<Answer<'_>> {
        let pool = self.pools.here(&self.upstream);
        let place = pool.ready_now(self.want(call, Trip::ONLY))?;
        Some(Box::pin(Answering::sent(self, place, call)))
    }

    /// Sends such a call once there is a connection for it.
    fn sent_later(&self, call: Call) -> Answering<'_> {
        let pool = self.pools.here(&self.upstream);
        let want = self.want(&call, Trip::ONLY);
        Answering::placed(self, Box::pin(async move { pool.ready(want).await }), call)
    }

    /// Whether nothing is said of any call.
    fn is_plain(&self) -> bool {
        let options = &self.upstream.options;
        options.service_config.is_empty() && options.timeout.is_none()
    }

    /// Whether the one message of a call has to be there before it can be sent.
    fn wants_whole(&self, call: &Call) -> bool {
        self.upstream.options.protocol.speech(call.method.shape()).is_bare()
    }

    /// Answers any call.
    async fn prepared(&self, mut call: Call) -> Result<Reply, Status> {
        if self.upstream.options.protocol == UpstreamProtocol::Rest {
            rest::begin(&mut call, self.upstream.options.depth).await?;
        } else if self.wants_whole(&call) {
            let message = mem::replace(&mut call.messages, Messages::empty()).only().await?;
            call.messages = Messages::one(message);
        }
        if self.is_plain() {
            return match self.sent_now(&mut call) {
                Some(answer) => answer.await,
                None => self.sent_later(call).await,
            };
        }
        Box::pin(self.as_configured(call)).await
    }

    /// Sends a call again that failed, if it can be.
    fn again(&self, spare: Option<Spare>, tried: Tried, failed: Failed) -> Answer<'_> {
        match spare {
            Some(spare) => Box::pin(Course::new(self, None, spare, tried, false).run(Some(failed))),
            None => Box::pin(ready(Err(failed.status))),
        }
    }

    /// Answers a call of which something is said.
    async fn as_configured(&self, mut call: Call) -> Result<Reply, Status> {
        let options = &self.upstream.options;
        let config = options.service_config.of(&call.method).map(|config| &**config);
        let limit = TimeLimit::from_now(options.timeout, config.and_then(|config| config.timeout), &mut call);
        let wait = config.is_some_and(|config| config.wait_for_ready);
        let policy = config.and_then(|config| config.policy.as_ref());
        let of_stream = policy.map_or_else(|| options.unseen_bytes(), |_| options.retry_bytes);
        let tried = Tried::told_to(call.extensions.get().cloned());
        let spare = Spare::of(call, options.retry_bytes, of_stream)?;
        let answer: Answer<'_> = match policy {
            None => Box::pin(Course::new(self, None, spare, tried, wait).run(None)),
            Some(Policy::Retry(policy)) => Box::pin(Course::new(self, Some(policy), spare, tried, wait).run(None)),
            Some(Policy::Hedge(policy)) => Box::pin(retry::hedge(self, policy, spare, tried, wait)),
        };
        match limit {
            Some(limit) => limit.bound(answer).await,
            None => answer.await,
        }
    }

    /// One attempt at a call, up to the head of its reply.
    async fn attempt(&self, mut call: Call, trip: Trip<'_>) -> Result<Begun, Failed> {
        let place = self.pools.here(&self.upstream).ready(self.want(&call, trip)).await?;
        let log = trip.tried.and_then(Tried::log);
        let asked = log.map(|log| (log, Arc::clone(place.1.endpoint())));
        let begun = self.ask(place, &mut call, trip)?.await;
        let is_answer = match &begun {
            Ok(_) => true,
            Err(failed) => matches!(failed.fate, Fate::Answered | Fate::Begun | Fate::Lost),
        };
        if let Some((log, endpoint)) = asked.filter(|_| is_answer) {
            log.answered(&endpoint.address);
        }
        begun
    }

    /// What a call wants of its place.
    fn want<'t>(&self, call: &Call, trip: Trip<'t>) -> Want<'t> {
        Want {
            key: balance::key(&self.upstream.options.balance, &call.metadata),
            tried: trip.tried.filter(|tried| !tried.is_empty()),
            dials: 1,
            behind: false,
            wait: trip.wait,
            deadline: call.deadline.filter(|_| trip.wait).map(Into::into),
            attempt: trip.attempt,
        }
    }

    /// Sends a call on a connection.
    fn ask(&self, (ready, mut lease): (Ready, Lease), call: &mut Call, trip: Trip<'_>) -> Result<Asked, Failed> {
        let options = &self.upstream.options;
        let shape = call.method.shape();
        let speech = options.protocol.speech(shape);
        lease.wait_until(call.deadline);
        lease.begin(trip.attempt);
        if let Some(tried) = trip.tried {
            tried.add(lease.endpoint());
        }
        let mut terms = Terms {
            speech,
            codec: options.codec,
            sent: lease.taken().for_call(call),
            shape,
            depth: options.depth,
            repeats: call.method.idempotency() != Idempotency::Unknown,
            // Whoever sends a stream may wait for the head before it sends on.
            peeks: trip.peeks && !call.method.client_streaming(),
            named: options.request_ids,
        };
        let messages = mem::replace(&mut call.messages, Messages::empty());
        let request = match messages.try_one() {
            Ok((message, _)) if speech.is_bare() => {
                terms.sent = lease.taken().for_message(&message);
                self.bare(message, call, &lease, &mut terms, trip.before)
            }
            Ok((message, _)) => Self::enveloped(Messages::one(message), call, &lease, &mut terms, trip.before),
            Err(messages) => Self::enveloped(messages, call, &lease, &mut terms, trip.before),
        };
        let (mut head, messages) = request.map_err(Failed::ours)?;
        let log = match trip.tried {
            Some(tried) => tried.log(),
            None => call.extensions.get::<AttemptLog>(),
        };
        if let Some(log) = log {
            log.begun(&lease.endpoint().address);
        }
        match terms.codec {
            UpstreamCodec::Proto => ask(ready, lease, head, messages, terms),
            UpstreamCodec::Json => {
                let reader = json::Reader::of(&mut head, &call.method);
                Ok(ask(ready, lease, head, messages, terms)?.in_json(reader))
            }
        }
    }

    /// A request whose body, or query, is its message.
    fn bare(
        &self,
        mut message: Message,
        call: &mut Call,
        lease: &Lease,
        terms: &mut Terms,
        before: u32,
    ) -> Result<(Request<()>, Messages), Status> {
        if terms.codec == UpstreamCodec::Json {
            if terms.speech == Speech::Rest {
                return rest::one(message, call, lease, terms, before);
            }
            message = json::message(&message, &call.method.input(), terms)?;
            terms.sent = lease.taken().for_message(&message);
        }
        let head = request::head(lease.target(), terms, call, before)?;
        let by_get = self.upstream.options.connect_get && call.method.idempotency() == Idempotency::NoSideEffects;
        let get = if by_get {
            request::get(&head, &message, terms)?
        } else {
            None
        };
        Ok(match get {
            Some(get) => (get, Messages::empty()),
            None => (head, Messages::one(message)),
        })
    }

    /// A request whose messages have envelopes.
    fn enveloped(
        mut messages: Messages,
        call: &mut Call,
        lease: &Lease,
        terms: &mut Terms,
        before: u32,
    ) -> Result<(Request<()>, Messages), Status> {
        if terms.codec == UpstreamCodec::Json {
            if terms.speech == Speech::Rest {
                return rest::stream(messages, call, lease, terms, before);
            }
            messages = json::up(messages, call.method.input(), terms)?;
        }
        Ok((request::head(lease.target(), terms, call, before)?, messages))
    }

    /// What holds attempts back that are made again, if something does.
    fn throttle(&self) -> Option<&Throttle> {
        self.pools.throttle(&self.upstream).map(|throttle| &**throttle)
    }

    /// What this runtime counts.
    fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.pools.here(&self.upstream).tally)
    }
}

impl Handler for Proxy {
    // Not an `async fn`: its future would hold the call once more, for as long as the call runs.
    fn call<'this, 'answer>(&'this self, mut call: Call) -> Answer<'answer>
    where
        'this: 'answer,
    {
        let (address, port) = self.upstream.named();
        let version = if self.upstream.options.http1 { "1.1" } else { "2" };
        let span = match ClientSpan::begin(&mut call, &address, port, version) {
            Ok(span) => span,
            Err(status) => return Box::pin(ready(Err(status))),
        };
        self.upstream.options.forwarded.tell(&mut call);
        let answer: Answer<'_> = if self.goes_as_it_is(&call) {
            match self.sent_now(&mut call) {
                Some(answer) => answer,
                None => Box::pin(self.sent_later(call)),
            }
        } else {
            Box::pin(self.prepared(call))
        };
        match span {
            None => answer,
            Some(span) => Box::pin(async move { span.follow(answer.await) }),
        }
    }

    /// Whether TLS can be spoken, and the protocol over its version of HTTP, and to each method.
    fn check(&self, methods: &[Method]) -> Result<(), String> {
        let options = &self.upstream.options;
        if options.protocol == UpstreamProtocol::Rest {
            rest::check(methods, options)?;
        }
        if options.http1 && options.protocol == UpstreamProtocol::Grpc {
            return Err(NO_GRPC_OVER_HTTP1.to_owned());
        }
        let checked = self.upstream.check_tls();
        checked.map_err(|error| format!("cannot reach its {error}"))
    }

    /// Looks names up, asks after health and keeps connections, as is set; and connects, if that is wanted. Servers of HTTP/1.1 close what is
    /// idle within seconds, and each connection there is for one call.
    fn begin(&self) {
        let pool = self.pools.begin(&self.upstream);
        if self.upstream.options.warm_up && !self.upstream.options.http1 {
            pool.warm_up();
        }
    }

    /// Does none of that any more on this runtime, once it has ended as often as it has begun there. Connections without calls close,
    /// and the others after their calls.
    fn end(&self) {
        self.pools.end();
    }

    fn upstreams(&self) -> Vec<Arc<dyn UpstreamCounts>> {
        vec![self.pools.ledger()]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, fixtures};

    #[test]
    fn a_call_may_be_made_before_there_is_a_runtime() {
        let proxy = Proxy::to("http://127.0.0.1:1").unwrap();
        let answer = proxy.call(Call::new(fixtures::method("Get"), Messages::empty()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let status = runtime.unwrap().block_on(answer).unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }
}
