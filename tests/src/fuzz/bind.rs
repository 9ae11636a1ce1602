//! From requests to messages by HTTP rules.
//!
//! ```text
//! input = method " " target LF content-type LF body
//! ```

use std::sync::LazyLock;

use descant_descriptors::{BindRequest, Binder, Captures, Codec, Found, RequestBody, Schema};

/// A service with every form of binding.
static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../descriptors/tests/bind/bind.proto");
    Schema::load(file).ok()
});

/// Binds a request, if its path leads to a method. What comes of it has to be a message with a JSON form.
///
/// # Panics
/// If it is none, or something is left behind after an error.
pub fn bind(input: &[u8]) {
    let schema = SCHEMA.as_ref().expect("a schema");
    let mut parts = input
        .splitn(3, |byte| *byte == b'\n')
        .map(|part| std::str::from_utf8(part).ok());
    let Some(Some((method, target))) = parts.next().map(|line| line.and_then(|line| line.split_once(' '))) else {
        return;
    };
    let content_type = parts.next().flatten().filter(|name| !name.is_empty());
    let body = input.splitn(3, |byte| *byte == b'\n').nth(2).unwrap_or_default();
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    let mut captures = Captures::default();
    let Found::Binding(binding) = schema.routes().find(method, path, &mut captures) else {
        return;
    };
    let request = BindRequest {
        http_method: method,
        path,
        captures: &captures,
        query,
        body: RequestBody {
            content_type,
            bytes: body,
        },
    };
    let (input, mut wire, mut json) = (binding.method(schema).input(), Vec::new(), Vec::new());
    match Binder::default().bind(&input, binding, &request, &mut wire) {
        Ok(()) => {
            let written = Codec::default().wire_to_json(&input, &wire, &mut json);
            // A body of bytes may be called by a type that is no text.
            assert!(written.is_ok() || content_type.is_some(), "{written:?}: {wire:?}");
        }
        Err(error) => {
            assert!(wire.is_empty());
            assert!(!error.to_string().is_empty());
        }
    }
}
