//! Import roots: the folders that import paths start from. Nobody states them, so they are inferred.

use std::path::{Path, PathBuf};

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
        let mut proven = Vec::new();
        for (path, outline) in paths.iter().zip(outlines) {
            for import in &outline.imports {
                let root = root_of(import, path, &base, &proven, &paths);
                proven.extend(root.filter(|root| !proven.contains(root)));
            }
        }
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
    // The folder of `api.proto` is an empty path.
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether `import` leads from a root to a file, and not out of it.
pub(super) fn inside(root: &Path, import: &str) -> Option<PathBuf> {
    let plain = import.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let path = root.join(import);
    (plain && !import.contains('\\') && path.is_file()).then_some(path)
}

fn root_of(import: &str, importer: &Path, base: &Path, proven: &[PathBuf], files: &[PathBuf]) -> Option<PathBuf> {
    let around = importer.ancestors().skip(1).map(Path::to_owned);
    let mut candidates = proven.iter().cloned().chain([base.to_owned()]).chain(around);
    candidates
        .find(|root| inside(root, import).is_some())
        .or_else(|| files.iter().find_map(|path| before(path, import)))
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
