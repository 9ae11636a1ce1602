//! What goes wrong while a gateway is built or a server starts.

use std::{error, fmt, path::Path};

use descant_handlers::tls::TlsError;

/// Why a gateway cannot be built, or a server cannot start. Displayed on one line: what, where, and how to mend it.
pub struct Error(Box<ErrorKind>);

/// The reasons, for whoever handles them inside.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    #[error(transparent)]
    Pattern(#[from] crate::gateway::PatternError),
    #[error("{what} `{pattern}` matches no method of the schema{}", hint(.nearest))]
    NothingMatched {
        what: &'static str,
        pattern: String,
        nearest: Vec<String>,
    },
    #[error("the handler of route `{pattern}` {what}")]
    Unfit { pattern: String, what: String },
    #[error("route `{0}` is given twice: a method has one handler")]
    RouteTwice(String),
    #[error("REST options of `{0}` are given twice")]
    RestTwice(String),
    #[error("pages of every origin may not have credentials: name the origins that may, or turn credentials off")]
    RecklessCors,
    #[error("metrics named `descant_...` are in that registry, and are not ours ({0}): give the gateway another one")]
    MetricsTaken(crate::observe::MetricsError),
    #[error("log records have {0} fields at most: name fewer")]
    LogFields(usize),
    #[error("the metrics cannot be kept or shown: {0}")]
    Metrics(crate::observe::MetricsError),
    #[error(transparent)]
    Reflection(#[from] descant_handlers::ReflectionError),
    #[error("the descriptors do not load: {0}")]
    Descriptors(#[from] descant_descriptors::Error),
    #[error(
        "mounts `{first}` and `{second}` share {address}, but not their {what}: give both the same, or one of them another port"
    )]
    PortClash {
        address: String,
        first: String,
        second: String,
        what: &'static str,
    },
    #[error(
        "mounts `{first}` and `{second}` share {address}, and both answer {method}: only one of them can, so leave its \
         route out of the other, or give that another port"
    )]
    MountedTwice {
        address: String,
        method: String,
        first: String,
        second: String,
    },
    #[error("{0} would be answered by two mounts that share a port; the schema is as it was")]
    ReloadClash(String),
    #[error(
        "mount {0} was started outside of a tokio runtime: start it from `#[tokio::main]`, or within `Runtime::block_on`"
    )]
    NoRuntime(String),
    #[error(transparent)]
    Bind(crate::transport::BindError),
    #[error(transparent)]
    Tls(TlsError),
    #[error("the connection ended: {0}")]
    Connection(crate::transport::Ended),
    #[error("the server cannot run: {0}")]
    Serve(std::io::Error),
}

impl Error {
    /// Whether an address could not be listened on.
    pub fn is_bind(&self) -> bool {
        matches!(&*self.0, ErrorKind::Bind(_))
    }

    /// Whether two mounts on one port do not get along.
    pub fn is_clash(&self) -> bool {
        use ErrorKind::{MountedTwice, PortClash, ReloadClash};
        matches!(&*self.0, PortClash { .. } | MountedTwice { .. } | ReloadClash(_))
    }

    /// Whether a certificate or a key is not what it should be.
    pub fn is_tls(&self) -> bool {
        matches!(&*self.0, ErrorKind::Tls(_))
    }

    /// The file that an error of TLS is about, if it is about one.
    pub fn tls_file(&self) -> Option<&Path> {
        self.tls().and_then(TlsError::file)
    }

    /// What is wrong with TLS.
    pub(crate) fn tls(&self) -> Option<&TlsError> {
        match &*self.0 {
            ErrorKind::Tls(error) => Some(error),
            _ => None,
        }
    }

    /// The findings of descriptors that did not load; empty for every other reason.
    pub fn findings(&self) -> &[descant_descriptors::Finding] {
        match &*self.0 {
            ErrorKind::Descriptors(error) => error.findings(),
            _ => &[],
        }
    }
}

/// `; did you mean ...?`, or nothing.
pub(crate) fn hint(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

impl From<descant_descriptors::Error> for Error {
    fn from(error: descant_descriptors::Error) -> Self {
        ErrorKind::from(error).into()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source()
    }
}
