//! What a proxy holds for a call whose upstream does not answer.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use descant::{Gateway, Schema, Server, handlers::Proxy};
use h2::{
    SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::Request;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    time::{sleep, timeout},
};

/// Bytes of a stream in flight, with its share of its connections on both sides: what it took when that was last lowered, and
/// a little for luck. They are those of a build without optimisation.
const ALLOWED: f64 = 5_500.0;
/// Bytes of a message in its envelope.
const MESSAGE: usize = 1008;
/// Connections of callers, and calls on each.
const CONNECTIONS: usize = 10;
const STREAMS: usize = 100;
/// More is a fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// Each has 1,000 calls in flight at a time.
#[test]
fn a_call_in_flight_through_a_proxy_holds_no_more_than_is_allowed() {
    for (name, kind, path, body) in [
        ("unary", "application/grpc", "/descant.suite.v1.Shapes/Unary", true),
        ("both ways", "application/grpc", "/descant.suite.v1.Shapes/Bidi", false),
        ("REST", "application/json", "/v1/unary", true),
        (
            "gRPC-Web",
            "application/grpc-web+proto",
            "/descant.suite.v1.Shapes/Unary",
            true,
        ),
        ("Connect", "application/proto", "/descant.suite.v1.Shapes/Unary", true),
    ] {
        let held = held(Asked { kind, path, ends: body });
        println!("{name}: {held:.0} bytes for a call in flight");
        assert!(held <= ALLOWED, "{name}: {held:.0} bytes; {ALLOWED} are allowed");
    }
}

/// What is called.
#[derive(Clone, Copy)]
struct Asked {
    kind: &'static str,
    path: &'static str,
    /// Whether the caller has said all.
    ends: bool,
}

/// Bytes for each call. Only this thread is counted, and only the server runs on it.
fn held(asked: Asked) -> f64 {
    let here = runtime();
    let begun = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&begun);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || runtime().block_on(upstream(tell, counted)));
    let server = server(&here, told.recv().unwrap());
    // The first call makes what is made once.
    thread::spawn(move || runtime().block_on(callers(server, asked, 1, 1)));
    until(&here, &begun, 1);
    thread::spawn(move || runtime().block_on(callers(server, asked, CONNECTIONS, STREAMS)));
    let counted = allocation_counter::measure(|| until(&here, &begun, 1 + CONNECTIONS * STREAMS));
    #[allow(clippy::cast_precision_loss)]
    let held = counted.bytes_current as f64 / (CONNECTIONS * STREAMS) as f64;
    held
}

fn until(runtime: &Runtime, begun: &AtomicUsize, calls: usize) {
    let all = async {
        while begun.load(Ordering::SeqCst) < calls {
            sleep(Duration::from_millis(5)).await;
        }
    };
    runtime.block_on(async { timeout(PATIENCE, all).await.expect("the upstream gets all calls") });
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Descant before this upstream, on this runtime.
fn server(runtime: &Runtime, upstream: SocketAddr) -> SocketAddr {
    const RULES: &str = "
type: google.api.Service
config_version: 3
http:
  rules:
    - selector: descant.suite.v1.Shapes.Unary
      post: /v1/unary
      body: \"*\"
";
    let schema = Schema::builder()
        .path(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/suites/protos"))
        .http_rules("rules.yaml", RULES)
        .build()
        .unwrap();
    let proxy = Proxy::to(&format!("http://{upstream}")).unwrap();
    let gateway = Gateway::builder(schema).route("*", proxy).build().unwrap();
    runtime.block_on(async {
        let server = Server::builder(gateway).listen("127.0.0.1:0").bind().await.unwrap();
        let address = server.addresses()[0];
        tokio::spawn(server.serve(std::future::pending::<()>()));
        address
    })
}

/// Takes calls, and says nothing to any.
async fn upstream(tell: mpsc::Sender<SocketAddr>, begun: Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tell.send(listener.local_addr().unwrap()).unwrap();
    while let Ok((socket, _)) = listener.accept().await {
        let begun = Arc::clone(&begun);
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let mut asked = Vec::new();
            while let Some(Ok((mut request, respond))) = connection.accept().await {
                asked.push(respond);
                let begun = Arc::clone(&begun);
                tokio::spawn(async move {
                    // All of the message, or what is not read would take from the window of the others.
                    let (body, mut came) = (request.body_mut(), 0);
                    while came < MESSAGE {
                        let data = body.data().await.unwrap().unwrap();
                        body.flow_control().release_capacity(data.len()).unwrap();
                        came += data.len();
                    }
                    begun.fetch_add(1, Ordering::SeqCst);
                    std::future::pending::<()>().await;
                });
            }
        });
    }
}

/// Makes calls, so many on each of so many connections, and waits for their ends.
async fn callers(server: SocketAddr, asked: Asked, connections: usize, streams: usize) {
    let mut calls = Vec::new();
    for _ in 0..connections {
        let socket = TcpStream::connect(server).await.unwrap();
        let (mut requests, connection) = h2::client::handshake(socket).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..streams {
            requests = requests.ready().await.unwrap();
            calls.push(call(&mut requests, server, asked));
        }
    }
    for (response, _body) in calls {
        // The server goes, and with it the call.
        let _ = response.await;
    }
}

fn call(requests: &mut SendRequest<Bytes>, server: SocketAddr, asked: Asked) -> (ResponseFuture, SendStream<Bytes>) {
    let head = Request::post(format!("http://{server}{}", asked.path))
        .header("content-type", asked.kind)
        .header("te", "trailers");
    let (response, mut body) = requests.send_request(head.body(()).unwrap(), false).unwrap();
    body.send_data(asked.message(), asked.ends).unwrap();
    (response, body)
}

impl Asked {
    /// About 1 KB.
    fn message(self) -> Bytes {
        if self.kind.ends_with("json") {
            return format!(r#"{{"text":"{}"}}"#, "x".repeat(1000)).into();
        }
        let mut message = vec![0x0a, 0xe8, 0x07];
        message.resize(3 + 1000, b'x');
        if self.kind == "application/proto" {
            return message.into();
        }
        let mut body = BytesMut::new();
        body.put_u8(0);
        body.put_u32(u32::try_from(message.len()).unwrap());
        body.put_slice(&message);
        body.freeze()
    }
}
