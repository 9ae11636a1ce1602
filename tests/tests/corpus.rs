//! What the fuzzer found interesting before, on every toolchain.

use std::{fs, path::Path};

use descant_tests::fuzz::Requests;

#[test]
fn saved_requests_neither_panic_nor_stall() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/request");
    let requests = Requests::default();
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        requests.serve(&fs::read(file.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 10, "the corpus is gone: {count} files");
}
