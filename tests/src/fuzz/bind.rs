//! From requests to messages by HTTP rules.
//!
//! ```text
//! input = method " " target LF content-type LF body
//! ```

use std::sync::LazyLock;

use descant_descriptors::{
    BindRequest, Binder, Binding, Captures, Codec, Found, MessageType, Origin, RequestBody, Schema,
};

/// Services with every form of binding.
static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    Schema::builder()
        .path(format!("{here}../descriptors/tests/bind/bind.proto"))
        .path(format!("{here}tests/transcode"))
        .build()
        .ok()
});

/// Binds a request, if its path leads to a method. What comes of it has to be a message, in which the path has won.
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
    let message = binding.method(schema).input();
    let (mut binder, mut wire, mut normal) = (Binder::default(), Vec::new(), Vec::new());
    if let Err(error) = binder.bind(&message, binding, &request, &mut wire) {
        assert!(wire.is_empty());
        assert!(!error.to_string().is_empty());
        return;
    }
    // A time may be bound by its seconds, which may be too many: not all of these have a JSON form.
    let whole = Codec::default().normalize(&message, &wire, &mut normal);
    assert!(whole.is_ok(), "{whole:?}: {wire:?}");
    let bound = binder.bound(&message, binding, &request);
    let values = bound.iter().filter(|bound| bound.origin == Origin::Path);
    for (variable, bound) in binding.variables().iter().zip(values) {
        assert_eq!(variable.field().as_str(), bound.field);
        wins(&message, binding, &wire, &normal, &bound.value);
    }
}

/// The path's only variable has its value, and nothing else had one there.
fn wins(message: &MessageType, binding: &Binding, wire: &[u8], normal: &[u8], value: &str) {
    let [variable] = binding.variables() else { return };
    let mut codec = Codec::default();
    let (mut alone, mut without, mut again) = (Vec::new(), Vec::new(), Vec::new());
    codec
        .text_to_wire(message, variable.field(), value, &mut alone)
        .expect("what was bound before");
    let (mut here, mut there) = (Vec::new(), Vec::new());
    // A duration may have been bound by the seconds in it, and then have no JSON form.
    if codec.field_to_json(message, variable.field(), wire, &mut here).is_ok() {
        codec
            .field_to_json(message, variable.field(), &alone, &mut there)
            .expect("what was bound has a JSON form");
        assert_eq!(here, there, "{}", variable.field());
    }
    codec
        .without_field(message, variable.field(), wire, &mut without)
        .expect("it is a message");
    without.extend_from_slice(&alone);
    codec
        .normalize(message, &without, &mut again)
        .expect("it is a message still");
    assert_eq!(normal, again, "{}", variable.field());
}
