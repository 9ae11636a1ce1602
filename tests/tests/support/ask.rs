//! Requests, sound ones unless they are changed.

use bytes::Bytes;
use h2::{RecvStream, SendStream, client::ResponseFuture};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};

use super::{Answer, Peer, framed, soon};

/// A request.
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Ask {
    /// A gRPC call with these bytes as its body, each in a DATA frame of its own.
    pub(crate) fn bytes<B: Into<Bytes>>(path: &str, body: impl IntoIterator<Item = B>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        Self {
            method: Method::POST,
            path: path.to_owned(),
            headers,
            body: body.into_iter().map(Into::into).collect(),
            trailers: None,
        }
    }

    /// A gRPC call with one message.
    pub(crate) fn one(path: &str, message: &impl prost::Message) -> Self {
        Self::bytes(path, [framed(message)])
    }

    /// A gRPC call with one empty message.
    pub(crate) fn empty(path: &str) -> Self {
        Self::bytes(path, [&[0; 5][..]])
    }

    pub(crate) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Adds a header, beside those of that name.
    pub(crate) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn trailer(mut self, name: &'static str, value: &'static str) -> Self {
        let trailers = self.trailers.get_or_insert_default();
        trailers.append(name, HeaderValue::from_static(value));
        self
    }
}

/// A request whose head is sent.
pub(crate) struct Open {
    pub(crate) body: SendStream<Bytes>,
    response: ResponseFuture,
    last: Option<(Vec<Bytes>, Option<HeaderMap>)>,
}

impl Peer {
    /// Sends the head of a request; its body goes with [`Open::finish`], or by hand.
    pub(crate) async fn open(&self, ask: Ask) -> Open {
        let mut requests = soon(self.requests.clone().ready()).await.unwrap();
        let mut request = Request::new(());
        *request.method_mut() = ask.method;
        *request.uri_mut() = format!("http://descant.test{}", ask.path).parse().unwrap();
        *request.headers_mut() = ask.headers;
        let ends = ask.body.is_empty() && ask.trailers.is_none();
        let (response, body) = requests.send_request(request, ends).unwrap();
        let last = (!ends).then_some((ask.body, ask.trailers));
        Open { body, response, last }
    }
}

impl Open {
    /// Sends a piece of the body.
    pub(crate) fn push(&mut self, data: impl Into<Bytes>) {
        self.body.send_data(data.into(), false).unwrap();
    }

    /// Sends the body and takes the whole answer.
    pub(crate) async fn finish(mut self) -> Answer {
        if let Some((chunks, trailers)) = self.last.take() {
            let count = chunks.len();
            for (number, chunk) in chunks.into_iter().enumerate() {
                let ends = trailers.is_none() && number + 1 == count;
                // The server may have answered, and reset the stream, already.
                if self.body.send_data(chunk, ends).is_err() {
                    break;
                }
            }
            if let Some(trailers) = trailers {
                let _ = self.body.send_trailers(trailers);
            }
        }
        self.answer().await
    }

    /// Takes the whole answer.
    pub(crate) async fn answer(self) -> Answer {
        match self.response.await {
            Ok(response) => Answer::read(response).await,
            Err(error) => Answer::reset(&error),
        }
    }

    /// Takes the head of the answer; the body can still be sent.
    pub(crate) async fn head(self) -> (SendStream<Bytes>, RecvStream) {
        let (body, response) = self.begun().await;
        (body, response.into_body())
    }

    /// The same, with what it says.
    pub(crate) async fn begun(self) -> (SendStream<Bytes>, Response<RecvStream>) {
        let response = soon(self.response).await.unwrap();
        (self.body, response)
    }
}
