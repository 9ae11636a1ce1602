//! HTTP/2 by hand: what the fuzzer and the tests write that no client would.

/// The connection preface: RFC 9113, section 3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame: RFC 9113, section 4.1.
///
/// # Panics
/// If the payload is longer than any frame's.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame's payload");
    let [0, length @ ..] = length.to_be_bytes() else {
        panic!("a frame of {length} bytes");
    };
    let mut out = length.to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// The fields of a sound call.
pub fn head(path: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "descant.test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
}

/// A header block of literals that are neither indexed nor Huffman-coded. RFC 7541, section 6.2.2.
///
/// # Panics
/// If a text is so long that its length takes more than one byte.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "a length of more than one byte");
            out.extend(u8::try_from(text.len()));
            out.extend(text.as_bytes());
        }
    }
    out
}
