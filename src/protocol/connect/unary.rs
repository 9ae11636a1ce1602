//! Calls whose bodies are the messages. Connect, "Unary-Request" and "Unary-Response".

use std::{mem, sync::Arc};

use bytes::Bytes;
use descant_descriptors::{Method, Shape};
use descant_handlers::{Code, Coding, Encodings, Handler, Message, Messages, Metadata, Pieces, Status};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};

use super::{
    super::{
        Accepted, Arriving, Context, Encoding, Exchange, Place, Reading,
        detect::{Media, media_type},
        exchange::Speech,
        form::Form,
        head::{CONNECT_UNARY, Head},
        refusal::{self, Fault, Refusal, http_status},
        target, trailers,
    },
    STREAM_TYPES, UNARY_TYPES, accept_post,
    body::Body,
    check_charset, check_version,
    error::{Details, Json},
    get::Query,
};
use crate::{
    observe::Watch,
    transport::{Inbound, Outbound},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How the one message, or the error, goes out.
#[derive(Debug)]
pub(crate) struct Unary {
    content_type: &'static str,
    encoding: Option<Encoding>,
    /// The codings that another server may have left on the message.
    accepted: Encodings,
    form: Form,
    details: Details,
    /// Whether caches may keep the reply, and so have to know what it depends on.
    cached: bool,
}

/// Reads the head of a POST request.
pub(in super::super) fn accept<'p>(
    media: Media,
    parts: &mut Parts,
    body: Inbound,
    context: &Context<'_>,
    place: &'p mut Place,
) -> Result<&'p mut Accepted, Box<Refusal>> {
    let read = |parts: &mut Parts| {
        let (method, handler) = find(parts, context)?;
        if method.shape() != Shape::Unary {
            return Err(accept_post(STREAM_TYPES, "this method streams"));
        }
        check_charset(&parts.headers, UNARY_TYPES)?;
        check_version(&parts.headers, context)?;
        let head = Head::read(parts, &CONNECT_UNARY)?;
        let encoding = head.received;
        Ok((media, encoding, open(method, handler, &head, &mut parts.headers)?))
    };
    match read(parts) {
        Ok((media, encoding, opened)) => {
            let limits = context.connection.limits();
            let form = Form::new(media.notation, limits, || opened.method.input());
            let coding = form.coding(encoding);
            let body = Body::new(body, encoding, form, limits);
            let reading = Reading::new(body.message(), context.connection);
            Ok(opened.accepted((media, coding), reading, false, context, place))
        }
        Err(fault) => Err(Box::new(refuse(fault, body, context))),
    }
}

/// Reads a GET request, which holds the message in its query. Connect, "Unary-Get-Request".
pub(in super::super) fn accept_get<'p>(
    parts: &mut Parts,
    body: Inbound,
    context: &Context<'_>,
    place: &'p mut Place,
) -> Result<&'p mut Accepted, Box<Refusal>> {
    let read = |parts: &mut Parts| {
        let (method, handler) = find(parts, context)?;
        super::get::check_method(&method)?;
        let query = Query::read(parts.uri.query().unwrap_or_default(), context)?;
        let head = Head::read(parts, &CONNECT_UNARY)?;
        let opened = open(method, handler, &head, &mut parts.headers)?;
        let limits = context.connection.limits();
        let form = Form::new(query.media.notation, limits, || opened.method.input());
        let coding = form.coding(query.encoding);
        Ok((query.media, coding, query.body(form, limits), opened))
    };
    match read(parts) {
        Ok((media, coding, body, opened)) => {
            let reading = Reading::new(body.message(), context.connection);
            Ok(opened.accepted((media, coding), reading, true, context, place))
        }
        Err(fault) => Err(Box::new(refuse(fault, body, context))),
    }
}

/// The method that the path names, and what answers it.
fn find<'s>(parts: &Parts, context: &Context<'s>) -> Result<(Method, &'s Arc<dyn Handler>), Fault> {
    target::check(&parts.method, &parts.uri, &parts.headers)?;
    let path = parts.uri.path();
    // One that names a method is made of names, which can be read in one way only.
    if !context.names(path) {
        target::check_path(path).map_err(|error| Fault::target(&error))?;
    }
    context.find(path).map_err(|status| Fault {
        http: match status.code() {
            Code::Unimplemented if context.snapshot.method(path).is_none() => StatusCode::NOT_FOUND,
            code => http_status(code),
        },
        ..Fault::of(status)
    })
}

/// A request whose head is understood.
struct Opened<'s> {
    method: Method,
    handler: &'s Arc<dyn Handler>,
    metadata: Metadata,
    room: HeaderMap,
    encoding: Option<Encoding>,
    accepted: Encodings,
    deadline: Option<std::time::Instant>,
}

fn open<'s>(
    method: Method,
    handler: &'s Arc<dyn Handler>,
    head: &Head,
    headers: &mut HeaderMap,
) -> Result<Opened<'s>, Fault> {
    let (metadata, room) = head.metadata(headers)?;
    Ok(Opened {
        method,
        handler,
        metadata,
        room,
        encoding: head.reply(&CONNECT_UNARY),
        accepted: head.accepted(&CONNECT_UNARY),
        deadline: head.deadline(),
    })
}

impl Opened<'_> {
    fn accepted<'p>(
        self,
        (media, coding): (Media, Coding),
        reading: Reading,
        cached: bool,
        context: &Context<'_>,
        place: &'p mut Place,
    ) -> &'p mut Accepted {
        let form = Form::new(media.notation, context.connection.limits(), || self.method.output());
        let accepted = if form.is_wire() {
            self.accepted
        } else {
            Encodings::default()
        };
        let exchange = Exchange {
            deadline: self.deadline,
            dismissal: context.connection.dismissal().clone(),
            shape: Shape::Unary,
            room: self.room,
            speech: Speech::Unary(Box::new(Unary {
                content_type: media.name,
                encoding: self.encoding,
                accepted,
                form,
                details: Details::new(context),
                cached,
            })),
        };
        let mut call = context.call(self.method, Messages::empty(), self.metadata, self.deadline);
        call.coding = coding;
        call.accepted = accepted;
        place.insert(Accepted {
            handler: self.handler.clone(),
            request_id: call.request_id,
            arriving: Some(Arriving::new(call, Some(reading))),
            exchange,
            watch: Watch::default(),
        })
    }
}

impl Unary {
    pub(crate) fn refuse(&self, status: Status) -> Response<Outbound> {
        failed(http_status(status.code()), status, &self.details)
    }

    pub(crate) fn whole(
        &self,
        metadata: Metadata,
        message: Message,
        trailers: Metadata,
    ) -> Result<Response<Outbound>, Status> {
        let (coding, body) = self.body(message)?;
        let mut headers = metadata.into_headers();
        trailers::add_prefixed(&mut headers, trailers.into_headers());
        headers.insert(header::CONTENT_TYPE, media_type(self.content_type));
        if self.cached {
            headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        Ok(whole(StatusCode::OK, headers, body))
    }

    /// A message as it goes out, and how it is compressed.
    fn body(&self, message: Message) -> Result<(Option<Encoding>, Pieces), Status> {
        let mut message = message;
        if let Some(encoding) = message.encoding().filter(|encoding| self.accepted.has(*encoding)) {
            match message.into_compressed(encoding) {
                Ok(bytes) => return Ok((Some(encoding), bytes.into())),
                Err(other) => message = other,
            }
        }
        let plain = self.form.write(message)?;
        let Some(coding) = self.encoding else {
            return Ok((None, plain));
        };
        let plain = plain.into_bytes();
        Ok(match coding.deflate(&plain) {
            Some(smaller) => (Some(coding), smaller.into()),
            None => (None, plain.into()),
        })
    }
}

/// An answer to a request that becomes no call.
fn refuse(fault: Fault, body: Inbound, context: &Context<'_>) -> Refusal {
    let http = match fault.http {
        StatusCode::OK | StatusCode::BAD_REQUEST => http_status(fault.status.code()),
        http => http,
    };
    let told = refusal::told(&fault.status);
    let mut response = failed(http, fault.status, &Details::new(context));
    if let Some((name, value)) = fault.header {
        response.headers_mut().insert(name, value);
    }
    Refusal {
        response,
        body: Some(body),
        status: Some(told),
    }
}

/// An error. Connect, "Unary-Response": it is JSON, whatever the call is, and never compressed.
fn failed(http: StatusCode, mut status: Status, details: &Details) -> Response<Outbound> {
    let mut json = Json::default();
    json.error(&status, details);
    let mut headers = mem::take(status.head_mut()).into_headers();
    trailers::add_prefixed(&mut headers, mem::take(status.metadata_mut()).into_headers());
    headers.insert(header::CONTENT_TYPE, JSON);
    whole(http, headers, Bytes::from(json).into())
}

fn whole(status: StatusCode, headers: HeaderMap, body: Pieces) -> Response<Outbound> {
    let mut response = Response::new(Outbound::Whole {
        payload: body.into(),
        trailers: HeaderMap::new(),
    });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
