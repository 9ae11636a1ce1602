//! The one form in which literals are compared: of templates and of paths.
//!
//! RFC 3986, section 6.2.2: an escaped unreserved character equals itself, and the letters of an escape have no case.
//! Whatever else is escaped stays so: `%2F` is no `/`, and `%3A` no `:`.

/// Appends `raw` in its canonical form. Escapes that are none are taken as they stand.
pub(super) fn canonical(raw: &[u8], into: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match escape(byte, after) {
            Some((value, after)) => {
                rest = after;
                if is_unreserved(value) {
                    into.push(value);
                } else {
                    push_escaped(value, into);
                }
            }
            None => into.push(byte),
        }
    }
}

/// The byte that an escape stands for, and what follows.
pub(super) fn escape(byte: u8, after: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = after else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = (digit(*high)? << 4) | digit(*low)?;
    (byte == b'%').then_some((u8::try_from(value).ok()?, rest))
}

/// Appends an escape.
pub(super) fn push_escaped(byte: u8, into: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    into.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
}

/// RFC 3986, section 2.3.
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What may stand in a segment as it is: `pchar` of RFC 3986, section 3.3, without the escapes.
pub(super) fn is_plain(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreserved_characters_equal_their_escapes() {
        for (raw, wanted) in [
            ("books", "books"),
            ("b%6F%6fks", "books"),
            ("a%2fb", "a%2Fb"),
            ("a%3ab:c", "a%3Ab:c"),
            ("%7E%2D", "~-"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
        ] {
            let mut found = Vec::new();
            canonical(raw.as_bytes(), &mut found);
            assert_eq!(String::from_utf8(found).unwrap(), wanted, "{raw}");
        }
    }
}
