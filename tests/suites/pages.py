"""The pages of `docs/protocols`: every command that they show is run as it stands, and must say what they show.

A block of the language `console` holds commands and what they print, on standard output and standard error together:

    $ curl localhost:50051/v1/books/emma
    {"id":"emma",...}

A command goes on in the next line behind a backslash. `...` in what is printed stands for anything, blanks and line ends
for any blanks. Each page has a demo of its own, at another port than it says.
"""

import os
import pathlib
import re
import subprocess
import tempfile

import harness
from harness import Failure, brief, expect

FOLDER = harness.HERE.parents[1] / "docs" / "protocols"
SHOWN = "localhost:50051"
SECONDS = 20


class Command:
    """A command of a page, and what it is to print."""

    def __init__(self, line, text):
        self.line, self.text, self.printed = line, text, []

    @property
    def pattern(self):
        wanted = " ".join(" ".join(self.printed).split())
        return ".*".join(re.escape(part) for part in wanted.split("..."))

    def check(self, server, environment):
        command = self.text.replace(SHOWN, server.address)
        try:
            done = subprocess.run(
                ["bash", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"not done within {SECONDS} s") from None
        # Bytes that are no text are shown as `...`.
        printed = done.stdout.decode(errors="replace").replace(server.address, SHOWN)
        if not re.fullmatch(self.pattern, " ".join(printed.split())):
            raise Failure(f"printed {brief(printed, 4000)!r}, and not {' '.join(self.printed)!r}")


def commands(text):
    """Every command of a page."""
    found, within, open_line = [], False, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            within = line == "```console"
        elif within and line.startswith("$ "):
            found.append(Command(number, line.removeprefix("$ ")))
            open_line = line.endswith("\\")
        elif within and open_line:
            found[-1].text += "\n" + line
            open_line = line.endswith("\\")
        elif within:
            expect(found, f"line {number}: no command stands before it")
            found[-1].printed.append(line)
    return found


def environment(folder):
    """Our programs and the pinned ones first; a curl that does not say how far it is, as it would not to a terminal."""
    buf = next((harness.CACHE / "npm" / "node_modules" / "@bufbuild").glob("buf-*/bin"))
    pathlib.Path(folder, ".curlrc").write_text("silent\nshow-error\nnoproxy = *\n")
    path = os.pathsep.join(map(str, [harness.BIN, harness.CACHE / "bin", buf, os.environ["PATH"]]))
    return {**os.environ, "PATH": path, "HOME": folder, "CURL_HOME": folder, "LC_ALL": "C.UTF-8"}


def run(suite):
    for page in sorted(FOLDER.glob("*.md")):
        found = commands(page.read_text())
        if not found:
            continue
        with harness.descant() as server, tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
            for command in found:
                name = f"{page.name}, line {command.line}: {command.text.splitlines()[0]}"
                suite.case(name, command.check, server, environment(folder))
