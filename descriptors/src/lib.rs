//! What may be called: protobuf descriptors, loaded, checked and compiled.
//!
//! A [`Schema`] is an immutable snapshot; [`Service`], [`Method`], [`MessageType`], [`File`] and [`Symbol`] are
//! handles into it that keep it alive. Everything here is synchronous and needs no network.
//!
//! ```
//! use descant_descriptors::{Builtin, Schema, Shape};
//!
//! # fn main() -> Result<(), descant_descriptors::Error> {
//! // `.path("api.binpb")` and `.path("protos/")` add what a user has.
//! let schema = Schema::builder().builtin(Builtin::Health).build()?;
//! let watch = schema.method("/grpc.health.v1.Health/Watch");
//! assert_eq!(watch.map(|method| method.shape()), Some(Shape::ServerStreaming));
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! ```text
//! paths, bytes -> source -> raw -> link -> check -> schema, http -> pool, render
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `source` | reads paths and bytes, inflates, compiles `.proto` files, merges all into one set, fills in what it lacks |
//! | `shipped` | the files that Descant brings along; their sources are in `protos/` |
//! | `raw` | parses descriptors, borrowed and unchecked; nothing is decoded into structs that would drop options |
//! | `link` | the symbol table, imports, and what each type name refers to |
//! | `features` | what syntax and editions make of fields and enums |
//! | `check` | every rule that protoc enforces; all that is wrong becomes a [`Finding`] |
//! | `http` | `google.api.http`: rules, path templates, and the trie that finds a method for a request |
//! | `schema` | the tables that stay, and the handles into them |
//! | `pool` | prost-reflect's descriptors, built when somebody asks for one |
//! | `render` | descriptors as proto source |
//! | `yaml` | YAML as a tree with places, for rules and for `descant`'s configuration |
//!
//! Whatever the input is, nothing here panics, recurses over its depth, or takes more memory than its limits allow.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod check;
mod codec;
mod error;
mod features;
mod finding;
mod findings;
mod gzip;
mod http;
mod link;
#[doc(hidden)]
pub mod near;
mod pool;
mod raw;
mod render;
mod schema;
mod shipped;
mod source;
mod table;
/// Writes descriptors for tests, here and in `tests/check`.
#[cfg(test)]
#[allow(
    dead_code,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::needless_pass_by_value
)]
#[path = "../tests/check/write.rs"]
mod write;
#[doc(hidden)]
pub mod yaml;

pub use codec::{Codec, CodecError, JsonOptions, Place};
pub use error::Error;
pub use finding::{Finding, Severity};
pub use gzip::GzipMembers;
pub use http::{
    Allow, BindError, BindErrorKind, BindOptions, BindRequest, Binder, Binding, BodyRule, Bound, Captures,
    ComposeError, Composed, ComposedBody, Composer, Considered, Elements, ElementsError, ForeignCharset, Found,
    HttpBody, HttpBodyError, Origin, RequestBody, Routes, UnknownParameters, Variable, Verdict,
};
pub use schema::{
    Builtin, FieldPath, FieldPathError, File, Idempotency, LoadLimits, MessageType, Method, Schema, SchemaBuilder,
    Service, Shape, Symbol, SymbolKind, Syntax,
};
