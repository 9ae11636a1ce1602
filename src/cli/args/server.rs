//! Which live server is asked or called, and how it is spoken to.

use std::path::PathBuf;

use clap::Args;
use descant::handlers::proxy::Authority;

/// A live server in the place of files.
#[derive(Args, Debug)]
pub(crate) struct LiveArgs {
    /// Ask a live server, by reflection, instead of files: HOST:PORT, https://HOST:PORT over TLS, or unix:PATH
    #[arg(long, value_name = "ADDR")]
    pub(crate) from: Option<String>,

    /// Metadata that the server gets with each question, `name: value`, base64 for names that end in -bin; may be given more than once
    #[arg(short = 'H', long = "header", value_name = "HEADER", requires = "from")]
    pub(crate) headers: Vec<String>,

    /// Say this in `:authority`, and ask for this host over TLS [default: host and port of ADDR]
    #[arg(long, value_name = "NAME", requires = "from")]
    pub(crate) authority: Option<Authority>,

    #[command(flatten)]
    pub(crate) tls: ServerTls,
}

/// How TLS is spoken with a live server.
#[derive(Args, Debug)]
pub(crate) struct ServerTls {
    /// Trust servers whose certificate one of these has signed (PEM), instead of those that the system trusts
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Show this certificate to servers that ask for one (PEM, its chain behind it)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Ask for this name over TLS, which the server's certificate must have [default: the host of the `:authority`]
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,

    /// Trust whoever answers
    #[arg(long, conflicts_with = "ca")]
    pub(crate) insecure: bool,
}

impl ServerTls {
    /// Whether anything is said of TLS.
    pub(crate) fn is_said(&self) -> bool {
        let files = self.ca.is_some() || self.cert.is_some();
        files || self.server_name.is_some() || self.insecure
    }
}
