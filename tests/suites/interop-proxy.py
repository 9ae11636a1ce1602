"""The gRPC interop client against Descant before grpc-go's interop server: the cases of `interop`.

`pick_first_unary` needs a server that says its name, which grpc-go's does not: there the suite's own server stands behind.
"""

import pathlib
import re

import harness
import interop

NAMED = "pick_first_unary"


class GrpcGo(harness.Server):
    """grpc-go's interop server."""

    def __init__(self):
        self.command = [str(harness.CACHE / "bin" / "server")]
        # It says where it listens to who wants to know all.
        self.env = {"GRPC_GO_LOG_SEVERITY_LEVEL": "info"}

    def where(self):
        return ["-port", "0"]

    def listening(self):
        said = re.search(r"interop server listening on \S*:(\d+)", pathlib.Path(self.log.name).read_text())
        return said and [f"127.0.0.1:{said[1]}"]


def through_proxy(suite, behind, cases):
    with behind, harness.descant(harness.HERE / "protos", "--to", f"http://{behind.address}") as server:
        for name in cases:
            suite.case(name, interop.check, server, name)


def main():
    suite = harness.Suite("interop-proxy", 17)
    through_proxy(suite, GrpcGo(), [name for name in interop.CASES if name != NAMED])
    through_proxy(suite, harness.Server("descant-suite-server"), [NAMED])
    suite.end()


main()
