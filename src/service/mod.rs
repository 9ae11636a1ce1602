//! A gateway behind an application's own HTTP server, as a `tower::Service`.

mod body;

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use descant_handlers::Peer;
use futures_core::Stream;
use http::{Request, Response, Version};
use hyper::body::Body;
use tokio::runtime::Handle;
use tower_service::Service;

pub use self::body::{CutOff, ServiceBody};
use crate::{
    Gateway, Limits,
    gateway::Serving,
    observe::MemoryWatch,
    transport::{Connection, Inbound, InboundError, Memory, cookies},
};

/// Answers the requests that an application's own HTTP server hands to it: axum's, or any other that takes a
/// `tower::Service`. Cheap to clone. Made by `Mount::service` and `Gateway::service`.
///
/// Every protocol is served, as on a port of the gateway's own: gRPC where the server speaks HTTP/2, gRPC-Web, Connect and REST
/// over HTTP/1.1 as well. Paths must arrive whole, so it is a fallback, not something nested under a prefix:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, routing::get};
/// use descant::{Mount, Schema};
///
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/bookshop.binpb"));
/// # let schema = Schema::from_bytes(&bytes[..])?;
/// let mount = Mount::builder(schema).build()?;
/// let app: Router = Router::new()
///     .route("/", get(|| async { "the shop" }))
///     .fallback_service(mount.service());
/// # Ok(())
/// # }
/// ```
///
/// Connections are the application's: it bounds them, and it drains them. Of [`Limits`] those count that are about
/// messages, and `memory`, for all clones of a service together. A
/// handler knows who calls if the request's extensions hold a [`Peer`](crate::handlers::Peer).
#[derive(Clone, Debug)]
pub struct GatewayService {
    gateway: Gateway,
    limits: Arc<Limits>,
    memory: Arc<Memory>,
    _noted: Arc<Noted>,
}

/// What is shown, and begun, as long as there is a service.
#[derive(Debug)]
struct Noted {
    _held: Option<MemoryWatch>,
    /// The runtime that it was made on serves it, most likely.
    _runtime: Option<Serving>,
}

impl Gateway {
    /// A `tower::Service` that answers as this gateway does.
    pub fn service(&self, limits: Limits) -> GatewayService {
        let memory = Memory::new(limits.memory_in_all());
        let runtime = Handle::try_current().ok();
        let noted = Noted {
            _held: self.holds(&memory),
            _runtime: runtime.map(|runtime| self.serves_on(&runtime)),
        };
        GatewayService {
            memory,
            gateway: self.clone(),
            limits: Arc::new(limits.bounded()),
            _noted: Arc::new(noted),
        }
    }
}

impl<B> Service<Request<B>> for GatewayService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ServiceBody>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Answering {
        if request.version() == Version::HTTP_2 {
            cookies::join(request.headers_mut());
        }
        let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
        let connection = Connection::sharing(peer, self.limits.clone(), self.memory.clone());
        let request = request.map(|body| {
            if body.is_end_stream() {
                Inbound::whole(Bytes::new())
            } else {
                Inbound::foreign(Pieces(Box::pin(body)))
            }
        });
        let gateway = self.gateway.clone();
        Answering(Box::pin(async move {
            gateway.answer(request, &connection).await.map(ServiceBody::from)
        }))
    }
}

/// An answer on its way.
pub struct Answering(Pin<Box<dyn Future<Output = Response<ServiceBody>> + Send>>);

impl Future for Answering {
    type Output = Result<Response<ServiceBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").finish_non_exhaustive()
    }
}

/// The data of a request's body. Trailers mean nothing there.
struct Pieces<B>(Pin<Box<B>>);

impl<B> Stream for Pieces<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Item = Result<Bytes, InboundError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let frame = match ready!(self.0.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(InboundError::Lost(error.into().to_string())))),
                Some(Ok(frame)) => frame,
            };
            if let Ok(mut data) = frame.into_data() {
                return Poll::Ready(Some(Ok(data.copy_to_bytes(data.remaining()))));
            }
        }
    }
}
