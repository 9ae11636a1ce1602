//! `connectrpc.conformance.v1.ConformanceService`, as the comments of its `service.proto` tell.

use std::{
    mem,
    time::{Duration, Instant},
};

use bytes::Bytes;
use descant_handlers::{
    Code, Metadata, MetadataError, Status,
    typed::{Context, Incoming, Methods, Response, Sender, generate, raw},
};
use futures_core::Stream;
use prost::Message as _;
use prost_types::Any;
use tokio::time::sleep;

use crate::messages::{
    self, Answer, AskBoth, AskMany, AskOne, ConformancePayload, Error, Header, ManyDefinition, OneDefinition,
    RequestInfo,
};

/// The service. `Unimplemented` has no handler on purpose.
pub(crate) fn service() -> Methods {
    Methods::new()
        .on("Unary", raw::unary(unary))
        .on("IdempotentUnary", raw::unary(unary))
        .on("ClientStream", raw::client_streaming(client_stream))
        .on("ServerStream", raw::server_streaming(server_stream))
        .on("BidiStream", raw::bidi(bidi_stream))
}

async fn unary(asked: Bytes, context: Context) -> Result<Response<Bytes>, Status> {
    let definition = decode::<AskOne>(&asked)?.response_definition;
    let mut seen = Seen::new(context);
    seen.request(asked);
    one(definition, seen).await
}

async fn client_stream(mut asked: Incoming<Bytes>, context: Context) -> Result<Response<Bytes>, Status> {
    let mut definition = None;
    let mut seen = Seen::new(context);
    while let Some(message) = asked.next().await {
        let message = message?;
        if seen.requests.is_empty() {
            definition = decode::<AskOne>(&message)?.response_definition;
        }
        seen.request(message);
    }
    one(definition, seen).await
}

/// The answer of a method that gives one.
async fn one(definition: Option<OneDefinition>, mut seen: Seen) -> Result<Response<Bytes>, Status> {
    let definition = definition.unwrap_or_default();
    let headers = metadata(&definition.response_headers)?;
    let trailers = metadata(&definition.response_trailers)?;
    pause(definition.response_delay_ms).await;
    let data = match definition.response {
        Some(Answer::Error(error)) => {
            let mut both = headers;
            both.extend(trailers).map_err(|error| internal(&error))?;
            return Err(failure(error, Some(&seen.info())).with_metadata(both));
        }
        Some(Answer::ResponseData(data)) => data,
        None => Bytes::new(),
    };
    let response = Response::new(payload(data, Some(seen.info())));
    Ok(response.with_metadata(headers).with_trailers(trailers))
}

async fn server_stream(
    asked: Bytes,
    context: Context,
) -> Result<Response<impl Stream<Item = Result<Bytes, Status>>>, Status> {
    let definition = decode::<AskMany>(&asked)?.response_definition;
    let mut seen = Seen::new(context);
    seen.request(asked);
    many(definition, seen, None)
}

/// A half-duplex stream is read to its end before anything is answered: over HTTP/1.1 that is the only order.
async fn bidi_stream(
    mut asked: Incoming<Bytes>,
    context: Context,
) -> Result<Response<impl Stream<Item = Result<Bytes, Status>>>, Status> {
    let mut seen = Seen::new(context);
    let mut first = AskBoth::default();
    while let Some(message) = asked.next().await {
        let message = message?;
        if seen.requests.is_empty() {
            first = decode(&message)?;
        }
        seen.request(message);
        if first.full_duplex {
            break;
        }
    }
    let more = first.full_duplex.then_some(asked);
    many(first.response_definition, seen, more)
}

/// The answer of a method that gives many: each message after a request of its own while there are `more` of them.
fn many(
    definition: Option<ManyDefinition>,
    seen: Seen,
    more: Option<Incoming<Bytes>>,
) -> Result<Response<impl Stream<Item = Result<Bytes, Status>>>, Status> {
    let definition = definition.unwrap_or_default();
    let headers = metadata(&definition.response_headers)?;
    let trailers = metadata(&definition.response_trailers)?;
    // Those of the response go out if all goes well, those of the status if it does not.
    let of_error = trailers.clone();
    let stream = generate(|sender| async move {
        let sent = send(definition, seen, more, sender).await;
        sent.map_err(|status| status.with_metadata(of_error))
    });
    Ok(Response::new(stream).with_metadata(headers).with_trailers(trailers))
}

async fn send(
    definition: ManyDefinition,
    mut seen: Seen,
    mut more: Option<Incoming<Bytes>>,
    sender: Sender<Bytes>,
) -> Result<(), Status> {
    let dialogue = more.is_some();
    let mut first = true;
    for data in definition.response_data {
        pause(definition.response_delay_ms).await;
        // Later answers of a dialogue repeat the request that they answer, those of a monologue nothing.
        let info = if mem::take(&mut first) {
            Some(seen.info())
        } else {
            dialogue.then(|| seen.requests())
        };
        sender.send(payload(data, info)).await?;
        let Some(asked) = &mut more else { continue };
        match asked.next().await {
            Some(message) => seen.request(message?),
            None => more = None,
        }
    }
    match definition.error {
        Some(error) => Err(failure(error, first.then(|| seen.info()).as_ref())),
        None => Ok(()),
    }
}

/// What was seen of a call.
struct Seen {
    context: Context,
    requests: Vec<Any>,
}

impl Seen {
    fn new(context: Context) -> Self {
        let requests = Vec::new();
        Self { context, requests }
    }

    fn request(&mut self, message: Bytes) {
        self.requests.push(Any {
            type_url: format!("type.googleapis.com/{}", self.context.method.input().full_name()),
            value: message.into(),
        });
    }

    /// All of it. The requests are told of once.
    fn info(&mut self) -> RequestInfo {
        let left = self.context.deadline.map(|deadline| deadline - Instant::now());
        RequestInfo {
            request_headers: headers(&self.context.metadata),
            timeout_ms: left.and_then(|left| i64::try_from(left.as_millis()).ok()),
            requests: mem::take(&mut self.requests),
        }
    }

    fn requests(&mut self) -> RequestInfo {
        RequestInfo {
            requests: mem::take(&mut self.requests),
            ..RequestInfo::default()
        }
    }
}

fn headers(metadata: &Metadata) -> Vec<Header> {
    let mut headers: Vec<Header> = Vec::new();
    for (name, value) in metadata.iter() {
        let value = String::from_utf8_lossy(value).into_owned();
        match headers.last_mut() {
            Some(last) if last.name == name => last.value.push(value),
            _ => headers.push(Header {
                name: name.to_owned(),
                value: vec![value],
            }),
        }
    }
    headers
}

fn metadata(headers: &[Header]) -> Result<Metadata, Status> {
    let mut metadata = Metadata::new();
    for Header { name, value } in headers {
        let name = name.to_lowercase();
        for value in value {
            metadata.append(&name, value).map_err(|error| internal(&error))?;
        }
    }
    Ok(metadata)
}

fn failure(error: Error, info: Option<&RequestInfo>) -> Status {
    let status = Status::new(Code::from(error.code), error.message);
    let status = error.details.into_iter().fold(status, Status::with_any);
    match info {
        Some(info) => status.with_detail(info),
        None => status,
    }
}

fn payload(data: Bytes, request_info: Option<RequestInfo>) -> Bytes {
    let payload = Some(ConformancePayload { data, request_info });
    messages::Response { payload }.encode_to_vec().into()
}

async fn pause(milliseconds: u32) {
    if milliseconds > 0 {
        sleep(Duration::from_millis(milliseconds.into())).await;
    }
}

fn decode<M: prost::Message + Default>(wire: &Bytes) -> Result<M, Status> {
    M::decode(wire.clone()).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn internal(error: &MetadataError) -> Status {
    Status::internal(error.to_string())
}
