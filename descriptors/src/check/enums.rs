//! Rules about enums and their values.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{Check, Of, Place, file, messages, names, ranges::Ranges};
use crate::{
    features::Edition,
    findings::Shown,
    link::Kind,
    raw::{self, Enum, EnumValue},
};

/// Checks every enum of a file.
pub(super) fn check(check: &mut Check<'_, '_>, of: Of<'_, '_>) {
    for (index, found) in (0u32..).zip(&of.file.enums) {
        let place = check.place(Kind::Enum, of.number, index);
        check.identifier(place, Kind::Enum, found.name);
        let values = raw::at(&of.file.values, &found.values);
        for (index, value) in found.values.clone().zip(values) {
            let place = check.place(Kind::EnumValue, of.number, index);
            check.identifier(place, Kind::EnumValue, value.name);
        }
        let Some(first) = values.first() else {
            check.error(place, || "the enum has no value".to_owned(), "give it one");
            continue;
        };
        if !check.features.is_closed(of.number, index) && first.number.unwrap_or_default() != 0 {
            let place = check.place(Kind::EnumValue, of.number, found.values.start);
            let what = || "it is the first value of an open enum, but not zero".to_owned();
            check.error(place, what, "give the first value the number 0");
        }
        reserved(check, of, place, found);
        if !found.allows_alias() {
            numbers(check, of, found, values);
        }
        generated_names(check, of, found, values);
    }
}

/// Reserved numbers and names: each once, and not used.
fn reserved(check: &mut Check<'_, '_>, of: Of<'_, '_>, place: Place, found: &Enum<'_>) {
    let reserved = raw::at(&of.file.reserved_ranges, &found.reserved_ranges);
    for (start, end) in reserved.iter().filter(|(start, end)| start > end) {
        let what = || format!("its reserved range from {start} to {end} ends before it starts");
        check.error(place, what, "let it end at its start or later");
    }
    let ranges = Ranges::new(reserved.iter().map(|(start, end)| (i64::from(*start), i64::from(*end))));
    for (one, other) in ranges.overlaps() {
        let what = || {
            format!(
                "the reserved ranges {} to {} and {} to {} overlap",
                one.first, one.last, other.first, other.last
            )
        };
        check.error(place, what, "reserve each number once");
    }
    let names = messages::distinct(check, place, raw::at(&of.file.reserved_names, &found.reserved_names));
    if ranges.is_empty() && names.is_none() {
        return;
    }
    for (index, value) in found.values.clone().zip(raw::at(&of.file.values, &found.values)) {
        let place = check.place(Kind::EnumValue, of.number, index);
        let number = value.number.unwrap_or_default();
        if ranges.holding(number.into()).is_some() {
            check.error(
                place,
                || format!("its number {number} is reserved"),
                "give the value another number",
            );
        }
        if names
            .as_ref()
            .is_some_and(|names| value.name.is_some_and(|name| names.contains(name)))
        {
            check.error(place, || "its name is reserved".to_owned(), "rename the value");
        }
    }
}

/// Without `allow_alias`, each value has a number of its own.
fn numbers(check: &mut Check<'_, '_>, of: Of<'_, '_>, found: &Enum<'_>, values: &[EnumValue<'_>]) {
    let number = |value: &EnumValue<'_>| value.number.unwrap_or_default();
    if values
        .windows(2)
        .all(|pair| matches!(pair, [one, other] if number(one) < number(other)))
    {
        return;
    }
    let mut seen: HashMap<i32, &EnumValue<'_>, RandomState> =
        HashMap::with_capacity_and_hasher(values.len(), RandomState::default());
    for (index, value) in found.values.clone().zip(values) {
        let earlier = *seen.entry(number(value)).or_insert(value);
        if !std::ptr::eq(earlier, value) {
            let place = check.place(Kind::EnumValue, of.number, index);
            let what = || {
                format!(
                    "its number {} is also that of \"{}\"",
                    number(value),
                    Shown(earlier.name.unwrap_or_default())
                )
            };
            check.error(
                place,
                what,
                "give it another number, or set `option allow_alias = true`",
            );
        }
    }
}

/// Values must still differ once generators have taken the enum's name off them and changed their case.
fn generated_names(check: &mut Check<'_, '_>, of: Of<'_, '_>, found: &Enum<'_>, values: &[EnumValue<'_>]) {
    let own = found.name.unwrap_or_default();
    let lenient = of.edition == Edition::Proto2 && file::is_set(&found.options, 6);
    let mut seen: HashMap<String, &EnumValue<'_>, RandomState> =
        HashMap::with_capacity_and_hasher(values.len(), RandomState::default());
    for (index, value) in found.values.clone().zip(values) {
        let name = value.name.unwrap_or_default();
        let earlier = *seen.entry(names::pascal_value(own, name)).or_insert(value);
        if earlier.name == value.name || earlier.number.unwrap_or_default() == value.number.unwrap_or_default() {
            continue;
        }
        let place = check.place(Kind::EnumValue, of.number, index);
        let other = Shown(earlier.name.unwrap_or_default());
        let what = || format!("but for case and the enum's name it is called like \"{other}\"");
        let mend = "rename one of the two";
        if lenient {
            check.warn(place, what, mend);
        } else {
            check.error(place, what, mend);
        }
    }
}
