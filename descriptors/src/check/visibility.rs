//! `export` and `local`, from edition 2024 on.
//!
//! Where neither is written, the file's option `features.default_symbol_visibility` decides, which compilers strip from
//! what they write. So only what is `local` in so many words is refused; what would be local by default is a warning.

use super::{Check, Of, Place};
use crate::{
    features::{DefaultVisibility, Edition},
    link::{Kind, SymbolId},
};

const LOCAL: i32 = 1;
const EXPORT: i32 = 2;

/// How far a message or enum can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Exported,
    Local,
    LocalByDefault,
}

/// Checks the types that a file takes from others, and what it exports itself.
pub(super) fn check(check: &mut Check<'_, '_>, of: Of<'_, '_>) {
    let Some(links) = check.linked.files.get(of.number as usize) else {
        return;
    };
    for (index, id) in (0u32..).zip(&links.types) {
        if let Some(id) = id {
            let place = check.place(Kind::Field, of.number, index);
            used(check, place, *id);
        }
    }
    for (index, id) in &links.extendees {
        let place = check.place(Kind::Extension, of.number, *index);
        used(check, place, *id);
    }
    for (index, (input, output)) in (0u32..).zip(&links.methods) {
        let place = check.place(Kind::Method, of.number, index);
        for id in [input, output].into_iter().flatten() {
            used(check, place, *id);
        }
    }
    if check.features.file(of.number).visibility == DefaultVisibility::Strict {
        strict(check, of);
    }
}

/// Reports a type of another file that is local there.
fn used(check: &mut Check<'_, '_>, place: Place, id: SymbolId) {
    let Some(symbol) = check.linked.symbols.get(id).filter(|symbol| symbol.file != place.file) else {
        return;
    };
    let name = |check: &Check<'_, '_>| check.named(id);
    match reach(check, id) {
        Reach::Exported => {}
        Reach::Local => {
            let name = name(check);
            check.error(
                place,
                || format!("{name} is `local` to its file"),
                "export it there, or use another type",
            );
        }
        Reach::LocalByDefault => {
            let name = name(check);
            let what =
                || format!("{name} is local to its file, unless that had `features.default_symbol_visibility` set");
            let _ = symbol;
            check.warn(place, what, "mark it with `export` in its file");
        }
    }
}

fn reach(check: &Check<'_, '_>, id: SymbolId) -> Reach {
    let Some(symbol) = check.linked.symbols.get(id) else {
        return Reach::Exported;
    };
    let Some(file) = check.files.get(symbol.file as usize) else {
        return Reach::Exported;
    };
    let (visibility, parent) = match symbol.kind {
        Kind::Message => file
            .messages
            .get(symbol.index as usize)
            .map(|found| (found.visibility, found.parent)),
        _ => file
            .enums
            .get(symbol.index as usize)
            .map(|found| (found.visibility, found.parent)),
    }
    .unwrap_or_default();
    match (visibility, check.features.file(symbol.file).visibility) {
        (LOCAL, _) => Reach::Local,
        (EXPORT, _) | (_, DefaultVisibility::ExportAll) => Reach::Exported,
        (_, DefaultVisibility::ExportTopLevel) if parent.is_none() => Reach::Exported,
        (_, DefaultVisibility::ExportTopLevel) if Edition::of(file) != Some(Edition::Edition2024) => Reach::Exported,
        _ => Reach::LocalByDefault,
    }
}

/// With STRICT, what is nested can't be exported, but for enums in a local message that has nothing else.
fn strict(check: &mut Check<'_, '_>, of: Of<'_, '_>) {
    let mend = "move it to the top level of a file";
    for (index, message) in (0u32..).zip(&of.file.messages) {
        if message.parent.is_some() && message.visibility == EXPORT {
            let place = check.place(Kind::Message, of.number, index);
            check.error(
                place,
                || "it is nested and exported, but visibility is STRICT".to_owned(),
                mend,
            );
        }
    }
    for (index, found) in (0u32..).zip(&of.file.enums) {
        let parent = found.parent.and_then(|parent| of.file.messages.get(parent as usize));
        let space = parent.is_some_and(|parent| {
            let reserved = crate::raw::at(&of.file.reserved_ranges, &parent.reserved_ranges);
            parent.parent.is_none() && parent.visibility != EXPORT && reserved == [(1, super::messages::MAX_NUMBER + 1)]
        });
        if parent.is_some() && found.visibility == EXPORT && !space {
            let place = check.place(Kind::Enum, of.number, index);
            check.error(
                place,
                || "it is nested and exported, but visibility is STRICT".to_owned(),
                mend,
            );
        }
    }
}
