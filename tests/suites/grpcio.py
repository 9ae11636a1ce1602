"""Python's grpcio: reflection's descriptor database, health stubs, and every shape of call with dynamic messages."""

import asyncio
import threading
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

import harness
import sets
import symbols
from harness import Failure, equal, expect

TOTAL = 128
PACKAGE = "descant.suite.v1"
TIMEOUT = 20
MEGABYTE = 1 << 20
WIDE = [("grpc.max_receive_message_length", 16 * MEGABYTE), ("grpc.max_send_message_length", 16 * MEGABYTE)]


class Shapes:
    """Calls of the suite's own server, with messages that its reflection describes."""

    def __init__(self, suite, server):
        self.suite, self.server = suite, server
        self.channel = grpc.insecure_channel(server.address, options=WIDE)
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        self.types = {
            name: message_factory.GetMessageClass(self.pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
            for name in ("Ask", "Answer", "Failure", "Nothing", "Count", "Serving")
        }

    def stub(self, shape, method, channel=None, takes="Ask", gives="Answer"):
        return getattr(channel or self.channel, shape)(
            f"/{PACKAGE}.Shapes/{method}",
            request_serializer=self.types[takes].SerializeToString,
            response_deserializer=self.types[gives].FromString,
        )

    def ask(self, text="", **fields):
        return self.types["Ask"](text=text, **fields)

    def unary(self, channel=None):
        return self.stub("unary_unary", "Unary", channel)

    def bidi(self, channel=None):
        return self.stub("stream_stream", "Bidi", channel)

    def run(self):
        case = self.suite.case
        case("unary", lambda: equal(self.unary()(self.ask("hello"), timeout=TIMEOUT).text, "hello"))
        case("unary, later", lambda: equal(self.unary().future(self.ask("x"), timeout=TIMEOUT).result().text, "x"))
        case("client stream", self.client_stream, ["a", "b", "c"])
        case("client stream without messages", self.client_stream, [])
        case("server stream", self.server_stream, 3)
        case("server stream without messages", self.server_stream, 0)
        case("server stream of many messages, read slowly", self.slow_reader)
        case("bidi stream", self.bidi_stream, ["a", "b", "c"])
        case("bidi stream without messages", self.bidi_stream, [])
        case("bidi stream as a dialogue", self.dialogue)
        case("answers before the request has ended", self.early_answers)
        case("asyncio", self.asyncio)
        case("many calls at a time", self.many_calls)
        case("more streams than one connection takes", self.many_streams)
        for name, values in (
            ("echo-note", ["one"]),
            ("echo-note", ["one", "two", "one"]),
            ("echo-note-bin", [b"\x00\xff\x80"]),
            ("echo-note-bin", [b"", b"a", bytes(range(256))]),
        ):
            case(f"metadata {name}, {len(values)} times", self.metadata, name, values)
        case("much metadata", self.metadata, "echo-long", ["v" * 6000])
        case("too much metadata", self.too_much_metadata)
        for code in grpc.StatusCode:
            if code is not grpc.StatusCode.OK:
                case(f"status {code.name}", self.status, code)
        case("a code that nobody knows", self.unknown_code)
        for message in ("", "plain", "100 %", "größer", "日本語\r\n\t", "%zz %41", " between blanks "):
            case(f"status message {message!r}", self.status_message, message)
        case("status details", self.details)
        case("status after a message", self.late_status)
        case("deadline of a unary call", self.deadline)
        case("deadline of a stream", self.stream_deadline)
        case("deadline in the past", self.past_deadline)
        case("cancelled before the answer", self.cancelled)
        case("cancelled within a stream", self.cancelled_stream)
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate, grpc.Compression.NoCompression):
            case(f"compression {compression.name}", self.compressed, compression)
        case("compression per call", self.compressed_call)
        case("3 MB there", self.large, 3 * MEGABYTE, 0)
        case("8 MB back", self.large, 0, 8 * MEGABYTE)
        case("3 MB there and back, compressed", self.large_compressed)
        case("more than the server takes", self.too_large)
        case("a bomb: small on the wire, too large inflated", self.bomb)
        case("more than the client takes", self.too_large_for_client)
        case("no such method", self.unimplemented, f"/{PACKAGE}.Shapes/Gone")
        case("no such service", self.unimplemented, "/no.such.Service/Do")
        case("a method without a handler", self.unimplemented, "/grpc.testing.TestService/UnimplementedCall")
        self.channel.close()

    def client_stream(self, words):
        stub = self.stub("stream_unary", "Client")
        equal(stub(iter([self.ask(word) for word in words]), timeout=TIMEOUT).text, " ".join(words))

    def server_stream(self, count):
        answers = self.stub("unary_stream", "Server")(self.ask("a", count=count), timeout=TIMEOUT)
        equal([answer.text for answer in answers], ["a"] * count)

    def slow_reader(self):
        answers = self.stub("unary_stream", "Server")(self.ask("a", count=300, size=10_000), timeout=TIMEOUT)
        for number, answer in enumerate(answers):
            equal(len(answer.padding), 10_000, f"size of message {number}")
            if number % 50 == 0:
                time.sleep(0.02)
        equal(number, 299, "last message")

    def bidi_stream(self, words):
        answers = self.bidi()(iter([self.ask(word) for word in words]), timeout=TIMEOUT)
        equal([answer.text for answer in answers], words)

    def dialogue(self):
        """Each message waits for the answer to the one before: nothing may be held back."""
        answered = threading.Semaphore(1)

        def asks():
            for number in range(100):
                answered.acquire(timeout=TIMEOUT)
                yield self.ask(str(number))

        for number, answer in enumerate(self.bidi()(asks(), timeout=TIMEOUT)):
            equal(answer.text, str(number))
            answered.release()
        equal(number, 99, "last answer")

    def early_answers(self):
        done = threading.Event()

        def asks():
            yield self.ask("first")
            done.wait(TIMEOUT)

        answers = self.bidi()(asks(), timeout=TIMEOUT)
        equal(next(answers).text, "first")
        equal(answers.initial_metadata() is not None, True, "headers came")
        done.set()
        equal(list(answers), [])

    def asyncio(self):
        async def calls():
            async with grpc.aio.insecure_channel(self.server.address) as channel:
                unary, bidi = self.unary(channel), self.bidi(channel)
                answers = await asyncio.gather(*(unary(self.ask(str(n)), timeout=TIMEOUT) for n in range(50)))
                equal([answer.text for answer in answers], [str(n) for n in range(50)])
                call = bidi(timeout=TIMEOUT)
                for number in range(20):
                    await call.write(self.ask(str(number)))
                    equal((await call.read()).text, str(number))
                await call.done_writing()
                equal(await call.read(), grpc.aio.EOF)
                equal(await call.code(), grpc.StatusCode.OK)

        asyncio.run(calls())

    def many_calls(self):
        calls = [self.unary().future(self.ask(str(n), size=1000), timeout=TIMEOUT) for n in range(500)]
        equal([call.result().text for call in calls], [str(n) for n in range(500)])

    def many_streams(self):
        """The client keeps to SETTINGS_MAX_CONCURRENT_STREAMS, and the rest waits for its turn."""
        done = threading.Event()

        def asks(number):
            yield self.ask(str(number))
            done.wait(TIMEOUT)

        calls = [self.bidi()(asks(number), timeout=TIMEOUT) for number in range(90)]
        equal([next(call).text for call in calls], [str(number) for number in range(90)])
        done.set()
        for call in calls:
            equal(list(call), [])

    def metadata(self, name, values):
        sent = [(name, value) for value in values]
        _, call = self.unary().with_call(self.ask(), metadata=sent, timeout=TIMEOUT)
        equal([v for k, v in call.initial_metadata() if k == name], values, "headers")
        equal([v for k, v in call.trailing_metadata() if k == f"late-{name}"], values, "trailers")

    def too_much_metadata(self):
        error = failing(lambda: self.unary()(self.ask(), metadata=[("long", "v" * 40_000)], timeout=TIMEOUT))
        expect(error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNKNOWN), str(error))
        # The connection outlives it.
        equal(self.unary()(self.ask("after"), timeout=TIMEOUT).text, "after")

    def fail(self, method="Fail", shape="unary_unary", **fields):
        return self.stub(shape, method, takes="Failure")(self.types["Failure"](**fields), timeout=TIMEOUT)

    def status(self, code):
        error = failing(lambda: self.fail(code=code.value[0], message=f"it is {code.name}"))
        equal((error.code(), error.details()), (code, f"it is {code.name}"))

    def unknown_code(self):
        equal(failing(lambda: self.fail(code=99)).code(), grpc.StatusCode.UNKNOWN)

    def status_message(self, message):
        equal(failing(lambda: self.fail(code=5, message=message)).details(), message)

    def packed(self):
        detail = error_details_pb2.ErrorInfo(reason="SHELF_EMPTY", domain="books", metadata={"shelf": "poetry"})
        failure = self.types["Failure"](code=9, message="nothing left")
        failure.details.add(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=detail.SerializeToString())
        return detail, failure

    def check_details(self, error, detail):
        status = rpc_status.from_call(error)
        equal((status.code, status.message, len(status.details)), (9, "nothing left", 1))
        got = error_details_pb2.ErrorInfo()
        expect(status.details[0].Unpack(got), "the detail is of another type")
        equal(got, detail)

    def details(self):
        detail, failure = self.packed()
        stub = self.stub("unary_unary", "Fail", takes="Failure")
        self.check_details(failing(lambda: stub(failure, timeout=TIMEOUT)), detail)

    def late_status(self):
        detail, failure = self.packed()
        answers = self.stub("unary_stream", "FailLate", takes="Failure")(failure, timeout=TIMEOUT)
        equal(next(answers).text, "before it fails")
        self.check_details(failing(lambda: next(answers)), detail)

    def wait(self):
        return self.stub("unary_unary", "Wait", takes="Nothing", gives="Nothing")

    def given_up(self):
        stub = self.stub("unary_unary", "GivenUp", takes="Nothing", gives="Count")
        return stub(self.types["Nothing"](), timeout=TIMEOUT).number

    def expect_given_up(self, before):
        """The handler's future is dropped, not merely forgotten."""
        until = time.monotonic() + 5
        while self.given_up() != before + 1:
            expect(time.monotonic() < until, "the server still works for a call that nobody waits for")
            time.sleep(0.02)

    def deadline(self):
        before, began = self.given_up(), time.monotonic()
        error = failing(lambda: self.wait()(self.types["Nothing"](), timeout=0.3))
        equal(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        expect(0.2 < time.monotonic() - began < 3, "neither early nor late")
        self.expect_given_up(before)

    def stream_deadline(self):
        done = threading.Event()

        def asks():
            yield self.ask("first")
            done.wait(TIMEOUT)

        answers = self.bidi()(asks(), timeout=0.5)
        equal(next(answers).text, "first")
        equal(failing(lambda: next(answers)).code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        done.set()

    def past_deadline(self):
        error = failing(lambda: self.unary()(self.ask(), timeout=-1))
        equal(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def cancelled(self):
        before = self.given_up()
        call = self.wait().future(self.types["Nothing"](), timeout=TIMEOUT)
        time.sleep(0.1)
        call.cancel()
        equal(call.code(), grpc.StatusCode.CANCELLED)
        self.expect_given_up(before)

    def cancelled_stream(self):
        answers = self.stub("unary_stream", "Server")(self.ask("a", count=1_000_000, size=100), timeout=TIMEOUT)
        next(answers)
        answers.cancel()
        equal(failing(lambda: list(answers)).code(), grpc.StatusCode.CANCELLED)
        equal(self.unary()(self.ask("after"), timeout=TIMEOUT).text, "after")

    def compressed(self, compression):
        with grpc.insecure_channel(self.server.address, options=WIDE, compression=compression) as channel:
            answer = self.unary(channel)(self.ask("words " * 1000, size=50_000), timeout=TIMEOUT)
            equal((answer.text, len(answer.padding)), ("words " * 1000, 50_000))
            asks = [self.ask("word " * n) for n in (0, 1, 100, 10_000)]
            answers = self.bidi(channel)(iter(asks), timeout=TIMEOUT)
            equal([answer.text for answer in answers], [ask.text for ask in asks])

    def compressed_call(self):
        answer = self.unary()(self.ask("words " * 1000), timeout=TIMEOUT, compression=grpc.Compression.Gzip)
        equal(answer.text, "words " * 1000)

    def large(self, there, back):
        answer = self.unary()(self.ask("x" * there, size=back), timeout=TIMEOUT)
        equal((len(answer.text), len(answer.padding)), (there, back))

    def large_compressed(self):
        with grpc.insecure_channel(self.server.address, options=WIDE, compression=grpc.Compression.Gzip) as channel:
            answer = self.unary(channel)(self.ask("x" * 3 * MEGABYTE), timeout=TIMEOUT)
            equal(len(answer.text), 3 * MEGABYTE)

    def too_large(self):
        error = failing(lambda: self.unary()(self.ask("x" * 5 * MEGABYTE), timeout=TIMEOUT))
        equal(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        equal(self.unary()(self.ask("after"), timeout=TIMEOUT).text, "after")

    def bomb(self):
        ask = self.ask("x" * 12 * MEGABYTE)
        error = failing(lambda: self.unary()(ask, timeout=TIMEOUT, compression=grpc.Compression.Gzip))
        equal(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def too_large_for_client(self):
        with grpc.insecure_channel(self.server.address) as channel:
            error = failing(lambda: self.unary(channel)(self.ask(size=5 * MEGABYTE), timeout=TIMEOUT))
            equal(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
            equal(self.unary(channel)(self.ask("after"), timeout=TIMEOUT).text, "after")

    def unimplemented(self, path):
        error = failing(lambda: self.channel.unary_unary(path)(b"", timeout=TIMEOUT))
        equal(error.code(), grpc.StatusCode.UNIMPLEMENTED)
        expect(path.split("/")[2] in error.details() or path.split("/")[1] in error.details(), error.details())


class Health:
    """grpcio-health-checking's stubs."""

    SERVING = health_pb2.HealthCheckResponse.SERVING
    NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
    SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

    def __init__(self, suite, server, shapes):
        self.suite, self.server, self.shapes = suite, server, shapes
        self.channel = grpc.insecure_channel(server.address)
        self.stub = health_pb2_grpc.HealthStub(self.channel)

    def run(self):
        case = self.suite.case
        case("health of the server", lambda: equal(self.check(""), self.SERVING))
        case("health of a service", lambda: equal(self.check(f"{PACKAGE}.Shapes"), self.SERVING))
        case("health of no such service", self.unknown)
        case("health of a service that is set", self.set_and_check)
        case("health, listed", self.listed)
        case("health, watched", self.watch, f"{PACKAGE}.Shapes", self.SERVING)
        case("health of no such service, watched", self.watch, "yet.to.Come", self.SERVICE_UNKNOWN)
        case("a drain: watchers are told, the server ends", self.drain)
        self.channel.close()

    def check(self, service):
        return self.stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT).status

    def set(self, service, serving):
        stub = self.shapes.stub("unary_unary", "SetHealth", self.channel, takes="Serving", gives="Nothing")
        stub(self.shapes.types["Serving"](service=service, serving=serving), timeout=TIMEOUT)

    def unknown(self):
        equal(failing(lambda: self.check("no.such.Service")).code(), grpc.StatusCode.NOT_FOUND)

    def set_and_check(self):
        self.set("some.Service", False)
        equal(self.check("some.Service"), self.NOT_SERVING)
        self.set("some.Service", True)
        equal(self.check("some.Service"), self.SERVING)

    def listed(self):
        self.set("listed.Service", False)
        statuses = self.stub.List(health_pb2.HealthListRequest(), timeout=TIMEOUT).statuses
        equal((statuses[""].status, statuses["listed.Service"].status), (self.SERVING, self.NOT_SERVING))

    def watch(self, service, first):
        watching = self.stub.Watch(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT)
        equal(next(watching).status, first)
        for serving, status in ((False, self.NOT_SERVING), (True, self.SERVING)):
            self.set(service, serving)
            equal(next(watching).status, status)
        watching.cancel()

    def drain(self):
        watching = self.stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
        equal(next(watching).status, self.SERVING)
        self.server.terminate()
        equal(next(watching).status, self.NOT_SERVING)
        equal(list(watching), [], "after NOT_SERVING")
        equal(watching.code(), grpc.StatusCode.OK)
        equal(self.server.ended(), 0, "exit code")


class Reflection:
    """grpcio-reflection's descriptor database over a set of a real API."""

    def __init__(self, suite, api, server):
        self.suite, self.api = suite, api
        self.channel = grpc.insecure_channel(server.address, options=WIDE)
        self.stub = reflection_pb2_grpc.ServerReflectionStub(self.channel)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)
        self.symbols = symbols.of(api.files)

    def case(self, name, check, *arguments):
        self.suite.case(f"{self.api.name}: {name}", check, *arguments)

    def run(self):
        self.case("services", self.services)
        self.case("each file by its name", self.files)
        self.case("the file of each symbol", self.file_of_each_symbol)
        self.case("each message in a pool", self.messages)
        self.case("each service in a pool", self.service_methods)
        self.case("each extension by its number", self.extensions)
        self.case("unknown names", self.unknown)
        self.case("many requests on one stream, wrong ones among them", self.one_stream)
        self.channel.close()

    def services(self):
        wanted = set(self.symbols["service"])
        got = set(self.database.get_services())
        expect(got >= wanted, f"missing: {sorted(wanted - got)}")

    def files(self):
        for file in self.api.files.file:
            got = self.database.FindFileByName(file.name)
            equal(symbols.canonical(got), symbols.canonical(file), file.name)

    def file_of_each_symbol(self):
        homes = {}
        for file in self.api.files.file:
            for names in symbols.of(descriptor_pb2.FileDescriptorSet(file=[file])).values():
                homes.update(dict.fromkeys(names, file.name))
        names = list(homes)
        requests = (reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names)
        seen = set()
        for name, answer in zip(names, self.stub.ServerReflectionInfo(requests, timeout=120), strict=True):
            expect(answer.HasField("file_descriptor_response"), f"{name}: {answer.error_response}")
            equal(answer.original_request.file_containing_symbol, name)
            files = answer.file_descriptor_response.file_descriptor_proto
            first = descriptor_pb2.FileDescriptorProto.FromString(files[0]).name
            equal(first, homes[name], f"home of {name}")
            seen.update(files)
        originals = {file.SerializeToString() for file in self.api.files.file}
        expect(seen <= originals | {b""}, f"{len(seen - originals)} files are not byte for byte those of the set")

    def messages(self):
        for name in self.symbols["message"]:
            equal(self.pool.FindMessageTypeByName(name).full_name, name)

    def service_methods(self):
        for file in self.api.files.file:
            for service in file.service:
                found = self.pool.FindServiceByName(f"{file.package}.{service.name}")
                equal([method.name for method in found.methods], [method.name for method in service.method])

    def extensions(self):
        extensions = {}
        for file in self.api.files.file:
            for extension in symbols.extensions(file):
                extensions[extension.extendee.lstrip("."), extension.number] = file.name
        for extendee in {extendee for extendee, _ in extensions}:
            got = set(self.database.FindAllExtensionNumbers(extendee))
            equal(got, {number for other, number in extensions if other == extendee}, f"extensions of {extendee}")
        # The database's own look-up by number is a stub that gives None, so its client is asked directly.
        asked = [
            reflection_pb2.ServerReflectionRequest(
                file_containing_extension=reflection_pb2.ExtensionRequest(containing_type=extendee, extension_number=number)
            )
            for extendee, number in extensions
        ]
        answers = self.stub.ServerReflectionInfo(iter(asked), timeout=TIMEOUT)
        for answer, (extension, home) in zip(answers, extensions.items(), strict=True):
            files = answer.file_descriptor_response.file_descriptor_proto
            expect(files, f"{extension}: {answer.error_response}")
            equal(descriptor_pb2.FileDescriptorProto.FromString(files[0]).name, home, f"home of {extension}")

    def unknown(self):
        for look in (
            lambda: self.database.FindFileByName("no/such.proto"),
            lambda: self.database.FindFileContainingSymbol("no.such.Symbol"),
            lambda: self.database.FindAllExtensionNumbers("no.such.Type"),
        ):
            try:
                found = look()
            except KeyError:
                continue
            raise Failure(f"found {harness.brief(found)}")

    def one_stream(self):
        name = self.symbols["service"][0]
        asked = [
            reflection_pb2.ServerReflectionRequest(host="h", file_containing_symbol=name),
            reflection_pb2.ServerReflectionRequest(host="h", file_by_filename="no/such.proto"),
            reflection_pb2.ServerReflectionRequest(host="h", all_extension_numbers_of_type="no.such.Type"),
            reflection_pb2.ServerReflectionRequest(
                host="h",
                file_containing_extension=reflection_pb2.ExtensionRequest(containing_type=name, extension_number=1),
            ),
            reflection_pb2.ServerReflectionRequest(host="h"),
            reflection_pb2.ServerReflectionRequest(host="h", list_services="*"),
        ]
        answers = list(self.stub.ServerReflectionInfo(iter(asked), timeout=TIMEOUT))
        equal([answer.original_request for answer in answers], asked, "original requests")
        equal([answer.valid_host for answer in answers], ["h"] * len(asked), "hosts")
        kinds = [answer.WhichOneof("message_response") for answer in answers]
        error = "error_response"
        equal(kinds, ["file_descriptor_response", error, error, error, error, "list_services_response"])
        not_found = grpc.StatusCode.NOT_FOUND.value[0]
        equal([answer.error_response.error_code for answer in answers[1:4]], [not_found] * 3)


def failing(call):
    try:
        answer = call()
    except grpc.RpcError as error:
        return error
    raise Failure(f"worked: {harness.brief(answer)}")


def main():
    suite = harness.Suite("grpcio", TOTAL)
    with harness.Server("descant-suite-server") as server:
        shapes = Shapes(suite, server)
        shapes.run()
        Health(suite, server, shapes).run()
    for recipe in [*sets.RECIPES, sets.MESSAGE_SETS]:
        api = sets.make(*recipe)
        try:
            with harness.descant(api.path, "--echo") as server:
                Reflection(suite, api, server).run()
        except Failure as error:
            suite.case(f"{api.name}: serve", lambda error=error: expect(False, str(error)))
    suite.end()


main()
