//! The handler contract.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod call;
mod code;
#[cfg(feature = "echo")]
mod echo;
mod extensions;
#[cfg(test)]
mod fixtures;
mod handler;
pub mod layer;
mod message;
mod messages;
mod metadata;
mod peer;
mod reply;
mod request_id;
mod status;
pub mod typed;

#[cfg(test)]
extern crate self as descant_handlers;

/// For implementations of [`Handler`].
pub use async_trait::async_trait;

#[cfg(feature = "echo")]
pub use self::echo::Echo;
pub use self::{
    call::Call,
    code::Code,
    extensions::Extensions,
    handler::{Answer, Handler},
    layer::Layer,
    message::Message,
    messages::{Closed, Generate, MessageStream, Messages, Sender, generate},
    metadata::{Metadata, MetadataError},
    peer::{Peer, TlsIdentity},
    reply::Reply,
    request_id::{RequestId, RequestIdError},
    status::Status,
};
