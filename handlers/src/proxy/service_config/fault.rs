//! What is wrong with a service config, and where.

use std::fmt;

/// Why a service config cannot be used: everything that is wrong with it, a fault a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfigError(Vec<ServiceConfigFault>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfigFault {
    place: Vec<Step>,
    what: String,
    due: String,
    /// What may be meant by what was found.
    guess: Option<String>,
    quotes: bool,
    of_key: bool,
}

/// A step on the way to a part of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To an item of a list, counted from zero.
    Item(usize),
}

impl ServiceConfigError {
    pub(super) fn among(faults: Vec<ServiceConfigFault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self(faults)) }
    }

    /// All that is wrong.
    pub fn faults(&self) -> &[ServiceConfigFault] {
        &self.0
    }
}

impl ServiceConfigFault {
    pub(super) fn new(place: Vec<Step>, what: impl Into<String>, due: impl Into<String>) -> Self {
        Self {
            place,
            what: what.into(),
            due: due.into(),
            guess: None,
            quotes: false,
            of_key: false,
        }
    }

    /// The same, mended by this name if there is one: what was found resembles it.
    pub(super) fn near(self, name: Option<&str>) -> Self {
        let guess = name.map(|name| format!("did you mean `{name}`?"));
        Self { guess, ..self }
    }

    /// The same, about the key at the end of its place.
    pub(super) fn of_key(self) -> Self {
        Self { of_key: true, ..self }
    }

    /// The same, which repeats what was found.
    pub(super) fn quoting(self) -> Self {
        Self { quotes: true, ..self }
    }

    /// Where it is, from the whole on.
    pub fn place(&self) -> &[Step] {
        &self.place
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Whether that repeats what stands there, or in the place of the name beside it: not to be shown where it may be a secret.
    pub fn quotes(&self) -> bool {
        self.quotes
    }

    /// Whether it is about the key that the place ends with, not about the value of that.
    pub fn is_of_key(&self) -> bool {
        self.of_key
    }

    /// How to mend it. What was found may show in that too: [`due`](Self::due) is for where it may be a secret.
    pub fn mend(&self) -> &str {
        self.guess.as_ref().unwrap_or(&self.due)
    }

    /// How to mend it, whatever was found.
    pub fn due(&self) -> &str {
        &self.due
    }
}

/// `PLACE: WHAT; MEND`, the place as in JavaScript.
impl fmt::Display for ServiceConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.place.iter().enumerate() {
            match step {
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        if !self.place.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.what)?;
        if !self.mend().is_empty() {
            write!(f, "; {}", self.mend())?;
        }
        Ok(())
    }
}

impl fmt::Display for ServiceConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ServiceConfigError {}
