//! Descant: give it descriptor sets and it serves the API that they describe, without generated code.
//!
//! ```text
//! peer -> Mount (Server) -> Gateway -> layers -> Handler
//!         (transport, protocols)    (yours, or built in)
//! ```
//!
//! | word | is |
//! |---|---|
//! | [`Schema`] | what may be called: descriptors, loaded and checked; its parts are in [`descriptors`] |
//! | [`handlers`] | how calls are answered: the contract, adapters for your own types, echo, reflection, health |
//! | [`Codec`] | messages as JSON and back, with [`JsonOptions`]; in handlers: [`Message::to_json`](handlers::Message::to_json) |
//! | [`Mount`] | an API as a part of a program: the place to begin |
//! | [`Gateway`] | which handler answers which method; reloads while it serves |
//! | [`Server`] | a gateway that listens, within [`Limits`]: what a mount is built on |
//!
//! ```no_run
//! use descant::{Mount, Schema, handlers::{Status, typed}};
//!
//! #[derive(Clone, PartialEq, prost::Message)]
//! struct Hello {
//!     #[prost(string, tag = "1")]
//!     name: String,
//! }
//!
//! # async fn example() -> Result<(), descant::Error> {
//! let greet = typed::unary(|hello: Hello, _| async move {
//!     match hello.name.as_str() {
//!         "" => Err(Status::invalid_argument("name: is needed")),
//!         name => Ok(Hello { name: format!("Hello, {name}!") }),
//!     }
//! });
//! let mount = Mount::builder(Schema::load("api.binpb")?).route("acme.Greeter/Greet", greet).build()?;
//! mount.run(tokio::signal::ctrl_c()).await
//! # }
//! ```
//!
//! The repository's `examples/` show more, `docs/embed.md` all that a mount can do, and `docs/architecture.md` the way of a
//! request. Features: `tower` (default) puts a mount behind an application's own HTTP server, `cli` (default) is the
//! `descant` command, `demo` the API that it serves when it is given none; an application that embeds Descant needs
//! neither. `config` is `Config`, the file that the command takes. `otel` traces calls with OpenTelemetry, and `otlp` sends their spans to a
//! collector. `compression` (default) is `gzip`, `zstd`, `br`, `deflate` and `snappy`. `proxy` is `handlers::Proxy`: calls
//! answered by another server.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

/// The code of the page is compiled.
#[cfg(all(doctest, feature = "otel", feature = "tower"))]
#[doc = include_str!("../docs/embed.md")]
mod embed {}

/// Likewise.
#[cfg(all(doctest, feature = "config"))]
#[doc = include_str!("../docs/configuration.md")]
mod configuration {}

#[cfg(feature = "config")]
pub mod config;
mod cors;
#[cfg(feature = "demo")]
pub mod demo;
mod error;
mod explain;
mod gateway;
mod mount;
mod observe;
#[cfg(feature = "otel")]
pub mod otel;
mod protocol;
#[cfg(any(feature = "config", feature = "otlp"))]
mod receiver;
mod server;
#[cfg(feature = "tower")]
mod service;
mod transport;
#[cfg(feature = "proxy")]
mod upstream_schema;

pub use descant_descriptors::{self as descriptors, Codec, CodecError, JsonOptions, Schema};
pub use descant_handlers as handlers;
pub use prometheus;

#[cfg(feature = "config")]
pub use self::config::{Config, ConfigError};
#[cfg(feature = "tower")]
pub use self::service::{CutOff, GatewayService, ServiceBody};
#[cfg(feature = "proxy")]
pub use self::upstream_schema::{Renewed, UpstreamSchema, UpstreamSchemaError};
pub use self::{
    cors::{Cors, OriginError},
    error::Error,
    explain::{ExplainedField, ExplainedRefusal, ExplainedTemplate, Explanation},
    gateway::{Gateway, GatewayBuilder},
    mount::{Mount, MountBuilder, ServerHandle},
    observe::{LogCalls, LogField, LogFieldError, Metrics, RuntimeWatch},
    protocol::RestOptions,
    server::{Server, ServerBuilder},
    transport::{Draining, Keepalive, Limits, Rate, Tls, TlsBuilder},
};
