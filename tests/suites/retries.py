"""Calls that are made again, before a server of grpc-go that fails as it is asked to and says what it saw of each.

gRFC A6, <https://github.com/grpc/proposal/blob/master/A6-client-retries.md>. What the server can be asked for stands in `retries/main.go`.
"""

import contextlib
import itertools
import json
import os
import pathlib
import re
import tempfile
import threading
import time

# Servers are started while calls run.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

import grpc

import harness
from harness import equal, expect

SERVICE = "descant.suite.retries.Retries"
BACKOFF = {"initialBackoff": "0.1s", "maxBackoff": "0.2s", "backoffMultiplier": 2}
RETRY = {"maxAttempts": 4, **BACKOFF, "retryableStatusCodes": ["UNAVAILABLE"]}
# Longer than a call takes that has no reason to wait.
DELAY = 400
HEDGE = {"maxAttempts": 3, "hedgingDelay": f"{DELAY / 1000}s", "nonFatalStatusCodes": ["UNAVAILABLE"]}
CONFIG = {
    "methodConfig": [
        *(
            {"name": [{"service": SERVICE, "method": method}], "retryPolicy": RETRY}
            for method in ("Retried", "RetriedSafe", "RetriedStream")
        ),
        {"name": [{"service": SERVICE, "method": "Hedged"}], "hedgingPolicy": HEDGE},
        {"name": [{"service": SERVICE, "method": "Waiting"}], "waitForReady": True},
    ]
}
# Of four tokens three leave another attempt: one failure more, and there is none until a call succeeded.
THROTTLED = {**CONFIG, "retryThrottling": {"maxTokens": 4, "tokenRatio": 1}}
MANY = 200
# A message each.
WORDS = [b"\x0a\x01" + letter for letter in (b"a", b"b", b"c")]
NAMES = (f"call-{number}" for number in itertools.count())


class Go(harness.Server):
    """The server of `retries/main.go`."""

    def __init__(self, *arguments):
        self.command = [str(harness.CACHE / "bin" / "retries"), *map(str, arguments)]
        self.env = {}

    def where(self):
        return []

    def listening(self):
        said = re.search(r"calls (\S+) control (\S+)", pathlib.Path(self.log.name).read_text())
        if said:
            self.control = f"http://{said[2]}"
        return said and [said[1]]

    def seen(self, name):
        """What came of the attempts at a call, in their order."""
        return json.loads(harness.fetch(f"{self.control}/seen?call={name}")[2])

    def asks(self, what):
        equal(harness.fetch(f"{self.control}/{what}", "POST")[0], 200, what)


class Ended:
    """How a call ended, for its caller."""

    def __init__(self, name, code, said, began):
        self.name, self.code, self.said = name, code, said
        self.seconds = time.monotonic() - began


class Front:
    """Descant, and a client of it that tries nothing again by itself."""

    def __init__(self, server):
        self.channel = grpc.insecure_channel(server.address, options=[("grpc.enable_retries", 0)])

    def call(self, method, act, timeout=20.0):
        name, began, message = next(NAMES), time.monotonic(), b"\x0a\x02hi"
        unary = self.channel.unary_unary(f"/{SERVICE}/{method}")
        try:
            answer = unary(message, timeout=timeout, metadata=[("call", name), ("act", act)])
        except grpc.RpcError as error:
            return Ended(name, error.code().name, error.details(), began)
        equal(answer, message)
        return Ended(name, "OK", "", began)

    def stream(self, method, act, messages):
        name, began = next(NAMES), time.monotonic()
        stream = self.channel.stream_stream(f"/{SERVICE}/{method}")
        try:
            answer = list(stream(iter(messages), timeout=20, metadata=[("call", name), ("act", act)]))
        except grpc.RpcError as error:
            return Ended(name, error.code().name, error.details(), began)
        equal(answer, messages)
        return Ended(name, "OK", "", began)

    def many(self, method, act, count, meanwhile=lambda: None):
        """So many calls at a time, begun within a second, and something that happens when half of them run."""
        ended = [None] * count

        def run(place):
            time.sleep(place / count)
            if method.endswith("Stream"):
                ended[place] = self.stream(method, act, WORDS)
            else:
                ended[place] = self.call(method, act)

        threads = [threading.Thread(target=run, args=[place], daemon=True) for place in range(count)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        meanwhile()
        for thread in threads:
            thread.join(30)
        expect(all(ended), "calls hang")
        return ended


@contextlib.contextmanager
def front(*addresses, config=CONFIG, more=()):
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        file = pathlib.Path(folder, "config.json")
        file.write_text(json.dumps(config))
        to = [word for address in addresses for word in ("--to", f"http://{address}")]
        proto = harness.HERE / "retries" / "retries.proto"
        with harness.descant(proto, *to, "--service-config", file, *more) as server:
            client = Front(server)
            with client.channel:
                yield client


def gaps(seen):
    return [after["at"] - before["at"] for before, after in itertools.pairwise(seen)]


def told(ended, code, go, count):
    """What the server saw of a call that ended so, after so many attempts."""
    equal(ended.code, code, f"code ({ended.said})")
    seen = go.seen(ended.name)
    equal(len(seen), count, f"attempts: {seen}")
    equal([attempt["previous"] for attempt in seen], ["", *map(str, range(1, count))], "grpc-previous-rpc-attempts")
    return seen


def fails_twice(go, client):
    seen = told(client.call("Retried", "UNAVAILABLE,UNAVAILABLE,ok"), "OK", go, 3)
    first, second = gaps(seen)
    # 20 % less than the policy says, and what the machine needs.
    expect(80 <= first < 2000 and 160 <= second < 2000, f"pauses of {first} and {second} ms")


def attempts_end(go, client):
    ended = client.call("Retried", "UNAVAILABLE")
    told(ended, "UNAVAILABLE", go, RETRY["maxAttempts"])
    equal(ended.said, "as asked")


def other_code(go, client):
    told(client.call("Retried", "INTERNAL"), "INTERNAL", go, 1)


def no_policy(go, client):
    told(client.call("Plain", "UNAVAILABLE"), "UNAVAILABLE", go, 1)


def committed(go, client):
    told(client.call("Retried", "begin UNAVAILABLE"), "UNAVAILABLE", go, 1)


def pushback(go, client):
    seen = told(client.call("Retried", "pushback=700 UNAVAILABLE,ok"), "OK", go, 2)
    expect(690 <= gaps(seen)[0] < 3000, f"a pause of {gaps(seen)} ms")


def pushback_no(go, client):
    told(client.call("Retried", "pushback=-1 UNAVAILABLE,ok"), "UNAVAILABLE", go, 1)


def pushback_late(go, client):
    ended = client.call("Retried", "pushback=5000 UNAVAILABLE,ok", timeout=3)
    told(ended, "UNAVAILABLE", go, 1)
    expect(ended.seconds < 2, f"told after {ended.seconds} s, though nothing could come of it")


def throttled(go, client):
    told(client.call("Retried", "UNAVAILABLE"), "UNAVAILABLE", go, 2)
    told(client.call("Retried", "UNAVAILABLE"), "UNAVAILABLE", go, 1)
    for _ in range(3):
        told(client.call("Retried", "ok"), "OK", go, 1)
    told(client.call("Retried", "UNAVAILABLE,ok"), "OK", go, 2)


def stream(go, client):
    told(client.stream("RetriedStream", "UNAVAILABLE,ok", WORDS), "OK", go, 2)


def hedged(go, client):
    ended = client.call("Hedged", "hang,ok")
    seen = told(ended, "OK", go, 2)
    expect(DELAY - 5 <= gaps(seen)[0] < DELAY + 2000, f"a delay of {gaps(seen)} ms")
    harness.until("the attempt that lost is given up", lambda: go.seen(ended.name)[0]["ended"] == "Canceled", 5)


def hedged_failure(go, client):
    seen = told(client.call("Hedged", "UNAVAILABLE,ok"), "OK", go, 2)
    expect(gaps(seen)[0] < DELAY, f"a delay of {gaps(seen)} ms after a failure")
    told(client.call("Hedged", "INTERNAL,ok"), "INTERNAL", go, 1)


def hedged_in_time(go, client):
    ended = client.call("Hedged", "ok")
    time.sleep(2 * DELAY / 1000)
    told(ended, "OK", go, 1)


def lost(go, client):
    for method in ("Plain", "Retried"):
        told(client.call(method, "drop,ok"), "UNAVAILABLE", go, 1)


def lost_safe(go, client):
    told(client.call("RetriedSafe", "drop,ok"), "OK", go, 2)


def closed_idle(go, client):
    for _ in range(20):
        told(client.call("Plain", "ok"), "OK", go, 1)
        go.asks("drop")
        # The end of the connection is on its way.
        time.sleep(0.05)


def waits():
    """A server that is not there yet."""
    port = harness.free_port()
    with front(f"127.0.0.1:{port}") as client:
        equal(client.call("Plain", "ok").code, "UNAVAILABLE")
        ended = []
        caller = threading.Thread(target=lambda: ended.append(client.call("Waiting", "ok")), daemon=True)
        caller.start()
        time.sleep(1.5)
        equal(ended, [], "a call ended that has to wait")
        with Go("-port", port) as go:
            caller.join(20)
            expect(ended, "the call still waits")
            told(ended[0], "OK", go, 1)


def all_once(ended, *servers):
    """Each of the calls went well, and was seen by one server once."""
    failed = [f"{call.code} {call.said}" for call in ended if call.code != "OK"]
    expect(not failed, f"{len(failed)} of {len(ended)} failed: {failed[:3]}")
    counts = [[len(server.seen(call.name)) for call in ended] for server in servers]
    equal([sum(seen) for seen in zip(*counts, strict=True)], [1] * len(ended), "attempts at each call")
    return [sum(seen) for seen in counts]


def graceful_stop(method):
    with Go() as first, Go() as second, front(first.address, second.address) as client:
        ended = client.many(method, "sleep=400 ok", MANY, lambda: first.asks("stop"))
        shares = all_once(ended, first, second)
        expect(all(share > 10 for share in shares), f"a server had hardly a call: {shares}")


def graceful_stop_alone():
    """The only server goes, and another takes its address: calls that wait for a connection lose nothing."""
    port = harness.free_port()
    with Go("-port", port) as first, front(first.address) as client, contextlib.ExitStack() as later:
        successors = []

        def replace():
            # It closes its listener at once, and ends its calls.
            first.asks("stop")
            successors.append(later.enter_context(Go("-port", port)))

        shares = all_once(client.many("Waiting", "sleep=400 ok", MANY, replace), first, *successors)
        expect(all(share > 10 for share in shares), f"a server had hardly a call: {shares}")


def ages(method):
    """Connections that take no more calls after some 200 ms."""
    with Go("-age", "200ms") as go, front(go.address) as client:
        all_once(client.many(method, "sleep=20 ok", MANY), go)


def one_stream():
    with Go("-streams", 1) as go, front(go.address, more=["--workers", 1]) as client:
        all_once(client.many("Plain", "sleep=30 ok", MANY), go)


def main():
    suite = harness.Suite("retries", 23)
    with Go() as go, front(go.address) as client:
        suite.case("two failures, then a reply", fails_twice, go, client)
        suite.case("as many attempts as the policy says", attempts_end, go, client)
        suite.case("a code that the policy has not", other_code, go, client)
        suite.case("no policy", no_policy, go, client)
        suite.case("a failure behind the head of a reply", committed, go, client)
        suite.case("pushback", pushback, go, client)
        suite.case("pushback: no more", pushback_no, go, client)
        suite.case("pushback beyond the deadline", pushback_late, go, client)
        suite.case("a stream", stream, go, client)
        suite.case("hedging after a delay", hedged, go, client)
        suite.case("hedging after a failure", hedged_failure, go, client)
        suite.case("hedging that is not needed", hedged_in_time, go, client)
        suite.case("a call that is lost", lost, go, client)
        suite.case("a call that is lost and may run twice", lost_safe, go, client)
        suite.case("connections that close between calls", closed_idle, go, client)
    with Go() as go, front(go.address, config=THROTTLED) as client:
        suite.case("throttling", throttled, go, client)
    suite.case("a server that starts late", waits)
    suite.case("a graceful stop", graceful_stop, "Plain")
    suite.case("a graceful stop, and streams", graceful_stop, "PlainStream")
    suite.case("a graceful stop of the only server", graceful_stop_alone)
    suite.case("connections that grow old", ages, "Plain")
    suite.case("connections that grow old, and streams", ages, "PlainStream")
    suite.case("one call at a time on a connection", one_stream)
    suite.end()


main()
