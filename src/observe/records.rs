//! The two log records of a call: see [`LogCalls`](super::LogCalls).

use std::time::Duration;

use descant_handlers::Peer;

use super::watch::Watched;

/// A call has come.
pub(super) fn request(call: &Watched, peer: &Peer) {
    let known = peer.address.is_some() || peer.unix.is_some();
    tracing::info!(
        target: "descant.grpc",
        method = call.subject.name(),
        protocol = call.protocol.label(),
        request_id = call.request_id.map(tracing::field::display),
        peer = known.then(|| tracing::field::display(peer)),
        "grpc.request"
    );
}

/// It is over.
pub(super) fn response(call: &Watched, took: Duration) {
    // Three digits behind the point: microseconds.
    let duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
    tracing::info!(
        target: "descant.grpc",
        method = call.subject.name(),
        protocol = call.protocol.label(),
        request_id = call.request_id.map(tracing::field::display),
        code = call.code.name(),
        duration_ms,
        request_messages = call.received.messages,
        request_bytes = call.received.bytes,
        response_messages = call.sent.messages,
        response_bytes = call.sent.bytes,
        "grpc.response"
    );
}
