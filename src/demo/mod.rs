//! A bookshop: the API that `descant serve` serves when it is given none.
//!
//! Its handlers are written against [`crate::handlers`], as those of any application are. What they hold is in memory:
//! each [`gateway`] is a shop of its own.

mod catalog;
mod desk;
mod details;
mod messages;
mod money;
mod shelf;
mod shop;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use descant_descriptors::{Schema, SchemaBuilder};

use self::shop::Shop;
use crate::{Cors, Gateway, GatewayBuilder};

/// Compiled from `bookshop.proto`, with its comments; a test holds the two together.
static SET: &[u8] = include_bytes!("bookshop.binpb");

/// The descriptors of the shop.
pub fn schema() -> Result<Schema, descant_descriptors::Error> {
    sources().build()
}

/// The same before they are loaded, so that something can be added.
pub fn sources() -> SchemaBuilder {
    Schema::builder().bytes("the demo API", SET)
}

/// A shop that is open: a gateway for [`schema`], with a handler for each of its methods. Pages that are served on this
/// machine may call it.
pub fn gateway(schema: Schema) -> GatewayBuilder {
    let shop = Arc::new(Shop::new());
    Gateway::builder(schema)
        .route("bookshop.v1.Catalog", catalog::handler(&shop))
        .route("bookshop.v1.Desk", desk::handler(&shop))
        .cors(Cors::localhost())
}
