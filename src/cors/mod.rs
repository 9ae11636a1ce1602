//! Which pages of other origins may call the API: cross-origin resource sharing.
//!
//! ```text
//! request with `origin` -> greet -> a preflight: answered here, before anything is routed
//!                                -> anything else: goes on; its answer is granted to the page
//! ```
//!
//! Whatever protocol a page speaks, the rules are the same. Source: the Fetch Standard, "CORS protocol",
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>.

mod headers;
mod origin;
#[cfg(test)]
mod tests;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use self::origin::OriginPattern;
use crate::transport::Outbound;

pub use self::origin::OriginError;

/// What answers say to browsers.
const SAID: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];
/// Methods of HTTP that pages may use.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// No browser keeps the answer to a preflight for longer: Chromium two hours, Firefox a day.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// Which pages of other origins may call the API, and what they may see.
///
/// ```
/// use descant::Cors;
///
/// let cors = Cors::allow(["https://shop.example", "https://*.shop.example", "localhost"])?
///     .request_headers(["authorization"]);
/// # Ok::<(), descant::OriginError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Vec<OriginPattern>,
    /// `None`: whatever a page asks for.
    request_headers: Option<HeaderValue>,
    response_headers: HeaderValue,
    credentials: bool,
    max_age: HeaderValue,
}

impl Cors {
    /// Allows pages of these origins: `https://shop.example`, `http://10.0.0.7:8080`; any port as `http://host:*`, any
    /// subdomain as `https://*.shop.example`; `localhost` for every origin on this machine; `*` for every origin.
    ///
    /// # Errors
    /// If one of them is none of these.
    pub fn allow<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, OriginError> {
        let origins = origins.into_iter().map(|origin| origin.as_ref().parse());
        Ok(Self {
            origins: origins.collect::<Result<_, _>>()?,
            ..Self::local()
        })
    }

    /// Allows pages that are served on this machine, with any request header.
    pub fn localhost() -> Self {
        Self {
            request_headers: None,
            ..Self::local()
        }
    }

    fn local() -> Self {
        Self {
            origins: vec![OriginPattern::Local],
            request_headers: Some(headers::list(headers::REQUEST, &[])),
            response_headers: headers::list(headers::RESPONSE, &[]),
            credentials: false,
            max_age: MAX_AGE.as_secs().into(),
        }
    }

    /// Lets pages send these request headers, besides those of the protocols: metadata, `authorization`. `*` stands for any.
    #[must_use]
    pub fn request_headers<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names: Vec<_> = names
            .into_iter()
            .map(|name| name.as_ref().to_ascii_lowercase())
            .collect();
        self.request_headers = if names.iter().any(|name| name == "*") {
            None
        } else {
            Some(headers::list(headers::REQUEST, &names))
        };
        self
    }

    /// Lets pages see these response headers, besides those of the protocols and of `trailer-*`.
    #[must_use]
    pub fn response_headers<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names: Vec<_> = names
            .into_iter()
            .map(|name| name.as_ref().to_ascii_lowercase())
            .collect();
        self.response_headers = headers::list(headers::RESPONSE, &names);
        self
    }

    /// Lets pages send cookies and client certificates. Default: no. Not together with the origin `*`.
    #[must_use]
    pub fn credentials(mut self, allowed: bool) -> Self {
        self.credentials = allowed;
        self
    }

    /// How long a browser may keep the answer to a preflight. Default: two hours.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age.as_secs().into();
        self
    }

    /// With credentials, `*` would let every page act in the name of whoever reads it.
    pub(crate) fn is_reckless(&self) -> bool {
        self.credentials && self.origins.contains(&OriginPattern::Any)
    }

    /// What a request means to it.
    pub(crate) fn greet<B>(self: &Arc<Self>, request: &Request<B>) -> Visitor {
        let mut origins = request.headers().get_all(header::ORIGIN).iter();
        let origin = match (origins.next(), origins.next()) {
            (Some(origin), None) => Some(origin),
            _ => None,
        };
        let allowed = origin.filter(|origin| self.allows(origin));
        Visitor {
            cors: Arc::clone(self),
            origin: allowed.map(|origin| self.answer_to(origin)),
            is_preflight: origin.is_some()
                && request.method() == Method::OPTIONS
                && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD),
        }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        let origin = origin.to_str().unwrap_or_default();
        self.origins.iter().any(|pattern| pattern.fits(origin))
    }

    /// The origin that is allowed, or any. Answers that name one must not be given to another by a cache.
    fn answer_to(&self, origin: &HeaderValue) -> HeaderValue {
        if self.answers_all() {
            HeaderValue::from_static("*")
        } else {
            origin.clone()
        }
    }

    fn answers_all(&self) -> bool {
        self.origins.contains(&OriginPattern::Any) && !self.credentials
    }
}

/// A request, as far as this is about it.
#[derive(Debug)]
pub(crate) struct Visitor {
    cors: Arc<Cors>,
    /// What its answer allows; `None`: it comes from no page, or from one that may not see the answer.
    origin: Option<HeaderValue>,
    is_preflight: bool,
}

impl Visitor {
    /// The answer to a preflight. It is the browser that refuses: to a page that may not, the answer allows nothing.
    pub(crate) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Outbound>> {
        if !self.is_preflight {
            return None;
        }
        let mut response = Response::new(Outbound::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.append(
            header::VARY,
            HeaderValue::from_static("access-control-request-method, access-control-request-headers"),
        );
        if self.origin.is_some() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            let asked = || request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
            if let Some(names) = self.cors.request_headers.clone().or_else(asked) {
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
            }
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.cors.max_age.clone());
        }
        Some(response)
    }

    /// Lets the page see an answer.
    pub(crate) fn grant(&self, headers: &mut HeaderMap) {
        // What a server behind would let pages do is not for it to say.
        for name in SAID.iter().filter(|_| !self.is_preflight) {
            headers.remove(name);
        }
        if !self.cors.answers_all() {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        let Some(origin) = &self.origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.cors.credentials {
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        if !self.is_preflight {
            let exposed = self.exposed(headers);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }

    /// What of an answer the page may see: a Connect client reads trailers from headers whose names nobody can list before.
    fn exposed(&self, headers: &HeaderMap) -> HeaderValue {
        let always = &self.cors.response_headers;
        let kind = headers.get(header::CONTENT_TYPE);
        // There they are metadata like any other.
        let is_grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        let mut trailers = headers
            .keys()
            .filter(|name| !is_grpc && name.as_str().starts_with("trailer-"))
            .peekable();
        if trailers.peek().is_none() {
            return always.clone();
        }
        let mut names = always.to_str().unwrap_or_default().to_owned();
        for name in trailers {
            // A string takes everything.
            let _ = write!(names, ", {name}");
        }
        HeaderValue::from_str(&names).unwrap_or_else(|_| always.clone())
    }
}
