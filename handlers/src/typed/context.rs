//! What a typed handler knows of its call.

use std::time::Instant;

use descant_descriptors::Method;
use prost_reflect::DynamicMessage;

use crate::{Call, Extensions, Messages, Metadata, Peer, RequestId, Status, Trace};

/// A [`Call`] without its messages, which typed handlers get apart.
#[derive(Debug)]
#[non_exhaustive]
pub struct Context {
    /// What is called.
    pub method: Method,
    /// The caller's metadata.
    pub metadata: Metadata,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// Who calls.
    pub peer: Peer,
    /// The call's name in logs.
    pub request_id: RequestId,
    /// The span that stands for the call; `None` if nobody traces it.
    pub trace: Option<Trace>,
    /// What the application and its layers lend to handlers.
    pub extensions: Extensions,
}

impl Context {
    pub(super) fn split(call: Call) -> (Messages, Self) {
        let Call {
            method,
            metadata,
            messages,
            coding: _,
            accepted: _,
            deadline,
            peer,
            request_id,
            trace,
            extensions,
        } = call;
        (
            messages,
            Self {
                method,
                metadata,
                deadline,
                peer,
                request_id,
                trace,
                extensions,
            },
        )
    }

    /// State of the application, by its type. That there is none is INTERNAL, so that a handler can
    /// pass the error on; [`Extensions::get`] gives an `Option`.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<&T, Status> {
        self.extensions.state()
    }

    /// An empty message of the type that the method gives, for a dynamic handler to fill.
    pub fn new_reply(&self) -> Result<DynamicMessage, Status> {
        Ok(DynamicMessage::new(self.method.output().descriptor()?))
    }
}
