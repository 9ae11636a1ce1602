//! What a user sees first: where the server is, what it serves, and lines to try it with.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use descant::config::{Route, Settings, Upstream};
use descant_descriptors::{Method, Schema, Shape};

use crate::cli::{
    check::plural,
    screen::{self, FAINT, STRONG},
};

/// Services that are shown; of more, their number.
const MOST_SERVICES: usize = 10;
/// The demo's call, and a request for it.
const DEMO_METHOD: &str = "/bookshop.v1.Catalog/GetBook";
const DEMO_REQUEST: &str = r#"{"id":"emma"}"#;
/// The same by its HTTP rule.
const DEMO_PATH: &str = "/v1/books/emma";

/// What answers the methods, as the banner tells it.
#[derive(Clone, Debug)]
pub(super) enum Backend {
    /// The bookshop's own handlers.
    Demo,
    /// Every method gets its own request back.
    Echo,
    /// A gRPC server, by its URL.
    To(String),
    /// Several, each by its pattern.
    Routes(Vec<(String, String)>),
    /// Nothing yet.
    Nothing,
}

impl Backend {
    pub(super) fn of(settings: &Settings, is_demo: bool) -> Self {
        let all = |route: &Route| route.pattern.0 == "*";
        match settings.routes.as_slice() {
            [] if is_demo => Self::Demo,
            [] => Self::Nothing,
            [Route { echo: Some(_), .. }] if settings.routes.iter().all(all) => Self::Echo,
            [Route { proxy: Some(proxy), .. }] if settings.routes.iter().all(all) => Self::To(urls(proxy)),
            routes => Self::Routes(
                routes
                    .iter()
                    .map(|route| (route.pattern.0.clone(), answer(route)))
                    .collect(),
            ),
        }
    }
}

fn answer(route: &Route) -> String {
    match &route.proxy {
        Some(proxy) => urls(proxy),
        None => "their own requests".to_owned(),
    }
}

fn urls(proxy: &Upstream) -> String {
    let urls = proxy.url.0.iter().map(|url| url.0.as_str());
    urls.collect::<Vec<_>>().join(", ")
}

/// The start banner.
pub(super) struct Banner<'s> {
    pub(super) addresses: &'s [SocketAddr],
    pub(super) unix_paths: &'s [PathBuf],
    /// Those of them that speak TLS, in the words of `--listen`.
    pub(super) tls: &'s [String],
    pub(super) admin: Option<SocketAddr>,
    pub(super) schema: &'s Schema,
    pub(super) backend: &'s Backend,
    pub(super) watches: bool,
    /// Calls are counted.
    pub(super) observes: bool,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{STRONG}Descant {}{STRONG:#} serves gRPC, gRPC-Web, Connect and REST on",
            env!("CARGO_PKG_VERSION")
        )?;
        for address in self.addresses {
            let (scheme, how) = self.speaks(&address.to_string());
            let more = if address.ip().is_unspecified() {
                format!("{address}, every interface, {how}")
            } else {
                how.to_owned()
            };
            let near = near(*address);
            writeln!(f, "  {STRONG}{scheme}{near}{STRONG:#} {FAINT}({more}){FAINT:#}")?;
        }
        for path in self.unix_paths {
            let address = format!("unix:{}", path.display());
            let (_, how) = self.speaks(&address);
            let address = screen::escape(&address);
            writeln!(f, "  {STRONG}{address}{STRONG:#} {FAINT}({how}){FAINT:#}")?;
        }
        self.services(f)?;
        self.answers(f)?;
        self.tries(f)?;
        self.foot(f)
    }
}

impl Banner<'_> {
    /// How an address begins as a URL, and what is spoken there.
    fn speaks(&self, address: &str) -> (&'static str, &'static str) {
        if self.tls.iter().any(|tls| tls == address) {
            ("https://", "TLS")
        } else {
            ("", "plain text")
        }
    }

    fn services(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.schema.services();
        let count = services.len();
        match count {
            0 => writeln!(f, "\nreflection and health, and no service yet")?,
            _ => writeln!(f, "\nreflection, health, and {}:", plural(count, "service"))?,
        }
        for service in services.take(MOST_SERVICES) {
            let methods = plural(service.methods().len(), "method");
            writeln!(
                f,
                "  {} {FAINT}({methods}){FAINT:#}",
                screen::escape(service.full_name())
            )?;
        }
        match count.saturating_sub(MOST_SERVICES) {
            0 => Ok(()),
            more => writeln!(f, "  {FAINT}and {more} more{FAINT:#}"),
        }
    }

    /// How the methods are answered.
    fn answers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.backend {
            Backend::Demo => writeln!(f, "answered by the demo's handlers, written in Rust"),
            Backend::Echo => {
                let able = self.schema.methods().filter(can_echo).count();
                let all = plural(self.schema.method_count(), "method");
                writeln!(
                    f,
                    "answered with their own requests: {able} of {all}, whose request and reply are of one type"
                )
            }
            Backend::To(upstream) => writeln!(f, "answered by {}", screen::escape(upstream)),
            Backend::Routes(routes) => {
                writeln!(
                    f,
                    "answered by {}, of which the most specific wins:",
                    plural(routes.len(), "route")
                )?;
                for (pattern, answer) in routes.iter().take(MOST_SERVICES) {
                    writeln!(
                        f,
                        "  {} {FAINT}by{FAINT:#} {}",
                        screen::escape(pattern),
                        screen::escape(answer)
                    )?;
                }
                match routes.len().saturating_sub(MOST_SERVICES) {
                    0 => Ok(()),
                    more => writeln!(f, "  {FAINT}and {more} more{FAINT:#}"),
                }
            }
            Backend::Nothing => {
                writeln!(f, "answered by nothing yet: every call gets UNIMPLEMENTED")?;
                writeln!(
                    f,
                    "  start with --to URL or --echo, give a configuration `routes`, or write handlers in Rust: see Gateway::builder(..).route(..)"
                )
            }
        }
    }

    /// Lines that work as they are.
    fn tries(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Target {
            address,
            host,
            curl_option,
            tls,
        }) = self.target()
        else {
            return Ok(());
        };
        // Whether a client can check the certificate is for its owner to know.
        let (grpcurl, curl, buf, scheme) = if tls {
            ("grpcurl -insecure", "curl -k", "buf curl -k", "https")
        } else {
            ("grpcurl -plaintext", "curl", "buf curl --http2-prior-knowledge", "http")
        };
        let (curl, buf) = (format!("{curl}{curl_option}"), format!("{buf}{curl_option}"));
        writeln!(f, "\nTry it:")?;
        writeln!(f, "  {grpcurl} {address} list")?;
        let Some((method, request)) = self.example() else {
            return match self.schema.services().next() {
                None => Ok(()),
                Some(service) => {
                    let name = screen::escape(service.full_name()).into_owned();
                    writeln!(f, "  {grpcurl} {address} describe {name}")
                }
            };
        };
        let path = method.path().trim_start_matches('/');
        writeln!(f, "  {grpcurl} -d '{request}' {address} {path}")?;
        if matches!(self.backend, Backend::Demo) {
            writeln!(f, "  {curl} {scheme}://{host}{DEMO_PATH}")?;
        } else if method.shape() == Shape::Unary {
            let json = "-H 'content-type: application/json'";
            writeln!(f, "  {curl} {json} -d '{request}' {scheme}://{host}/{path}")?;
        }
        writeln!(f, "  {buf} --protocol grpc -d '{request}' {scheme}://{host}/{path}")
    }

    /// What the lines call; a Unix socket only where there is nothing else.
    fn target(&self) -> Option<Target> {
        let unix = |path: &PathBuf| {
            let (scheme, _) = self.speaks(&format!("unix:{}", path.display()));
            let path = screen::escape(&path.display().to_string()).into_owned();
            Target {
                tls: !scheme.is_empty(),
                host: "localhost".to_owned(),
                curl_option: format!(" --unix-socket {path}"),
                // grpcurl's own option for this, `-unix`, has no effect as of 1.9.3.
                address: format!("unix:{path}"),
            }
        };
        let tcp = |address: &SocketAddr| {
            let (scheme, _) = self.speaks(&address.to_string());
            Target::tcp(near(*address), !scheme.is_empty())
        };
        let address = self.addresses.first().map(tcp);
        address.or_else(|| self.unix_paths.first().map(unix))
    }

    /// A method that answers, and a request for it.
    fn example(&self) -> Option<(Method, &'static str)> {
        match self.backend {
            Backend::Demo => Some((self.schema.method(DEMO_METHOD)?, DEMO_REQUEST)),
            Backend::Echo => {
                let echoing = || self.schema.methods().filter(can_echo);
                let unary = echoing().find(|method| method.shape() == Shape::Unary);
                Some((unary.or_else(|| echoing().next())?, "{}"))
            }
            Backend::To(_) => {
                let unary = |method: &Method| method.shape() == Shape::Unary;
                Some((self.schema.methods().find(unary)?, "{}"))
            }
            // Which of them answers is for its owner to know.
            Backend::Routes(_) | Backend::Nothing => None,
        }
    }

    fn foot(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        if let Some(admin) = self.admin {
            let metrics = if self.observes { "/metrics " } else { "" };
            writeln!(
                f,
                "Admin: http://{admin} {FAINT}({metrics}/healthz /readyz /schema /explain, POST /reload){FAINT:#}"
            )?;
        }
        if self.watches {
            writeln!(f, "Reloads when a descriptor changes.")?;
        }
        writeln!(f, "Ctrl-C stops.")
    }
}

/// Where a server is, as the options and arguments of clients say it.
struct Target {
    /// For grpcurl.
    address: String,
    /// The host of URLs.
    host: String,
    /// Of curl and buf.
    curl_option: String,
    tls: bool,
}

impl Target {
    fn tcp(address: String, tls: bool) -> Self {
        Self {
            host: address.clone(),
            address,
            curl_option: String::new(),
            tls,
        }
    }
}

/// What [`Echo`](descant::handlers::Echo) answers.
fn can_echo(method: &Method) -> bool {
    method.input().full_name() == method.output().full_name()
}

/// The address as a client on this machine reaches it.
fn near(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => format!("localhost:{}", address.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use descant::demo;

    use super::*;

    fn banner(schema: &Schema, backend: &Backend) -> String {
        banner_with(schema, backend, false)
    }

    fn banner_with(schema: &Schema, backend: &Backend, tls: bool) -> String {
        let tls_addresses = ["[::]:50051".to_owned()];
        let banner = Banner {
            addresses: &["[::]:50051".parse().unwrap()],
            unix_paths: &[],
            tls: if tls { &tls_addresses } else { &[] },
            admin: Some("127.0.0.1:9901".parse().unwrap()),
            schema,
            backend,
            watches: false,
            observes: true,
        };
        anstream::adapter::strip_str(&banner.to_string()).to_string()
    }

    #[test]
    fn the_demo_is_introduced() {
        let expected = format!(
            "Descant {} serves gRPC, gRPC-Web, Connect and REST on
  localhost:50051 ([::]:50051, every interface, plain text)

reflection, health, and 2 services:
  bookshop.v1.Catalog (8 methods)
  bookshop.v1.Desk (2 methods)
answered by the demo's handlers, written in Rust

Try it:
  grpcurl -plaintext localhost:50051 list
  grpcurl -plaintext -d '{{\"id\":\"emma\"}}' localhost:50051 bookshop.v1.Catalog/GetBook
  curl http://localhost:50051/v1/books/emma
  buf curl --http2-prior-knowledge --protocol grpc -d '{{\"id\":\"emma\"}}' http://localhost:50051/bookshop.v1.Catalog/GetBook

Admin: http://127.0.0.1:9901 (/metrics /healthz /readyz /schema /explain, POST /reload)
Ctrl-C stops.
",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(banner(&demo::schema().unwrap(), &Backend::Demo), expected);
    }

    #[test]
    fn what_nothing_answers_is_not_called() {
        let banner = banner(&demo::schema().unwrap(), &Backend::Nothing);
        assert!(banner.contains("every call gets UNIMPLEMENTED"), "{banner}");
        assert!(banner.contains("describe bookshop.v1.Catalog"), "{banner}");
        assert!(!banner.contains("-d '"), "{banner}");
    }

    #[test]
    fn an_echo_is_tried_on_a_method_that_can_be_echoed() {
        let banner = banner(&demo::schema().unwrap(), &Backend::Echo);
        assert!(
            banner.contains("-d '{}' localhost:50051 bookshop.v1.Desk/Chat"),
            "{banner}"
        );
    }

    #[test]
    fn a_unix_socket_is_shown_and_tried() {
        let banner = Banner {
            addresses: &[],
            unix_paths: &["/run/x.sock".into()],
            tls: &[],
            admin: None,
            schema: &demo::schema().unwrap(),
            backend: &Backend::Demo,
            watches: false,
            observes: true,
        };
        let banner = anstream::adapter::strip_str(&banner.to_string()).to_string();
        for line in [
            "  unix:/run/x.sock (plain text)\n",
            "  grpcurl -plaintext unix:/run/x.sock list\n",
            "  curl --unix-socket /run/x.sock http://localhost/v1/books/emma\n",
            "  buf curl --http2-prior-knowledge --unix-socket /run/x.sock --protocol grpc -d '{\"id\":\"emma\"}' http://localhost/",
        ] {
            assert!(banner.contains(line), "{banner}");
        }
    }

    #[test]
    fn an_upstream_is_named() {
        let banner = banner(&demo::schema().unwrap(), &Backend::To("http://orders:9000".to_owned()));
        assert!(banner.contains("\nanswered by http://orders:9000\n"), "{banner}");
        assert!(
            banner.contains("-d '{}' localhost:50051 bookshop.v1.Catalog/"),
            "{banner}"
        );
    }

    #[test]
    fn routes_are_told() {
        let route = |pattern: &str, answer: &str| (pattern.to_owned(), answer.to_owned());
        let routes = vec![
            route("bookshop.v1.Desk", "http://desk:9000"),
            route("*", "their own requests"),
        ];
        let banner = banner(&demo::schema().unwrap(), &Backend::Routes(routes));
        let told = "answered by 2 routes, of which the most specific wins:\n  bookshop.v1.Desk by http://desk:9000\n  * by their own";
        assert!(banner.contains(told), "{banner}");
    }

    #[test]
    fn tls_is_shown_and_tried() {
        let banner = banner_with(&demo::schema().unwrap(), &Backend::Demo, true);
        for line in [
            "  https://localhost:50051 ([::]:50051, every interface, TLS)\n",
            "  grpcurl -insecure localhost:50051 list\n",
            "  buf curl -k --protocol grpc -d '{\"id\":\"emma\"}' https://localhost:50051/",
        ] {
            assert!(banner.contains(line), "{banner}");
        }
    }
}
