//! Proxies of others, where they are installed: each with one worker, without a log of calls, and as it comes otherwise.

use std::{
    env,
    ffi::OsString,
    fs,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
};

use crate::subject::{Subject, pin};

type Start = fn(&OsString, SocketAddr, SocketAddr) -> Child;

/// Each that can be started, before this upstream. Who is not there is told of.
pub(crate) fn start(upstream: SocketAddr) -> Vec<(&'static str, Subject)> {
    let peers: [(&'static str, &str, &str, Start); 2] = [
        ("nghttpx", "NGHTTPX", "nghttpx", nghttpx),
        ("envoy", "ENVOY", "envoy", envoy),
    ];
    let mut started = Vec::new();
    for (name, variable, program, start) in peers {
        let program = env::var_os(variable).unwrap_or_else(|| program.into());
        let there = Command::new(&program).arg("--version").stdout(Stdio::null()).status();
        if there.is_err() {
            println!("{name} is not there; {variable} may say where it is");
            continue;
        }
        let address = free();
        // What it starts is on the core that it is started from.
        pin(1);
        let process = start(&program, address, upstream);
        pin(0);
        started.push((name, Subject::of(process, address)));
    }
    started
}

/// An address that nobody listens at for now.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn nghttpx(program: &OsString, address: SocketAddr, upstream: SocketAddr) -> Child {
    let (host, port) = (address.ip(), address.port());
    let mut command = Command::new(program);
    command
        .args(["--conf=/dev/null", "--workers=1", "--single-process"])
        .args(["--accesslog-file=/dev/null", "--errorlog-file=/dev/null"])
        .arg(format!("--frontend={host},{port};no-tls"))
        .arg(format!("--backend={},{};;proto=h2", upstream.ip(), upstream.port()));
    command.spawn().unwrap()
}

fn envoy(program: &OsString, address: SocketAddr, upstream: SocketAddr) -> Child {
    let extensions = "type.googleapis.com/envoy.extensions";
    let place = |address: SocketAddr| serde_json::json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}});
    let manager = serde_json::json!({
        "@type": format!("{extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "bench",
        // The default ends the connection when a stream of many small messages comes.
        "http2_protocol_options": {"max_outbound_frames": 1_000_000},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": format!("{extensions}.filters.http.router.v3.Router")},
        }],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "upstream", "timeout": "0s"}},
        ]}]},
    });
    let http2 = serde_json::json!({
        "@type": format!("{extensions}.upstreams.http.v3.HttpProtocolOptions"),
        "explicit_http_config": {"http2_protocol_options": {}},
    });
    let config = serde_json::json!({"static_resources": {
        "listeners": [{
            "address": place(address),
            "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager},
            ]}],
        }],
        "clusters": [{
            "name": "upstream",
            "type": "STATIC",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
            "load_assignment": {"cluster_name": "upstream", "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": place(upstream)}}]},
            ]},
        }],
    }});
    let path = env::temp_dir().join(format!("descant-bench-envoy-{}.json", address.port()));
    fs::write(&path, config.to_string()).unwrap();
    let mut command = Command::new(program);
    command
        .arg("-c")
        .arg(path)
        .args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]);
    command.spawn().unwrap()
}
