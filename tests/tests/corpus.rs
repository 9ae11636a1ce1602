//! What the fuzzer found interesting before, on every toolchain.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use descant_tests::fuzz::{self, Requests, Web};

/// No input may take longer.
const PATIENCE: Duration = Duration::from_secs(2);

fn each(target: &str, mut run: impl FnMut(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let (input, began) = (fs::read(&path).unwrap(), Instant::now());
        run(&input);
        assert!(began.elapsed() < PATIENCE, "{}: {:?}", path.display(), began.elapsed());
        count += 1;
    }
    assert!(count > 10, "the corpus is gone: {count} files");
}

#[test]
fn saved_requests_neither_panic_nor_stall() {
    let requests = Requests::default();
    each("request", |input| requests.serve(input));
}

#[test]
fn saved_sets_neither_panic_nor_stall() {
    each("loader", fuzz::load);
}

#[test]
fn saved_templates_are_matched_as_they_should_be() {
    each("routes", fuzz::routes);
}

#[test]
fn saved_requests_become_messages() {
    each("bind", fuzz::bind);
}

#[test]
fn saved_wire_bytes_come_back_from_json() {
    each("wire_to_json", fuzz::wire_to_json);
}

#[test]
fn saved_json_comes_back_from_wire_bytes() {
    each("json_to_wire", fuzz::json_to_wire);
}

#[test]
fn saved_configurations_are_printed_as_they_are_read() {
    each("config", fuzz::config);
}

#[test]
fn saved_text_comes_back_from_wire_bytes() {
    each("text", fuzz::text);
}

#[test]
fn saved_calls_of_grpc_web_get_whole_answers() {
    let web = Web::default();
    each("grpc_web", |input| web.grpc_web(input));
}

#[test]
fn saved_calls_of_connect_get_whole_answers() {
    let web = Web::default();
    each("connect", |input| web.connect(input));
}
