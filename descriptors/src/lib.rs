//! What may be called: protobuf descriptors, loaded, checked and compiled.

mod finding;
mod raw;

pub use finding::{Finding, Severity};
