//! Message types.

use std::{collections::HashSet, fmt};

use super::{File, Schema, tables::MessageRecord};
use crate::{Error, pool, table::Known};

/// A handle to one message type.
#[derive(Clone)]
pub struct MessageType {
    schema: Schema,
    index: usize,
}

impl MessageType {
    pub(super) fn new(schema: &Schema, index: usize) -> Self {
        Self {
            schema: schema.clone(),
            index,
        }
    }

    /// Its index among all messages of its schema.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Whether JSON writes it in a form of its own, as `google.protobuf.Timestamp`.
    ///
    /// Source: ProtoJSON, "Field type mapping".
    pub fn is_well_known(&self) -> bool {
        let table = self.schema.0.table(u32::try_from(self.index).unwrap_or(u32::MAX));
        table.known != Known::No
    }

    /// Whether it holds what may not be for logs: a field with the option `debug_redact`, or an `Any`, in which anything may stand,
    /// in itself or in a message in it, however deep.
    pub fn has_redacted_fields(&self) -> bool {
        let tables = &self.schema.0;
        let mut found = vec![u32::try_from(self.index).unwrap_or(u32::MAX)];
        let mut seen: HashSet<u32> = found.iter().copied().collect();
        while let Some(message) = found.pop() {
            let table = tables.table(message);
            if table.known == Known::Any || table.fields.iter().any(|field| field.redact) {
                return true;
            }
            let inside = table.fields.iter().filter(|field| field.kind.is_message());
            found.extend(inside.map(|field| field.child).filter(|child| seen.insert(*child)));
        }
        false
    }

    fn record(&self) -> Option<&MessageRecord> {
        self.schema.0.messages.get(self.index)
    }

    /// Its full name, `pkg.Outer.Inner`.
    pub fn full_name(&self) -> &str {
        self.record().map_or("", |message| self.schema.0.text(message.name))
    }

    /// Its prost-reflect descriptor, for dynamic messages.
    ///
    /// The first call on a schema builds prost-reflect's pool of all files; others wait for it. One pool, because
    /// a tree takes only trees of its own pool as its fields. It takes some 10 KB a message and ten times as long as loading
    /// did (10,000 messages: 100 MB and 0.15 s): who only passes bytes on should not call this.
    ///
    /// # Errors
    /// If prost-reflect does not take the files, although they are valid.
    pub fn descriptor(&self) -> Result<prost_reflect::MessageDescriptor, Error> {
        let tables = &self.schema.0;
        let pool = tables.pool.get_or_init(|| {
            let files: Vec<_> = tables.files.iter().map(|file| file.bytes.clone()).collect();
            pool::build(&files)
        });
        let found = pool
            .as_ref()
            .map_err(Error::clone)?
            .get_message_by_name(self.full_name());
        found.ok_or_else(|| pool::missing(self.full_name()))
    }

    /// The file that declares it.
    pub fn file(&self) -> File {
        File::new(
            &self.schema,
            self.record().map_or(usize::MAX, |message| message.file as usize),
        )
    }

    /// The schema that it belongs to.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

/// Equal: the same type of the same schema.
impl PartialEq for MessageType {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && std::sync::Arc::ptr_eq(&self.schema.0, &other.schema.0)
    }
}

impl Eq for MessageType {}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageType({})", self.full_name())
    }
}
