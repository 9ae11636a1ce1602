//! One reflection call: a question up, an answer down, again and again.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream, client};
use http::{HeaderMap, Request as HttpRequest, StatusCode};
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{
    MOST_BYTES, UNIX,
    message::{Question, Reply, Request, Response},
    tap::{Spoken, Start, Tap},
    tls::{self, Trust},
};
use crate::cli::{
    failure::{Failure, Kind},
    screen,
};

/// The paths to try, newest first.
const METHODS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// An envelope's header: a flag, and a length of four bytes.
const HEAD: usize = 5;
const UNIMPLEMENTED: &str = "12";

/// A connection, and the reflection call on it.
pub(super) struct Exchange {
    address: String,
    scheme: &'static str,
    connection: client::SendRequest<Bytes>,
    start: Start,
    call: Option<OpenCall>,
}

/// A call that takes questions.
struct OpenCall {
    questions: SendStream<Bytes>,
    answers: RecvStream,
    buffer: BytesMut,
}

impl Exchange {
    /// Connects, over TLS if it is said whom to trust.
    pub(super) async fn open(address: &str, trust: Option<&Trust>) -> Result<Self, Failure> {
        if let Some(path) = address.strip_prefix(UNIX) {
            return Self::open_unix(path.strip_prefix("//").unwrap_or(path), address, trust).await;
        }
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|error| unreachable_at(address, &error))?;
        Self::speak(stream, address, trust).await
    }

    #[cfg(unix)]
    async fn open_unix(path: &str, address: &str, trust: Option<&Trust>) -> Result<Self, Failure> {
        let stream = tokio::net::UnixStream::connect(path).await;
        let stream = stream.map_err(|error| unreachable_at(address, &error))?;
        Self::speak(stream, address, trust).await
    }

    #[cfg(not(unix))]
    async fn open_unix(_: &str, address: &str, _: Option<&Trust>) -> Result<Self, Failure> {
        Err(unreachable_at(address, &std::io::ErrorKind::Unsupported.into()))
    }

    async fn speak<T>(stream: T, address: &str, trust: Option<&Trust>) -> Result<Self, Failure>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match trust {
            None => Self::over(stream, address, "http").await,
            Some(trust) => Self::over(tls::connect(stream, address, trust).await?, address, "https").await,
        }
    }

    async fn over<T>(stream: T, address: &str, scheme: &'static str) -> Result<Self, Failure>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (tap, start) = Tap::on(stream);
        let mut settings = client::Builder::new();
        settings
            .initial_window_size(1 << 24)
            .initial_connection_window_size(1 << 24);
        let handshake = settings.handshake(tap).await;
        let (connection, driver) = handshake.map_err(|error| no_http2(address, scheme, &start, &error))?;
        tokio::spawn(driver);
        Ok(Self {
            address: address.to_owned(),
            scheme,
            connection,
            start,
            call: None,
        })
    }

    /// Asks one question.
    pub(super) async fn ask(&mut self, question: Question) -> Result<Reply, Failure> {
        let question = envelope(&Request {
            question: Some(question),
        });
        if self.call.is_none() {
            return self.begin(question).await;
        }
        self.send(question)?;
        match self.next().await? {
            Ended::Reply(reply) => Ok(reply),
            Ended::Trailers(trailers) => Err(self.refused(&trailers)),
        }
    }

    /// The first question also finds out which version of the service is there.
    async fn begin(&mut self, question: Bytes) -> Result<Reply, Failure> {
        let mut refusal = HeaderMap::new();
        for method in METHODS {
            let trailers = match self.call_with(method, question.clone()).await? {
                Ended::Reply(reply) => return Ok(reply),
                Ended::Trailers(trailers) => trailers,
            };
            let unimplemented = trailers.get("grpc-status").is_some_and(|code| code == UNIMPLEMENTED);
            if !unimplemented {
                return Err(self.refused(&trailers));
            }
            refusal = trailers;
        }
        Err(self.refused(&refusal))
    }

    async fn call_with(&mut self, method: &str, question: Bytes) -> Result<Ended, Failure> {
        let ready = self.connection.clone().ready().await;
        self.connection = ready.map_err(|error| self.lost(&error))?;
        let request = HttpRequest::post(format!("{}://{}{method}", self.scheme, authority(&self.address)))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("user-agent", concat!("descant/", env!("CARGO_PKG_VERSION")))
            .body(());
        let request = request.map_err(|error| Failure::new(Kind::Usage, error, ""))?;
        let sent = self.connection.send_request(request, false);
        let (response, mut questions) = sent.map_err(|error| self.lost(&error))?;
        // A refusal may come before the question is sent; then the response says so.
        let _ = questions.send_data(question, false);
        let response = response.await.map_err(|error| self.lost(&error))?;
        self.check(&response)?;
        if response.headers().contains_key("grpc-status") {
            return Ok(Ended::Trailers(response.into_parts().0.headers));
        }
        self.call = Some(OpenCall {
            questions,
            answers: response.into_body(),
            buffer: BytesMut::new(),
        });
        let ended = self.next().await?;
        if let Ended::Trailers(_) = ended {
            self.call = None;
        }
        Ok(ended)
    }

    fn check<T>(&self, response: &http::Response<T>) -> Result<(), Failure> {
        let kind = response.headers().get("content-type");
        let grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        if response.status() == StatusCode::OK && grpc {
            return Ok(());
        }
        Err(Failure::new(
            Kind::Other,
            format!(
                "{} answers with HTTP {}, not as gRPC does",
                self.address,
                response.status()
            ),
            "is it a gRPC server?",
        ))
    }

    fn send(&mut self, question: Bytes) -> Result<(), Failure> {
        let sent = match &mut self.call {
            Some(call) => call.questions.send_data(question, false),
            None => Ok(()),
        };
        sent.map_err(|error| self.lost(&error))
    }

    async fn next(&mut self) -> Result<Ended, Failure> {
        let Some(call) = &mut self.call else {
            return Ok(Ended::Trailers(HeaderMap::new()));
        };
        let next = call.next().await;
        next.map_err(|error| match error {
            Broken::Lost(error) => self.lost(&error),
            Broken::Nonsense(what) => {
                Failure::new(Kind::Other, format!("reflection at {} sent {what}", self.address), "")
            }
        })
    }

    fn lost(&self, error: &h2::Error) -> Failure {
        no_http2(&self.address, self.scheme, &self.start, error)
    }

    /// The call ended with a status.
    fn refused(&self, trailers: &HeaderMap) -> Failure {
        let text = |name| {
            trailers
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
        };
        let code = text("grpc-status").unwrap_or_else(|| "no".into());
        let message = text("grpc-message").unwrap_or_default();
        if code == UNIMPLEMENTED {
            return Failure::new(
                Kind::Other,
                format!("{} does not offer reflection", self.address),
                "turn it on there, or name its descriptor set instead of --from",
            );
        }
        let (code, message) = (screen::escape(&code), screen::escape(&message));
        let what = format!("reflection at {} ended with status {code}: {message}", self.address);
        Failure::new(Kind::Other, what, "")
    }
}

/// A Unix socket has no host; `localhost` is what gRPC says there.
pub(super) fn authority(address: &str) -> &str {
    if address.starts_with(UNIX) {
        "localhost"
    } else {
        address
    }
}

/// What came of a question.
enum Ended {
    Reply(Reply),
    Trailers(HeaderMap),
}

enum Broken {
    Lost(h2::Error),
    Nonsense(&'static str),
}

impl OpenCall {
    async fn next(&mut self) -> Result<Ended, Broken> {
        loop {
            if let Some(message) = self.take()? {
                return decode(message).map(Ended::Reply);
            }
            let Some(data) = self.answers.data().await else {
                let trailers = self.answers.trailers().await.map_err(Broken::Lost)?;
                return Ok(Ended::Trailers(trailers.unwrap_or_default()));
            };
            let data = data.map_err(Broken::Lost)?;
            let released = self.answers.flow_control().release_capacity(data.len());
            released.map_err(Broken::Lost)?;
            self.buffer.extend_from_slice(&data);
        }
    }

    /// A whole message, once it is there.
    fn take(&mut self) -> Result<Option<Bytes>, Broken> {
        let Some(mut head) = self.buffer.get(..HEAD) else {
            return Ok(None);
        };
        if head.get_u8() != 0 {
            return Err(Broken::Nonsense("a compressed message that nobody asked for"));
        }
        let length = usize::try_from(head.get_u32()).unwrap_or(usize::MAX);
        if length > MOST_BYTES {
            return Err(Broken::Nonsense("a message of more than 128 MiB"));
        }
        if self.buffer.len() < HEAD + length {
            return Ok(None);
        }
        self.buffer.advance(HEAD);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn envelope(request: &Request) -> Bytes {
    let body = request.encode_to_vec();
    let mut bytes = BytesMut::with_capacity(HEAD + body.len());
    bytes.put_u8(0);
    // A name from a command line is far below 4 GiB.
    bytes.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    bytes.put_slice(&body);
    bytes.freeze()
}

fn decode(message: Bytes) -> Result<Reply, Broken> {
    let response = Response::decode(message).map_err(|_| Broken::Nonsense("a message that does not decode"))?;
    response.reply.ok_or(Broken::Nonsense("an answer of an unknown kind"))
}

fn unreachable_at(address: &str, error: &std::io::Error) -> Failure {
    let mend = if address.starts_with(UNIX) {
        "is the server running, is the path right, and may this user write to the socket?"
    } else {
        "is the server running, and is the port right?"
    };
    Failure::new(
        Kind::Other,
        format!("cannot connect to {}: {error}", screen::escape(address)),
        mend,
    )
}

fn no_http2(address: &str, scheme: &str, start: &Start, error: &h2::Error) -> Failure {
    let over_tls = if address.starts_with(UNIX) {
        "say --ca FILE or --insecure too"
    } else {
        "say --from https://HOST:PORT"
    };
    let address = screen::escape(address);
    let spoken = match error.reason() {
        // Said in HTTP/2 to whom speaks plain text where TLS is due: RFC 9113, section 9.2.
        Some(Reason::INADEQUATE_SECURITY) => Spoken::Tls,
        _ => start.spoken(),
    };
    let (what, mend) = match spoken {
        Spoken::Tls => (format!("{address} speaks TLS"), over_tls.to_owned()),
        Spoken::Http1 => (
            format!("{address} speaks HTTP/1, and gRPC needs HTTP/2"),
            "is it the port of the gRPC server?".to_owned(),
        ),
        Spoken::Nothing => (
            format!("{address} hung up without a word: {error}"),
            match scheme {
                // With TLS 1.3 a client learns only afterwards that its certificate was missed.
                "https" => "does it ask clients for a certificate? There is none to show from here".to_owned(),
                _ => format!("does it speak TLS? then {over_tls}"),
            },
        ),
        Spoken::Other => (format!("the connection to {address} broke: {error}"), String::new()),
    };
    Failure::new(Kind::Other, what, mend)
}
