//! Where others are, and where to listen: addresses and URLs.

use std::net::SocketAddr;

use super::{
    scalar::{OFF, is_digits, is_nothing, scalar},
    setting::{From, FromScalar, Unfit},
    shape::{Form, Scalar},
};
use crate::{handlers::tls::ClientTls, receiver, transport::UNIX};

/// An IP address and a port, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminAddress(pub Option<SocketAddr>);

/// Where to listen: a host, which may be left out, and a port, or `unix:` and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress(pub String);

/// Where a gRPC server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrl(pub String);

/// Where a receiver of spans is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverUrl(pub String);

/// An origin of browser pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOrigin(pub String);

/// The name of a server that is asked for over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName(pub String);

impl FromScalar for AdminAddress {
    fn scalar() -> Scalar {
        scalar(
            "an IP address and a port such as 127.0.0.1:9901 or [::1]:9901, or `off`",
            Form::Text(Some("^(off|.+:[0-9]+)$")),
        )
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        if text == OFF {
            return Ok(Self(None));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self(Some(address)));
        }
        let port = text.strip_prefix("localhost:").or(text.strip_prefix(':'));
        Err(match port.unwrap_or(text) {
            port if port.parse::<u16>().is_ok() => Unfit::Mended(format!("did you mean `127.0.0.1:{port}`?")),
            word if is_nothing(word) => Unfit::Mended("write `off`".to_owned()),
            _ => Unfit::Other,
        })
    }
}

impl FromScalar for ListenAddress {
    fn scalar() -> Scalar {
        scalar(
            "a host and a port such as [::]:50051, 127.0.0.1:8080, localhost:0 or :50051, or a Unix socket such as \
             unix:/run/descant.sock",
            Form::Text(Some("^(unix:.+|[^/]*:[0-9]+)$")),
        )
    }

    fn from_scalar(text: &str, from: From<'_>) -> Result<Self, Unfit> {
        if let Some(path) = text.strip_prefix(UNIX).filter(|path| !path.is_empty()) {
            // `unix:///run/descant.sock` is an absolute path, as a URL has it.
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self(format!("{UNIX}{}", from.path(path).display())));
        }
        match text.rsplit_once(':') {
            _ if text.contains("://") => Err(Unfit::Mended(
                "leave the scheme out: TLS is spoken where there is `tls`".to_owned(),
            )),
            Some((host, port)) if is_digits(port) && !host.contains('/') => match port.parse::<u16>() {
                Ok(_) => Ok(Self(text.to_owned())),
                Err(_) => Err(Unfit::Mended("ports are numbers up to 65535".to_owned())),
            },
            _ if text.starts_with('/') => Err(Unfit::Mended(format!("did you mean `unix:{text}`?"))),
            None if text.parse::<u16>().is_ok() => Err(Unfit::Mended(format!("did you mean `:{text}`?"))),
            None if !text.is_empty() && !text.contains('/') => {
                Err(Unfit::Mended(format!("add the port: `{text}:50051` for instance")))
            }
            _ => Err(Unfit::Other),
        }
    }
}

impl FromScalar for UpstreamUrl {
    fn scalar() -> Scalar {
        Scalar {
            due: "a URL such as http://127.0.0.1:9000, https://orders.example or unix:/run/orders.sock".to_owned(),
            form: Form::Text(Some("^(https?://.+|unix:/.+)$")),
            private: true,
        }
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        match crate::handlers::Proxy::to(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(Unfit::Because(error.to_string())),
        }
    }
}

impl FromScalar for ReceiverUrl {
    fn scalar() -> Scalar {
        Scalar {
            due: "a URL such as http://localhost:4318".to_owned(),
            form: Form::Text(Some("^https?://.+")),
            private: true,
        }
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        match receiver::endpoint(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(why) => Err(Unfit::Because(why)),
        }
    }
}

impl FromScalar for PageOrigin {
    fn scalar() -> Scalar {
        Scalar {
            due: "an origin such as https://shop.example".to_owned(),
            form: Form::Text(None),
            private: true,
        }
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        match crate::Cors::allow([text]) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(Unfit::Because(error.to_string())),
        }
    }
}

impl FromScalar for ServerName {
    fn scalar() -> Scalar {
        Scalar {
            due: "a name that a certificate can have, such as orders.internal, or an IP address".to_owned(),
            form: Form::AnyText(Some("^[A-Za-z0-9_.:-]+$")),
            private: true,
        }
    }

    fn from_scalar(text: &str, _: From<'_>) -> Result<Self, Unfit> {
        match ClientTls::new().name(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(Unfit::Other),
        }
    }
}
