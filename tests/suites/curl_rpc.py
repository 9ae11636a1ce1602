"""gRPC, gRPC-Web and Connect by curl: what their clients send, made by hand."""

import base64
import gzip
import json
import struct
import urllib.parse

import curling
import harness
from harness import equal, expect

GET_BOOK = "/bookshop.v1.Catalog/GetBook"
SEARCH = "/bookshop.v1.Catalog/SearchBooks"
IMPORT = "/bookshop.v1.Catalog/ImportBooks"
CHAT = "/bookshop.v1.Desk/Chat"
SET_PRICE = "/bookshop.v1.Catalog/SetPrice"
LIST = "/bookshop.v1.Catalog/ListBooks"
# bookshop.v1.GetBookRequest of "emma", of a book that is not there, and bookshop.v1.SearchBooksRequest of "novel".
EMMA, NOBODY, NOVEL = b"\x0a\x04emma", b"\x0a\x06nobody", b"\x0a\x05novel"
END, TRAILERS, COMPRESSED = 2, 0x80, 1


class Rpc(curling.Client):
    """What the bookshop is asked by name."""

    def run(self):
        for name, check in [
            ("Connect, JSON", self.connect_json),
            ("Connect, wire bytes", self.connect_proto),
            ("Connect, no body", self.connect_empty),
            ("Connect, an error with details", self.connect_error),
            ("Connect, no JSON", self.connect_no_json),
            ("Connect, no such method", self.connect_unknown),
            ("Connect, another type", self.connect_type),
            ("Connect, its version", self.connect_version),
            ("Connect by GET", self.connect_get),
            ("Connect by GET, in base64", self.connect_get_base64),
            ("Connect by GET, of what changes something", self.connect_get_unsafe),
            ("Connect, compressed", self.connect_compressed),
            ("Connect, too much", self.connect_too_much),
            ("Connect, a timeout", self.connect_late),
            ("Connect, a server stream", self.connect_server),
            ("Connect, a client stream", self.connect_client),
            ("Connect, a two-way stream", self.connect_bidi),
            ("Connect, an error in the end", self.connect_stream_error),
            ("Connect, compressed envelopes", self.connect_stream_compressed),
            ("Connect, a path that is escaped", self.escaped),
            ("gRPC-Web", self.web),
            ("gRPC-Web, JSON", self.web_json),
            ("gRPC-Web, base64", self.web_text),
            ("gRPC-Web, an error", self.web_error),
            ("gRPC-Web, a stream", self.web_stream),
            ("gRPC-Web, a broken envelope", self.web_broken),
            ("gRPC-Web, a preflight", self.web_preflight),
            ("gRPC", self.grpc),
            ("gRPC, an error", self.grpc_error),
        ]:
            self.case(name, check)

    def send(self, path, kind, body, *told):
        return self.call(path, "-H", f"content-type: {kind}", "--data-binary", "@-", *told, stdin=body)

    def json_call(self, path, message, *told):
        return self.send(path, "application/json", json.dumps(message).encode(), *told)

    def connect_json(self):
        book = self.json_call(GET_BOOK, {"id": "emma"}).is_ok()
        equal(book.header("content-type"), "application/json")
        equal(book.json(), self.call("/v1/books/emma").json(), "what REST says")

    def connect_proto(self):
        book = self.send(GET_BOOK, "application/proto", EMMA).is_ok()
        equal(book.header("content-type"), "application/proto")
        expect(book.body.startswith(b"\x0a\x04emma\x12\x04Emma"), f"{book}")

    def connect_empty(self):
        equal(self.json_call(LIST, {}).is_ok().json()["totalSize"], 8)
        expect(len(self.send(LIST, "application/proto", b"").is_ok().body) > 500, "no books")

    def connect_error(self):
        for kind, body in (("application/json", b'{"id": "nobody"}'), ("application/proto", NOBODY)):
            failed = self.send(GET_BOOK, kind, body).is_ok(404)
            equal(failed.header("content-type"), "application/json")
            error = failed.json()
            equal(error["code"], "not_found")
            equal([one["type"] for one in error["details"]], ["google.rpc.ResourceInfo", "google.rpc.ErrorInfo"])
            equal(error["details"][0]["debug"]["resourceName"], "books/nobody")

    def connect_no_json(self):
        for body in (b"{", b'{"di": "emma"}', b'{"id": 1}', b"[]", b"\xff"):
            equal(self.send(GET_BOOK, "application/json", body).is_ok(400).json()["code"], "invalid_argument")

    def connect_unknown(self):
        failed = self.json_call("/bookshop.v1.Catalog/GetBok", {}, "-H", "connect-protocol-version: 1").is_ok(404)
        equal(failed.json()["code"], "unimplemented")
        expect("GetBook" in failed.json()["message"], f"does not name the nearest: {failed}")

    def connect_type(self):
        failed = self.send(GET_BOOK, "text/plain", b"emma").is_ok(415)
        expect("application/json" in failed.header("accept-post"), f"{failed}")
        failed = self.json_call(SEARCH, {"query": "novel"}).is_ok(415)
        expect("application/connect+json" in failed.header("accept-post"), f"{failed}")
        equal(self.call(CHAT).is_ok(405).header("allow"), "POST")

    def connect_version(self):
        self.json_call(GET_BOOK, {"id": "emma"}, "-H", "connect-protocol-version: 1").is_ok()
        failed = self.json_call(GET_BOOK, {"id": "emma"}, "-H", "connect-protocol-version: 2").is_ok(400)
        equal(failed.json()["code"], "invalid_argument")

    def query(self, path, message, *more):
        return self.call(f"{path}?" + urllib.parse.urlencode([*more, ("encoding", "json"), ("message", message)]))

    def connect_get(self):
        for more in ([], [("connect", "v1")]):
            got = self.query(GET_BOOK, '{"id": "emma"}', *more).is_ok()
            equal(got.json()["title"], "Emma")
        expect("accept-encoding" in got.header("vary"), f"a cache could mistake it: {got}")
        equal(self.query(GET_BOOK, '{"id": "nobody"}').is_ok(404).json()["code"], "not_found")

    def connect_get_base64(self):
        message = base64.urlsafe_b64encode(EMMA).decode().rstrip("=")
        got = self.call(f"{GET_BOOK}?connect=v1&encoding=proto&base64=1&message={message}").is_ok()
        expect(got.body.startswith(b"\x0a\x04emma\x12\x04Emma"), f"{got}")

    def connect_get_unsafe(self):
        failed = self.query(SET_PRICE, '{"id": "emma"}', ("connect", "v1")).is_ok(405)
        equal(failed.header("allow"), "POST")

    def connect_compressed(self):
        # The list is in order of preference.
        for accepted, coding in (("gzip, br", "gzip"), ("br, gzip", "br")):
            books = self.json_call(LIST, {}, "--compressed", "-H", f"accept-encoding: {accepted}").is_ok()
            equal((books.header("content-encoding"), books.json()["totalSize"]), (coding, 8))

    def connect_too_much(self):
        failed = self.json_call(GET_BOOK, {"id": "x" * (5 << 20)}).is_ok(429)
        equal(failed.json()["code"], "resource_exhausted")

    def connect_late(self):
        failed = self.json_call(GET_BOOK, {}, "-H", "connect-timeout-ms: later").is_ok(400)
        equal(failed.json()["code"], "invalid_argument")
        late = self.envelopes(SEARCH, "application/connect+json", {"query": "novel"}, "-H", "connect-timeout-ms: 5000")
        equal(len(late.parts), 3)

    def envelopes(self, path, kind, *told):
        """Calls with these messages, and takes the answer apart. What is no message is a word to curl."""
        messages = [one for one in told if isinstance(one, (dict, bytes))]
        words = [one for one in told if not isinstance(one, (dict, bytes))]
        packed = b"".join(envelope(one if isinstance(one, bytes) else json.dumps(one).encode()) for one in messages)
        done = self.send(path, kind, packed, *words).is_ok()
        equal(done.header("content-type"), kind)
        done.parts = taken_apart(done.body)
        return done

    def stream(self, path, *told):
        """Messages, and what the end of the stream says."""
        *messages, (flags, end) = self.envelopes(path, "application/connect+json", *told).parts
        equal(flags, END, "flags of the end")
        equal([flags for flags, _ in messages], [0] * len(messages), "flags")
        return [json.loads(message) for _, message in messages], json.loads(end)

    def connect_server(self):
        found, end = self.stream(SEARCH, {"query": "novel"})
        equal(([one["book"]["id"] for one in found], end), (["emma", "frankenstein"], {}))

    def connect_client(self):
        author = [{"name": "N. N."}]
        books = [{"title": title, "authors": author, "price": {"currency": "EUR", "units": "1"}} for title in ("Eins", "Zwei", "")]
        (summary,), end = self.stream(IMPORT, *books)
        equal((summary["imported"], summary["refused"][0]["index"], end), (2, 2, {}))

    def connect_bidi(self):
        said, end = self.stream(CHAT, {"text": "Goethe?"}, {"text": "Poems?"})
        equal((len(said), end), (3, {}))

    def connect_stream_error(self):
        messages, end = self.stream(SEARCH, {"query": ","})
        equal((messages, end["error"]["code"]), ([], "invalid_argument"))
        equal(end["error"]["details"][0]["type"], "google.rpc.BadRequest")

    def connect_stream_compressed(self):
        told = ["-H", "connect-content-encoding: gzip", "-H", "connect-accept-encoding: gzip"]
        asked = envelope(gzip.compress(b'{"query": "novel"}'), COMPRESSED)
        done = self.send(SEARCH, "application/connect+json", asked, *told).is_ok()
        done.parts = taken_apart(done.body)
        equal(done.header("connect-content-encoding"), "gzip")
        expect(done.parts[0][0] & COMPRESSED and done.parts[0][1].startswith(b"\x1f\x8b"), f"{done.parts}")

    def escaped(self):
        failed = self.json_call("/bookshop.v1.Catalog/%47etBook", {"id": "emma"}, "-H", "connect-protocol-version: 1")
        equal(failed.is_ok(400).json()["code"], "invalid_argument")

    def web(self):
        done = self.envelopes(GET_BOOK, "application/grpc-web+proto", EMMA)
        (_, book), (flags, trailers) = done.parts
        expect(book.startswith(b"\x0a\x04emma"), f"{done}")
        equal((flags, trailers), (TRAILERS, b"grpc-status: 0\r\n"))

    def web_json(self):
        done = self.envelopes(GET_BOOK, "application/grpc-web+json", {"id": "emma"})
        equal(json.loads(done.parts[0][1])["title"], "Emma")

    def web_text(self):
        sent = base64.b64encode(envelope(EMMA))
        done = self.send(GET_BOOK, "application/grpc-web-text", sent).is_ok()
        equal(done.header("content-type"), "application/grpc-web-text")
        (_, book), (flags, trailers) = taken_apart(unpacked(done.body))
        expect(book.startswith(b"\x0a\x04emma"), f"{done}")
        equal((flags, trailers), (TRAILERS, b"grpc-status: 0\r\n"))

    def web_error(self):
        done = self.send(GET_BOOK, "application/grpc-web", envelope(NOBODY)).is_ok()
        said = {name: value for name, value in done.headers.items()}
        for flags, trailers in taken_apart(done.body):
            equal(flags, TRAILERS)
            said.update(curling.fields(trailers.decode().splitlines()))
        equal(said["grpc-status"], ["5"])
        expect("nobody" in said["grpc-message"][0] and "grpc-status-details-bin" in said, f"{said}")

    def web_stream(self):
        done = self.envelopes(SEARCH, "application/grpc-web+proto", NOVEL)
        equal([flags for flags, _ in done.parts], [0, 0, TRAILERS])

    def web_broken(self):
        for body in (b"\x00\x00\x00\x00\x09\x0a\x04emma", b"\x00\x00", b""):
            done = self.send(GET_BOOK, "application/grpc-web+proto", body).is_ok()
            said = done.body.decode("latin-1") + str(done.headers)
            expect("grpc-status" in said and "grpc-status: 0" not in said, f"{done}")

    def web_preflight(self):
        asks = ["-H", "origin: http://localhost:8080", "-H", "access-control-request-method: POST"]
        asks += ["-H", "access-control-request-headers: content-type,x-grpc-web,grpc-timeout"]
        granted = self.call(GET_BOOK, "-X", "OPTIONS", *asks)
        expect(granted.status in (200, 204), f"{granted}")
        equal(granted.header("access-control-allow-origin"), "http://localhost:8080")

    def grpc(self):
        done = self.send(GET_BOOK, "application/grpc", envelope(EMMA), "-H", "te: trailers")
        if self.way == "1.1":
            expect("HTTP/2" in done.is_ok(505).text(), f"says nothing of HTTP/2: {done}")
            return
        done.is_ok()
        ((_, book),) = taken_apart(done.body)
        expect(book.startswith(b"\x0a\x04emma"), f"{done}")
        equal(done.trailers["grpc-status"], ["0"])

    def grpc_error(self):
        """Of a call whose message was read: curl 7 may hang on an answer that comes before it has sent its body."""
        done = self.send(GET_BOOK, "application/grpc", envelope(NOBODY), "-H", "te: trailers")
        if self.way == "1.1":
            done.is_ok(505)
            return
        done.is_ok()
        equal((done.header("grpc-status"), done.body), ("5", b""))


def envelope(message, flags=0):
    return struct.pack(">BI", flags, len(message)) + message


def taken_apart(body):
    """(flags, message) of each envelope."""
    parts = []
    while body:
        flags, length = struct.unpack_from(">BI", body)
        expect(len(body) >= 5 + length, f"an envelope of {length} bytes is cut off")
        parts.append((flags, body[5 : 5 + length]))
        body = body[5 + length :]
    return parts


def unpacked(text):
    """Base64 in pieces, each of which may end in padding."""
    return b"".join(base64.b64decode(text[place : place + 4]) for place in range(0, len(text), 4))


def run(suite):
    for way in curling.WAYS:
        with harness.descant() as server:
            Rpc(suite, server, way).run()
