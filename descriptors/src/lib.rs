//! What may be called: protobuf descriptors, loaded, checked and compiled.
//!
//! ```text
//! paths, bytes -> source (read, inflate, compile) -> raw (parse) -> schema (tables) -> handles
//! ```
//!
//! A [`Schema`] is an immutable snapshot; [`Service`], [`Method`], [`MessageType`], [`File`] and [`Symbol`] are
//! handles into it that keep it alive. Everything here is synchronous and needs no network.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod check;
mod error;
mod features;
mod finding;
mod findings;
mod link;
mod pool;
mod raw;
mod render;
mod schema;
mod shipped;
mod source;

pub use error::Error;
pub use finding::{Finding, Severity};
pub use schema::{
    Builtin, File, Idempotency, LoadLimits, MessageType, Method, Schema, SchemaBuilder, Service, Shape, Symbol,
    SymbolKind, Syntax,
};
