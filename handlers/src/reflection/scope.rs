//! How much of a schema clients may see.

use std::{
    collections::{BTreeSet, HashSet},
    error, fmt,
};

use descant_descriptors::{File, Symbol, SymbolKind};

use super::view::View;

/// The services that are shown, and the files that they need.
#[derive(Debug)]
pub(super) struct Scope {
    services: BTreeSet<String>,
    files: HashSet<String>,
}

impl Scope {
    pub(super) fn new<N: AsRef<str>>(
        schemas: View<'_>,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, ReflectionError> {
        let mut scope = Self {
            services: BTreeSet::new(),
            files: HashSet::new(),
        };
        let mut unknown = Vec::new();
        for name in names {
            let name = name.as_ref();
            match schemas.service(name) {
                Some(file) => scope.add(name, file),
                None => unknown.push((name.to_owned(), schemas.nearest_services(name))),
            }
        }
        match (unknown.is_empty(), scope.services.is_empty()) {
            (false, _) => Err(ReflectionError(Problem::Unknown(unknown))),
            (true, true) => Err(ReflectionError(Problem::Empty)),
            (true, false) => Ok(scope),
        }
    }

    fn add(&mut self, service: &str, file: File) {
        self.services.insert(service.to_owned());
        closure(file, &mut self.files, usize::MAX);
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }

    pub(super) fn shows_file(&self, file: &File) -> bool {
        self.files.contains(file.name())
    }

    /// A service that is not named is hidden even if it shares a file with one that is.
    pub(super) fn shows(&self, symbol: &Symbol) -> bool {
        let service = |name: &str| self.services.contains(name);
        let named = match symbol.kind() {
            SymbolKind::Service => service(&symbol.full_name()),
            SymbolKind::Method => symbol
                .full_name()
                .rsplit_once('.')
                .is_some_and(|(name, _)| service(name)),
            _ => true,
        };
        named && self.shows_file(&symbol.file())
    }
}

/// The file, then what it imports, directly or not, leaving out what was `seen` before; what it
/// returns is seen then. Imports that would make it more than `budget` bytes stay unseen.
pub(super) fn closure(file: File, seen: &mut HashSet<String>, budget: usize) -> Vec<File> {
    let mut left = budget.saturating_sub(file.bytes().len());
    seen.insert(file.name().to_owned());
    let mut files = vec![file];
    let mut next = 0;
    while let Some(file) = files.get(next) {
        let imports = file.dependencies();
        files.extend(imports.into_iter().filter(|import| {
            let size = import.bytes().len();
            let fits = size <= left && seen.insert(import.name().to_owned());
            left -= if fits { size } else { 0 };
            fits
        }));
        next += 1;
    }
    files
}

/// Why reflection cannot be limited to these services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReflectionError(Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Empty,
    /// Each name with those that are nearest to it.
    Unknown(Vec<(String, Vec<String>)>),
}

impl fmt::Display for ReflectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem::Unknown(names) = &self.0 else {
            return f.write_str("reflection is limited to no service at all: name some, or turn it off");
        };
        f.write_str("reflection is limited to services that no descriptor declares: ")?;
        for (index, (name, nearest)) in names.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{name:?}")?;
            if !nearest.is_empty() {
                write!(f, " (did you mean {}?)", nearest.join(" or "))?;
            }
        }
        Ok(())
    }
}

impl error::Error for ReflectionError {}
