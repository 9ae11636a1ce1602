//! Which HTTP requests call which method: `google.api.http`, read, checked, and made a trie.
//!
//! ```text
//! options, YAML -> rule -> template -> compile (checks) -> binding -> routes (trie) -> find
//! path, query, body -> bind -> wire bytes -> compose -> method, path, query, body
//! ```
//!
//! Source: the comment of `google/api/http.proto`. A raw path is split at `/`, matched, and only then decoded.

mod bind;
mod binding;
mod body;
mod captures;
mod compile;
mod compose;
mod elements;
mod find;
mod literal;
mod methods;
mod overlap;
mod routes;
mod rule;
mod service;
mod template;
#[cfg(test)]
mod tests;
mod trace;

pub use bind::{
    BindError, BindErrorKind, BindOptions, BindRequest, Binder, Bound, ForeignCharset, Origin, RequestBody,
    UnknownParameters,
};
pub use binding::{Binding, BodyRule, Variable};
pub use body::{HttpBody, HttpBodyError};
pub use captures::Captures;
pub(crate) use compile::{HttpFaults, compile};
pub use compose::{ComposeError, Composed, ComposedBody, Composer};
pub use elements::{Elements, ElementsError};
pub use find::Found;
pub use methods::Allow;
pub use routes::Routes;
pub(crate) use service::{Source as RulesSource, look_for};
pub use trace::{Considered, Verdict};
