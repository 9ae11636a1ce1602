//! Bytes in metadata: base64 with the standard alphabet.
//!
//! Source: gRPC over HTTP/2, "Binary-Header": written without padding, read with or without it.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use http::HeaderValue;

use super::MetadataError;

pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        // Some encoders leave bits over in the last digit.
        .with_decode_allow_trailing_bits(true),
);

pub(crate) fn encode(value: &[u8]) -> Result<HeaderValue, MetadataError> {
    HeaderValue::try_from(BASE64.encode(value)).map_err(|_| MetadataError::too_many())
}

pub(crate) fn decode(value: &[u8]) -> Result<Bytes, MetadataError> {
    BASE64
        .decode(value.trim_ascii())
        .map(Bytes::from)
        .map_err(|error| MetadataError::base64(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_padded_and_unpadded() {
        for value in [&b"aGk"[..], b"aGk=", b" aGk= "] {
            assert_eq!(decode(value).unwrap(), "hi");
        }
        assert_eq!(decode(b"").unwrap(), "");
    }

    #[test]
    fn refuses_other_alphabets() {
        for value in [&b"-_8"[..], b"a", b"\xff"] {
            let error = decode(value).unwrap_err().to_string();
            assert!(error.starts_with("a -bin value is not base64: "), "{error}");
        }
    }
}
