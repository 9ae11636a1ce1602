//! One HTTP/2 connection to an upstream.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use h2::client::{Builder, Connection, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    misfit::{Misfit, Unfit},
    request::Frame,
    wire::Wire,
};

/// Calls at once on one connection.
pub(super) const MOST_CALLS: usize = 256;
/// What the upstream may send of one reply before the caller takes any of it.
const STREAM_WINDOW: u32 = 64 << 10;
/// As much for every call: whoever does not read holds up only its own.
#[allow(clippy::cast_possible_truncation)] // 256.
const CONNECTION_WINDOW: u32 = MOST_CALLS as u32 * STREAM_WINDOW;
/// What small DATA frames that nobody has taken yet may cost, as h2 counts it: some 250 for each, so that thirty callers who
/// do not read messages of a few bytes are borne. Past it h2 gives the connection up.
const SMALL_FRAMES: usize = 64 << 20;
/// What the headers of a reply may take, as for requests.
const HEADER_BYTES: u32 = 16 << 10;

/// Speaks HTTP/2 over this connection. The flag is set once it is closed.
pub(super) async fn over<T>(socket: T) -> Result<(SendRequest<Frame>, Arc<AtomicBool>), Unfit>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let wire = Wire::new(socket);
    let (requests, mut connection) = Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .data_frame_budget(SMALL_FRAMES)
        .max_header_list_size(HEADER_BYTES)
        .enable_push(false)
        // None before the upstream says how many: it would refuse those that are too many.
        .initial_max_send_streams(0)
        .handshake(wire.clone())
        .await
        .map_err(|error| no_greeting(error, &wire))?;
    poll_fn(|cx| poll_greeted(&mut connection, &wire, &requests, cx)).await?;
    let gone = Gone(Arc::default());
    let flag = Arc::clone(&gone.0);
    tokio::spawn(drive(connection, wire, gone));
    Ok((requests, flag))
}

/// Ready once the upstream's SETTINGS came: it speaks HTTP/2, and says how many calls it takes.
fn poll_greeted<T>(
    connection: &mut Connection<Wire<T>, Frame>,
    wire: &Wire<T>,
    requests: &SendRequest<Frame>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Unfit>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    match Pin::new(connection).poll(cx) {
        Poll::Ready(Ok(())) => return Poll::Ready(Err(Unfit::new(Misfit::HungUp, "it hung up at once"))),
        Poll::Ready(Err(error)) => return Poll::Ready(Err(no_greeting(error, wire))),
        Poll::Pending => {}
    }
    if let Poll::Ready(Err(error)) = wire.drain(cx) {
        return Poll::Ready(Err(Unfit::of_tls(&error).unwrap_or_else(|| Unfit::of_io(&error))));
    }
    match requests.current_max_send_streams() {
        0 => Poll::Pending,
        _ => Poll::Ready(Ok(())),
    }
}

/// Why a server did not greet, from what it said first.
fn no_greeting<T>(error: h2::Error, wire: &Wire<T>) -> Unfit {
    wire.refusal()
        .unwrap_or_else(|| Unfit::of_greeting(error, &wire.greeting()))
}

/// Moves bytes until the connection is closed. Why it was is told to each call that was open.
async fn drive<T>(mut connection: Connection<Wire<T>, Frame>, wire: Wire<T>, _gone: Gone)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|cx| {
        let done = Pin::new(&mut connection).poll(cx).map(drop);
        match wire.drain(cx) {
            // The calls learn of it as h2's connection is dropped.
            Poll::Ready(Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(())) | Poll::Pending => done,
        }
    })
    .await;
}

/// Set once it is dropped: by the end of the connection, or of the runtime.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
