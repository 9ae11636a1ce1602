//! Where a command's descriptors come from: paths, a live server, or the embedded demo API.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use descant::demo;
use descant_descriptors::{Error, Finding, Schema, SchemaBuilder, Severity, Symbol, SymbolKind};

use super::{
    check,
    failure::{Failure, Kind},
    screen,
};

/// Errors that `serve`, `list` and `describe` show; `check` shows all of them.
const MOST_ERRORS: usize = 20;

/// The words of `list` and `describe`, told apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// What to load.
    pub(crate) paths: Vec<PathBuf>,
    /// The last word, if it is a name and no path.
    pub(crate) name: Option<String>,
    /// The same as it was typed, for it may be the name of a descriptor's file.
    pub(crate) file: Option<String>,
}

impl Words {
    /// A last word that is no path is a name. With `live` there are no paths, so the only word is one.
    pub(crate) fn tell_apart(words: &[PathBuf], live: bool) -> Result<Self, Failure> {
        let (paths, name) = match words.split_last() {
            Some((last, before)) if names(last, before, live) => (before, Some(last)),
            _ => (words, None),
        };
        if live && let Some(path) = paths.first() {
            return Err(Failure::new(
                Kind::Usage,
                format!(
                    "`{}` and --from: the descriptors come from one or the other",
                    shown(path)
                ),
                "leave out the path, or --from",
            ));
        }
        if let Some(server) = words.iter().find(|word| is_address(word)) {
            let mend = format!("--from {} asks it what it serves, by reflection", shown(server));
            return Err(no_path(server, &mend));
        }
        if !live && paths.is_empty() {
            return Err(nothing_to_load());
        }
        Ok(Self {
            paths: paths.to_vec(),
            name: name.map(|word| symbol(word)),
            file: name.map(|word| word.to_string_lossy().into_owned()),
        })
    }

    /// An answer to a name that is not there. Beside other paths, one that is misspelt is taken for a name.
    pub(crate) fn unknown(&self, what: &str, name: &str, nearest: &[String]) -> Failure {
        match &self.file {
            Some(word) if !self.paths.is_empty() && ends_like_a_path(Path::new(word)) => lost(what, word),
            _ => unknown(what, name, nearest),
        }
    }
}

/// The descriptors at `paths`; without any, those of the demo API. HTTP rules that stand apart are added.
pub(crate) fn load(paths: &[PathBuf], http_rules: &[PathBuf]) -> Result<Schema, Error> {
    let builder = match paths {
        [] => demo::sources(),
        paths => paths.iter().fold(Schema::builder(), SchemaBuilder::path),
    };
    http_rules.iter().fold(builder, SchemaBuilder::http_rules_path).build()
}

/// Whether a word is the address of a server, and no path.
pub(crate) fn is_url(word: &Path) -> bool {
    let word = word.to_string_lossy();
    let scheme = word.split_once("://").map(|(scheme, _)| scheme);
    let letters = |scheme: &str| scheme.chars().all(|letter| letter.is_ascii_alphanumeric());
    // One letter is a disk of Windows.
    scheme.is_some_and(|scheme| scheme.len() > 1 && letters(scheme) && scheme != "file")
}

/// The same of an address as `--from` takes it: no name of a symbol has a colon.
fn is_address(word: &Path) -> bool {
    let text = word.to_string_lossy();
    let port = text.rsplit_once(':').filter(|(host, _)| !host.contains('/'));
    let is_local = text.starts_with("unix:") || port.is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    is_url(word) || is_local && !word.exists()
}

/// What is told of a server in the place of a path.
pub(crate) fn no_path(server: &Path, mend: &str) -> Failure {
    let what = format!("`{}` is a server, and no file or folder of descriptors", shown(server));
    Failure::new(Kind::Usage, what, mend)
}

/// A path as it is shown.
pub(crate) fn shown(path: &Path) -> String {
    screen::escape(&path.display().to_string()).into_owned()
}

/// Why a schema does not load: every error, and how to mend it.
pub(crate) fn refused(error: &Error) -> Failure {
    let errors = error
        .findings()
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let told = |finding: &Finding| match finding.mend.as_str() {
        "" => check::plain(finding),
        mend => format!("{}\n  hint: {}", check::plain(finding), screen::escape(mend)),
    };
    let lines: Vec<_> = errors.take(MOST_ERRORS).map(told).collect();
    let mend = match error.findings().len().saturating_sub(MOST_ERRORS) {
        0 => "",
        _ => "there is more; `descant check PATH` says all of it",
    };
    Failure::new(
        Kind::Descriptors,
        format!("the descriptors do not load\n{}", lines.join("\n")),
        mend,
    )
}

/// An answer to a name that is not there.
pub(crate) fn unknown(what: &str, name: &str, nearest: &[String]) -> Failure {
    let mend = match nearest {
        [] => String::new(),
        names => format!("did you mean {}?", names.join(" or ")),
    };
    let name = screen::escape(name);
    Failure::new(Kind::Descriptors, format!("there is no {what} `{name}`"), mend)
}

fn names(last: &Path, before: &[PathBuf], live: bool) -> bool {
    let looks = looks_like_a_path(last);
    let is_path = if live {
        // A server may well be asked for a file that also lies here.
        last.exists() && looks && !is_proto(last)
    } else {
        last.exists() || (before.is_empty() && looks)
    };
    !is_path
}

/// An answer to a name of something else.
pub(crate) fn another(what: &str, symbol: &Symbol) -> Failure {
    let name = symbol.full_name();
    let name = screen::escape(&name);
    Failure::new(
        Kind::Descriptors,
        format!("`{name}` is {}, not {what}", kind(symbol)),
        "",
    )
}

/// A symbol's kind, for people.
pub(crate) fn kind(symbol: &Symbol) -> &'static str {
    match symbol.kind() {
        SymbolKind::Message => "a message",
        SymbolKind::Field => "a field",
        SymbolKind::Oneof => "a one-of",
        SymbolKind::Enum => "an enum",
        SymbolKind::EnumValue => "an enum value",
        SymbolKind::Extension => "an extension",
        SymbolKind::Service => "a service",
        SymbolKind::Method => "a method",
    }
}

/// An answer to a last word that may as well be a path that is misspelt.
fn lost(what: &str, word: &str) -> Failure {
    let word = screen::escape(word);
    Failure::new(
        Kind::Descriptors,
        format!("there is no {what} `{word}`, and no file or folder either"),
        "",
    )
}

/// Whether a word that is not there was meant as a path.
fn looks_like_a_path(word: &Path) -> bool {
    word.components().count() > 1 || ends_like_a_path(word)
}

fn ends_like_a_path(word: &Path) -> bool {
    let endings = [
        "binpb",
        "pb",
        "desc",
        "protoset",
        "bin",
        "json",
        "txtpb",
        "textproto",
        "prototxt",
        "proto",
    ];
    let ending = word.extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| endings.contains(&ending))
}

/// Whether a word names a source, which a live server may know as well.
pub(crate) fn is_proto(word: &Path) -> bool {
    word.extension().is_some_and(|ending| ending == "proto")
}

/// Names as users write them: `.pkg.Service`, `pkg.Service/Method`.
fn symbol(word: &Path) -> String {
    let word = word.to_string_lossy();
    word.trim_start_matches(['.', '/']).replace('/', ".")
}

fn nothing_to_load() -> Failure {
    Failure::new(
        Kind::Usage,
        "there is nothing to load",
        "name a descriptor set, a .proto file or a folder, or ask a live server with --from ADDR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str], live: bool) -> Result<Words, Failure> {
        let words: Vec<_> = words.iter().map(PathBuf::from).collect();
        Words::tell_apart(&words, live)
    }

    #[test]
    fn a_last_word_that_is_no_path_is_a_name() {
        let words = told(&["Cargo.toml", ".pkg.Service/Method"], false);
        assert_eq!(
            words.ok().and_then(|words| words.name).as_deref(),
            Some("pkg.Service.Method")
        );
    }

    #[test]
    fn paths_alone_name_nothing() {
        let words = told(&["Cargo.toml", "src"], false);
        assert!(words.is_ok_and(|words| words.name.is_none() && words.paths.len() == 2));
    }

    #[test]
    fn a_missing_file_is_not_taken_for_a_name() {
        let words = told(&["missing.binpb"], false);
        assert!(words.is_ok_and(|words| words.name.is_none()));
    }

    #[test]
    fn a_live_server_needs_no_paths_and_takes_none() {
        assert!(told(&[], true).is_ok_and(|words| words.name.is_none()));
        assert!(told(&["pkg.Service"], true).is_ok_and(|words| words.name.is_some()));
        assert!(told(&["Cargo.toml", "pkg.Service"], true).is_err());
        assert!(told(&[], false).is_err());
    }
}
