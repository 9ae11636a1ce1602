//! `grpc-timeout`: how long the client waits. gRPC-over-HTTP/2, "Requests".

use std::time::Duration;

/// Why a timeout is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TimeoutError {
    #[error("grpc-timeout is not one to eight digits and a unit of H, M, S, m, u or n")]
    Malformed,
    #[error("the request has more than one grpc-timeout")]
    Twice,
}

/// Reads a timeout; `before` is the one that the request has given already.
pub(super) fn parse(value: &[u8], before: Option<Duration>) -> Result<Duration, TimeoutError> {
    match before {
        Some(_) => Err(TimeoutError::Twice),
        None => read(value).ok_or(TimeoutError::Malformed),
    }
}

fn read(value: &[u8]) -> Option<Duration> {
    let (&unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_apart() {
        assert_eq!(read(b"1H"), Some(Duration::from_secs(3600)));
        assert_eq!(read(b"2M"), Some(Duration::from_secs(120)));
        assert_eq!(read(b"99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(read(b"5m"), Some(Duration::from_millis(5)));
        assert_eq!(read(b"5u"), Some(Duration::from_micros(5)));
        assert_eq!(read(b"0n"), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_timeout_is_refused() {
        for malformed in ["", "S", "1", "123456789S", "-1S", "1.5S", "1s", " 1S", "1S ", "0x1S"] {
            assert_eq!(read(malformed.as_bytes()), None, "{malformed:?}");
        }
    }
}
