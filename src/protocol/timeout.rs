//! How long the client waits.

use std::time::Duration;

/// `grpc-timeout`: one to eight digits and a unit. gRPC-over-HTTP/2, "Requests".
pub(super) fn grpc(value: &[u8]) -> Option<Duration> {
    let (&unit, digits) = value.split_last()?;
    let count = count(digits, 8)?;
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

/// `connect-timeout-ms`: one to ten digits, milliseconds. Connect, "Timeout-Milliseconds".
pub(super) fn connect(value: &[u8]) -> Option<Duration> {
    count(value, 10).map(Duration::from_millis)
}

/// `x-server-timeout`: seconds, with a fraction or without.
pub(super) fn seconds(value: &[u8]) -> Option<Duration> {
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let whole = count(parts.next()?, 10)?;
    let nanos = match parts.next() {
        None => 0,
        Some(part) => {
            count(part, 9)?;
            let padded = part.iter().copied().chain(std::iter::repeat(b'0')).take(9);
            padded.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
        }
    };
    Some(Duration::new(whole, nanos))
}

fn count(digits: &[u8], most: usize) -> Option<u64> {
    let sound = !digits.is_empty() && digits.len() <= most && digits.iter().all(u8::is_ascii_digit);
    sound.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_apart() {
        assert_eq!(grpc(b"1H"), Some(Duration::from_secs(3600)));
        assert_eq!(grpc(b"2M"), Some(Duration::from_secs(120)));
        assert_eq!(grpc(b"99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(grpc(b"5m"), Some(Duration::from_millis(5)));
        assert_eq!(grpc(b"5u"), Some(Duration::from_micros(5)));
        assert_eq!(grpc(b"0n"), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_timeout_is_refused() {
        for malformed in ["", "S", "1", "123456789S", "-1S", "1.5S", "1s", " 1S", "1S ", "0x1S"] {
            assert_eq!(grpc(malformed.as_bytes()), None, "{malformed:?}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(seconds(b"0"), Some(Duration::ZERO));
        assert_eq!(seconds(b"2.5"), Some(Duration::from_millis(2500)));
        assert_eq!(seconds(b"0.000000001"), Some(Duration::from_nanos(1)));
        for malformed in ["", "-1", "1s", "1.", ".5", "1.0000000001", "1e3", " 1", "12345678901"] {
            assert_eq!(seconds(malformed.as_bytes()), None, "{malformed:?}");
        }
    }

    #[test]
    fn milliseconds_are_digits() {
        assert_eq!(connect(b"0"), Some(Duration::ZERO));
        assert_eq!(connect(b"9999999999"), Some(Duration::from_millis(9_999_999_999)));
        for malformed in ["", "10000000000", "-1", "+1", "1.5", " 1", "1m", "0x1"] {
            assert_eq!(connect(malformed.as_bytes()), None, "{malformed:?}");
        }
    }
}
