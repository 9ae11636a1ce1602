"""Descant before two servers that come and go, for an hour: no call fails that may not, and memory does not grow.

`DESCANT_SOAK_MINUTES` says how long. Not among the suites that run by themselves.
"""

import collections
import http.client
import json
import os
import pathlib
import signal
import tempfile
import threading
import time

# Servers are started while calls run.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

import grpc

import harness
from harness import equal, expect

MINUTES = float(os.environ.get("DESCANT_SOAK_MINUTES", "60"))
# So much of it is warm-up: pools, tables and the allocator's own caches fill.
WARM_UP = min(600.0, MINUTES * 60 / 4)
# MB an hour that are a leak. Over a shorter time half a MB in all is: pages come and go.
SLOPE, LEAST = 1.0, 0.5
# How long a server that was killed may be missed: by calls that were on their way to it, and to connect anew. One that ends its
# calls and goes is missed by none.
MISSED = 3.0
# A server is replaced so often: killed, then asked to go, and so on.
REPLACED = min(30.0, MINUTES * 60 / 20)
RULES = """
type: google.api.Service
config_version: 3
http:
  rules:
    - { selector: descant.suite.v1.Shapes.Unary, get: "/v1/unary/{text}" }
    - { selector: descant.suite.v1.Shapes.Server, get: "/v1/server/{text}" }
"""
SHAPES = "/descant.suite.v1.Shapes/"
# An `Ask` with the text `hi`; with 2,000 bytes of padding; with 20 answers.
HI, LARGE, MANY = b"\x0a\x02hi", b"\x0a\x02hi\x10\xd0\x0f", b"\x0a\x02hi\x18\x14"


class Tally:
    """What became of the calls."""

    def __init__(self):
        self.lock = threading.Lock()
        self.done, self.missed, self.failed = collections.Counter(), collections.Counter(), collections.Counter()
        self.killed = -MISSED

    def add(self, kind, why=None, unavailable=False):
        """Counts a call, which failed if that says why. One of a server that was just killed may."""
        with self.lock:
            if why is None:
                self.done[kind] += 1
            elif unavailable and time.monotonic() - self.killed < MISSED:
                self.missed[kind] += 1
            else:
                self.failed[f"{kind}: {harness.brief(why, 300)}"] += 1


class Caller(threading.Thread):
    """Makes one kind of call again and again."""

    def __init__(self, front, tally, stop, kind):
        super().__init__(name=kind, daemon=True)
        self.front, self.tally, self.stop, self.kind = front, tally, stop, kind
        self.calls = 0

    def run(self):
        while not self.stop.is_set():
            # Now and then with a connection of its own: those come and go too.
            with grpc.insecure_channel(self.front.address) as channel:
                for _ in range(200):
                    if self.stop.is_set():
                        return
                    self.call(channel)

    def call(self, channel):
        self.calls += 1
        try:
            getattr(self, self.kind)(channel)
        except grpc.RpcError as error:
            said = f"{error.code()} {error.details()}"
            self.tally.add(self.kind, said, error.code() == grpc.StatusCode.UNAVAILABLE)
        except Unavailable as error:
            self.tally.add(self.kind, str(error), True)
        except Exception as error:  # any other is a failure
            self.tally.add(self.kind, f"{type(error).__name__}: {error}")
        else:
            self.tally.add(self.kind)

    def unary(self, channel):
        answer = channel.unary_unary(SHAPES + "Unary")(LARGE, timeout=20)
        equal(len(answer), 2000 + 7)

    def server_stream(self, channel):
        equal(len(list(channel.unary_stream(SHAPES + "Server")(MANY, timeout=20))), 20)

    def two_way(self, channel):
        equal(len(list(channel.stream_stream(SHAPES + "Bidi")(iter([HI] * 10), timeout=20))), 10)

    def client_stream(self, channel):
        channel.stream_unary(SHAPES + "Client")(iter([HI] * 10), timeout=20)

    def cancelled(self, channel):
        """A call that would wait for ever, given up by its caller, or by its deadline."""
        waiting = channel.unary_unary(SHAPES + "Wait")
        if self.calls % 2:
            call = waiting.future(b"")
            time.sleep(0.02)
            call.cancel()
            return
        try:
            waiting(b"", timeout=0.05)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                raise

    def rest(self, _):
        equal(json.loads(self.fetch("GET", "/v1/unary/hi?size=100"))["text"], "hi")
        equal(len(json.loads(self.fetch("GET", "/v1/server/hi?count=20"))), 20)

    def failing(self, _):
        self.fetch("GET", "/v1/unary/hi?sise=100", wanted=400)

    def grpc_web(self, _):
        body = self.fetch("POST", SHAPES + "Unary", b"\0\0\0\0\4" + HI, "application/grpc-web+proto")
        if b"grpc-status: 0" not in body:
            raise Unavailable(body) if b"grpc-status: 14" in body else harness.Failure(body)

    def connect(self, _):
        equal(json.loads(self.fetch("POST", SHAPES + "Unary", b'{"text":"hi"}', "application/json")), {"text": "hi"})

    def fetch(self, method, path, body=None, kind=None, wanted=200):
        connection = http.client.HTTPConnection(self.front.host, self.front.port, timeout=20)
        try:
            connection.request(method, path, body, {"content-type": kind} if kind else {})
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status == 503 or answer.getheader("grpc-status") == "14":
            raise Unavailable(said)
        if b'{"error":{"code":14' in said[-300:]:
            raise Unavailable(said)
        equal(answer.status, wanted, harness.brief(said.decode(errors="replace"), 200))
        return said


class Unavailable(Exception):
    """Code 14, told by another protocol than gRPC."""


KINDS = [
    "unary", "unary", "server_stream", "two_way", "client_stream", "cancelled", "rest", "failing", "grpc_web", "connect",
]


class Behind(harness.Server):
    """A server that keeps its address."""

    def __init__(self, port):
        super().__init__("descant-suite-server")
        self.own = port

    def where(self):
        return ["--listen", f"127.0.0.1:{self.own}", "--ready-file", str(self.ready)]


def replace(behind, tally, killed):
    """Another in its place: the old one is killed, or ends its calls first."""
    if killed:
        tally.killed = time.monotonic()
    behind.process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
    behind.ended(60)
    behind.stop()
    return behind.__enter__()


class Watched:
    """The memory of a process that is its own, and its open files, second by second.

    Pages of its program and of libraries are not counted: they are the kernel's cache, which maps more or fewer of them as it likes, two
    megabytes at a time.
    """

    def __init__(self, pid):
        self.pid, self.samples, self.files = pid, [], []

    def look(self, now):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        kilobytes = int(status.split("RssAnon:")[1].split()[0])
        self.samples.append((now, kilobytes / 1024))
        self.files.append((now, len(os.listdir(f"/proc/{self.pid}/fd"))))

    def slope(self, since):
        """MB an hour by least squares, and over how many hours."""
        points = [(now / 3600, size) for now, size in self.samples if now >= since]
        count = len(points)
        mean = sum(now for now, _ in points) / count, sum(size for _, size in points) / count
        above = sum((now - mean[0]) * (size - mean[1]) for now, size in points)
        return above / sum((now - mean[0]) ** 2 for now, _ in points), points[-1][0] - points[0][0]


def soak(front, behind, tally):
    watched, stop, began = Watched(front.process.pid), threading.Event(), time.monotonic()
    callers = [Caller(front, tally, stop, kind) for kind in KINDS]
    for caller in callers:
        caller.start()
    replaced, told = 0, 0
    while (now := time.monotonic() - began) < MINUTES * 60:
        watched.look(now)
        if now > REPLACED * (replaced + 1):
            behind[replaced // 2 % 2] = replace(behind[replaced // 2 % 2], tally, killed=replaced % 2 == 0)
            replaced += 1
        if now > 60 * (told + 1):
            told += 1
            print(f"soak: {told} min, {watched.samples[-1][1]:.1f} MB, {sum(tally.done.values())} calls", flush=True)
        time.sleep(1)
    stop.set()
    for caller in callers:
        caller.join(30)
        expect(not caller.is_alive(), f"{caller.name} hangs")
    return watched, replaced


def judge_memory(watched):
    slope, hours = watched.slope(WARM_UP)
    print(f"soak: {slope:+.2f} MB an hour, over {hours * 60:.0f} min after {WARM_UP / 60:.0f} min of warm-up", flush=True)
    allowed = max(SLOPE, LEAST / hours)
    expect(slope < allowed, f"its memory grows by {slope:.2f} MB an hour; {allowed:.2f} are a leak")


def judge_calls(tally):
    print(f"soak: done {dict(tally.done)}", flush=True)
    print(f"soak: missed with a server that was killed {dict(tally.missed)}", flush=True)
    expect(not tally.failed, f"calls failed: {dict(tally.failed.most_common(20))}")
    expect(sum(tally.missed.values()) * 100 < sum(tally.done.values()), f"too many were missed: {tally.missed}")
    for kind in KINDS:
        expect(tally.done[kind] > 10, f"hardly a call of {kind}: {tally.done}")


def judge_files(watched):
    first = max(count for now, count in watched.files if now < WARM_UP)
    last = max(count for now, count in watched.files[-60:])
    expect(last <= first + 20, f"{last} files are open in the end, {first} were")


def main():
    suite, tally = harness.Suite("soak", 4), Tally()
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        rules = pathlib.Path(folder, "rules.yaml")
        rules.write_text(RULES)
        behind = [Behind(harness.free_port()).__enter__() for _ in range(2)]
        try:
            to = [word for server in behind for word in ("--to", f"http://{server.address}")]
            with harness.descant(harness.HERE / "protos", *to, "--http-rules", rules) as front:
                watched, replaced = soak(front, behind, tally)
                suite.case("no call fails that may not", judge_calls, tally)
                suite.case("memory does not grow", judge_memory, watched)
                suite.case("connections are closed", judge_files, watched)
                suite.case("servers were replaced", lambda: expect(replaced >= 4, f"{replaced} times"))
        finally:
            for server in behind:
                server.stop()
    suite.end()


main()
