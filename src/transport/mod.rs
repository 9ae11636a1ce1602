//! How requests arrive and replies leave: listeners, connections, HTTP/2, and the limits that keep
//! peers from costing more than they are worth.
//!
//! The transport knows nothing of gRPC. For each request it calls a [`Serve`], gives it a
//! `Request<Inbound>` and sends the `Response<Outbound>` that comes back:
//!
//! ```text
//! socket -> frame meter -> h2 -> Request<Inbound> -> Serve -> Response<Outbound> -> h2 -> flush -> socket
//! ```
//!
//! Types of the h2 crate stay inside `http2`, so that layer can be replaced.

mod accept;
mod connection;
mod crew;
mod drain;
mod gate;
mod http2;
mod inbound;
mod limits;
mod listener;
mod outbound;
mod payload;

use std::{future::Future, sync::Arc};

pub(crate) use self::{
    accept::{Service, serve_one},
    connection::Connection,
    drain::Drain,
    http2::Ended,
    inbound::{Inbound, InboundError},
    listener::{BindError, bind},
    outbound::{Frame, Outbound, OutboundStream},
    payload::Payload,
};
pub use self::{
    drain::Draining,
    limits::{Keepalive, Limits, Rate},
};

/// What the transport calls for each request.
///
/// The future is dropped when the peer cancels the stream or the connection ends; so are the
/// request's [`Inbound`] and the reply's [`OutboundStream`]. That is the whole of cancellation.
pub(crate) trait Serve: Clone + Send + Sync + 'static {
    /// Answers one request.
    fn serve(
        &self,
        request: http::Request<Inbound>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = http::Response<Outbound>> + Send;
}
