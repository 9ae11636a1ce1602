//! Rules about a file as a whole: name, syntax, package, imports, bytes that could not be read.

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::{Check, Place, names};
use crate::{
    features::{Edition, FieldPresence, Own, tag},
    findings::Shown,
    link::{Kind, PACKAGE_PARTS, SymbolId},
    raw::{self, Fields, Value},
};

/// How long a package may be.
const PACKAGE_BYTES: usize = 511;

/// How long a full name may be.
const NAME: usize = 65535;

/// How long all full names of a set may be together: more than a hundred times what all of googleapis has.
const NAMES: u64 = 128 << 20;

/// The number of `EDITION_2023`, and the last one that is known.
const EDITIONS: std::ops::RangeInclusive<i32> = 1000..=1001;

/// `FileOptions.optimize_for = LITE_RUNTIME`.
const LITE: u64 = 3;

/// Checks a file, and returns its edition; `None` if that is unknown, so that no other rule makes sense.
pub(super) fn check<'a>(check: &mut Check<'_, 'a>, number: u32, file: &raw::File<'a>) -> Option<Edition> {
    let place = Place::file(number);
    for problem in &file.problems {
        let what = || format!("{} can't be read: {}", problem.place, problem.what);
        check.error(place, what, "compile the file again: these bytes are damaged");
    }
    name(check, place, file.name);
    package(check, place, file.package.unwrap_or_default());
    imports(check, place, file);
    let edition = edition(check, place, file);
    if let Some(edition) = edition {
        if !file.option_dependencies.is_empty() && edition != Edition::Edition2024 {
            let mend = "use a plain import, or edition 2024";
            check.error(place, || "`import option` needs edition 2024".to_owned(), mend);
        }
        if !file.weak_dependencies.is_empty() && edition == Edition::Edition2024 {
            let mend = "use a plain import";
            check.error(place, || "edition 2024 has no `import weak`".to_owned(), mend);
        }
        if !edition.is_legacy() {
            file_options(check, place, file);
        }
    }
    lite(check, number, file);
    edition
}

fn name(check: &mut Check<'_, '_>, place: Place, name: Option<&str>) {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        let what = || "a file of the set has no name".to_owned();
        return check.error(place, what, "compile the set again, with a name for each file");
    };
    if name.contains('\0') {
        let what = || "the file's name has a NUL byte in it".to_owned();
        check.error(place, what, "rename the file");
    } else if name.chars().any(char::is_control) {
        let what = || "the file's name has control characters in it".to_owned();
        check.warn(place, what, "rename the file");
    } else if name.starts_with('/')
        || name.contains('\\')
        || name.split('/').any(|part| matches!(part, "" | "." | ".."))
    {
        let what = || "the file's name is no canonical path: imports elsewhere may name it differently".to_owned();
        check.warn(
            place,
            what,
            "name it relative to an import path, with single slashes and without `.` and `..`",
        );
    }
}

fn package(check: &mut Check<'_, '_>, place: Place, package: &str) {
    if package.is_empty() {
        return;
    }
    if package.len() > PACKAGE_BYTES {
        let what = || {
            format!(
                "the package's name has {} bytes, more than {PACKAGE_BYTES}",
                package.len()
            )
        };
        check.error(place, what, "shorten it");
    }
    if package.split('.').count() > PACKAGE_PARTS {
        let what = || format!("the package's name has more than {PACKAGE_PARTS} parts");
        check.error(place, what, "shorten it");
    }
    if !package.split('.').all(names::is_identifier) {
        let what = || format!("the package \"{}\" is no dotted name", Shown(package));
        check.error(place, what, "use identifiers with single dots between them");
    }
}

fn imports(check: &mut Check<'_, '_>, place: Place, file: &raw::File<'_>) {
    let mut seen = HashSet::with_hasher(RandomState::default());
    for name in file.dependencies.iter().chain(&file.option_dependencies) {
        if !seen.insert(name) {
            let what = || format!("it imports \"{}\" twice", Shown(name));
            check.error(place, what, "leave one of the two imports out");
        }
    }
    if file.option_dependencies.iter().any(|name| Some(*name) == file.name) {
        check.error(
            place,
            || "it imports itself for its options".to_owned(),
            "leave the import out",
        );
    }
    for (list, kind) in [(&file.public_dependencies, "public"), (&file.weak_dependencies, "weak")] {
        for index in list {
            if usize::try_from(*index).is_ok_and(|index| index < file.dependencies.len()) {
                continue;
            }
            let what = || {
                format!(
                    "the {kind} import {index} is none of the file's {} imports",
                    file.dependencies.len()
                )
            };
            check.error(place, what, "compile the file again: its descriptor is damaged");
        }
    }
}

fn edition(check: &mut Check<'_, '_>, place: Place, file: &raw::File<'_>) -> Option<Edition> {
    let syntax = file.syntax.unwrap_or_default();
    let mend = "use syntax proto2 or proto3, or edition 2023 or 2024";
    match (syntax, file.edition) {
        ("" | "proto2" | "proto3", None) => {}
        ("" | "proto2" | "proto3", Some(edition)) => {
            let what = || {
                format!(
                    "it has the syntax \"{syntax}\" and the edition {}, which contradict each other",
                    year(edition)
                )
            };
            check.error(place, what, "a file with an edition has the syntax \"editions\"");
            return None;
        }
        ("editions", Some(edition)) if EDITIONS.contains(&edition) => {}
        ("editions", Some(edition)) => {
            check.error(
                place,
                || format!("the edition {} is not known here", year(edition)),
                mend,
            );
        }
        ("editions", None) => check.error(
            place,
            || "it has the syntax \"editions\", but no edition".to_owned(),
            mend,
        ),
        _ => check.error(
            place,
            || format!("the syntax \"{}\" does not exist", Shown(syntax)),
            mend,
        ),
    }
    Edition::of(file)
}

/// How the source of a file says its edition.
fn year(edition: i32) -> String {
    match edition {
        998 => "proto2".to_owned(),
        999 => "proto3".to_owned(),
        1000 => "2023".to_owned(),
        1001 => "2024".to_owned(),
        1002 => "2026".to_owned(),
        other => format!("number {other}"),
    }
}

fn file_options(check: &mut Check<'_, '_>, place: Place, file: &raw::File<'_>) {
    if check.features.file(place.file).presence == FieldPresence::LegacyRequired
        && Own::read(&file.options, tag::FILE).presence.is_some()
    {
        let what = || "fields can't be required by default".to_owned();
        check.error(
            place,
            what,
            "set `features.field_presence = LEGACY_REQUIRED` on the fields that are",
        );
    }
    if is_set(&file.options, 27) {
        let what = || "the option `java_string_check_utf8` does not exist in editions".to_owned();
        check.error(place, what, "use `features.(pb.java).utf8_validation`");
    }
}

/// The last value of an option that is a number, bool or enum.
pub(super) fn option(options: &[u8], tag: u32) -> Option<u64> {
    let values = Fields::new(options)
        .flatten()
        .filter_map(|(number, value)| match value {
            Value::Varint(value) if number == tag => Some(value),
            _ => None,
        });
    values.last()
}

/// Whether an option that is a bool is set: any number but zero is true.
pub(super) fn is_set(options: &[u8], tag: u32) -> bool {
    option(options, tag).is_some_and(|value| value != 0)
}

pub(super) fn is_lite(file: &raw::File<'_>) -> bool {
    option(&file.options, 9) == Some(LITE)
}

fn lite(check: &mut Check<'_, '_>, number: u32, file: &raw::File<'_>) {
    if is_lite(file) {
        return;
    }
    let (linked, files) = (check.linked, check.files);
    let direct = linked
        .imports
        .direct
        .get(number as usize)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let imported = direct.iter().flatten().filter_map(|index| files.get(*index as usize));
    for other in imported.filter(|other| is_lite(other)).take(1) {
        let what = || {
            let name = Shown(other.name.unwrap_or_default());
            format!("it imports \"{name}\", which has `optimize_for = LITE_RUNTIME`, without having that itself")
        };
        check.error(Place::file(number), what, "set the option in both files or in neither");
    }
}

/// Checks the lengths of full names, so that whoever writes them out knows a bound.
pub(super) fn check_name_lengths(check: &mut Check<'_, '_>) {
    let symbols = &check.linked.symbols;
    let mut lengths: Vec<u32> = vec![0; symbols.bound()];
    let mut total = 0u64;
    for (id, symbol) in symbols.iter() {
        // Scopes have smaller ids than what stands in them.
        let scope = symbol.scope.and_then(|scope| lengths.get(scope.index()));
        let scope = scope.map_or(0, |length| length.saturating_add(1));
        let length = u32::try_from(symbol.name(check.files).len())
            .unwrap_or(u32::MAX)
            .saturating_add(scope);
        total += u64::from(length);
        if let Some(slot) = lengths.get_mut(id.index()) {
            *slot = length;
        }
        if length as usize > NAME && symbol.kind != Kind::Package {
            too_long(check, id, symbol.file, length);
        }
    }
    if total > NAMES {
        let what = || format!("the full names of the set have {total} bytes together, more than {NAMES}");
        check.error(
            Place::file(0),
            what,
            "shorten the names of packages and of messages with many elements",
        );
    }
}

fn too_long(check: &mut Check<'_, '_>, id: SymbolId, file: u32, length: u32) {
    let what = || format!("the full name has {length} bytes, more than {NAME}");
    check.error(Place { file, id: Some(id) }, what, "shorten it");
}
