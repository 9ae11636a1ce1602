//! What is wrong with a configuration, and where.

use std::{fmt, path::PathBuf, sync::Arc};

use descant_descriptors::{Finding, Severity, near};

use super::{Config, origin::Origin};

/// More faults than these say nothing new.
const MOST: usize = 50;
/// Characters of a line that are shown, and of a text that is repeated.
const SHOWN: usize = 120;

/// Why a configuration cannot be used: everything that is wrong with it, each fault with its place and a remedy.
#[derive(Clone)]
pub struct ConfigError {
    file: Option<Arc<File>>,
    faults: Vec<Fault>,
    more: usize,
    about: About,
    rest: Option<Arc<Config>>,
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// What is said.
    Settings,
    /// A certificate or a key.
    Tls,
    /// Descriptors.
    Descriptors,
}

/// The file that faults are in.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    origin: Option<Origin>,
    what: String,
    mend: String,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    faults: Vec<Fault>,
    more: usize,
}

impl Faults {
    /// Notes a fault: where, what, and how to mend it (may be empty).
    pub(super) fn add(&mut self, origin: impl Into<Option<Origin>>, what: impl Into<String>, mend: impl Into<String>) {
        let fault = Fault {
            origin: origin.into(),
            what: what.into(),
            mend: mend.into(),
        };
        // What an alias repeats is wrong once.
        if self.faults.contains(&fault) {
            return;
        }
        if self.faults.len() < MOST {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.faults.len() + self.more
    }

    /// The error that they are together, in the order of the file.
    pub(super) fn into_error(mut self, file: Option<Arc<File>>) -> ConfigError {
        self.faults.sort_by_key(|fault| match fault.origin {
            Some(Origin::File { line, column, .. }) => (1, line, column),
            _ => (0, 0, 0),
        });
        ConfigError {
            file,
            faults: self.faults,
            more: self.more,
            about: About::Settings,
            rest: None,
        }
    }
}

impl ConfigError {
    pub(super) fn of_tls(self) -> Self {
        let about = About::Tls;
        Self { about, ..self }
    }

    pub(super) fn of_descriptors(self) -> Self {
        let about = About::Descriptors;
        Self { about, ..self }
    }

    pub(super) fn with_rest(self, rest: Option<Config>) -> Self {
        let rest = rest.map(Arc::new);
        Self { rest, ..self }
    }

    /// What of the configuration can be read, without what is wrong with it: to look for what else is wrong. It is not to be served.
    pub fn rest(&self) -> Option<&Config> {
        self.rest.as_deref()
    }

    /// Both, of one file.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut faults = Faults {
            faults: self.faults,
            more: self.more + other.more,
        };
        for Fault { origin, what, mend } in other.faults {
            faults.add(origin, what, mend);
        }
        Self {
            about: if self.about == other.about {
                self.about
            } else {
                About::Settings
            },
            rest: self.rest,
            ..faults.into_error(self.file)
        }
    }

    /// Whether a certificate or a key is not what it should be; what the file says is in order then.
    pub fn is_tls(&self) -> bool {
        self.about == About::Tls
    }

    /// Whether descriptors or HTTP rules that the file names are not there; what else it says is in order then.
    pub fn is_of_descriptors(&self) -> bool {
        self.about == About::Descriptors
    }

    /// Whether all that is wrong was typed.
    pub fn is_of_flags(&self) -> bool {
        let mut origins = self.faults.iter().map(|fault| fault.origin);
        origins.all(|origin| matches!(origin, Some(Origin::Flag(_))))
    }

    /// What is wrong, each fault on a line of its own: where, what, and how to mend it.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let line = |fault: &Fault| {
            let mend = match fault.mend.as_str() {
                "" => String::new(),
                mend => format!("; {mend}"),
            };
            format!("{}{}{mend}", Place(self, fault), fault.what)
        };
        self.faults.iter().map(line)
    }

    /// The same as warnings: it can be used.
    pub(super) fn into_warnings(self) -> Vec<Finding> {
        let warning = |fault: &Fault| Finding {
            severity: Severity::Warning,
            file: Place(&self, fault).to_string().trim_end_matches(": ").to_owned(),
            symbol: String::new(),
            what: fault.what.clone(),
            mend: fault.mend.clone(),
        };
        let more = (self.more > 0).then(|| Finding {
            severity: Severity::Warning,
            file: String::new(),
            symbol: String::new(),
            what: format!("{} more are left out", self.more),
            mend: String::new(),
        });
        self.faults.iter().map(warning).chain(more).collect()
    }

    /// How many things are wrong.
    pub fn count(&self) -> usize {
        self.faults.len() + self.more
    }
}

impl File {
    /// The line that a fault is in, and marks below what it is about.
    fn snippet(&self, f: &mut fmt::Formatter<'_>, (line, column, length): (usize, usize, usize)) -> fmt::Result {
        let Some(text) = line.checked_sub(1).and_then(|before| self.text.lines().nth(before)) else {
            return Ok(());
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let before = column.saturating_sub(1);
        // Of a long line, what stands around the place.
        let skipped = before.saturating_sub(SHOWN / 2);
        let plain = |character: char| if is_plain(character) { character } else { ' ' };
        let shown: String = text.chars().skip(skipped).take(SHOWN).map(plain).collect();
        let shown = shown.trim_end();
        if shown.is_empty() {
            return Ok(());
        }
        let room = shown.chars().count().saturating_sub(before - skipped);
        let marks = "^".repeat(length.clamp(1, room.max(1)));
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        write!(f, "\n  {number} | {shown}")?;
        write!(f, "\n  {margin} | {}{marks}", " ".repeat(before - skipped))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            self.fault(f, fault)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// Where a fault is.
struct Place<'e>(&'e ConfigError, &'e Fault);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error, fault) = self;
        let path = error.file.as_deref().map(|file| shown(&file.path.to_string_lossy()));
        match (fault.origin, path) {
            (Some(Origin::File { line, column, .. }), Some(path)) => write!(f, "{path}:{line}:{column}: "),
            (Some(Origin::Flag(flag)), _) => write!(f, "{flag}: "),
            (_, Some(path)) => write!(f, "{path}: "),
            _ => Ok(()),
        }
    }
}

impl ConfigError {
    fn fault(&self, f: &mut fmt::Formatter<'_>, fault: &Fault) -> fmt::Result {
        write!(f, "{}{}", Place(self, fault), fault.what)?;
        let file = self.file.as_deref();
        if let (Some(file), Some(Origin::File { line, column, length })) = (file, fault.origin) {
            file.snippet(f, (line, column, length))?;
        }
        match fault.mend.as_str() {
            "" => Ok(()),
            mend => write!(f, "\n  hint: {mend}"),
        }
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

/// A text as a message repeats it: on one line, and no longer than a line.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(SHOWN) {
        if is_plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_default());
        }
    }
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

/// Neither a control character, nor one that hides itself or turns the direction of text around.
pub(super) fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `did you mean ...?`, or which names there are.
pub(super) fn nearest(name: &str, known: &[&str]) -> String {
    match near::nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", listed(known)),
    }
}

/// `a`, `b` and `c`.
pub(super) fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}
