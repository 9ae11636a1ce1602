"""connectconformance, in server mode, with everything that the tool can ask for and no list of known failures.

`DESCANT_CONNECT_RUN` holds patterns of cases, as the tool's `--run` takes them, for a look at some of them. Suites of the same tool that
take long run a tenth of their cases, or with `DESCANT_CONNECT_FULL=1` all. The tenth is drawn anew for each commit, or by
`DESCANT_CONNECT_SEED`.
"""

import collections
import json
import os
import pathlib
import random
import re
import subprocess
import tempfile

import harness
import sets

TOTAL = 3800
RUNNER = harness.CACHE / "bin" / "connectconformance"
MODULE = "connectrpc.com/conformance@v1.0.5"
CODINGS = ["COMPRESSION_IDENTITY", "COMPRESSION_GZIP"]
SECONDS = 1500
WHOLE = os.environ.get("DESCANT_CONNECT_FULL") == "1"
ASKED = os.environ.get("DESCANT_CONNECT_RUN", "").split()
# A case that failed is shown whole; of many, as many as tell them apart.
SHOWN = 20


class Runner:
    """The tool, with one configuration."""

    MODE = "server"

    def __init__(self, folder, codings):
        self.folder = pathlib.Path(folder)
        self.config = self.folder / "config.yaml"
        # JSON is YAML. What is not named has the tool's default: everything but these.
        features = {
            "versions": ["HTTP_VERSION_1", "HTTP_VERSION_2"],
            "compressions": codings,
            "supportsTlsClientCerts": True,
            "supportsHalfDuplexBidiOverHttp1": True,
        }
        self.config.write_text(json.dumps({"features": features}))

    def run(self, *server, patterns=(), flags=()):
        """The whole output of a run against a server, or of those of its cases that fit a pattern."""
        command = [RUNNER, "--mode", self.MODE, "--conf", self.config, *flags]
        if patterns:
            listed = self.folder / "patterns"
            listed.write_text("\n".join(patterns))
            command += ["--run", f"@{listed}"]
        done = subprocess.run(
            [str(word) for word in (*command, "--", *server)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        return done.stdout.decode(errors="replace")

    def names(self):
        """Every case there is. A server that does not start fails them all, each by its name."""
        return sorted(re.findall(r"^FAILED: (.*):$", self.run("false"), re.MULTILINE))


def server(folder):
    """The command of the server under test, with the descriptors of the conformance service."""
    protos = sets.module(MODULE) / "proto"
    names = [path.relative_to(protos).as_posix() for path in sorted(protos.rglob("*.proto"))]
    path = pathlib.Path(folder, "connect.binpb")
    path.write_bytes(sets.compiled([protos], names).SerializeToString())
    return [harness.BIN / "descant-connect-server", path]


def drawn(suite, cases, number):
    """So many of the cases, drawn by a seed, which is printed."""
    given = os.environ.get("DESCANT_CONNECT_SEED")
    head = ["git", "-C", str(harness.HERE), "rev-parse", "HEAD"]
    seed = given or subprocess.run(head, capture_output=True, text=True).stdout.strip()
    print(f"{suite}: seed {seed}")
    return random.Random(seed).sample(cases, number)


def count(suite, said):
    """Counts the cases of a run, and shows what failed."""
    counted = re.search(r"^Total cases: (\d+)\s+(\d+) passed, (\d+) failed", said, re.MULTILINE)
    if not counted:
        print(harness.brief(said, 4000))
        return
    ran, passed, failed = map(int, counted.groups())
    # One that could not be run is in neither number.
    suite.count(passed, max(failed, ran - passed))
    failures = re.findall(r"^FAILED: (.*?):\n((?:\t.*\n?)*)", said, re.MULTILINE)
    for name, why in failures[:SHOWN]:
        print(f"{suite.name}: FAILED {name}: {harness.brief(why.strip(), 600)}")
    shared = collections.Counter(part for name, _ in failures for part in parts(name))
    for part, number in shared.most_common(SHOWN):
        print(f"{suite.name}: {number} of {failed} failures: {part}")


def parts(name):
    """What a case shares with others: its suite, its settings, what it does."""
    suite, *middle = name.split("/")
    settings = [part for part in middle if ":" in part]
    return [suite, *settings, "/".join(part for part in middle if ":" not in part)]


def main():
    suite = harness.Suite("connect", TOTAL)
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        count(suite, Runner(folder, CODINGS).run(*server(folder), patterns=ASKED))
    suite.end()


if __name__ == "__main__":
    main()
