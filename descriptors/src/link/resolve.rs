//! From the type names in fields and methods to the symbols that they mean.
//!
//! A name with a leading dot is a full name. Any other is looked up as C++ does it: its first part in the scope it
//! is used in, then in the scopes around that, and what is found first decides.

use super::{
    Budget, Imports, Kind, Links, Symbol, SymbolId, Symbols,
    imports::View,
    symbols::{PACKAGE_PARTS, article, name_of, offset},
};
use crate::{
    finding::Severity,
    findings::{Findings, Position, Report, Shown},
    raw,
};

/// Resolves the names in all files.
pub(super) fn all(
    files: &[raw::File<'_>],
    symbols: &Symbols,
    imports: &Imports,
    budget: &mut Budget,
    findings: &mut Findings,
) -> Vec<Links> {
    let view = View::new(imports, symbols);
    let mut resolve = Resolve {
        files,
        symbols,
        view,
        budget,
        findings,
        elsewhere: None,
    };
    (0u32..)
        .zip(files)
        .map(|(number, file)| resolve.file(number, file))
        .collect()
}

/// How many scopes are looked through: more than valid messages and packages nest.
const SCOPES: usize = 2 * PACKAGE_PARTS;

struct Resolve<'f, 'a, 'r> {
    files: &'f [raw::File<'a>],
    symbols: &'r Symbols,
    view: View<'r>,
    budget: &'r mut Budget,
    findings: &'r mut Findings,
    /// A symbol that the last look-up would have found if its file were imported.
    elsewhere: Option<(SymbolId, Symbol)>,
}

/// What a name stands for in the sentence that says it is wrong.
#[derive(Clone, Copy)]
enum Role {
    Type,
    Extendee,
    Input,
    Output,
}

impl Role {
    fn text(self) -> &'static str {
        match self {
            Self::Type => "the type",
            Self::Extendee => "the extended message",
            Self::Input => "the request type",
            Self::Output => "the response type",
        }
    }
}

/// A name, and the element that uses it.
#[derive(Clone, Copy)]
struct Use<'a> {
    file: u32,
    user: Option<SymbolId>,
    scope: Option<SymbolId>,
    role: Role,
    name: &'a str,
}

impl<'a> Resolve<'_, 'a, '_> {
    fn file(&mut self, number: u32, file: &raw::File<'a>) -> Links {
        let mut links = Links {
            types: vec![None; file.fields.len()],
            ..Links::default()
        };
        if !self.view.enter(number, self.budget) {
            self.too_much(number);
            return links;
        }
        self.fields(number, file, &mut links);
        self.methods(number, file, &mut links);
        if self.budget.is_spent() {
            self.too_much(number);
        }
        links
    }

    fn fields(&mut self, number: u32, file: &raw::File<'a>, links: &mut Links) {
        for ((index, field), slot) in (0u32..).zip(&file.fields).zip(&mut links.types) {
            let user = self.symbols.id(Kind::Field, number, index);
            let symbol = user.and_then(|id| self.symbols.get(id));
            let (scope, kind) = symbol.map_or((None, Kind::Field), |symbol| (symbol.scope, symbol.kind));
            let named = |role, name| Use {
                file: number,
                user,
                scope,
                role,
                name,
            };
            if let (Some(name), Kind::Extension) = (field.extendee, kind) {
                let extendee = self.message(named(Role::Extendee, name));
                links.extendees.extend(extendee.map(|id| (index, id)));
            }
            if let Some(name) = field.type_name {
                *slot = self.type_of(field.kind, named(Role::Type, name));
            }
        }
    }

    fn methods(&mut self, number: u32, file: &raw::File<'a>, links: &mut Links) {
        for (index, method) in (0u32..).zip(&file.methods) {
            let user = self.symbols.id(Kind::Method, number, index);
            let scope = user.and_then(|id| self.symbols.get(id)).and_then(|symbol| symbol.scope);
            let named = |role, name| Use {
                file: number,
                user,
                scope,
                role,
                name,
            };
            let input = self.message(named(Role::Input, method.input.unwrap_or_default()));
            let output = self.message(named(Role::Output, method.output.unwrap_or_default()));
            links.methods.push((input, output));
        }
    }

    /// The type of a field, which must agree with its `type`, if it has one.
    fn type_of(&mut self, kind: Option<i32>, named: Use<'_>) -> Option<SymbolId> {
        let (id, symbol) = self.known(named, true)?;
        match (kind, symbol.kind) {
            (None, Kind::Message | Kind::Enum) | (Some(10 | 11), Kind::Message) | (Some(14), Kind::Enum) => Some(id),
            (None, _) => self.wrong_kind(named, symbol, "a message or enum"),
            (Some(10 | 11), _) => self.wrong_kind(named, symbol, "a message"),
            (Some(14), _) => self.wrong_kind(named, symbol, "an enum"),
            // A scalar with a type name: the check refuses it.
            _ => None,
        }
    }

    fn message(&mut self, named: Use<'_>) -> Option<SymbolId> {
        let (id, symbol) = self.known(named, false)?;
        match symbol.kind {
            Kind::Message => Some(id),
            _ => self.wrong_kind(named, symbol, "a message"),
        }
    }

    fn known(&mut self, named: Use<'_>, types_only: bool) -> Option<(SymbolId, Symbol)> {
        let found = self.look_up(named, types_only);
        if found.is_none() {
            self.unknown(named);
        }
        found
    }

    fn look_up(&mut self, named: Use<'_>, types_only: bool) -> Option<(SymbolId, Symbol)> {
        self.elsewhere = None;
        if let Some(full) = named.name.strip_prefix('.') {
            return self.seen(self.symbols.find(self.files, full));
        }
        let (first, rest) = match named.name.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (named.name, None),
        };
        let mut scope = named.scope;
        for _ in 0..SCOPES {
            let Some(open) = scope else { break };
            if !self.budget.take(1 + first.len() / 16) {
                return None;
            }
            if let Some((id, found)) = self.seen(self.symbols.child(self.files, scope, first.as_bytes())) {
                match rest {
                    Some(rest) if found.kind.is_scope() => {
                        return self.seen(self.symbols.descend(self.files, Some(id), rest));
                    }
                    None if !types_only || found.kind.is_type() => return Some((id, found)),
                    _ => {}
                }
            }
            scope = self.symbols.get(open).and_then(|symbol| symbol.scope);
        }
        self.seen(self.symbols.find(self.files, named.name))
    }

    /// Lets a symbol pass if the file sees it.
    fn seen(&mut self, id: Option<SymbolId>) -> Option<(SymbolId, Symbol)> {
        let id = id?;
        let symbol = self.symbols.get(id)?;
        if self.view.sees(symbol.file) || symbol.kind == Kind::Package && self.view.sees_package(id) {
            return Some((id, symbol));
        }
        self.elsewhere = Some((id, symbol));
        None
    }

    fn position(&self, named: Use<'_>) -> Position {
        let bytes = self.files.get(named.file as usize).map_or(&[][..], |file| file.bytes);
        Position {
            file: named.file,
            offset: offset(bytes, named.name),
        }
    }

    fn report(&mut self, named: Use<'_>, what: impl FnOnce() -> (String, String)) {
        let position = self.position(named);
        let (files, symbols) = (self.files, self.symbols);
        self.findings.add(Severity::Error, position, || {
            let (what, mend) = what();
            let symbol = named.user.map(|id| symbols.label(files, id)).unwrap_or_default();
            Report {
                file: name_of(files, named.file),
                symbol,
                what,
                mend,
            }
        });
    }

    fn unknown(&mut self, named: Use<'_>) {
        // Once the budget is spent, nothing is known of any name: one finding of its own says so.
        if self.budget.is_spent() {
            return;
        }
        let (role, name, files) = (named.role.text(), Shown(named.name), self.files);
        if named.name.is_empty() {
            return self.report(named, || (format!("{role} is missing"), "name a message".to_owned()));
        }
        let Some((id, elsewhere)) = self.elsewhere else {
            return self.report(named, || {
                let mend = "correct the name, or add the file that defines it and import that";
                (format!("{role} \"{name}\" is not defined"), mend.to_owned())
            });
        };
        // It is here as well: that is the fault, and is reported as such.
        if self.symbols.is_twice(named.file, id) {
            return;
        }
        self.report(named, || {
            let other = name_of(files, elsewhere.file);
            let what = format!(
                "{role} \"{name}\" is not visible here: \"{}\", which defines it, is not imported",
                Shown(&other)
            );
            (what, format!("import \"{}\"", Shown(&other)))
        });
    }

    fn wrong_kind(&mut self, named: Use<'_>, found: Symbol, wanted: &'static str) -> Option<SymbolId> {
        self.report(named, || {
            let what = format!(
                "{} \"{}\" is {}, not {wanted}",
                named.role.text(),
                Shown(named.name),
                article(found.kind)
            );
            (what, format!("name {wanted}"))
        });
        None
    }

    fn too_much(&mut self, file: u32) {
        let files = self.files;
        self.findings
            .add(Severity::Error, Position { file, offset: 0 }, || Report {
                file: name_of(files, file),
                what: "names can't be resolved with bounded work: too many public imports or scopes to look through"
                    .to_owned(),
                mend: "import what is used directly, and write type names in full, with a leading dot".to_owned(),
                ..Report::default()
            });
    }
}

impl Kind {
    /// Whether other symbols stand under it.
    fn is_scope(self) -> bool {
        matches!(self, Self::Package | Self::Message | Self::Enum | Self::Service)
    }

    fn is_type(self) -> bool {
        matches!(self, Self::Message | Self::Enum)
    }
}
