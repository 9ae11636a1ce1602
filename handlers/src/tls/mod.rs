//! TLS on both sides of a gateway: certificates and keys as files have them, and whom a client trusts.
//!
//! rustls, with aws-lc-rs named wherever a provider is needed: what another crate of the same program has made the
//! process's default does not matter.

mod client;
mod error;
mod identity;
mod pem;
mod trust;
mod validity;

pub use self::{
    client::ClientTls,
    error::{Half, TlsError},
    identity::identity,
    pem::{Pem, certificates, key},
    validity::{Outdated, outdated, refused_as_outdated, valid_until},
};
