"""h2spec, strict, against `descant serve`: every case of RFC 9113 and RFC 7541 that it knows."""

import re

import harness

TOTAL = 146


def main():
    suite = harness.Suite("h2spec", TOTAL)
    with harness.descant() as server:
        command = [harness.CACHE / "bin" / "h2spec", "--strict", "--timeout", "3"]
        _, out, err = harness.run(*command, "--host", server.host, "--port", server.port, seconds=300)
    counted = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", out)
    if not counted:
        print(harness.brief(out + err, 4000))
        suite.end()
    _, passed, skipped, failed = map(int, counted.groups())
    if failed or skipped:
        print(out[out.find("Failures:") :])
    suite.count(passed, skipped + failed)
    suite.end()


main()
