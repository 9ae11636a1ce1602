//! A live server: from the words of the command line to a connection, and why there is none.

use std::path::Path;

use descant::handlers::{
    Code, ConnectError, Misfit, Phases, Proxy, Status, UpstreamProtocol,
    proxy::{Authority, ProxyOptions},
    tls::ClientTls,
};

use super::{
    args::{Call, Protocol, ServerTls},
    failure::{Failure, Kind},
    screen,
};

/// What stands before the path of a Unix socket.
const UNIX: &str = "unix:";
const ANOTHER_PROTOCOL: &str = "does it speak another protocol? --protocol grpc, grpc-web, connect or rest";
const RIGHT_CERTIFICATE: &str = "is the certificate that --cert names the right one?";
/// Of the head of a reply, and of its trailers: who looks into what goes wrong sees tokens and details of any size.
const HEADER_BYTES: usize = 1 << 20;
/// What the first bytes of a server may tell after the connection was made, and what does not fit then.
const FOUND_OUT: [(&str, Misfit); 4] = [
    ("it speaks TLS", Misfit::Tls),
    ("it answers in HTTP/2", Misfit::Http2),
    ("it speaks SSH", Misfit::Other),
    (
        "it asks for a client certificate, and none was shown",
        Misfit::ClientCertificate,
    ),
];
/// What there is of a server that hangs up as a request of HTTP/1.1 comes, before it has said anything.
const HUNG_UP: [&str; 4] = [
    "connection closed before message completed",
    "Connection reset by peer",
    "hung up behind the TLS handshake",
    "closes each connection at once",
];
/// What servers of TLS say to plain text over HTTP/1.1: Descant, Go's and nginx.
const SPEAKS_TLS: [&str; 3] = ["this port speaks TLS", "to an HTTPS server", "to HTTPS port"];

/// A server that is asked or called.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    address: String,
    /// What stands before the address on the command line: `--from `, or nothing.
    flag: &'static str,
    pub(crate) proxy: Proxy,
    /// What reflection is asked by, where that is another one.
    describing: Option<Proxy>,
    http1: bool,
    /// A certificate is shown to servers that ask for one.
    shows_certificate: bool,
}

impl Server {
    /// The server at `host:port`, `http://host:port`, `https://host:port` or `unix:path`; the last over TLS where something is
    /// said of it.
    pub(crate) fn at(
        address: &str,
        flag: &'static str,
        authority: Option<&Authority>,
        tls: &ServerTls,
    ) -> Result<Self, Failure> {
        let url = url(address, flag)?;
        let unix = url.starts_with(UNIX);
        let mut proxy = Proxy::to(&url).map_err(|error| Failure::new(Kind::Usage, error, ""))?;
        proxy = proxy.options(for_people());
        if let Some(name) = authority {
            proxy = proxy.authority(name);
        }
        let secure = proxy.speaks_tls() || (unix && tls.is_said());
        if !secure && tls.is_said() {
            return Err(Failure::new(
                Kind::Usage,
                format!(
                    "--ca, --cert, --server-name and --insecure are about TLS, and {} is spoken to in plain text",
                    screen::escape(address)
                ),
                format!("say {flag}https://HOST:PORT"),
            ));
        }
        let proxy = if secure {
            proxy.tls(client_tls(tls)).map_err(|error| {
                // Else it is about a file that was named.
                let mend = match error.file() {
                    None => "--ca FILE names a certificate to trust, --insecure trusts any server",
                    Some(_) => "",
                };
                Failure::new(Kind::Bind, error, mend)
            })?
        } else {
            proxy
        };
        Ok(Self {
            address: address.to_owned(),
            flag,
            proxy,
            describing: None,
            http1: false,
            shows_certificate: tls.cert.is_some(),
        })
    }

    /// The same with the bounds of a call: the time that a connection may take, and what a reply's message may be.
    pub(crate) fn within(mut self, args: &Call) -> Self {
        let mut options = self.proxy.chosen().clone();
        options.connect_timeout = args.connect_timeout;
        options.message_bytes = args.max_message;
        options.depth = args.depth;
        self.proxy = self.proxy.options(options);
        self
    }

    /// The same, spoken to in this way.
    pub(crate) fn speaking(mut self, args: &Call) -> Result<Self, Failure> {
        let protocol = match args.protocol {
            Protocol::Grpc => UpstreamProtocol::Grpc,
            Protocol::GrpcWeb => UpstreamProtocol::GrpcWeb,
            Protocol::Connect => UpstreamProtocol::Connect,
            Protocol::Rest => {
                // Reflection is a service of gRPC, and has no HTTP rule.
                self.describing = Some(self.proxy.clone());
                UpstreamProtocol::Rest
            }
        };
        self.proxy = self.proxy.protocol(protocol).encodings(args.compress);
        if args.protocol != Protocol::Rest {
            let of_rest = [
                (args.array, "--array is about streams of REST"),
                (!args.http_rules.is_empty(), "--http-rules is about calls by REST"),
            ];
            if let Some((_, what)) = of_rest.into_iter().find(|(is_said, _)| *is_said) {
                let what = format!("{what}, and another protocol is asked for");
                return Err(Failure::new(Kind::Usage, what, "say --protocol rest too"));
            }
        }
        if args.array {
            self.proxy = self.proxy.rest_array();
        }
        if args.http1 {
            if args.protocol == Protocol::Grpc {
                return Err(Failure::new(
                    Kind::Usage,
                    "gRPC is not spoken over HTTP/1.1, which has no room for its trailers",
                    "say --protocol grpc-web, connect or rest too",
                ));
            }
            self.http1 = true;
            self.proxy = self.proxy.http1();
        }
        Ok(self)
    }

    /// What reflection is asked by.
    pub(crate) fn describing(&self) -> &Proxy {
        self.describing.as_ref().unwrap_or(&self.proxy)
    }

    /// What to do where reflection ends and nothing says why.
    pub(crate) fn hint_at_reflection(&self, status: &Status) -> &'static str {
        let says_enough = matches!(
            status.code(),
            Code::Unauthenticated
                | Code::PermissionDenied
                | Code::ResourceExhausted
                | Code::DeadlineExceeded
                | Code::Cancelled
        );
        if self.http1 && !self.is_rest() && !says_enough {
            "reflection is a stream both ways, which many servers do not take over HTTP/1.1: name a PATH that describes it"
        } else {
            ""
        }
    }

    fn is_rest(&self) -> bool {
        self.describing.is_some()
    }

    /// Why it does not describe itself.
    pub(crate) fn undescribed(&self, failure: Failure) -> Failure {
        if !self.is_rest() {
            return failure;
        }
        let mend = "reflection is asked by gRPC, which a server of REST need not speak: name a PATH that describes it";
        failure.mended(Kind::Other, mend)
    }

    /// Whether an answer is one of a server that was spoken to in plain text and wants TLS. Over HTTP/2 the connection tells.
    fn may_speak_tls(&self, told: &str) -> bool {
        let refused = told.starts_with("the upstream answers with HTTP 400 ") && told.contains(", not as ");
        let is_told = SPEAKS_TLS.iter().any(|words| told.contains(words));
        self.http1 && !self.proxy.speaks_tls() && (refused || is_told)
    }

    /// Why a server may have hung up on a request of HTTP/1.1: over HTTP/2 that is found out before.
    fn hung_up(&self, told: &str) -> Option<Misfit> {
        let lost = self.behind_name("the connection to ", told);
        let lost = lost.and_then(|told| told.strip_prefix("is lost: "));
        let lost = lost.or_else(|| self.behind_name("", told));
        let lost = lost.filter(|_| self.http1)?;
        if lost.contains("refuses TLS with the alert") {
            return Some(Misfit::ClientCertificate);
        }
        HUNG_UP
            .iter()
            .any(|words| lost.contains(words))
            .then_some(Misfit::HungUp)
    }

    /// What is said behind this start and the server, with the address behind it where it is called by a name.
    fn behind_name<'t>(&self, start: &str, told: &'t str) -> Option<&'t str> {
        let told = told.strip_prefix(start)?.strip_prefix(&self.proxy.to_string())?;
        let told = told.strip_prefix(' ')?;
        let address = told.strip_prefix('(').and_then(|told| told.split_once(") "));
        Some(address.map_or(told, |(_, behind)| behind))
    }

    /// What a server was found out to be that was connected to and speaks something else: the same as if it had been known at once.
    pub(crate) fn found_out(&self, status: &Status) -> Option<Failure> {
        let told = status.message();
        // A gateway may have had the same trouble with the server behind it.
        let mut own = ["cannot connect to", "the connection to"].into_iter();
        own.find(|start| told.starts_with(&format!("{start} {}", self.proxy)))?;
        let what = FOUND_OUT.iter().find(|(what, _)| told.contains(&format!(": {what}")));
        let (what, misfit) = what?;
        let what = format!("cannot connect to {}: {what}", self.name());
        Some(Failure::new(Kind::Other, what, self.mend(*misfit)).by_server(status.code()))
    }

    /// What to do about an answer that is none of the protocol.
    pub(crate) fn hint(&self, status: &Status) -> Option<String> {
        let told = status.message();
        if self.may_speak_tls(told) {
            return Some(format!("does it speak TLS? then {}", self.mend(Misfit::Tls)));
        }
        if let Some(misfit) = self.hung_up(told) {
            return Some(self.mend(misfit));
        }
        if self.flag.is_empty() && told == "the upstream reset the call: unexpected internal error encountered" {
            return Some(ANOTHER_PROTOCOL.to_owned());
        }
        let no_route = ["the upstream has no ", "no HTTP rule leads "];
        let usual = ["Not Found", "Method Not Allowed"];
        if self.is_rest() && (no_route.iter().any(|start| told.starts_with(start)) || usual.contains(&told)) {
            let what = "-v shows what was asked for: does the server have that route? its rules may not be those of the descriptors";
            return Some(what.to_owned());
        }
        if told.starts_with("the upstream answers with HTTP 3") && told.contains(" to ") {
            return Some("redirects are not followed: call the address that it leads to".to_owned());
        }
        // An answer of REST has the headers of whoever made it; of the other protocols one that is a gateway's own has its mark.
        let is_relayed = !self.is_rest() && {
            let mut places = [status.head(), status.metadata()].into_iter();
            places.any(|place| place.get("x-request-id").is_some())
        };
        let answer = told.strip_prefix("the upstream answers with HTTP ");
        let answer = answer.filter(|told| told.contains(", not as ") && !is_relayed)?;
        // Another protocol is answered well, or not known; who calls, and whether the server is well, is asked in each of them.
        let says_enough = ["401 ", "403 ", "407 ", "408 ", "429 ", "5"];
        Some(if told.contains("content type text/html") {
            "that is a web page: is it the port of the API? does something on the way answer in its place?".to_owned()
        } else if says_enough.iter().any(|start| answer.starts_with(start)) {
            return None;
        } else if self.flag.is_empty() {
            ANOTHER_PROTOCOL.to_owned()
        } else {
            "is it the port of a gRPC server?".to_owned()
        })
    }

    /// Its address as it was written, safe to be shown.
    pub(crate) fn name(&self) -> String {
        screen::escape(&self.address).into_owned()
    }

    /// Connects, and says how long it took.
    pub(crate) async fn connect(&self) -> Result<Phases, Failure> {
        self.proxy.connect().await.map_err(|error| self.unreachable(&error))
    }

    /// Why there is no connection, and what to do.
    fn unreachable(&self, error: &ConnectError) -> Failure {
        let what = format!("cannot connect to {}: {}", self.name(), screen::escape(error.what()));
        Failure::new(Kind::Other, what, self.mend(error.misfit()))
    }

    fn mend(&self, misfit: Misfit) -> String {
        let unix = self.address.starts_with(UNIX);
        let over_tls = if unix {
            "say --ca FILE or --insecure too".to_owned()
        } else {
            format!("say {}https://HOST:PORT", self.flag)
        };
        match misfit {
            Misfit::Host => "is the name of the host right?".to_owned(),
            Misfit::Connection if unix => {
                "is the server running, is the path right, and may this user write to the socket?".to_owned()
            }
            Misfit::Connection => "is the server running, and is the port right?".to_owned(),
            Misfit::Time => "is it a gRPC server? does something on the way hold the connection back?".to_owned(),
            Misfit::HungUp if self.proxy.speaks_tls() => {
                let certificate = if self.shows_certificate {
                    RIGHT_CERTIFICATE
                } else {
                    "does it ask clients for a certificate? --cert FILE and --key FILE show one"
                };
                let http2 = if self.http1 {
                    "does it speak HTTP/2 alone? then leave out --http1; "
                } else {
                    ""
                };
                format!("{http2}{certificate}")
            }
            Misfit::HungUp => format!("does it speak TLS? then {over_tls}"),
            Misfit::Tls => over_tls,
            Misfit::PlainText => "is it plain text? then say http://, or the host and port alone".to_owned(),
            Misfit::Certificate => {
                "--ca FILE names a certificate to trust, --server-name NAME the name that it has, --insecure trusts any \
                 server"
                    .to_owned()
            }
            Misfit::ClientCertificate if self.shows_certificate => RIGHT_CERTIFICATE.to_owned(),
            Misfit::ClientCertificate => "--cert FILE and --key FILE show one that it trusts".to_owned(),
            Misfit::Http1 if self.proxy.chosen().protocol != UpstreamProtocol::Grpc => "say --http1 too".to_owned(),
            Misfit::Http1 if self.flag.is_empty() => "is it the port of the gRPC server? over HTTP/1.1 it may be called with \
                --protocol grpc-web, connect or rest, and --http1"
                .to_owned(),
            Misfit::Http1 => "is it the port of the gRPC server?".to_owned(),
            Misfit::Http2 => "leave out --http1".to_owned(),
            _ => String::new(),
        }
    }
}

/// What sets a client apart from a gateway: it says what the user says and adds nothing, and shows what is odd rather than refuse it.
fn for_people() -> ProxyOptions {
    let mut options = ProxyOptions::default();
    options.request_ids = false;
    options.header_bytes = HEADER_BYTES;
    options
}

/// The address as a proxy has it.
fn url(address: &str, flag: &str) -> Result<String, Failure> {
    if let Some(path) = address.strip_prefix(UNIX) {
        let path = path.strip_prefix("//").unwrap_or(path);
        let full = std::path::absolute(Path::new(path));
        let full =
            full.map_err(|error| Failure::new(Kind::Usage, format!("{}: {error}", screen::escape(address)), ""))?;
        return Ok(format!("{UNIX}{}", full.display()));
    }
    let (scheme, host) = match address.split_once("://") {
        None => ("http", address.trim_end_matches('/')),
        Some((scheme @ ("http" | "https"), host)) => (scheme, host.trim_end_matches('/')),
        Some((scheme, _)) => {
            return Err(Failure::new(
                Kind::Usage,
                format!("http and https are spoken, not {}", screen::escape(scheme)),
                format!("for instance {flag}localhost:50051, or {flag}https://localhost:50051"),
            ));
        }
    };
    if let Some((before, _)) = host.split_once(['/', '?', '#']) {
        let before = screen::escape(before);
        let scheme = if scheme == "https" { "https://" } else { "" };
        return Err(Failure::new(
            Kind::Usage,
            format!("{flag}{}: an address has no path", screen::escape(address)),
            format!("say {flag}{scheme}{before}: the method that is called says the path"),
        ));
    }
    let port = host.rsplit_once(':').map(|(_, port)| port);
    if port.is_none_or(|port| port.parse::<u16>().is_err()) {
        return Err(Failure::new(
            Kind::Usage,
            format!("{flag}{}: a host and a port are needed", screen::escape(host)),
            match port {
                Some(port) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                    "ports are numbers up to 65535".to_owned()
                }
                _ => format!("for instance {flag}localhost:50051"),
            },
        ));
    }
    Ok(format!("{scheme}://{host}"))
}

fn client_tls(args: &ServerTls) -> ClientTls {
    let mut tls = ClientTls::new().insecure(args.insecure);
    if let Some(ca) = &args.ca {
        tls = tls.ca_file(ca);
    }
    if let (Some(certificate), Some(key)) = (&args.cert, &args.key) {
        tls = tls.certificate_files(certificate, key);
    }
    if let Some(name) = &args.server_name {
        tls = tls.server_name(name);
    }
    tls
}
