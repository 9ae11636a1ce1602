//! `tracestate`: what each system of tracing has added for itself. W3C Trace Context, section 3.3.

use std::{collections::HashSet, sync::Arc};

/// Members of a list, at most: section 3.3.1.1.
const MOST_MEMBERS: usize = 32;
const LONGEST: usize = 256;

/// Several lists as one, without what is empty; `None`: there is nothing, or something is malformed, and then nobody can say
/// what the rest means. `None` among the values is one that is no text.
pub(super) fn joined<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Option<Arc<str>> {
    let mut state = String::new();
    let mut keys = HashSet::new();
    for value in values {
        for member in value?.split(',').map(|member| member.trim_matches([' ', '\t'])) {
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            let sound = is_key(key) && is_value(value) && keys.len() < MOST_MEMBERS && keys.insert(key);
            if !sound {
                return None;
            }
            if !state.is_empty() {
                state.push(',');
            }
            state.push_str(member);
        }
    }
    (!state.is_empty()).then(|| state.into())
}

/// Section 3.3.1.3.1: a letter or a digit, then up to 255 of them or of `_-*/@`. (Level 1 has one `@` at most, level 2 any.)
fn is_key(key: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let begins = key.bytes().next().is_some_and(letter);
    let legal = |byte: u8| letter(byte) || b"_-*/@".contains(&byte);
    begins && key.len() <= LONGEST && key.bytes().all(legal)
}

/// Section 3.3.1.3.2: up to 256 visible characters or spaces, without `,` and `=`, the last no space.
fn is_value(value: &str) -> bool {
    let legal = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=LONGEST).contains(&value.len()) && value.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(state: &str) -> Option<Arc<str>> {
        joined([Some(state)].into_iter())
    }

    #[test]
    fn members_are_keys_and_values() {
        let long = "z".repeat(256);
        for state in [
            "foo=1,bar=2",
            "a=b c!\"#",
            "0tenant@system=1",
            "foo-_*/bar=2",
            &format!("{long}=1"),
            &format!("a={long}"),
        ] {
            assert_eq!(one(state).as_deref(), Some(state));
        }
        for state in [
            "",
            " , ,",
            "foo",
            "=1",
            "foo=",
            "foo=1=2",
            "Foo=1",
            "foo =1",
            "@foo=1",
            "foo=1,foo=2",
            "foo=1,bar",
            "foo=\u{7f}",
            "foo=ü",
            &format!("{long}z=1"),
            &format!("a={long}z"),
        ] {
            assert_eq!(one(state), None, "{state}");
        }
        assert_eq!(joined([Some("a=1"), None].into_iter()), None);
    }

    #[test]
    fn there_are_32_members_at_most() {
        let list = |count: usize| (0..count).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join(",");
        assert!(one(&list(32)).is_some());
        assert!(one(&list(33)).is_none());
    }
}
