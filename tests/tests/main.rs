//! Black-box tests over real sockets: what a peer sends, and what it gets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a test says what it expects by panicking otherwise"
)]

mod bodies;
mod compression;
mod connect;
mod corpus;
mod depth;
mod drain;
mod grpc_web;
mod heads;
mod http1;
mod lifetimes;
mod logs;
mod memory;
mod mount;
mod observe;
mod paths;
mod proxy;
mod replace;
mod replies;
mod rest;
mod support;
mod tls;
mod traces;
mod transcode;
#[cfg(unix)]
mod unix;
mod wrong_port;
