"""What the suites in JavaScript share: a folder where it finds its packages, descriptor sets, cases told line by line."""

import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import threading

import harness
import sets

SOURCES = harness.HERE / "javascript"
PACKAGES = harness.CACHE / "javascript" / "node_modules"
DEMO = harness.HERE.parents[1] / "src" / "demo" / "bookshop.binpb"


@contextlib.contextmanager
def folder():
    """The sources beside the packages, where Node looks for them."""
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as made:
        made = pathlib.Path(made)
        for source in SOURCES.iterdir():
            shutil.copy(source, made)
        (made / "node_modules").symlink_to(PACKAGES)
        yield made


def shapes(path):
    """Writes what the suite's own server serves, a service that it lacks, and what statuses are made of."""
    roots = [harness.HERE / "protos", sets.site_packages()]
    files = sets.compiled(roots, ["shapes.proto", "google/rpc/status.proto"])
    files.MergeFromString(sets.stranger().read_bytes())
    path.write_bytes(files.SerializeToString())
    return str(path)


def run(suite, made, script, settings, seconds):
    """Runs a script with settings, and counts the cases that it tells: JSON, one a line, with a name and what failed."""
    path = made / "settings.json"
    path.write_text(json.dumps(settings))
    with open(made / "errors", "w+") as errors:
        process = subprocess.Popen(
            ["node", made / script, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=harness.die_with_parent,
        )
        # A script that hangs has told the cases before.
        limit = threading.Timer(seconds, process.kill)
        limit.start()
        with process:
            for line in process.stdout:
                case = json.loads(line)
                suite.case(case["name"], lambda: harness.expect(not case["fault"], case["fault"]))
        limit.cancel()
        errors.seek(0)
        suite.case(f"{script} ends well", harness.equal, (process.returncode, errors.read()), (0, ""), "end")
