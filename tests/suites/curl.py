"""The real curl against `descant serve`: REST, streams, the protocols by hand, and what lies below them."""

import curl_rest
import curl_rpc
import curl_streams
import curl_wire
import harness

PARTS = [curl_rest, curl_streams, curl_rpc, curl_wire]
TOTAL = 184 + 52 + 58 + 49


def main():
    suite = harness.Suite("curl", TOTAL)
    for part in PARTS:
        part.run(suite)
    suite.end()


main()
