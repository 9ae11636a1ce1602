//! The admin pages: how the server is and what it serves, over HTTP/1.1 on a port of their own.
//!
//! | page | |
//! |---|---|
//! | `GET /metrics` | what calls and connections are counted in, as Prometheus scrapes it, or as OpenMetrics to who accepts that |
//! | `GET /healthz` | 200 as long as the process answers |
//! | `GET /readyz` | 200 while calls are welcome, 503 once the server drains |
//! | `GET /schema` | services and methods as JSON, and what was found in the descriptors |
//! | `GET /explain?request=...` | what would become of a request: `request=GET /v1/books`, `header=name: value` (repeatable), `body=...`; as JSON, or as text to who accepts that |
//! | `POST /reload` | reads the configuration and the descriptors anew; 422 with all that is wrong if they cannot be used, or not all could be read again |

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use descant::{Draining, UpstreamSchema};
use descant_descriptors::{Method, Schema, Service, Shape};
use http::{HeaderName, HeaderValue, Method as Verb, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time,
};

use super::reload::{Reloaded, Reloader, Unchanged};
use crate::cli::{check, explain};

/// Requests at a time. More wait in the listener's queue.
const MOST_CONNECTIONS: usize = 32;
/// From a connection to the end of its one answer; a reload of a large API takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);
const HEADERS: Duration = Duration::from_secs(10);
const PAGES: [(&str, Verb); 6] = [
    ("/metrics", Verb::GET),
    ("/healthz", Verb::GET),
    ("/readyz", Verb::GET),
    ("/schema", Verb::GET),
    ("/explain", Verb::GET),
    ("/reload", Verb::POST),
];

/// Serves the pages as long as the runtime runs: while the server drains as well.
pub(super) async fn serve(listener: TcpListener, reloader: Arc<Reloader>, draining: Draining) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, as a rule: that passes.
            time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let pages = Pages {
            reloader: Arc::clone(&reloader),
            draining: draining.clone(),
        };
        tokio::spawn(async move {
            let answered = time::timeout(PATIENCE, answer(stream, pages)).await;
            if let Ok(Err(error)) = answered {
                tracing::debug!("admin connection: {error}");
            }
            drop(place);
        });
    }
}

async fn answer(stream: TcpStream, pages: Pages) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let pages = pages.clone();
        async move { Ok::<_, Infallible>(pages.answer(&request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(16 << 10)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

type Page = Response<Full<Bytes>>;

#[derive(Clone)]
struct Pages {
    reloader: Arc<Reloader>,
    draining: Draining,
}

impl Pages {
    async fn answer(&self, request: &Request<Incoming>) -> Page {
        let path = request.uri().path();
        let Some((_, verb)) = PAGES.iter().find(|(page, _)| *page == path) else {
            return nothing_here();
        };
        let is_read = *verb == Verb::GET && request.method() == Verb::HEAD;
        if request.method() != verb && !is_read {
            return not_allowed(verb);
        }
        match path {
            "/metrics" => self.metrics(request),
            "/healthz" => text(StatusCode::OK, "alive\n"),
            "/readyz" if self.draining.has_begun() => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            "/readyz" if self.reloader.upstream_schema().is_some_and(UpstreamSchema::is_absent) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the server behind has not described its API yet\n",
            ),
            "/readyz" => text(StatusCode::OK, "ready\n"),
            "/schema" => page(StatusCode::OK, &describe(&self.reloader.gateway().schema())),
            "/explain" => self.explain(request).await,
            _ if is_cross_site(request) => text(StatusCode::FORBIDDEN, "not for pages of other sites\n"),
            _ => self.reload().await,
        }
    }

    fn metrics(&self, request: &Request<Incoming>) -> Page {
        let Some(metrics) = self.reloader.gateway().metrics() else {
            return text(
                StatusCode::NOT_FOUND,
                "calls are not observed: the server runs with --no-observe\n",
            );
        };
        let accept = request.headers().get(header::ACCEPT);
        match metrics.to_accepted(accept.and_then(|accept| accept.to_str().ok())) {
            Ok((format, written)) => {
                let mut page = response(StatusCode::OK, format, written);
                let vary = HeaderValue::from_static("accept");
                page.headers_mut().insert(header::VARY, vary);
                page
            }
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        }
    }

    async fn explain(&self, request: &Request<Incoming>) -> Page {
        let asked = match explain::asked(request.uri().query().unwrap_or_default()) {
            Ok(asked) => asked,
            Err(what) => return text(StatusCode::BAD_REQUEST, &format!("{what}\n")),
        };
        let explanation = self.reloader.gateway().explain(asked).await;
        let accept = request.headers().get(header::ACCEPT);
        if accept.is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain")) {
            text(StatusCode::OK, &explanation.to_string())
        } else {
            page(StatusCode::OK, &explain::to_json(&explanation))
        }
    }

    async fn reload(&self) -> Page {
        let reloader = Arc::clone(&self.reloader);
        let outcome = tokio::task::spawn_blocking(move || reloader.reload()).await;
        match outcome {
            Ok(Ok(done)) => {
                let (status, report) = report(&done);
                page(status, &report)
            }
            Ok(Err(unchanged)) => page(StatusCode::UNPROCESSABLE_ENTITY, &refusal(&unchanged)),
            Err(error) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("the reload broke off: {error}\n"),
            ),
        }
    }
}

/// Browsers say so when a page of another site sends a request, which its reader did not mean to.
fn is_cross_site(request: &Request<Incoming>) -> bool {
    request.headers().contains_key(header::ORIGIN)
}

/// Of a reload that took effect. The status tells also of what could not be read again, or no script would notice.
fn report(done: &Reloaded) -> (StatusCode, Value) {
    let mut report = Map::new();
    report.insert("reloaded".to_owned(), true.into());
    report.insert("serves".to_owned(), done.contents.as_str().into());
    report.insert("needs_restart".to_owned(), done.needs_restart.clone().into());
    if done.stays.is_empty() {
        return (StatusCode::OK, report.into());
    }
    report.insert("error".to_owned(), done.stays.join("; ").into());
    (StatusCode::UNPROCESSABLE_ENTITY, report.into())
}

fn refusal(unchanged: &Unchanged) -> Value {
    json!({
        "reloaded": false,
        "error": unchanged.why,
        "faults": unchanged.faults,
        "findings": unchanged.findings.iter().map(check::finding_json).collect::<Vec<_>>(),
    })
}

fn describe(schema: &Schema) -> Value {
    json!({
        "files": schema.files().len(),
        "services": schema.services().map(|service| describe_service(&service)).collect::<Vec<_>>(),
        "findings": schema.findings().iter().map(check::finding_json).collect::<Vec<_>>(),
    })
}

fn describe_service(service: &Service) -> Value {
    json!({
        "name": service.full_name(),
        "file": service.file().name(),
        "methods": service.methods().map(|method| describe_method(&method)).collect::<Vec<_>>(),
    })
}

fn describe_method(method: &Method) -> Value {
    json!({
        "name": method.name(),
        "path": method.path(),
        "shape": match method.shape() {
            Shape::Unary => "unary",
            Shape::ClientStreaming => "client_streaming",
            Shape::ServerStreaming => "server_streaming",
            Shape::Bidi => "bidi",
        },
        "input": method.input().full_name(),
        "output": method.output().full_name(),
    })
}

fn nothing_here() -> Page {
    let pages: Vec<_> = PAGES.iter().map(|(page, verb)| format!("{verb} {page}\n")).collect();
    text(
        StatusCode::NOT_FOUND,
        &format!("there is no such page; there are\n{}", pages.concat()),
    )
}

fn not_allowed(verb: &Verb) -> Page {
    let mut page = text(StatusCode::METHOD_NOT_ALLOWED, &format!("this page takes {verb}\n"));
    let allow = if *verb == Verb::GET { "GET, HEAD" } else { "POST" };
    page.headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    page
}

fn page(status: StatusCode, value: &Value) -> Page {
    response(status, "application/json", format!("{value:#}\n"))
}

fn text(status: StatusCode, text: &str) -> Page {
    response(status, "text/plain; charset=utf-8", text.to_owned())
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Page {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let fields: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
