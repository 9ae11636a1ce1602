"""The gRPC interop client against Descant that answers from the suite's own server: the cases of `interop`."""

import harness
import interop


def main():
    suite = harness.Suite("interop-proxy", 17)
    with harness.Server("descant-suite-server") as behind:
        protos = harness.HERE / "protos"
        with harness.descant(protos, "--to", f"http://{behind.address}") as server:
            for name in interop.CASES:
                suite.case(name, interop.check, server, name)
    suite.end()


main()
