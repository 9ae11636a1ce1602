//! The README's first example: a method answered by a trait object. `cargo run --example first [PORT]`
use std::sync::Arc;

use descant::handlers::{Handler, Status, typed::dynamic};
use descant::{Mount, Schema};

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
    let port = std::env::args().nth(1).unwrap_or("50051".into());
    let mount = Mount::builder(schema).route(route, get_book);
    let mount = mount.port(port.parse()?).build()?;
    Ok(mount.run(tokio::signal::ctrl_c()).await?)
}
