//! Descant.

mod transport;

pub use transport::Limits;
