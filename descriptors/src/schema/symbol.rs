//! Elements of every kind, by full name.

use std::fmt;

use super::{File, Schema};

/// A handle to one element of a file.
#[derive(Clone)]
pub struct Symbol {
    schema: Schema,
    element: u32,
}

/// What a [`Symbol`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SymbolKind {
    /// A message, also a map entry or a group.
    Message,
    /// A field of a message.
    Field,
    /// A oneof, also one that stands for a proto3 `optional`.
    Oneof,
    /// An enum.
    Enum,
    /// A value of an enum; its full name is in the scope that the enum stands in.
    EnumValue,
    /// An extension field.
    Extension,
    /// A service.
    Service,
    /// A method of a service.
    Method,
}

impl Symbol {
    pub(super) fn new(schema: &Schema, element: u32) -> Self {
        Self {
            schema: schema.clone(),
            element,
        }
    }

    /// What it is.
    pub fn kind(&self) -> SymbolKind {
        let element = self.schema.0.elements.get(self.element as usize);
        element.map_or(SymbolKind::Message, |element| element.kind)
    }

    /// Its full name. Put together on each call.
    pub fn full_name(&self) -> String {
        self.schema.0.full_name(self.element)
    }

    /// The file that declares it.
    pub fn file(&self) -> File {
        let element = self.schema.0.elements.get(self.element as usize);
        File::new(
            &self.schema,
            element.map_or(usize::MAX, |element| element.file as usize),
        )
    }

    /// The schema that it belongs to.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbol({:?} {})", self.kind(), self.full_name())
    }
}
