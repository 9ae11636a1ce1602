//! The servers that are measured.

use std::convert::Infallible;

use bytes::Bytes;
use descant_handlers::{Echo, Handler, typed};
use h2::{RecvStream, server::SendResponse};
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::{
    bare,
    subject::{self, announce},
};

#[allow(clippy::pedantic, dead_code, missing_docs, unreachable_pub)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/codec/orders.rs"));
    include!(concat!(env!("OUT_DIR"), "/codec/orders.serde.rs"));
}

pub(super) use proto::Order;

pub(super) static SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/codec/orders.binpb"));
pub(super) const PATH: &str = "/v1/orders";
const RULES: &str = include_str!("../codec/orders.yaml");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Serves for ever as `name`, after its address was printed.
pub(super) fn serve(name: &str) {
    subject::serve(async {
        match name {
            "h2" => bare::serve(false, answer).await,
            "h2-deferred" => bare::serve(true, answer).await,
            "hyper" => hyper().await,
            "descant-typed" => descant(typed::unary(|order: Order, _| async { Ok(place(order)) })).await,
            "descant-echo" => descant(Echo).await,
            other => panic!("{other} is no subject"),
        }
    });
}

/// What the call does.
fn place(order: Order) -> Order {
    order
}

/// What generated code makes of the call.
fn transcode(body: &[u8]) -> Bytes {
    let order: Order = serde_json::from_slice(body).unwrap();
    serde_json::to_vec(&place(order)).unwrap().into()
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let json = transcode(&bare::body(request.into_body()).await?);
    let head = Response::builder()
        .header(header::CONTENT_TYPE, JSON)
        .header(header::CONTENT_LENGTH, json.len());
    let mut send = respond.send_response(head.body(()).unwrap(), false)?;
    send.send_data(json, true)
}

async fn hyper() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    announce(listener.local_addr().unwrap());
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let service = hyper::service::service_fn(|request: Request<Incoming>| async {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let json = transcode(&body);
            let response = Response::builder().header(header::CONTENT_TYPE, JSON);
            Ok::<_, Infallible>(response.body(Full::new(json)).unwrap())
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
}

async fn descant(handler: impl Handler) {
    let schema = descant::Schema::builder()
        .bytes("orders.binpb", SET)
        .http_rules("orders.yaml", RULES)
        .build()
        .unwrap();
    let gateway = descant::Gateway::builder(schema).route("*", handler).build().unwrap();
    let server = descant::Server::builder(gateway)
        .listen("127.0.0.1:0")
        .bind()
        .await
        .unwrap();
    announce(server.addresses()[0]);
    server.serve(std::future::pending::<()>()).await.unwrap();
}
