//! What differs between protocols: how a request becomes a [`Call`](descant_handlers::Call), and a reply a response.
//!
//! A protocol is two functions. `accept` reads a request's head, and its message where only one is due, into a `Call`
//! and an exchange; the exchange's `respond` turns what the handler answered into a response. Nothing else in the
//! house knows which protocol a call came by.

mod encoding;
mod envelope;
pub(crate) mod grpc;
mod panics;
mod target;

pub(crate) use self::{
    encoding::Encoding,
    envelope::Envelopes,
    panics::{caught, guarded},
};
