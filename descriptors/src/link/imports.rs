//! Which file imports which, and what a file sees through that.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::Budget;
use super::symbols::{SymbolId, Symbols, offset};
use crate::{
    finding::Severity,
    findings::{Findings, Position, Report, Shown, start_of},
    raw,
};

/// The imports of a set, as indices of files.
#[derive(Debug, Default)]
pub(crate) struct Imports {
    /// For each file what its `dependency` entries name; `None` where the set lacks the file.
    pub(crate) direct: Vec<Vec<Option<u32>>>,
    /// For each file the dependencies that it passes on (`import public`).
    pub(crate) public: Vec<Vec<u32>>,
}

impl Imports {
    /// Finds the files that imports name, and reports names that are `missing`, as so severe, or listed twice, and circles.
    pub(crate) fn new(files: &[raw::File<'_>], missing: Severity, findings: &mut Findings) -> Self {
        let names = by_name(files, findings);
        let find = |list: &[&str]| list.iter().map(|name| names.get(name).copied()).collect::<Vec<_>>();
        let mut imports = Self::default();
        for file in files {
            let direct = find(&file.dependencies);
            let public = file.public_dependencies.iter();
            let public = public.filter_map(|at| direct.get(usize::try_from(*at).ok()?).copied()?);
            imports.public.push(public.collect());
            imports.direct.push(direct);
        }
        imports.report_missing(files, missing, findings);
        imports.report_circles(files, findings);
        imports
    }

    fn report_missing(&self, files: &[raw::File<'_>], severity: Severity, findings: &mut Findings) {
        for ((number, file), direct) in (0u32..).zip(files).zip(&self.direct) {
            for (name, found) in file.dependencies.iter().zip(direct) {
                if found.is_some() {
                    continue;
                }
                findings.add(severity, position(number, file, name), || Report {
                    file: start_of(file.name.unwrap_or_default()),
                    what: format!("it imports \"{}\", which is not in the set", Shown(name)),
                    mend:
                        "add that file, or make the set with its imports (`buf build`, or `protoc --include_imports`)"
                            .to_owned(),
                    ..Report::default()
                });
            }
        }
    }

    /// Follows imports depth first, without recursion; an import that leads back to an open file closes a circle.
    fn report_circles(&self, files: &[raw::File<'_>], findings: &mut Findings) {
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let mut state = vec![0u8; files.len()];
        let mut path: Vec<(u32, usize)> = Vec::new();
        for start in (0u32..).zip(files).map(|(number, _)| number) {
            if mark(&mut state, start, 0, OPEN) {
                path.push((start, 0));
            }
            while let Some((file, next)) = path.last_mut() {
                let file = *file;
                let imports = self.direct.get(file as usize);
                let Some(dependency) = imports.and_then(|imports| imports.get(*next)) else {
                    mark(&mut state, file, OPEN, DONE);
                    path.pop();
                    continue;
                };
                *next += 1;
                let Some(dependency) = dependency else { continue };
                if mark(&mut state, *dependency, 0, OPEN) {
                    path.push((*dependency, 0));
                } else if state.get(*dependency as usize) == Some(&OPEN) {
                    report_circle(files, &path, *dependency, findings);
                }
            }
        }
    }
}

/// Sets the state of a file that is in the state `from`.
fn mark(state: &mut [u8], file: u32, from: u8, to: u8) -> bool {
    match state.get_mut(file as usize) {
        Some(slot) if *slot == from => {
            *slot = to;
            true
        }
        _ => false,
    }
}

/// How many files of a circle a report names.
const NAMED: usize = 8;

fn report_circle(files: &[raw::File<'_>], path: &[(u32, usize)], back_to: u32, findings: &mut Findings) {
    let Some((last, next)) = path.last() else { return };
    let Some(file) = files.get(*last as usize) else { return };
    // The path has stepped past the import that closes the circle.
    let import = next.checked_sub(1).and_then(|at| file.dependencies.get(at)).copied();
    let target = import.unwrap_or_default();
    findings.add(Severity::Error, position(*last, file, target), || {
        let start = path.iter().position(|(file, _)| *file == back_to).unwrap_or_default();
        let circle = path.get(start..).unwrap_or_default();
        let mut names: Vec<_> = circle
            .iter()
            .take(NAMED)
            .map(|(file, _)| files.get(*file as usize).and_then(|file| file.name).unwrap_or_default())
            .map(|name| format!("\"{}\"", Shown(name)))
            .collect();
        if circle.len() > NAMED {
            names.push(format!("{} more", circle.len() - NAMED));
        }
        names.push(format!("\"{}\"", Shown(target)));
        Report {
            file: start_of(file.name.unwrap_or_default()),
            what: format!("the imports go in a circle: {}", names.join(" -> ")),
            mend: "move what the files share into a file of its own, which they import".to_owned(),
            ..Report::default()
        }
    });
}

/// Files by name; a name that comes twice is reported and means the first.
fn by_name<'f>(files: &'f [raw::File<'_>], findings: &mut Findings) -> HashMap<&'f str, u32, RandomState> {
    let mut names = HashMap::with_capacity_and_hasher(files.len(), RandomState::default());
    for (number, file) in (0u32..).zip(files) {
        let name = file.name.unwrap_or_default();
        if names.contains_key(name) {
            findings.add(
                Severity::Error,
                Position {
                    file: number,
                    offset: 0,
                },
                || Report {
                    file: start_of(name),
                    what: "two files of the set have this name".to_owned(),
                    mend: "leave one of them out".to_owned(),
                    ..Report::default()
                },
            );
        } else {
            names.insert(name, number);
        }
    }
    names
}

fn position(number: u32, file: &raw::File<'_>, name: &str) -> Position {
    Position {
        file: number,
        offset: offset(file.bytes, name),
    }
}

/// What one file sees: itself, what it imports, and what those pass on. Moved from file to file, so that nothing is
/// kept for each pair of files.
#[derive(Debug)]
pub(crate) struct View<'i> {
    imports: &'i Imports,
    symbols: &'i Symbols,
    /// For each file and each package the last viewer that sees it, plus one.
    files: Vec<u32>,
    packages: Vec<u32>,
    viewer: u32,
    queue: Vec<u32>,
}

impl<'i> View<'i> {
    pub(crate) fn new(imports: &'i Imports, symbols: &'i Symbols) -> Self {
        Self {
            imports,
            symbols,
            files: vec![0; imports.direct.len()],
            packages: vec![0; symbols.bound()],
            viewer: 0,
            queue: Vec::new(),
        }
    }

    /// Looks from `file` on; false if the walk would take more than the budget has.
    pub(crate) fn enter(&mut self, file: u32, budget: &mut Budget) -> bool {
        self.viewer = file + 1;
        self.queue.clear();
        self.see(file);
        let direct = self
            .imports
            .direct
            .get(file as usize)
            .map(Vec::as_slice)
            .unwrap_or_default();
        for dependency in direct.iter().flatten() {
            self.see(*dependency);
        }
        while let Some(next) = self.queue.pop() {
            // What the file itself passes on is among what it imports.
            let passed = self.imports.public.get(next as usize).filter(|_| next != file);
            let passed = passed.map(Vec::as_slice).unwrap_or_default();
            let steps = self.see_package(next) + passed.len() + 1;
            if !budget.take(steps) {
                return false;
            }
            for dependency in passed {
                self.see(*dependency);
            }
        }
        true
    }

    fn see(&mut self, file: u32) {
        if let Some(seen) = self.files.get_mut(file as usize)
            && *seen != self.viewer
        {
            *seen = self.viewer;
            self.queue.push(file);
        }
    }

    /// Marks the package of a file and those around it; returns how many it had to.
    fn see_package(&mut self, file: u32) -> usize {
        let mut steps = 0;
        let mut next = self.symbols.package(file);
        while let Some(id) = next {
            match self.packages.get_mut(id.index()) {
                Some(seen) if *seen != self.viewer => *seen = self.viewer,
                _ => break,
            }
            steps += 1;
            next = self.symbols.get(id).and_then(|symbol| symbol.scope);
        }
        steps
    }

    /// Whether the file looked from sees another.
    pub(crate) fn sees(&self, file: u32) -> bool {
        self.files.get(file as usize) == Some(&self.viewer)
    }

    /// Whether a file that is seen stands in this package, or in one inside it.
    pub(crate) fn sees_package(&self, package: SymbolId) -> bool {
        self.packages.get(package.index()) == Some(&self.viewer)
    }
}
