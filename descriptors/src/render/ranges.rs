//! `reserved` and `extensions` statements.

use super::{literal::quote, printer::Printer};
use crate::raw::{self, at};

/// The end of a message's last range: one past the highest field number.
const MESSAGE_END: i32 = 1 << 29;

impl Printer<'_, '_> {
    /// The `reserved` statements of a message.
    pub(super) fn reserved_of_message(&mut self, message: &raw::Message<'_>) {
        let ranges = at(&self.file.reserved_ranges, &message.reserved_ranges);
        let ranges = ranges
            .iter()
            .map(|(start, end)| range(*start, end.saturating_sub(1), MESSAGE_END - 1));
        self.reserved(
            &ranges.collect::<Vec<_>>(),
            at(&self.file.reserved_names, &message.reserved_names),
        );
    }

    /// The `reserved` statements of an enum, whose ranges include their end.
    pub(super) fn reserved_of_enum(&mut self, enumeration: &raw::Enum<'_>) {
        let ranges = at(&self.file.reserved_ranges, &enumeration.reserved_ranges);
        let ranges = ranges.iter().map(|(start, end)| range(*start, *end, i32::MAX));
        self.reserved(
            &ranges.collect::<Vec<_>>(),
            at(&self.file.reserved_names, &enumeration.reserved_names),
        );
    }

    fn reserved(&mut self, ranges: &[String], names: &[&str]) {
        if !ranges.is_empty() {
            self.line(&format!("reserved {};", ranges.join(", ")));
        }
        if names.is_empty() {
            return;
        }
        // Editions took the quotes away.
        let bare = self.file.syntax == Some("editions");
        let name = |name: &&str| {
            if bare {
                (*name).to_owned()
            } else {
                quote(name.as_bytes())
            }
        };
        let names: Vec<_> = names.iter().map(name).collect();
        self.line(&format!("reserved {};", names.join(", ")));
    }

    /// The `extensions` statements of a message; neighbours with the same options share one.
    pub(super) fn extension_ranges(&mut self, message: &raw::Message<'_>, scope: &str) {
        let ranges = at(&self.file.extension_ranges, &message.extension_ranges);
        for group in ranges.chunk_by(|one, next| one.options == next.options) {
            let Some(first) = group.first() else { continue };
            // With message_set_wire_format numbers go up to the end of an int32.
            let last = |range: &raw::ExtensionRange<'_>| match range.end {
                i32::MAX => MESSAGE_END - 1,
                end => end.saturating_sub(1),
            };
            let numbers: Vec<_> = group
                .iter()
                .map(|found| range(found.start, last(found), MESSAGE_END - 1))
                .collect();
            let options = self.options("google.protobuf.ExtensionRangeOptions", &first.options, scope);
            self.unknown_options(&options);
            self.statement(&format!("extensions {}", numbers.join(", ")), &options.settings);
        }
    }
}

/// `5`, `5 to 9` or `5 to max`; both ends are part of it.
fn range(start: i32, last: i32, max: i32) -> String {
    match last {
        last if last == start => start.to_string(),
        last if last == max => format!("{start} to max"),
        last => format!("{start} to {last}"),
    }
}
