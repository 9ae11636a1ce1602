//! The text format under text, and messages, that nobody chose.
//!
//! ```text
//! input = how(1) rest        how: as for JSON; with the bit of `proto_names` the rest is wire bytes, else text; with that of
//!                                 `pretty` unknown fields are printed
//! ```

use descant_descriptors::{Codec, MessageType};

use super::codec::{Text, setting};

const TYPES: [&str; 4] = ["plain.Item", "sample.Old", "sample.Known", "text.Names"];

/// Reads text, or takes a message, and goes on from there in circles.
///
/// # Panics
/// If what is printed is not read as what it was.
pub fn text(input: &[u8]) {
    let Some((message, mut options, rest)) = setting(input, &TYPES) else {
        return;
    };
    let from_wire = options.proto_names;
    options.print_unknown = options.pretty;
    let mut codec = Codec::new(options);
    let mut wire = Vec::new();
    let read = if from_wire {
        codec.normalize(&message, rest, &mut wire)
    } else {
        codec.textproto_to_wire(&message, rest, &mut wire)
    };
    match read {
        Ok(()) => circle(&mut codec, &message, &wire),
        Err(error) => assert!(wire.is_empty(), "half of it was written: {error}"),
    }
}

/// A message in canonical form, printed and read again: the same text, and the same message.
fn circle(codec: &mut Codec, message: &MessageType, wire: &[u8]) {
    let (mut text, mut again, mut back, mut normal) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    if let Err(error) = codec.wire_to_textproto(message, wire, &mut text) {
        assert!(text.is_empty(), "half of it was written: {error}");
        assert!(error.what().contains("longer than the limit"), "{error}");
        return;
    }
    assert!(std::str::from_utf8(&text).is_ok(), "{text:?}");
    let whole = codec.unknown_fields() == 0;
    // These are for people alone.
    if codec.options().redact || codec.options().print_unknown {
        return;
    }
    let read = codec.textproto_to_wire(message, &text, &mut back);
    assert!(read.is_ok(), "{read:?}: {}", Text(&text));
    codec
        .normalize(message, &back, &mut normal)
        .expect("what the codec wrote");
    assert_eq!(normal, back, "not canonical: {}", Text(&text));
    codec
        .wire_to_textproto(message, &back, &mut again)
        .expect("what the codec read");
    assert_eq!(Text(&again), Text(&text));
    if whole && !comes_back_changed(&text) {
        assert_eq!(back, wire, "another message: {}", Text(&text));
    }
}

/// Whether something is the same in text that differs on the wire: the bytes in an Any, the payload of a NaN, the order of a
/// map's entries.
fn comes_back_changed(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).unwrap_or_default();
    ["] {", "nan", "key: "].iter().any(|word| text.contains(word))
}
