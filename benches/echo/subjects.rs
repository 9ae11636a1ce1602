//! The servers that are measured. `bare-h2` is the least that a server over h2 must do, `bare-h2-deferred` the same with one
//! write after each poll, `tonic` has generated code, `descant` its whole pipeline.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use crate::{
    bare,
    subject::{self, announce},
};

#[allow(clippy::all, clippy::pedantic, unreachable_pub)]
mod proto {
    tonic::include_proto!("bench.v1");
}

use proto::{Blob, Item, Parcel, Party, Speed, echo_server::EchoServer};

/// The reference of the ratios first.
pub(crate) const SUBJECTS: &[&str] = &["bare-h2", "bare-h2-deferred", "tonic", "descant"];

const SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/echo.binpb"));

/// What is sent.
pub(crate) struct Payloads {
    small: Bytes,
    medium: Bytes,
    large: Bytes,
}

impl Payloads {
    pub(crate) fn new() -> Self {
        let blob = |size: usize| {
            envelope(&Blob {
                data: (0..size).map(|i| i.to_le_bytes()[0]).collect(),
            })
        };
        Self {
            small: blob(10),
            medium: envelope(&parcel()),
            large: blob(64 << 10),
        }
    }

    /// Name, path and body of each cell.
    pub(crate) fn cells(&self) -> [(&'static str, &'static str, Bytes); 3] {
        [
            ("12B", "/bench.v1.Echo/EchoBlob", self.small.clone()),
            ("1KB", "/bench.v1.Echo/EchoParcel", self.medium.clone()),
            ("64KB", "/bench.v1.Echo/EchoBlob", self.large.clone()),
        ]
    }
}

fn envelope(message: &impl Message) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.encoded_len()).expect("small"));
    message.encode(&mut framed).expect("there is room");
    framed.freeze()
}

fn parcel() -> Parcel {
    let party = |id, name: &str| Party {
        id,
        name: name.to_owned(),
        street: "Gänsemarkt 11, Hinterhof, dritte Klingel".to_owned(),
        town: "Hamburg".to_owned(),
        country: "DE".to_owned(),
    };
    let item = |number: u32| Item {
        code: format!("SKU-{number:06}"),
        title: format!("Field notebook, dotted, {number} pages"),
        count: number,
        price_cents: 1_299 + i64::from(number),
        notes: vec!["handle with care".to_owned(), "keep dry".to_owned()],
    };
    Parcel {
        tracking_code: "00340434161094021500".to_owned(),
        sender: Some(party(4_711, "Ada Lindqvist")),
        receiver: Some(party(815, "Grace Okonkwo")),
        items: (1..=7).map(item).collect(),
        speed: Speed::Fast.into(),
        marks: HashMap::from([
            ("fragile".to_owned(), "yes".to_owned()),
            ("lane".to_owned(), "7b".to_owned()),
        ]),
        depots: vec![12, 48, 1_024, 65_000],
        weight_kg: 3.75,
    }
}

/// Serves for ever as `name`, after its address was printed.
pub(crate) fn serve(name: &str) {
    subject::serve(async {
        match name {
            "bare-h2" => bare::serve(false, answer).await,
            "bare-h2-deferred" => bare::serve(true, answer).await,
            "tonic" => tonic().await,
            "descant" => descant().await,
            other => panic!("{other} is no subject"),
        }
    });
}

async fn answer(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let whole = bare::body(request.into_body()).await?;
    let head = http::Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let mut send = respond.send_response(head, false)?;
    send.send_data(whole, false)?;
    let status = (
        http::HeaderName::from_static("grpc-status"),
        http::HeaderValue::from_static("0"),
    );
    send.send_trailers(http::HeaderMap::from_iter([status]))
}

struct Echo;

#[tonic::async_trait]
impl proto::echo_server::Echo for Echo {
    async fn echo_blob(&self, request: tonic::Request<Blob>) -> Result<tonic::Response<Blob>, tonic::Status> {
        Ok(tonic::Response::new(request.into_inner()))
    }

    async fn echo_parcel(&self, request: tonic::Request<Parcel>) -> Result<tonic::Response<Parcel>, tonic::Status> {
        Ok(tonic::Response::new(request.into_inner()))
    }
}

async fn tonic() {
    let incoming = tonic::transport::server::TcpIncoming::bind("127.0.0.1:0".parse().unwrap())
        .unwrap()
        .with_nodelay(Some(true));
    announce(incoming.local_addr().unwrap());
    tonic::transport::Server::builder()
        .add_service(EchoServer::new(Echo))
        .serve_with_incoming(incoming)
        .await
        .unwrap();
}

async fn descant() {
    let schema = descant::Schema::from_bytes(SET).unwrap();
    let gateway = descant::Gateway::builder(schema)
        .route("*", descant_handlers::Echo)
        .build()
        .unwrap();
    let server = descant::Server::builder(gateway)
        .listen("127.0.0.1:0")
        .bind()
        .await
        .unwrap();
    announce(server.addresses()[0]);
    server.serve(std::future::pending::<()>()).await.unwrap();
}
