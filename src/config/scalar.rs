//! The scalars that settings are made of.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    node::Node,
    setting::{From, FromScalar, Reader, Setting, Unfit},
    shape::{Form, Scalar, Shape},
};

/// Units as humantime takes them.
macro_rules! time_pattern {
    ($more:literal) => {
        concat!(
            "^(",
            $more,
            "0|([0-9]+ *(nsec|ns|usec|us|msec|ms|seconds|second|sec|s|minutes|minute|min|m|hours|hour|hr|h|",
            "days|day|d|weeks|week|wk|w|months|month|M|years|year|yr|y) *)+)$"
        )
    };
}

const SIZE_PATTERN: &str = "^[0-9]+ *(B|KiB|MiB|GiB)?$";

/// What is written in the place of a value to have none.
const OFF: &str = "off";

/// A size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A time, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOrOff(pub Option<Duration>);

/// A whole number within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<const LEAST: u64, const MOST: u64>(pub u64);

/// An IP address and a port, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminAddress(pub Option<SocketAddr>);

/// Where to listen: a host, which may be left out, and a port, or `unix:` and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress(pub String);

/// What methods a route answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub String);

/// A key that is known, and cannot be used yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable;

/// A number as a type that may hold less of it: what is larger than anything is as large as can be.
fn whole<T: TryFrom<u64> + Max>(number: u64) -> T {
    T::try_from(number).unwrap_or(T::MAX)
}

/// Types with a largest value.
pub(super) trait Max {
    const MAX: Self;
}

impl Max for u8 {
    const MAX: Self = Self::MAX;
}

impl Max for u32 {
    const MAX: Self = Self::MAX;
}

impl Max for usize {
    const MAX: Self = Self::MAX;
}

impl Size {
    pub(super) fn whole<T: TryFrom<u64> + Max>(self) -> T {
        whole(self.0)
    }
}

impl<const LEAST: u64, const MOST: u64> Number<LEAST, MOST> {
    pub(super) fn whole<T: TryFrom<u64> + Max>(self) -> T {
        whole(self.0)
    }
}

fn scalar(due: impl Into<String>, form: Form) -> Scalar {
    Scalar {
        due: due.into(),
        form,
        private: false,
    }
}

impl FromScalar for bool {
    fn scalar() -> Scalar {
        scalar("true or false", Form::Bool)
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        text.parse().map_err(|_| Unfit::Other)
    }
}

impl FromScalar for String {
    fn scalar() -> Scalar {
        Scalar {
            private: true,
            ..scalar("a text", Form::Text(None))
        }
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        Ok(text.to_owned())
    }
}

impl FromScalar for PathBuf {
    fn scalar() -> Scalar {
        Scalar {
            private: true,
            ..scalar("a path", Form::Text(Some("^[^\\u0000]+$")))
        }
    }

    fn from_scalar(text: &str, from: From<'_>) -> Result<Self, Unfit> {
        if text.is_empty() || text.contains('\0') {
            return Err(Unfit::Other);
        }
        Ok(from.path(text))
    }
}

impl FromScalar for Duration {
    fn scalar() -> Scalar {
        scalar("a time such as 30s, 500ms or 2m", Form::Text(Some(time_pattern!(""))))
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        humantime::parse_duration(text).map_err(|_| Unfit::Other)
    }
}

impl FromScalar for TimeOrOff {
    fn scalar() -> Scalar {
        scalar("a time such as 5m, or `off`", Form::Text(Some(time_pattern!("off|"))))
    }

    fn from_scalar(text: &str, from: From<'_>) -> Result<Self, Unfit> {
        match text {
            OFF => Ok(Self(None)),
            text => Duration::from_scalar(text, from).map(|time| Self(Some(time))),
        }
    }
}

impl FromScalar for Size {
    fn scalar() -> Scalar {
        scalar(
            "a size such as 64KiB or 4MiB, or a number of bytes",
            Form::NumberOrText(SIZE_PATTERN),
        )
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        let digits = text.len()
            - text
                .trim_start_matches(|character: char| character.is_ascii_digit())
                .len();
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim_start_matches(' ') {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err(Unfit::Other),
        };
        let number: u64 = number.parse().map_err(|_| Unfit::Other)?;
        number.checked_mul(1 << shift).map(Self).ok_or(Unfit::Other)
    }
}

impl<const LEAST: u64, const MOST: u64> FromScalar for Number<LEAST, MOST> {
    fn scalar() -> Scalar {
        let due = match MOST {
            u64::MAX => format!("a whole number from {LEAST} on"),
            _ => format!("a whole number from {LEAST} to {MOST}"),
        };
        scalar(
            due,
            Form::Number {
                least: LEAST,
                most: MOST,
            },
        )
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text
            .parse()
            .ok()
            .filter(|number| is_number && (LEAST..=MOST).contains(number));
        number.map(Self).ok_or(Unfit::Other)
    }
}

impl FromScalar for AdminAddress {
    fn scalar() -> Scalar {
        scalar(
            "an IP address and a port such as 127.0.0.1:9901 or [::1]:9901, or `off`",
            Form::Text(Some("^(off|.+:[0-9]+)$")),
        )
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        match text {
            OFF => Ok(Self(None)),
            text => text
                .parse()
                .map(|address| Self(Some(address)))
                .map_err(|_| Unfit::Other),
        }
    }
}

impl FromScalar for ListenAddress {
    fn scalar() -> Scalar {
        scalar(
            "a host and a port such as [::]:50051, 127.0.0.1:8080, localhost:0 or :50051, or a Unix socket such as \
             unix:/run/descant.sock",
            Form::Text(Some("^(unix:.+|.*:[0-9]+)$")),
        )
    }

    fn from_scalar(text: &str, from: From<'_>) -> Result<Self, Unfit> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            // `unix:///run/descant.sock` is an absolute path, as a URL has it.
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self(format!("unix:{}", from.path(path).display())));
        }
        match text.rsplit_once(':').map(|(_, port)| port.parse::<u16>()) {
            Some(Ok(_)) => Ok(Self(text.to_owned())),
            _ => Err(Unfit::Other),
        }
    }
}

impl FromScalar for Pattern {
    fn scalar() -> Scalar {
        scalar(
            "a pattern: `pkg.Service/Method`, `pkg.Service`, `pkg.*` or `*`",
            Form::Text(Some(r"^(\*|/?[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\.\*|/[A-Za-z0-9_.]+)?)$")),
        )
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        match text.parse::<crate::gateway::Pattern>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(Unfit::Other),
        }
    }
}

impl Setting for Unavailable {
    fn shape() -> Shape {
        Shape::Unavailable
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let what = format!("`{}` is not there yet", reader.key);
        reader.faults.add(node.origin, what, "leave it out");
        None
    }
}

/// An enum whose variants are words.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        $name:ident { $($(#[doc = $about:literal])+ $variant:ident = $word:literal,)+ }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $about])+ $variant,)+
        }

        impl $crate::config::setting::FromScalar for $name {
            fn scalar() -> $crate::config::shape::Scalar {
                const WORDS: &[(&str, &str)] = &[$(($word, concat!($($about),+))),+];
                let words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
                $crate::config::shape::Scalar {
                    due: format!("one of {}", words.join(", ")),
                    form: $crate::config::shape::Form::Choice(WORDS),
                    private: false,
                }
            }

            fn from_scalar(
                text: &str,
                _: $crate::config::setting::From<'_>,
            ) -> Result<Self, $crate::config::setting::Unfit> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::config::setting::Unfit::Other),
                }
            }
        }
    };
}

pub(super) use choice;
