//! Methods.

use std::fmt;

use super::{File, MessageType, Schema, Service, tables::MethodRecord};

/// A handle to one method.
#[derive(Clone)]
pub struct Method {
    schema: Schema,
    index: usize,
}

/// Which sides of a method stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One request, one response.
    Unary,
    /// Many requests, one response.
    ClientStreaming,
    /// One request, many responses.
    ServerStreaming,
    /// Many of both, in any order.
    Bidi,
}

/// `google.protobuf.MethodOptions.idempotency_level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Idempotency {
    /// `IDEMPOTENCY_UNKNOWN`, the default.
    #[default]
    Unknown,
    /// `NO_SIDE_EFFECTS`: may be called with GET, and its response may be cached.
    NoSideEffects,
    /// `IDEMPOTENT`: may be called again.
    Idempotent,
}

impl Method {
    pub(super) fn new(schema: &Schema, index: usize) -> Self {
        Self {
            schema: schema.clone(),
            index,
        }
    }

    fn record(&self) -> Option<&MethodRecord> {
        self.schema.0.methods.get(self.index)
    }

    /// Its name without the service.
    pub fn name(&self) -> &str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Its full name, `pkg.Service.Method`.
    pub fn full_name(&self) -> &str {
        self.record().map_or("", |method| self.schema.0.text(method.name))
    }

    /// The path of its requests, `/pkg.Service/Method`.
    pub fn path(&self) -> &str {
        self.record().map_or("", |method| self.schema.0.text(method.path))
    }

    /// The service that it belongs to.
    pub fn service(&self) -> Service {
        Service::new(
            &self.schema,
            self.record().map_or(usize::MAX, |method| method.service as usize),
        )
    }

    /// The schema that it belongs to.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Its place among all methods of the schema: 0 and up to [`Schema::method_count`], without gaps.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether the client sends any number of messages.
    pub fn client_streaming(&self) -> bool {
        self.record().is_some_and(|method| method.client_streaming)
    }

    /// Whether the server sends any number of messages.
    pub fn server_streaming(&self) -> bool {
        self.record().is_some_and(|method| method.server_streaming)
    }

    /// Which sides stream.
    pub fn shape(&self) -> Shape {
        match (self.client_streaming(), self.server_streaming()) {
            (false, false) => Shape::Unary,
            (true, false) => Shape::ClientStreaming,
            (false, true) => Shape::ServerStreaming,
            (true, true) => Shape::Bidi,
        }
    }

    /// The type of its requests.
    pub fn input(&self) -> MessageType {
        MessageType::new(
            &self.schema,
            self.record().map_or(usize::MAX, |method| method.input as usize),
        )
    }

    /// The type of its responses.
    pub fn output(&self) -> MessageType {
        MessageType::new(
            &self.schema,
            self.record().map_or(usize::MAX, |method| method.output as usize),
        )
    }

    /// Whether it may be called again, or with GET.
    pub fn idempotency(&self) -> Idempotency {
        self.record().map(|method| method.idempotency).unwrap_or_default()
    }

    /// Its `google.protobuf.MethodOptions` as wire bytes, extensions included; empty if it has none.
    pub fn options(&self) -> &[u8] {
        self.record().map_or(&[], |method| &method.options)
    }

    /// The file that declares it.
    pub fn file(&self) -> File {
        self.service().file()
    }
}

/// Equal: the same method of the same schema.
impl PartialEq for Method {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && std::sync::Arc::ptr_eq(&self.schema.0, &other.schema.0)
    }
}

impl Eq for Method {}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({})", self.full_name())
    }
}
