"""connectconformance with every coding that it knows: a tenth of the cases, which are none that `connect` has run, or all."""

import tempfile

import connect
import harness

TOTAL = 10736
TENTH = TOTAL // 10
OTHERS = ["COMPRESSION_BR", "COMPRESSION_ZSTD", "COMPRESSION_DEFLATE", "COMPRESSION_SNAPPY"]


def tenth(runner):
    """As many cases of the whole as a tenth is."""
    names = runner.names()
    harness.equal(len(names), TOTAL, "number of cases")
    others = [name for name in names if any(coding in name for coding in OTHERS)]
    return connect.drawn("connect-full", others, TENTH)


def main():
    suite = harness.Suite("connect-full", TOTAL if connect.WHOLE else TENTH)
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        runner = connect.Runner(folder, connect.CODINGS + OTHERS)
        patterns = () if connect.WHOLE else tenth(runner)
        connect.count(suite, runner.run(*connect.server(folder), patterns=patterns))
    suite.end()


main()
