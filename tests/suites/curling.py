"""The real curl: what it is told, and what it makes of the answer."""

import json
import os
import pathlib
import subprocess
import tempfile
import threading

import harness
from harness import Failure, brief, equal, expect

# How long a command may take; none of them takes a tenth of it.
SECONDS = 20
# How a command speaks to a server of plain text, by the version of HTTP that it ends up with.
WAYS = {"1.1": ["--http1.1"], "2": ["--http2-prior-knowledge"]}
# How curl says that a transfer was cut off: in HTTP/1.1 the last chunk is missing, in HTTP/2 the stream is reset.
CUT = {"1.1": 18, "2": 92}
# What stands before curl's own account of a transfer.
WRITTEN = "written: "
# Of a user: no `.curlrc` and no proxy may take part.
CLEAN = {"CURL_HOME": "/nonexistent", "HOME": "/nonexistent", "NO_PROXY": "*", "no_proxy": "*"}


class Answer:
    """What came of a command."""

    def __init__(self, command, code, said, written, heads, body):
        self.command, self.exit, self.said, self.body = command, code, said, body
        self.written = [json.loads(line) for line in written.splitlines() if line]
        blocks = heads.decode("latin-1").replace("\r\n", "\n").split("\n\n")
        self.heads = [block.splitlines() for block in blocks if block.startswith("HTTP/")]
        # What follows the body: they have no line of status.
        self.trailers = fields(line for block in blocks if not block.startswith("HTTP/") for line in block.splitlines())
        self.headers = fields(self.heads[-1][1:]) if self.heads else {}

    @property
    def last(self):
        if not self.written:
            raise Failure(f"{self} wrote nothing")
        return self.written[-1]

    @property
    def status(self):
        return self.last["response_code"]

    @property
    def version(self):
        return self.last["http_version"]

    @property
    def connections(self):
        """How many connections were opened for all of the transfers."""
        return sum(one["num_connects"] for one in self.written)

    def header(self, name):
        return ", ".join(self.headers.get(name, []))

    def text(self):
        return self.body.decode()

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Failure(f"no JSON: {error}: {self}") from None

    def lines(self):
        return [json.loads(line) for line in self.text().splitlines()]

    def is_ok(self, wanted=200):
        expect(self.exit == 0, f"curl failed: {self}")
        equal(self.status, wanted, f"status ({self})")
        return self

    def is_error(self, status, code, *says):
        """An answer of the gateway's or the handler's that is a google.rpc.Status."""
        self.is_ok(status)
        equal(self.header("content-type"), "application/json", "content-type")
        error = self.json()
        equal(error["code"], code, f"code ({self})")
        for text in says:
            expect(text in error["message"], f"says nothing of {text!r}: {self}")
        return error

    def __str__(self):
        words = " ".join(map(str, self.command))
        return brief(f"`{words}` ended with {self.exit}, {self.said.strip()!r}, {self.heads}, {self.body[:600]!r}", 2500)


def fields(lines):
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.lower(), []).append(value.strip())
    return found


def words(folder, *told):
    """The whole command, which writes the head, and the body where it is not told otherwise, into this folder."""
    folder = pathlib.Path(folder)
    common = ["--silent", "--show-error", "--dump-header", folder / "head"]
    return [str(word) for word in ["curl", *common, "--write-out", f"%{{stderr}}\n{WRITTEN}%{{json}}\n", *told]]


def run(*told, stdin=b""):
    """Runs curl to its end. Of several transfers the bodies stand behind one another."""
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        command = words(folder, "--max-time", SECONDS, *told)
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, timeout=SECONDS + 5, env={**os.environ, **CLEAN}
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"curl did not end: {command}") from None
        return answer(folder, told, done.returncode, done.stdout, done.stderr)


def answer(folder, told, code, out, err):
    head = pathlib.Path(folder, "head")
    lines = err.decode(errors="replace").splitlines()
    # With `--upload-file .` curl shows how far it is, whatever it was told.
    said = "\n".join(line for line in lines if line.startswith("curl: "))
    written = "\n".join(line.removeprefix(WRITTEN) for line in lines if line.startswith(WRITTEN))
    return Answer(["curl", *told], code, said, written, head.read_bytes() if head.exists() else b"", out)


class Talk:
    """A curl that runs while the case goes on: it sends what it is given, and its answer is read as it comes."""

    def __init__(self, *told):
        self.told = told

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="descant-suite-")
        pipe = subprocess.PIPE
        # With `--max-time` curl would look at nothing else while it waits for standard input.
        self.process = subprocess.Popen(
            words(self.folder.name, "--no-buffer", *self.told),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={**os.environ, **CLEAN},
            preexec_fn=harness.die_with_parent,
        )
        self.patience = threading.Timer(SECONDS, self.process.kill)
        self.patience.start()
        return self

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def line(self):
        """The next line; none if curl has ended."""
        return self.process.stdout.readline().decode()

    def end(self):
        """Sends no more, and waits for the end."""
        out, err = self.process.communicate(timeout=SECONDS + 5)
        return answer(self.folder.name, self.told, self.process.returncode, out, err)

    def __exit__(self, *_):
        self.patience.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.folder.cleanup()


class Client:
    """Calls one server in one way."""

    def __init__(self, suite, server, way):
        self.suite, self.server, self.way = suite, server, way
        self.words = WAYS[way]
        self.url = f"http://{server.address}"

    def case(self, name, check, *arguments):
        self.suite.case(f"HTTP/{self.way}: {name}", check, *arguments)

    def call(self, path, *told, stdin=b""):
        done = run(*self.words, *told, self.url + path, stdin=stdin)
        if done.written:
            equal(done.version, self.way, f"version of HTTP ({done})")
        return done

    def post(self, path, message, *told, method="POST"):
        """Sends JSON."""
        text = message if isinstance(message, (str, bytes)) else json.dumps(message)
        data = text if isinstance(text, bytes) else text.encode()
        sent = ["-X", method, "-H", "content-type: application/json", "--data-binary", "@-"]
        return self.call(path, *sent, *told, stdin=data)

    def talk(self, path, *told):
        return Talk(*self.words, *told, self.url + path)
