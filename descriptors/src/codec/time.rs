//! `Timestamp` and `Duration`: their ranges and their text.
//!
//! Source: comments in `google/protobuf/timestamp.proto` and `duration.proto`; RFC 3339.

use super::{
    decimal,
    page::{Page, Prefix},
    print::{self, Whole},
};

/// 0001-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;
/// About 10,000 years, in either direction.
const LONGEST: i64 = 315_576_000_000;
const NANOS: i32 = 1_000_000_000;
const DAY: i64 = 86_400;

/// Prints a timestamp. `false`: it is out of range.
#[must_use]
pub(super) fn print_timestamp(out: &mut Page, seconds: i64, nanos: i32) -> bool {
    if !(FIRST_SECOND..=LAST_SECOND).contains(&seconds) || !(0..NANOS).contains(&nanos) {
        return false;
    }
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let date = digits(year * 10_000 + month * 100 + day);
    let time = digits(second / 3600 * 10_000 + second / 60 % 60 * 100 + second % 60);
    let ([y0, y1, y2, y3, m0, m1, d0, d1], [_, _, h0, h1, n0, n1, s0, s1]) = (date, time);
    let text = [
        b'"', y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1,
    ];
    out.put(&Prefix::NONE, |room| {
        if let Some(target) = room.first_chunk_mut() {
            *target = text;
        }
        text.len()
    });
    fraction(out, nanos);
    out.extend_from_slice(b"Z\"");
    true
}

/// The eight digits of a number that has so many, with zeros before it.
fn digits(number: i64) -> [u8; 8] {
    decimal::eight(number.unsigned_abs()).to_le_bytes()
}

/// Three, six or nine digits, as many as are needed; nothing if there is no fraction.
fn fraction(out: &mut Page, nanos: i32) {
    if nanos == 0 {
        return;
    }
    let (first, last) = (
        digits(i64::from(nanos / 10)),
        (nanos % 10).unsigned_abs().to_le_bytes()[0],
    );
    let length = match nanos {
        _ if nanos % 1_000_000 == 0 => 4,
        _ if nanos % 1_000 == 0 => 7,
        _ => 10,
    };
    out.put(&Prefix::NONE, |room| {
        let [point, digits @ ..] = room;
        *point = b'.';
        if let Some(target) = digits.first_chunk_mut() {
            *target = first;
        }
        if let Some(target) = digits.get_mut(first.len()) {
            *target = b'0' + last;
        }
        length
    });
}

/// Prints a duration. `false`: it is out of range, or its parts have different signs.
#[must_use]
pub(super) fn print_duration(out: &mut Page, seconds: i64, nanos: i32) -> bool {
    if !is_duration(seconds, nanos) {
        return false;
    }
    out.push(b'"');
    let number = Whole {
        magnitude: seconds.unsigned_abs(),
        negative: seconds < 0 || nanos < 0,
        quoted: false,
    };
    print::whole(out, &Prefix::NONE, number);
    fraction(out, nanos.abs());
    out.extend_from_slice(b"s\"");
    true
}

fn is_duration(seconds: i64, nanos: i32) -> bool {
    (-LONGEST..=LONGEST).contains(&seconds)
        && (-NANOS < nanos && nanos < NANOS)
        && !(seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0)
}

/// Reads a timestamp as RFC 3339 has it, with `T` and `Z` in capitals.
pub(super) fn parse_timestamp(text: &[u8]) -> Option<(i64, i32)> {
    let mut rest = text;
    let year = number(&mut rest, 4)?;
    let month = after(&mut rest, b'-').and_then(|()| number(&mut rest, 2))?;
    let day = after(&mut rest, b'-').and_then(|()| number(&mut rest, 2))?;
    let hour = after(&mut rest, b'T').and_then(|()| number(&mut rest, 2))?;
    let minute = after(&mut rest, b':').and_then(|()| number(&mut rest, 2))?;
    let second = after(&mut rest, b':').and_then(|()| number(&mut rest, 2))?;
    let nanos = parse_fraction(&mut rest)?;
    let legal = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !legal || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset(rest)?;
    let legal = (FIRST_SECOND..=LAST_SECOND).contains(&seconds);
    legal.then_some((seconds, nanos))
}

/// `Z`, or `+hh:mm`, in seconds.
fn offset(mut rest: &[u8]) -> Option<i64> {
    let (sign, after_sign) = rest.split_first()?;
    let factor = match sign {
        b'Z' => return after_sign.is_empty().then_some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    rest = after_sign;
    let hours = number(&mut rest, 2)?;
    let minutes = after(&mut rest, b':').and_then(|()| number(&mut rest, 2))?;
    let legal = rest.is_empty() && hours < 24 && minutes < 60;
    legal.then_some(factor * (hours * 3600 + minutes * 60))
}

/// Reads a duration: `-1.5s`.
pub(super) fn parse_duration(text: &[u8]) -> Option<(i64, i32)> {
    let rest = text.strip_suffix(b"s")?;
    let (negative, mut rest) = match rest.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let width = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=12).contains(&width) {
        return None;
    }
    let seconds = number(&mut rest, width)?;
    let nanos = parse_fraction(&mut rest)?;
    let found = if negative { (-seconds, -nanos) } else { (seconds, nanos) };
    (rest.is_empty() && is_duration(found.0, found.1)).then_some(found)
}

fn after(rest: &mut &[u8], byte: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

fn number(rest: &mut &[u8], width: usize) -> Option<i64> {
    let (taken, after) = rest.split_at_checked(width)?;
    *rest = after;
    taken.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
    })
}

/// Up to nine digits behind a point; none is zero.
fn parse_fraction(rest: &mut &[u8]) -> Option<i32> {
    if after(rest, b'.').is_none() {
        return Some(0);
    }
    let width = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&width) {
        return None;
    }
    let mut nanos = number(rest, width)?;
    for _ in width..9 {
        nanos *= 10;
    }
    i32::try_from(nanos).ok()
}

/// Days since 1970-01-01 to year, month and day.
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The other way round: `days_from_civil` of the same source.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timestamp(seconds: i64, nanos: i32) -> Option<String> {
        let mut out = Page::default();
        print_timestamp(&mut out, seconds, nanos).then(|| String::from_utf8(out.text().to_vec()).unwrap())
    }

    #[test]
    fn timestamps_go_both_ways() {
        let cases = [
            (0, 0, "1970-01-01T00:00:00Z"),
            (FIRST_SECOND, 0, "0001-01-01T00:00:00Z"),
            (LAST_SECOND, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
            (951_782_400, 10_000, "2000-02-29T00:00:00.000010Z"),
            (-1, 500_000_000, "1969-12-31T23:59:59.500Z"),
        ];
        for (seconds, nanos, text) in cases {
            assert_eq!(timestamp(seconds, nanos), Some(format!("\"{text}\"")));
            assert_eq!(parse_timestamp(text.as_bytes()), Some((seconds, nanos)), "{text}");
        }
        assert_eq!(timestamp(LAST_SECOND + 1, 0), None);
        assert_eq!(timestamp(0, -1), None);
    }

    #[test]
    fn odd_timestamps_are_refused() {
        assert_eq!(parse_timestamp(b"1970-01-01T01:00:00+01:00"), Some((0, 0)));
        let wrong = [
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "1970-01-01T00:00:00+1:00",
        ];
        for text in wrong {
            assert_eq!(parse_timestamp(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn durations_go_both_ways() {
        for (seconds, nanos, text) in [
            (1, 500_000_000, "1.500s"),
            (0, -1, "-0.000000001s"),
            (-LONGEST, 0, "-315576000000s"),
        ] {
            let mut out = Page::default();
            assert!(print_duration(&mut out, seconds, nanos));
            assert_eq!(out.text(), format!("\"{text}\"").as_bytes());
            assert_eq!(parse_duration(text.as_bytes()), Some((seconds, nanos)));
        }
        for text in [
            "1",
            "s",
            "-s",
            "1.s",
            ".5s",
            "315576000001s",
            "1.0000000001s",
            "+1s",
            "1 s",
        ] {
            assert_eq!(parse_duration(text.as_bytes()), None, "{text}");
        }
    }
}
