//! The server that the suites of `tests/suites` call, and what its tests share.
//!
//! Written as an application would write it: a schema loaded from `.proto` files, handlers from
//! closures over prost types, Descant's own health and reflection.

#![allow(
    missing_docs,
    reason = "read beside the protos in tests/suites/protos, which explain it"
)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a suite's server that cannot start should say so and end"
)]

mod compressed;
pub mod fuzz;
pub mod messages;
mod orca;
mod shapes;
mod testing;
pub mod wire;

use std::path::Path;

use descant::{Cors, Gateway, GatewayBuilder, Mount, MountBuilder, Schema};
use descant_handlers::{Health, Status};

/// A gateway that answers everything in `tests/suites/protos`.
///
/// # Panics
/// If those do not load, or do not fit the handlers.
pub fn gateway(health: &Health) -> Gateway {
    let gateway = answering(Gateway::builder(schema()), health);
    gateway.build().expect("the suites' gateway builds")
}

/// A mount that does.
///
/// # Panics
/// If they do not load.
pub fn mount(health: &Health) -> MountBuilder {
    Mount::builder(schema()).gateway(|gateway| answering(gateway, health))
}

/// What the gateway answers.
///
/// # Panics
/// If it does not load.
pub fn schema() -> Schema {
    let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites");
    let schema = Schema::builder().path(suites.join("protos"));
    let schema = schema.http_rules_path(suites.join("rules.yaml")).build();
    schema.expect("the suites' protos load")
}

fn answering(gateway: GatewayBuilder, health: &Health) -> GatewayBuilder {
    let load = orca::Load::default();
    gateway
        .route("grpc.testing.TestService", testing::service(&load))
        .layer_on("grpc.testing.TestService", compressed::layer())
        .route("xds.service.orca.v3.OpenRcaService", orca::service(&load))
        .route("descant.suite.v1.Shapes", shapes::service(health))
        .reflection(true)
        .health(health.clone())
        .cors(cors())
}

/// Pages of this machine by its number; by its name they are strangers.
fn cors() -> Cors {
    Cors::allow(["http://127.0.0.1:*"])
        .expect("an origin")
        .request_headers(["echo-note", "echo-note-bin"])
        .response_headers(["echo-note", "echo-note-bin"])
}

/// A size that a caller asks for, within reason.
fn size(asked: i32) -> Result<usize, Status> {
    let within = |size: &usize| *size <= 16 << 20;
    let size = usize::try_from(asked).ok().filter(within);
    size.ok_or_else(|| Status::invalid_argument("a size is from 0 to 16 MiB"))
}
