//! The headers that pages may send and see.

use http::{HeaderName, HeaderValue};

/// What clients of the protocols send: Connect ("Cross-origin resource sharing" in its documentation), gRPC-Web, and what
/// REST needs.
pub(super) const REQUEST: &[&str] = &[
    "content-type",
    "content-encoding",
    "connect-protocol-version",
    "connect-timeout-ms",
    "connect-content-encoding",
    "connect-accept-encoding",
    "grpc-timeout",
    "grpc-encoding",
    "grpc-accept-encoding",
    "x-grpc-web",
    "x-user-agent",
    "x-server-timeout",
];

/// What they read.
pub(super) const RESPONSE: &[&str] = &[
    "content-encoding",
    "connect-content-encoding",
    "connect-accept-encoding",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-retry-pushback-ms",
    "grpc-encoding",
    "grpc-accept-encoding",
    "allow",
    "retry-after",
    "x-request-id",
];

/// All these names in one value. What is no name is left out: no header could have it.
pub(super) fn list(own: &[&str], more: &[String]) -> HeaderValue {
    let legal = more.iter().map(String::as_str);
    let legal = legal.filter(|name| *name == "*" || HeaderName::from_bytes(name.as_bytes()).is_ok());
    let names: Vec<_> = own.iter().copied().chain(legal).collect();
    HeaderValue::from_str(&names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}
