//! Base64, with the widest instructions that the machine has.
//!
//! Source: ProtoJSON, <https://protobuf.dev/programming-guides/json/>: it is written in the standard alphabet with
//! padding, and read in that one or the one of URLs, with padding or without.

use std::sync::LazyLock;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::Simd;
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurposeConfig},
};
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::{alphabet, engine::GeneralPurpose};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static STANDARD: LazyLock<Simd> = LazyLock::new(|| Simd::standard(LENIENT));
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static URL_SAFE: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(LENIENT));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static STANDARD: LazyLock<GeneralPurpose> = LazyLock::new(|| GeneralPurpose::new(&alphabet::STANDARD, LENIENT));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static URL_SAFE: LazyLock<GeneralPurpose> = LazyLock::new(|| GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT));

/// Encodes `bytes` into `room`, which is long enough; gives the length.
pub(super) fn encode(bytes: &[u8], room: &mut [u8]) -> usize {
    STANDARD.encode_slice(bytes, room).unwrap_or_default()
}

/// Decodes `text` to the end of `out`. `false`: it is no base64.
#[must_use]
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.resize(start + text.len().div_ceil(4) * 3, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    // What is legal in both alphabets is legal in the first; what mixes them, in none.
    let decoded = STANDARD
        .decode_slice(text, room)
        .or_else(|_| URL_SAFE.decode_slice(text, room));
    out.truncate(start + decoded.as_ref().copied().unwrap_or_default());
    decoded.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        decode(text.as_bytes(), &mut out).then(|| out.split_off(6))
    }

    #[test]
    fn every_length_goes_both_ways_in_either_alphabet() {
        let bytes: Vec<u8> = (0..=255).map(|byte: u8| byte.wrapping_mul(167)).collect();
        for length in 0..bytes.len() {
            let bytes = &bytes[..length];
            let mut room = vec![0; length.div_ceil(3) * 4];
            let count = encode(bytes, &mut room);
            let text = std::str::from_utf8(&room[..count]).unwrap();
            let of_url = text.replace('+', "-").replace('/', "_");
            for text in [text, &of_url] {
                assert_eq!(decoded(text).as_deref(), Some(bytes));
                assert_eq!(decoded(text.trim_end_matches('=')).as_deref(), Some(bytes));
            }
        }
    }

    #[test]
    fn what_is_no_base64_is_refused_at_every_place() {
        let text = "AAAA".repeat(40);
        for (place, wrong) in (0..text.len()).flat_map(|place| ["=", "é", " ", "."].map(|wrong| (place, wrong))) {
            let mut text = text.clone();
            text.replace_range(place..=place, wrong);
            // Padding at the end, in place of one that may be left out.
            let padding = wrong == "=" && place + 1 == text.len();
            assert_eq!(decoded(&text).is_some(), padding, "{text}");
        }
        for text in ["A", "AAAAA", "A===", "AA=A", "AAAA=", "-AAA+AAA", "QQ===="] {
            assert_eq!(decoded(text), None, "{text}");
        }
        // Bits that are left over at the end mean nothing.
        assert_eq!(decoded("QR").as_deref(), Some(&b"A"[..]));
    }
}
