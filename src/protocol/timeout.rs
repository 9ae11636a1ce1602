//! How long the client waits.

use std::time::Duration;

/// How many digits of whole seconds there may be.
const LONGEST: i64 = 10;
/// How many digits behind the point a [`Duration`] has.
const NANOS: i64 = 9;

/// Why a value is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Malformed,
    /// A number, but one below zero or beyond all patience.
    OutOfRange,
}

/// `grpc-timeout`: one to eight digits and a unit. gRPC-over-HTTP/2, "Requests".
pub(super) fn grpc(value: &[u8]) -> Result<Duration, Unfit> {
    united(value).ok_or(Unfit::Malformed)
}

fn united(value: &[u8]) -> Option<Duration> {
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
pub(super) fn connect(value: &[u8]) -> Result<Duration, Unfit> {
    count(value, 10).map(Duration::from_millis).ok_or(Unfit::Malformed)
}

/// `x-server-timeout`: seconds as programs print numbers, `2.5` and `1.5e-3`. What is below a nanosecond is rounded up:
/// a short while is not none.
pub(super) fn seconds(value: &[u8]) -> Result<Duration, Unfit> {
    let (negative, value) = match value {
        [b'-', value @ ..] => (true, value),
        value => (false, value),
    };
    let Decimal { digits, point } = decimal(value).ok_or(Unfit::Malformed)?;
    if negative || point > LONGEST {
        return Err(Unfit::OutOfRange);
    }
    // Nineteen digits at most.
    let kept = usize::try_from(point.saturating_add(NANOS)).unwrap_or(0);
    let mut places = digits.iter().copied();
    let nanos = (0..kept).fold(0, |sum, _| sum * 10 + u64::from(places.next().unwrap_or(b'0') - b'0'));
    let more = places.any(|digit| digit != b'0');
    Ok(Duration::from_nanos(nanos + u64::from(more)))
}

/// `0.`, the digits, and ten to the power of `point`.
struct Decimal {
    /// Without zeros in front.
    digits: Vec<u8>,
    point: i64,
}

/// Digits, a fraction or none, an exponent or none.
fn decimal(value: &[u8]) -> Option<Decimal> {
    let mut parts = value.splitn(2, |byte| matches!(byte, b'e' | b'E'));
    let mut mantissa = parts.next()?.splitn(2, |byte| *byte == b'.');
    let exponent = parts.next().map_or(Some(0), exponent)?;
    let whole = mantissa.next()?;
    let fraction = mantissa.next();
    if !is_digits(whole) || fraction.is_some_and(|fraction| !is_digits(fraction)) {
        return None;
    }
    let mut digits = [whole, fraction.unwrap_or_default()].concat();
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    let point = match digits.as_slice() {
        [] => 0,
        _ => exponent
            .saturating_add(i64::try_from(whole.len()).ok()?)
            .saturating_sub(i64::try_from(zeros).ok()?),
    };
    Some(Decimal { digits, point })
}

fn exponent(value: &[u8]) -> Option<i64> {
    let (sign, digits) = match value {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    let add = |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    is_digits(digits).then(|| sign * digits.iter().fold(0, add))
}

fn count(digits: &[u8], most: usize) -> Option<u64> {
    let sound = digits.len() <= most && is_digits(digits);
    sound.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn is_digits(digits: &[u8]) -> bool {
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_apart() {
        assert_eq!(grpc(b"1H"), Ok(Duration::from_secs(3600)));
        assert_eq!(grpc(b"2M"), Ok(Duration::from_secs(120)));
        assert_eq!(grpc(b"99999999S"), Ok(Duration::from_secs(99_999_999)));
        assert_eq!(grpc(b"5m"), Ok(Duration::from_millis(5)));
        assert_eq!(grpc(b"5u"), Ok(Duration::from_micros(5)));
        assert_eq!(grpc(b"0n"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_timeout_is_refused() {
        for malformed in ["", "S", "1", "123456789S", "-1S", "1.5S", "1s", " 1S", "1S ", "0x1S"] {
            assert_eq!(grpc(malformed.as_bytes()), Err(Unfit::Malformed), "{malformed:?}");
        }
    }

    #[test]
    fn seconds_are_any_number() {
        for (value, nanos) in [
            ("0", 0),
            ("0e999999999999999999999", 0),
            ("2.5", 2_500_000_000),
            ("007", 7_000_000_000),
            ("9999999999", 9_999_999_999_000_000_000),
            ("9999999999.9999999999", 10_000_000_000_000_000_000),
            ("00000000000001", 1_000_000_000),
            ("0.000000001", 1),
            ("0.0000000001", 1),
            ("1e-10", 1),
            ("1e-99999999999999999999", 1),
            ("1.0000000000", 1_000_000_000),
            ("1.0000000001", 1_000_000_001),
            ("0.30000000000000004", 300_000_001),
            ("0.49950790405273438", 499_507_905),
            ("0.1234567891", 123_456_790),
            ("1e2", 100_000_000_000),
            ("1E+2", 100_000_000_000),
            ("1.5E-3", 1_500_000),
            ("0.0012e+3", 1_200_000_000),
            ("12345678901e-1", 1_234_567_890_100_000_000),
        ] {
            assert_eq!(seconds(value.as_bytes()), Ok(Duration::from_nanos(nanos)), "{value:?}");
        }
    }

    #[test]
    fn what_is_no_number_of_seconds_is_refused() {
        for malformed in [
            "", "-", "+1", "1s", "1.", ".5", "1.2.3", "1e", "e1", "1e+", "1e1.5", "1e--1", " 1", "inf", "NaN", "0x1",
        ] {
            assert_eq!(seconds(malformed.as_bytes()), Err(Unfit::Malformed), "{malformed:?}");
        }
        for beyond in [
            "-1",
            "-0.5",
            "12345678901",
            "10000000000",
            "1e10",
            "1.7976931348623157e308",
            "1e99999999999999999999",
        ] {
            assert_eq!(seconds(beyond.as_bytes()), Err(Unfit::OutOfRange), "{beyond:?}");
        }
    }

    #[test]
    fn milliseconds_are_digits() {
        assert_eq!(connect(b"0"), Ok(Duration::ZERO));
        assert_eq!(connect(b"9999999999"), Ok(Duration::from_millis(9_999_999_999)));
        for malformed in ["", "10000000000", "-1", "+1", "1.5", " 1", "1m", "0x1"] {
            assert_eq!(connect(malformed.as_bytes()), Err(Unfit::Malformed), "{malformed:?}");
        }
    }
}
