//! Services.

use std::{fmt, ops::Range};

use super::{File, Method, Schema, tables::ServiceRecord};

/// A handle to one service.
#[derive(Clone)]
pub struct Service {
    schema: Schema,
    index: usize,
}

impl Service {
    pub(super) fn new(schema: &Schema, index: usize) -> Self {
        Self {
            schema: schema.clone(),
            index,
        }
    }

    fn record(&self) -> Option<&ServiceRecord> {
        self.schema.0.services.get(self.index)
    }

    fn range(&self) -> Range<usize> {
        self.record().map_or(0..0, |service| {
            service.methods.start as usize..service.methods.end as usize
        })
    }

    /// Its name without the package.
    pub fn name(&self) -> &str {
        self.full_name().rsplit('.').next().unwrap_or_default()
    }

    /// Its full name, `pkg.Service`.
    pub fn full_name(&self) -> &str {
        self.record().map_or("", |service| self.schema.0.text(service.name))
    }

    /// Its methods, in the order of their declarations.
    pub fn methods(&self) -> impl ExactSizeIterator<Item = Method> + '_ {
        self.range().map(|index| Method::new(&self.schema, index))
    }

    /// Its method of that name.
    pub fn method(&self, name: &str) -> Option<Method> {
        self.methods().find(|method| method.name() == name)
    }

    /// The file that declares it.
    pub fn file(&self) -> File {
        File::new(
            &self.schema,
            self.record().map_or(usize::MAX, |service| service.file as usize),
        )
    }

    /// Its `google.protobuf.ServiceOptions` as wire bytes; empty if it has none.
    pub fn options(&self) -> &[u8] {
        self.record().map_or(&[], |service| &service.options)
    }

    /// The schema that it belongs to.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({})", self.full_name())
    }
}
