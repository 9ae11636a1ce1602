//! Which raw paths are refused before anything looks at them.
//!
//! Whatever two parties could read differently: RFC 3986, section 6, names the forms. An escaped slash stays what it is
//! until the path is matched, but becomes a slash in the value of a variable, where dots beside it would be segments again.

use memchr::memchr;

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    #[error("the path has a `%` without two hexadecimal digits behind it")]
    Escape,
    #[error("the path has a dot segment, `.` or `..`")]
    DotSegment,
    #[error("the path has a character that no path may have, such as a backslash: it has to be percent-encoded")]
    Character,
    #[error("the path has a NUL character")]
    Nul,
    #[error("the path is not UTF-8 once it is decoded")]
    Utf8,
}

/// Checks a path as it came, without its query.
pub(super) fn check(path: &str) -> Result<(), PathError> {
    let forbidden = |byte: u8| byte <= b' ' || byte >= 0x7f || matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`');
    if path.bytes().any(forbidden) {
        return Err(PathError::Character);
    }
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        // The verb, which may stand behind the last one, is none of the segment.
        let verb = segments.peek().is_none().then(|| segment.rfind(':')).flatten();
        check_segment(segment)?;
        check_segment(verb.and_then(|verb| segment.get(..verb)).unwrap_or_default())?;
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), PathError> {
    if memchr(b'%', segment.as_bytes()).is_none() {
        return if matches!(segment, "." | "..") {
            Err(PathError::DotSegment)
        } else {
            Ok(())
        };
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let value = digit().zip(digit()).map(|(high, low)| high << 4 | low);
            value
                .and_then(|value| u8::try_from(value).ok())
                .ok_or(PathError::Escape)?
        } else {
            byte
        };
        decoded.push(byte);
    }
    let dots = |part: &[u8]| matches!(part, b"." | b"..");
    match &decoded[..] {
        decoded if decoded.split(|byte| *byte == b'/').any(dots) => Err(PathError::DotSegment),
        decoded if memchr(0, decoded).is_some() => Err(PathError::Nul),
        decoded => std::str::from_utf8(decoded).map(drop).map_err(|_| PathError::Utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_one_meaning_passes() {
        for path in [
            "/",
            "/v1/a-b~c/d:e",
            "/v1/a%2Fb/%C3%A9/%25",
            "/v1/a%2F..b%2F...",
            "/v1/...",
            "/v1/.a/a.",
            "//a//",
            "/v1/a+b,c;d=e@f",
            "/v1/%5C",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for (path, error) in [
            ("/v1/../a", PathError::DotSegment),
            ("/v1/.", PathError::DotSegment),
            ("/v1/%2e%2E/a", PathError::DotSegment),
            ("/v1/.%2e", PathError::DotSegment),
            ("/v1/..%2Fa", PathError::DotSegment),
            ("/v1/a%2f%2e%2E%2fb", PathError::DotSegment),
            ("/v1/a%2F.", PathError::DotSegment),
            ("/v1/..:sell", PathError::DotSegment),
            ("/v1/%2e:sell", PathError::DotSegment),
            ("/v1\\a", PathError::Character),
            ("/v1/a b", PathError::Character),
            ("/v1/\u{e9}", PathError::Character),
            ("/v1/%", PathError::Escape),
            ("/v1/%4", PathError::Escape),
            ("/v1/%4/a", PathError::Escape),
            ("/v1/%zz", PathError::Escape),
            ("/v1/%+1", PathError::Escape),
            ("/v1/a%00", PathError::Nul),
            ("/v1/%ff", PathError::Utf8),
            ("/v1/%C3/%A9", PathError::Utf8),
        ] {
            assert_eq!(check(path), Err(error), "{path}");
        }
    }
}
