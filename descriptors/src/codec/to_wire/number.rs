//! Numbers as ProtoJSON has them: bare or in quotes, whole numbers also with a point or an exponent.

use super::reader::number_length;

/// A whole number that is written as one, to the end of the text: `-12`.
#[inline]
pub(super) fn whole(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, text),
    };
    if digits.len() > 19 || digits.is_empty() {
        return any_whole(text);
    }
    let mut number = 0u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return any_whole(text);
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    if digits.len() > 1 && digits.first() == Some(&b'0') {
        return None;
    }
    let number = i128::from(number);
    Some(if negative { -number } else { number })
}

/// Also `1e3`, `2.50e1`, `7.0`: exactly, without a detour over floats.
fn any_whole(text: &[u8]) -> Option<i128> {
    if number_length(text) != Some(text.len()) {
        return None;
    }
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let end = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = text.split_at(end.unwrap_or(text.len()));
    let mut power = exponent_of(exponent)?;
    let point = mantissa.iter().position(|byte| *byte == b'.');
    if let Some(point) = point {
        power = power.checked_sub(i64::try_from(mantissa.len() - point - 1).ok()?)?;
    }
    let mut number = 0i128;
    let mut zeros = 0;
    for digit in mantissa.iter().filter(|byte| **byte != b'.') {
        if *digit == b'0' {
            zeros += 1;
            continue;
        }
        if number != 0 {
            number = number.checked_mul(tenfold(zeros)?)?;
        }
        number = number.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        zeros = 0;
    }
    power = power.checked_add(zeros)?;
    if number == 0 {
        return Some(0);
    }
    let number = number.checked_mul(tenfold(power)?)?;
    Some(if negative { -number } else { number })
}

/// The exponent with its `e`; one that is far out of range as the last that can be told.
fn exponent_of(text: &[u8]) -> Option<i64> {
    let Some((_, text)) = text.split_first() else {
        return Some(0);
    };
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let mut number = 0i64;
    for digit in digits {
        number = (number * 10 + i64::from(digit.checked_sub(b'0')?)).min(1 << 40);
    }
    Some(if negative { -number } else { number })
}

/// Ten to that power, if it may be in a 64-bit integer.
fn tenfold(power: i64) -> Option<i128> {
    let power = u32::try_from(power).ok().filter(|power| *power < 25)?;
    10i128.checked_pow(power)
}

/// A double: digits as JSON has them, or one of the three words that it lacks.
pub(super) fn double(text: &[u8], quoted: bool) -> Option<f64> {
    if let Some(special) = special(text, quoted) {
        return Some(special);
    }
    let number: f64 = digits(text)?.parse().ok()?;
    number.is_finite().then_some(number)
}

pub(super) fn float(text: &[u8], quoted: bool) -> Option<f32> {
    if let Some(special) = special(text, quoted) {
        return Some(if special.is_nan() {
            f32::NAN
        } else {
            f32::INFINITY.copysign(if special > 0.0 { 1.0 } else { -1.0 })
        });
    }
    let number: f32 = digits(text)?.parse().ok()?;
    number.is_finite().then_some(number)
}

fn special(text: &[u8], quoted: bool) -> Option<f64> {
    match text {
        b"NaN" if quoted => Some(f64::NAN),
        b"Infinity" if quoted => Some(f64::INFINITY),
        b"-Infinity" if quoted => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<&str> {
    let whole = number_length(text) == Some(text.len());
    std::str::from_utf8(text).ok().filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_in_any_form() {
        let cases: [(&[u8], Option<i128>); 15] = [
            (b"0", Some(0)),
            (b"-0", Some(0)),
            (b"18446744073709551615", Some(18_446_744_073_709_551_615)),
            (b"-9223372036854775808", Some(-9_223_372_036_854_775_808)),
            (b"2.147483647e9", Some(2_147_483_647)),
            (b"100000.000", Some(100_000)),
            (b"1e5", Some(100_000)),
            (b"10000e-4", Some(1)),
            (b"0e999999999999999999999", Some(0)),
            (b"1e-1", None),
            (b"0.5", None),
            (b"1e999999999999999999999", None),
            (b"01", None),
            (b"1.", None),
            (b"", None),
        ];
        for (text, number) in cases {
            assert_eq!(whole(text), number, "{}", String::from_utf8_lossy(text));
        }
    }
}
