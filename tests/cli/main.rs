//! The `descant` command from outside: what it prints, how it exits, what it does when it is signalled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ask;
mod call;
mod config;
mod convert;
mod described;
mod examples;
mod explain;
mod files;
mod messages;
mod observe;
mod odd;
mod outages;
mod page;
mod process;
mod readme;
mod reload;
mod rest;
mod serve;
mod tls;
mod traces;
#[cfg(unix)]
mod unix;
mod upstream;
