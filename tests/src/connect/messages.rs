//! The messages of `connectrpc.conformance.v1`, as far as anybody here looks at them.

#![allow(dead_code, reason = "the client has no use for some of them, the server for others")]

use bytes::Bytes;
use prost_types::Any;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ServerCompatRequest {
    #[prost(int32, tag = "1")]
    pub protocol: i32,
    #[prost(int32, tag = "2")]
    pub http_version: i32,
    #[prost(bool, tag = "4")]
    pub use_tls: bool,
    #[prost(bytes = "vec", tag = "5")]
    pub client_tls_cert: Vec<u8>,
    #[prost(uint32, tag = "6")]
    pub message_receive_limit: u32,
    #[prost(message, optional, tag = "7")]
    pub server_creds: Option<TlsCreds>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TlsCreds {
    #[prost(bytes = "vec", tag = "1")]
    pub cert: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ServerCompatResponse {
    #[prost(string, tag = "1")]
    pub host: String,
    #[prost(uint32, tag = "2")]
    pub port: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub pem_cert: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Header {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "2")]
    pub value: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Error {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `UnaryRequest`, `IdempotentUnaryRequest` and `ClientStreamRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AskOne {
    #[prost(message, optional, tag = "1")]
    pub response_definition: Option<OneDefinition>,
}

/// `ServerStreamRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AskMany {
    #[prost(message, optional, tag = "1")]
    pub response_definition: Option<ManyDefinition>,
}

/// `BidiStreamRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AskBoth {
    #[prost(message, optional, tag = "1")]
    pub response_definition: Option<ManyDefinition>,
    #[prost(bool, tag = "2")]
    pub full_duplex: bool,
}

/// `UnaryResponseDefinition`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OneDefinition {
    #[prost(message, repeated, tag = "1")]
    pub response_headers: Vec<Header>,
    #[prost(oneof = "Answer", tags = "2, 3")]
    pub response: Option<Answer>,
    #[prost(message, repeated, tag = "4")]
    pub response_trailers: Vec<Header>,
    #[prost(uint32, tag = "6")]
    pub response_delay_ms: u32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Answer {
    #[prost(bytes, tag = "2")]
    ResponseData(Bytes),
    #[prost(message, tag = "3")]
    Error(Error),
}

/// `StreamResponseDefinition`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ManyDefinition {
    #[prost(message, repeated, tag = "1")]
    pub response_headers: Vec<Header>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub response_data: Vec<Bytes>,
    #[prost(uint32, tag = "3")]
    pub response_delay_ms: u32,
    #[prost(message, optional, tag = "4")]
    pub error: Option<Error>,
    #[prost(message, repeated, tag = "5")]
    pub response_trailers: Vec<Header>,
}

/// Every response of the service.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Response {
    #[prost(message, optional, tag = "1")]
    pub payload: Option<ConformancePayload>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ConformancePayload {
    #[prost(bytes = "bytes", tag = "1")]
    pub data: Bytes,
    #[prost(message, optional, tag = "2")]
    pub request_info: Option<RequestInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RequestInfo {
    #[prost(message, repeated, tag = "1")]
    pub request_headers: Vec<Header>,
    #[prost(int64, optional, tag = "2")]
    pub timeout_ms: Option<i64>,
    #[prost(message, repeated, tag = "3")]
    pub requests: Vec<Any>,
}

impl prost::Name for RequestInfo {
    const PACKAGE: &'static str = "connectrpc.conformance.v1";
    const NAME: &'static str = "RequestInfo";

    fn full_name() -> String {
        format!("{}.ConformancePayload.{}", Self::PACKAGE, Self::NAME)
    }
}
