//! What callers of `descant serve --to` see of an upstream that fails: the command before real servers, and before one that
//! fails as it is told. The tests of the package `tests` look at the proxy alone.

mod clients;
mod ends;
mod fronts;
#[cfg(unix)]
mod processes;
mod scripted;
mod streams;

use crate::process::{Server, demo_set};

/// A front before these upstreams, with one worker unless `options` say otherwise.
fn before(upstreams: &[String], options: &[&str]) -> Server {
    let set = demo_set();
    let mut args = vec![set.to_str().unwrap()];
    for upstream in upstreams {
        args.extend(["--to", upstream]);
    }
    if !options.contains(&"--workers") {
        args.extend(["--workers", "1"]);
    }
    args.extend(options);
    Server::start(&args)
}

fn url(address: &str) -> String {
    format!("http://{address}")
}
