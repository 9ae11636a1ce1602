"""What curl does below HTTP's methods: versions, upgrades, TLS, keep-alive, chunks, limits, the wrong port."""

import json
import tempfile

import curling
import harness
import over_tls
from harness import equal, expect

BOOK = "/v1/books/emma"
PRICE = json.dumps({"currency": "EUR", "units": "4"}).encode()
PUT = ["-X", "PUT", "-H", "content-type: application/json", "--data-binary", "@-"]
HTTP2 = "--http2-prior-knowledge"


class Plain:
    """A port of plain text."""

    def __init__(self, suite, server):
        self.suite, self.url = suite, f"http://{server.address}"

    def run(self):
        for name, check in [
            ("HTTP/1.0", self.one_zero),
            ("HTTP/1.0, a stream", self.one_zero_stream),
            ("HTTP/1.0, a stream that is cut off", self.one_zero_cut),
            ("HTTP/1.0, kept alive", self.one_zero_kept),
            ("Upgrade: h2c", self.upgrade),
            ("Upgrade: h2c with a body", self.upgrade_with_body),
            ("Upgrade: websocket", self.websocket),
            ("as a proxy that is none", self.absolute),
            ("CONNECT", self.connect),
            ("OPTIONS *", self.asterisk),
            ("Expect: 100-continue", self.expected),
            ("Expect: 100-continue of what is refused", self.expected_in_vain),
            ("chunks", self.chunks),
            ("chunks, with an empty body", self.no_chunks),
            ("a connection for many requests", self.kept),
            ("a connection for requests that fail", self.kept_by_errors),
            ("a connection after streams", self.kept_by_streams),
            ("a connection that the client ends", self.closed),
            ("many at once", self.parallel),
            ("a head that is too large", self.large_head),
            ("a head of too many fields", self.many_fields),
            ("a target that is too long", self.long_target),
            ("a host of its own", self.other_host),
            ("an empty host", self.empty_host),
            ("trailers, for who reads them", self.trailers),
            ("hop-by-hop headers", self.hop_by_hop),
            ("a range is not for what is made anew", self.range),
            ("TLS on a port of plain text", self.tls),
        ]:
            self.suite.case(f"plain text: {name}", check)

    def call(self, *told, path=BOOK, stdin=b""):
        return curling.run(*told, self.url + path, stdin=stdin)

    def one_zero(self):
        book = self.call("--http1.0").is_ok()
        equal(book.json()["title"], "Emma")
        expect("transfer-encoding" not in book.headers, f"chunks in HTTP/1.0: {book.headers}")

    def one_zero_stream(self):
        found = self.call("--http1.0", path="/v1/books:search?query=novel").is_ok()
        equal(len(found.json()), 2)
        expect("transfer-encoding" not in found.headers, f"chunks in HTTP/1.0: {found.headers}")

    def one_zero_cut(self):
        """The end of the connection is that of the body: a reset is none."""
        done = self.call("--http1.0", "-H", "connect-timeout-ms: 300", path="/v1/prices:watch?ids=emma")
        equal(done.exit, 56, f"exit code of {done}")
        equal(done.json()[-1]["error"]["code"], 4)

    def one_zero_kept(self):
        twice = curling.run("--http1.0", "-H", "connection: keep-alive", self.url + BOOK, self.url + BOOK).is_ok()
        expect(twice.connections <= 2 and len(twice.written) == 2, f"{twice}")

    def upgrade(self):
        """What `curl --http2` sends over plain text. RFC 9113 has done away with it: it is passed over."""
        book = self.call("--http2").is_ok()
        equal((book.version, len(book.heads), book.json()["title"]), ("1.1", 1, "Emma"))

    def upgrade_with_body(self):
        equal(self.call("--http2", *PUT, path=f"{BOOK}/price", stdin=PRICE).is_ok().json()["price"]["units"], "4")

    def websocket(self):
        asks = ["-H", "connection: upgrade", "-H", "upgrade: websocket", "-H", "sec-websocket-version: 13"]
        self.call("--http1.1", *asks).is_ok()

    def absolute(self):
        """RFC 9112, section 3.2.2: a server takes a target that is a whole URL."""
        done = curling.run("--noproxy", "", "--proxy", self.url, f"http://books.test{BOOK}")
        equal(done.is_ok().json()["title"], "Emma")

    def connect(self):
        done = curling.run("--noproxy", "", "--proxytunnel", "--proxy", self.url, f"http://books.test{BOOK}")
        equal(done.exit, 56, f"exit code of {done}")
        expect("501" in done.said, f"{done}")

    def asterisk(self):
        done = self.call("-X", "OPTIONS", "--request-target", "*")
        equal(done.exit, 0)
        expect(400 > done.status >= 200 or done.status == 404, f"{done}")

    def expected(self):
        done = self.call("-H", "expect: 100-continue", *PUT, path=f"{BOOK}/price", stdin=PRICE).is_ok()
        equal([head[0].split()[1] for head in done.heads], ["100", "200"])

    def expected_in_vain(self):
        done = self.call("-H", "expect: 100-continue", *PUT, path="/v1/nowhere", stdin=PRICE)
        done.is_error(404, 5)

    def chunks(self):
        told = ["--http1.1", "-H", "transfer-encoding: chunked", *PUT]
        done = self.call(*told, path=f"{BOOK}/price", stdin=PRICE).is_ok()
        equal(done.json()["price"]["units"], "4")

    def no_chunks(self):
        told = ["--http1.1", "-H", "transfer-encoding: chunked", *PUT]
        self.call(*told, path=f"{BOOK}/price").is_error(400, 3)
        self.call("--http1.1", "-X", "GET", "-H", "transfer-encoding: chunked", "--data-binary", "", path=BOOK).is_ok()

    def kept(self):
        kept(self.url, "--http1.1")

    def kept_by_errors(self):
        kept_by_errors(self.url, "--http1.1")

    def kept_by_streams(self):
        kept_by_streams(self.url, "--http1.1")

    def closed(self):
        done = many(self.url, "--http1.1", "-H", "connection: close", paths=[BOOK, BOOK])
        equal((done.exit, done.connections), (0, 2))
        equal(done.header("connection"), "close")

    def parallel(self):
        at_once(self.url, "--http1.1")

    def large_head(self):
        for way in ("--http1.1", HTTP2):
            self.call(way, "-H", f"x-large: {'x' * 20000}").is_error(431, 8)

    def many_fields(self):
        fields = [word for number in range(150) for word in ("-H", f"x-{number}: 1")]
        for way in ("--http1.1", HTTP2):
            self.call(way, *fields).is_error(431, 8)

    def long_target(self):
        for way in ("--http1.1", HTTP2):
            done = self.call(way, path="/v1/books?page_token=" + "x" * 20000)
            expect(done.exit == 0 and done.status in (414, 431), f"{way}: {done}")

    def other_host(self):
        for way in ("--http1.1", HTTP2):
            self.call(way, "-H", "host: books.test").is_ok()

    def empty_host(self):
        """RFC 9112, section 3.2: that is how a target without an authority has it."""
        self.call("--http1.1", "-H", "host:").is_ok()

    def trailers(self):
        for way in ("--http1.1", HTTP2):
            self.call(way, "-H", "te: trailers", path="/v1/books:search?query=novel").is_ok()

    def hop_by_hop(self):
        """What `connection` names is not metadata, so what is wrong with it is nobody's business."""
        told = ["--http1.1", "-H", "connection: note-bin", "-H", "note-bin: ***", "-H", "keep-alive: 5"]
        self.call(*told).is_ok()

    def range(self):
        done = self.call("-r", "0-9").is_ok()
        equal(len(done.body), int(done.header("content-length")))

    def tls(self):
        url = self.url.replace("http:", "https:")
        done = curling.run("--insecure", url + BOOK)
        equal(done.exit, 35, f"exit code of {done}")


def many(url, *told, paths):
    """Transfers by one curl, which keeps what can be kept."""
    return curling.run(*told, *(url + path for path in paths))


def kept(url, *told):
    done = many(url, *told, paths=[BOOK, "/v1/books", "/v1/books:search?query=novel", BOOK])
    equal((done.exit, done.connections, len(done.written)), (0, 1, 4))


def kept_by_errors(url, *told):
    done = many(url, *told, paths=["/v1/nowhere", "/v1/books?x=1", "/v1/books/nobody", "/v1/%zz", BOOK])
    equal([one["response_code"] for one in done.written], [404, 400, 404, 400, 200])
    equal(done.connections, 1, "connections")
    # With bodies: what was not read must not be taken for a request.
    sent = ["-X", "POST", "-H", "content-type: text/plain", "-d", "x" * 3000]
    done = many(url, *told, *sent, paths=["/v1/books", "/v1/nowhere", "/v1/books"])
    equal([one["response_code"] for one in done.written], [415, 404, 415])
    equal(done.connections, 1, "connections")


def kept_by_streams(url, *told):
    stream = "/v1/prices:watch?ids=emma&most=1"
    done = many(url, *told, "-H", "accept: text/event-stream", paths=[stream, stream, BOOK])
    equal((done.exit, done.connections, done.status), (0, 1, 200))


def at_once(url, *told):
    paths = [BOOK, *["/v1/books:search?query=novel"] * 59]
    done = many(url, "--parallel", "--parallel-max", 20, *told, paths=paths)
    equal((done.exit, len(done.written)), (0, 60))
    equal({one["response_code"] for one in done.written}, {200})


class Tls:
    """Ports that speak TLS."""

    def __init__(self, suite, folder):
        self.suite, self.folder = suite, folder

    def run(self):
        with self.server() as server:
            for name, check, *more in [
                ("HTTP/2 by ALPN", self.alpn),
                ("HTTP/1.1 by ALPN", self.alpn_1),
                ("no ALPN", self.no_alpn),
                ("a POST over each", self.post),
                ("a stream that is cut off", self.cut),
                ("TLS 1.2", self.old),
                ("TLS 1.3", self.new),
                ("TLS 1.1", self.too_old),
                ("a stranger's certificate", self.stranger),
                ("names", self.names),
                ("a name that nobody has", self.no_name),
                ("a connection for many requests", self.many, kept),
                ("a connection for requests that fail", self.many, kept_by_errors),
                ("a connection after streams", self.many, kept_by_streams),
                ("many at once", self.many, at_once),
                ("plain text", self.plain),
                ("HTTP/2 in plain text", self.plain_2),
                ("HTTP/1.0 in plain text", self.plain_0),
            ]:
                self.suite.case(f"TLS: {name}", check, server, *more)
        asks = ["--tls-client-ca", self.folder.crt("ca")]
        with self.server(*asks) as server:
            self.suite.case("TLS: a client's certificate", self.client, server)
            self.suite.case("TLS: no client's certificate", self.no_client, server)
            self.suite.case("TLS: a stranger's client certificate", self.strange_client, server)
        with self.server(*asks, "--tls-client-optional") as server:
            self.suite.case("TLS: a client's certificate that is not needed", self.optional_client, server)

    def server(self, *words):
        pairs = [["--tls-cert", self.folder.crt(name), "--tls-key", self.folder.key(name)] for name in ("first", "second")]
        return harness.descant(*pairs[0], *pairs[1], *words)

    def call(self, server, *told, name=None, path=BOOK, stdin=b"", trusted=True):
        trust = ["--cacert", self.folder.crt("ca")] if trusted else []
        host = name or server.host
        resolved = ["--resolve", f"{name}:{server.port}:{server.host}"] if name else []
        return curling.run(*trust, *resolved, *told, f"https://{host}:{server.port}{path}", stdin=stdin)

    def alpn(self, server):
        equal(self.call(server).is_ok().version, "2")

    def alpn_1(self, server):
        equal(self.call(server, "--http1.1").is_ok().version, "1.1")

    def no_alpn(self, server):
        equal(self.call(server, "--no-alpn").is_ok().version, "1.1")

    def post(self, server):
        for way in ("--http1.1", "--http2"):
            done = self.call(server, way, *PUT, path=f"{BOOK}/price", stdin=PRICE).is_ok()
            equal(done.json()["price"]["units"], "4")

    def cut(self, server):
        """Over TLS an end without `close_notify` would look alike; the missing chunk, or the reset, does not."""
        for way, wanted in (("--http1.1", {18, 56}), ("--http2", {92})):
            done = self.call(server, way, "-H", "connect-timeout-ms: 300", path="/v1/prices:watch?ids=emma")
            expect(done.exit in wanted, f"exit code: {done}")
            equal(done.json()[-1]["error"]["code"], 4)

    def old(self, server):
        self.call(server, "--tlsv1.2", "--tls-max", "1.2").is_ok()

    def new(self, server):
        self.call(server, "--tlsv1.3").is_ok()

    def too_old(self, server):
        done = self.call(server, "--tlsv1.1", "--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0")
        equal(done.exit, 35, f"exit code of {done}")

    def stranger(self, server):
        equal(self.call(server, trusted=False).exit, 60)
        self.call(server, "--insecure", trusted=False).is_ok()

    def names(self, server):
        for name in ("first.test", "second.test"):
            self.call(server, name=name).is_ok()

    def no_name(self, server):
        equal(self.call(server, name="third.test").exit, 60)

    def many(self, server, check):
        """Over HTTP/2; some curls forget how to speak it when they go on without TLS and without an upgrade."""
        check(f"https://{server.address}", "--cacert", self.folder.crt("ca"), "--http2")

    def plain(self, server):
        for told in (["--http1.1"], ["--http2"], ["--http1.1", "-d", "x" * 100000]):
            done = curling.run(*told, f"http://{server.address}{BOOK}").is_ok(400)
            expect("https://" in done.text(), f"does not say how to mend it: {done}")

    def plain_2(self, server):
        done = curling.run(HTTP2, f"http://{server.address}{BOOK}")
        expect(done.exit not in (0, 28), f"{done}")

    def plain_0(self, server):
        curling.run("--http1.0", f"http://{server.address}{BOOK}").is_ok(400)

    def shows(self, name):
        return ["--cert", self.folder.crt(name), "--key", self.folder.key(name)]

    def client(self, server):
        for way in ("--http1.1", "--http2"):
            self.call(server, way, *self.shows("client")).is_ok()

    def no_client(self, server):
        expect(self.call(server).exit in (35, 55, 56), "worked")

    def strange_client(self, server):
        expect(self.call(server, *self.shows("stranger")).exit in (35, 55, 56), "worked")

    def optional_client(self, server):
        self.call(server).is_ok()
        self.call(server, *self.shows("client")).is_ok()


def unix_socket(path):
    for way in ("--http1.1", HTTP2):
        told = [way, "--unix-socket", path]
        book = curling.run(*told, f"http://localhost{BOOK}").is_ok()
        equal(book.json()["title"], "Emma")
        put = curling.run(*told, *PUT, f"http://localhost{BOOK}/price", stdin=PRICE).is_ok()
        equal(put.json()["price"]["units"], "4")
    # Some curls forget HTTP/2 in plain text when they go on.
    kept("http://localhost", "--http1.1", "--unix-socket", path)


def run(suite):
    with harness.descant() as server:
        Plain(suite, server).run()
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        path = f"{folder}/x.sock"
        with harness.descant("--listen", f"unix:{path}"):
            suite.case("unix socket", unix_socket, path)
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as path:
        Tls(suite, over_tls.Folder(path)).run()
