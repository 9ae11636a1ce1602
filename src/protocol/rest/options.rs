//! How REST is spoken, where that can be chosen.

use descant_descriptors::{BindOptions, JsonOptions};

/// How a gateway speaks HTTP and JSON. The defaults are those of ProtoJSON and `google/api/http.proto`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestOptions {
    /// How JSON is read and written. How deep messages may nest is a limit of the listener's, not of this.
    pub json: JsonOptions,
    /// How requests become messages. How long a body may be is a limit of the listener's, not of this.
    pub bind: BindOptions,
    /// Whether methods without an HTTP rule are served too, by `POST /package.Service/Method` with the message as JSON.
    /// Default: no; calls of Connect are served there in any case.
    pub unbound_methods: bool,
}
