//! Gives names their meaning: which symbols there are, which files a file sees, what each type name refers to.
//!
//! The symbol table is a tree of scopes kept flat: a symbol is found by (scope, own name), so that no full name
//! is ever stored or built, and looking one up costs its length, however deep scopes nest.
//! Source: `DescriptorBuilder` of protobuf's C++ runtime, whose verdicts are the measure.

mod budget;
mod collect;
mod imports;
mod resolve;
mod symbols;

pub(crate) use budget::Budget;
pub(crate) use imports::Imports;
pub(crate) use symbols::{Kind, PACKAGE_PARTS, Symbol, SymbolId, Symbols, Texts, article, name_of};

use crate::{finding::Severity, findings::Findings, raw};

/// A set of files whose names are resolved.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) symbols: Symbols,
    pub(crate) imports: Imports,
    /// What the elements of each file refer to.
    pub(crate) files: Vec<Links>,
}

/// What the elements of one file refer to; `None` where that is unknown (which is a finding) or does not apply.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// The message or enum of each field, by its index in the arena.
    pub(crate) types: Vec<Option<SymbolId>>,
    /// The message that each extension extends: (field index, message), sorted.
    pub(crate) extendees: Vec<(u32, SymbolId)>,
    /// Input and output of each method.
    pub(crate) methods: Vec<(Option<SymbolId>, Option<SymbolId>)>,
}

/// Builds the symbol table over `files` and resolves every name in them.
///
/// Reports what names can be wrong about: symbols defined twice, imports that are missing or turn in circles,
/// types that are unknown, not imported, or of another kind than needed. `missing_import`: how severe that is where nothing in it is needed.
pub(crate) fn link(files: &[raw::File<'_>], missing_import: Severity, findings: &mut Findings) -> Linked {
    let mut budget = Budget::default();
    let imports = Imports::new(files, missing_import, findings);
    let symbols = Symbols::collect(files, findings);
    let links = resolve::all(files, &symbols, &imports, &mut budget, findings);
    Linked {
        symbols,
        imports,
        files: links,
    }
}

impl Links {
    /// The message that an extension extends.
    pub(crate) fn extendee(&self, field: u32) -> Option<SymbolId> {
        let at = self.extendees.binary_search_by_key(&field, |(index, _)| *index).ok()?;
        self.extendees.get(at).map(|(_, id)| *id)
    }
}

impl Linked {
    /// The message or enum that a field is of.
    pub(crate) fn field_type(&self, file: u32, field: u32) -> Option<Symbol> {
        let links = self.files.get(file as usize)?;
        self.symbols.get(links.types.get(field as usize).copied()??)
    }

    /// The message that an extension extends.
    pub(crate) fn extendee(&self, file: u32, field: u32) -> Option<Symbol> {
        let links = self.files.get(file as usize)?;
        let at = links.extendees.binary_search_by_key(&field, |(index, _)| *index).ok()?;
        self.symbols.get(links.extendees.get(at)?.1)
    }
}

#[cfg(test)]
mod tests;
