//! The service of `lab.proto`.

use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{self, Context},
    time::Instant,
};

use descant::{Gateway, GatewayBuilder, Schema};
use descant_handlers::{Call, Code, Handler, Message, Messages, Metadata, Reply, Status, async_trait};
use prost_types::Any;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Item {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(int32, tag = "2")]
    pub(crate) size: i32,
    #[prost(string, repeated, tag = "3")]
    pub(crate) tags: Vec<String>,
    #[prost(btree_map = "string, string", tag = "5")]
    pub(crate) labels: BTreeMap<String, String>,
    #[prost(message, optional, tag = "6")]
    pub(crate) any: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FailRequest {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(int32, tag = "3")]
    retry_seconds: i32,
    #[prost(int32, tag = "4")]
    after: i32,
    #[prost(bool, tag = "5")]
    strange_detail: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HttpBody {
    #[prost(string, tag = "1")]
    content_type: String,
    #[prost(bytes = "vec", tag = "2")]
    data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Upload {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    file: Option<HttpBody>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<prost_types::Duration>,
}

struct Lab;

pub(crate) fn builder() -> GatewayBuilder {
    let schema = Schema::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rest/lab.proto")).unwrap();
    Gateway::builder(schema).route("lab.v1.Lab", Lab)
}

#[async_trait]
impl Handler for Lab {
    async fn call(&self, call: Call) -> Result<Reply, Status> {
        let name = call.method.name().to_owned();
        match &*name {
            "Metadata" => Ok(metadata(&call)),
            "Deadline" => {
                let left = call.deadline.map(|deadline| deadline - Instant::now());
                let size = left.map_or(-1, |left| i32::try_from(left.as_millis()).unwrap());
                Ok(item(&Item {
                    size,
                    ..Item::default()
                }))
            }
            "Fail" => Err(fail(&call.messages.only().await?.decode()?)),
            "FailLate" => {
                let request: FailRequest = call.messages.only().await?.decode()?;
                Ok(Reply::new(late(&request)))
            }
            "Broken" => Ok(Message::from_wire((&b"\x0a\x01\xff"[..]).into()).into()),
            "Many" => {
                let Item { size, .. } = call.messages.only().await?.decode()?;
                Ok(Reply::new(many(size)))
            }
            "Collect" => collect(call.messages).await,
            "StoreMany" => count(call.messages).await,
            "Fetch" => {
                let wanted: Item = call.messages.only().await?.decode()?;
                Ok(Message::from_prost(&body(&wanted.name, b"\x00\xff")).into())
            }
            "FetchMany" => {
                let wanted: Item = call.messages.only().await?.decode()?;
                let pieces = [&b"one,"[..], b"", b"two"].map(|data| Ok(Message::from_prost(&body(&wanted.name, data))));
                Ok(Reply::new(messages(pieces)))
            }
            // The same type in and out.
            _ => Ok(Reply::new(call.messages)),
        }
    }
}

fn item(item: &Item) -> Reply {
    Message::from_prost(item).into()
}

fn body(content_type: &str, data: &[u8]) -> HttpBody {
    HttpBody {
        content_type: content_type.replace("CRLF", "\r\n"),
        data: data.to_vec(),
    }
}

fn metadata(call: &Call) -> Reply {
    let text = |(name, value): (&str, &[u8])| (name.to_owned(), String::from_utf8_lossy(value).into_owned());
    let labels = call.metadata.iter().map(text).collect();
    let mut trailers = Metadata::new();
    trailers.insert("x-late", "no").unwrap();
    let message = Message::from_prost(&Item {
        labels,
        ..Item::default()
    });
    let mut reply = Reply::new(Messages::one(message).with_trailers(trailers));
    reply.metadata.insert("x-early", "yes").unwrap();
    reply.metadata.insert_bin("x-early-bin", [1, 2]).unwrap();
    if let Some(tag) = call.metadata.get("x-tag") {
        reply.metadata.insert("etag", tag).unwrap();
    }
    reply
}

fn fail(request: &FailRequest) -> Status {
    let mut status = Status::new(Code::from(request.code), &*request.message);
    if request.retry_seconds > 0 {
        let delay = prost_types::Duration {
            seconds: request.retry_seconds.into(),
            nanos: 1,
        };
        status = status.with_any(Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: prost::Message::encode_to_vec(&RetryInfo { delay: Some(delay) }),
        });
    }
    if request.strange_detail {
        for (name, value) in [("nowhere.Nothing", &b"\xff\x00"[..]), ("lab.v1.Item", b"\xff")] {
            status = status.with_any(Any {
                type_url: format!("type.googleapis.com/{name}"),
                value: value.to_vec(),
            });
        }
    }
    // As a gRPC server behind says of its response, in the head that has the trailers too.
    for (name, value) in [
        ("x-why", "asked"),
        ("vary", "origin"),
        ("x-request-id", "other"),
        ("server", "other/1"),
    ] {
        status.metadata_mut().insert(name, value).unwrap();
    }
    status
}

fn late(request: &FailRequest) -> Messages {
    let items = (0..request.after).map(|size| {
        Ok(Message::from_prost(&Item {
            size,
            ..Item::default()
        }))
    });
    messages(items.chain([Err(fail(request))]))
}

fn messages<I>(messages: I) -> Messages
where
    I: IntoIterator<Item = Result<Message, Status>>,
    I::IntoIter: Send + Unpin + 'static,
{
    let mut messages = messages.into_iter();
    Messages::from_stream(Poll(move || messages.next()))
}

/// A stream of what a closure gives.
struct Poll<F>(F);

impl<F: FnMut() -> Option<Result<Message, Status>> + Unpin> futures_core::Stream for Poll<F> {
    type Item = Result<Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> task::Poll<Option<Self::Item>> {
        task::Poll::Ready((self.0)())
    }
}

fn many(size: i32) -> Messages {
    let items = (0..size).map(|size| {
        Ok(Message::from_prost(&Item {
            size,
            ..Item::default()
        }))
    });
    let mut trailers = Metadata::new();
    trailers.insert("x-late", "yes").unwrap();
    trailers.insert("date", "today").unwrap();
    messages(items).with_trailers(trailers)
}

async fn collect(mut messages: Messages) -> Result<Reply, Status> {
    let mut found = Item::default();
    while let Some(message) = messages.next().await {
        let message: Item = message?.decode()?;
        found.size += message.size;
        found.tags.push(message.name);
    }
    Ok(item(&found))
}

async fn count(mut messages: Messages) -> Result<Reply, Status> {
    let mut found = Item::default();
    while let Some(message) = messages.next().await {
        let Upload { name, file } = message?.decode()?;
        let HttpBody { content_type, data } = file.unwrap_or_default();
        found.size += i32::try_from(data.len()).unwrap();
        found.tags = vec![name, content_type];
    }
    Ok(item(&found))
}
