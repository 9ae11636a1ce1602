//! Certificates and keys as files have them: PEM, RFC 7468.

use std::{borrow::Cow, fmt, fs, path::PathBuf};

use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error, PemObject},
};

use super::TlsError;

/// Where certificates or a key are, as PEM (RFC 7468).
#[derive(Clone, PartialEq)]
pub enum Pem {
    /// In a file.
    File(PathBuf),
    /// In memory, with a name for it.
    Memory(&'static str, Vec<u8>),
}

impl Pem {
    fn read(&self) -> Result<Cow<'_, [u8]>, TlsError> {
        match self {
            Self::File(path) => fs::read(path)
                .map(Cow::from)
                .map_err(|error| TlsError::unreadable(self, &error)),
            Self::Memory(_, bytes) => Ok(Cow::from(bytes)),
        }
    }

    pub(super) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Memory(..) => None,
        }
    }
}

/// The certificates of a source, one at least.
pub fn certificates(source: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    read_certificates(
        source,
        "there is no certificate in it, but a private key: name the file of a certificate",
    )
}

/// The same where a key belongs to them.
pub(super) fn chain(source: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let of_key = "there is no certificate in it, but a private key: are certificate and key swapped?";
    read_certificates(source, of_key)
}

/// `of_key`: what is said of a key that stands there.
fn read_certificates(source: &Pem, of_key: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = source.read()?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| TlsError::of(source, Unreadable(&error)))?;
    if !found.is_empty() {
        return Ok(found);
    }
    let what = match () {
        () if holds(&bytes, b"PRIVATE KEY-----") => of_key,
        () if is_der(&bytes) => {
            "this is DER, and PEM is expected: `openssl x509 -inform der -in FILE -out FILE.pem` converts it"
        }
        () => "there is no certificate in it: in PEM one begins with `-----BEGIN CERTIFICATE-----`",
    };
    Err(TlsError::of(source, what))
}

/// The private key of a source.
pub fn key(source: &Pem) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = source.read()?;
    if holds(&bytes, b"BEGIN ENCRYPTED PRIVATE KEY") || holds(&bytes, b"Proc-Type: 4,ENCRYPTED") {
        let what = "the key is encrypted, and there is nobody to ask for its password: \
                    `openssl pkey -in FILE -out FILE.plain` decrypts it";
        return Err(TlsError::of(source, what));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        Error::NoItemsFound if holds(&bytes, b"BEGIN CERTIFICATE") => TlsError::of(
            source,
            "there is no private key in it, but a certificate: are certificate and key swapped?",
        ),
        Error::NoItemsFound if is_der(&bytes) => TlsError::of(
            source,
            "this is DER, and PEM is expected: `openssl pkey -inform der -in FILE -out FILE.pem` converts it",
        ),
        Error::NoItemsFound => TlsError::of(
            source,
            "there is no private key in it: in PEM one begins with `-----BEGIN PRIVATE KEY-----`, or with EC or RSA \
             before PRIVATE",
        ),
        error => TlsError::of(source, Unreadable(&error)),
    })
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

/// Whether it begins as every certificate and key does in DER: with a SEQUENCE of a length in two bytes.
fn is_der(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x30, 0x82])
}

/// PEM that breaks off, in words; the library's own show bytes as numbers.
struct Unreadable<'a>(&'a Error);

impl fmt::Display for Unreadable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::MissingSectionEnd { end_marker } => {
                write!(
                    f,
                    "the PEM breaks off within its {}",
                    end_marker.trim_ascii().escape_ascii()
                )
            }
            Error::IllegalSectionStart { line } => {
                write!(
                    f,
                    "this line of the PEM makes no sense: `{}`",
                    line.trim_ascii().escape_ascii()
                )
            }
            Error::Base64Decode(reason) => write!(f, "the PEM is no base64: {reason}"),
            other => other.fmt(f),
        }
    }
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display().to_string().escape_debug()),
            Self::Memory(name, _) => f.write_str(name),
        }
    }
}

/// Without the bytes: they may be a key.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
