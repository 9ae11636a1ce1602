"""Debian's Prometheus scrapes `descant serve`, and promtool judges what it gets."""

import contextlib
import json
import pathlib
import subprocess
import tempfile
import time
import urllib.parse

import grpc
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import harness
from harness import Failure, equal, expect, fetch, free_port, until

TOTAL = 14
GET_BOOK = "bookshop.v1.Catalog/GetBook"
# A tag, a length and the id.
EMMA, NOBODY = b"\x0a\x04emma", b"\x0a\x06nobody"

# Spans are lost there; that a call is traced is enough for exemplars.
AWAY = "http://127.0.0.1:1"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Prometheus:
    """A Prometheus that scrapes one target each second."""

    def __init__(self, target):
        self.target, self.url = target, f"http://127.0.0.1:{free_port()}"

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="descant-suite-")))
            job = {"job_name": "descant", "static_configs": [{"targets": [self.target]}]}
            # JSON is YAML.
            config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
            (folder / "prometheus.yml").write_text(json.dumps(config))
            log = stack.enter_context(open(folder / "log", "w"))
            process = subprocess.Popen(
                [
                    "prometheus",
                    "--enable-feature=exemplar-storage",
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=harness.die_with_parent,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            until("Prometheus is ready", lambda: self.is_ready() or process.poll() is not None)
            expect(process.poll() is None, f"Prometheus ended: {harness.brief((folder / 'log').read_text())}")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def is_ready(self):
        try:
            return fetch(f"{self.url}/-/ready")[0] == 200
        except OSError:
            return False

    def api(self, path):
        status, _, body = fetch(f"{self.url}/api/v1/{path}")
        answer = json.loads(body)
        equal((status, answer["status"]), (200, "success"), body)
        return answer["data"]

    def value(self, query):
        """The one value that a query gives; None: there is no such series."""
        found = self.api(f"query?query={urllib.parse.quote(query)}")["result"]
        expect(len(found) < 2, f"{query} gives {found}")
        return float(found[0]["value"][1]) if found else None

    def becomes(self, query, wanted):
        got = []
        try:
            until(f"{query} is {wanted}", lambda: got.append(self.value(query)) or got[-1] == wanted)
        except Failure as failure:
            raise Failure(f"{failure}; it is {got[-1]}") from None


class Metrics:
    """Calls, and what is known of them afterwards. One case builds on what those before it have called."""

    def __init__(self, suite, server, admin, prometheus):
        self.suite, self.server, self.admin, self.prometheus = suite, server, admin, prometheus
        self.stack = contextlib.ExitStack()

    def run(self):
        for name, check in [
            ("the target is up", self.up),
            ("calls by code and protocol", self.calls),
            ("sizes", self.sizes),
            ("durations", self.durations),
            ("calls in flight, and those that are cancelled", self.cancelled),
            ("methods that there are none of", self.unknown),
            ("a reload keeps what was counted", self.reload),
            ("types and help", self.metadata),
            ("exemplars are kept", self.exemplars),
            ("OpenMetrics is read by Prometheus' own parser", self.openmetrics),
            ("promtool has nothing to say", self.promtool),
            ("a server behind, in both formats", self.behind),
            ("a server behind that is gone", self.gone),
            ("the alerts of the documentation", self.alerts),
        ]:
            self.suite.case(name, check)

    def up(self):
        self.prometheus.becomes('up{job="descant"}', 1)
        _, headers, _ = fetch(f"http://{self.admin}/metrics")
        equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        expect("trace_id" not in self.scraped(), "exemplars of nothing")
        self.prometheus.becomes("descant_open_connections", 0)

    def get_book(self, book):
        with grpc.insecure_channel(self.server.address) as channel:
            try:
                return channel.unary_unary(f"/{GET_BOOK}")(book, timeout=20)
            except grpc.RpcError as error:
                return error.code()

    def calls(self):
        for _ in range(3):
            expect(isinstance(self.get_book(EMMA), bytes), "there is an Emma")
        equal(self.get_book(NOBODY), grpc.StatusCode.NOT_FOUND)
        equal(fetch(f"http://{self.server.address}/v1/books/emma")[0], 200)
        for code, protocol, wanted in [("OK", "grpc", 3), ("NOT_FOUND", "grpc", 1), ("OK", "rest", 1)]:
            labels = f'method="{GET_BOOK}",code="{code}",protocol="{protocol}"'
            self.prometheus.becomes(f"descant_grpc_requests_total{{{labels}}}", wanted)

    def sizes(self):
        labels = f'{{method="{GET_BOOK}",protocol="grpc"}}'
        self.prometheus.becomes(f"descant_grpc_request_messages_total{labels}", 4)
        self.prometheus.becomes(f"descant_grpc_request_bytes_total{labels}", 3 * len(EMMA) + len(NOBODY))
        self.prometheus.becomes(f"descant_grpc_response_messages_total{labels}", 3)
        self.prometheus.becomes(f"descant_grpc_response_bytes_total{labels}", 3 * len(self.get_book(EMMA)))

    def durations(self):
        labels = f'method="{GET_BOOK}",protocol="rest"'
        self.prometheus.becomes(f"descant_grpc_request_duration_seconds_count{{{labels}}}", 1)
        self.prometheus.becomes(f'descant_grpc_request_duration_seconds_bucket{{{labels},le="+Inf"}}', 1)
        took = self.prometheus.value(f"descant_grpc_request_duration_seconds_sum{{{labels}}}")
        expect(0 < took < 5, f"a call took {took} s")

    def cancelled(self):
        labels = 'method="bookshop.v1.Catalog/WatchPrices",protocol="grpc"'
        with grpc.insecure_channel(self.server.address) as channel:
            watched = channel.unary_stream("/bookshop.v1.Catalog/WatchPrices")(b"", timeout=60)
            next(watched)
            self.prometheus.becomes(f"descant_grpc_requests_in_flight{{{labels}}}", 1)
            self.prometheus.becomes("descant_open_connections", 1)
            watched.cancel()
            self.prometheus.becomes(f"descant_grpc_requests_in_flight{{{labels}}}", 0)
        self.prometheus.becomes(f'descant_grpc_requests_total{{{labels},code="CANCELLED"}}', 1)
        self.prometheus.becomes("descant_open_connections", 0)

    def unknown(self):
        for path in ("/made.Up/Name", "/made.Up/Other"):
            with grpc.insecure_channel(self.server.address) as channel:
                with contextlib.suppress(grpc.RpcError):
                    channel.unary_unary(path)(b"", timeout=20)
        self.prometheus.becomes('descant_grpc_requests_total{method="unknown",code="UNIMPLEMENTED"}', 2)
        equal(self.prometheus.value('count({method=~".*made.*"})'), None, "series that a caller has named")

    def reload(self):
        counted = f'sum(descant_grpc_requests_total{{method="{GET_BOOK}",protocol="rest"}})'
        equal(fetch(f"http://{self.admin}/reload", "POST")[0], 200)
        equal(fetch(f"http://{self.server.address}/v1/books/emma")[0], 200)
        self.prometheus.becomes(counted, 2)

    def metadata(self):
        known = until("metadata", lambda: self.prometheus.api("metadata"))
        # In OpenMetrics a family of counters is called as its samples are without `_total`.
        for name, kind, unit in [
            ("descant_grpc_requests", "counter", ""),
            ("descant_grpc_request_bytes", "counter", "bytes"),
            ("descant_grpc_request_duration_seconds", "histogram", "seconds"),
            ("descant_grpc_requests_in_flight", "gauge", ""),
            ("descant_open_connections", "gauge", ""),
            ("descant_connections", "counter", ""),
        ]:
            told = known[name][0]
            equal((told["type"], told["unit"]), (kind, unit), name)
            expect(told["help"].endswith("."), f"{name}: {told['help']}")

    def scraped(self):
        accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        _, headers, text = fetch(f"http://{self.admin}/metrics", headers={"accept": accept})
        equal(headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        return text

    def exemplars(self):
        with grpc.insecure_channel(self.server.address) as channel:
            metadata = [("traceparent", f"00-{TRACE}-{SPAN}-01")]
            channel.unary_unary(f"/{GET_BOOK}")(EMMA, metadata=metadata, timeout=20)
        query = "descant_grpc_request_duration_seconds_bucket"
        now = time.time()
        path = f"query_exemplars?query={query}&start={now - 300:.0f}&end={now + 300:.0f}"
        mine = lambda: [
            (series["seriesLabels"], exemplar)
            for series in self.prometheus.api(path)
            for exemplar in series["exemplars"]
            if exemplar["labels"]["trace_id"] == TRACE
        ]
        (labels, exemplar), *_ = until("an exemplar", mine)
        equal((labels["method"], labels["protocol"]), (GET_BOOK, "grpc"))
        expect(len(exemplar["labels"]["span_id"]) == 16 and exemplar["labels"]["span_id"] != SPAN, str(exemplar))
        expect(0 < float(exemplar["value"]) <= float(labels["le"]), f"{exemplar} in {labels}")
        expect(abs(float(exemplar["timestamp"]) - time.time()) < 60, str(exemplar))

    def openmetrics(self):
        text = self.scraped()
        families = {family.name: family for family in text_string_to_metric_families(text)}
        durations = families["descant_grpc_request_duration_seconds"]
        equal((durations.type, durations.unit), ("histogram", "seconds"))
        found = [sample for sample in durations.samples if sample.exemplar and sample.exemplar.labels["trace_id"] == TRACE]
        equal(len(found), 1, "buckets with that trace")
        _, _, plain = fetch(f"http://{self.admin}/metrics")
        names = lambda text: {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
        equal(names(text), names(plain), "names of samples in both formats")

    def promtool(self):
        _, _, scraped = fetch(f"http://{self.admin}/metrics")
        expect("descant_grpc_requests_total" in scraped, scraped)
        equal(harness.run("promtool", "check", "metrics", stdin=scraped), (0, "", ""), "promtool")


    def behind(self):
        """Descant before Descant: what it tells of the one behind."""
        behind = self.behind_server = self.stack.enter_context(harness.Server("descant", "serve", "--log-level", "error"))
        front_admin = f"127.0.0.1:{free_port()}"
        upstream = self.upstream = f"http://{behind.address}"
        front = self.front = self.stack.enter_context(
            harness.Server("descant", "serve", "--to", upstream, "--workers", "1", "--admin", front_admin, "--log-level", "error")
        )
        for path, wanted in [("emma", 200), ("nobody", 404), ("emma", 200)]:
            equal(fetch(f"http://{front.address}/v1/books/{path}")[0], wanted)
        front_prometheus = self.front_prometheus = self.stack.enter_context(Prometheus(front_admin))
        for metric, labels, wanted in [
            ("attempts_total", 'kind="first"', 3),
            ("attempts_total", 'kind="retry"', 0),
            ("attempts_ended_total", 'outcome="ok"', 2),
            ("attempts_ended_total", 'outcome="error"', 1),
            ("attempts_in_flight", "", 0),
            ("connections_total", "", 1),
            ("addresses", 'state="ready"', 1),
        ]:
            front_prometheus.becomes(f'descant_upstream_{metric}{{upstream="{upstream}",{labels}}}', wanted)
        _, _, plain = fetch(f"http://{front_admin}/metrics")
        equal(harness.run("promtool", "check", "metrics", stdin=plain), (0, "", ""), "promtool")
        self.admin = front_admin
        families = {family.name: family for family in text_string_to_metric_families(self.scraped())}
        ours = {name.removeprefix("descant_upstream_"): family.type for name, family in families.items() if "upstream" in name}
        counters = "attempts attempts_ended calls_refused retries_withheld connections connections_failed ejections"
        counters += " health_checks_failed lookups_failed"
        gauges = "attempts_in_flight calls_waiting open_connections addresses"
        equal(ours, dict.fromkeys(counters.split(), "counter") | dict.fromkeys(gauges.split(), "gauge"))
        for family in families.values():
            if "upstream" in family.name:
                equal({sample.labels["upstream"] for sample in family.samples}, {upstream}, family.name)

    def gone(self):
        self.behind_server.stop()
        fetch(f"http://{self.front.address}/v1/books/emma")
        of = lambda metric, label: f'descant_upstream_{metric}{{upstream="{self.upstream}",{label}}}'
        self.front_prometheus.becomes(of("addresses", 'state="unreachable"'), 1)
        self.front_prometheus.becomes(of("open_connections", ""), 0)
        refused = self.front_prometheus.value(of("connections_failed_total", 'reason="refused"'))
        expect(refused >= 1, f"{refused} connections were refused")
        begun = self.front_prometheus.value(f"sum({of('attempts_total', '')})")
        self.front_prometheus.becomes(f"sum({of('attempts_ended_total', '')})", begun)

    def alerts(self):
        page = (pathlib.Path(__file__).parents[2] / "docs/proxy.md").read_text()
        rules = next(block for block in page.split("```yaml\n")[1:] if block.startswith("groups:")).split("```")[0]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(rules)
            file.flush()
            code, out, _ = harness.run("promtool", "check", "rules", file.name)
        expect(code == 0 and "4 rules found" in out, out)
        # The first of them is due.
        down = 'sum by (instance, upstream) (descant_upstream_addresses{state="ready"}) == 0'
        expect(down in rules, "the rule that tells of an upstream that is down")
        self.front_prometheus.becomes(down, 0)


def main():
    suite = harness.Suite("metrics", TOTAL)
    admin = f"127.0.0.1:{free_port()}"
    with harness.Server("descant", "serve", "--admin", admin, "--log-level", "error", "--otlp", AWAY) as server:
        with Prometheus(admin) as prometheus:
            metrics = Metrics(suite, server, admin, prometheus)
            with metrics.stack:
                metrics.run()
    suite.end()


if __name__ == "__main__":
    main()
