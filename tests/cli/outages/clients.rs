//! Callers who stall, reset, or send trailers, beside others: they share the connections to the upstream, and cost nobody anything.

use std::{process::Stdio, time::Instant};

use bytes::Bytes;
use h2::{Reason, client::SendRequest};
use http::{HeaderMap, HeaderValue, Request};

use super::{before, fronts::by_rest, url};
use crate::process::{PATIENCE, Server, beside, command, demo_set, pause};

/// Watches prices, which are said again each millisecond.
const WATCH: &[u8] = b"\0\0\0\0\x06\x1a\x04\x10\xc0\x84\x3d";
/// Calls of each caller, at most so many at a time.
const CALLS: usize = 600;
const AT_ONCE: usize = 50;

/// What a caller does to each of its calls.
#[derive(Clone, Copy, Debug)]
enum Rude {
    Stalls,
    Resets,
    SendsTrailers,
}

async fn connect(front: &str) -> SendRequest<Bytes> {
    let socket = tokio::net::TcpStream::connect(front).await.unwrap();
    let (requests, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    requests
}

/// One caller, on a connection of its own. The front may cut it off, which is the end of it.
async fn be(rude: Rude, front: String) -> Result<(), h2::Error> {
    let mut requests = connect(&front).await;
    let mut kept = std::collections::VecDeque::new();
    for _ in 0..CALLS {
        requests = requests.ready().await?;
        let head = Request::post("http://front.test/bookshop.v1.Catalog/WatchPrices")
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let (answer, mut body) = requests.send_request(head.body(()).unwrap(), false)?;
        body.send_data(Bytes::from_static(WATCH), false)?;
        match rude {
            Rude::Stalls if kept.len() == AT_ONCE => std::future::pending().await,
            Rude::Stalls => body.send_data(Bytes::new(), true)?,
            Rude::Resets => {
                tokio::task::yield_now().await;
                body.send_reset(Reason::CANCEL);
            }
            Rude::SendsTrailers => {
                let value = HeaderValue::from_str(&"x".repeat(1000)).unwrap();
                let trailers = (0..8).map(|number| (format!("note-{number}").parse().unwrap(), value.clone()));
                body.send_trailers(trailers.collect::<HeaderMap>())?;
            }
        }
        kept.push_back((answer, body));
        if kept.len() > AT_ONCE {
            kept.pop_front();
        }
    }
    Ok(())
}

#[test]
fn rude_callers_cost_the_others_nothing() {
    let behind = Server::start(&["--workers", "1"]);
    let front = before(&[url(behind.address())], &[]);
    let set = demo_set();
    let args = [
        "call",
        front.address(),
        "bookshop.v1.Catalog/WatchPrices",
        set.to_str().unwrap(),
        "-d",
        r#"{"ids":["faust"],"most":60,"repeat":"0.1s"}"#,
    ];
    let watching = command(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for rude in [Rude::Stalls, Rude::Resets, Rude::SendsTrailers] {
        let address = front.address().to_owned();
        let began = beside(move |tell| async move {
            let mut callers = tokio::task::JoinSet::new();
            for _ in 0..4 {
                callers.spawn(be(rude, address.clone()));
            }
            tell.send(format!("{rude:?}")).unwrap();
            // Some are cut off, which serves them right.
            callers.join_all().await;
        });
        for _ in 0..50 {
            let start = Instant::now();
            let told = by_rest(&front, "emma", 0);
            assert_eq!(told.code, 0, "{began}: {told:?}");
            assert!(start.elapsed() < PATIENCE / 2, "{began}");
            pause();
        }
    }
    // It was there before them all, and is not harmed.
    let watched = watching.wait_with_output().unwrap();
    assert!(watched.status.success(), "{watched:?}\n{}", front.err());
    assert_eq!(String::from_utf8(watched.stdout).unwrap().lines().count(), 60);
    let lost = front.err();
    assert!(!lost.contains("lost") && !lost.contains("cannot connect"), "{lost}");
}
