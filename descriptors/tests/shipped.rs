//! The shipped set is what its sources compile to.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
}

/// After a change of a shipped `.proto`, run this test with `UPDATE_SHIPPED=1`.
#[test]
fn the_shipped_set_is_up_to_date() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_folder.join("protos");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut protox = protox::Compiler::new([&root]).unwrap();
    protox.include_imports(true).include_source_info(true);
    protox.open_files(&files).unwrap();
    let compiled = protox.encode_file_descriptor_set();

    let shipped = crate_folder.join("src/shipped.binpb");
    if std::env::var_os("UPDATE_SHIPPED").is_some() {
        std::fs::write(&shipped, &compiled).unwrap();
    }
    let same = std::fs::read(&shipped).unwrap() == compiled;
    assert!(
        same,
        "src/shipped.binpb is older than protos/: run this test with UPDATE_SHIPPED=1"
    );
}
