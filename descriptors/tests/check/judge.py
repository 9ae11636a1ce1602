#!/usr/bin/env python3
"""Compares the verdicts of the cases with protoc's.

    mkdir /tmp/cases
    DESCANT_CASES=/tmp/cases cargo test -p descant-descriptors --test check
    python3 judge.py /tmp/cases

Needs the Python package grpcio-tools, whose protoc is C++'s descriptor pool with the compiler's own checks.
Each set's file name ends in the verdict that protoc should have: NAME.loads.binpb or NAME.refused.binpb.
"""

import os
import sys
import tempfile

from google.protobuf import descriptor_pb2
from grpc_tools import protoc


def judge(path):
    """What protoc says of the set at `path`: the empty text if it loads, else why it does not."""
    with open(path, "rb") as file:
        content = file.read()
    files = descriptor_pb2.FileDescriptorSet()
    try:
        files.ParseFromString(content)
    except Exception as error:
        return f"does not parse: {error}"
    names = list(dict.fromkeys(file.name for file in files.file))
    if not all(file.HasField("name") for file in files.file):
        return "a file has no name"
    if any("\0" in name for name in names):
        return "a file's name has a NUL in it"
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 2)
            code = protoc.main(["protoc", f"--descriptor_set_in={path}", "-o/dev/null", *names])
            os._exit(1 if code else 0)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        said = output.read().decode("utf-8", "replace").strip()
    return "" if status == 0 else said or f"status {status}"


def main():
    folder = sys.argv[1]
    wrong = total = 0
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".binpb"):
            continue
        total += 1
        said = judge(os.path.join(folder, name))
        verdict = "refused" if said else "loads"
        if not name.endswith(f".{verdict}.binpb"):
            wrong += 1
            print(f"{name}: protoc says: {said or 'it loads'}")
    print(f"{total} sets, {wrong} verdicts differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
