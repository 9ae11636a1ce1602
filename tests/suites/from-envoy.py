"""Envoy's transcoder and Descant, both configured as docs/from-envoy.md has it, before one service: what answers alike, and what does not."""

import contextlib
import http.client
import json
import pathlib
import re
import subprocess
import tempfile

import harness
from harness import CACHE, HERE, Failure, Suite, descant, equal, expect, fetch, free_port, until

TOTAL = 67
ROOT = HERE.parents[1]
PAGE = ROOT / "docs/from-envoy.md"
SET = ROOT / "src/demo/bookshop.binpb"
JSON = {"content-type": "application/json"}
SHOP = {"origin": "https://shop.example"}
WEB = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
# Of an answer: what differs from one call to the next, and says nothing of who gave it.
PASSING = re.compile(r'"(time|placed|number)":"[^"]*"')
# A book that each front adds, and takes away again.
BOOK = '{"id":"of-WHO","title":"Of WHO","authors":[{"name":"Nobody"}],"price":{"currency":"EUR","units":"1"}}'

# What both answer alike: status, type and body.
ALIKE = [
    ("one book", "GET", "/v1/books/emma"),
    ("none", "GET", "/v1/books/nobody"),
    ("a page", "GET", "/v1/books?page_size=2"),
    ("names of JSON", "GET", "/v1/books?pageSize=2"),
    ("a field of a field", "GET", "/v1/books?at_most.units=5"),
    ("a field of a field by names of JSON", "GET", "/v1/books?atMost.units=5&pageSize=1"),
    ("an enum by name", "GET", "/v1/books?genre=NOVEL"),
    ("an enum by number", "GET", "/v1/books?genre=1"),
    ("another rule of a method", "GET", "/v1/genres/DRAMA/books"),
    ("an enum by number in the path", "GET", "/v1/genres/2/books"),
    ("a parameter that is ignored", "GET", "/v1/books/emma?key=secret"),
    ("an escaped letter", "GET", "/v1/books/%65mma"),
    ("an escaped slash", "GET", "/v1/books/a%2Fb"),
    ("a page that there is not", "GET", "/v1/books?page_token=nonsense"),
    ("a new book", "POST", "/v1/books", JSON, BOOK),
    ("a book that is there", "POST", "/v1/books", JSON, BOOK),
    ("a price", "PUT", "/v1/books/of-WHO/price", JSON, '{"currency":"EUR","units":"2"}'),
    ("the book again", "GET", "/v1/books/of-WHO"),
    ("a book that goes", "DELETE", "/v1/books/of-WHO"),
    ("a book that is gone", "DELETE", "/v1/books/of-WHO"),
    ("what the service refuses", "POST", "/v1/books", JSON, '{"title":""}'),
    ("an empty body", "POST", "/v1/books", JSON, ""),
    ("a body without a type", "POST", "/v1/books", {}, '{"title":""}'),
    ("what is out of stock", "POST", "/v1/orders", JSON, '{"items":[{"bookId":"emma","quantity":9999}],"collect":true}'),
    ("names as in the file", "POST", "/v1/orders", JSON, '{"items":[{"book_id":"emma","quantity":9999}],"collect":true}'),
    ("a stream", "GET", "/v1/books:search?query=emma"),
    ("a stream of nothing", "GET", "/v1/books:search?query=zzz"),
    ("a stream with its end", "GET", "/v1/prices:watch?ids=emma&most=1"),
    ("a list in the query", "GET", "/v1/prices:watch?ids=emma&ids=faust&most=2"),
    ("many messages", "POST", "/v1/books:import", JSON, '[{"title":""},{"title":"X"}]'),
    ("a page of the shop", "GET", "/v1/books/emma", SHOP),
    ("a page of somebody else", "GET", "/v1/books/emma", {"origin": "https://other.example"}),
]

# What each makes of the same request: status, and a part of the body.
UNLIKE = [
    (
        "a parameter beside the path", "GET", "/v1/genres/NOVEL/books?genre=DRAMA", {}, None,
        (200, '"genre":"DRAMA"'), (400, '\\"genre\\" in the path binds that field already'),
    ),
    (
        "a parameter twice", "GET", "/v1/books?page_size=1&page_size=2", {}, None,
        (200, '"id":"emma"'), (400, "it is there twice"),
    ),
    ("a slash at the end", "GET", "/v1/books/emma/", {}, None, (200, '"id":"emma"'), (404, '"code":5')),
    ("another method's path", "DELETE", "/v1/books", {}, None, (404, ""), (405, '"code":12')),
    ("no such path", "GET", "/v1/nothing", {}, None, (404, ""), (404, '"code":5')),
    ("no such parameter", "GET", "/v1/books?nope=1", {}, None, (400, "nope"), (400, '\\"nope\\" is no field')),
    ("no number", "GET", "/v1/books?page_size=x", {}, None, (400, "page_size: invalid value"), (400, '"code":3')),
    ("no such field", "POST", "/v1/books", JSON, '{"tilte":"X"}', (400, "book.title: is needed"), (400, 'did you mean \\"title\\"')),
    ("no JSON", "POST", "/v1/books", JSON, '{"title":', (400, "Unexpected end of string"), (400, '"code":3')),
    ("another type", "POST", "/v1/books", {"content-type": "text/plain"}, '{"title":""}', (400, "is needed"), (415, '"code":3')),
    ("a stream that fails", "GET", "/v1/prices:watch?ids=nobody&most=1", {}, None, (200, '"code":5'), (404, '"code":5')),
]


class Envoy:
    """An Envoy with the configuration of the page."""

    def __init__(self, config, folder, port):
        self.config, self.folder, self.port = config, folder, port

    def __enter__(self):
        path = self.folder / "envoy.yaml"
        path.write_text(self.config)
        self.log = open(self.folder / "envoy.log", "w+")
        self.process = subprocess.Popen(
            [CACHE / "envoy/envoy/_bin/envoy", "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=harness.die_with_parent,
        )
        try:
            until("Envoy answers", self.answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def answers(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise Failure(f"Envoy ended: {harness.brief(self.log.read())}")
        try:
            return fetch(f"http://127.0.0.1:{self.port}/v1/books/emma")[0] == 200
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Front:
    """One of the two."""

    def __init__(self, name, port):
        self.name, self.port = name, port

    def ask(self, method, path, headers=None, body=None):
        """Status, headers and body, as whichever of both would have said it."""
        text = body.replace("WHO", self.name).encode() if isinstance(body, str) else body
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path.replace("WHO", self.name), text, headers or {})
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, answer.read()


def text(front, body):
    return PASSING.sub("", body.decode()).replace(front.name, "WHO")


def blocks():
    """The two configurations of the page."""
    found = re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE.read_text(), re.S)
    equal([name for name, _ in found], ["envoy.yaml", "descant.yaml"], "the configurations of the page")
    return [config for _, config in found]


def alike(fronts, method, path, headers=None, body=None):
    answers = []
    for front in fronts:
        status, said, payload = front.ask(method, path, headers, body)
        allowed = {name: value for name, value in said.items() if name.startswith("access-control-allow-origin")}
        answers.append((status, said.get("content-type"), allowed, text(front, payload)))
    envoy, ours = answers
    equal(ours, envoy, "Descant beside Envoy")


def unlike(front, method, path, headers, body, wanted):
    status, _, payload = front.ask(method, path, headers, body)
    equal(status, wanted[0], "status")
    expect(wanted[1] in text(front, payload), f"no {wanted[1]!r} in {payload!r}")
    if front.name == "descant":
        json.loads(payload)


def head(envoy, ours):
    for front, wanted in ((envoy, 404), (ours, 200)):
        status, _, payload = front.ask("HEAD", "/v1/books/emma")
        equal((status, payload), (wanted, b""), front.name)


def status_header(envoy, ours):
    expect("grpc-status" in envoy.ask("GET", "/v1/books/emma")[1], "Envoy's answer has no grpc-status")
    expect("grpc-status" not in ours.ask("GET", "/v1/books/emma")[1], "Descant's answer has a grpc-status")


def talk(envoy, ours):
    _, said, payload = envoy.ask("POST", "/v1/chat", JSON, '[{"text":"hello"}]')
    equal(said["content-type"], "application/json")
    expect(isinstance(json.loads(payload), list), f"no array: {payload!r}")
    _, said, payload = ours.ask("POST", "/v1/chat", JSON, '[{"text":"hello"}]')
    equal(said["content-type"], "application/x-ndjson")
    expect(harness.documents(payload.decode()), "no line")


def order(envoy, ours):
    """Each order makes a book dearer, so it does not cost both the same."""
    for front in (envoy, ours):
        body = '{"items":[{"bookId":"faust","quantity":1}],"collect":true}'
        status, _, payload = front.ask("POST", "/v1/orders", JSON, body)
        equal((status, sorted(json.loads(payload))), (200, ["deliveryTime", "number", "placed", "total"]))


def preflight(envoy, ours):
    asks = {**SHOP, "access-control-request-method": "DELETE", "access-control-request-headers": "authorization,content-type"}
    for front, wanted in ((envoy, 200), (ours, 204)):
        status, said, _ = front.ask("OPTIONS", "/v1/books/emma", asks)
        equal((status, said["access-control-allow-origin"]), (wanted, SHOP["origin"]), front.name)
        for name, value in (("methods", "DELETE"), ("headers", "authorization"), ("headers", "content-type")):
            expect(value in said[f"access-control-allow-{name}"].lower() or value in said[f"access-control-allow-{name}"], said)


def formats(ours):
    _, said, payload = ours.ask("GET", "/v1/books:search?query=emma", {"accept": "application/x-ndjson"})
    equal((said["content-type"], len(harness.documents(payload.decode()))), ("application/x-ndjson", 1))
    _, said, payload = ours.ask("GET", "/v1/books:search?query=emma", {"accept": "text/event-stream"})
    equal(said["content-type"], "text/event-stream")
    expect(payload.startswith(b"data: {"), f"no event: {payload!r}")


def frames(body):
    """The envelopes of a body of gRPC-Web: messages, and what the trailers say."""
    messages, trailers = [], {}
    while body:
        flag, length = body[0], int.from_bytes(body[1:5], "big")
        part, body = body[5 : 5 + length], body[5 + length :]
        if flag & 0x80:
            fields = (line.partition(":") for line in part.decode().strip().split("\r\n"))
            trailers |= {name.strip().lower(): value.strip() for name, _, value in fields}
        else:
            messages.append(part)
    return messages, trailers


def web(fronts, message, code):
    seen = []
    for front in fronts:
        status, said, body = front.ask("POST", "/bookshop.v1.Catalog/GetBook", WEB, len(message).to_bytes(5, "big") + message)
        messages, trailers = frames(body)
        told = trailers or said
        seen.append((status, said["content-type"], messages, told["grpc-status"], told.get("grpc-message")))
    equal(seen[1], seen[0], "Descant beside Envoy")
    equal(seen[0][3], code, "grpc-status")


def grpc(fronts, method, data, code):
    """The real grpcurl, which has the descriptors: neither passes reflection on."""
    seen = []
    for front in fronts:
        command = ["-plaintext", "-protoset", SET, "-d", data, f"127.0.0.1:{front.port}", method]
        exit, out, err = harness.run(CACHE / "bin/grpcurl", *command)
        seen.append((exit, out, err.strip()))
    equal(seen[1], seen[0], "Descant beside Envoy")
    equal(seen[0][0], code, "exit code")


def sound(config, folder):
    """The file of the page, as `check` and the schema have it."""
    path = folder / "descant.yaml"
    path.write_text(config)
    exit, out, err = harness.run(harness.BIN / "descant", "check", "-c", path)
    equal((exit, err), (0, ""), out)


def main():
    suite = Suite("from-envoy", TOTAL)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="descant-suite-")))
        (folder / SET.name).write_bytes(SET.read_bytes())
        service = stack.enter_context(descant())
        port, admin = free_port(), free_port()
        there, here = blocks()
        there = there.replace("port_value: 9901", f"port_value: {admin}").replace("port_value: 8080", f"port_value: {port}")
        there = there.replace("port_value: 9000", f"port_value: {service.port}")
        here = here.replace("http://127.0.0.1:9000", f"http://{service.address}")
        suite.case("the file is sound", sound, here, folder)
        envoy = Front("envoy", stack.enter_context(Envoy(there, folder, port)).port)
        ours = Front("descant", stack.enter_context(descant("-c", folder / "descant.yaml")).port)
        fronts = (envoy, ours)
        for name, *request in ALIKE:
            suite.case(name, alike, fronts, *request)
        for name, method, path, headers, body, *wanted in UNLIKE:
            for front, answer in zip(fronts, wanted):
                suite.case(f"{name}: {front.name}", unlike, front, method, path, headers, body, answer)
        suite.case("HEAD", head, *fronts)
        suite.case("grpc-status", status_header, *fronts)
        suite.case("a talk", talk, *fronts)
        suite.case("an order", order, *fronts)
        suite.case("a preflight", preflight, *fronts)
        suite.case("what a stream looks like", formats, ours)
        suite.case("gRPC-Web", web, fronts, b"\x0a\x04emma", "0")
        suite.case("an error of gRPC-Web", web, fronts, b"\x0a\x06nobody", "5")
        suite.case("gRPC", grpc, fronts, "bookshop.v1.Catalog/GetBook", '{"id":"emma"}', 0)
        suite.case("an error of gRPC", grpc, fronts, "bookshop.v1.Catalog/GetBook", '{"id":"nobody"}', 69)
        suite.case("a stream of gRPC", grpc, fronts, "bookshop.v1.Catalog/SearchBooks", '{"query":"emma"}', 0)
        suite.case("many messages of gRPC", grpc, fronts, "bookshop.v1.Catalog/ImportBooks", '{"title":""} {"title":"X"}', 0)
    suite.end()


if __name__ == "__main__":
    main()
