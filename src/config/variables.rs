//! Variables of the environment in the texts of a file: `${NAME}`, `${NAME:-default}`, and `$$` for a dollar.

use std::env::VarError;

use super::{
    fault::{Faults, shown},
    node::Environment,
    origin::Origin,
};

/// A text, and what was written in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) value: String,
    /// What the file has, if a part of the value came from the environment.
    pub(super) written: Option<String>,
    /// Whether a variable in it could not be had, which has been told.
    pub(super) is_broken: bool,
}

/// A variable as it is written: what stands between `${` and `}`.
struct Variable<'t> {
    name: &'t str,
    default: Option<&'t str>,
}

impl Text {
    pub(super) fn plain(value: String) -> Self {
        Self {
            value,
            written: None,
            is_broken: false,
        }
    }

    /// The text in a message, which must not tell what only the environment knows.
    pub(super) fn shown(&self) -> String {
        shown(self.written.as_deref().unwrap_or(&self.value))
    }
}

/// The text with the values of its variables. A variable that cannot be had is a fault, and stays as it is written.
pub(super) fn substitute(text: &str, origin: Origin, environment: Environment<'_>, faults: &mut Faults) -> Text {
    let mut value = String::with_capacity(text.len());
    let (mut rest, mut used, mut is_broken) = (text, false, false);
    while let Some((before, after)) = rest.split_once('$') {
        value.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            value.push('$');
            rest = after;
        } else if let Some((inside, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            rest = after;
            match Variable::parse(inside).map(|variable| variable.value(environment)) {
                Some(Ok((found, from_outside))) => {
                    used |= from_outside;
                    value.push_str(&found);
                }
                Some(Err((what, mend))) => {
                    is_broken = true;
                    faults.add(origin, what, mend);
                }
                None => {
                    is_broken = true;
                    let mend = "write `${NAME}` or `${NAME:-default}`; names are letters, digits and `_`";
                    faults.add(origin, format!("`${{{}}}` names no variable", shown(inside)), mend);
                }
            }
        } else {
            let what = if rest.starts_with('{') {
                "`${` has no `}`"
            } else {
                "a `$` stands alone"
            };
            is_broken = true;
            faults.add(
                origin,
                what,
                "write `$$` for a dollar, `${NAME}` for a variable of the environment",
            );
        }
    }
    value.push_str(rest);
    Text {
        value,
        written: used.then(|| text.to_owned()),
        is_broken,
    }
}

impl<'t> Variable<'t> {
    fn parse(inside: &'t str) -> Option<Self> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let mut characters = name.chars();
        let first = characters.next()?;
        let is_name = (first.is_ascii_alphabetic() || first == '_')
            && characters.all(|character| character.is_ascii_alphanumeric() || character == '_');
        is_name.then_some(Self { name, default })
    }

    /// Its value, and whether the environment has it; else what is wrong, and how to mend it.
    fn value(&self, environment: Environment<'_>) -> Result<(String, bool), (String, String)> {
        let name = self.name;
        match (environment(name), self.default) {
            (Ok(value), None) => Ok((value, true)),
            (Ok(value), Some(_)) if !value.is_empty() => Ok((value, true)),
            (Ok(_) | Err(VarError::NotPresent), Some(default)) => Ok((default.to_owned(), false)),
            (Err(VarError::NotPresent), None) => Err((
                format!("the variable `{name}` is not set"),
                format!("set it in the environment, or give a default: `${{{name}:-default}}`"),
            )),
            (Err(VarError::NotUnicode(_)), _) => Err((
                format!("the variable `{name}` is no UTF-8"),
                "set it to a text".to_owned(),
            )),
        }
    }
}
