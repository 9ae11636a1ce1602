//! What is called: a bare server over h2, and the calls that it answers.

use std::future::poll_fn;

use bytes::{BufMut, Bytes, BytesMut};
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use prost::Message;

use crate::bare;

/// A kind of call.
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) request: Bytes,
    /// All of the body that comes back.
    pub(crate) reply: Bytes,
    /// How many at a time on each connection.
    pub(crate) streams: usize,
}

const ONE: &str = "/bench.v1.Flow/One";
const MANY: &str = "/bench.v1.Flow/Many";
/// Bytes of a message's envelope.
const HEAD: usize = 5;

#[derive(Clone, PartialEq, Message)]
struct Blob {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

/// So many messages of such a size.
#[derive(Clone, PartialEq, Message)]
struct Wish {
    #[prost(uint32, tag = "1")]
    count: u32,
    #[prost(uint32, tag = "2")]
    size: u32,
}

/// The names say how large a message is, and how many there are.
pub(crate) fn cells() -> [Cell; 5] {
    [
        one("12B", 12),
        one("1KB", 994),
        one("64KB", 64 << 10),
        many("100x1KB", 100, 1024),
        many("10000x12B", 10_000, 12),
    ]
}

fn one(name: &'static str, size: usize) -> Cell {
    let request = blob(size);
    Cell {
        name,
        path: ONE,
        reply: request.clone(),
        request,
        streams: 50,
    }
}

fn many(name: &'static str, count: u32, size: u32) -> Cell {
    Cell {
        name,
        path: MANY,
        request: envelope(&Wish { count, size }),
        reply: blob(size as usize).repeat(count as usize).into(),
        streams: 5,
    }
}

/// A message of so many bytes, in its envelope.
fn blob(size: usize) -> Bytes {
    let around = |data: usize| {
        let data = (0..data).map(|i| i.to_le_bytes()[0]).collect();
        Blob { data }
    };
    let more = around(size).encoded_len() - size;
    envelope(&around(size - more))
}

fn envelope(message: &impl Message) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.encoded_len()).expect("small"));
    message.encode(&mut framed).expect("there is room");
    framed.freeze()
}

/// Listens for ever, after its address was printed.
pub(crate) async fn serve() {
    bare::serve(true, answer).await;
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let many = request.uri().path() == MANY;
    let request = bare::body(request.into_body()).await?;
    let mut head = Response::new(());
    let kind = HeaderValue::from_static("application/grpc");
    head.headers_mut().insert(header::CONTENT_TYPE, kind);
    let mut send = respond.send_response(head, false)?;
    if many {
        let Wish { count, size } = Wish::decode(&request[HEAD..]).expect("a wish");
        let message = blob(size as usize);
        for _ in 0..count {
            give(message.clone(), &mut send).await?;
        }
    } else {
        send.send_data(request, false)?;
    }
    let status = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    send.send_trailers(HeaderMap::from_iter([status]))
}

/// Sends a message, in a frame of its own, once there is window for it.
async fn give(message: Bytes, send: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    send.reserve_capacity(message.len());
    while send.capacity() < message.len() {
        if poll_fn(|cx| send.poll_capacity(cx)).await.transpose()?.is_none() {
            return Ok(());
        }
    }
    send.send_data(message, false)
}
