//! What a thread needs to turn requests into messages and messages into answers, kept from one to the next.

use std::{cell::RefCell, mem, sync::Arc};

use bytes::Bytes;
use descant_descriptors::{BindError, BindRequest, Binder, Binding, Captures, Codec, CodecError, Found, Routes};
use http::request::Parts;

use super::{asked::Asked, options::RestOptions};

/// A buffer that has grown beyond this is not kept.
const KEPT: usize = 1 << 20;

#[derive(Default)]
struct Desk {
    /// What it is made for.
    options: Option<Arc<RestOptions>>,
    limit: usize,
    depth: u32,
    captures: Captures,
    binder: Binder,
    codec: Codec,
    buffer: Vec<u8>,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// What the path of a request leads to, and where it has the values of variables.
pub(super) fn find<'r>(routes: &'r Routes, parts: &Parts) -> (Found<'r>, Captures) {
    DESK.with_borrow_mut(|Desk { captures, .. }| {
        let found = routes.find(parts.method.as_str(), parts.uri.path(), captures);
        (found, captures.take())
    })
}

/// The wire bytes of the message that a request stands for.
pub(super) fn bind(asked: &Asked, binding: &Binding, request: &BindRequest<'_>) -> Result<Bytes, BindError> {
    with(asked, |desk, out| {
        desk.binder.bind(&asked.method.input(), binding, request, out)
    })
}

/// Checks what path and query of a request bind.
pub(super) fn check(asked: &Asked, binding: &Binding, request: &BindRequest<'_>) -> Result<(), BindError> {
    DESK.with_borrow_mut(|desk| {
        desk.prepare(asked);
        desk.binder.check(&asked.method.input(), binding, request)
    })
}

/// The JSON of a message: all of it, or of the one field that is the answer.
pub(super) fn json(asked: &Asked, binding: &Binding, wire: &[u8]) -> Result<Bytes, CodecError> {
    let output = asked.method.output();
    with(asked, |desk, out| match binding.response_body() {
        None => desk.codec.wire_to_json(&output, wire, out),
        Some(field) => desk.codec.field_to_json(&output, field, wire, out),
    })
}

fn with<E>(asked: &Asked, work: impl FnOnce(&mut Desk, &mut Vec<u8>) -> Result<(), E>) -> Result<Bytes, E> {
    DESK.with_borrow_mut(|desk| {
        desk.prepare(asked);
        let mut buffer = mem::take(&mut desk.buffer);
        buffer.clear();
        let result = work(desk, &mut buffer);
        let bytes = result.map(|()| match buffer.capacity() {
            0..=KEPT => Bytes::copy_from_slice(&buffer),
            _ => mem::take(&mut buffer).into(),
        });
        desk.buffer = buffer;
        bytes
    })
}

impl Desk {
    /// Takes over the options of a request. Mostly they are those of the one before.
    fn prepare(&mut self, asked: &Asked) {
        let same = self
            .options
            .as_ref()
            .is_some_and(|options| Arc::ptr_eq(options, &asked.options));
        if same && self.limit == asked.limit && self.depth == asked.depth {
            return;
        }
        let (json, mut bind) = (asked.json(), asked.options.bind.clone());
        bind.limit = asked.limit;
        *self = Self {
            options: Some(asked.options.clone()),
            limit: asked.limit,
            depth: asked.depth,
            captures: mem::take(&mut self.captures),
            binder: Binder::new(bind, json.clone()),
            codec: Codec::new(json),
            buffer: mem::take(&mut self.buffer),
        };
    }
}
