//! Rules about names that need nothing but the name.

use crate::raw::json_name;

/// Whether this is an identifier as protoc takes it in descriptors: ASCII letters, digits and underscores.
/// A digit may come first: only the grammar of `.proto` files forbids that.
pub(super) fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether this is an identifier that a `.proto` file can have, as the default of an enum field must be.
pub(super) fn is_strict_identifier(name: &str) -> bool {
    is_identifier(name) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Whether this is a full name with a leading dot, as extension declarations need it.
pub(super) fn is_dotted(name: &str) -> bool {
    name.strip_prefix('.')
        .is_some_and(|name| name.split('.').all(is_identifier))
}

/// Whether `entry` is the name that a map field called `field` gives its entry type.
pub(super) fn is_entry_name(entry: &str, field: &str) -> bool {
    let json = json_name(field);
    let mut characters = json.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let Some(rest) = first.and_then(|first| entry.strip_prefix(first)) else {
        return entry == "Entry" && json.is_empty();
    };
    rest.strip_suffix("Entry") == Some(characters.as_str())
}

/// What generators make of an enum value's name once the enum's name is taken off its front.
pub(super) fn pascal_value(enumeration: &str, value: &str) -> String {
    let mut pascal = String::with_capacity(value.len());
    let mut upper = true;
    for character in without_prefix(enumeration, value).chars() {
        match character {
            '_' => upper = true,
            _ if upper => {
                pascal.push(character.to_ascii_uppercase());
                upper = false;
            }
            _ => pascal.push(character.to_ascii_lowercase()),
        }
    }
    pascal
}

/// Takes the enum's name off a value's, if it is there, whatever the case and the underscores of either.
fn without_prefix<'v>(enumeration: &str, value: &'v str) -> &'v str {
    let mut rest = value;
    for wanted in enumeration.bytes().filter(|byte| *byte != b'_') {
        rest = rest.trim_start_matches('_');
        match rest.bytes().next() {
            Some(found) if found.eq_ignore_ascii_case(&wanted) => rest = rest.get(1..).unwrap_or_default(),
            _ => return value,
        }
    }
    match rest.trim_start_matches('_') {
        "" => value,
        rest => rest,
    }
}

/// The naming styles of edition 2024 (`features.enforce_naming_style = STYLE2024`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Title,
    LowerSnake,
    UpperSnake,
}

impl Style {
    /// How a name of this style looks.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Title => "TitleCase",
            Self::LowerSnake => "lower_snake_case",
            Self::UpperSnake => "UPPER_SNAKE_CASE",
        }
    }

    /// Whether a name has this style. A package is one name here, dots included.
    pub(super) fn fits(self, name: &str) -> bool {
        let first = name.bytes().next().unwrap_or_default();
        match self {
            Self::Title => first.is_ascii_uppercase() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            Self::LowerSnake => {
                let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
                first.is_ascii_lowercase() && name.bytes().all(fits) && tidy_underscores(name)
            }
            Self::UpperSnake => {
                let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
                first.is_ascii_uppercase() && name.bytes().all(fits) && tidy_underscores(name)
            }
        }
    }
}

/// Each underscore stands before a letter.
fn tidy_underscores(name: &str) -> bool {
    let bytes = name.as_bytes();
    let untidy = |pair: &[u8]| matches!(pair, [b'_', next] if !next.is_ascii_alphabetic());
    !name.ends_with('_') && !bytes.windows(2).any(untidy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_entries_are_named_after_their_field() {
        for (entry, field) in [
            ("FooBarEntry", "foo_bar"),
            ("XEntry", "x"),
            ("ABEntry", "_a_b"),
            ("Foo1Entry", "foo_1"),
        ] {
            assert!(is_entry_name(entry, field), "{entry} {field}");
        }
        for (entry, field) in [
            ("FooEntry", "foo_bar"),
            ("fooEntry", "foo"),
            ("Foo", "foo"),
            ("FooEntryX", "foo"),
        ] {
            assert!(!is_entry_name(entry, field), "{entry} {field}");
        }
    }

    #[test]
    fn enum_prefixes_come_off_whole_or_not_at_all() {
        for (value, pascal) in [
            ("MY_ENUM_FOO", "Foo"),
            ("FOO", "Foo"),
            ("MYENUM_FOO_BAR", "FooBar"),
            ("MY_ENUM", "MyEnum"),
            ("MY_ENUMFOO", "Foo"),
            ("MY_OTHER", "MyOther"),
        ] {
            assert_eq!(pascal_value("MyEnum", value), pascal, "{value}");
        }
    }

    #[test]
    fn styles() {
        assert!(Style::Title.fits("FooBar1"));
        assert!(!Style::Title.fits("foo") && !Style::Title.fits("Foo_Bar"));
        assert!(Style::LowerSnake.fits("foo_bar.v1"));
        assert!(
            !Style::LowerSnake.fits("foo_1") && !Style::LowerSnake.fits("foo_") && !Style::LowerSnake.fits("fooBar")
        );
        assert!(Style::UpperSnake.fits("FOO_BAR2"));
        assert!(!Style::UpperSnake.fits("FOO__BAR") && !Style::UpperSnake.fits("_FOO"));
    }
}
