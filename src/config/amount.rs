//! Times and sizes.

use std::time::Duration;

use super::{
    scalar::{Max, OFF, is_digits, is_nothing, scalar, whole},
    setting::{From, FromScalar, Unfit},
    shape::{Form, Scalar},
};

/// Units as humantime takes them.
macro_rules! time_pattern {
    ($before:literal) => {
        concat!(
            $before,
            r"([0-9]+(\.[0-9]+)? *(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|",
            "hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y) *)+)$"
        )
    };
}

/// Digits of 1024 or more.
macro_rules! from_1024 {
    () => {
        "([1-9][0-9]{4,}|[2-9][0-9]{3}|1[1-9][0-9]{2}|10[3-9][0-9]|102[4-9])"
    };
}

/// What a size fits that is not zero.
const SIZE_PATTERN: &str = "^(?=.*[1-9])[0-9]+ *(B|KiB|MiB|GiB)?$";
const SIZE_OR_ZERO_PATTERN: &str = "^[0-9]+ *(B|KiB|MiB|GiB)?$";
/// One of 1 KiB or more.
const SIZE_FROM_KIB_PATTERN: &str = concat!("^0*([1-9][0-9]* *(KiB|MiB|GiB)|", from_1024!(), " *B?)$");
/// One of 1 MiB or more, or nothing.
const MEMORY_PATTERN: &str = concat!(
    "^(0+ *(B|KiB|MiB|GiB)?|0*([1-9][0-9]* *(MiB|GiB)|",
    from_1024!(),
    r" *KiB|([1-9][0-9]{7,}|[2-9][0-9]{6}|1[1-9][0-9]{5}|10[5-9][0-9]{4}|1049[0-9]{3}|1048[6-9][0-9]{2}|",
    r"10485[89][0-9]|104857[6-9]) *B?))$"
);

/// A size in bytes, of no fewer than `LEAST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size<const LEAST: u64>(pub u64);

/// How much may be held in memory, in bytes: 0, or enough for some connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(pub u64);

/// A time above 0: for what cannot be done in no time at all. Where 0 has a meaning a setting is a [`Duration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A time above 0, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOrOff(pub Option<Duration>);

impl Memory {
    pub(super) fn whole<T: TryFrom<u64> + Max>(self) -> T {
        whole(self.0)
    }
}

impl<const LEAST: u64> Size<LEAST> {
    pub(super) fn whole<T: TryFrom<u64> + Max>(self) -> T {
        whole(self.0)
    }
}

impl FromScalar for Duration {
    fn scalar() -> Scalar {
        // Nothing has no unit.
        scalar(
            "a time such as 30s, 500ms or 2m",
            Form::ZeroOrText(time_pattern!("^(0|")),
        )
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        humantime::parse_duration(text).map_err(|_| match text {
            text if is_digits(text) => {
                Unfit::Mended(format!("say the unit: `{text}s` are seconds, `{text}ms` thousandths"))
            }
            _ => Unfit::Other,
        })
    }
}

impl FromScalar for Time {
    fn scalar() -> Scalar {
        scalar(
            "a time above 0 such as 30s, 500ms or 2m",
            Form::Text(Some(time_pattern!("^(?=.*[1-9])("))),
        )
    }

    fn from_scalar(text: &str, from: From<'_>) -> Result<Self, Unfit> {
        match Duration::from_scalar(text, from)? {
            time if time.is_zero() => Err(Unfit::Mended("in no time nothing can be done: allow some".to_owned())),
            time => Ok(Self(time)),
        }
    }
}

impl FromScalar for TimeOrOff {
    fn scalar() -> Scalar {
        scalar(
            "a time above 0 such as 5m, or `off`",
            Form::Text(Some(time_pattern!("^(off|(?=.*[1-9])"))),
        )
    }

    fn from_scalar(text: &str, from: From<'_>) -> Result<Self, Unfit> {
        if text == OFF {
            return Ok(Self(None));
        }
        match Time::from_scalar(text, from) {
            Ok(time) => Ok(Self(Some(time.0))),
            Err(_) if humantime::parse_duration(text).is_ok() || is_nothing(text) => {
                Err(Unfit::Mended("`off` turns it off".to_owned()))
            }
            Err(unfit) => Err(unfit),
        }
    }
}

impl<const LEAST: u64> FromScalar for Size<LEAST> {
    fn scalar() -> Scalar {
        let (least, pattern) = match LEAST {
            0 => (String::new(), SIZE_OR_ZERO_PATTERN),
            1 => (" above 0".to_owned(), SIZE_PATTERN),
            1024 => (" from 1KiB on".to_owned(), SIZE_FROM_KIB_PATTERN),
            _ => (format!(" from {} on", Self(LEAST).shown()), SIZE_PATTERN),
        };
        scalar(
            format!("a size{least} such as 64KiB or 4MiB, or a number of bytes"),
            Form::NumberOrText {
                least: LEAST,
                or_zero: false,
                pattern,
            },
        )
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        let digits = text.len()
            - text
                .trim_start_matches(|character: char| character.is_ascii_digit())
                .len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| Unfit::Other)?;
        let shift = match unit.trim_start_matches(' ') {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            other => return Err(nearly(number, other)),
        };
        let bytes = number.checked_mul(1 << shift).map(Self).ok_or(Unfit::Other)?;
        if bytes.0 < LEAST { Err(Unfit::Other) } else { Ok(bytes) }
    }
}

/// In less no connection has room for its calls.
const LEAST_MEMORY: u64 = 1 << 20;

impl FromScalar for Memory {
    fn scalar() -> Scalar {
        scalar(
            "a size from 1MiB on such as 512MiB or 4GiB, or 0",
            Form::NumberOrText {
                least: LEAST_MEMORY,
                or_zero: true,
                pattern: MEMORY_PATTERN,
            },
        )
    }

    fn from_scalar(text: &str, from: From<'_>) -> Result<Self, Unfit> {
        match Size::<0>::from_scalar(text, from)?.0 {
            few @ 1..LEAST_MEMORY => Err(nearly(few, "GiB")),
            bytes => Ok(Self(bytes)),
        }
    }
}

/// What was meant by a unit of another spelling.
fn nearly(number: u64, unit: &str) -> Unfit {
    let unit = match unit.to_ascii_lowercase().as_str() {
        "k" | "kb" | "ki" | "kib" => "KiB",
        "m" | "mb" | "mi" | "mib" => "MiB",
        "g" | "gb" | "gi" | "gib" => "GiB",
        _ => return Unfit::Other,
    };
    Unfit::Mended(format!("did you mean `{number}{unit}`?"))
}

impl<const LEAST: u64> Size<LEAST> {
    /// In the largest unit of which it is a whole number.
    fn shown(self) -> String {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let unit = units.into_iter().find(|(shift, _)| self.0.trailing_zeros() >= *shift);
        match unit.filter(|_| self.0 > 0) {
            Some((shift, unit)) => format!("{}{unit}", self.0 >> shift),
            None => self.0.to_string(),
        }
    }
}
