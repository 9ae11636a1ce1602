"""connectconformance with every coding that it knows: a tenth of the cases, or with `DESCANT_CONNECT_FULL=1` all.

The tenth is drawn anew for each commit, or by `DESCANT_CONNECT_SEED`, from the cases that `connect` has not run.
"""

import os
import random
import subprocess
import tempfile

import connect
import harness

TOTAL = 10736
TENTH = TOTAL // 10
OTHERS = ["COMPRESSION_BR", "COMPRESSION_ZSTD", "COMPRESSION_DEFLATE", "COMPRESSION_SNAPPY"]


def seed():
    given = os.environ.get("DESCANT_CONNECT_SEED")
    head = ["git", "-C", str(harness.HERE), "rev-parse", "HEAD"]
    return given or subprocess.run(head, capture_output=True, text=True).stdout.strip()


def tenth(runner):
    """As many cases of the whole as a tenth is."""
    names, chosen = runner.names(), seed()
    harness.equal(len(names), TOTAL, "number of cases")
    print(f"connect-full: seed {chosen}")
    others = [name for name in names if any(coding in name for coding in OTHERS)]
    return random.Random(chosen).sample(others, TENTH)


def main():
    whole = os.environ.get("DESCANT_CONNECT_FULL") == "1"
    suite = harness.Suite("connect-full", TOTAL if whole else TENTH)
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        runner = connect.Runner(folder, connect.CODINGS + OTHERS)
        patterns = () if whole else tenth(runner)
        connect.count(suite, runner.run(*connect.server(folder), patterns=patterns))
    suite.end()


main()
