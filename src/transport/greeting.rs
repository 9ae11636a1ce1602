//! What a peer speaks, by its first bytes, and what it is told if that is not spoken here.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// How long a farewell may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of what a peer goes on to send is read meanwhile: most of what is too large for us is not much too large,
/// and many clients look for an answer only once they have sent all of it.
const LEFTOVERS: u64 = 16 << 20;

/// How HTTP/2 begins, up to where no request of HTTP/1.1 can begin alike. RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2";
/// How SSH begins. RFC 4253, section 4.2. Most scans of ports begin like that.
const SSH: &[u8] = b"SSH-";

/// A fatal `protocol_version` alert: a record of type 21, TLS 1.0, two bytes. RFC 8446, section 6.
const ALERT: &[u8] = &[21, 3, 1, 0, 2, 2, 70];

/// What a peer is told that should have begun with TLS.
const USE_TLS: &str = "this port speaks TLS: use https://";

/// Which protocol a peer began to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    Http1,
    Http2,
    Tls,
    Unknown,
}

impl Spoken {
    /// Judges by the first bytes; `None`: more have to come. The first byte decides most of the time.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        match bytes {
            // A handshake record. RFC 8446, section 5.1.
            [22, ..] => Some(Self::Tls),
            _ if bytes.starts_with(PREFACE) => Some(Self::Http2),
            _ if bytes.starts_with(SSH) => Some(Self::Unknown),
            _ if PREFACE.starts_with(bytes) || SSH.starts_with(bytes) => None,
            // A method, or the empty line that may stand before it. RFC 9112, section 2.2.
            _ if is_token(first) || first == b'\r' || first == b'\n' => Some(Self::Http1),
            _ => Some(Self::Unknown),
        }
    }
}

/// A peer that speaks what is not spoken on this port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// TLS where there is none.
    Tls,
    /// HTTP/1.1 without TLS where there is some.
    PlainHttp1,
    /// The same with HTTP/2.
    PlainHttp2,
    Unknown,
}

impl Mistake {
    /// What a peer does that begins like that on a port that speaks TLS.
    pub(super) fn without_tls(spoken: Spoken) -> Self {
        match spoken {
            Spoken::Http1 => Self::PlainHttp1,
            Spoken::Http2 => Self::PlainHttp2,
            Spoken::Tls | Spoken::Unknown => Self::Unknown,
        }
    }

    /// What went wrong, and how to mend it.
    pub(super) fn explanation(self) -> &'static str {
        match self {
            Self::Tls => {
                "the peer speaks TLS, but this port is plain text: \
                 use a plain-text client (grpcurl -plaintext, http://)"
            }
            Self::PlainHttp1 => "the peer speaks HTTP/1.1 without TLS, but this port speaks TLS: use https://",
            Self::PlainHttp2 => {
                "the peer speaks HTTP/2 without TLS, but this port speaks TLS: \
                 use https:// (grpcurl without -plaintext)"
            }
            Self::Unknown => "the peer speaks neither HTTP nor TLS",
        }
    }

    /// Says so in the peer's own words, if we know them.
    pub(super) async fn say<T: AsyncRead + AsyncWrite + Unpin>(self, io: &mut T) {
        let words = match self {
            Self::Tls => ALERT.to_vec(),
            Self::PlainHttp1 => format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{USE_TLS}\n",
                USE_TLS.len() + 1
            )
            .into(),
            Self::PlainHttp2 => goaway(USE_TLS),
            Self::Unknown => Vec::new(),
        };
        farewell(io, &words).await;
    }
}

/// GOAWAY(`INADEQUATE_SECURITY`). RFC 9113, sections 6.8 and 7. Without the SETTINGS that should come first: grpc-go takes
/// those for a sound connection, and then comes back without a pause for as long as it is told to go.
fn goaway(reason: &str) -> Vec<u8> {
    let length = u8::try_from(8 + reason.len()).unwrap_or(u8::MAX);
    let head = [0, 0, length, 7, 0, 0, 0, 0, 0];
    let last_and_code = [0, 0, 0, 0, 0, 0, 0, 0xc];
    [&head[..], &last_and_code, reason.as_bytes()].concat()
}

/// Says a last word, and reads on for a moment: closing on unread bytes would destroy what the peer has not read yet.
pub(super) async fn farewell<T: AsyncRead + AsyncWrite + Unpin>(io: &mut T, words: &[u8]) {
    let farewell = async {
        io.write_all(words).await?;
        io.shutdown().await?;
        let mut rest = io.take(LEFTOVERS);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // The peer may be gone, or go on talking: both are its own affair.
    let _ = timeout(PATIENCE, farewell).await;
}

/// What methods and names of fields are made of: `tchar`. RFC 9110, section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_told_apart_by_as_few_bytes_as_it_takes() {
        for (bytes, spoken) in [
            (&b""[..], None),
            (b"P", None),
            (b"PRI", None),
            (b"PRI * HTTP/", None),
            (b"PRI * HTTP/2", Some(Spoken::Http2)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Spoken::Http2)),
            (b"PRI * HTTP/1.1\r\n", Some(Spoken::Http1)),
            (b"PO", Some(Spoken::Http1)),
            (b"PROPFIND", Some(Spoken::Http1)),
            (b"G", Some(Spoken::Http1)),
            (b"g", Some(Spoken::Http1)),
            (b"\r\nGET", Some(Spoken::Http1)),
            (b"S", None),
            (b"SE", Some(Spoken::Http1)),
            (b"SSH-2.0-x\r\n", Some(Spoken::Unknown)),
            (&[22], Some(Spoken::Tls)),
            (&[22, 3, 1], Some(Spoken::Tls)),
            (&[0], Some(Spoken::Unknown)),
            (&[128, 46, 1], Some(Spoken::Unknown)),
        ] {
            assert_eq!(Spoken::of(bytes), spoken, "{bytes:?}");
        }
    }
}
