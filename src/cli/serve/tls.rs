//! `--tls-cert` and `--tls-key`: how they go together.

use super::{Failure, Kind};
use crate::cli::args::TlsFiles;

/// Whether each certificate that was typed has its key.
pub(super) fn check(args: &TlsFiles) -> Result<(), Failure> {
    let (certificates, keys) = (args.certificates.len(), args.keys.len());
    if certificates == keys {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Usage,
        format!(
            "--tls-cert is given {}, but --tls-key {}",
            times(certificates),
            times(keys)
        ),
        "each certificate has its key: the first --tls-cert that of the first --tls-key, and so on",
    ))
}

fn times(count: usize) -> String {
    match count {
        0 => "not at all".to_owned(),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}
