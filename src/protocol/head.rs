//! The head of a request: what its headers say, read in one pass.

use std::{
    mem,
    time::{Duration, Instant},
};

use descant_handlers::{Encoding, Encodings, Metadata, Status};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};

use super::{
    accepted::Accepted,
    refusal::Fault,
    timeout::{self, Unfit},
};

/// The headers in which a protocol says how a call is to go.
#[derive(Debug)]
pub(super) struct Names {
    /// Where the client says how long it waits. The shortest counts.
    pub(super) timeouts: &'static [Timeout],
    /// How the messages of one side are compressed.
    pub(super) encoding: HeaderName,
    /// How those of the other side may be.
    pub(super) accept: HeaderName,
    /// How the coding of a reply is chosen.
    reply: Choice,
    /// Whether bodies, and what is said of them, are HTTP's own: codings are as RFC 9110 has them.
    pub(super) http: bool,
    /// How names begin that are no metadata, beside those of [`OWN`].
    reserved: &'static [&'static str],
    /// Names among those that are metadata nevertheless.
    kept: &'static [&'static str],
}

/// How the coding of a reply is chosen, among those that the client takes.
#[derive(Clone, Copy, Debug)]
enum Choice {
    /// As that of the request, if the client takes that: gRPC's compression specification leaves it to the server.
    Received,
    /// What the client likes best.
    Best,
    /// The same, the first of a list; a client that says nothing takes what it sends itself. Connect, "Unary-Request".
    BestOrReceived,
}

/// A header that says how long the client waits.
#[derive(Debug)]
pub(super) struct Timeout {
    name: &'static str,
    read: fn(&[u8]) -> Result<Duration, Unfit>,
    /// What it has to be, for who sent something else.
    form: &'static str,
}

const GRPC_TIMEOUT: Timeout = Timeout {
    name: "grpc-timeout",
    read: timeout::grpc,
    form: "one to eight digits and a unit of H, M, S, m, u or n",
};
const CONNECT_TIMEOUT: Timeout = Timeout {
    name: "connect-timeout-ms",
    read: timeout::connect,
    form: "one to ten digits, milliseconds",
};
const SERVER_TIMEOUT: Timeout = Timeout {
    name: "x-server-timeout",
    read: timeout::seconds,
    form: "a number of seconds such as 2.5",
};

/// gRPC's, and gRPC-Web's. gRPC-over-HTTP/2, "Requests".
pub(super) static GRPC: Names = Names {
    timeouts: &[GRPC_TIMEOUT],
    encoding: HeaderName::from_static("grpc-encoding"),
    accept: HeaderName::from_static("grpc-accept-encoding"),
    reply: Choice::Received,
    http: false,
    reserved: &["grpc-"],
    kept: &Metadata::END_TO_END,
};

/// Connect's, of calls whose messages stand in envelopes. Connect, "Streaming-Request".
pub(super) static CONNECT: Names = Names {
    timeouts: &[CONNECT_TIMEOUT],
    encoding: HeaderName::from_static("connect-content-encoding"),
    accept: HeaderName::from_static("connect-accept-encoding"),
    reply: Choice::BestOrReceived,
    http: false,
    reserved: &["grpc-", "connect-"],
    kept: &[],
};

/// Connect's, of calls whose bodies are the messages. Connect, "Unary-Request".
pub(super) static CONNECT_UNARY: Names = Names {
    encoding: header::CONTENT_ENCODING,
    accept: header::ACCEPT_ENCODING,
    timeouts: &[CONNECT_TIMEOUT],
    reply: Choice::BestOrReceived,
    http: false,
    reserved: &["grpc-", "connect-"],
    kept: &[],
};

/// Of plain HTTP: whichever protocol's timeout the client has at hand, and the one of Google's servers.
pub(super) static REST: Names = Names {
    timeouts: &[CONNECT_TIMEOUT, GRPC_TIMEOUT, SERVER_TIMEOUT],
    encoding: header::CONTENT_ENCODING,
    accept: header::ACCEPT_ENCODING,
    reply: Choice::Best,
    http: true,
    // What begins with `content-` is about the body.
    reserved: &["grpc-", "connect-", "content-"],
    kept: &[],
};

impl Names {
    fn reserves(&self, name: &str) -> bool {
        self.reserved.iter().any(|prefix| name.starts_with(prefix)) && !self.kept.contains(&name)
    }

    /// Of a protocol that compresses message by message. To read the envelopes as if nobody had compressed the body would be
    /// to take noise for lengths.
    fn whole_body(&self) -> Fault {
        let what = format!(
            "the content-encoding is not read: messages are compressed one by one, as {} says",
            self.encoding
        );
        Fault {
            http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            status: Status::unimplemented(what),
            header: Some((header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
            of_http: true,
        }
    }
}

/// What the headers of a request say.
#[derive(Debug, Default)]
pub(super) struct Head {
    timeout: Option<Duration>,
    /// Which headers gave one, a bit for each of [`Names::timeouts`].
    timeouts: u8,
    /// How the messages of the request are compressed.
    pub(super) received: Option<Encoding>,
    /// How those of the reply may be; `None`: nothing is said of that.
    accepted: Option<Accepted>,
    /// Which of [`OWN`] are there, a bit for each.
    own: u32,
    /// What is there of HTTP's or a protocol's own beside those.
    others: Vec<HeaderName>,
    /// Whether something is left, the client's metadata.
    metadata: bool,
    /// Whether some name of it ends in `-bin`.
    binary: bool,
}

impl Head {
    pub(super) fn read(parts: &Parts, names: &Names) -> Result<Self, Fault> {
        let mut head = Self::default();
        for (name, value) in &parts.headers {
            head.header(name, value, names)?;
        }
        Ok(head)
    }

    fn header(&mut self, name: &HeaderName, value: &HeaderValue, names: &Names) -> Result<(), Fault> {
        let text = name.as_str();
        let timeout = names.timeouts.iter().position(|timeout| timeout.name == text);
        let known = own(text).or_else(|| {
            let other = timeout.is_some() || names.reserves(text);
            other.then_some(OTHER)
        });
        let Some(own) = known else {
            self.metadata = true;
            self.binary |= text.ends_with("-bin");
            return Ok(());
        };
        match own {
            CONNECTION => self.others.extend(listed(value)),
            OTHER => self.others.push(name.clone()),
            _ => {}
        }
        let again = self.own >> own & 1 == 1;
        self.own |= 1 << own;
        if let Some(timeout) = timeout {
            self.timeout(value, timeout, names)?;
        } else if *name == names.encoding {
            if names.http && self.received.is_some() {
                return Err(unsupported_coding());
            }
            if again && !names.http {
                return Err(Fault::bad_request(&format_args!(
                    "the request has more than one {name}"
                )));
            }
            self.received = received(value, names)?;
        } else if own == CONTENT_TYPE && again {
            // Which of them is meant is anyone's guess.
            return Err(Fault::bad_request(&"the request has more than one content-type"));
        } else if own == CONTENT_ENCODING && !value.as_bytes().eq_ignore_ascii_case(b"identity") {
            return Err(names.whole_body());
        } else if *name == names.accept {
            let ordered = matches!(names.reply, Choice::BestOrReceived);
            self.accepted.get_or_insert_default().add(value.as_bytes(), ordered);
        }
        Ok(())
    }

    fn timeout(&mut self, value: &HeaderValue, place: usize, names: &Names) -> Result<(), Fault> {
        let Some(Timeout { name, read, form }) = names.timeouts.get(place) else {
            return Ok(());
        };
        if self.timeouts >> place & 1 == 1 {
            let what = format_args!("the request has more than one {name}");
            return Err(Fault::bad_request(&what));
        }
        self.timeouts |= 1 << place;
        let timeout = read(value.as_bytes()).map_err(|unfit| match unfit {
            Unfit::Malformed => Fault::bad_request(&format_args!("{name} is not {form}")),
            Unfit::OutOfRange => Fault::bad_request(&format_args!("{name} is out of range")),
        })?;
        self.timeout = Some(self.timeout.map_or(timeout, |other| other.min(timeout)));
        Ok(())
    }

    /// When the call must be over, by the clock of the timers; `None`: not in this age of the world.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let timeout = self.timeout?;
        tokio::time::Instant::now().into_std().checked_add(timeout)
    }

    /// How the messages of the reply are compressed, if at all.
    pub(super) fn reply(&self, names: &Names) -> Option<Encoding> {
        let accepted = self.accepted.unwrap_or_default();
        match names.reply {
            Choice::Received => self.received.filter(|coding| accepted.among.has(*coding)),
            Choice::BestOrReceived if self.accepted.is_none() => self.received,
            Choice::Best | Choice::BestOrReceived => accepted.best(),
        }
    }

    /// The codings that the client takes, of replies that it reads itself.
    pub(super) fn accepted(&self, names: &Names) -> Encodings {
        match (self.accepted, names.reply) {
            (Some(accepted), _) => accepted.among,
            (None, Choice::BestOrReceived) => self.received.into_iter().collect(),
            (None, Choice::Received | Choice::Best) => Encodings::default(),
        }
    }

    /// What neither HTTP nor a protocol has a use for. Values of `-bin` names have to be base64. If that is nothing, the emptied
    /// map goes along, for other headers to be put into: see [`Exchange::room`](super::Exchange).
    pub(super) fn metadata(&self, headers: &mut HeaderMap) -> Result<(Metadata, HeaderMap), Fault> {
        let mut headers = mem::take(headers);
        if !self.metadata {
            headers.clear();
            return Ok((Metadata::new(), headers));
        }
        let mut own = self.own;
        while own != 0 {
            if let Some(name) = OWN.get(own.trailing_zeros() as usize) {
                headers.remove(name);
            }
            own &= own - 1;
        }
        for name in &self.others {
            headers.remove(name);
        }
        let mut metadata = Metadata::from_headers(headers);
        if self.binary {
            let sound = metadata.part_bin();
            sound.map_err(|(name, error)| Fault::bad_request(&format_args!("{name}: {error}")))?;
        }
        Ok((metadata, HeaderMap::new()))
    }
}

/// How the messages are compressed; an unknown coding is refused, with those that are known.
fn received(value: &HeaderValue, names: &Names) -> Result<Option<Encoding>, Fault> {
    let text = value.to_str().unwrap_or("?");
    if names.http {
        return http_coding(text).map_err(|Unknown| unsupported_coding());
    }
    if text == "identity" {
        return Ok(None);
    }
    // HTTP's own header has HTTP's own spelling.
    let found = match names.encoding {
        header::CONTENT_ENCODING => Encoding::of_http(text),
        _ => Encoding::named(text),
    };
    found.map(Some).ok_or_else(|| Fault::unknown_encoding(names))
}

/// RFC 9110, section 15.5.16: with the codings that would do.
fn unsupported_coding() -> Fault {
    let known = Encodings::all();
    let what = format!("the content-encoding is not one of those that are known: {known}");
    Fault {
        http: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        status: Status::invalid_argument(what),
        header: Some((header::ACCEPT_ENCODING, Encodings::all_header())),
        of_http: true,
    }
}

/// A coding that is not known, or more than one.
struct Unknown;

/// The one coding of a list, at most, whatever the case of its name. RFC 9110, section 8.4.
fn http_coding(list: &str) -> Result<Option<Encoding>, Unknown> {
    let names = list.split(',').map(str::trim_ascii);
    let mut names = names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    match (names.next(), names.next()) {
        (None, _) => Ok(None),
        (Some(name), None) => Encoding::of_http(name).map(Some).ok_or(Unknown),
        (Some(_), Some(_)) => Err(Unknown),
    }
}

/// The headers that a connection keeps to itself: RFC 9110, section 7.6.1.
pub(super) fn listed(value: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    let names = value.as_bytes().split(|byte| *byte == b',');
    names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
}

/// Headers that are HTTP's or a protocol's own, whichever protocol the request speaks. What is left is the client's
/// metadata.
static OWN: [HeaderName; 24] = [
    header::CONTENT_TYPE,
    header::TE,
    header::CONTENT_LENGTH,
    header::HOST,
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("connect-timeout-ms"),
    HeaderName::from_static("connect-protocol-version"),
    HeaderName::from_static("connect-content-encoding"),
    HeaderName::from_static("connect-accept-encoding"),
    header::CONTENT_ENCODING,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::UPGRADE,
    header::TRAILER,
    HeaderName::from_static("x-grpc-web"),
    header::EXPECT,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("http2-settings"),
];
/// The places of some of them.
const CONTENT_TYPE: u32 = 0;
const CONTENT_ENCODING: u32 = 11;
const CONNECTION: u32 = 13;
/// Past the last: what else belongs to the protocol that the request speaks.
const OTHER: u32 = 31;

/// Whether a header is HTTP's or a protocol's own, and so none that a handler may set or see in plain HTTP.
pub(super) fn is_own(name: &str) -> bool {
    own(name).is_some() || REST.reserves(name)
}

/// The place of a name in [`OWN`].
fn own(name: &str) -> Option<u32> {
    Some(match name {
        "content-type" => CONTENT_TYPE,
        "te" => 1,
        "content-length" => 2,
        "host" => 3,
        "grpc-timeout" => 4,
        "grpc-encoding" => 5,
        "grpc-accept-encoding" => 6,
        "connect-timeout-ms" => 7,
        "connect-protocol-version" => 8,
        "connect-content-encoding" => 9,
        "connect-accept-encoding" => 10,
        "content-encoding" => CONTENT_ENCODING,
        "accept-encoding" => 12,
        "connection" => CONNECTION,
        "transfer-encoding" => 14,
        "keep-alive" => 15,
        "proxy-connection" => 16,
        "upgrade" => 17,
        "trailer" => 18,
        "x-grpc-web" => 19,
        "expect" => 20,
        "proxy-authenticate" => 21,
        "proxy-authorization" => 22,
        "http2-settings" => 23,
        _ => return None,
    })
}

/// A status of the gateway itself about the head of a request.
impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::of(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_own_name_is_found_at_its_place() {
        for (place, name) in OWN.iter().enumerate() {
            assert_eq!(own(name.as_str()).map(|place| place as usize), Some(place), "{name}");
        }
        assert_eq!(own("x-request-id"), None);
    }

    #[test]
    fn what_is_metadata_depends_on_the_protocol() {
        let names = [
            "grpc-other",
            "grpc-tags-bin",
            "connect-other",
            "content-other",
            "trailer-other",
            "other",
        ];
        for (protocol, count) in [(&GRPC, 5), (&CONNECT, 3), (&CONNECT_UNARY, 3), (&REST, 2)] {
            let headers = names.map(|name| (HeaderName::from_static(name), HeaderValue::from_static("xx")));
            let mut request = http::Request::new(());
            *request.headers_mut() = headers.into_iter().collect();
            let (mut parts, ()) = request.into_parts();
            let head = Head::read(&parts, protocol).unwrap();
            let (metadata, _) = head.metadata(&mut parts.headers).unwrap();
            assert_eq!(metadata.len(), count, "{protocol:?}: {metadata:?}");
        }
    }
}
