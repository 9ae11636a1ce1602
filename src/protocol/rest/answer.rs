//! From what a handler answered to a response.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use descant_descriptors::{HttpBody, JsonOptions};
use descant_handlers::{Code, Message, Metadata, Status};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::{
    accept::Format,
    asked::Asked,
    desk, error,
    replies::{Replies, of_one},
};
use crate::{
    protocol::{Encoding, form::no_json, head, outgoing::Outgoing, refusal::http_status, trailers},
    transport::{Outbound, Payload},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const TWO_WAY_PATIENCE: Duration = Duration::from_millis(200);

/// How an answer goes out.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) asked: Asked,
    /// How a stream of messages is told apart; `None`: there is one.
    pub(super) stream: Option<Format>,
    /// Whether the answer is a `google.api.HttpBody`.
    pub(super) bytes: bool,
    pub(super) encoding: Option<Encoding>,
    /// The client asks for nothing but headers.
    pub(super) head_only: bool,
    /// The client reads trailers.
    pub(super) trailers: bool,
}

impl Answer {
    pub(crate) fn refuse(&self, status: Status) -> Response<Outbound> {
        let http = self.asked.faulted(status.code());
        failed(http, status, &self.asked, self.head_only)
    }

    pub(crate) fn whole(
        &self,
        metadata: Metadata,
        message: Message,
        trailers: Metadata,
    ) -> Result<Response<Outbound>, Status> {
        let (content_type, body) = self.content(message)?;
        let mut headers = own_removed(metadata);
        let mut at_the_end = HeaderMap::new();
        let mut body = body;
        match self.stream {
            Some(_) => at_the_end = self.stream_trailers(trailers),
            None => trailers::add_prefixed(&mut headers, own_removed(trailers)),
        }
        if self.format().is_some() {
            body = of_one(self.format(), body);
        } else if !self.bytes
            && let Some(coding) = self.encoding
        {
            headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
            if let Some(smaller) = coding.deflate(&body) {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
                weaken(&mut headers);
                body = smaller;
            }
        }
        headers.insert(header::CONTENT_TYPE, content_type);
        if at_the_end.is_empty() {
            headers.insert(header::CONTENT_LENGTH, number(body.len()));
        }
        Ok(response(StatusCode::OK, headers, body, at_the_end, self.head_only))
    }

    /// A stream of which the first message is there, or has had its time.
    pub(in super::super) fn stream(
        self: &Arc<Self>,
        metadata: Metadata,
        first: Option<Message>,
        mut outgoing: Outgoing,
    ) -> Response<Outbound> {
        // Once something went out nothing can be taken back.
        let (content_type, first) = match first.map(|first| self.content(first)) {
            Some(Ok((content_type, first))) => (content_type, Some(first)),
            Some(Err(status)) => {
                outgoing.fails(&status);
                let response = self.refuse(status);
                outgoing.answered(response.status());
                return response;
            }
            None => (self.format().map_or(BYTES, Format::content_type), None),
        };
        let mut headers = own_removed(metadata);
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Some(names) = outgoing.trailers().filter(|_| self.trailers).and_then(names) {
            headers.insert(header::TRAILER, names);
        }
        if self.format() == Some(Format::Events) {
            headers
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("no-cache"));
        }
        let body = if self.head_only {
            outgoing.ends(Code::Ok);
            Outbound::Empty
        } else {
            Outbound::Stream(Box::pin(Replies {
                answer: self.clone(),
                outgoing,
                first,
                begun: false,
                last: None,
            }))
        };
        let mut response = Response::new(body);
        *response.headers_mut() = headers;
        response
    }

    /// How long the answer may wait for its first message. A client that talks both ways may wait for the answer before it
    /// says anything.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.asked.method.client_streaming().then_some(TWO_WAY_PATIENCE)
    }

    /// How messages of a stream are told apart; `None`: they are one body.
    pub(super) fn format(&self) -> Option<Format> {
        self.stream.filter(|_| !self.bytes)
    }

    /// A message of a stream.
    pub(super) fn element(&self, message: Message) -> Result<Bytes, Status> {
        if self.bytes {
            return self.http_body(message).map(|body| body.data);
        }
        self.json(message)
    }

    /// An error as JSON, for the end of a stream: one line.
    pub(super) fn error(&self, status: &Status) -> Vec<u8> {
        let mut options = self.asked.json();
        options.pretty = false;
        error::json(status, self.asked.method.schema(), options)
    }

    /// The trailers of a stream, if the client reads them.
    pub(super) fn stream_trailers(&self, trailers: Metadata) -> HeaderMap {
        if self.trailers {
            trailers::own(own_removed(trailers))
        } else {
            HeaderMap::new()
        }
    }

    fn content(&self, message: Message) -> Result<(HeaderValue, Bytes), Status> {
        if !self.bytes {
            return Ok((self.format().map_or(JSON, Format::content_type), self.json(message)?));
        }
        let HttpBody { content_type, data } = self.http_body(message)?;
        if content_type.is_empty() {
            return Ok((BYTES, data));
        }
        // What is no legal value could end the header, and begin others.
        let legal = HeaderValue::from_maybe_shared(content_type);
        let legal = legal.ok().filter(|value| value.to_str().is_ok());
        let content_type = legal.ok_or_else(|| {
            Status::internal("the reply is a google.api.HttpBody whose content_type is no value of a header")
        })?;
        Ok((content_type, data))
    }

    fn http_body(&self, message: Message) -> Result<HttpBody, Status> {
        let field = self.asked.binding()?.response_body();
        HttpBody::read(&message.into_wire()?, field).map_err(|error| Status::internal(format!("the reply is {error}")))
    }

    fn json(&self, message: Message) -> Result<Bytes, Status> {
        let binding = self.asked.binding()?;
        desk::json(&self.asked, binding, &message.into_wire()?).map_err(|error| no_json(&error))
    }
}

/// An error. `http`: what HTTP calls it, where the code says less.
fn failed(http: Option<StatusCode>, mut status: Status, asked: &Asked, head_only: bool) -> Response<Outbound> {
    let json = error::json(&status, asked.method.schema(), asked.json());
    let mut headers = own_removed(std::mem::take(status.head_mut()));
    if let Some(seconds) = error::retry_after(&status) {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    trailers::add_prefixed(&mut headers, own_removed(std::mem::take(status.metadata_mut())));
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CONTENT_LENGTH, number(json.len()));
    let http = http.unwrap_or_else(|| http_status(status.code()));
    response(http, headers, json.into(), HeaderMap::new(), head_only)
}

/// An error of a request that became no call.
pub(super) fn refused(
    http: StatusCode,
    status: &Status,
    schema: &descant_descriptors::Schema,
    options: &JsonOptions,
    head_only: bool,
) -> Response<Outbound> {
    let json = error::json(status, schema, options.clone());
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CONTENT_LENGTH, number(json.len()));
    response(http, headers, json.into(), HeaderMap::new(), head_only)
}

fn response(
    http: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
    head_only: bool,
) -> Response<Outbound> {
    let mut response = Response::new(if head_only {
        Outbound::Empty
    } else {
        let payload = Payload::from(body);
        Outbound::Whole { payload, trailers }
    });
    *response.status_mut() = http;
    *response.headers_mut() = headers;
    response
}

/// Makes a strong `etag` a weak one: it is of the bytes before they were compressed. RFC 9110, section 8.8.3.
fn weaken(headers: &mut HeaderMap) {
    let tag = headers.get_mut(header::ETAG);
    if let Some(tag) = tag.filter(|tag| tag.as_bytes().starts_with(b"\"")) {
        let weak = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat());
        *tag = weak.unwrap_or_else(|_| tag.clone());
    }
}

/// The value of a header. The conversion that `http` brings allocates twice.
fn number(number: usize) -> HeaderValue {
    HeaderValue::try_from(number.to_string()).unwrap_or_else(|_| HeaderValue::from(number))
}

/// Metadata without what is HTTP's, a connection's or a protocol's own, which a server behind this one may have sent.
fn own_removed(metadata: Metadata) -> HeaderMap {
    let mut headers = metadata.into_headers();
    let connection = headers.get_all(header::CONNECTION).iter().flat_map(head::listed);
    let own = headers.keys().filter(|name| head::is_own(name.as_str())).cloned();
    let own: Vec<HeaderName> = connection.chain(own).collect();
    for name in own {
        headers.remove(name);
    }
    headers
}

/// The names of trailers, which HTTP/1.1 has to tell before. RFC 9110, section 6.6.2.
fn names(trailers: &Metadata) -> Option<HeaderValue> {
    let trailers = trailers::own(own_removed(trailers.clone()));
    let names: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
    let names = Some(names).filter(|names| !names.is_empty())?;
    HeaderValue::try_from(names.join(", ")).ok()
}
