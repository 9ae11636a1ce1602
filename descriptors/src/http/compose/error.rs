//! Why there is no request for a message.

use std::fmt;

use crate::{CodecError, MessageType, Method, findings::Shown, http::Binding};

/// Why a message could not be made an HTTP request.
///
/// Displays as one line: what each binding of the method's rule lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    has_rule: bool,
    what: String,
}

/// What a binding lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Lack {
    /// A field has no value for the path.
    Value {
        field: String,
        /// What it is instead: `is not set`.
        is: String,
        /// What its place takes.
        pattern: String,
    },
    /// A `*` that is no field's.
    Nobody,
    /// A query can't carry a field, which is that.
    Query { field: String, is: &'static str },
    /// The message has no text or JSON form.
    Unreadable(String),
}

impl ComposeError {
    #[cold]
    pub(super) fn no_rule(method: &Method) -> Self {
        Self::new(false, format!("{} has no HTTP rule", Shown(method.full_name())))
    }

    #[cold]
    pub(super) fn unreadable(input: &MessageType, error: &CodecError) -> Self {
        Self::new(true, format!("what is to be sent is no {}: {error}", input.full_name()))
    }

    #[cold]
    pub(super) fn no_fit(method: &Method, lacks: &[(&Binding, Lack)]) -> Self {
        let each: Vec<_> = lacks
            .iter()
            .map(|(binding, lack)| {
                let (http, template) = (Shown(&binding.http_method), Shown(&binding.template));
                format!("{http} {template}: {lack}")
            })
            .collect();
        let what = format!(
            "the message fits no HTTP rule of {}: {}",
            Shown(method.full_name()),
            each.join("; ")
        );
        Self::new(true, what)
    }

    fn new(has_rule: bool, what: String) -> Self {
        Self(Box::new(Inner { has_rule, what }))
    }

    /// Whether the method has an HTTP rule. Without one no message can be sent.
    pub fn has_rule(&self) -> bool {
        self.0.has_rule
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { field, is, pattern } => {
                write!(
                    f,
                    "\"{}\" {is}, and its place in the path takes \"{}\"",
                    Shown(field),
                    Shown(pattern)
                )
            }
            Self::Nobody => f.write_str("no field fills a \"*\" of its path"),
            Self::Query { field, is } => write!(f, "\"{}\" is {is}, which a query can't carry", Shown(field)),
            Self::Unreadable(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl std::error::Error for ComposeError {}
