//! Variables of the environment in the texts of a file: `${NAME}`, `${NAME:-default}`, and `$$` for a dollar.

use std::env::VarError;

use super::{
    fault::{Faults, shown},
    node::Environment,
    origin::Origin,
};

/// So deep may variables stand in one another's defaults.
const DEEPEST: usize = 16;

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

/// The text with the values of its variables. A variable that cannot be had is a fault.
pub(super) fn substitute(text: &str, origin: Origin, environment: Environment<'_>, faults: &mut Faults) -> Text {
    let mut reading = Reading {
        origin,
        environment,
        faults,
        depth: 0,
        is_used: false,
        is_broken: false,
    };
    let value = reading.read(text);
    Text {
        value,
        written: reading.is_used.then(|| text.to_owned()),
        is_broken: reading.is_broken,
    }
}

/// A text as its variables are put in.
struct Reading<'e, 'f> {
    origin: Origin,
    environment: Environment<'e>,
    faults: &'f mut Faults,
    /// How many defaults it is within.
    depth: usize,
    /// Whether a part came from the environment.
    is_used: bool,
    is_broken: bool,
}

impl Reading<'_, '_> {
    fn read(&mut self, text: &str) -> String {
        let mut value = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            value.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                value.push('$');
                rest = after;
            } else if let Some((inside, after)) = rest.strip_prefix('{').and_then(split_at_end) {
                rest = after;
                value.push_str(&self.variable(inside));
            } else {
                let is_open = rest.starts_with('{');
                let what = if is_open {
                    "`${` has no `}`"
                } else {
                    "a `$` stands alone"
                };
                self.fault(
                    what,
                    "write `$$` for a dollar, `${NAME}` for a variable of the environment",
                );
                if is_open {
                    // Where it ends, and what is behind it, nobody can tell.
                    break;
                }
            }
        }
        value.push_str(rest);
        value
    }

    fn variable(&mut self, inside: &str) -> String {
        let Some(variable) = Variable::parse(inside) else {
            let mend = "write `${NAME}` or `${NAME:-default}`; names are letters, digits and `_`";
            self.fault(format!("`${{{}}}` names no variable", shown(inside)), mend);
            return String::new();
        };
        let name = variable.name;
        match ((self.environment)(name), variable.default) {
            (Ok(value), None) => self.used(value),
            (Ok(value), Some(_)) if !value.is_empty() => self.used(value),
            (Ok(_) | Err(VarError::NotPresent), Some(default)) => self.default(default),
            (Err(VarError::NotPresent), None) => {
                let mend = format!("set it in the environment, or give a default: `${{{name}:-default}}`");
                self.fault(format!("the variable `{name}` is not set"), mend);
                String::new()
            }
            (Err(VarError::NotUnicode(_)), _) => {
                self.fault(format!("the variable `{name}` is no UTF-8"), "set it to a text");
                String::new()
            }
        }
    }

    fn default(&mut self, text: &str) -> String {
        if self.depth == DEEPEST {
            let what = format!("defaults stand in one another more than {DEEPEST} deep");
            self.fault(what, "name fewer variables");
            return String::new();
        }
        self.depth += 1;
        let value = self.read(text);
        self.depth -= 1;
        value
    }

    fn used(&mut self, value: String) -> String {
        self.is_used = true;
        value
    }

    fn fault(&mut self, what: impl Into<String>, mend: impl Into<String>) {
        self.is_broken = true;
        self.faults.add(self.origin, what, mend);
    }
}

/// What stands before the `}` that belongs to a `${` just before, and after it: a default may have variables of its own.
fn split_at_end(text: &str) -> Option<(&str, &str)> {
    let mut open = 0;
    let mut places = text.char_indices().peekable();
    while let Some((place, character)) = places.next() {
        match (character, places.peek()) {
            ('$', Some((_, '$'))) => drop(places.next()),
            ('$', Some((_, '{'))) => open += 1,
            ('}', _) if open > 0 => open -= 1,
            ('}', _) => return Some((text.get(..place)?, text.get(place + 1..)?)),
            _ => {}
        }
    }
    None
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
}
