//! The public tables: what is loaded, and handles into it.

mod builder;
mod compile;
pub(crate) mod field_path;
mod file;
mod home;
mod message;
mod method;
pub(crate) mod nearest;
mod service;
mod symbol;
pub(crate) mod tables;

use std::{fmt, path::Path, sync::Arc};

use bytes::Bytes;

use crate::{Error, Finding, http::Routes};
use tables::Tables;

pub use builder::{Builtin, LoadLimits, SchemaBuilder};
pub use field_path::{FieldPath, FieldPathError};
pub use file::{File, Syntax};
pub use message::MessageType;
pub use method::{Idempotency, Method, Shape};
pub use service::Service;
pub use symbol::{Symbol, SymbolKind};

/// An immutable, compiled snapshot of all loaded descriptors. A clone costs one reference count.
#[derive(Clone)]
pub struct Schema(pub(crate) Arc<Tables>);

impl Schema {
    /// Loads from several sources, or with settings.
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder::default()
    }

    /// Loads one descriptor set, one `.proto` file, or a folder of them.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::builder().path(path).build()
    }

    /// Loads a `FileDescriptorSet` in memory, which may be compressed with gzip or zstd.
    pub fn from_bytes(set: impl Into<Bytes>) -> Result<Self, Error> {
        Self::builder().bytes("descriptor set", set).build()
    }

    /// All services, sorted by full name.
    pub fn services(&self) -> impl ExactSizeIterator<Item = Service> + '_ {
        (0..self.0.services.len()).map(|index| Service::new(self, index))
    }

    /// The service of that full name, `pkg.Service`.
    pub fn service(&self, full_name: &str) -> Option<Service> {
        let found = self.0.service(full_name)?;
        Some(Service::new(self, found))
    }

    /// All methods, by [`Method::index`]: service by service, each in the order of its declarations.
    pub fn methods(&self) -> impl ExactSizeIterator<Item = Method> + '_ {
        (0..self.method_count()).map(|index| Method::new(self, index))
    }

    /// How many methods there are.
    pub fn method_count(&self) -> usize {
        self.0.methods.len()
    }

    /// The method of a request path, `/pkg.Service/Method`. Allocates nothing and hashes the path once.
    pub fn method(&self, path: &str) -> Option<Method> {
        let found = self.0.method(path)?;
        Some(Method::new(self, found))
    }

    /// Which HTTP requests call which method, by `google.api.http`.
    pub fn routes(&self) -> &Routes {
        &self.0.routes
    }

    /// The method with this [`Method::index`].
    pub(crate) fn method_at(&self, index: usize) -> Method {
        Method::new(self, index)
    }

    /// The message type of that full name, `pkg.Outer.Inner`.
    pub fn message(&self, full_name: &str) -> Option<MessageType> {
        let (index, _) = self.0.message(full_name)?;
        Some(MessageType::new(self, index as usize))
    }

    /// All files, in the order in which they were loaded; files that Descant added come last.
    pub fn files(&self) -> impl ExactSizeIterator<Item = File> + '_ {
        (0..self.0.files.len()).map(|index| File::new(self, index))
    }

    /// The file of that name, as imports spell it: `acme/orders/v1/orders.proto`.
    pub fn file(&self, name: &str) -> Option<File> {
        let found = self.0.file(name)?;
        Some(File::new(self, found))
    }

    /// The element of that full name, whatever its kind. Enum values stand beside their enum: `pkg.VALUE`.
    pub fn symbol(&self, full_name: &str) -> Option<Symbol> {
        let id = self.0.symbol(full_name)?;
        Some(Symbol::new(self, id))
    }

    /// The extension of the message `extendee` that has this field number.
    pub fn extension(&self, extendee: &str, number: i32) -> Option<Symbol> {
        let (_, extendee) = self.0.message(extendee)?;
        let found = self.0.extension(extendee, number)?;
        Some(Symbol::new(self, found))
    }

    /// The field numbers of all extensions of a message, sorted. `None`: there is no such message.
    pub fn extension_numbers(&self, extendee: &str) -> Option<Vec<i32>> {
        let (_, extendee) = self.0.message(extendee)?;
        let extensions = self.0.extensions_of(extendee);
        Some(extensions.iter().map(|extension| extension.number).collect())
    }

    /// Warnings and notes: what was found although the schema loaded.
    pub fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// Service names that resemble `name`, at most three, best first. Cheap enough for answers to peers.
    pub fn nearest_services(&self, name: &str) -> Vec<String> {
        nearest::services(&self.0, name)
    }

    /// Methods that resemble `path`, as `pkg.Service/Method`, at most three, best first. Cheap enough for answers to
    /// peers, not for all that they may ask for.
    pub fn nearest_methods(&self, path: &str) -> Vec<String> {
        nearest::methods(&self.0, path)
    }

    /// Services, methods, messages, enums and extensions that resemble `name`, at most three, best first. Looks through
    /// 100,000 names, which may take some milliseconds.
    pub fn nearest_symbols(&self, name: &str) -> Vec<String> {
        nearest::symbols(&self.0, name)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("files", &self.0.files.len())
            .field("services", &self.0.services.len())
            .field("methods", &self.0.methods.len())
            .finish_non_exhaustive()
    }
}
