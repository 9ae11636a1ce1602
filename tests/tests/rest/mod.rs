//! REST over the wire, over both versions of HTTP: line by line what `docs` and the specifications say.

mod answers;
mod bodies;
pub(crate) mod client;
mod lab;
mod metadata;
mod routing;
mod streams;
