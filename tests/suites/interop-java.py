"""gRPC's compressed cases by Java's interop client, through Descant.

Java's server stands behind where replies are compressed. It does not look whether requests are, so there the suite's own stands behind.
"""

import harness

CLASSES = "io.grpc.testing.integration"
JARS = harness.CACHE / "java" / "*"
OF_REPLIES = ["server_compressed_unary", "server_compressed_streaming"]
OF_REQUESTS = ["client_compressed_unary", "client_compressed_streaming"]


def java(program):
    return ["java", "-cp", str(JARS), f"{CLASSES}.{program}", "--use_tls=false"]


class Java(harness.Server):
    """Java's interop server."""

    def __init__(self):
        self.command, self.env = java("TestServiceServer"), {}
        self.wanted = harness.free_port()

    def where(self):
        return [f"--port={self.wanted}"]

    def listening(self):
        return "Server started" in self.logged() and [f"127.0.0.1:{self.wanted}"]


def check(server, name):
    command = [*java("TestServiceClient"), f"--server_host={server.host}", f"--server_port={server.port}"]
    code, out, err = harness.run(*command, f"--test_case={name}", seconds=60)
    harness.expect(code == 0, f"ended with {code}: {harness.brief(out + err)}")


def main():
    suite = harness.Suite("interop-java", 6)
    for behind, names in [(Java(), OF_REPLIES), (harness.Server("descant-suite-server"), OF_REPLIES + OF_REQUESTS)]:
        with behind, harness.descant(harness.HERE / "protos", "--to", f"http://{behind.address}") as server:
            for name in names:
                suite.case(name, check, server, name)
    suite.end()


main()
