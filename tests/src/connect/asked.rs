//! What a client under test is asked, and what it answers: `client_compat.proto`.

use prost_types::Any;

use super::messages::{ConformancePayload, Error, Header, TlsCreds};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ClientCompatRequest {
    #[prost(string, tag = "1")]
    pub test_name: String,
    #[prost(int32, tag = "2")]
    pub http_version: i32,
    #[prost(int32, tag = "3")]
    pub protocol: i32,
    #[prost(int32, tag = "4")]
    pub codec: i32,
    #[prost(int32, tag = "5")]
    pub compression: i32,
    #[prost(string, tag = "6")]
    pub host: String,
    #[prost(uint32, tag = "7")]
    pub port: u32,
    #[prost(bytes = "vec", tag = "8")]
    pub server_tls_cert: Vec<u8>,
    #[prost(message, optional, tag = "9")]
    pub client_tls_creds: Option<TlsCreds>,
    #[prost(uint32, tag = "10")]
    pub message_receive_limit: u32,
    #[prost(string, tag = "11")]
    pub service: String,
    #[prost(string, tag = "12")]
    pub method: String,
    #[prost(int32, tag = "13")]
    pub stream_type: i32,
    #[prost(bool, tag = "14")]
    pub use_get_http_method: bool,
    #[prost(message, repeated, tag = "15")]
    pub request_headers: Vec<Header>,
    #[prost(message, repeated, tag = "16")]
    pub request_messages: Vec<Any>,
    #[prost(uint32, optional, tag = "17")]
    pub timeout_ms: Option<u32>,
    #[prost(uint32, tag = "18")]
    pub request_delay_ms: u32,
    #[prost(message, optional, tag = "19")]
    pub cancel: Option<Cancel>,
}

impl ClientCompatRequest {
    /// When the call is to be cancelled.
    pub(crate) fn cancel_timing(&self) -> Option<CancelTiming> {
        self.cancel.as_ref()?.timing
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Cancel {
    #[prost(oneof = "CancelTiming", tags = "1, 2, 3")]
    pub timing: Option<CancelTiming>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum CancelTiming {
    #[prost(message, tag = "1")]
    BeforeCloseSend(()),
    #[prost(uint32, tag = "2")]
    AfterCloseSendMs(u32),
    #[prost(uint32, tag = "3")]
    AfterNumResponses(u32),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ClientCompatResponse {
    #[prost(string, tag = "1")]
    pub test_name: String,
    #[prost(oneof = "CompatResult", tags = "2, 3")]
    pub result: Option<CompatResult>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum CompatResult {
    #[prost(message, tag = "2")]
    Response(Outcome),
    #[prost(message, tag = "3")]
    Error(ClientErrorResult),
}

/// `ClientResponseResult`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Outcome {
    #[prost(message, repeated, tag = "1")]
    pub response_headers: Vec<Header>,
    #[prost(message, repeated, tag = "2")]
    pub payloads: Vec<ConformancePayload>,
    #[prost(message, optional, tag = "3")]
    pub error: Option<Error>,
    #[prost(message, repeated, tag = "4")]
    pub response_trailers: Vec<Header>,
    #[prost(int32, tag = "5")]
    pub num_unsent_requests: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ClientErrorResult {
    #[prost(string, tag = "1")]
    pub message: String,
}
