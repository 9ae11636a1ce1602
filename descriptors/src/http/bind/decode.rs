//! Undoes percent-encoding.
//!
//! Source: RFC 3986, section 2.1; for queries, the form encoding of the URL Standard: `+` is a blank. For variables of
//! several segments, `google/api/http.proto`: "except `%2F` and `%2f` are left unchanged".

use memchr::{memchr, memchr2};

/// What text was encoded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Form {
    /// One segment of a path.
    Segment,
    /// Several segments of a path.
    Segments,
    /// A name or value of a query.
    Query,
}

/// Why text can't be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Undecodable(pub(super) &'static str);

/// The text that `raw` stands for; in `buffer`, unless it stands for itself.
pub(in crate::http) fn decode<'t>(raw: &'t str, form: Form, buffer: &'t mut Vec<u8>) -> Result<&'t str, Undecodable> {
    let encoded = match form {
        Form::Query => memchr2(b'%', b'+', raw.as_bytes()),
        Form::Segment | Form::Segments => memchr(b'%', raw.as_bytes()),
    };
    let text = if encoded.is_some() {
        buffer.clear();
        decode_bytes(raw.as_bytes(), form, buffer)?;
        std::str::from_utf8(buffer).map_err(|_| Undecodable("it is not UTF-8"))?
    } else {
        raw
    };
    match memchr(0, text.as_bytes()) {
        None => Ok(text),
        Some(_) => Err(Undecodable("it has a NUL character")),
    }
}

fn decode_bytes(raw: &[u8], form: Form, out: &mut Vec<u8>) -> Result<(), Undecodable> {
    let mut rest = raw;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' if form == Form::Query => out.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2).ok_or(BAD_ESCAPE)?;
                let byte = byte(digits).ok_or(BAD_ESCAPE)?;
                if byte == b'/' && form == Form::Segments {
                    out.push(b'%');
                    out.extend_from_slice(digits);
                } else {
                    out.push(byte);
                }
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    Ok(())
}

const BAD_ESCAPE: Undecodable = Undecodable("it has a `%` without two hexadecimal digits behind it");

fn byte(digits: &[u8]) -> Option<u8> {
    let value = digits.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | digit)
    });
    u8::try_from(value?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &str, form: Form) -> Result<String, &'static str> {
        let mut buffer = Vec::new();
        let text = decode(raw, form, &mut buffer);
        text.map(str::to_owned).map_err(|error| error.0)
    }

    #[test]
    fn each_form_has_its_rules() {
        assert_eq!(decoded("a+b%2fc%2F%20", Form::Segment).unwrap(), "a+b/c/ ");
        assert_eq!(decoded("a+b/%2fc%2F%25", Form::Segments).unwrap(), "a+b/%2fc%2F%");
        assert_eq!(decoded("a+b%2Bc/%2f", Form::Query).unwrap(), "a b+c//");
        assert_eq!(decoded("%C3%A9\u{e9}", Form::Segment).unwrap(), "\u{e9}\u{e9}");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for raw in ["%", "%4", "%zz", "a%", "%+1", "%-1"] {
            assert_eq!(decoded(raw, Form::Query), Err(BAD_ESCAPE.0), "{raw}");
        }
        assert_eq!(decoded("%ff", Form::Segment), Err("it is not UTF-8"));
        assert_eq!(decoded("a%00", Form::Segments), Err("it has a NUL character"));
    }
}
