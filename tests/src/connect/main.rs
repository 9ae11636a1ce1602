//! The server that connectconformance tests: `descant-connect-server SET.binpb`.
//!
//! It is told on standard input what to serve, and says on standard output where. Source: `docs/testing_servers.md` and
//! the comments of `server_compat.proto` in the module `connectrpc.com/conformance`: four bytes of length, big endian,
//! then the message, both ways.

mod messages;
mod service;

use std::{
    error::Error,
    io::{self, Read as _, Write as _},
};

use descant::{Gateway, Limits, Schema, Server, Tls};
use prost::Message as _;
use tokio::signal::unix::{SignalKind, signal};

use self::messages::{ServerCompatRequest, ServerCompatResponse, TlsCreds};

const ADDRESS: &str = "127.0.0.1:0";
const SERVICE: &str = "connectrpc.conformance.v1.ConformanceService";

fn main() -> Result<(), Box<dyn Error>> {
    let set = std::env::args()
        .nth(1)
        .ok_or("usage: descant-connect-server SET.binpb")?;
    let gateway = Gateway::builder(Schema::load(set)?)
        .route(SERVICE, service::service())
        .build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(gateway, asked()?))
}

async fn serve(gateway: Gateway, asked: ServerCompatRequest) -> Result<(), Box<dyn Error>> {
    let mut limits = Limits::default();
    if asked.message_receive_limit > 0 {
        limits.message_bytes = usize::try_from(asked.message_receive_limit)?;
    }
    let builder = Server::builder(gateway).limits(limits);
    let builder = if asked.use_tls {
        builder.listen_tls(ADDRESS, &tls(&asked)?)
    } else {
        builder.listen(ADDRESS)
    };
    let server = builder.bind().await?;
    let address = server.addresses().first().ok_or("no address")?;
    let mut stop = signal(SignalKind::terminate())?;
    tell(&ServerCompatResponse {
        host: address.ip().to_string(),
        port: address.port().into(),
        pem_cert: asked.server_creds.unwrap_or_default().cert,
    })?;
    server.serve(stop.recv()).await?;
    Ok(())
}

fn tls(asked: &ServerCompatRequest) -> Result<Tls, Box<dyn Error>> {
    let TlsCreds { cert, key } = asked.server_creds.clone().ok_or("no certificate")?;
    let mut tls = Tls::builder().certificate(cert, key);
    if !asked.client_tls_cert.is_empty() {
        tls = tls.client_ca(asked.client_tls_cert.clone());
    }
    Ok(tls.build()?)
}

fn asked() -> Result<ServerCompatRequest, Box<dyn Error>> {
    let mut length = [0; 4];
    let mut input = io::stdin().lock();
    input.read_exact(&mut length)?;
    let mut message = Vec::new();
    input
        .take(u64::from(u32::from_be_bytes(length)))
        .read_to_end(&mut message)?;
    Ok(ServerCompatRequest::decode(&*message)?)
}

fn tell(response: &ServerCompatResponse) -> Result<(), Box<dyn Error>> {
    let message = response.encode_to_vec();
    let mut out = io::stdout().lock();
    out.write_all(&u32::try_from(message.len())?.to_be_bytes())?;
    out.write_all(&message)?;
    Ok(out.flush()?)
}
