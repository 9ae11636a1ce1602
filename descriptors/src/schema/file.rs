//! Files of descriptors.

use std::fmt;

use bytes::Bytes;

use super::{Schema, tables::FileRecord};
use crate::raw::{Fields, Value};

/// A handle to one loaded file.
#[derive(Clone)]
pub struct File {
    schema: Schema,
    index: usize,
}

/// The language level that a file declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Syntax {
    /// `syntax = "proto2"`, or none at all.
    #[default]
    Proto2,
    /// `syntax = "proto3"`.
    Proto3,
    /// `edition = "2023"` and later: the number of `google.protobuf.Edition`, 1000 for 2023.
    Edition(i32),
}

impl File {
    pub(super) fn new(schema: &Schema, index: usize) -> Self {
        Self {
            schema: schema.clone(),
            index,
        }
    }

    fn record(&self) -> Option<&FileRecord> {
        self.schema.0.files.get(self.index)
    }

    /// Its name, as imports spell it: `acme/orders/v1/orders.proto`.
    pub fn name(&self) -> &str {
        self.record().map_or("", |file| file.text(file.name))
    }

    /// Its package; empty if it has none.
    pub fn package(&self) -> &str {
        self.record().map_or("", |file| file.text(file.package))
    }

    /// Its `FileDescriptorProto`, byte for byte as it was loaded. Shares the memory of the set that it came in.
    pub fn bytes(&self) -> Bytes {
        self.record().map(|file| file.bytes.clone()).unwrap_or_default()
    }

    /// The files that it imports, in order; those that are not loaded (weak and option imports may be absent) are left out.
    pub fn dependencies(&self) -> Vec<File> {
        let bytes = self.bytes();
        Fields::new(&bytes)
            .filter_map(|field| match field {
                Ok((3, Value::Bytes(name))) => self.schema.file(std::str::from_utf8(name).ok()?),
                _ => None,
            })
            .collect()
    }

    /// The language level that it declares.
    pub fn syntax(&self) -> Syntax {
        self.record().map(|file| file.syntax).unwrap_or_default()
    }

    /// The schema that it belongs to.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({})", self.name())
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proto2 => f.write_str("proto2"),
            Self::Proto3 => f.write_str("proto3"),
            Self::Edition(number @ 1000..2000) => write!(f, "{}", number + 1023),
            Self::Edition(number) => write!(f, "edition {number}"),
        }
    }
}
