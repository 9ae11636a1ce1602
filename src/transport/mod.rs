//! How requests arrive and replies leave: listeners, connections, HTTP/2 and HTTP/1.1, and the limits that keep
//! peers from costing more than they are worth.
//!
//! The transport knows nothing of gRPC. For each request it calls a [`Serve`], gives it a
//! `Request<Inbound>` and sends the `Response<Outbound>` that comes back:
//!
//! ```text
//!                     first bytes
//! socket (TLS) -> meter -> h2 | hyper -> Request<Inbound> -> Serve -> Response<Outbound> -> h2 | hyper -> flush -> socket
//! ```
//!
//! Types of the h2 crate stay inside `http2`, those of hyper inside `http1`, so either can be replaced.

mod accept;
mod clock;
mod connection;
mod container;
mod converse;
pub(crate) mod cookies;
mod crew;
mod dismissal;
mod drain;
mod ended;
mod gate;
mod greeting;
mod http1;
mod http2;
mod inbound;
mod limits;
mod link;
mod listener;
mod load;
mod memory;
mod outbound;
mod pump;
mod refusal;
#[cfg(test)]
mod script;
mod socket;
mod tls;

use std::{future::Future, sync::Arc};

use tokio::runtime::Handle;

pub(crate) use self::{
    accept::{Listening, Service, serve_one},
    connection::Connection,
    dismissal::Dismissal,
    drain::Drain,
    ended::{End, Ended},
    gate::Full,
    inbound::{Inbound, InboundError},
    listener::{BindError, UNIX, bind},
    load::{Load, Seat},
    memory::{Account, Memory, Share},
    outbound::{Frame, Outbound, OutboundStream},
};
pub use self::{
    drain::Draining,
    limits::{Keepalive, Limits, Rate},
    tls::{Tls, TlsBuilder},
};

/// Bytes to send, and what its connection counts them for until they are dropped.
pub(crate) type Payload = descant_handlers::http2::Payload<connection::Hold>;

/// What the transport calls for each request.
///
/// What can be done at once may be done before there is a future: one is kept for each call in flight. The future is dropped when the peer cancels the stream or the connection ends; so are the
/// request's [`Inbound`] and the reply's [`OutboundStream`]. That is the whole of cancellation.
pub(crate) trait Serve: Clone + Send + Sync + 'static {
    /// Answers one request.
    fn serve(
        &self,
        request: http::Request<Inbound>,
        connection: &Arc<Connection>,
    ) -> impl Future<Output = http::Response<Outbound>> + Send + use<Self>;

    /// Takes note of a connection, which is open until the answer is dropped.
    fn connected(&self) -> impl Visit {}

    /// Takes note of a connection that was not let in.
    fn refused(&self, _full: Full) {}

    /// Takes note of what all connections of a server hold together, until the answer is dropped.
    fn holds(&self, _memory: &Arc<Memory>) -> impl Send + 'static {}

    /// Takes note of a runtime that serves until the answer is dropped.
    fn serves_on(&self, _runtime: &Handle) -> impl Send + 'static {}
}

/// A connection that is open, as whoever counts them sees it.
pub(crate) trait Visit: Send + 'static {
    /// It ends so.
    fn ends(&self, end: End);
}

impl Visit for () {
    fn ends(&self, _: End) {}
}

/// Nobody may be counting.
impl<V: Visit> Visit for Option<V> {
    fn ends(&self, end: End) {
        if let Some(visit) = self {
            visit.ends(end);
        }
    }
}
