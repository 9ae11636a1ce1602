//! An API within an axum application: on the port of its pages, on one of its own, and with its state.
//! `cargo run --example mount_axum [ADDRESS [GRPC_PORT]]`
//!
//! ```text
//! curl localhost:3000/                       a page of the application
//! curl localhost:3000/v1/books/emma          the API on the same port, as REST
//! grpcurl -plaintext -d '{"id":"emma"}' localhost:3000 bookshop.v1.Catalog/GetBook
//! grpcurl -plaintext -d '{"id":"emma"}' localhost:50051 bookshop.v1.Catalog/GetBook
//! ```

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Router, extract::State, routing::get};
use descant::{
    Mount, Schema,
    handlers::{
        Status,
        typed::{self, Context},
    },
};

#[derive(Clone, PartialEq, prost::Message)]
struct GetBookRequest {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Book {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    title: String,
}

/// What pages and handlers share.
#[derive(Default)]
struct Shop {
    lent: AtomicU64,
}

/// A page of the application.
async fn front(State(shop): State<Arc<Shop>>) -> String {
    format!("{} books lent\n", shop.lent.load(Ordering::Relaxed))
}

/// A method of the API.
async fn get_book(asked: GetBookRequest, context: Context) -> Result<Book, Status> {
    let shop = context.state::<Arc<Shop>>()?;
    shop.lent.fetch_add(1, Ordering::Relaxed);
    Ok(Book {
        title: asked.id.to_uppercase(),
        id: asked.id,
    })
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "it says where it is")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("[::]:3000".into());
    let port = env::args()
        .nth(2)
        .map_or(Ok(Mount::DEFAULT_PORT), |port| port.parse())?;

    let shop = Arc::new(Shop::default());
    let mount = Mount::builder(Schema::load("src/demo/bookshop.binpb")?)
        .route("bookshop.v1.Catalog/GetBook", typed::unary(get_book))
        .state(Arc::clone(&shop))
        .port(port)
        .build()?;

    // The application's own port: its pages first, and the API for everything else.
    let app = Router::new()
        .route("/", get(front))
        .with_state(shop)
        .fallback_service(mount.service());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("pages and API on {}", listener.local_addr()?);

    // A port of the API's own. Both stop with the application.
    mount.start().await?;
    for address in mount.addresses() {
        println!("API on {address}");
    }
    let interrupted = async {
        // An error says that there are no signals to wait for: then nothing asks it to stop.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await?;
    Ok(mount.stop().await?)
}
