//! Whether the text of a default value is one of its field's type.

/// Whether `text` is a whole number from `min` to `max`: decimal, or with `0x` or `0` in front hexadecimal or octal.
fn is_whole(text: &str, min: i128, max: i128) -> bool {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    // `from_str_radix` takes a sign, which would be a second one here.
    if digits.starts_with(['+', '-']) {
        return false;
    }
    let value = i128::from_str_radix(digits, radix).map(|value| if negative { -value } else { value });
    value.is_ok_and(|value| (min..=max).contains(&value))
}

/// Whether a scalar field of this `FieldDescriptorProto.Type` can have this default.
pub(super) fn is_default(kind: i32, text: &str) -> bool {
    match kind {
        1 | 2 => text.parse::<f64>().is_ok(),
        3 | 16 | 18 => is_whole(text, i64::MIN.into(), i64::MAX.into()),
        4 | 6 => is_whole(text, 0, u64::MAX.into()),
        5 | 15 | 17 => is_whole(text, i32::MIN.into(), i32::MAX.into()),
        7 | 13 => is_whole(text, 0, u32::MAX.into()),
        8 => matches!(text, "true" | "false"),
        12 => is_escaped(text.as_bytes()),
        _ => true,
    }
}

/// Whether every escape in a bytes default is one of C's.
fn is_escaped(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let after = rest.get(at + 1..).unwrap_or_default();
        match escape(after) {
            Some(length) => rest = after.get(length..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// The length of the escape that `text` starts with, its backslash aside.
fn escape(text: &[u8]) -> Option<usize> {
    let (first, rest) = text.split_first()?;
    let hex = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    match first {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\' | b'?' | b'\'' | b'"' => Some(1),
        b'0'..=b'7' => octal(text),
        b'x' | b'X' => {
            let value = rest.get(..hex)?;
            let significant = value.iter().skip_while(|byte| **byte == b'0').count();
            (hex > 0 && significant <= 2).then_some(1 + hex)
        }
        b'u' => (hex >= 4).then_some(5),
        // Code points end at 10FFFF.
        b'U' => (hex >= 8 && rest.starts_with(b"00") && rest.get(2..4)? <= b"10".as_slice()).then_some(9),
        _ => None,
    }
}

/// Up to three octal digits; a byte's value ends at 377.
fn octal(text: &[u8]) -> Option<usize> {
    let length = text
        .iter()
        .take(3)
        .take_while(|byte| (b'0'..=b'7').contains(byte))
        .count();
    (length < 3 || text.first()? <= &b'3').then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fit_their_type_or_not() {
        for (kind, good, bad) in [
            (
                1,
                &["1", "-1.5e10", "inf", "-inf", "nan", ".5"][..],
                &["", "x", "1x", "1 "][..],
            ),
            (
                3,
                &["0", "-9223372036854775808", "0x10", "010"],
                &["", "-", "9223372036854775808", "08", "0x", "--1"],
            ),
            (4, &["18446744073709551615"], &["-1", "18446744073709551616"]),
            (5, &["2147483647", "-2147483648"], &["2147483648", "1.0", " 1", "+-1"]),
            (13, &["4294967295"], &["4294967296"]),
            (8, &["true", "false"], &["1", "True", ""]),
            (
                12,
                &["", "a\\000\\xfF\\n\\\"\\101\\u00e9"],
                &["\\", "\\8", "\\x", "\\400", "\\xfff", "\\u12"],
            ),
            (9, &["anything \\"], &[]),
        ] {
            for text in good {
                assert!(is_default(kind, text), "{kind} {text:?}");
            }
            for text in bad {
                assert!(!is_default(kind, text), "{kind} {text:?}");
            }
        }
    }
}
