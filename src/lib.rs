//! Descant: give it descriptor sets and it serves the API that they describe.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[cfg(feature = "demo")]
pub mod demo;
mod error;
mod gateway;
mod protocol;
mod server;
mod transport;

pub use descant_descriptors::Schema;
pub use descant_handlers as handlers;

pub use self::{
    error::Error,
    gateway::{Gateway, GatewayBuilder},
    server::{Server, ServerBuilder},
    transport::{Draining, Keepalive, Limits, Rate},
};
