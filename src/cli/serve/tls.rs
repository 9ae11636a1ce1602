//! `--tls-cert` and its kin: what they mean together.

use std::path::PathBuf;

use descant::{Tls, TlsBuilder};

use super::{Failure, Kind, refused};
use crate::cli::args::TlsFiles;

/// What listeners show; nothing if they speak plain text.
pub(super) fn read(args: &TlsFiles) -> Result<Option<Tls>, Failure> {
    let (certificates, keys) = (&args.certificates, &args.keys);
    if certificates.len() != keys.len() {
        return Err(Failure::new(
            Kind::Usage,
            format!(
                "--tls-cert is given {}, but --tls-key {}",
                times(certificates.len()),
                times(keys.len())
            ),
            "each certificate has its key: the first --tls-cert that of the first --tls-key, and so on",
        ));
    }
    if certificates.is_empty() {
        return Ok(None);
    }
    let pairs = certificates.iter().zip(keys);
    let shown = pairs.fold(Tls::builder(), |builder, (certificate, key)| {
        builder.certificate_files(certificate, key)
    });
    let asked = match &args.client_ca {
        None => shown,
        Some(ca) => shown.client_ca_file(ca).client_optional(args.client_optional),
    };
    let built = TlsBuilder::build(asked);
    built.map(Some).map_err(|error| refused(&error))
}

/// The files that a reload reads again.
pub(super) fn files(args: &TlsFiles) -> impl Iterator<Item = &PathBuf> {
    args.certificates.iter().chain(&args.keys).chain(&args.client_ca)
}

fn times(count: usize) -> String {
    match count {
        0 => "not at all".to_owned(),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}
