//! Metadata as it is written on the command line.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use descant::handlers::Metadata;

use super::{
    failure::{Failure, Kind},
    screen,
};

/// Read with or without padding: gRPC over HTTP/2, "Binary-Header".
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Reads `name: value`; base64, of either alphabet, for names that end in `-bin`, and several with commas between them.
pub(crate) fn of(lines: &[String]) -> Result<Metadata, Failure> {
    let mut metadata = Metadata::new();
    for line in lines {
        let refused = |what: &str, mend: &str| {
            let what = format!("-H '{}': {what}", screen::escape(line));
            Failure::new(Kind::Usage, what, mend)
        };
        let colon = line.split_once(':');
        let (name, value) = colon.ok_or_else(|| refused("there is no colon", "write -H 'name: value'"))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name.ends_with("-bin") {
            value.split(',').try_for_each(|one| {
                let one = one.trim();
                let read = STANDARD
                    .decode(one)
                    .or_else(|error| URL_SAFE.decode(one).map_err(|_| error));
                let bytes = read.map_err(|error| {
                    let what = format!("names that end in -bin hold bytes, and this is no base64: {error}");
                    refused(&what, "write the bytes in base64: `aGk=` is hi")
                })?;
                let added = metadata.append_bin(&name, bytes);
                added.map_err(|error| refused(&error.to_string(), instead(&name)))
            })?;
        } else {
            let added = metadata.append(&name, value);
            added.map_err(|error| refused(&error.to_string(), instead(&name)))?;
        }
    }
    Ok(metadata)
}

/// The option that says what a header of the protocols would.
fn instead(name: &str) -> &'static str {
    match name {
        "grpc-timeout" | "connect-timeout-ms" => "say --timeout TIME",
        "grpc-encoding" | "grpc-accept-encoding" | "content-encoding" | "accept-encoding" => "say --compress CODING",
        "content-type" | "connect-protocol-version" => "say --protocol grpc, grpc-web, connect or rest",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_text_or_base64() {
        let lines = ["X-User: me", "key-bin: 3q0", "x-user:you", "many-bin: _-8, /+8=,"].map(str::to_owned);
        let metadata = of(&lines).ok().unwrap();
        assert_eq!(metadata.get_all("x-user").collect::<Vec<_>>(), ["me", "you"]);
        assert_eq!(metadata.get_bin("key-bin").unwrap().unwrap(), &[0xde, 0xad][..]);
        // Of either alphabet, and one of no bytes.
        let many = metadata.get_all_bin("many-bin").map(Result::unwrap);
        assert_eq!(
            many.collect::<Vec<_>>(),
            [&[0xff, 0xef][..], &[0xff, 0xef][..], &[][..]]
        );
        for line in ["x-user", "key-bin: ?", "grpc-timeout: 1S", "a b: c"] {
            assert!(of(&[line.to_owned()]).is_err(), "{line}");
        }
    }
}
