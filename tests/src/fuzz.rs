//! What the fuzz targets, and the tests of their saved corpus, run: a function or a type a target.

mod answer;
mod bind;
mod codec;
mod config;
mod requests;
mod routes;
mod text;
mod web;

use descant::Schema;

pub use self::{
    bind::bind,
    codec::{json_to_wire, wire_to_json},
    config::config,
    requests::Requests,
    routes::routes,
    text::text,
    web::Web,
};

/// Loads a descriptor set and, if it loads, asks it everything.
///
/// # Panics
/// If a schema does not find what it lists.
pub fn load(input: &[u8]) {
    let Ok(schema) = Schema::from_bytes(input.to_vec()) else {
        return;
    };
    for method in schema.methods() {
        let found = schema.method(method.path()).expect("a listed method");
        assert_eq!(found.index(), method.index());
        // The pool may refuse what the check admits; it has to say so, not panic.
        let _ = (method.input().descriptor(), method.output().descriptor());
        schema.nearest_methods(method.full_name());
    }
    for file in schema.files() {
        let _ = (file.source(), file.dependencies());
        assert!(schema.file(file.name()).is_some());
    }
    for service in schema.services() {
        let symbol = schema.symbol(service.full_name()).map(|symbol| symbol.source());
        assert!(symbol.is_some(), "a service that is no symbol");
        schema.extension_numbers(service.full_name());
    }
    schema.nearest_symbols("no.such.Symbol");
}
