//! The README's first example: a method answered by a trait object. `cargo run --example first [ADDRESS]`
use std::sync::Arc;

use descant::handlers::{Handler, Status, typed::dynamic};
use descant::{Gateway, Schema, Server};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schema = Schema::load("src/demo/bookshop.binpb")?;

    let get_book: Arc<dyn Handler> = Arc::new(dynamic::unary(|request: dynamic::DynamicMessage, context| async move {
        let id = request.get_field_by_name("id");
        let mut book = context.new_reply()?;
        book.set_field_by_name("id", id.ok_or_else(|| Status::internal("no field `id`"))?.into_owned());
        book.set_field_by_name("title", dynamic::Value::String("Emma".into()));
        Ok(book)
    }));

    let route = "bookshop.v1.Catalog/GetBook";
    let gateway = Gateway::builder(schema).route(route, get_book).build()?;
    let address = std::env::args().nth(1).unwrap_or("[::]:50051".into());
    let server = Server::builder(gateway).listen(address).bind().await?;
    Ok(server.serve(tokio::signal::ctrl_c()).await?)
}
