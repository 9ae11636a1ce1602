//! One request after the other, to one receiver.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use descant_handlers::async_trait;
use http::{
    HeaderValue, Request, Response, Uri,
    header::{CONNECTION, HOST},
    uri::PathAndQuery,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Runtime,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{OtlpError, settings::Settings};

/// Of an answer, which says how many spans were refused, and why.
const MOST_BYTES: usize = 1 << 20;

/// Sends requests from the SDK's own thread, on which nothing else runs: it waits there.
pub(super) struct Client {
    /// Left behind at the end, since whoever drops it may be a runtime itself.
    runtime: Option<Runtime>,
    uri: Uri,
    secure: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
    /// Whether the last request went wrong, which is told once.
    failing: AtomicBool,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self, OtlpError> {
        let failed = |what: &dyn fmt::Display| OtlpError(what.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let secure = match settings.uri.scheme_str() {
            Some("https") => {
                let config = settings.tls.config().map_err(|error| failed(&error))?;
                let mut config = Arc::unwrap_or_clone(config);
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                let name = settings.tls.name(bare(&settings.uri)).map_err(|error| failed(&error))?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
            _ => None,
        };
        Ok(Self {
            runtime: Some(runtime.map_err(|error| failed(&error))?),
            uri: settings.uri.clone(),
            secure,
            timeout: settings.timeout,
            failing: AtomicBool::new(false),
        })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let port = match (self.uri.port_u16(), &self.secure) {
            (Some(port), _) => port,
            (None, Some(_)) => 443,
            (None, None) => 80,
        };
        let stream = TcpStream::connect((bare(&self.uri), port)).await?;
        match &self.secure {
            None => send(stream, request).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                send(stream, request).await
            }
        }
    }

    /// Tells of the first failure, and of the end of them.
    fn tell(&self, result: &Result<Response<Bytes>, HttpError>) {
        let why = match result {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answers with HTTP {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        match (why, self.failing.load(Ordering::Relaxed)) {
            (Some(why), false) => {
                tracing::warn!(
                    "no spans can be sent to {}: {why}; calls go on, and their spans are lost",
                    self.uri
                );
                self.failing.store(true, Ordering::Relaxed);
            }
            (None, true) => {
                tracing::info!("spans are sent to {} again", self.uri);
                self.failing.store(false, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let Some(runtime) = &self.runtime else {
            return Err("it was stopped".into());
        };
        let result = runtime.block_on(async {
            let late = |_| HttpError::from(format!("no answer within {} s", self.timeout.as_secs_f64()));
            tokio::time::timeout(self.timeout, self.exchange(request))
                .await
                .map_err(late)?
        });
        self.tell(&result);
        result
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// A connection for each request: there is one every few seconds.
async fn send<T>(stream: T, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(in_origin_form(request)?).await?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
    driver.abort();
    // The runtime sleeps till the next request, and would keep the connection open as long.
    let _ = driver.await;
    Ok(Response::from_parts(parts, body))
}

/// As a server that is no proxy gets it: RFC 9112, section 3.2.1.
fn in_origin_form(request: Request<Bytes>) -> Result<Request<Full<Bytes>>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let host = parts.uri.authority().ok_or("the receiver has no host")?;
    parts.headers.insert(HOST, HeaderValue::try_from(host.as_str())?);
    parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.unwrap_or(PathAndQuery::from_static("/")).into();
    Ok(Request::from_parts(parts, Full::new(body)))
}

/// A host without the brackets of IPv6.
fn bare(uri: &Uri) -> &str {
    let host = uri.host().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']')
}
