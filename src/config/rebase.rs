//! Paths of options, which are relative to where the command runs, as the file would have them, which are relative to it.

use std::path::{Path, PathBuf, absolute};

use super::{
    Config,
    node::{Node, Value},
    origin::Origin,
    setting::Setting,
    settings::Settings,
    shape::{Form, Scalar, Shape},
};
use crate::transport::UNIX;

impl Config {
    /// All that is said, as a file beside the one that was read would say it.
    pub(super) fn rebased(&self) -> Node {
        let mut tree = self.tree.clone();
        if let Some(folder) = self.file().and_then(Path::parent) {
            rebase(&mut tree, &Settings::shape(), folder);
        }
        tree
    }
}

fn rebase(node: &mut Node, shape: &Shape, folder: &Path) {
    let is_typed = matches!(node.origin, Origin::Flag(_));
    match (&mut node.value, shape) {
        (Value::Map(entries), Shape::Map(table)) => {
            for entry in entries {
                if let Some(key) = table.key(&entry.key) {
                    rebase(&mut entry.node, &(key.shape)(), folder);
                }
            }
        }
        (Value::List(items), Shape::List { of, .. }) => {
            for item in items {
                rebase(item, of, folder);
            }
        }
        (Value::Text(text), Shape::Scalar(Scalar { form, .. })) if is_typed => match form {
            Form::Path => text.value = seen_from(folder, &text.value),
            // An address, of a listener for instance.
            Form::Text(_) => {
                if let Some(path) = text.value.strip_prefix(UNIX) {
                    let path = path.strip_prefix("//").unwrap_or(path);
                    text.value = format!("{UNIX}{}", seen_from(folder, path));
                }
            }
            _ => {}
        },
        // A file's name.
        (Value::Text(text), Shape::Json { .. }) if is_typed => text.value = seen_from(folder, &text.value),
        _ => {}
    }
}

/// A path that was typed, as it is called in this folder.
fn seen_from(folder: &Path, path: &str) -> String {
    let is_here = folder.as_os_str().is_empty() || folder == Path::new(".");
    if is_here || Path::new(path).is_absolute() {
        return path.to_owned();
    }
    let (Ok(folder), Ok(target)) = (absolute(folder), absolute(path)) else {
        return path.to_owned();
    };
    let seen = relative(&folder, &target).unwrap_or(target);
    seen.to_str().map_or_else(|| path.to_owned(), str::to_owned)
}

/// `None`: the way up from there leads elsewhere, since a link is on it.
fn relative(folder: &Path, target: &Path) -> Option<PathBuf> {
    if let Ok(below) = target.strip_prefix(folder) {
        let is_itself = below.as_os_str().is_empty();
        return Some(if is_itself { Path::new(".") } else { below }.to_owned());
    }
    if folder.canonicalize().ok()? != folder {
        return None;
    }
    let shared = folder.components().zip(target.components());
    let shared = shared.take_while(|(own, other)| own == other).count();
    let up = folder.components().skip(shared).map(|_| Path::new(".."));
    let down = target.components().skip(shared);
    Some(up.chain(down.map(|part| Path::new(part.as_os_str()))).collect())
}
