//! A server on a free port, and a client that sends what no decent client would.

mod answer;
mod ask;
pub(crate) mod certificates;
pub(crate) mod raw;
pub(crate) mod text;

use std::{future::Future, net::SocketAddr, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use descant::{Error, Gateway, Limits, Server, ServerBuilder, Tls};
use descant_handlers::Health;
use h2::client::SendRequest;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

pub(crate) use self::{
    answer::Answer,
    ask::{Ask, Open},
};

pub(crate) const UNARY: &str = "/descant.suite.v1.Shapes/Unary";
pub(crate) const SERVER: &str = "/descant.suite.v1.Shapes/Server";
pub(crate) const BIDI: &str = "/descant.suite.v1.Shapes/Bidi";
pub(crate) const FAIL: &str = "/descant.suite.v1.Shapes/Fail";
pub(crate) const WAIT: &str = "/descant.suite.v1.Shapes/Wait";
pub(crate) const GIVEN_UP: &str = "/descant.suite.v1.Shapes/GivenUp";

/// A server that runs until it is told to stop, or dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), Error>>,
}

/// The suites' own server, with its limits changed.
pub(crate) async fn serve(change: impl FnOnce(&mut Limits)) -> Running {
    serve_gateway(descant_tests::gateway(&Health::new()), change).await
}

pub(crate) async fn serve_gateway(gateway: Gateway, change: impl FnOnce(&mut Limits)) -> Running {
    run(Server::builder(gateway).listen("127.0.0.1:0"), change).await
}

/// The suites' own server, behind TLS.
pub(crate) async fn serve_tls(tls: &Tls, change: impl FnOnce(&mut Limits)) -> Running {
    let gateway = descant_tests::gateway(&Health::new());
    run(Server::builder(gateway).listen_tls("127.0.0.1:0", tls), change).await
}

pub(crate) async fn run(builder: ServerBuilder, change: impl FnOnce(&mut Limits)) -> Running {
    let mut limits = Limits::default();
    change(&mut limits);
    let server = builder.limits(limits).bind().await.unwrap();
    let (stop, stopped) = oneshot::channel();
    Running {
        address: server.addresses()[0],
        stop: Some(stop),
        served: tokio::spawn(server.serve(stopped)),
    }
}

impl Running {
    /// A connection of its own.
    pub(crate) async fn connect(&self) -> Peer {
        Peer::over(TcpStream::connect(self.address).await.unwrap()).await
    }

    /// Begins to drain.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        soon(self.served).await.unwrap().unwrap();
    }
}

/// A client's connection.
pub(crate) struct Peer {
    requests: SendRequest<Bytes>,
    pub(crate) connection: JoinHandle<Result<(), h2::Error>>,
}

impl Peer {
    /// A client over this connection.
    pub(crate) async fn over<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: T) -> Self {
        // More than a stream's window, so that a stream that is not read does not stop the others.
        let mut builder = h2::client::Builder::new();
        builder.initial_connection_window_size(1 << 20);
        let (requests, connection) = soon(builder.handshake(io)).await.unwrap();
        let connection = tokio::spawn(connection);
        Self { requests, connection }
    }

    /// Sends a request and takes its whole answer.
    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        soon(self.open(ask).await.finish()).await
    }

    /// How many calls of `Wait` the server dropped so far.
    pub(crate) async fn given_up(&self) -> i32 {
        self.send(Ask::empty(GIVEN_UP))
            .await
            .message::<descant_tests::messages::Count>()
            .number
    }

    /// Waits until the server dropped one more.
    pub(crate) async fn expect_given_up(&self, before: i32) {
        let dropped = async {
            while self.given_up().await != before + 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(dropped).await;
    }
}

/// What takes longer has gone wrong.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .expect("not done within 10 s")
}

/// Waits until it is so.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(held).await;
}

/// A length-prefixed message.
pub(crate) fn envelope(flag: u8, message: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u8(flag);
    out.put_u32(u32::try_from(message.len()).unwrap());
    out.put_slice(message);
    out.freeze()
}

/// A message of ours in its envelope.
pub(crate) fn framed(message: &impl prost::Message) -> Bytes {
    envelope(0, &message.encode_to_vec())
}

/// An `Ask` with this text.
pub(crate) fn text(text: &str) -> descant_tests::messages::Ask {
    descant_tests::messages::Ask {
        text: text.to_owned(),
        ..Default::default()
    }
}
