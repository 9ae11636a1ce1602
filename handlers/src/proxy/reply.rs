//! An upstream's reply.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use h2::RecvStream;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::{envelope::Envelopes, pool::Lease, request::Pump, status, target::Target};
use crate::{Message, MessageStream, Messages, Metadata, Reply, Status};

/// The metadata of a reply, and where its messages come from.
pub(super) fn head(response: Response<RecvStream>) -> Result<(Metadata, Incoming), Status> {
    let (parts, body) = response.into_parts();
    // Trailers-only: the one header block of a reply.
    if status::is_said(&parts.headers) && (body.is_end_stream() || parts.status != StatusCode::OK) {
        return status::said(parts.headers).map(|trailers| (Metadata::new(), Incoming::Ended(trailers)));
    }
    if parts.status != StatusCode::OK || !is_grpc(&parts.headers) {
        return Err(status::of_http(parts.status, &parts.headers));
    }
    Ok((status::own(parts.headers), Incoming::Body(body)))
}

/// `application/grpc`, alone or with a format behind it; gRPC-Web is another protocol.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// A reply of one message, once all of it is there. That of a call that failed has one set of metadata, in which what came
/// before the failure is kept.
pub(super) fn whole(mut metadata: Metadata, only: Result<(Message, Metadata), Status>) -> Result<Reply, Status> {
    match only {
        Ok((message, trailers)) => {
            let messages = Messages::one(message).with_trailers(trailers);
            Ok(Reply::new(messages).with_metadata(metadata))
        }
        Err(mut status) => {
            metadata.extend(mem::take(status.metadata_mut()))?;
            Err(status.with_metadata(metadata))
        }
    }
}

/// What is still to come of a reply.
#[derive(Debug)]
pub(super) enum Incoming {
    Body(RecvStream),
    /// The head was all.
    Ended(Metadata),
}

/// The messages of a reply, then its trailers. Pulled: the upstream may send more as the caller takes what there is.
#[derive(Debug)]
pub(super) struct Replies {
    pub(super) body: Incoming,
    pub(super) envelopes: Envelopes,
    pub(super) target: Arc<Target>,
    pub(super) trailers: Option<Metadata>,
    /// Why the request ended, if it is the request that ended the call.
    pub(super) fault: Arc<OnceLock<Status>>,
    /// What only has to live as long as the call.
    pub(super) _pump: Option<Pump>,
    pub(super) _lease: Lease,
    /// The first message of a reply that has one only.
    pub(super) first: Option<Message>,
}

impl Replies {
    /// The one message, with the trailers behind it. Another number of them is UNIMPLEMENTED: gRPC core, `doc/statuscodes.md`.
    pub(super) fn poll_only(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Message, Metadata), Status>> {
        let cardinality = |count| Status::unimplemented(format!("the upstream sent {count}, where one message is due"));
        loop {
            match (ready!(self.poll(cx)), self.first.take()) {
                (Some(Err(status)), _) => return Poll::Ready(Err(status)),
                (Some(Ok(message)), None) => self.first = Some(message),
                (Some(Ok(_)), Some(_)) => return Poll::Ready(Err(cardinality("several"))),
                (None, None) => return Poll::Ready(Err(cardinality("none"))),
                (None, Some(message)) => {
                    let trailers = self.trailers.take().unwrap_or_default();
                    return Poll::Ready(Ok((message, trailers)));
                }
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        let body = match &mut self.body {
            Incoming::Body(body) => body,
            Incoming::Ended(trailers) => {
                self.trailers = Some(mem::take(trailers));
                return Poll::Ready(None);
            }
        };
        loop {
            match self.envelopes.split() {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(Message::from_wire(message)))),
                Err(status) => return Poll::Ready(Some(Err(status))),
            }
            match ready!(body.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Nothing to release is left of a call that was reset meanwhile.
                    let _ = body.flow_control().release_capacity(data.len());
                    self.envelopes.push(data);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(self.broken(&error)))),
                None => break,
            }
        }
        let ended = match ready!(body.poll_trailers(cx)) {
            Ok(Some(trailers)) => status::said(trailers),
            Ok(None) => Err(Status::internal("the upstream's reply ends without trailers")),
            Err(error) => Err(self.broken(&error)),
        };
        match ended.and_then(|trailers| self.envelopes.check_end().map(|()| trailers)) {
            Ok(trailers) => {
                self.trailers = Some(trailers);
                Poll::Ready(None)
            }
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }

    fn broken(&self, error: &h2::Error) -> Status {
        let fault = self.fault.get().cloned();
        fault.unwrap_or_else(|| status::of(error, &self.target))
    }
}

impl MessageStream for Replies {
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Status>>> {
        self.get_mut().poll(cx)
    }

    fn take_trailers(self: Pin<&mut Self>) -> Metadata {
        self.get_mut().trailers.take().unwrap_or_default()
    }
}
