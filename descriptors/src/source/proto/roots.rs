//! Import roots: the folders that import paths start from. Nobody states them, so they are inferred.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{Unit, outline::Outline};

/// Where imports are looked up, and the name of each file of a unit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) roots: Vec<PathBuf>,
    /// Name, as imports spell it, and path.
    pub(super) files: Vec<(String, PathBuf)>,
}

impl Layout {
    /// A root is proven if an import is found from there: the folder given, one around the importing file, or one
    /// from which a file of the unit has the imported name. A file that no proven root holds is named by its package, if
    /// the folders around it spell that; else from the folder given.
    pub(super) fn of(unit: &Unit, outlines: &[Outline]) -> Self {
        let base = absolute(&unit.folder);
        let paths: Vec<_> = unit.files.iter().map(|path| absolute(path)).collect();
        let mut search = Search::new(&base, &paths);
        for (path, outline) in paths.iter().zip(outlines) {
            for import in &outline.imports {
                search.import(import, path);
            }
        }
        let proven = search.proven;
        let mut roots = proven.clone();
        let files = paths
            .iter()
            .zip(outlines)
            .map(|(path, outline)| {
                let longest = proven
                    .iter()
                    .filter(|root| path.starts_with(root))
                    .max_by_key(|root| root.as_os_str().len());
                let root = longest.cloned().or_else(|| package_root(path, &outline.package));
                let root = root.unwrap_or_else(|| base.clone());
                let name = name_from(&root, path);
                if !roots.contains(&root) {
                    roots.push(root);
                }
                (name, path.clone())
            })
            .collect();
        Self { roots, files }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether `import` leads from a root to a file, and not out of it.
pub(super) fn inside(root: &Path, import: &str) -> Option<PathBuf> {
    let plain = import.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let path = root.join(import);
    (plain && !import.contains('\\') && path.is_file()).then_some(path)
}

/// The search for roots. Large units import the same names over and over, so nothing is looked for twice.
struct Search<'u> {
    base: &'u Path,
    /// The files of the unit, by their last name.
    files: HashMap<&'u OsStr, Vec<&'u Path>>,
    /// Imports and the folders that they were looked for from.
    done: HashSet<(&'u str, &'u Path)>,
    proven: Vec<PathBuf>,
}

impl<'u> Search<'u> {
    fn new(base: &'u Path, paths: &'u [PathBuf]) -> Self {
        let mut files: HashMap<_, Vec<_>> = HashMap::with_capacity(paths.len());
        for path in paths {
            files
                .entry(path.file_name().unwrap_or_default())
                .or_default()
                .push(path.as_path());
        }
        Self {
            base,
            files,
            done: HashSet::new(),
            proven: Vec::new(),
        }
    }

    /// Looks for the root of one import of a file.
    fn import(&mut self, import: &'u str, importer: &'u Path) {
        let folder = importer.parent().unwrap_or(importer);
        if self.done.insert((import, folder)) {
            let root = self.root_of(import, folder);
            self.proven.extend(root.filter(|root| !self.proven.contains(root)));
        }
    }

    fn root_of(&self, import: &str, folder: &Path) -> Option<PathBuf> {
        let proven = self.proven.iter().map(PathBuf::as_path);
        let mut candidates = proven.chain([self.base]).chain(folder.ancestors());
        let found = candidates.find(|root| inside(root, import).is_some());
        found.map(Path::to_owned).or_else(|| {
            let last = Path::new(import).file_name()?;
            self.files.get(last)?.iter().find_map(|path| before(path, import))
        })
    }
}

/// The folder from which `path` is called `name`.
fn before(path: &Path, name: &str) -> Option<PathBuf> {
    let depth = name.split('/').count();
    (path.ends_with(name)).then(|| path.ancestors().nth(depth).map(Path::to_owned))?
}

/// The folder from which the folders down to `path` spell its package.
fn package_root(path: &Path, package: &str) -> Option<PathBuf> {
    if package.is_empty() {
        return None;
    }
    before(path.parent()?, &package.replace('.', "/"))
}

fn name_from(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a single file is called, given its source.
    fn name_of(path: &str, source: &str) -> String {
        let layout = Layout::of(&Unit::file(Path::new(path)), &[Outline::of(source)]);
        layout.files[0].0.clone()
    }

    #[test]
    fn a_file_is_named_by_its_package_or_its_folder() {
        assert_eq!(name_of("a.proto", ""), "a.proto");
        assert_eq!(name_of("shop/v1/a.proto", ""), "a.proto");
        assert_eq!(name_of("x/shop/v1/a.proto", "package shop.v1;"), "shop/v1/a.proto");
        assert_eq!(name_of("/v1/a.proto", "package shop.v1;"), "a.proto");
    }

    #[test]
    fn imports_do_not_lead_out_of_a_root() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(inside(root, "src/lib.rs").is_some());
        for import in [
            "src/../src/lib.rs",
            "/etc/hostname",
            "../Cargo.toml",
            "./src/lib.rs",
            "src//lib.rs",
            "src",
            "",
        ] {
            assert_eq!(inside(root, import), None, "{import}");
        }
    }
}
