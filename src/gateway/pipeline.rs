//! The way of a request: head, method, call, handler, reply.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use descant_handlers::{Call, Handler, Reply, Status};
use http::{Request, Response};

use super::{Deadline, Gateway};
use crate::{
    protocol::{
        caught,
        grpc::{self, Exchange, Refusal},
    },
    transport::{Connection, Inbound, Outbound, Serve},
};

impl Serve for Gateway {
    async fn serve(&self, request: Request<Inbound>, connection: &Arc<Connection>) -> Response<Outbound> {
        match self.answer(request, connection).await {
            Ok(response) => response,
            Err(refusal) => refusal.respond(),
        }
    }
}

impl Gateway {
    async fn answer(&self, request: Request<Inbound>, connection: &Connection) -> Result<Response<Outbound>, Refusal> {
        let (parts, body) = request.into_parts();
        if let Err(refusal) = grpc::detect(&parts) {
            body.discard().await;
            return Err(refusal);
        }
        // One generation for the whole call.
        let snapshot = self.0.snapshot.load_full();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let (method, handler) = snapshot.find(target)?;
        let mut exchange = Exchange::open(parts.headers, method, connection)?;
        let mut deadline = Deadline::at(exchange.deadline);
        let answer = deadline.bound(async {
            let mut call = exchange.accept(body, connection).await?;
            call.extensions = self.0.plan.state.clone();
            run(&**handler, call).await
        });
        let answer = answer.await;
        Ok(exchange.respond(answer).await)
    }
}

/// Runs a handler; if it panics, that is its answer.
async fn run(handler: &dyn Handler, call: Call) -> Result<Reply, Status> {
    let mut answer = pin!(handler.call(call));
    poll_fn(|cx| match caught(|| answer.as_mut().poll(cx)) {
        Poll::Ready(answer) => Poll::Ready(answer.and_then(|answer| answer)),
        Poll::Pending => Poll::Pending,
    })
    .await
}
