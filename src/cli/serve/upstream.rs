//! `--to` and its kin: what they mean together.

use std::path::PathBuf;

use descant::handlers::{Proxy, tls::ClientTls};

use super::{Failure, Kind};
use crate::cli::args::Upstream;

/// What answers, if it is a gRPC server.
pub(super) fn read(args: &Upstream) -> Result<Option<Proxy>, Failure> {
    let Some(proxy) = &args.to else {
        return Ok(None);
    };
    let secure = proxy.speaks_tls();
    if !secure && speaks_of_tls(args) {
        return Err(Failure::new(
            Kind::Usage,
            format!("no TLS is spoken with {proxy}: what the other options say of it has no meaning"),
            "write --to https://HOST:PORT",
        ));
    }
    if !secure {
        return Ok(Some(proxy.clone()));
    }
    let proxy = proxy.clone().tls(tls(args));
    proxy.map(Some).map_err(|error| Failure::new(Kind::Bind, error, ""))
}

/// The files that a reload reads again.
pub(super) fn files(args: &Upstream) -> impl Iterator<Item = &PathBuf> {
    args.ca.iter().chain(&args.certificate).chain(&args.key)
}

fn speaks_of_tls(args: &Upstream) -> bool {
    args.insecure || args.server_name.is_some() || files(args).next().is_some()
}

fn tls(args: &Upstream) -> ClientTls {
    let mut tls = ClientTls::new().insecure(args.insecure);
    if let Some(ca) = &args.ca {
        tls = tls.ca_file(ca);
    }
    if let (Some(certificate), Some(key)) = (&args.certificate, &args.key) {
        tls = tls.certificate_files(certificate, key);
    }
    if let Some(name) = &args.server_name {
        tls = tls.server_name(name);
    }
    tls
}
