//! A service over message types of your own, with state and errors. `cargo run --example typed`
//!
//! ```text
//! grpcurl -plaintext -d '{"id":"emma"}' localhost:50051 bookshop.v1.Catalog/GetBook
//! grpcurl -plaintext -d '{"id":"ulysses"}' localhost:50051 bookshop.v1.Catalog/GetBook
//! ```

use std::{collections::BTreeMap, error::Error, sync::Arc};

use descant::{
    Gateway, Schema, Server,
    handlers::{
        Status,
        typed::{self, Context, Methods},
    },
};

/// Only the fields that this program needs: protobuf leaves out the others.
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

/// What the application lends to its handlers.
type Shelf = Arc<BTreeMap<&'static str, &'static str>>;

async fn get_book(request: GetBookRequest, context: Context) -> Result<Book, Status> {
    let shelf = context.state::<Shelf>()?;
    let title = shelf.get(request.id.as_str());
    let title = title.ok_or_else(|| Status::not_found(format!("there is no book {:?}", request.id)))?;
    Ok(Book {
        id: request.id,
        title: (*title).to_owned(),
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let shelf: Shelf = Arc::new([("emma", "Emma"), ("hamlet", "Hamlet")].into());
    let gateway = Gateway::builder(Schema::load("src/demo/bookshop.proto")?)
        .route(
            "bookshop.v1.Catalog",
            Methods::new().on("GetBook", typed::unary(get_book)),
        )
        .state(shelf)
        .build()?;
    let server = Server::builder(gateway).bind().await?;
    Ok(server.serve(tokio::signal::ctrl_c()).await?)
}
