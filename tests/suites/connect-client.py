"""connectconformance, in client mode: a proxy calls the tool's reference server by each protocol, over either version of HTTP."""

import tempfile

import connect
import harness

TOTAL = 4814


class Runner(connect.Runner):
    """The tool, for a client."""

    MODE = "client"


def main():
    suite = harness.Suite("connect-client", TOTAL)
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        client = [harness.BIN / "descant-connect-client", connect.server(folder)[1]]
        connect.count(suite, Runner(folder, connect.CODINGS).run(*client, patterns=connect.ASKED))
    suite.end()


main()
