"""The real curl against `descant serve`: REST, streams, the protocols by hand, what lies below them, and what the docs show."""

import curl_rest
import curl_rpc
import curl_streams
import curl_wire
import harness
import pages

PARTS = [curl_rest, curl_streams, curl_rpc, curl_wire, pages]
TOTAL = 184 + 52 + 58 + 51 + 49


def main():
    suite = harness.Suite("curl", TOTAL)
    for part in PARTS:
        part.run(suite)
    suite.end()


main()
