//! What comes in.

use std::time::Instant;

use descant_descriptors::Method;

use crate::{Coding, Encodings, Extensions, Messages, Metadata, Peer, RequestId, Status, Trace, TraceContext};

/// One call, on its way in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Call {
    /// What is called. It keeps its schema alive, whatever is reloaded meanwhile.
    pub method: Method,
    /// The caller's metadata; what belongs to the protocol is taken out.
    pub metadata: Metadata,
    /// The request's messages.
    pub messages: Messages,
    /// How they are compressed.
    pub coding: Coding,
    /// The codings that may be left on messages of the reply, since the caller reads them itself.
    pub accepted: Encodings,
    /// When the caller stops waiting; fixed once, on arrival.
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

impl Call {
    /// A call of a new name, with these messages and nothing else.
    pub fn new(method: Method, messages: impl Into<Messages>) -> Self {
        Self {
            method,
            messages: messages.into(),
            coding: Coding::Free,
            accepted: Encodings::default(),
            metadata: Metadata::new(),
            deadline: None,
            peer: Peer::default(),
            request_id: RequestId::random(),
            trace: None,
            extensions: Extensions::new(),
        }
    }

    /// State of the application, by its type. That there is none is INTERNAL, so that a handler can
    /// pass the error on; [`Extensions::get`] gives an `Option`.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<&T, Status> {
        self.extensions.state()
    }

    /// The span that calls made for this one are children of: the one that stands for the call, or, if nobody traces it, the
    /// caller's own.
    pub fn trace_context(&self) -> Option<TraceContext> {
        match &self.trace {
            Some(trace) => Some(trace.context().clone()),
            None => TraceContext::from_metadata(&self.metadata),
        }
    }
}
