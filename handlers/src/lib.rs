//! How calls are answered: the contract between Descant and its handlers, and the handlers that
//! come with it.
//!
//! This crate knows neither listeners nor protocols: gRPC, gRPC-Web, Connect and REST calls all look
//! the same here. Who writes a handler or a layer depends on it alone, with `default-features = false`.
//!
//! # The words
//!
//! ```text
//!            Call ------> Layer ------> Handler
//!  metadata, messages                      |
//!           Reply <------ Layer <----------+
//!  metadata, messages, trailers
//! ```
//!
//! | word | is |
//! |---|---|
//! | [`Handler`] | answers calls: one method, a service, or everything there is |
//! | [`Layer`] | wraps a handler in a handler; a closure will do: [`layer::from_fn`] |
//! | [`Call`] | what comes in: the method, [`Metadata`], [`Messages`], deadline, [`Peer`], [`RequestId`], [`Extensions`] |
//! | [`Reply`] | what goes out: [`Metadata`], then [`Messages`] |
//! | [`Messages`] | zero or more messages, then trailers; pulled, never pushed |
//! | [`Message`] | one message, as wire bytes, compressed or not, or as a tree, whichever it was last |
//! | [`Trace`] | the span that stands for a call, if somebody traces it; a [`Tracer`](trace::Tracer) makes spans |
//! | [`Status`] | why a call failed: a [`Code`], words for people, details for programs |
//!
//! # One call, as a grammar
//!
//! ```text
//! Call  = Metadata *Message
//! Reply = Metadata *Message ( Trailers / Status )
//!       / Status
//! ```
//!
//! "Exactly one message" is a stream of one, checked by [`Messages::only`], so the four shapes of
//! gRPC have one signature. Backpressure is polling: nothing is produced before the other side has
//! room for it. Cancellation is dropping: a caller who leaves drops the handler's future, or the
//! reply's messages.
//!
//! # Ways to write a handler
//!
//! - [`typed`]: a closure or an async function over messages of your own types, over dynamic trees,
//!   or over bytes. Most handlers are this.
//! - [`Handler`] itself, or [`from_fn`]: for what works on messages of any type, such as a proxy.
//!
//! A handler needs no server to be called, so a test of one is short:
//!
//! ```
//! # mod shop { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/fixtures.rs")); }
//! # use shop::{Book, Query};
//! use descant_handlers::{Call, Handler, Message, Messages, Status, typed};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Status> {
//! let schema = shop::schema();
//! let get = typed::unary(|query: Query, _| async move { Ok(Book { title: query.text, pages: 120 }) });
//!
//! let method = schema.method("/shop.v1.Shop/Get").expect("the shop has this method");
//! let request = Message::from_prost(&Query { text: "Emma".into() });
//! let reply = get.call(Call::new(method, request)).await?;
//! let book: Book = reply.messages.only().await?.decode()?;
//! assert_eq!(book.title, "Emma");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | default | handler |
//! |---|---|---|
//! | `echo` | yes | [`Echo`]: answers with the question |
//! | `reflection` | yes | [`Reflection`]: `grpc.reflection.v1` and `v1alpha` |
//! | `health` | yes | [`Health`]: `grpc.health.v1` |
//! | `proxy` | no | [`Proxy`]: answers from a server of gRPC, gRPC-Web, Connect or REST |
//! | `tls` | no | none: [`tls`], certificates and whom to trust |
//! | `http2` | no | none: [`http2`], what stands between h2 and a socket |
//!
//! `br`, `deflate`, `gzip`, `snappy` and `zstd` are codings that compressed messages may have: [`Encoding`].
//!
//! # Layout
//!
//! `call`, `reply`, `handler`, `layer` are the contract; `message`, `pieces`, `messages`, `metadata`, `status`, `code`,
//! `peer`, `request_id`, `trace`, `extensions`, `encoding`, `envelope` what it is made of; `typed` the adapters; `echo`, `reflection`,
//! `health`, `proxy` the built-in handlers; `upstreams` what is told of servers that a handler calls; `http2` what stands between h2 and a socket.

#![cfg_attr(
    not(all(
        feature = "echo",
        feature = "reflection",
        feature = "health",
        feature = "http2",
        feature = "proxy",
        feature = "tls"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod call;
mod code;
#[cfg(feature = "echo")]
mod echo;
mod encoding;
pub mod envelope;
mod extensions;
#[cfg(test)]
mod fixtures;
mod handler;
#[cfg(feature = "health")]
mod health;
#[cfg(feature = "http2")]
pub mod http2;
pub mod layer;
pub mod leaving;
mod message;
mod messages;
mod metadata;
mod peer;
mod pieces;
#[cfg(feature = "proxy")]
pub mod proxy;
#[cfg(feature = "reflection")]
mod reflection;
mod reply;
mod request_id;
mod status;
#[cfg(feature = "tls")]
pub mod tls;
pub mod trace;
pub mod typed;
pub mod upstreams;

#[cfg(test)]
extern crate self as descant_handlers;

/// What a [`Call`]'s method is, and where a test gets one: `descriptors::Schema::load("api.binpb")`.
pub use descant_descriptors as descriptors;

/// For implementations of [`Handler`].
pub use async_trait::async_trait;

#[cfg(feature = "echo")]
pub use self::echo::Echo;
#[cfg(feature = "health")]
pub use self::health::{Health, ServingStatus};
#[cfg(feature = "proxy")]
pub use self::proxy::{ConnectError, Misfit, Phases, Proxy, ProxyError, UpstreamCodec, UpstreamProtocol};
#[cfg(feature = "reflection")]
pub use self::reflection::{AskError, Fetched, Reflection, ReflectionClient, ReflectionError};
pub use self::{
    call::Call,
    code::Code,
    encoding::{Coding, Encoding, Encodings, InflateError},
    extensions::Extensions,
    handler::{Answer, Handler, from_fn},
    layer::Layer,
    message::{Compressed, Message},
    messages::{Closed, Generate, MessageStream, Messages, Sender, generate},
    metadata::{Metadata, MetadataError},
    peer::{Peer, TlsIdentity, UnixIdentity},
    pieces::Pieces,
    reply::Reply,
    request_id::{RequestId, RequestIdError},
    status::Status,
    trace::{Trace, TraceContext, TraceContextError},
};
