//! What people see: colours on terminals only, and nothing that a descriptor smuggles in.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    io::{self, Write},
};

use anstyle::{AnsiColor, Style};

use super::failure::{Failure, Kind};

/// Names and addresses.
pub(crate) const STRONG: Style = Style::new().bold();
/// What matters less.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// How much a line weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The command failed.
    Error,
    /// The command goes on, but perhaps not as meant.
    Warning,
    /// Worth knowing.
    Note,
    /// How to mend what the line before says.
    Hint,
}

impl Tone {
    /// Its name, as it starts a line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Hint => "hint",
        }
    }

    /// Its colour.
    pub(crate) fn style(self) -> Style {
        let colour = match self {
            Self::Error => AnsiColor::Red,
            Self::Warning => AnsiColor::Yellow,
            Self::Note => AnsiColor::Cyan,
            Self::Hint => AnsiColor::Green,
        };
        colour.on_default().bold()
    }
}

/// Writes a line to standard error.
pub(crate) fn tell(tone: Tone, text: impl fmt::Display) {
    let style = tone.style();
    let text = text.to_string();
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(
        anstream::stderr().lock(),
        "{style}{}{style:#}: {}",
        tone.word(),
        escape_lines(&text)
    );
}

/// Writes to standard output. A reader that closes the pipe early (`| head`) is content; whoever redirects to a disk that
/// is full must not take what is there for all.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// The same for data, which stays as it is.
pub(crate) fn write(data: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(data).and_then(|()| out.flush()))
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            Kind::Other,
            format!("standard output cannot be written: {error}"),
            "",
        )),
        _ => Ok(()),
    }
}

/// The text with control characters escaped, so that a name in a hostile descriptor cannot steer
/// the terminal.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    escape_unless(
        text,
        |_| false,
        |character, escaped| escaped.extend(character.escape_default()),
    )
}

/// The same, but lines stay lines.
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_unless(text, is_of_lines, |character, escaped| {
        escaped.extend(character.escape_default());
    })
}

/// JSON in which lines stay lines: it is JSON still, for what is escaped stands in its strings.
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    escape_unless(json, is_of_lines, |character, escaped| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    })
}

fn is_of_lines(character: char) -> bool {
    character == '\n' || character == '\t'
}

fn escape_unless(text: &str, keep: impl Fn(char) -> bool, put: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let steers = |character: char| is_control(character) && !keep(character);
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if steers(character) {
            put(character, &mut escaped);
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Control characters, and those that turn the direction of text around.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escape("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\nc");
        assert_eq!(escape_lines("a\r\n\tb"), "a\\r\n\tb");
        assert_eq!(escape("abc\u{202e}def"), "abc\\u{202e}def");
        assert!(matches!(escape("naïve 書店"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_stays_json() {
        let json = "{\n  \"a\": \"\u{9b}31m\u{7f}\u{85}\u{202e}書\"\n}";
        let escaped = escape_json(json);
        assert_eq!(escaped, "{\n  \"a\": \"\\u009b31m\\u007f\\u0085\\u202e書\"\n}");
        let read = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(read(&escaped), read(json));
    }
}
