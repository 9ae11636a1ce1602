//! The tool's own reference server, as what stands behind a proxy: it speaks gRPC over HTTP/2 without TLS.

use std::{
    error::Error,
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{
    messages::{ServerCompatRequest, ServerCompatResponse},
    told,
};

/// `PROTOCOL_GRPC` and `HTTP_VERSION_2` of `config.proto`.
const GRPC: i32 = 2;
const HTTP2: i32 = 2;

/// A reference server, as long as this lives.
pub(crate) struct Reference {
    child: Child,
    pub(crate) port: u32,
}

impl Reference {
    /// Starts the program, with the limit that is asked for.
    pub(crate) fn start(program: &Path, message_receive_limit: u32) -> Result<Self, Box<dyn Error>> {
        let piped = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut reference = Self { child: piped, port: 0 };
        let mut input = reference.child.stdin.take().ok_or("no standard input")?;
        let mut output = reference.child.stdout.take().ok_or("no standard output")?;
        let asked = ServerCompatRequest {
            protocol: GRPC,
            http_version: HTTP2,
            message_receive_limit,
            ..ServerCompatRequest::default()
        };
        told::write(&asked, &mut input)?;
        let answer: ServerCompatResponse = told::read(&mut output)?;
        reference.port = answer.port;
        Ok(reference)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
