//! The JSON name of a field that brings none.

use std::borrow::Cow;

/// The JSON name that compilers derive: underscores go, and what follows one becomes upper case.
/// Source: `json_name` in `descriptor.proto`, and protobuf's JSON mapping.
pub(crate) fn json_name(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return Cow::Borrowed(name);
    }
    let mut json = String::with_capacity(name.len());
    let mut upper = false;
    for character in name.chars() {
        match character {
            '_' => upper = true,
            _ if std::mem::take(&mut upper) => json.push(character.to_ascii_uppercase()),
            _ => json.push(character),
        }
    }
    Cow::Owned(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_follow_the_mapping() {
        for (name, json) in [
            ("foo_bar", "fooBar"),
            ("foo_bar_1", "fooBar1"),
            ("FooBar", "FooBar"),
            ("_foo__Bar_", "FooBar"),
            ("_a__b_", "AB"),
            ("a_1b", "a1b"),
            ("x", "x"),
        ] {
            assert_eq!(json_name(name), json, "{name}");
        }
    }
}
