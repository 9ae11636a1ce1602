//! In the steady state nothing is allocated.

use allocation_counter::measure;
use descant_descriptors::Codec;

use crate::{bytes, message, number};

#[test]
fn none_a_message() {
    let item = message("plain.Item");
    let entry = |key: &[u8]| bytes(10, &[&bytes(1, &[key]), &bytes(2, &[&number(2, 1)])]);
    let wires = [
        [
            bytes(1, &["t\u{e9}\n".as_bytes()]),
            entry(b"b"),
            entry(b"a"),
            bytes(15, &[&bytes(1, &[&[b'x'; 500]])]),
        ]
        .concat(),
        // Out of order, and in pieces.
        [
            bytes(15, &[&number(16, 1)]),
            entry(b"a"),
            bytes(15, &[&number(2, 1)]),
            entry(b"a"),
            number(14, 1),
            number(2, 1),
        ]
        .concat(),
    ];
    let (mut codec, mut json, mut back) = (Codec::default(), Vec::new(), Vec::new());
    for wire in wires {
        let mut turn = || {
            json.clear();
            back.clear();
            codec.wire_to_json(&item, &wire, &mut json).unwrap();
            codec.json_to_wire(&item, &json, &mut back).unwrap();
        };
        turn();
        assert_eq!(measure(turn).count_total, 0);
    }
}
