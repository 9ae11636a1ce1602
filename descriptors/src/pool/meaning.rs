//! What prost-reflect has to be told about a file, since it knows less than we do.
//!
//! It reads syntax, labels and options as proto2 and proto3 have them, and looks names up in the direct imports and
//! what those import publicly, one level deep. So features of editions become labels and options, names become absolute,
//! and the imports of a file become just the files whose types it uses.

use std::collections::BTreeSet;

use crate::{
    features::{self, Features, Presence},
    link::{Linked, Symbol, SymbolId},
    raw,
};

/// The meaning of the files of a set.
pub(super) struct Meaning<'m, 'a> {
    pub(super) files: &'m [raw::File<'a>],
    pub(super) linked: &'m Linked,
    pub(super) features: &'m Features,
    /// The file that is asked about.
    pub(super) file: u32,
}

/// What a field has to say in addition.
#[derive(Debug, Default)]
pub(super) struct FieldPatch {
    pub(super) extendee: Option<String>,
    pub(super) required: bool,
    /// A `FieldDescriptorProto.Type` number.
    pub(super) kind: Option<u64>,
    pub(super) type_name: Option<String>,
    pub(super) packed: Option<bool>,
    pub(super) optional: bool,
}

const GROUP: i32 = 10;
const MESSAGE: i32 = 11;

impl Meaning<'_, '_> {
    /// The names of the files whose types `file` uses.
    pub(super) fn imports(&self, file: &raw::File<'_>) -> BTreeSet<&str> {
        let fields = 0..u32::try_from(file.fields.len()).unwrap_or(u32::MAX);
        let used = fields.flat_map(|field| {
            let types = [
                self.linked.field_type(self.file, field),
                self.linked.extendee(self.file, field),
            ];
            types.into_iter().flatten().map(|symbol| symbol.file)
        });
        let others = used.filter(|used| *used != self.file);
        others.filter_map(|used| self.files.get(used as usize)?.name).collect()
    }

    /// What the field with this index in the arena has to say in addition.
    pub(super) fn patch(&self, index: u32) -> FieldPatch {
        let Some((file, field)) = self.field(index) else {
            return FieldPatch::default();
        };
        let of = self.linked.field_type(self.file, index);
        let found = self.features.field(self.files, self.linked, self.file, index);
        let kind = match features::kind_of(field, of) {
            MESSAGE | GROUP if found.delimited => GROUP,
            kind => kind,
        };
        let mut patch = FieldPatch {
            extendee: self.absolute(field.extendee, self.linked.extendee(self.file, index)),
            kind: u64::try_from(kind).ok().filter(|_| field.kind != Some(kind)),
            type_name: self.absolute(field.type_name, of),
            ..FieldPatch::default()
        };
        if file.syntax == Some("editions") {
            patch.required = found.presence == Presence::Required;
            patch.packed = features::is_packable(kind).then_some(found.packed);
            // A oneof gives presence, and a message has it anyway.
            let plain = field.oneof_index.is_none() && !matches!(kind, MESSAGE | GROUP);
            patch.optional = plain && found.presence == Presence::Explicit;
        }
        patch
    }

    fn field(&self, index: u32) -> Option<(&raw::File<'_>, &raw::Field<'_>)> {
        let file = self.files.get(self.file as usize)?;
        Some((file, file.fields.get(index as usize)?))
    }

    /// The absolute name of what a relative name refers to.
    fn absolute(&self, name: Option<&str>, of: Option<Symbol>) -> Option<String> {
        let relative = name.is_some_and(|name| !name.starts_with('.'));
        let id: SymbolId = of
            .filter(|_| relative)
            .and_then(|symbol| self.linked.symbols.id(symbol.kind, symbol.file, symbol.index))?;
        Some(format!(".{}", self.linked.symbols.full_name(self.files, id)))
    }
}

/// A file of an edition becomes proto3, where a field has presence only if something says so; or proto2, if an enum
/// starts with another number than zero, which proto3 does not allow. There, zero counts as set.
pub(super) fn syntax(file: &raw::File<'_>) -> &'static str {
    match file.syntax {
        Some("proto3") => "proto3",
        Some("editions") if file.enums.iter().all(|found| starts_with_zero(file, found)) => "proto3",
        _ => "proto2",
    }
}

fn starts_with_zero(file: &raw::File<'_>, found: &raw::Enum<'_>) -> bool {
    let first = raw::at(&file.values, &found.values).first();
    first.and_then(|value| value.number).is_none_or(|number| number == 0)
}
