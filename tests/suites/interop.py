"""The gRPC interop client against the suite's own server: every case that needs no credentials."""

import harness

CLIENT = harness.CACHE / "bin" / "client"
CASES = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
    "pick_first_unary",
    "orca_per_rpc",
    "orca_oob",
]
# The balancer that hands the client the server's reports, for the cases that look at them.
ORCA = '{"loadBalancingConfig": [{"test_backend_metrics_load_balancer": {}}]}'


def check(server, name):
    command = [CLIENT, "--server_host", server.host, "--server_port", server.port, "--test_case", name]
    if name.startswith("orca"):
        command += ["--service_config_json", ORCA]
    code, out, err = harness.run(*command, seconds=45, env={"GRPC_GO_LOG_SEVERITY_LEVEL": "warning"})
    harness.expect(code == 0, f"ended with {code}: {harness.brief(out + err)}")


def main():
    suite = harness.Suite("interop", 17)
    with harness.Server("descant-suite-server") as server:
        for name in CASES:
            suite.case(name, check, server, name)
    suite.end()


if __name__ == "__main__":
    main()
