//! The log records of calls, and their messages: what a subscriber of the application's own gets.

mod mounts;
mod payloads;
mod records;

use std::{
    future::pending,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use descant::{GatewayBuilder, LogField, Mount, Schema};
use descant_handlers::{Call, Metadata, Reply, Status, from_fn};
use serde_json::Value;
use tokio::net::TcpStream;
use tracing::{Level, subscriber::DefaultGuard};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Ask, Peer, soon};

const VAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/logs/vault.proto");
const OPEN: &str = "/vault.v1.Vault/Open";
const TALK: &str = "/vault.v1.Vault/Talk";
/// What must never be logged.
const SECRET: &str = "SESAME";

/// Lines of a subscriber of this thread, as JSON or as text.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Hears everything from that level on until the guard is dropped. Servers of a test run on its thread.
    pub(crate) fn json(level: Level) -> (Self, DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(lines.clone())
            .json()
            .flatten_event(true);
        (lines, tracing::subscriber::set_default(subscriber.finish()))
    }

    fn text(level: Level) -> (Self, DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(lines.clone());
        (lines, tracing::subscriber::set_default(subscriber.finish()))
    }

    fn all(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Records of that text, once there are so many.
    pub(crate) async fn records(&self, text: &str, count: usize) -> Vec<Value> {
        let records = || {
            let all = self.all();
            let records = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            records.filter(|record| record["message"] == text).collect::<Vec<_>>()
        };
        soon(async {
            while records().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        let records = records();
        assert_eq!(records.len(), count, "{}", self.all());
        records
    }

    /// The one record of a call that is over.
    async fn response(&self) -> Value {
        self.records("grpc.response", 1).await.remove(0)
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Gives back what it gets, with metadata; a call that says `fails: yes` fails, and one that says `waits` never ends.
async fn answer(call: Call) -> Result<Reply, Status> {
    let mut metadata = Metadata::new();
    metadata.insert("kept-in", "the cellar")?;
    metadata.insert_bin("seal-bin", b"\x00\xff")?;
    if call.metadata.get("fails").is_some() {
        return Err(Status::not_found("no such\nkey").with_metadata(metadata));
    }
    if call.metadata.get("waits").is_some() {
        return pending().await;
    }
    Ok(Reply::new(call.messages).with_metadata(metadata))
}

/// A mount of the vault, and a client of it.
async fn vault(change: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> (Mount, Peer) {
    let mount = Mount::builder(Schema::load(VAULT).unwrap())
        .host("127.0.0.1")
        .port(0)
        .route("*", from_fn(answer))
        .gateway(change)
        .start()
        .await
        .unwrap();
    let peer = Peer::over(TcpStream::connect(mount.addresses()[0]).await.unwrap()).await;
    (mount, peer)
}

fn fields(names: &str) -> Vec<LogField> {
    names.split(',').map(|name| name.parse().unwrap()).collect()
}

/// A request of REST.
fn rest(method: http::Method, path: &str) -> Ask {
    let body: &[&[u8]] = &[];
    Ask::bytes(path, body.iter().copied())
        .method(method)
        .without("content-type")
        .without("te")
}
