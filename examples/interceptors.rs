//! Async functions that see a call before its handler does. `cargo run --example interceptors [PORT]`
//!
//! ```text
//! grpcurl -plaintext -d '{"id":"emma"}' localhost:50051 bookshop.v1.Catalog/GetBook
//! grpcurl -plaintext -d '{"id":"emma"}' localhost:50051 bookshop.v1.Catalog/DeleteBook
//! grpcurl -plaintext -H 'authorization: Bearer anne' -d '{"id":"emma"}' localhost:50051 bookshop.v1.Catalog/DeleteBook
//! ```

use std::{env, error::Error, time::Instant};

use descant::{
    Mount, Schema,
    handlers::{
        Call, Reply, Status,
        layer::{self, Next},
        typed::{self, Context},
    },
};

#[derive(Clone, PartialEq, prost::Message)]
struct Book {
    #[prost(string, tag = "1")]
    id: String,
}

/// Who calls, as `authenticate` found out.
struct Customer(String);

/// Lets only those pass who say who they are, and tells the handler.
async fn authenticate(mut call: Call, next: Next) -> Result<Reply, Status> {
    let token = call.metadata.get("authorization");
    let name = token.and_then(|token| token.strip_prefix("Bearer "));
    let Some(name) = name.map(str::to_owned) else {
        return Err(Status::unauthenticated("say who you are: authorization: Bearer NAME"));
    };
    call.extensions.insert(Customer(name));
    next.call(call).await
}

/// Says what was called, under which id, and how it went.
#[allow(clippy::print_stdout, reason = "it says what it does")]
async fn tell(call: Call, next: Next) -> Result<Reply, Status> {
    let (method, id, start) = (call.method.clone(), call.request_id, Instant::now());
    let answer = next.call(call).await;
    let how = answer.as_ref().map_or_else(ToString::to_string, |_| "OK".to_owned());
    println!("{id} {} {how} after {:?}", method.full_name(), start.elapsed());
    answer
}

/// Adds to what goes out.
async fn sign(call: Call, next: Next) -> Result<Reply, Status> {
    let mut reply = next.call(call).await?;
    reply.metadata.insert("signed-by", "the bookseller")?;
    Ok(reply)
}

async fn get_book(asked: Book, _: Context) -> Result<Book, Status> {
    Ok(asked)
}

async fn delete_book(asked: Book, context: Context) -> Result<(), Status> {
    match context.state()? {
        Customer(name) if name == "anne" => Ok(()),
        Customer(name) => Err(Status::permission_denied(format!(
            "{name} may not take out {:?}",
            asked.id
        ))),
    }
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "it says where it is")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args()
        .nth(1)
        .map_or(Ok(Mount::DEFAULT_PORT), |port| port.parse())?;
    let mount = Mount::builder(Schema::load("src/demo/bookshop.binpb")?)
        .route("bookshop.v1.Catalog/GetBook", typed::unary(get_book))
        .route("bookshop.v1.Catalog/DeleteBook", typed::unary(delete_book))
        // The first sees a call first, and its answer last.
        .intercept(tell)
        .intercept(sign)
        // Before one method only. What needs settings of its own is a `Layer`; this is one made of a function.
        .layer_on("bookshop.v1.Catalog/DeleteBook", layer::from_fn(authenticate))
        .port(port)
        .start()
        .await?;
    println!("API on port {}", mount.port().unwrap_or_default());
    Ok(mount.run(tokio::signal::ctrl_c()).await?)
}
