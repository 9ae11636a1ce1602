//! Settings.

use super::error::{BindError, BindErrorKind, Part};

/// How requests become messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BindOptions {
    /// What becomes of query parameters that name no field. Default: they are refused.
    pub unknown_parameters: UnknownParameters,
    /// Whether a PATCH without `update_mask` gets one that names the members of its body. Default: yes.
    pub fill_update_mask: bool,
    /// How long a body, and the message that it stands for, may be, in bytes. Default: 4 MiB.
    pub limit: usize,
}

/// What becomes of query parameters that name no field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum UnknownParameters {
    /// They are errors: a misspelled filter would list everything.
    #[default]
    Refuse,
    /// Those of these names are passed over, such as `key` and `prettyPrint`; others are errors.
    IgnoreNamed(Vec<String>),
    /// All are passed over.
    Ignore,
}

impl Default for BindOptions {
    fn default() -> Self {
        Self {
            unknown_parameters: UnknownParameters::default(),
            fill_update_mask: true,
            limit: 4 << 20,
        }
    }
}

impl UnknownParameters {
    pub(super) fn ignores(&self, name: &str) -> bool {
        match self {
            Self::Refuse => false,
            Self::IgnoreNamed(names) => names.iter().any(|ignored| ignored == name),
            Self::Ignore => true,
        }
    }
}

impl BindOptions {
    pub(super) fn check_length(&self, length: usize) -> Result<(), BindError> {
        if length <= self.limit {
            return Ok(());
        }
        let what = format!("it has {length} bytes, more than the limit of {}", self.limit);
        Err(BindError::of(BindErrorKind::TooLarge, Part::Body, what))
    }
}
