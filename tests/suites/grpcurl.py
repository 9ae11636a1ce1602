"""grpcurl against `descant serve SET --echo`, by reflection alone, over the sets of six real APIs; and over TLS."""

import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

import filling
import harness
import over_tls
import sets
import symbols
from harness import Failure, documents, equal, expect

GRPCURL = harness.CACHE / "bin" / "grpcurl"
SWEEP = harness.CACHE / "bin" / "sweep"
TOTAL = 347 + 2 + over_tls.TOTAL
BUILT_IN = {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}


def grpcurl(*words, stdin="", seconds=30):
    return harness.run(GRPCURL, "-max-time", 20, *words, stdin=stdin, seconds=seconds)


def output(*words, stdin=""):
    code, out, err = grpcurl(*words, stdin=stdin)
    expect(code == 0, f"grpcurl {harness.brief(words, 400)} ended with {code}: {harness.brief(err + out)}")
    return out


class Api:
    """The cases of one set."""

    def __init__(self, suite, api, server):
        self.suite, self.api = suite, api
        self.live = ["-plaintext", server.address]
        self.local = ["-protoset", str(api.path)]
        self.pool = descriptor_pool.DescriptorPool()
        for file in api.files.file:
            self.pool.Add(file)
        self.services = {
            f"{file.package}.{service.name}": service for file in api.files.file for service in file.service
        }
        self.symbols = symbols.of(api.files)

    def case(self, name, check, *arguments):
        self.suite.case(f"{self.api.name}: {name}", check, *arguments)

    def run(self):
        self.case("list", self.list_services)
        for service in sorted(self.services):
            self.case(f"list {service}", self.list_methods, service)
        self.case("describe", self.describe_all)
        for kind, names in self.symbols.items():
            # The first and the longest: the longest is the most deeply nested.
            for name in sorted({names[0], max(names, key=len)}):
                self.case(f"describe {kind} {name}", self.describe, name)
            self.case(f"describe each of {len(names)} {kind} symbols", self.sweep, names)
        self.case("protoset-out and back", self.protoset_and_back)
        for index, message in enumerate(self.api.echoed):
            for shape, client, server in sets.SHAPES:
                self.case(f"{shape} {message}", self.echo, f"Echo{index}/{shape}", message, client, server)
        self.errors()

    def list_services(self):
        listed = set(output(*self.live, "list").split())
        expect(listed >= set(self.services), f"not listed: {sorted(set(self.services) - listed)}")
        expect(listed <= set(self.services) | BUILT_IN, f"listed too: {sorted(listed - set(self.services))}")

    def list_methods(self, service):
        listed = output(*self.live, "list", service).split()
        equal(listed, sorted(f"{service}.{method.name}" for method in self.services[service].method))

    def describe_all(self):
        live = output(*self.live, "describe")
        for line in output(*self.local, "describe").splitlines():
            expect(line in live, f"a line that the set has is missing: {line!r}")

    def describe(self, name):
        live, local = output(*self.live, "describe", name), output(*self.local, "describe", name)
        equal(live, local, "description")

    def sweep(self, names):
        code, out, err = harness.run(SWEEP, self.live[1], self.api.path, stdin="\n".join(names), seconds=150)
        expect(code == 0, f"sweep ended with {code}: {harness.brief(out + err, 4000)}")

    def protoset_and_back(self):
        path = self.api.path.with_suffix(".out")
        path.unlink(missing_ok=True)
        output("-protoset-out", path, *self.live, "describe")
        written = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
        loaded = {file.name: file for file in self.api.files.file}
        written_own = {file.name: file for file in written.file if file.package not in OWN_PACKAGES}
        equal(sorted(written_own), sorted(symbols.reachable(self.api.files)), "files")
        for name, file in written_own.items():
            equal(symbols.canonical(file), symbols.canonical(loaded[name]), f"file {name}")
        back = set(output("-protoset", path, "list").split())
        expect(back >= set(self.services), f"not in the written set: {sorted(set(self.services) - back)}")
        method = f"descant.suite.{self.api.name}.Echo0/Unary"
        equal(output("-protoset", path, "-d", "{}", *self.live, method), output("-d", "{}", *self.live, method))

    def echo(self, method, message, client, server):
        filled = message_factory.GetMessageClass(self.pool.FindMessageTypeByName(message))
        sent = [filling.fill(filled(), seed) for seed in range(3 if client else 1)]
        said = "\n".join(json_format.MessageToJson(one, descriptor_pool=self.pool) for one in sent)
        out = output("-d", "@", *self.live, f"descant.suite.{self.api.name}.{method}", stdin=said)
        answers = [json_format.ParseDict(one, filled(), descriptor_pool=self.pool) for one in documents(out)]
        # Echo answers a client stream with its last message, a bidi stream with each of them.
        wanted = sent if server else sent[-1:]
        equal(len(answers), len(wanted), "number of answers")
        equal([str(one) for one in answers], [str(one) for one in wanted])

    def errors(self):
        echo = f"descant.suite.{self.api.name}.Echo0"
        self.case("list of no such service", self.refused, "no.such.Service", "list", "no.such.Service")
        self.case("describe of no such symbol", self.refused, "no.such.Symbol", "describe", "no.such.Symbol")
        self.case("describe of an empty package", self.refused, "descant.suit", "describe", "descant.suit")
        self.case("call of no such service", self.refused, "no.such.Service", "no.such.Service/Do")
        self.case("call of no such method", self.refused, f'does not include a method named "Gone"', f"{echo}/Gone")
        self.case("call of a method that the server lacks", self.unknown_method)
        self.case("call with a message that is not one", self.bad_json, f"{echo}/Unary")

    def refused(self, wanted, *words):
        code, out, err = grpcurl(*self.live, *words)
        expect(code != 0, f"worked: {harness.brief(out)}")
        expect(wanted in err, f"says nothing of {wanted!r}: {harness.brief(err)}")

    def unknown_method(self):
        stranger = sets.stranger()
        code, out, err = grpcurl("-protoset", stranger, *self.live, "descant.suite.stranger.Stranger/Call")
        equal(code, 64 + 12, f"exit code ({harness.brief(err + out)})")
        expect("descant.suite.stranger.Stranger" in err, f"does not name what was asked for: {harness.brief(err)}")

    def bad_json(self, method):
        code, _, err = grpcurl("-d", '{"no_such_field_at_all": 1}', *self.live, method)
        expect(code != 0 and "no_such_field_at_all" in err, harness.brief(err))


OWN_PACKAGES = {"grpc.health.v1", "grpc.reflection.v1", "grpc.reflection.v1alpha"}


def unix_socket(suite, api):
    """The same set, over a socket that is a file."""

    def listed(path):
        expect("grpc.health.v1.Health" in output("-plaintext", f"unix:{path}", "list").split(), "health is not listed")

    def echoed(path):
        equal(output("-plaintext", "-d", "{}", f"unix:{path}", f"descant.suite.{api.name}.Echo0/Unary").strip(), "{}")

    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        path = f"{folder}/x.sock"
        with harness.descant(api.path, "--echo", "--listen", f"unix:{path}"):
            suite.case("unix socket: list", listed, path)
            suite.case("unix socket: a call", echoed, path)


def main():
    suite = harness.Suite("grpcurl", TOTAL)
    apis = sets.build()
    for api in apis:
        try:
            with harness.descant(api.path, "--echo") as server:
                Api(suite, api, server).run()
        except Failure as error:
            suite.case(f"{api.name}: serve", lambda error=error: expect(False, str(error)))
    unix_socket(suite, apis[0])
    over_tls.run(suite, grpcurl, apis[0])
    suite.end()


main()
