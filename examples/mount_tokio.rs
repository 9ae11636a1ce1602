//! An API within a program of tokio tasks: it starts with them, and stops when they do.
//! `cargo run --example mount_tokio [PORT]`
//!
//! ```text
//! grpcurl -plaintext -d '{"id":"emma"}' localhost:50051 bookshop.v1.Catalog/GetBook
//! ```

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use descant::{
    Mount, Schema,
    handlers::{
        Status,
        typed::{self, Context},
    },
};
use tokio::{sync::watch, time};

#[derive(Clone, PartialEq, prost::Message)]
struct GetBookRequest {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Book {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(int32, tag = "13")]
    in_stock: i32,
}

/// What the tasks of the program share.
#[derive(Default)]
struct Stock(AtomicI32);

/// A task of the program: books arrive until it is told to stop.
async fn fill(stock: Arc<Stock>, mut stop: watch::Receiver<bool>) {
    let mut arrivals = time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            _ = arrivals.tick() => stock.0.fetch_add(1, Ordering::Relaxed),
            _ = stop.changed() => return,
        };
    }
}

async fn get_book(asked: GetBookRequest, context: Context) -> Result<Book, Status> {
    let Stock(count) = &**context.state::<Arc<Stock>>()?;
    Ok(Book {
        id: asked.id,
        in_stock: count.load(Ordering::Relaxed),
    })
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "it says where it is")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args()
        .nth(1)
        .map_or(Ok(Mount::DEFAULT_PORT), |port| port.parse())?;
    let stock = Arc::new(Stock::default());

    // Builds and starts in one step. `Mount` is a handle: clones are the same mount.
    let mount = Mount::builder(Schema::load("src/demo/bookshop.binpb")?)
        .route("bookshop.v1.Catalog/GetBook", typed::unary(get_book))
        .state(Arc::clone(&stock))
        .port(port)
        .start()
        .await?;
    println!("API on port {}", mount.port().unwrap_or_default());

    // One signal stops all tasks, the API among them: any future will do for that.
    let (stop, mut stopped) = watch::channel(false);
    let filling = tokio::spawn(fill(stock, stopped.clone()));
    let serving = tokio::spawn(async move { mount.run(stopped.changed()).await });
    tokio::signal::ctrl_c().await?;
    stop.send(true)?;
    filling.await?;
    serving.await??;
    println!("stopped");
    Ok(())
}
