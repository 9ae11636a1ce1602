//! A request whose reply has begun, and what has to be read of that before it is known what became of the attempt.

use std::future::poll_fn;

use descant_descriptors::Shape;
use http::{Response, StatusCode};

use super::{
    exchange::{Beginning, Begun, Fault, Terms},
    fate::{Failed, Fate, Pushback, pushback},
    header_list,
    json::Reader,
    lease::Lease,
    replies::Replies,
    reply::{self, First, Head, Incoming, Source},
    request::Pump,
    rest,
    speech::Speech,
    status::{self, Stage},
    stream::{Broken, Stream},
};
use crate::Status;

/// A request whose reply has begun.
pub(super) struct Sending {
    lease: Lease,
    pump: Option<Pump>,
    response: Response<Stream>,
}

impl Sending {
    /// Of a reply whose head may be as large as it is.
    pub(super) fn of(response: Response<Stream>, lease: Lease, pump: Option<Pump>) -> Result<Self, Failed> {
        let sending = Self { lease, pump, response };
        let (lease, most) = (&sending.lease, sending.lease.header_bytes());
        if header_list::is_too_large(sending.response.headers(), most) {
            let status = lease.broken(&Broken::TooLarge(most), Stage::Asked);
            lease.went_wrong(&status);
            let is_all = sending.is_alone() || sending.is_error();
            return Err(Failed::of(status, if is_all { Fate::Lost } else { Fate::Begun }));
        }
        Ok(sending)
    }

    pub(super) fn note(&mut self, terms: Terms) {
        self.lease.taken().note(self.response.headers(), terms.speech);
        if self.is_alone() {
            self.lease.came_whole();
        }
    }

    /// Whether the head is all of the reply.
    fn is_alone(&self) -> bool {
        self.response.body().is_end_stream()
    }

    fn is_error(&self) -> bool {
        self.response.status() != StatusCode::OK
    }

    /// Whether some of the body has to be read before anything can be said of the reply.
    pub(super) fn wants_more(&self, terms: Terms) -> bool {
        let speech = terms.speech;
        let headers = self.response.headers();
        // Who sends a stream may wait for the head, and what went well for nothing but that.
        let may_wait = || matches!(terms.shape, Shape::ClientStreaming | Shape::Bidi) && status::is_well(headers);
        let may_be_all = speech == Speech::GrpcWeb && status::is_said(headers) && (self.is_alone() || !may_wait());
        let may_have_none = terms.peeks && speech.end_flag().is_some() && !self.is_alone() && !self.is_error();
        may_be_all || may_have_none || speech.is_bare() && speech.is_refusal(self.response.status())
    }

    pub(super) async fn read_more(
        mut self,
        fault: Fault,
        terms: Terms,
        json: Option<Box<Reader>>,
    ) -> Result<Begun, Failed> {
        if !terms.speech.is_bare() {
            let first = reply::peek(&mut self.response, &mut self.lease).await;
            let first = first.map_err(|broken| {
                if let Some(fault) = fault.as_ref().and_then(|fault| fault.get()) {
                    return Failed::ours(fault.clone());
                }
                let status = self.lease.broken(&broken, Stage::Begun);
                self.lease.went_wrong(&status);
                Failed::of(status, Fate::Lost)
            })?;
            let begun = self.begun(first, fault, terms, json)?;
            return if terms.peeks { begun.settled().await } else { Ok(begun) };
        }
        let (pushback, most) = (pushback(self.response.headers()), self.lease.header_bytes());
        let told = if let Some(Reader::Rest(reading)) = json.as_deref() {
            rest::refusal(self.response, self.lease, reading, terms.depth).await
        } else {
            let told = reply::unary(self.response, self.lease, &terms).await;
            let mistaken = || Status::internal("the upstream calls an error what is none");
            told.err().unwrap_or_else(mistaken)
        };
        let mut failed = Failed::of(told.with_grpc_room(most), Fate::Answered);
        failed.pushback = pushback;
        Err(failed)
    }

    /// Reads the head of the reply.
    pub(super) fn begun(
        self,
        first: First,
        fault: Fault,
        terms: Terms,
        json: Option<Box<Reader>>,
    ) -> Result<Begun, Failed> {
        let head = if terms.speech.is_bare() {
            Beginning::Bare(self.response)
        } else {
            let is_all = match first {
                First::Unknown => self.is_alone() || self.is_error(),
                First::End => true,
                First::Data(_) => self.is_error(),
            };
            let pushback = is_all.then(|| pushback(self.response.headers())).flatten();
            let http = self.response.status();
            match reply::head(self.response, first, &terms) {
                Ok(head) => Beginning::Head(head),
                Err(status) => {
                    reply::went_wrong(&self.lease, http, &status);
                    let fate = if is_all { Fate::Answered } else { Fate::Begun };
                    let mut failed = Failed::of(status, fate);
                    failed.pushback = pushback;
                    return Err(failed);
                }
            }
        };
        Ok(Begun {
            lease: self.lease,
            pump: self.pump,
            fault,
            terms,
            head,
            json,
        })
    }
}

impl Begun {
    /// Reads on if the first envelope of the reply is its end: it has no messages then, and a failure is one as if its head said so.
    async fn settled(self) -> Result<Self, Failed> {
        let speech = self.terms.speech;
        let Head {
            metadata,
            encoding,
            body,
        } = match self.head {
            Beginning::Head(head) if head.body.begins().is_some_and(|flag| speech.is_end(flag)) => head,
            head => return Ok(Self { head, ..self }),
        };
        let source = Source {
            body,
            lease: self.lease,
            fault: self.fault,
        };
        let mut replies = Replies::new(source, encoding, &self.terms, self.pump);
        let outcome = poll_fn(|cx| replies.poll_outcome(cx)).await;
        let (is_ours, is_told) = (replies.source.is_at_fault(), replies.is_told());
        let Source { lease, fault, .. } = replies.source;
        match outcome {
            Ok(trailers) => Ok(Self {
                lease,
                pump: replies.pump,
                fault,
                head: Beginning::Head(Head {
                    metadata,
                    encoding,
                    body: Incoming::Ended(trailers),
                }),
                ..self
            }),
            Err(status) => Err(Failed {
                fate: match () {
                    () if is_ours => Fate::Ours,
                    () if lease.is_broken() && !is_told => Fate::Lost,
                    () => Fate::Answered,
                },
                pushback: status.grpc_pushback().map(Pushback::said),
                status: reply::behind(metadata, status, speech),
            }),
        }
    }
}
