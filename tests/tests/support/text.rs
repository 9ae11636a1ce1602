//! HTTP/1.1 by hand.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::soon;

/// A connection whose every byte the test writes.
pub(crate) struct Text<T>(pub(crate) T);

impl Text<TcpStream> {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Text<T> {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The server may have closed the connection: what it said is still there to be read.
        let _ = self.0.write_all(bytes.as_ref()).await;
        let _ = self.0.flush().await;
    }

    /// What comes up to and with `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut said = Vec::new();
        while !said.ends_with(end.as_bytes()) {
            match soon(self.0.read_u8()).await {
                Ok(byte) => said.push(byte),
                Err(error) => panic!("{error} after {}", said.escape_ascii()),
            }
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    /// The next bytes, so many.
    pub(crate) async fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut said = vec![0; length];
        soon(self.0.read_exact(&mut said)).await.unwrap();
        said
    }

    /// What comes up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        // A reset is an end as well.
        let _ = soon(self.0.read_to_end(&mut said)).await;
        said
    }
}
