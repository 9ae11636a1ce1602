"""The OpenTelemetry collector gets the spans of two Descants in a row: `descant serve` before `descant serve --echo`."""

import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

import grpc

import harness
from harness import equal, expect, fetch, free_port, until

TOTAL = 13
PROTO = """
syntax = "proto3";
package trace.v1;
import "google/api/annotations.proto";
message Note { string text = 1; }
message Lost {}
service Notes {
  rpc Say(Note) returns (Note) { option (google.api.http) = { get: "/v1/notes/{text}" }; }
  rpc Tell(stream Note) returns (stream Note);
  // The echo behind answers nothing of another type.
  rpc Lose(Note) returns (Lost) { option (google.api.http) = { get: "/v1/lost/{text}" }; }
}
"""
SAY, TELL, LOSE = (f"trace.v1.Notes/{name}" for name in ("Say", "Tell", "Lose"))
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SERVER, CLIENT = 2, 3
ERROR = 2


class Sink:
    """Where the collector sends on what it got: OTLP as JSON."""

    def __init__(self):
        self.spans = []
        spans = self.spans

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                for resource in body["resourceSpans"]:
                    about = facts(resource["resource"].get("attributes", []))
                    for scope in resource["scopeSpans"]:
                        spans.extend(Span(span, scope["scope"], about) for span in scope["spans"])
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, count, holds=lambda span: True):
        """So many spans, once there are; nothing else may have come."""
        found = lambda: [span for span in self.spans if holds(span)]
        until(f"{count} spans", lambda: len(found()) >= count)
        spans = found()
        equal(len(spans), count, f"{spans}")
        self.spans.clear()
        return spans


class Span:
    def __init__(self, span, scope, resource):
        self.name, self.kind, self.scope, self.resource = span["name"], span["kind"], scope, resource
        self.trace, self.id, self.parent = span["traceId"], span["spanId"], span.get("parentSpanId", "")
        self.state, self.status = span.get("traceState", ""), span.get("status", {}).get("code", 0)
        self.facts = facts(span.get("attributes", []))
        self.took = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])

    @property
    def service(self):
        return self.resource["service.name"]

    def __repr__(self):
        return f"{self.service}: {self.name} {self.kind} {self.status} {self.facts}"

    def says(self, **wanted):
        for name, value in wanted.items():
            name = name.replace("__", ".")
            equal(self.facts.get(name), value, f"{name} of {self}")


def facts(attributes):
    """Numbers come as text: ProtoJSON."""
    value = lambda any: next(iter(any.values()))
    return {fact["key"]: value(fact["value"]) for fact in attributes}


@contextlib.contextmanager
def collector(sink):
    """The endpoint of a collector that sends everything to the sink at once."""
    port = free_port()
    config = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {
            "otlphttp": {"endpoint": sink.url, "encoding": "json", "compression": "none", "sending_queue": {"enabled": False}}
        },
        "service": {
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlphttp"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
    }
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        file = pathlib.Path(folder, "collector.yaml")
        # JSON is YAML.
        file.write_text(json.dumps(config))
        with open(pathlib.Path(folder, "log"), "w+") as log:
            process = subprocess.Popen(
                [harness.CACHE / "otelcol" / "otelcol", "--config", f"file:{file}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
                preexec_fn=harness.die_with_parent,
            )
            try:
                url = f"http://127.0.0.1:{port}"
                until("the collector is ready", lambda: answers(url) or process.poll() is not None)
                said = pathlib.Path(log.name).read_text()
                expect(process.poll() is None, f"the collector ended: {harness.brief(said)}")
                yield url
            finally:
                process.kill()
                process.wait()


def answers(url):
    try:
        # A GET is not what it takes, but an answer.
        return fetch(f"{url}/v1/traces")[0] == 405
    except OSError:
        return False


def get(url, **headers):
    """The status of an answer."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(urllib.error.HTTPError):
        with opener.open(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return answer.status
    return fetch(url)[0]


class Traces:
    def __init__(self, suite, sink, folder, endpoint):
        self.suite, self.sink, self.endpoint = suite, sink, endpoint
        self.proto = pathlib.Path(folder, "notes.proto")
        self.proto.write_text(PROTO)

    def descant(self, name, *arguments, delay="100", **env):
        """One that traces under this name, in batches that wait for so many milliseconds."""
        env = {"OTEL_SERVICE_NAME": name, "OTEL_BSP_SCHEDULE_DELAY": delay, **env}
        usual = ("--admin", "off", "--log-level", "warn", "--otlp", self.endpoint)
        return harness.Server("descant", "serve", self.proto, *usual, *arguments, env=env)

    @contextlib.contextmanager
    def row(self):
        with self.descant("back", "--echo") as self.back:
            with self.descant("front", "--to", f"http://{self.back.address}") as self.front:
                yield

    def run(self):
        with self.row():
            for name, check in [
                ("a call by REST is one trace in both", self.rest),
                ("what its spans say", self.say),
                ("who traces it", self.resource),
                ("a caller's trace goes on", self.caller),
                ("a caller that is not sampled", self.unsampled),
                ("an error of the upstream", self.error),
                ("a stream by gRPC", self.stream),
                ("a call of gRPC-Web and one of Connect", self.others),
                ("a method that there is none of", self.unknown),
                ("a path that there is none of", self.nowhere),
                ("health is not traced", self.health),
            ]:
                self.sink.spans.clear()
                self.suite.case(name, check)
        self.suite.case("a ratio", self.ratio)
        self.suite.case("the last spans are sent at the end", self.flush)

    def say_by_rest(self, **headers):
        equal(get(f"http://{self.front.address}/v1/notes/hello", **headers), 200)

    def three(self):
        """The spans of one call: the front's two, and the one behind it."""
        spans = self.sink.take(3)
        find = lambda service, kind: next(span for span in spans if (span.service, span.kind) == (service, kind))
        return find("front", SERVER), find("front", CLIENT), find("back", SERVER)

    def joined(self):
        server, client, behind = self.three()
        equal((client.trace, behind.trace), (server.trace, server.trace), "trace")
        equal((client.parent, behind.parent), (server.id, client.id), "parents")
        expect(server.took >= client.took > 0, f"{server.took} ns, {client.took} ns of them upstream")
        return server, client, behind

    def rest(self):
        self.say_by_rest()
        server, *_ = spans = self.joined()
        equal(server.parent, "", "parent of the first")
        equal([span.name for span in spans], [SAY] * 3)
        equal([span.status for span in spans], [0] * 3)

    def say(self):
        self.say_by_rest()
        server, client, behind = self.joined()
        for span in (server, client, behind):
            span.says(rpc__method=SAY, rpc__response__status_code="OK", error__type=None, rpc__system__name="grpc")
        server.says(
            http__request__method="GET",
            http__route="/v1/notes/{text}",
            http__response__status_code="200",
            url__path="/v1/notes/hello",
            url__scheme="http",
            server__address=self.front.host,
            server__port=str(self.front.port),
            client__address="127.0.0.1",
            network__transport="tcp",
            network__protocol__version="1.1",
        )
        client.says(server__address=self.back.host, server__port=str(self.back.port), http__route=None)
        behind.says(network__protocol__name="http", network__protocol__version="2", http__request__method=None)
        equal(behind.facts["client.port"], behind.facts["network.peer.port"])

    def resource(self):
        self.say_by_rest()
        for span in self.three():
            equal(span.resource["telemetry.sdk.language"], "rust")
            equal(span.scope["name"], "descant")
            expect(span.scope["version"], "no version")

    def caller(self):
        self.say_by_rest(traceparent=f"00-{TRACE}-{SPAN}-01", tracestate="vendor=1,other=2")
        server, client, behind = self.joined()
        equal((server.trace, server.parent), (TRACE, SPAN))
        equal({span.state for span in (server, client, behind)}, {"vendor=1,other=2"}, "tracestate")

    def unsampled(self):
        self.say_by_rest(traceparent=f"00-{TRACE}-{SPAN}-00")
        self.say_by_rest(traceparent=f"00-{TRACE[::-1]}-{SPAN}-01")
        equal({span.trace for span in self.joined()}, {TRACE[::-1]})

    def error(self):
        equal(get(f"http://{self.front.address}/v1/lost/hello"), 501)
        # `get` asks twice to see the status of an error.
        spans = self.sink.take(6)
        for span in spans:
            equal((span.name, span.status), (LOSE, ERROR))
            span.says(rpc__response__status_code="UNIMPLEMENTED", error__type="UNIMPLEMENTED")
        equal(len({span.trace for span in spans}), 2, "traces")

    def stream(self):
        with grpc.insecure_channel(self.front.address) as channel:
            metadata = [("traceparent", f"00-{TRACE}-{SPAN}-01")]
            notes = [b"\x0a\x01" + letter for letter in (b"a", b"b", b"c")]
            told = channel.stream_stream(f"/{TELL}")(iter(notes), metadata=metadata, timeout=20)
            equal(list(told), notes)
        server, client, behind = self.joined()
        equal((server.trace, server.parent), (TRACE, SPAN))
        for span in (server, client, behind):
            equal((span.name, span.status), (TELL, 0))

    def post(self, kind, body):
        request = urllib.request.Request(f"http://{self.front.address}/{SAY}", body, {"content-type": kind})
        request.add_header("traceparent", f"00-{TRACE}-{SPAN}-01")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            equal(answer.status, 200)
        server, *_ = self.joined()
        equal((server.trace, server.parent, server.name), (TRACE, SPAN, SAY))
        return server

    def others(self):
        web = self.post("application/grpc-web+proto", b"\0\0\0\0\x03\x0a\x01a")
        web.says(rpc__system__name="grpc", rpc__response__status_code="OK")
        connect = self.post("application/json", b'{"text":"a"}')
        connect.says(rpc__system__name="connectrpc", rpc__response__status_code=None, http__request__method=None)

    def unknown(self):
        with grpc.insecure_channel(self.front.address) as channel:
            with contextlib.suppress(grpc.RpcError):
                channel.unary_unary("/made.Up/Name")(b"", timeout=20)
        (span,) = self.sink.take(1)
        equal((span.name, span.status), ("grpc", ERROR))
        span.says(rpc__method="_OTHER", rpc__method_original="made.Up/Name")

    def nowhere(self):
        equal(fetch(f"http://{self.front.address}/made/up")[0], 404)
        (span,) = self.sink.take(1)
        equal((span.name, span.status), ("GET", 0))
        span.says(rpc__method=None, http__response__status_code="404", url__path="/made/up")

    def health(self):
        with grpc.insecure_channel(self.front.address) as channel:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20)
        self.say_by_rest()
        self.joined()

    def ratio(self):
        none = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
        with self.descant("alone", "--echo", **none) as self.front:
            self.sink.spans.clear()
            self.say_by_rest()
            self.say_by_rest(traceparent=f"00-{TRACE}-{SPAN}-01")
            (span,) = self.sink.take(1)
            equal((span.trace, span.parent), (TRACE, SPAN))

    def flush(self):
        with self.descant("alone", "--echo", delay="600000") as self.front:
            self.sink.spans.clear()
            self.say_by_rest()
            self.front.terminate()
            equal(self.front.ended(), 0, "exit code")
            (span,) = self.sink.take(1)
            equal(span.name, SAY)


def main():
    suite, sink = harness.Suite("traces", TOTAL), Sink()
    with collector(sink) as endpoint, tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        Traces(suite, sink, folder, endpoint).run()
    suite.end()


main()
