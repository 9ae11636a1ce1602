//! What the tables take that the codec walks along, once those of every message are compiled.
#![allow(clippy::unwrap_used)]

#[path = "../benches/load/set.rs"]
#[allow(dead_code)]
mod set;

use allocation_counter::measure;
use descant_descriptors::{Codec, Schema};
use set::{FIELDS, names, set};

const MESSAGES: usize = 10_000;
/// Bytes of all tables.
const MOST: i64 = 60_000_000;
/// Bytes of a message's tables for each of its fields, names and all.
const A_FIELD: i64 = 200;

#[test]
fn tables_of_ten_thousand_messages_are_small() {
    let schema = Schema::from_bytes(set(MESSAGES, 2000)).unwrap();
    let messages: Vec<_> = names(MESSAGES).filter_map(|name| schema.message(&name)).collect();
    assert_eq!(messages.len(), MESSAGES);
    let (mut codec, mut json) = (Codec::default(), Vec::new());
    let mut compile = || {
        for message in &messages {
            json.clear();
            codec.wire_to_json(message, &[], &mut json).unwrap();
        }
    };
    let taken = measure(&mut compile).bytes_current;
    let a_field = taken / i64::try_from(MESSAGES * FIELDS).unwrap();
    assert!((1..=A_FIELD).contains(&a_field), "{a_field} bytes a field");
    assert!(taken < MOST, "{taken} bytes");
    // They are kept.
    assert_eq!(measure(compile).count_total, 0);
}
