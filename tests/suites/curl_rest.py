"""REST by curl: methods, paths, queries, bodies, errors, codings."""

import gzip
import json
import os
import pathlib
import tempfile

import curling
import harness
from harness import equal, expect

BOOK = {"title": "Effi Briest", "authors": [{"name": "Theodor Fontane"}], "price": {"currency": "EUR", "units": "8"}}
BOOKS = ["emma", "faust", "frankenstein", "hamlet", "leaves-of-grass", "on-the-origin-of-species"]
BOOKS += ["the-art-of-war", "through-the-looking-glass"]
EUR = {"currency": "EUR", "units": "7", "nanos": 500000000}
# What curl may be built with, and its own name for it in `curl --version`.
CODINGS = {"gzip": "libz", "deflate": "libz", "br": "brotli", "zstd": "zstd"}
LONG = "a wall of text, " * 400


class Bookshop(curling.Client):
    """What the demo API is asked. One case may build on what those before it have changed."""

    def run(self):
        for name, check in [
            ("GET", self.get),
            ("GET of a list", self.list),
            ("pages", self.pages),
            ("a query's message, by both of its names", self.nested),
            ("an enum in the query", self.enum),
            ("an enum in the path", self.enum_in_path),
            ("POST", self.create),
            ("an id that is taken", self.taken),
            ("a message that is wrong in many ways", self.invalid),
            ("PUT", self.put),
            ("DELETE", self.delete),
            ("a custom method", self.order),
            ("an order that cannot be had", self.short),
            ("HEAD", self.head),
            ("HEAD of what is not there", self.head_of_nothing),
            ("HEAD of a stream", self.head_of_stream),
            ("OPTIONS", self.options),
            ("a preflight", self.preflight),
            ("404", self.nothing),
            ("404 by the handler", self.no_book),
            ("405", self.other_method),
            ("a parameter that is not there", self.unknown_parameter),
            ("a parameter that the path has bound", self.bound_twice),
            ("a parameter twice", self.twice),
            ("a parameter that is no number", self.no_number),
            ("a member that is not there", self.unknown_member),
            ("a member twice", self.member_twice),
            ("no JSON", self.no_json),
            ("no UTF-8", self.no_utf8),
            ("a body where there is none", self.body_of_get),
            ("415", self.form),
            ("a type that is written in JSON", self.plus_json),
            ("415 for a coding", self.unknown_coding),
            ("a gzip body", self.gzip_body),
            ("a gzip body that is none", self.broken_gzip),
            ("413", self.too_large),
            ("413 for what is too large once it is inflated", self.bomb),
            ("413 for chunks", self.too_large_in_chunks),
            ("a timeout that is none", self.bad_timeout),
            ("metadata that is no base64", self.bad_metadata),
            ("no redirect", self.trailing_slash),
            ("a large body that nobody reads", self.unread),
            *((f"compressed with {coding}", lambda coding=coding: self.compressed(coding)) for coding in CODINGS),
            ("--compressed", self.curls_choice),
            ("a coding that the client refuses", self.refused_coding),
        ]:
            self.case(name, check)
        for path, status in HOSTILE:
            self.case(f"--path-as-is {path}", self.hostile, path, status)

    def get(self):
        book = self.call("/v1/books/emma").is_ok()
        equal(book.header("content-type"), "application/json", "content-type")
        equal(book.header("content-length"), str(len(book.body)), "content-length")
        book = book.json()
        equal((book["title"], book["price"]["units"], book["inStock"]), ("Emma", "9", 12))
        equal(book["published"], "1815-12-23T00:00:00Z")

    def ids(self, path):
        return [book["id"] for book in self.call(path).is_ok().json().get("books", [])]

    def list(self):
        equal(self.ids("/v1/books"), BOOKS)

    def pages(self):
        first = self.call("/v1/books?page_size=3").is_ok().json()
        equal((len(first["books"]), first["totalSize"]), (3, len(BOOKS)))
        rest = self.ids(f"/v1/books?pageSize=100&pageToken={first['nextPageToken']}")
        equal([book["id"] for book in first["books"]] + rest, BOOKS)

    def nested(self):
        for name in ("at_most", "atMost"):
            equal(self.ids(f"/v1/books?{name}.currency=EUR&{name}.units=6"), ["the-art-of-war"])

    def enum(self):
        for genre in ("DRAMA", "2"):
            equal(self.ids(f"/v1/books?genre={genre}"), ["faust", "hamlet"])
        self.call("/v1/books?genre=COOKING").is_error(400, 3, "genre")

    def enum_in_path(self):
        equal(self.ids("/v1/genres/POETRY/books"), ["leaves-of-grass"])
        equal(self.ids("/v1/genres/POETRY/books?at_most.currency=EUR&at_most.units=2"), [])
        self.call("/v1/genres/poetry/books").is_error(400, 3, "genre")

    def create(self):
        created = self.post("/v1/books", BOOK).is_ok().json()
        equal(created["id"], "effi-briest")
        equal(self.call("/v1/books/effi-briest").is_ok().json(), created)

    def taken(self):
        error = self.post("/v1/books", BOOK).is_error(409, 6, "effi-briest")
        equal(error["details"][0]["@type"], "type.googleapis.com/google.rpc.ResourceInfo")

    def invalid(self):
        error = self.post("/v1/books", {"title": "Nobody's"}).is_error(400, 3)
        (detail,) = error["details"]
        equal(detail["@type"], "type.googleapis.com/google.rpc.BadRequest")
        equal([one["field"] for one in detail["fieldViolations"]], ["book.authors", "book.price"])

    def put(self):
        change = self.post("/v1/books/effi-briest/price", EUR, method="PUT").is_ok().json()
        equal((change["id"], change["price"], change["cause"]), ("effi-briest", EUR, "SET"))
        equal(self.call("/v1/books/effi-briest").json()["price"], EUR)

    def delete(self):
        equal(self.call("/v1/books/effi-briest", "-X", "DELETE").is_ok().text(), "{}")
        self.call("/v1/books/effi-briest", "-X", "DELETE").is_error(404, 5, "effi-briest")

    def order(self):
        order = self.post("/v1/orders", {"items": [{"bookId": "hamlet", "quantity": 2}], "address": "Elsinore"})
        order = order.is_ok().json()
        equal((order["total"]["units"], order["deliveryTime"]), ("13", "259200s"))

    def short(self):
        order = {"items": [{"book_id": "the-art-of-war", "quantity": 3}], "collect": True}
        error = self.post("/v1/orders", order).is_error(400, 9, "the-art-of-war")
        (violation,) = error["details"][0]["violations"]
        equal(violation["description"], "only 1 left")

    def head(self):
        head, get = self.call("/v1/books/faust", "--head").is_ok(), self.call("/v1/books/faust")
        equal(head.body.count(b"\n\r\n"), 1, "curl shows the head alone")
        equal(head.header("content-length"), str(len(get.body)), "content-length")
        equal(head.header("content-type"), "application/json")

    def head_of_nothing(self):
        head = self.call("/v1/books/nobody", "--head")
        equal((head.exit, head.status), (0, 404))
        equal(head.header("content-type"), "application/json")

    def head_of_stream(self):
        head = self.call("/v1/prices:watch", "--head", "-H", "accept: text/event-stream").is_ok()
        equal(head.header("content-type"), "text/event-stream")

    def options(self):
        options = self.call("/v1/books/emma", "-X", "OPTIONS").is_ok(204)
        equal((options.header("allow"), options.body), ("DELETE, GET, HEAD, OPTIONS", b""))

    def preflight(self):
        asks = ["-H", "origin: http://localhost:3000", "-H", "access-control-request-method: PUT"]
        granted = self.call("/v1/books/emma/price", "-X", "OPTIONS", *asks)
        expect(granted.status in (200, 204), f"{granted}")
        equal(granted.header("access-control-allow-origin"), "http://localhost:3000")
        stranger = self.call("/v1/books/emma", "-H", "origin: https://elsewhere.example").is_ok()
        equal(stranger.header("access-control-allow-origin"), "", "what a stranger is granted")

    def nothing(self):
        self.call("/v1/nowhere").is_error(404, 5, "GET /v1/nowhere")

    def no_book(self):
        error = self.call("/v1/books/n%C3%BCscht").is_error(404, 5, "nüscht")
        kinds = [detail["@type"].rsplit(".", 1)[1] for detail in error["details"]]
        equal(kinds, ["ResourceInfo", "ErrorInfo"])

    def other_method(self):
        other = self.call("/v1/orders", "-X", "PATCH")
        other.is_error(405, 12, "PATCH")
        equal(other.header("allow"), "OPTIONS, POST")

    def unknown_parameter(self):
        self.call("/v1/books?page_sise=3").is_error(400, 3, "page_sise", "page_size")

    def bound_twice(self):
        self.call("/v1/books/emma?id=faust").is_error(400, 3, '"id"')

    def twice(self):
        self.call("/v1/books?page_size=3&page_size=4").is_error(400, 3, "page_size")

    def no_number(self):
        for number in ("many", "1.5", "99999999999", "0x10"):
            self.call(f"/v1/books?page_size={number}").is_error(400, 3, "page_size")

    def unknown_member(self):
        self.post("/v1/books", {**BOOK, "tilte": "x"}).is_error(400, 3, "tilte")

    def member_twice(self):
        self.post("/v1/books/emma/price", '{"units": "1", "units": "2"}', method="PUT").is_error(400, 3, "units")

    def no_json(self):
        for text in ("", "{", "{'title': 1}", '{"title": "x"} {}', '{"title": "x",}', "[]", "null x", "// no\n{}"):
            self.post("/v1/books", text).is_error(400, 3)

    def no_utf8(self):
        self.post("/v1/books", b'{"title": "\xff"}').is_error(400, 3)

    def body_of_get(self):
        self.post("/v1/books/emma", {}, method="GET").is_error(400, 3, "body")

    def form(self):
        self.call("/v1/books", "-d", json.dumps(BOOK)).is_error(415, 3, "application/x-www-form-urlencoded")

    def plus_json(self):
        kind = ["-H", "content-type: Application/Vnd.Shop+JSON; charset=UTF-8"]
        price = self.call("/v1/books/emma/price", "-X", "PUT", *kind, "-d", json.dumps(EUR))
        equal(price.is_ok().json()["price"], EUR)

    def unknown_coding(self):
        coded = self.post("/v1/orders", {}, "-H", "content-encoding: compress")
        coded.is_error(415, 3, "gzip")
        expect("gzip" in coded.header("accept-encoding"), f"names no coding that would do: {coded}")

    def gzip_body(self):
        packed = gzip.compress(json.dumps({**EUR, "units": "5"}).encode())
        for coding in ("gzip", "X-Gzip", "identity, gzip"):
            price = self.post("/v1/books/emma/price", packed, "-H", f"content-encoding: {coding}", method="PUT")
            equal(price.is_ok().json()["price"]["units"], "5", coding)

    def broken_gzip(self):
        packed = gzip.compress(json.dumps(EUR).encode())
        for body in (packed[:-6], b"no gzip"):
            self.post("/v1/books/emma/price", body, "-H", "content-encoding: gzip", method="PUT").is_error(400, 3)

    def too_large(self):
        self.post("/v1/books", {"title": "x" * (5 << 20)}).is_error(413, 8, "4194304")

    def bomb(self):
        packed = gzip.compress(b" " * (50 << 20))
        self.post("/v1/books", packed, "-H", "content-encoding: gzip").is_error(413, 8, "4194304")

    def too_large_in_chunks(self):
        body = b" " * (5 << 20)
        sent = ["-X", "POST", "-H", "content-type: application/json", "--upload-file", "-"]
        self.call("/v1/books", *sent, stdin=body).is_error(413, 8)

    def bad_timeout(self):
        for timeout in ("connect-timeout-ms: soon", "grpc-timeout: 5", "x-server-timeout: -1"):
            self.call("/v1/books", "-H", timeout).is_error(400, 3, timeout.split(":")[0])

    def bad_metadata(self):
        self.call("/v1/books", "-H", "note-bin: ***").is_error(400, 3, "note-bin")
        self.call("/v1/books", "-H", "note-bin: AP8").is_ok()

    def trailing_slash(self):
        for path in ("/v1/books/", "/v1//books", "/v1/books/emma/"):
            slash = self.call(path, "--location")
            slash.is_error(404, 5)
            equal(slash.last["num_redirects"], 0, "redirects")

    def unread(self):
        """The answer comes before the request has ended, and must be seen."""
        body = b"x" * (3 << 20)
        self.post("/v1/nowhere", body).is_error(404, 5)
        self.post("/v1/orders", body, method="PATCH").is_error(405, 12)
        self.post("/v1/books", body, "-H", "content-encoding: compress").is_error(415, 3)

    def compressed(self, coding):
        """As it comes; and as curl inflates it, if it can."""
        plain = self.call("/v1/books").is_ok()
        packed = self.call("/v1/books", "-H", f"accept-encoding: {coding}").is_ok()
        equal(packed.header("content-encoding"), coding, "content-encoding")
        expect("accept-encoding" in packed.header("vary").lower(), f"a cache could mistake it: {packed.headers}")
        expect(len(packed.body) < len(plain.body) / 2, f"{len(packed.body)} bytes of {len(plain.body)}")
        if CODINGS[coding] in features():
            again = self.call("/v1/books", "--compressed", "-H", f"accept-encoding: {coding}").is_ok()
            equal(again.body, plain.body)

    def curls_choice(self):
        packed = self.call("/v1/books", "--compressed").is_ok()
        equal(packed.header("content-encoding"), "gzip", "content-encoding")
        equal(len(packed.json()["books"]), len(BOOKS))
        # What is not worth it goes out as it is.
        equal(self.call("/v1/orders", "--compressed").header("content-encoding"), "", "of an error")

    def refused_coding(self):
        plain = self.call("/v1/books", "-H", "accept-encoding: gzip;q=0, compress, identity").is_ok()
        equal(plain.header("content-encoding"), "", "content-encoding")
        equal(len(plain.json()["books"]), len(BOOKS))

    def hostile(self, path, status):
        hostile = self.call(path, "--path-as-is", "--globoff")
        hostile.is_error(status, 3 if status == 400 else 5)


# Paths that two parties could read differently, and some that look as if.
HOSTILE = [
    ("/v1/../v1/books", 400),
    ("/v1/books/.", 400),
    ("/v1/books/..", 400),
    ("/v1/%2e%2e/books", 400),
    ("/v1/books/%2E", 400),
    ("/v1/books/..:import", 400),
    ("/v1/books\\emma", 400),
    ("/v1/books/%", 400),
    ("/v1/books/%4", 400),
    ("/v1/books/%zz", 400),
    ("/v1/books/emma%00", 400),
    ("/v1/books/%ff", 400),
    ("//v1/books", 404),
    ("/v1/books//", 404),
    ("/v1/books/emma%2F", 404),
    ("/v1%2Fbooks/emma", 404),
    ("/v1/books%3Asearch?query=emma", 404),
    ("/V1/books", 404),
    ("/v1/books/...", 404),
]


class Files(curling.Client):
    """What an echo is asked: bodies that are bytes, and rules that the bookshop has no use for."""

    def run(self):
        for name, check in [
            ("bytes and their type", self.bytes),
            ("no bytes", self.no_bytes),
            ("bytes of no type", self.no_type),
            ("a form", self.form),
            ("a name of two segments", self.name),
            ("an encoded slash", self.encoded_slash),
            ("a name of many segments", self.many_segments),
            ("every script", self.scripts),
            ("blanks and plus signs", self.blanks),
            ("repeated parameters", self.repeated),
            ("response_body", self.part),
            ("response_body of what is not set", self.empty_part),
            ("the path wins over the body", self.path_wins),
            ("PATCH without a mask", self.patch),
            ("PATCH with a mask", self.patch_with_mask),
            ("a custom kind of method", self.purge),
            ("a large answer", self.large),
            ("as much as there may be", self.exactly),
            *((f"a {coding} body", lambda coding=coding: self.packed(coding)) for coding in (*CODINGS, "snappy")),
            ("bytes that are streamed both ways", self.pipe),
            ("more bytes than a message may have", self.pipe_of_many),
        ]:
            self.case(name, check)

    def send(self, path, body, kind, *told):
        return self.call(path, "-X", "POST", "-H", f"content-type: {kind}", "--data-binary", "@-", *told, stdin=body)

    def bytes(self):
        sent = bytes(range(256)) * 100
        for kind in ("image/png", "text/plain; charset=utf-8", "application/json"):
            got = self.send("/v1/files", sent, kind).is_ok()
            equal((got.body == sent, got.header("content-type")), (True, kind))

    def no_bytes(self):
        got = self.send("/v1/files", b"", "text/css").is_ok()
        equal((got.body, got.header("content-type"), got.header("content-length")), (b"", "text/css", "0"))

    def no_type(self):
        got = self.call("/v1/files", "-X", "POST", "-H", "content-type:", "--data-binary", "x").is_ok()
        equal((got.body, got.header("content-type")), (b"x", "application/octet-stream"))

    def form(self):
        got = self.call("/v1/files", "-F", "a=1", "-F", "b=@-;filename=x.txt", stdin=b"file").is_ok()
        expect(got.header("content-type").startswith("multipart/form-data; boundary="), f"{got.headers}")
        expect(b'filename="x.txt"' in got.body and b"\r\n\r\nfile\r\n" in got.body, f"{got}")

    def note(self, path, *told):
        return self.call(path, *told).is_ok().json()

    def name(self):
        equal(self.note("/v1/notes/a"), {"name": "notes/a"})
        self.call("/v1/notes/a/b").is_error(404, 5)

    def encoded_slash(self):
        equal(self.note("/v1/notes/a%2Fb"), {"name": "notes/a%2Fb"})
        equal(self.note("/v1/trees/a%2Fb/c%20d"), {"name": "a%2Fb/c d"})

    def many_segments(self):
        equal(self.note("/v1/trees/a/b/c/d"), {"name": "a/b/c/d"})

    def scripts(self):
        wanted = {"name": "notes/größer", "text": "日本語 🙂", "tags": ["ü&=%"]}
        query = ["--get", "--data-urlencode", "text=日本語 🙂", "--data-urlencode", "tags=ü&=%"]
        equal(self.note("/v1/notes/gr%C3%B6%C3%9Fer", *query), wanted)

    def blanks(self):
        equal(self.note("/v1/notes/a+b?text=a+b%2Bc%20d"), {"name": "notes/a+b", "text": "a b+c d"})

    def repeated(self):
        equal(self.note("/v1/notes/a?tags=x&tags=&tags=x"), {"name": "notes/a", "tags": ["x", "", "x"]})

    def part(self):
        equal(self.note("/v1/notes/a/tags?tags=x&tags=y"), ["x", "y"])
        equal(self.note("/v1/notes/a/size?size=9007199254740993"), "9007199254740993")

    def empty_part(self):
        equal(self.call("/v1/notes/a/tags").is_ok().text(), "[]")
        equal(self.call("/v1/notes/a/size").is_ok().text(), '"0"')

    def path_wins(self):
        equal(self.post("/v1/notes/a", {"name": "notes/b", "text": "t"}).is_ok().json(), {"name": "notes/a", "text": "t"})
        self.post("/v1/notes/a?text=u", {"text": "t"}).is_error(400, 3, "text")

    def patch(self):
        got = self.post("/v1/notes/a", {"text": "", "tags": ["x"]}, method="PATCH").is_ok().json()
        equal(got, {"note": {"name": "notes/a", "tags": ["x"]}, "updateMask": "text,tags"})

    def patch_with_mask(self):
        got = self.post("/v1/notes/a?update_mask=size", {"text": "t"}, method="PATCH").is_ok().json()
        equal(got["updateMask"], "size")

    def purge(self):
        equal(self.note("/v1/notes/a", "-X", "PURGE"), {"name": "notes/a"})

    def large(self):
        text = "x" * (3 << 20)
        equal(self.post("/v1/notes/a", {"text": text}).is_ok().json()["text"] == text, True)

    def exactly(self):
        """4 MiB are the limit of a body and of the message that it becomes."""
        text = "x" * ((4 << 20) - 64)
        equal(len(self.post("/v1/notes/a", {"text": text}).is_ok().json()["text"]), len(text))
        self.post("/v1/notes/a", {"text": text + "x" * 64}).is_error(413, 8)

    def packed(self, coding):
        """What the server has compressed it takes back."""
        note = {"name": "notes/a", "text": LONG}
        packed = self.post("/v1/notes/a", note, "-H", f"accept-encoding: {coding}").is_ok()
        equal(packed.header("content-encoding"), coding, "content-encoding")
        again = self.post("/v1/notes/a", packed.body, "-H", f"content-encoding: {coding}").is_ok()
        equal(again.json(), note)

    def pipe(self):
        sent = os.urandom(3 << 20)
        with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
            path = pathlib.Path(folder, "bytes")
            path.write_bytes(sent)
            told = ["-X", "POST", "-H", "content-type: video/mp4", "--upload-file", path]
            got = self.call("/v1/files:pipe", *told).is_ok()
        equal((got.body == sent, got.header("content-type")), (True, "video/mp4"))

    def pipe_of_many(self):
        sent = os.urandom(20 << 20)
        told = ["-X", "POST", "-H", "content-type: video/mp4", "--upload-file", "-"]
        equal(self.call("/v1/files:pipe", *told, stdin=sent).is_ok().body == sent, True)


def features():
    """What curl is built with, by its own account."""
    _, out, _ = harness.run("curl", "--version")
    return out.replace("/", " ").replace("zlib", "libz").split()


def run(suite):
    for way in curling.WAYS:
        with harness.descant() as server:
            Bookshop(suite, server, way).run()
        with harness.descant(harness.HERE / "rest" / "files.proto", "--echo") as server:
            Files(suite, server, way).run()
