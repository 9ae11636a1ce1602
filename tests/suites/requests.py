"""Python's `requests` against `descant serve`, over HTTP/1.1 and TLS, and `httpx` over HTTP/2."""

import sys

# The packages come first: this file has the name of one of them.
sys.path.append(sys.path.pop(0))

import concurrent.futures
import gzip
import json
import os
import ssl
import struct
import tempfile
import time
import urllib.parse

import httpx
import requests
import urllib3

import harness
import over_tls
from harness import Failure, equal, expect

TOTAL = 40 + 13 + 8
SECONDS = 20
EUR = {"currency": "EUR", "units": "7"}
GET_BOOK = "/bookshop.v1.Catalog/GetBook"
LINES, EVENTS = {"accept": "application/x-ndjson"}, {"accept": "text/event-stream"}


def book(title):
    return {"title": title, "authors": [{"name": "N. N."}], "price": EUR}


def lines(*titles):
    """A body that is made while it is sent, of unknown length."""
    for title in titles:
        yield json.dumps(book(title)).encode() + b"\n"
        time.sleep(0.01)


def fails(kind, check):
    """The error that a call must end with."""
    try:
        done = check()
    except kind as error:
        return error
    raise Failure(f"did not fail: {done}")


class Session(requests.Session):
    """A session of one server. What the environment says of proxies is not meant for it."""

    def __init__(self, base):
        super().__init__()
        self.base, self.trust_env = base, False

    def request(self, method, path, **told):
        url = path if "://" in path else self.base + path
        return super().request(method, url, timeout=told.pop("timeout", SECONDS), **told)

    def connections(self):
        """How many were opened so far."""
        pools = self.get_adapter(self.base).poolmanager.pools
        return sum(pools[key].num_connections for key in pools.keys())


def is_error(answer, status, code, *says):
    equal(answer.status_code, status, f"status ({answer.text[:500]})")
    equal(answer.headers["content-type"], "application/json")
    error = answer.json()
    equal(error["code"], code, "code")
    for text in says:
        expect(text in error["message"], f"says nothing of {text!r}: {error}")
    return error


class Requests:
    """What the bookshop, and an echo, are asked. One case may build on what those before it have changed."""

    def __init__(self, suite, shop, echo):
        self.suite = suite
        self.shop, self.echo = Session(f"http://{shop.address}"), Session(f"http://{echo.address}")

    def run(self):
        for name, check in [
            ("GET", self.get),
            ("a query", self.query),
            ("a query of every script", self.scripts),
            ("a path of every script", self.path),
            ("what a path may hold", self.characters),
            ("POST", self.create),
            ("PUT", self.put),
            ("PATCH", self.patch),
            ("DELETE", self.delete),
            ("HEAD", self.head),
            ("OPTIONS", self.options),
            ("an error that is raised", self.raised),
            ("an error with details", self.details),
            ("404, 405, 400, 415", self.refused),
            ("413", self.too_large),
            ("413 for what is too large in chunks", self.too_large_in_chunks),
            ("no redirect", self.redirects),
            ("cookies and credentials", self.credentials),
            ("the codings that it asks for", self.codings),
            ("a gzip body", self.gzip_body),
            ("lines, one by one", self.lines),
            ("events, one by one", self.events),
            ("an array", self.array),
            ("a change is seen at once", self.live),
            ("a stream that is left early", self.left),
            ("a stream that is cut off", self.cut),
            ("an error before the first message", self.early_error),
            ("a deadline", self.deadline),
            ("a body that is made while it is sent", self.generated),
            ("a body that is made and wrong", self.generated_wrong),
            ("both ways", self.both_ways),
            ("bytes", self.bytes),
            ("a file", self.file),
            ("a form with a file", self.form),
            ("a large body and a large answer", self.large),
            ("a session keeps its connection", self.kept),
            ("threads", self.threads),
            ("Connect", self.connect),
            ("Connect by GET", self.connect_get),
            ("Connect, a stream", self.connect_stream),
        ]:
            self.suite.case(f"requests: {name}", check)

    def get(self):
        got = self.shop.get("/v1/books/emma")
        equal((got.status_code, got.headers["content-type"]), (200, "application/json"))
        equal((got.json()["title"], got.json()["price"]["nanos"]), ("Emma", 990000000))

    def query(self):
        found = self.shop.get("/v1/books", params={"genre": "DRAMA", "page_size": 1}).json()
        equal(([one["id"] for one in found["books"]], found["totalSize"]), (["faust"], 2))
        cheap = self.shop.get("/v1/books", params={"at_most.currency": "EUR", "at_most.units": 6}).json()
        equal([one["id"] for one in cheap["books"]], ["the-art-of-war"])

    def scripts(self):
        texts = ["größer als 3 & 4 = 7", "日本語 🙂", "a+b%20c", "x;y/z?#"]
        for text in texts:
            got = self.echo.get("/v1/notes/a", params={"text": text, "tags": texts})
            equal(got.json(), {"name": "notes/a", "text": text, "tags": texts})

    def path(self):
        equal(self.echo.get("/v1/notes/größer 日本 🙂").json(), {"name": "notes/größer 日本 🙂"})
        is_error(self.shop.get("/v1/books/nüscht"), 404, 5, "nüscht")

    def characters(self):
        for name in ("a+b", "a,b;c=d", "a@b", "a~b", "(a)", "a'b", "a*b!", "$&", "%25", "a%3Ab"):
            wanted = urllib.parse.unquote(name)
            equal(self.echo.get(f"/v1/notes/{name}").json(), {"name": f"notes/{wanted}"}, name)

    def create(self):
        created = self.shop.post("/v1/books", json=book("Irrungen"))
        equal((created.status_code, created.json()["id"]), (200, "irrungen"))

    def put(self):
        change = self.shop.put("/v1/books/irrungen/price", json={**EUR, "units": 9007199254740993})
        equal(change.status_code, 400, "the shop takes no such price")
        change = self.shop.put("/v1/books/irrungen/price", json={**EUR, "units": 3})
        equal((change.json()["price"]["units"], change.json()["cause"]), ("3", "SET"))

    def patch(self):
        got = self.echo.patch("/v1/notes/a", json={"text": "", "size": 5}).json()
        equal(got, {"note": {"name": "notes/a", "size": "5"}, "updateMask": "text,size"})

    def delete(self):
        equal(self.shop.delete("/v1/books/irrungen").json(), {})
        is_error(self.shop.delete("/v1/books/irrungen"), 404, 5)

    def head(self):
        head, get = self.shop.head("/v1/books/emma"), self.shop.get("/v1/books/emma")
        equal((head.status_code, head.content), (200, b""))
        equal(head.headers["content-type"], get.headers["content-type"])
        equal(self.shop.head("/v1/nowhere").status_code, 404)

    def options(self):
        options = self.shop.options("/v1/books/emma")
        equal((options.status_code, options.headers["allow"]), (204, "DELETE, GET, HEAD, OPTIONS"))

    def raised(self):
        error = fails(requests.HTTPError, lambda: self.shop.get("/v1/books/nobody").raise_for_status())
        expect("404" in str(error), f"{error}")
        self.shop.get("/v1/books").raise_for_status()

    def details(self):
        order = {"items": [{"bookId": "the-art-of-war", "quantity": 2}]}
        error = is_error(self.shop.post("/v1/orders", json=order), 400, 9)
        equal(error["details"][0]["violations"][0]["subject"], "books/the-art-of-war")

    def refused(self):
        is_error(self.shop.get("/v1/nowhere"), 404, 5)
        other = self.shop.patch("/v1/orders", json={})
        is_error(other, 405, 12)
        equal(other.headers["allow"], "OPTIONS, POST")
        is_error(self.shop.get("/v1/books", params={"page_sise": 1}), 400, 3, "page_size")
        is_error(self.shop.post("/v1/books", json={"tilte": "x"}), 400, 3, "tilte")
        is_error(self.shop.get("/v1/books/emma", json={}), 400, 3, "body")
        is_error(self.shop.post("/v1/orders", data={"a": "b"}), 415, 3, "x-www-form-urlencoded")

    def too_large(self):
        is_error(self.shop.post("/v1/books", json=book("x" * (5 << 20))), 413, 8)
        packed = gzip.compress(b" " * (50 << 20))
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        is_error(self.shop.post("/v1/books", data=packed, headers=headers), 413, 8)

    def too_large_in_chunks(self):
        chunks = (b" " * 65536 for _ in range(80))
        is_error(self.shop.post("/v1/books", data=chunks, headers={"content-type": "application/json"}), 413, 8)

    def redirects(self):
        for path in ("/v1/books/", "/v1//books", "/v1/books/emma/"):
            got = self.shop.get(path, allow_redirects=True)
            is_error(got, 404, 5)
            equal(got.history, [], "redirects")

    def credentials(self):
        told = {"auth": ("user", "word"), "cookies": {"a": "b"}, "headers": {"x-note": "grüße".encode()}}
        got = self.shop.get("/v1/books/emma", **told)
        equal((got.status_code, got.headers.get("set-cookie")), (200, None))

    def codings(self):
        plain = self.shop.get("/v1/books", headers={"accept-encoding": "identity"})
        equal(plain.headers.get("content-encoding"), None)
        for coding in (urllib3.util.make_headers(accept_encoding=True)["accept-encoding"], "gzip", "deflate"):
            packed = self.shop.get("/v1/books", headers={"accept-encoding": coding})
            expect(packed.headers["content-encoding"] in coding, f"{coding}: {packed.headers}")
            equal(packed.json(), plain.json(), coding)

    def gzip_body(self):
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        packed = gzip.compress(json.dumps({**EUR, "units": "6"}).encode())
        equal(self.shop.put("/v1/books/faust/price", data=packed, headers=headers).json()["price"]["units"], "6")

    def lines(self):
        with self.shop.get("/v1/books:search", params={"query": "novel drama"}, headers=LINES, stream=True) as found:
            equal(found.headers["content-type"], "application/x-ndjson")
            got = [json.loads(line)["book"]["id"] for line in found.iter_lines()]
        equal(got, ["emma", "faust", "frankenstein", "hamlet"])

    def events(self):
        params = {"ids": ["emma", "faust", "hamlet"], "most": 3}
        with self.shop.get("/v1/prices:watch", params=params, headers=EVENTS, stream=True) as watched:
            got = [line for line in watched.iter_lines(decode_unicode=False) if line]
        equal(sorted(json.loads(line.removeprefix(b"data: "))["id"] for line in got), params["ids"])

    def array(self):
        equal(len(self.shop.get("/v1/books:search", params={"query": "novel"}).json()), 2)
        equal(self.shop.get("/v1/books:search", params={"query": "nothing"}).json(), [])

    def live(self):
        params = {"ids": "hamlet", "most": 2}
        with self.shop.get("/v1/prices:watch", params=params, headers=LINES, stream=True) as watched:
            told = watched.iter_lines(chunk_size=1)
            equal(json.loads(next(told))["cause"], "CURRENT")
            self.shop.put("/v1/books/hamlet/price", json=EUR).raise_for_status()
            change = json.loads(next(told))
            equal((change["cause"], change["price"]), ("SET", EUR))
            equal(list(told), [])

    def left(self):
        with self.shop.get("/v1/prices:watch", headers=LINES, stream=True) as watched:
            next(watched.iter_lines(chunk_size=1))
        equal(self.shop.get("/v1/books/emma").status_code, 200)

    def cut(self):
        headers = {**LINES, "x-server-timeout": "0.3"}
        with self.shop.get("/v1/prices:watch", params={"ids": "emma"}, headers=headers, stream=True) as watched:
            got, told = [], watched.iter_lines(chunk_size=1)
            fails(requests.exceptions.ChunkedEncodingError, lambda: [got.append(json.loads(line)) for line in told])
        equal((got[0]["id"], got[-1]["error"]["code"]), ("emma", 4))
        fails(requests.exceptions.ChunkedEncodingError, lambda: self.shop.get("/v1/prices:watch", headers=headers))

    def early_error(self):
        for headers in (LINES, EVENTS, None):
            is_error(self.shop.get("/v1/prices:watch", params={"ids": "nobody"}, headers=headers), 404, 5, "nobody")

    def deadline(self):
        def slowly():
            yield b'{"title": '
            time.sleep(0.6)

        late = self.shop.post("/v1/books:import", data=slowly(), headers={"connect-timeout-ms": "200"})
        is_error(late, 504, 4)
        is_error(self.shop.get("/v1/books", headers={"grpc-timeout": "soon"}), 400, 3, "grpc-timeout")

    def generated(self):
        done = self.shop.post("/v1/books:import", data=lines("Eins", "Zwei", "Drei"))
        equal((done.status_code, done.json()["imported"]), (200, 3))
        for title in ("eins", "zwei", "drei"):
            self.shop.delete(f"/v1/books/{title}").raise_for_status()
        equal(self.shop.post("/v1/books:import", data=lines()).json(), {})

    def generated_wrong(self):
        def wrong():
            yield b'{"tilte": 1}\n'

        is_error(self.shop.post("/v1/books:import", data=wrong()), 400, 3, "message 1", "tilte")

    def both_ways(self):
        asked = (json.dumps({"text": text}).encode() + b"\n" for text in ("Goethe?", "Poems?"))
        said = self.shop.post("/v1/chat", data=asked, stream=True)
        got = [json.loads(line) for line in said.iter_lines()]
        equal((said.headers["content-type"], len(got)), ("application/x-ndjson", 3))
        said = self.shop.post("/v1/chat", json=[{"text": "Goethe?"}], headers={"accept": "application/json"})
        equal(len(said.json()), 2)

    def bytes(self):
        sent = os.urandom(1 << 20)
        got = self.echo.post("/v1/files", data=sent, headers={"content-type": "image/png"})
        equal((got.content == sent, got.headers["content-type"]), (True, "image/png"))

    def file(self):
        with tempfile.TemporaryFile() as file:
            file.write(b"contents")
            file.seek(0)
            got = self.echo.post("/v1/files", data=file, headers={"content-type": "text/plain; charset=utf-8"})
        equal((got.text, got.encoding), ("contents", "utf-8"))

    def form(self):
        got = self.echo.post("/v1/files", files={"file": ("ä.txt", b"contents", "text/plain")})
        expect(got.headers["content-type"].startswith("multipart/form-data; boundary="), f"{got.headers}")
        expect(b"\r\n\r\ncontents\r\n" in got.content, f"{got.content[:500]}")

    def large(self):
        """Of a stream it would read nothing until all is sent, for which there is no room on the way."""
        sent = os.urandom(4_000_000)
        chunks = (sent[place : place + 100_000] for place in range(0, len(sent), 100_000))
        got = self.echo.post("/v1/files", data=chunks, headers={"content-type": "video/mp4"}, stream=True)
        equal(b"".join(got.iter_content(1 << 16)) == sent, True)

    def kept(self):
        with Session(self.shop.base) as session:
            for path in ["/v1/books/emma", "/v1/nowhere", "/v1/books?x=1", "/v1/books:search?query=novel"] * 5:
                session.get(path)
            for _ in range(5):
                is_error(session.post("/v1/orders", data="{}", headers={"content-type": "text/plain"}), 415, 3)
                session.put("/v1/books/emma/price", json=EUR).raise_for_status()
                session.head("/v1/books/emma").raise_for_status()
                session.post("/v1/books:import", data=lines()).raise_for_status()
            equal(session.connections(), 1, "connections")

    def threads(self):
        def ask(number):
            with Session(self.shop.base) as session:
                return [session.get("/v1/books", params={"page_size": number}).json()["books"] for _ in range(10)]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for number, got in zip(range(1, 9), pool.map(ask, range(1, 9)), strict=True):
                equal([len(books) for books in got], [number] * 10)

    def connect(self):
        got = self.shop.post(GET_BOOK, json={"id": "emma"}, headers={"connect-protocol-version": "1"})
        equal(got.json()["title"], "Emma")
        failed = self.shop.post(GET_BOOK, json={"id": "nobody"})
        equal((failed.status_code, failed.json()["code"]), (404, "not_found"))

    def connect_get(self):
        query = {"connect": "v1", "encoding": "json", "message": json.dumps({"id": "emma"})}
        equal(self.shop.get(GET_BOOK, params=query).json()["title"], "Emma")
        failed = self.shop.get("/bookshop.v1.Catalog/SetPrice", params=query)
        equal((failed.status_code, failed.headers["allow"]), (405, "POST"))

    def connect_stream(self):
        message = b'{"query": "novel"}'
        sent = struct.pack(">BI", 0, len(message)) + message
        told = {"data": sent, "headers": {"content-type": "application/connect+json"}, "stream": True}
        with self.shop.post("/bookshop.v1.Catalog/SearchBooks", **told) as found:
            got = []
            while head := found.raw.read(5):
                flags, length = struct.unpack(">BI", head)
                got.append((flags, json.loads(found.raw.read(length))))
        equal([flags for flags, _ in got], [0, 0, 2])
        equal(got[-1][1], {})


class Httpx:
    """`httpx`, over HTTP/2 without TLS."""

    def __init__(self, suite, shop, echo):
        self.suite = suite
        told = {"http1": False, "http2": True, "trust_env": False, "timeout": SECONDS}
        self.shop = httpx.Client(base_url=f"http://{shop.address}", **told)
        self.echo = httpx.Client(base_url=f"http://{echo.address}", **told)

    def run(self):
        for name, check in [
            ("GET", self.get),
            ("a path and a query of every script", self.scripts),
            ("POST, PUT, DELETE", self.change),
            ("errors", self.errors),
            ("413", self.too_large),
            ("a body that nobody reads", self.unread),
            ("codings", self.codings),
            ("lines, one by one", self.lines),
            ("a stream that is left early", self.left),
            ("a stream that is cut off", self.cut),
            ("a body that is made while it is sent", self.generated),
            ("a large body and a large answer", self.large),
            ("many at once", self.at_once),
        ]:
            self.suite.case(f"httpx: {name}", check)

    def get(self):
        got = self.shop.get("/v1/books/emma")
        equal((got.status_code, got.http_version, got.json()["title"]), (200, "HTTP/2", "Emma"))

    def scripts(self):
        got = self.echo.get("/v1/notes/größer 日本", params={"text": "ü&=+ %", "tags": ["x", "🙂"]})
        equal(got.json(), {"name": "notes/größer 日本", "text": "ü&=+ %", "tags": ["x", "🙂"]})

    def change(self):
        equal(self.shop.post("/v1/books", json=book("Httpx")).json()["id"], "httpx")
        equal(self.shop.put("/v1/books/httpx/price", json=EUR).json()["cause"], "SET")
        equal(self.shop.delete("/v1/books/httpx").json(), {})

    def errors(self):
        is_error(self.shop.get("/v1/books/nobody"), 404, 5)
        is_error(self.shop.get("/v1/nowhere"), 404, 5)
        is_error(self.shop.patch("/v1/orders", json={}), 405, 12)
        is_error(self.shop.get("/v1/books", params={"x": 1}), 400, 3)
        is_error(self.shop.post("/v1/orders", data={"a": "b"}), 415, 3)

    def too_large(self):
        """Once it is inflated: of an answer that comes before the request has ended httpx 0.28 takes no notice."""
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        is_error(self.shop.post("/v1/books", content=gzip.compress(b" " * (50 << 20)), headers=headers), 413, 8)

    def unread(self):
        is_error(self.shop.post("/v1/nowhere", content=b"x" * 60_000), 404, 5)

    def codings(self):
        packed = self.shop.get("/v1/books")
        equal((packed.headers["content-encoding"], len(packed.json()["books"])), ("gzip", 8))

    def lines(self):
        with self.shop.stream("GET", "/v1/books:search", params={"query": "novel"}, headers=LINES) as found:
            equal([json.loads(line)["book"]["id"] for line in found.iter_lines()], ["emma", "frankenstein"])

    def left(self):
        with self.shop.stream("GET", "/v1/prices:watch", headers=LINES) as watched:
            next(watched.iter_lines())
        equal(self.shop.get("/v1/books/emma").status_code, 200)

    def cut(self):
        headers, got = {**LINES, "connect-timeout-ms": "300"}, []
        with self.shop.stream("GET", "/v1/prices:watch", params={"ids": "emma"}, headers=headers) as watched:
            told = watched.iter_lines()
            fails(httpx.RemoteProtocolError, lambda: [got.append(json.loads(line)) for line in told])
        equal((got[0]["id"], got[-1]["error"]["code"]), ("emma", 4))

    def generated(self):
        equal(self.shop.post("/v1/books:import", content=lines("Eins", "Zwei")).json()["imported"], 2)

    def large(self):
        sent = os.urandom(4_000_000)
        got = self.echo.post("/v1/files", content=sent, headers={"content-type": "video/mp4"})
        equal((got.content == sent, got.headers["content-type"]), (True, "video/mp4"))

    def at_once(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            got = list(pool.map(lambda number: self.shop.get("/v1/books", params={"page_size": number}), range(1, 9)))
        equal([len(one.json()["books"]) for one in got], list(range(1, 9)))


class Tls:
    """Both, through TLS."""

    def __init__(self, suite, folder):
        self.suite, self.folder = suite, folder
        self.ca = str(folder.crt("ca"))
        self.shown = (str(folder.crt("client")), str(folder.key("client")))

    def server(self, *words):
        pair = ["--tls-cert", self.folder.crt("first"), "--tls-key", self.folder.key("first")]
        return harness.descant(*pair, *words)

    def run(self):
        with self.server() as server:
            for name, check in [
                ("an authority of our own", self.trusted),
                ("an authority that nobody knows", self.stranger),
                ("a name that is not the certificate's", self.other_name),
                ("a session keeps its connection", self.kept),
                ("HTTP/2 by ALPN", self.alpn),
                ("plain text", self.plain),
            ]:
                self.suite.case(f"TLS: {name}", check, server)
        with self.server("--tls-client-ca", self.ca) as server:
            self.suite.case("TLS: a client's certificate", self.client, server)
        with harness.descant() as server:
            self.suite.case("TLS: a port of plain text", self.wrong_port, server)

    def session(self, server, scheme="https"):
        return Session(f"{scheme}://{server.address}")

    def trusted(self, server):
        equal(self.session(server).get("/v1/books/emma", verify=self.ca).json()["title"], "Emma")

    def stranger(self, server):
        fails(requests.exceptions.SSLError, lambda: self.session(server).get("/v1/books/emma"))

    def other_name(self, server):
        url = f"https://localhost:{server.port}/v1/books/emma"
        error = fails(requests.exceptions.SSLError, lambda: self.session(server).get(url, verify=self.ca))
        expect("localhost" in str(error), f"{error}")

    def kept(self, server):
        with self.session(server) as session:
            session.verify = self.ca
            for path in ["/v1/books/emma", "/v1/nowhere", "/v1/books:search?query=novel"] * 3:
                session.get(path)
            equal(session.connections(), 1, "connections")

    def alpn(self, server):
        context = ssl.create_default_context(cafile=self.ca)
        with httpx.Client(http2=True, verify=context, trust_env=False, timeout=SECONDS) as client:
            got = client.get(f"https://{server.address}/v1/books/emma")
        equal((got.http_version, got.json()["title"]), ("HTTP/2", "Emma"))

    def plain(self, server):
        got = self.session(server, "http").get("/v1/books/emma")
        equal(got.status_code, 400)
        expect("https://" in got.text, f"{got.text}")

    def client(self, server):
        got = self.session(server).get("/v1/books/emma", verify=self.ca, cert=self.shown)
        equal(got.json()["title"], "Emma")
        fails(requests.exceptions.ConnectionError, lambda: self.session(server).get("/v1/books/emma", verify=self.ca))

    def wrong_port(self, server):
        fails(requests.exceptions.SSLError, lambda: self.session(server).get("/v1/books/emma", verify=self.ca))


def main():
    suite = harness.Suite("requests", TOTAL)
    with harness.descant() as shop, harness.descant(harness.HERE / "rest" / "files.proto", "--echo") as echo:
        Requests(suite, shop, echo).run()
        Httpx(suite, shop, echo).run()
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as path:
        Tls(suite, over_tls.Folder(path)).run()
    suite.end()


main()
