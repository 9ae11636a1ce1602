//! The scalars that settings are made of: words and numbers, and what all scalars have in common.

use std::path::PathBuf;

use descant_descriptors::near;

use super::{
    node::Node,
    setting::{From, FromScalar, Reader, Setting, Unfit},
    shape::{Form, Scalar, Shape},
};

/// What is written in the place of a value to have none.
pub(super) const OFF: &str = "off";

/// A whole number within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<const LEAST: u64, const MOST: u64>(pub u64);

/// What methods a route answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub String);

/// A key that is known, and cannot be used yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unavailable;

/// A number as a type that may hold less of it: what is larger than anything is as large as can be.
pub(super) fn whole<T: TryFrom<u64> + Max>(number: u64) -> T {
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

impl<const LEAST: u64, const MOST: u64> Number<LEAST, MOST> {
    pub(super) fn whole<T: TryFrom<u64> + Max>(self) -> T {
        whole(self.0)
    }
}

pub(super) fn scalar(due: impl Into<String>, form: Form) -> Scalar {
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
        // YAML 1.2.2, section 10.3.2: these words in three ways.
        match text {
            "true" | "True" | "TRUE" => return Ok(true),
            "false" | "False" | "FALSE" => return Ok(false),
            _ => {}
        }
        Err(match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" | "1" => Unfit::Mended("write `true`".to_owned()),
            "false" | "no" | "n" | "off" | "0" => Unfit::Mended("write `false`".to_owned()),
            _ => Unfit::Other,
        })
    }
}

impl FromScalar for String {
    fn scalar() -> Scalar {
        Scalar {
            private: true,
            ..scalar("a text", Form::AnyText(None))
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
            ..scalar("a path", Form::Path)
        }
    }

    fn from_scalar(text: &str, from: From<'_>) -> Result<Self, Unfit> {
        if text.is_empty() || text.contains('\0') {
            return Err(Unfit::Other);
        }
        Ok(from.path(text))
    }
}

/// Words that mean `off` elsewhere.
pub(super) fn is_nothing(text: &str) -> bool {
    [
        "never",
        "none",
        "no",
        "false",
        "disabled",
        "infinite",
        "infinity",
        "unlimited",
    ]
    .contains(&text.to_ascii_lowercase().as_str())
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
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
        let number = text
            .parse()
            .ok()
            .filter(|number| is_digits(text) && (LEAST..=MOST).contains(number));
        number.map(Self).ok_or(Unfit::Other)
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
            // A service, written as a package or as all its methods.
            Err(_) => match text.strip_suffix("/*").map(str::parse::<crate::gateway::Pattern>) {
                Some(Ok(service)) => Err(Unfit::Mended(format!(
                    "did you mean `{service}`, which is all its methods?"
                ))),
                _ => Err(Unfit::Other),
            },
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

/// Why a word is none of these, which what is due lists already.
pub(super) fn unknown(text: &str, words: &[&str]) -> Unfit {
    match near::nearest(text, words) {
        Some(near) => Unfit::Mended(format!("did you mean `{near}`?")),
        None => Unfit::Other,
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
                    _ => Err($crate::config::scalar::unknown(text, &[$($word),+])),
                }
            }
        }
    };
}

pub(super) use choice;
