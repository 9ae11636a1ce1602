//! The naming style of edition 2024.
//!
//! The option that turns it off, `features.enforce_naming_style`, is stripped by compilers, so a set cannot show whether
//! it was on: names in another style are warnings.

use super::{Check, Of, Place, names::Style};
use crate::{features::Edition, findings::Shown, link::Kind};

/// Warns of names in another style; at most one finding for each file and kind.
pub(super) fn check(check: &mut Check<'_, '_>, of: Of<'_, '_>) {
    if of.edition != Edition::Edition2024 || !check.features.file(of.number).enforce_style {
        return;
    }
    let (file, number) = (of.file, of.number);
    let package = file.package.unwrap_or_default();
    if !package.is_empty() && !Style::LowerSnake.fits(package) {
        let what = || {
            format!(
                "the package \"{}\" is not in lower_snake_case, the style of edition 2024",
                Shown(package)
            )
        };
        check.warn(Place::file(number), what, MEND);
    }
    let arenas: [(Kind, Style, &mut dyn Iterator<Item = Option<&str>>); 7] = [
        (
            Kind::Message,
            Style::Title,
            &mut file
                .messages
                .iter()
                .filter(|found| !found.is_map_entry())
                .map(|found| found.name),
        ),
        (Kind::Enum, Style::Title, &mut file.enums.iter().map(|found| found.name)),
        (
            Kind::Service,
            Style::Title,
            &mut file.services.iter().map(|found| found.name),
        ),
        (
            Kind::Method,
            Style::Title,
            &mut file.methods.iter().map(|found| found.name),
        ),
        (
            Kind::Oneof,
            Style::LowerSnake,
            &mut file.oneofs.iter().map(|found| found.name),
        ),
        (
            Kind::Field,
            Style::LowerSnake,
            &mut file.fields.iter().map(|found| found.name),
        ),
        (
            Kind::EnumValue,
            Style::UpperSnake,
            &mut file.values.iter().map(|found| found.name),
        ),
    ];
    for (kind, style, names) in arenas {
        warn(check, of, kind, style, names);
    }
}

const MEND: &str = "rename it, or set `features.enforce_naming_style = STYLE_LEGACY` and leave it";

fn warn(
    check: &mut Check<'_, '_>,
    of: Of<'_, '_>,
    kind: Kind,
    style: Style,
    names: &mut dyn Iterator<Item = Option<&str>>,
) {
    let mut odd = (0u32..)
        .zip(names)
        .filter(|(_, name)| name.is_some_and(|name| !style.fits(name)));
    let Some((first, name)) = odd.next() else { return };
    let name = name.unwrap_or_default();
    let more = odd.count();
    let what = || {
        let rest = if more == 0 {
            String::new()
        } else {
            format!(" (and {more} more of its kind)")
        };
        format!(
            "the name \"{}\"{rest} is not in {}, the style of edition 2024",
            Shown(name),
            style.text()
        )
    };
    let place = check.place(kind, of.number, first);
    check.warn(place, what, MEND);
}
