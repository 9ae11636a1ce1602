//! A name for each call.

use std::{cell::RefCell, error::Error, fmt, str::FromStr};

use bytes::{Bytes, BytesMut};
use http::HeaderValue;

/// A name for one call, to find it again in logs: 128 random bits, written as 32 hexadecimal digits.
///
/// It tells calls apart and is no secret: the generator is fast and can be foretold.
///
/// ```
/// use descant_handlers::RequestId;
///
/// let id: RequestId = "4bf92f3577b34da6a3ce929d0e0e4736".parse()?;
/// assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// # Ok::<(), descant_handlers::RequestIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// The name of the metadata in which it travels.
    pub const KEY: &str = "x-request-id";

    /// A new name, from a generator of this thread.
    pub fn random() -> Self {
        Self(fastrand::u128(..).to_ne_bytes())
    }

    /// A name of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the name.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// In lower case.
    fn digits(&self) -> [u8; 32] {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        digits
    }
}

/// A hexadecimal digit.
const fn digit(number: u8) -> u8 {
    match number {
        0..=9 => b'0' + number,
        _ => b'a' + number - 10,
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

/// Bytes of which headers are made that live for a moment each: of one page after the other, since every call has one.
fn on_page(bytes: &[u8]) -> Bytes {
    const PAGE: usize = 4 << 10;
    thread_local! {
        static CURRENT: RefCell<BytesMut> = RefCell::default();
    }
    CURRENT.with_borrow_mut(|page| {
        if page.capacity() < bytes.len() {
            *page = BytesMut::with_capacity(PAGE);
        }
        page.extend_from_slice(bytes);
        page.split().freeze()
    })
}

/// For headers. HTTP/2 is not to remember it (RFC 7541, section 6.2.3): it never comes again.
impl From<RequestId> for HeaderValue {
    fn from(id: RequestId) -> Self {
        // Digits are legal in every value.
        let mut value = Self::from_maybe_shared(on_page(&id.digits())).unwrap_or(Self::from_static(""));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

/// Text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestIdError(());

impl fmt::Display for RequestIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request id is 32 hexadecimal digits")
    }
}

impl Error for RequestIdError {}

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        // `from_str_radix` alone would take a leading sign.
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(RequestIdError(()));
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| RequestIdError(()))?;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let id = RequestId::random();
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(RequestId::from_bytes([0; 16]).to_string(), "0".repeat(32));
        assert_eq!(HeaderValue::from(id).to_str().unwrap(), id.to_string());
        assert_eq!(
            "ABCDEF00000000000000000000000001"
                .parse::<RequestId>()
                .unwrap()
                .as_bytes()[0],
            0xab
        );
    }

    #[test]
    fn refuses_other_text() {
        for text in [
            "",
            "4bf9",
            "+bf92f3577b34da6a3ce929d0e0e4736",
            "4bf92f3577b34da6a3ce929d0e0e473g",
        ] {
            assert!(text.parse::<RequestId>().is_err(), "{text}");
        }
    }

    #[test]
    fn differs_from_call_to_call() {
        assert_ne!(RequestId::random(), RequestId::random());
    }
}
