"""connectconformance against Descant before the tool's own reference server: a tenth of the cases of `connect`, or all."""

import tempfile

import connect
import harness

TENTH = connect.TOTAL // 10
REFERENCE = harness.CACHE / "bin" / "referenceserver"


def tenth(runner):
    names = runner.names()
    harness.equal(len(names), connect.TOTAL, "number of cases")
    return connect.drawn("connect-proxy", names, TENTH)


def main():
    suite = harness.Suite("connect-proxy", connect.TOTAL if connect.WHOLE else TENTH)
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        runner = connect.Runner(folder, connect.CODINGS)
        patterns = connect.ASKED or ([] if connect.WHOLE else tenth(runner))
        connect.count(suite, runner.run(*connect.server(folder), REFERENCE, patterns=patterns))
    suite.end()


main()
