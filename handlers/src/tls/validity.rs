//! When a certificate is valid, and how that is told.

use std::fmt;

use tokio_rustls::rustls::{
    CertificateError,
    pki_types::{CertificateDer, UnixTime},
};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, which the version has; of version 1 nothing is said.
const VERSION: u8 = 0xa0;
const DAY: i64 = 86_400;

/// Why a certificate is not valid, by its dates alone. The seconds are of UNIX time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outdated {
    /// It was valid until this second.
    Expired(i64),
    /// It will be valid from this second on.
    Early(i64),
}

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Expired(last) => write!(f, "it has expired: it was valid until {}", At(last)),
            Self::Early(first) => write!(f, "it is not valid yet: it will be from {} on", At(first)),
        }
    }
}

/// Why a certificate is not valid at `now`; `None`: it is, or it is of a form that is not known.
pub fn outdated(certificate: &CertificateDer<'_>, now: UnixTime) -> Option<Outdated> {
    let [first, last] = dates(certificate)?;
    let now = i64::try_from(now.as_secs()).ok()?;
    match now {
        _ if now > last => Some(Outdated::Expired(last)),
        _ if now < first => Some(Outdated::Early(first)),
        _ => None,
    }
}

/// The last second in which a certificate is valid, of UNIX time; `None`: it is of a form that is not known.
pub fn valid_until(certificate: &CertificateDer<'_>) -> Option<i64> {
    dates(certificate).map(|[_, last]| last)
}

/// Why a certificate was refused, if that was for its dates; `None`: it was for something else.
pub fn refused_as_outdated(error: &CertificateError) -> Option<String> {
    let seconds = |time: &UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match error {
        CertificateError::ExpiredContext { time, not_after } => Some(format!(
            "{}, and it is {}",
            Outdated::Expired(seconds(not_after)),
            At(seconds(time))
        )),
        CertificateError::NotValidYetContext { time, not_before } => Some(format!(
            "{}, and it is {}",
            Outdated::Early(seconds(not_before)),
            At(seconds(time))
        )),
        _ => None,
    }
}

/// Seconds of UNIX time, as RFC 3339 writes them.
struct At(i64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No year has five digits in a certificate.
        let seconds = self.0.clamp(-62_167_219_200, 253_402_300_799);
        let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, date) = civil(day);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// The first and the last second in which a certificate is valid. RFC 5280, section 4.1.
fn dates(certificate: &[u8]) -> Option<[i64; 2]> {
    let mut signed = Der(Der(certificate).expect(SEQUENCE)?);
    let mut fields = Der(signed.expect(SEQUENCE)?);
    // The serial number comes first, or the version.
    if fields.next()?.0 == VERSION {
        fields.next()?;
    }
    let _algorithm = fields.expect(SEQUENCE)?;
    let _issuer = fields.expect(SEQUENCE)?;
    let mut validity = Der(fields.expect(SEQUENCE)?);
    Some([time(validity.next()?)?, time(validity.next()?)?])
}

/// What is left to be read of DER: X.690, section 8.1.
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    /// The next tag, and its contents.
    fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first.checked_sub(0x80) {
            None => (usize::from(*first), rest),
            Some(count @ 1..=4) => {
                let (bytes, rest) = rest.split_at_checked(usize::from(count))?;
                let length = bytes.iter().fold(0, |length, byte| length << 8 | u32::from(*byte));
                (usize::try_from(length).ok()?, rest)
            }
            Some(_) => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, contents))
    }

    fn expect(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.next()
            .filter(|(found, _)| *found == tag)
            .map(|(_, contents)| contents)
    }
}

/// `YYMMDDHHMMSSZ`, or with four digits of the year. RFC 5280, section 4.1.2.5.
fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
    };
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year), rest)
        }
        _ => return None,
    };
    let pairs: Vec<_> = rest.chunks(2).map(number).collect();
    let [month @ 1..=12, date @ 1..=31, hour, minute, second] = *pairs.as_slice() else {
        return None;
    };
    Some(days(year, month, date) * DAY + hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01, of a date of the Gregorian calendar. Years begin in March here, so that a leap day is their last.
fn days(year: i64, month: i64, date: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day: year, month, day.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (tag, text, seconds, written) in [
            (UTC_TIME, "700101000000Z", 0, "1970-01-01T00:00:00Z"),
            (UTC_TIME, "250131171248Z", 1_738_343_568, "2025-01-31T17:12:48Z"),
            (UTC_TIME, "491231235959Z", 2_524_607_999, "2049-12-31T23:59:59Z"),
            (UTC_TIME, "500301000000Z", -626_054_400, "1950-03-01T00:00:00Z"),
            (GENERALIZED_TIME, "20000229120000Z", 951_825_600, "2000-02-29T12:00:00Z"),
            (
                GENERALIZED_TIME,
                "99991231235959Z",
                253_402_300_799,
                "9999-12-31T23:59:59Z",
            ),
        ] {
            assert_eq!(time((tag, text.as_bytes())), Some(seconds), "{text}");
            assert_eq!(At(seconds).to_string(), written);
        }
        for text in [
            "",
            "Z",
            "2501311712Z",
            "25013117124xZ",
            "251331171248Z",
            "250131171248+0100",
        ] {
            assert_eq!(time((UTC_TIME, text.as_bytes())), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_dates() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 2, 0x30, 0],
        ] {
            assert_eq!(dates(bytes), None, "{bytes:?}");
        }
    }
}
