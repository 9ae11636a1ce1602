//! The server that connectconformance tests: `descant-connect-server SET.binpb [REFERENCE-SERVER]`.
//!
//! It is told on standard input what to serve, and says on standard output where. Source: `docs/testing_servers.md` and
//! the comments of `server_compat.proto` in the module `connectrpc.com/conformance`. With the program of the tool's reference
//! server it answers from that one, through a proxy.

mod behind;
mod messages;
mod service;
mod told;

use std::{env, error::Error, io, path::Path};

use descant::{Gateway, Limits, Schema, Server, Tls};
use descant_handlers::Proxy;
use tokio::signal::unix::{SignalKind, signal};

use self::{
    behind::Reference,
    messages::{ServerCompatRequest, ServerCompatResponse, TlsCreds},
};

const ADDRESS: &str = "127.0.0.1:0";
const SERVICE: &str = "connectrpc.conformance.v1.ConformanceService";

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let set = words
        .next()
        .ok_or("usage: descant-connect-server SET.binpb [REFERENCE-SERVER]")?;
    let schema = Schema::load(set)?;
    let asked: ServerCompatRequest = told::read(&mut io::stdin().lock())?;
    let reference = words
        .next()
        .map(|program| Reference::start(Path::new(&program), asked.message_receive_limit))
        .transpose()?;
    let gateway = Gateway::builder(schema);
    let gateway = match &reference {
        Some(Reference { port, .. }) => gateway.route(SERVICE, Proxy::to(&format!("http://127.0.0.1:{port}"))?),
        None => gateway.route(SERVICE, service::service()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(gateway.build()?, asked))
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
    let response = ServerCompatResponse {
        host: address.ip().to_string(),
        port: address.port().into(),
        pem_cert: asked.server_creds.unwrap_or_default().cert,
    };
    told::write(&response, &mut io::stdout().lock())?;
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
