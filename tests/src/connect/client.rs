//! The client that connectconformance tests, which is a proxy without anybody before it: `descant-connect-client SET.binpb`.
//!
//! It is told on standard input what to call, and says on standard output what came of it. Source: `docs/testing_clients.md` and
//! the comments of `client_compat.proto` in the module `connectrpc.com/conformance`.

mod asked;
mod messages;
mod told;

use std::{
    collections::HashMap,
    env,
    error::Error,
    io::{self, Read as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use descant::Schema;
use descant_handlers::{
    Call, Code, Coding, Compressed, Encoding, Handler as _, Message, Messages, Metadata, MetadataError, Proxy, Reply,
    Status, UpstreamCodec, UpstreamProtocol, proxy::ProxyOptions, tls::ClientTls,
};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant as Clock, sleep, timeout_at},
};

use self::{
    asked::{CancelTiming, ClientCompatRequest, ClientCompatResponse, ClientErrorResult, CompatResult, Outcome},
    messages::{Error as Failed, Header, Response},
};

/// Calls at once.
const MOST: usize = 8;
/// `HTTP_VERSION_1`, `COMPRESSION_GZIP` and `STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM` of `config.proto`.
const HTTP1: i32 = 1;
const GZIP: i32 = 2;
const FULL_DUPLEX: i32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let set = env::args().nth(1).ok_or("usage: descant-connect-client SET.binpb")?;
    let client = Arc::new(Client {
        schema: Schema::load(set)?,
        proxies: Mutex::default(),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let room = Arc::new(Semaphore::new(MOST));
    let mut calls = Vec::new();
    let mut input = io::stdin().lock();
    while let Some(asked) = next(&mut input)? {
        let permit = runtime.block_on(Arc::clone(&room).acquire_owned())?;
        let client = Arc::clone(&client);
        calls.push(runtime.spawn(async move {
            let response = client.answer(asked).await;
            drop(permit);
            told::write(&response, &mut io::stdout().lock()).map_err(|error| error.to_string())
        }));
    }
    for call in calls {
        runtime.block_on(call)??;
    }
    Ok(())
}

/// The next call; none at the end of the input.
fn next(input: &mut impl io::Read) -> Result<Option<ClientCompatRequest>, Box<dyn Error>> {
    let mut first = [0];
    if input.read(&mut first)? == 0 {
        return Ok(None);
    }
    Ok(Some(told::read(&mut first.as_slice().chain(input))?))
}

struct Client {
    schema: Schema,
    /// One for each server and way to call it.
    proxies: Mutex<HashMap<String, Proxy>>,
}

impl Client {
    async fn answer(&self, asked: ClientCompatRequest) -> ClientCompatResponse {
        let test_name = asked.test_name.clone();
        let result = match self.call(asked).await {
            Ok(result) => CompatResult::Response(result),
            Err(error) => CompatResult::Error(ClientErrorResult {
                message: error.to_string(),
            }),
        };
        ClientCompatResponse {
            test_name,
            result: Some(result),
        }
    }

    fn proxy(&self, asked: &ClientCompatRequest) -> Result<Proxy, Box<dyn Error + Send + Sync>> {
        let secure = !asked.server_tls_cert.is_empty();
        let scheme = if secure { "https" } else { "http" };
        let url = format!("{scheme}://{}:{}", asked.host, asked.port);
        let way = (
            &url,
            asked.protocol,
            asked.http_version,
            (asked.codec, asked.use_get_http_method),
            asked.message_receive_limit,
            &asked.client_tls_creds,
        );
        let way = format!("{way:?}");
        let mut proxies = self.proxies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(proxy) = proxies.get(&way) {
            return Ok(proxy.clone());
        }
        let gzip = Encoding::named("gzip").ok_or("gzip is not built in")?;
        let mut options = ProxyOptions::default();
        options.protocol = match asked.protocol {
            1 => UpstreamProtocol::Connect,
            2 => UpstreamProtocol::Grpc,
            3 => UpstreamProtocol::GrpcWeb,
            other => return Err(format!("protocol {other}").into()),
        };
        options.codec = match asked.codec {
            1 => UpstreamCodec::Proto,
            2 => UpstreamCodec::Json,
            other => return Err(format!("codec {other}").into()),
        };
        options.http1 = asked.http_version == HTTP1;
        options.connect_get = asked.use_get_http_method;
        options.encodings = [gzip].into_iter().collect();
        if asked.message_receive_limit > 0 {
            options.message_bytes = usize::try_from(asked.message_receive_limit)?;
        }
        let mut proxy = Proxy::to(&url)?.options(options);
        if secure {
            let mut tls = ClientTls::new().ca(asked.server_tls_cert.clone());
            if let Some(creds) = &asked.client_tls_creds {
                tls = tls.certificate(creds.cert.clone(), creds.key.clone());
            }
            proxy = proxy.tls(tls)?;
        }
        proxies.insert(way, proxy.clone());
        Ok(proxy)
    }

    async fn call(&self, asked: ClientCompatRequest) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
        let proxy = self.proxy(&asked)?;
        let path = format!("/{}/{}", asked.service, asked.method);
        let method = self.schema.method(&path).ok_or("there is no such method")?;
        let state = Arc::new(State::default());
        let requests = requests(&asked)?;
        let count = requests.len();
        let streams = method.client_streaming();
        let messages = match <[Message; 1]>::try_from(requests) {
            Ok([only]) if !streams => {
                state.sent.store(1, Ordering::SeqCst);
                state.closed.notify_one();
                Messages::one(only)
            }
            Ok(one) => sending(Vec::from(one), &asked, &state),
            Err(requests) => sending(requests, &asked, &state),
        };
        let mut call = Call::new(method, messages);
        call.metadata = metadata(&asked.request_headers)?;
        if asked.compression == GZIP {
            let gzip = Encoding::named("gzip");
            call.coding = Coding::AsCame(gzip);
            call.accepted = gzip.into_iter().collect();
        }
        let deadline = asked
            .timeout_ms
            .map(|time| Clock::now() + Duration::from_millis(time.into()));
        call.deadline = deadline.map(Clock::into_std);
        let mut outcome = Outcome::default();
        let failed = {
            let running = run(&proxy, call, &asked, &state, &mut outcome);
            match deadline {
                Some(deadline) => timeout_at(deadline, running)
                    .await
                    .unwrap_or_else(|_| Err(Status::deadline_exceeded("the call took too long"))),
                None => running.await,
            }
        };
        if let Err(status) = failed {
            outcome.response_headers.extend(headers(status.head()));
            outcome.response_trailers.extend(headers(status.metadata()));
            outcome.error = Some(Failed {
                code: status.code().number(),
                message: status.message().to_owned(),
                details: status.details().to_vec(),
            });
        }
        outcome.num_unsent_requests = i32::try_from(count - state.sent.load(Ordering::SeqCst))?;
        Ok(outcome)
    }
}

/// How far a call is.
#[derive(Default)]
struct State {
    sent: AtomicUsize,
    /// The request has ended, or would have, were the call not to be cancelled before that.
    closed: Notify,
    /// A response came, which the next request waits for.
    answered: Notify,
}

fn requests(asked: &ClientCompatRequest) -> Result<Vec<Message>, Box<dyn Error + Send + Sync>> {
    let gzip = Encoding::named("gzip").ok_or("gzip is not built in")?;
    let message = |any: &prost_types::Any| {
        let wire = Bytes::from(any.value.clone());
        match gzip.compress(&wire).filter(|_| asked.compression == GZIP) {
            Some(bytes) => Message::from_compressed(Compressed {
                bytes,
                encoding: gzip,
                limit: usize::MAX,
                broken: Code::Internal,
            }),
            None => Message::from_wire(wire),
        }
    };
    Ok(asked.request_messages.iter().map(message).collect())
}

/// The messages of a request that is a stream.
fn sending(requests: Vec<Message>, asked: &ClientCompatRequest, state: &Arc<State>) -> Messages {
    let delay = Duration::from_millis(asked.request_delay_ms.into());
    let in_turns = asked.stream_type == FULL_DUPLEX;
    let stays_open = matches!(asked.cancel_timing(), Some(CancelTiming::BeforeCloseSend(())));
    let state = Arc::clone(state);
    Messages::generate(|sender| async move {
        for request in requests {
            sleep(delay).await;
            sender.send(request).await?;
            state.sent.fetch_add(1, Ordering::SeqCst);
            if in_turns {
                state.answered.notified().await;
            }
        }
        state.closed.notify_one();
        if stays_open {
            std::future::pending::<()>().await;
        }
        Ok(())
    })
}

async fn run(
    proxy: &Proxy,
    call: Call,
    asked: &ClientCompatRequest,
    state: &State,
    outcome: &mut Outcome,
) -> Result<(), Status> {
    let cancelled = async {
        match asked.cancel_timing() {
            Some(CancelTiming::BeforeCloseSend(())) => state.closed.notified().await,
            Some(CancelTiming::AfterCloseSendMs(time)) => {
                state.closed.notified().await;
                sleep(Duration::from_millis(time.into())).await;
            }
            Some(CancelTiming::AfterNumResponses(_)) | None => std::future::pending().await,
        }
    };
    tokio::select! {
        done = receive(proxy, call, asked, state, outcome) => done,
        () = cancelled => Err(Status::cancelled("the client has cancelled the call")),
    }
}

async fn receive(
    proxy: &Proxy,
    call: Call,
    asked: &ClientCompatRequest,
    state: &State,
    outcome: &mut Outcome,
) -> Result<(), Status> {
    let most = match asked.cancel_timing() {
        Some(CancelTiming::AfterNumResponses(most)) => Some(most as usize),
        _ => None,
    };
    let Reply {
        metadata, mut messages, ..
    } = proxy.call(call).await?;
    outcome.response_headers = headers(&metadata);
    while most != Some(outcome.payloads.len()) {
        let Some(message) = messages.next().await else {
            outcome.response_trailers = headers(&messages.take_trailers());
            return Ok(());
        };
        let response: Response = message?.decode()?;
        outcome.payloads.push(response.payload.unwrap_or_default());
        state.answered.notify_one();
    }
    Err(Status::cancelled("the client has cancelled the call"))
}

fn headers(metadata: &Metadata) -> Vec<Header> {
    let mut found: Vec<Header> = Vec::new();
    for (name, value) in metadata.iter() {
        let value = String::from_utf8_lossy(value).into_owned();
        match found.iter_mut().find(|header| header.name == name) {
            Some(header) => header.value.push(value),
            None => found.push(Header {
                name: name.to_owned(),
                value: vec![value],
            }),
        }
    }
    found
}

fn metadata(headers: &[Header]) -> Result<Metadata, MetadataError> {
    let mut metadata = Metadata::new();
    for Header { name, value } in headers {
        for value in value {
            metadata.append(&name.to_lowercase(), value)?;
        }
    }
    Ok(metadata)
}
