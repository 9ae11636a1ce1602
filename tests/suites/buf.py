"""`buf curl` with each of its protocols, over HTTP/2 by reflection and over HTTP/1.1 by a schema."""

import base64
import json
import pathlib
import re

import harness
import sets
from harness import documents, equal, expect

BUF = next((harness.CACHE / "npm" / "node_modules" / "@bufbuild").glob("buf-*/bin/buf"))
REFLECTED = [("grpc", "grpc-v1"), ("grpc", "grpc-v1alpha"), ("grpcweb", "grpc-v1"), ("connect", "grpc-v1")]
WAYS = [*REFLECTED, ("grpcweb", None), ("connect", None)]
TOTAL = len(REFLECTED) * (22 + 3) + 2 * 15 + 2 * 2
SHAPES = "descant.suite.v1.Shapes"
# `buf curl` ends with the status code, shifted past the codes of its own errors.
EXIT_SHIFT = 3


class Buf:
    """The cases of one way to call: a protocol, and the reflection that it uses. Without one it is over HTTP/1.1."""

    def __init__(self, suite, server, protocol, reflection=None):
        self.suite, self.server, self.protocol, self.reflection = suite, server, protocol, reflection

    def curl(self, *words, stdin="", seconds=30):
        way = ["--schema", harness.HERE / "protos"]
        if self.reflection:
            way = ["--http2-prior-knowledge", "--reflect-protocol", self.reflection]
        return harness.run(BUF, "curl", "--protocol", self.protocol, *way, *words, stdin=stdin, seconds=seconds)

    def output(self, *words, stdin=""):
        code, out, err = self.curl(*words, stdin=stdin)
        expect(code == 0, f"buf curl {harness.brief(words, 300)} ended with {code}: {harness.brief(err + out)}")
        return out

    def url(self, method=""):
        return f"http://{self.server.address}" + (f"/{method}" if method else "")

    def call(self, method, *messages, words=()):
        said = "\n".join(json.dumps(message) for message in messages)
        return documents(self.output(*words, "-d", "@-", self.url(f"{SHAPES}/{method}"), stdin=said))

    def case(self, name, check, *arguments):
        self.suite.case(f"{self.protocol}, {self.reflection or 'HTTP/1.1'}: {name}", check, *arguments)

    def shapes(self):
        """All that the suite's own server is asked."""
        if self.reflection:
            self.case("list of services", self.list_services)
            self.case("list of methods", self.list_methods)
            self.case("no such service", self.unknown, "no.such.Service/Do")
            self.case("no such method", self.unknown, f"{SHAPES}/Gone")
            self.case("bidi", lambda: equal(self.call("Bidi", *texts("a", "b", "c")), texts("a", "b", "c")))
            self.case("bidi, no message", lambda: equal(self.call("Bidi"), []))
            self.case("many messages", self.many)
        self.case("unary", lambda: equal(self.call("Unary", {"text": "hello"}), [{"text": "hello"}]))
        self.case("unary, nothing set", lambda: equal(self.call("Unary", {}), [{}]))
        self.case("client", lambda: equal(self.call("Client", *texts("a", "b", "c")), texts("a b c")))
        self.case("client, no message", lambda: equal(self.call("Client"), [{}]))
        self.case("server", lambda: equal(self.call("Server", {"text": "a", "count": 3}), texts("a", "a", "a")))
        self.case("server, no message", lambda: equal(self.call("Server", {"text": "a"}), []))
        self.case("a large answer", self.large)
        self.case("metadata", self.metadata, "echo-note", ["one"])
        self.case("metadata twice", self.metadata, "echo-note", ["one", "two"])
        self.case("binary metadata", self.metadata, "echo-note-bin", [base64.b64encode(b"\x00\xff").decode().rstrip("=")])
        self.case("a status", self.status, 5, "no such book")
        self.case("a status with a message of many scripts", self.status, 9, "100 % größer 日本\n語")
        self.case("a status with details", self.details, "Fail", [])
        self.case("a status after a message", self.details, "FailLate", texts("before it fails"))
        self.case("more than the server takes", self.too_large)

    def list_services(self):
        listed = self.output("--list-services", self.url()).split()
        for service in (SHAPES, "grpc.testing.TestService", "xds.service.orca.v3.OpenRcaService"):
            expect(service in listed, f"{service} is not listed: {listed}")

    def list_methods(self):
        listed = self.output("--list-methods", self.url()).split()
        for method in ("Unary", "Client", "Server", "Bidi", "Fail"):
            expect(f"{SHAPES}/{method}" in listed, f"{method} is not listed: {listed}")

    def many(self):
        sent = texts(*(f"message {number}" for number in range(500)))
        equal(self.call("Bidi", *sent), sent)

    def large(self):
        (answer,) = self.call("Unary", {"text": "a", "size": 1 << 20})
        equal(len(base64.b64decode(answer["padding"])), 1 << 20, "size")

    def metadata(self, name, values):
        words = [word for value in values for word in ("-H", f"{name}: {value}")]
        code, _, err = self.curl("-v", *words, "-d", "{}", self.url(f"{SHAPES}/Unary"))
        equal(code, 0, f"exit code ({harness.brief(err)})")
        # Of gRPC-Web's trailers, which are part of the body, buf shows none.
        trailers = {"grpc": [f"late-{name}"], "connect": [f"trailer-late-{name}"], "grpcweb": []}
        for wanted in (name, *trailers[self.protocol]):
            got = re.findall(rf"^buf: < \(#\d+\) {wanted}: (.*?)\s*$", err, re.MULTILINE | re.IGNORECASE)
            equal(got, values, f"{wanted} in {err}")

    def failure(self, method, *words, message):
        code, out, err = self.curl(*words, "-d", json.dumps(message), self.url(f"{SHAPES}/{method}"))
        return code, documents(out), json.loads(err[err.find("{") :])

    def status(self, number, message):
        code, _, error = self.failure("Fail", message={"code": number, "message": message})
        equal(code, number << EXIT_SHIFT, "exit code")
        equal(error["message"], message)

    def details(self, method, before):
        detail = {"@type": f"type.googleapis.com/{SHAPES.replace('Shapes', 'Ask')}", "text": "the detail"}
        message = {"code": 3, "message": "look at the details", "details": [detail]}
        code, out, error = self.failure(method, message=message)
        equal(code, 3 << EXIT_SHIFT, "exit code")
        equal(out, before, "messages before the status")
        (got,) = error["details"]
        equal(got["type"], "descant.suite.v1.Ask")
        equal(base64.b64decode(got["value"] + "=="), b"\x0a\x0athe detail")

    def too_large(self):
        message = {"text": "x" * (5 << 20)}
        code, _, err = self.curl("-d", "@-", self.url(f"{SHAPES}/Unary"), stdin=json.dumps(message))
        equal(code, 8 << EXIT_SHIFT, f"exit code ({harness.brief(err)})")

    def unknown(self, method):
        code, _, err = self.curl("-d", "{}", self.url(method))
        expect(code != 0, "worked")
        expect(method.split("/")[1] in err or method.split("/")[0] in err, harness.brief(err))

    def echo(self, api):
        """Messages of a real API, editions among them, through `descant serve --echo`."""
        method = self.url(f"descant.suite.{api.name}.Echo1/Unary")
        for name, message in (
            ("scalars", {"optionalInt32": -5, "optionalString": "ü", "optionalBytes": "AP8="}),
            ("groups and packed", {"groupliketype": {"groupInt32": 1}, "packedInt32": [1, 2], "unpackedInt32": [3]}),
            ("maps and enums", {"mapStringString": {"a": "b"}, "optionalNestedEnum": "BAZ"}),
        ):
            self.case(
                f"echo of {name} in an edition",
                lambda message=message: equal(
                    documents(self.output("-d", json.dumps(message), method)), [message]
                ),
            )


def texts(*values):
    return [{"text": value} for value in values]


def described(path):
    """Everything in a set as Descant prints it, options and all. Text has those in the order of their numbers or names,
    bytes in any."""
    code, out, err = harness.run(harness.BIN / "descant", "describe", path, seconds=60)
    equal(code, 0, f"describe {path}: {harness.brief(err)}")
    return sorted(line.rstrip(",") for line in out.splitlines())


def same_as(api, ending):
    """A set that buf writes as JSON or text is the set that it writes as bytes."""
    with harness.tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        written = pathlib.Path(folder) / f"api.{ending}"
        code, _, err = harness.run(BUF, "build", api.path, "-o", written, seconds=60)
        equal(code, 0, f"buf build: {harness.brief(err)}")
        code, out, err = harness.run(harness.BIN / "descant", "check", written, seconds=60)
        equal(code, 0, f"check: {harness.brief(out + err)}")
        expect("left out" not in out, harness.brief(out))
        expect(described(written) == described(api.path), "not the same source")


def main():
    suite = harness.Suite("buf", TOTAL)
    made = {recipe[0]: sets.make(*recipe) for recipe in sets.RECIPES if recipe[0] in ("conformance", "googleapis")}
    conformance = made["conformance"]
    for name, api in made.items():
        for ending in ("json", "txtpb"):
            suite.case(f"{name} as {ending}", same_as, api, ending)
    for way in WAYS:
        with harness.Server("descant-suite-server") as server:
            Buf(suite, server, *way).shapes()
    for protocol, reflection in REFLECTED:
        with harness.descant(conformance.path, "--echo") as server:
            Buf(suite, server, protocol, reflection).echo(conformance)
    suite.end()


main()
