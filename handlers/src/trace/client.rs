//! The span of what is called for a call.

use std::{
    fmt,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use super::{Span, SpanKind, SpanStart, Value, attributes};
use crate::{
    Call, Code, Message, MessageStream, Messages, Metadata, Reply, Status, envelope::Batch, leaving,
    upstreams::AttemptLog,
};

/// A call that is made for another one: of an upstream server. Dropped before it is known how it ends, it was given up, for its time if that is over.
pub struct ClientSpan {
    /// `None` once it is told how it ended.
    span: Option<Box<dyn Span>>,
    deadline: Option<Instant>,
    /// See [`leaving::rounding`].
    rounding: Duration,
    /// Which address answers.
    attempts: Option<AttemptLog>,
}

impl ClientSpan {
    /// Begins it, and tells the upstream of it in the call's metadata; `None` if nobody traces the call. `address` and `port` are the
    /// server's, as it is known to those who call it; `version` that of HTTP, by which it is called.
    pub fn begin(call: &mut Call, address: &str, port: Option<u16>, version: &str) -> Result<Option<Self>, Status> {
        let Some(trace) = &call.trace else {
            return Ok(None);
        };
        let name = call.method.path().strip_prefix('/').unwrap_or_default();
        let facts = [
            (attributes::RPC_SYSTEM_NAME, Value::Text("grpc")),
            (attributes::RPC_METHOD, Value::Text(name)),
            (attributes::SERVER_ADDRESS, Value::Text(address)),
            (attributes::SERVER_PORT, Value::Number(port.unwrap_or_default().into())),
        ];
        let known = if port.is_some() { &facts[..] } else { &facts[..3] };
        let mut span = trace.begin(&SpanStart::new(name, SpanKind::Client, known));
        if span.is_recording() {
            let transport = if port.is_some() { "tcp" } else { "unix" };
            span.set(attributes::NETWORK_TRANSPORT, Value::Text(transport));
            span.set(attributes::NETWORK_PROTOCOL_NAME, Value::Text("http"));
            span.set(attributes::NETWORK_PROTOCOL_VERSION, Value::Text(version));
        }
        let attempts = span.is_recording().then(|| AttemptLog::of(call));
        if let Some(context) = span.context() {
            context.write(&mut call.metadata)?;
        }
        let allowed = call
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        Ok(Some(Self {
            span: Some(span),
            deadline: call.deadline,
            rounding: allowed.map(leaving::rounding).unwrap_or_default(),
            attempts,
        }))
    }

    /// Watches an answer to its end.
    pub fn follow(mut self, answer: Result<Reply, Status>) -> Result<Reply, Status> {
        let mut reply = answer.inspect_err(|status| self.end(status.code()))?;
        reply.messages = match reply.messages.try_one() {
            Ok((message, trailers)) => {
                self.end(Code::Ok);
                Messages::one(message).with_trailers(trailers)
            }
            Err(messages) => Messages::stream(Followed { messages, span: self }),
        };
        Ok(reply)
    }

    fn end(&mut self, code: Code) {
        let Some(mut span) = self.span.take().filter(|span| span.is_recording()) else {
            return;
        };
        let address = self.attempts.as_ref().and_then(AttemptLog::address);
        match address.map(|address| address.parse::<SocketAddr>().map_err(|_| address)) {
            Some(Ok(address)) => {
                let ip = address.ip().to_string();
                span.set(attributes::NETWORK_PEER_ADDRESS, Value::Text(&ip));
                span.set(attributes::NETWORK_PEER_PORT, Value::Number(address.port().into()));
            }
            Some(Err(socket)) => span.set(attributes::NETWORK_PEER_ADDRESS, Value::Text(&socket)),
            None => {}
        }
        span.set(attributes::RPC_RESPONSE_STATUS_CODE, Value::Text(code.name()));
        // To a client every code but OK is a failure: semantic conventions for gRPC, "Client".
        if code != Code::Ok {
            span.set(attributes::ERROR_TYPE, Value::Text(code.name()));
            span.fail();
        }
    }
}

impl Drop for ClientSpan {
    fn drop(&mut self) {
        if self.span.is_some() {
            let late = leaving::is_late(self.deadline, self.rounding, Instant::now);
            self.end(if late { Code::DeadlineExceeded } else { Code::Cancelled });
        }
    }
}

impl fmt::Debug for ClientSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSpan").finish_non_exhaustive()
    }
}

/// The messages of an answer that is traced.
struct Followed {
    messages: Messages,
    span: ClientSpan,
}

impl Followed {
    fn found<T>(&mut self, next: Option<&Result<T, Status>>) {
        match next {
            Some(Ok(_)) => {}
            Some(Err(status)) => self.span.end(status.code()),
            None => self.span.end(Code::Ok),
        }
    }
}

impl MessageStream for Followed {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let next = ready!(self.messages.poll_next(cx));
        self.found(next.as_ref());
        Poll::Ready(next)
    }

    fn poll_batch(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Batch, Status>>> {
        let next = ready!(self.messages.poll_batch(cx));
        self.found(next.as_ref());
        Poll::Ready(next)
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> Metadata {
        self.messages.take_trailers()
    }
}
