//! Calls by GET, whose message stands in the query. Connect, "Unary-Get-Request".

use std::borrow::Cow;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use descant_descriptors::{Idempotency, Method, Shape};
use http::{HeaderValue, Method as HttpMethod, StatusCode, header};
use percent_encoding::percent_decode;

use super::{
    super::{
        Context, Encoding,
        detect::{Connect, Media, Protocol, by_content_type},
        form::Form,
        query,
        refusal::Fault,
    },
    body::Body,
};
use crate::Limits;
use descant_handlers::{Encodings, Status};

/// "URL-safe, padded or not".
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a query says.
pub(super) struct Query {
    pub(super) media: Media,
    message: Bytes,
    pub(super) encoding: Option<Encoding>,
}

/// The parameters of a query, decoded.
#[derive(Default)]
struct Parameters<'q> {
    connect: Option<Cow<'q, [u8]>>,
    encoding: Option<Cow<'q, [u8]>>,
    message: Option<Cow<'q, [u8]>>,
    base64: Option<Cow<'q, [u8]>>,
    compression: Option<Cow<'q, [u8]>>,
}

/// Only what changes nothing may be called by GET.
pub(super) fn check_method(method: &Method) -> Result<(), Fault> {
    if method.shape() == Shape::Unary && method.idempotency() == Idempotency::NoSideEffects {
        return Ok(());
    }
    let status =
        Status::unknown("this method is not called by GET: its idempotency_level is not NO_SIDE_EFFECTS; use POST");
    Err(Fault {
        http: StatusCode::METHOD_NOT_ALLOWED,
        header: Some((header::ALLOW, HeaderValue::from_static(HttpMethod::POST.as_str()))),
        ..Fault::of(status)
    })
}

impl Query {
    pub(super) fn read(query: &str, context: &Context<'_>) -> Result<Self, Fault> {
        let parameters = Parameters::read(query)?;
        match parameters.connect.as_deref() {
            Some(b"v1") => {}
            None if !context.settings.connect_version => {}
            None => return Err(Fault::bad_request(&"the query has to say connect=v1")),
            Some(_) => {
                return Err(Fault::bad_request(
                    &"connect is not v1, the one version of Connect that is known",
                ));
            }
        }
        let message = parameters
            .message
            .ok_or_else(|| Fault::bad_request(&"the query has no message"))?;
        // "Other values for the "base64" parameter will simply be ignored."
        let message = match parameters.base64.as_deref() {
            Some(b"1") => BASE64
                .decode(&message)
                .map_err(|error| Fault::bad_request(&format_args!("message is not base64 of URLs: {error}")))?
                .into(),
            _ => Bytes::from(message.into_owned()),
        };
        Ok(Self {
            media: media(parameters.encoding.as_deref())?,
            message,
            encoding: compression(parameters.compression.as_deref())?,
        })
    }

    /// What brings the message.
    pub(super) fn body(self, form: Form, limits: &Limits) -> Body {
        Body::of(self.message, self.encoding, form, limits)
    }
}

impl<'q> Parameters<'q> {
    fn read(query: &'q str) -> Result<Self, Fault> {
        let mut parameters = Self::default();
        for (name, value) in query::pairs(query) {
            let place = match &*name {
                "connect" => &mut parameters.connect,
                "encoding" => &mut parameters.encoding,
                "message" => &mut parameters.message,
                "base64" => &mut parameters.base64,
                "compression" => &mut parameters.compression,
                // Whatever caches and their users put there.
                _ => continue,
            };
            let value = decoded(value).ok_or_else(|| {
                Fault::bad_request(&format_args!(
                    "{name} has a `%` without two hexadecimal digits behind it"
                ))
            })?;
            if place.replace(value).is_some() {
                return Err(Fault::bad_request(&format_args!(
                    "the query says {name} more than once"
                )));
            }
        }
        Ok(parameters)
    }
}

/// A value of a query: `+` is a blank. `None`: an escape is none.
fn decoded(value: &str) -> Option<Cow<'_, [u8]>> {
    let mut escapes = value.split('%').skip(1);
    let digits = |escape: &str| escape.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
    let sound = escapes.all(|escape| digits(escape) == 2);
    sound.then(|| unescaped(value))
}

fn unescaped(value: &str) -> Cow<'_, [u8]> {
    if value.contains('+') {
        let blank = value.replace('+', " ");
        return percent_decode(blank.as_bytes()).collect::<Vec<u8>>().into();
    }
    percent_decode(value.as_bytes()).into()
}

fn media(encoding: Option<&[u8]>) -> Result<Media, Fault> {
    let content_type = match encoding {
        Some(b"proto") => "application/proto",
        Some(b"json") => "application/json",
        None => {
            return Err(Fault::bad_request(
                &"the query has no encoding; proto and json are known",
            ));
        }
        Some(_) => {
            let status = Status::unknown("the encoding of the query is unknown; proto and json are known");
            return Err(Fault {
                http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ..Fault::of(status)
            });
        }
    };
    match by_content_type(content_type.as_bytes()) {
        Some(Protocol::Connect(Connect::Unary(media))) => Ok(media),
        _ => Err(Fault::of(Status::internal("a content type is missing"))),
    }
}

fn compression(name: Option<&[u8]>) -> Result<Option<Encoding>, Fault> {
    match name {
        None | Some(b"" | b"identity") => Ok(None),
        Some(name) => Encoding::named(str::from_utf8(name).unwrap_or("?"))
            .map(Some)
            .ok_or_else(|| {
                Fault::of(Status::unimplemented(format!(
                    "the compression of the query is unknown; known are {}",
                    Encodings::all()
                )))
            }),
    }
}
