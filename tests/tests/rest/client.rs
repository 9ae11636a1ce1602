//! A client that speaks both versions of HTTP, and asks the same of each.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::support::{Ask, Running, serve_gateway, text::Text};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    path: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
    /// The body did not end as bodies end.
    pub(crate) cut: bool,
}

pub(crate) fn get(path: &str) -> Request {
    request("GET", path)
}

pub(crate) fn request(method: &str, path: &str) -> Request {
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

pub(crate) fn post(path: &str, body: impl AsRef<[u8]>) -> Request {
    request("POST", path).json(body)
}

impl Request {
    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub(crate) fn json(self, body: impl AsRef<[u8]>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    fn over_two(&self) -> Ask {
        let body = Some(Bytes::copy_from_slice(&self.body)).filter(|body| !body.is_empty());
        let ask = Ask::bytes(&self.path, body).without("te").without("content-type");
        let ask = ask.method(Method::from_bytes(self.method.as_bytes()).unwrap());
        self.headers
            .iter()
            .fold(ask, |ask, (name, value)| ask.header(name, value))
    }

    fn over_one(&self) -> Vec<u8> {
        let Self {
            method,
            path,
            headers,
            body,
        } = self;
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: descant.test\r\n").into_bytes();
        let connection = ("connection", b"close".to_vec());
        let length = (!body.is_empty()).then(|| ("content-length", body.len().to_string().into_bytes()));
        for (name, value) in headers.iter().chain([&connection]).chain(&length) {
            text.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(body);
        text
    }
}

/// A server with the service of `lab.proto`.
pub(crate) struct Lab(pub(crate) Running);

pub(crate) async fn lab() -> Lab {
    Lab(serve_gateway(super::lab::builder().build().unwrap(), |_| {}).await)
}

impl Lab {
    pub(crate) async fn one(&self, request: &Request) -> Answer {
        let mut text = Text::connect(self.0.address).await;
        text.send(request.over_one()).await;
        read(&text.rest().await)
    }

    pub(crate) async fn two(&self, request: &Request) -> Answer {
        let answer = self.0.connect().await.send(request.over_two()).await;
        Answer {
            status: answer.status.as_u16(),
            headers: answer.headers,
            body: answer.body,
            trailers: answer.trailers.unwrap_or_default(),
            cut: answer.reset.is_some(),
        }
    }

    /// Asks over both, and expects the same.
    pub(crate) async fn ask(&self, request: Request) -> Answer {
        let (one, two) = (self.one(&request).await, self.two(&request).await);
        assert_eq!(
            (one.status, one.cut),
            (two.status, two.cut),
            "{request:?}: {one:?} {two:?}"
        );
        assert_eq!(one.body, two.body, "{request:?}");
        let names = |answer: &Answer| -> BTreeMap<String, Vec<u8>> {
            let own = [
                "date",
                "connection",
                "transfer-encoding",
                "trailer",
                "content-length",
                "x-request-id",
            ];
            let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
            headers
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect()
        };
        assert_eq!(names(&one), names(&two), "{request:?}");
        two
    }

    /// The status and the JSON of an answer.
    pub(crate) async fn json(&self, request: Request) -> (u16, Value) {
        let answer = self.ask(request).await;
        (answer.status, answer.json())
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// An answer of HTTP/1.1, up to the end of its connection.
pub(super) fn read(said: &[u8]) -> Answer {
    let end = said.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else {
        panic!("no head: {}", said.escape_ascii())
    };
    let (head, body) = said.split_at(end + 4);
    let head = std::str::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let (body, cut) = match headers.get("transfer-encoding") {
        Some(_) => chunks(body),
        None => (body.to_vec(), false),
    };
    Answer {
        status,
        headers,
        body: body.into(),
        cut,
        ..Answer::default()
    }
}

/// What chunks hold, and whether the last one is missing.
fn chunks(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut whole = Vec::new();
    loop {
        let Some(end) = body.windows(2).position(|two| two == b"\r\n") else {
            return (whole, true);
        };
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return (whole, false);
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
}
