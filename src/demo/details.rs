//! Details of errors. Source: `google/rpc/error_details.proto`.

use std::collections::HashMap;

use prost::{Message, Name};

const PACKAGE: &str = "google.rpc";

#[derive(Clone, PartialEq, Message)]
pub(super) struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) field_violations: Vec<FieldViolation>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FieldViolation {
    #[prost(string, tag = "1")]
    pub(super) field: String,
    #[prost(string, tag = "2")]
    pub(super) description: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub(super) reason: String,
    #[prost(string, tag = "2")]
    pub(super) domain: String,
    #[prost(map = "string, string", tag = "3")]
    pub(super) metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PreconditionFailure {
    #[prost(message, repeated, tag = "1")]
    pub(super) violations: Vec<Violation>,
}

/// `PreconditionFailure.Violation`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Violation {
    #[prost(string, tag = "1")]
    pub(super) kind: String,
    #[prost(string, tag = "2")]
    pub(super) subject: String,
    #[prost(string, tag = "3")]
    pub(super) description: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ResourceInfo {
    #[prost(string, tag = "1")]
    pub(super) resource_type: String,
    #[prost(string, tag = "2")]
    pub(super) resource_name: String,
    #[prost(string, tag = "4")]
    pub(super) description: String,
}

impl Name for BadRequest {
    const NAME: &'static str = "BadRequest";
    const PACKAGE: &'static str = PACKAGE;
}

impl Name for ErrorInfo {
    const NAME: &'static str = "ErrorInfo";
    const PACKAGE: &'static str = PACKAGE;
}

impl Name for PreconditionFailure {
    const NAME: &'static str = "PreconditionFailure";
    const PACKAGE: &'static str = PACKAGE;
}

impl Name for ResourceInfo {
    const NAME: &'static str = "ResourceInfo";
    const PACKAGE: &'static str = PACKAGE;
}
