"""What the suites share: cases that are counted, a server that is stopped, commands that end."""

import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ["DESCANT_SUITES_CACHE"])
BIN = pathlib.Path(os.environ["DESCANT_BIN"])

# A SIGTERM (from `timeout`, from an interrupted CI) becomes an exception, so every `with` below cleans up.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Failure(Exception):
    """What a case expected and did not get."""


def expect(truth, said):
    if not truth:
        raise Failure(said)


def equal(got, wanted, what="answer"):
    if got != wanted:
        raise Failure(f"{what}: got {brief(got)}, wanted {brief(wanted)}")


def brief(value, limit=1500):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[:limit] + f"... ({len(text)} characters)"


def documents(text):
    """The JSON documents of a text, one after another."""
    decoder, found, text = json.JSONDecoder(), [], text.strip()
    while text:
        try:
            document, end = decoder.raw_decode(text)
        except ValueError as error:
            raise Failure(f"no JSON: {error}: {brief(text)}") from None
        found.append(document)
        text = text[end:].lstrip()
    return found


class Suite:
    """Counts cases. `total` is the known number of them: a suite that loses cases must not pass."""

    def __init__(self, name, total):
        self.name, self.total = name, total
        self.passed = self.failed = 0

    def case(self, name, check, *arguments):
        try:
            check(*arguments)
        except Exception as error:  # any error fails its case and lets the others run
            self.failed += 1
            said = str(error) if isinstance(error, Failure) else traceback.format_exc()
            print(f"{self.name}: FAILED {name}: {said}", flush=True)
        else:
            self.passed += 1

    def count(self, passed, failed):
        """Adds cases that another program counted."""
        self.passed += passed
        self.failed += failed

    def end(self):
        ran = self.passed + self.failed
        if ran != self.total:
            print(f"{self.name}: FAILED: ran {ran} cases, {self.total} are known", flush=True)
            self.failed += max(1, self.total - ran)
        print(f"{self.name}: {self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed else 0)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def fetch(url, method="GET", headers=None):
    """Status, headers and body, whatever the status. What the environment says of proxies is not meant for it."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, method=method, headers=headers or {}), timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def until(what, holds, seconds=30):
    """What `holds` gives once that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.1)
    raise Failure(f"not within {seconds} s: {what}")


def run(*command, seconds=20, stdin="", env=None):
    """Runs a command to its end: (exit code, standard output, standard error)."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **(env or {})},
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"not done within {seconds} s: {brief(' '.join(map(str, command)), 300)}") from None
    return done.returncode, done.stdout, done.stderr


def die_with_parent():
    """Linux: the kernel ends the child when this process goes, however it goes."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Server:
    """A program of ours that serves on a free port and says where in a ready file."""

    def __init__(self, program, *arguments, env=None):
        self.command = [str(BIN / program), *map(str, arguments)]
        self.env = env or {}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="descant-suite-")
        self.ready = pathlib.Path(self.folder.name, "ready")
        self.log = open(pathlib.Path(self.folder.name, "log"), "w+")
        self.process = subprocess.Popen(
            [*self.command, *self.where()],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, **self.env},
            preexec_fn=die_with_parent,
        )
        try:
            self.addresses = self.wait()
            # They come in the order of the command line, where a Unix socket may stand first.
            self.address = next(address for address in self.addresses if not address.startswith("unix:"))
        except BaseException:
            self.stop()
            raise
        self.host, _, port = self.address.rpartition(":")
        self.port = int(port)
        return self

    def where(self):
        """What tells it where to listen, and where to say so."""
        return ["--listen", "127.0.0.1:0", "--ready-file", str(self.ready)]

    def listening(self):
        """The addresses that it listens on; none yet: nothing."""
        return self.ready.exists() and self.ready.read_text().splitlines()

    def wait(self, seconds=30):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if addresses := self.listening():
                return addresses
            if self.process.poll() is not None:
                raise Failure(f"{self.command} ended with {self.process.returncode}: {self.logged()}")
            time.sleep(0.02)
        raise Failure(f"{self.command} was not ready within {seconds} s: {self.logged()}")

    def logged(self):
        self.log.flush()
        return brief(pathlib.Path(self.log.name).read_text())

    def terminate(self):
        """Asks for a graceful stop and does not wait for it."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self, seconds=10):
        """The exit code of a server that is stopping."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"still running after {seconds} s: {self.logged()}") from None

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def __exit__(self, *_):
        self.stop()


def certificate(folder):
    """A key and a certificate for this machine that it signs itself, as files: (certificate, key)."""
    cert, key = pathlib.Path(folder, "server.crt"), pathlib.Path(folder, "server.key")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", *names]
    code, _, err = run("openssl", *new, "-keyout", key, "-out", cert)
    equal(code, 0, f"openssl: {err}")
    return cert, key


def descant(*arguments):
    """`descant serve` as the suites run it."""
    return Server("descant", "serve", *arguments, "--admin", "off", "--log-level", "warn")
