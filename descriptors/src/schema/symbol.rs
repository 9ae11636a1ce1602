//! Elements of every kind, by full name.

use std::fmt;

use super::{File, Schema};
use crate::link::{self, Kind, SymbolId};

/// A handle to one element of a file.
#[derive(Clone)]
pub struct Symbol {
    schema: Schema,
    id: SymbolId,
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
    pub(super) fn new(schema: &Schema, id: SymbolId) -> Self {
        Self {
            schema: schema.clone(),
            id,
        }
    }

    fn record(&self) -> Option<link::Symbol> {
        self.schema.0.symbols.get(self.id)
    }

    /// What it is.
    pub fn kind(&self) -> SymbolKind {
        match self.record().map(|symbol| symbol.kind) {
            // Packages get no handle.
            None | Some(Kind::Package | Kind::Message) => SymbolKind::Message,
            Some(Kind::Field) => SymbolKind::Field,
            Some(Kind::Oneof) => SymbolKind::Oneof,
            Some(Kind::Enum) => SymbolKind::Enum,
            Some(Kind::EnumValue) => SymbolKind::EnumValue,
            Some(Kind::Extension) => SymbolKind::Extension,
            Some(Kind::Service) => SymbolKind::Service,
            Some(Kind::Method) => SymbolKind::Method,
        }
    }

    /// Its full name. Put together on each call.
    pub fn full_name(&self) -> String {
        self.schema.0.symbols.full_name(&*self.schema.0, self.id)
    }

    /// The file that declares it.
    pub fn file(&self) -> File {
        File::new(
            &self.schema,
            self.record().map_or(usize::MAX, |symbol| symbol.file as usize),
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
