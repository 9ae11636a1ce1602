//! What `descant serve` tells of calls: log records and `/metrics`.

use serde_json::Value;

use crate::process::{Server, http};

/// The admin pages of a server, on a port that was free a moment ago.
fn start(args: &[&str]) -> (Server, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = port.local_addr().unwrap().to_string();
    drop(port);
    let server = Server::start(&[&["--admin", &admin], args].concat());
    (server, admin)
}

/// The records of calls: lines of JSON with the target of calls.
fn records(server: &Server) -> Vec<Value> {
    let lines = server.err();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"] == "descant.grpc").collect()
}

#[test]
fn calls_leave_two_records_each_as_json() {
    let (mut server, _) = start(&["--log-calls", "api", "--log-format", "json"]);
    http(server.address(), "GET /v1/books/emma");
    http(server.address(), "GET /v1/books/no-such-book");
    http(server.address(), "GET /nothing/here");
    server.until("six records", |server| records(server).len() == 6);
    let records = records(&server);
    let (came, gone) = (&records[0], &records[1]);
    assert_eq!(came["message"], "grpc.request");
    assert_eq!(gone["message"], "grpc.response");
    for record in [came, gone] {
        assert_eq!(record["method"], "bookshop.v1.Catalog/GetBook");
        assert_eq!(record["protocol"], "rest");
        assert_eq!(record["level"], "INFO");
        assert_eq!(record["request_id"], came["request_id"]);
        assert_eq!(record["request_id"].as_str().unwrap().len(), 32);
    }
    assert!(came["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{came}");
    assert_eq!(gone["code"], "OK");
    assert!(gone["duration_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(gone["request_messages"], 1);
    assert_eq!(gone["request_bytes"], 6, "a tag, a length and `emma`");
    assert_eq!(gone["response_messages"], 1);
    assert!(gone["response_bytes"].as_u64().unwrap() > 20);
    assert_eq!(records[3]["code"], "NOT_FOUND");
    assert_eq!(records[3]["response_messages"], 0);
    assert_eq!(records[5]["method"], "unknown");
    assert_eq!(records[5]["code"], "NOT_FOUND");
    assert_eq!(records[5]["request_id"], records[4]["request_id"]);
    assert_eq!(records[5]["request_id"].as_str().unwrap().len(), 32);
}

#[test]
fn calls_leave_two_records_each_as_text() {
    let (mut server, _) = start(&["--log-calls", "api"]);
    http(server.address(), "GET /v1/books/emma");
    server.until("the second record", |server| server.err().contains("grpc.response"));
    let err = server.err();
    assert!(
        err.contains("grpc.request method=\"bookshop.v1.Catalog/GetBook\" protocol=\"rest\" request_id="),
        "{err}"
    );
    assert!(err.contains(" code=\"OK\" duration_ms="), "{err}");
}

#[test]
fn health_and_reflection_are_logged_only_if_all_calls_are() {
    for (which, wanted) in [("off", 0), ("api", 2), ("all", 4)] {
        let (mut server, _) = start(&["--log-calls", which, "--log-format", "json"]);
        assert!(server.services().contains("bookshop.v1.Catalog"));
        http(server.address(), "GET /v1/books/emma");
        // The last of all calls is over: what is not there by now is not written.
        server.until("the records", |server| records(server).len() >= wanted);
        let records = records(&server);
        assert_eq!(records.len(), wanted, "{which}: {records:?}");
        let of_reflection = records.iter().filter(|record| {
            let method = record["method"].as_str().unwrap();
            method.starts_with("grpc.reflection.v1.ServerReflection/")
        });
        assert_eq!(of_reflection.count(), wanted.saturating_sub(2));
    }
}

#[test]
fn metrics_are_a_page_of_the_admin_port() {
    let (mut server, admin) = start(&[]);
    http(server.address(), "GET /v1/books/emma");
    let counted =
        "descant_grpc_requests_total{code=\"OK\",method=\"bookshop.v1.Catalog/GetBook\",protocol=\"rest\"} 1\n";
    server.until("the call is counted", |_| {
        http(&admin, "GET /metrics").1.contains(counted)
    });
    let (status, _) = http(&admin, "GET /metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let logged = server.err();
    assert!(!logged.contains("grpc.request"), "{logged}");
}

#[test]
fn observation_may_be_off() {
    let (server, admin) = start(&["--no-observe"]);
    assert!(http(server.address(), "GET /v1/books/emma").0.contains(" 200 "));
    let (status, body) = http(&admin, "GET /metrics");
    assert_eq!(status, "HTTP/1.1 404 Not Found");
    assert!(body.contains("--no-observe"), "{body}");
    let both = crate::process::descant(["serve", "--no-observe", "--log-calls", "all"]);
    assert_eq!(both.code, Some(2));
}

#[test]
fn each_worker_is_a_runtime_that_is_counted() {
    let (server, admin) = start(&["--workers", "3"]);
    http(server.address(), "GET /v1/books/emma");
    let (_, metrics) = http(&admin, "GET /metrics");
    for runtime in 0..3 {
        for line in [
            format!("descant_runtime_workers{{runtime=\"{runtime}\"}} 1\n"),
            format!("descant_runtime_alive_tasks{{runtime=\"{runtime}\"}} "),
            format!("descant_runtime_global_queue_depth{{runtime=\"{runtime}\"}} 0\n"),
            format!("descant_runtime_worker_busy_seconds_total{{runtime=\"{runtime}\",worker=\"0\"}} "),
            format!("descant_runtime_worker_parks_total{{runtime=\"{runtime}\",worker=\"0\"}} "),
        ] {
            assert!(metrics.contains(&line), "{line}: {metrics}");
        }
    }
    assert!(!metrics.contains("runtime=\"3\""), "{metrics}");
}

#[test]
fn records_have_the_fields_that_are_asked_for() {
    let fields = [
        "--log-calls",
        "api",
        "--log-fields",
        "http_route,code,metadata.x-tenant,status_message",
    ];
    let (mut server, _) = start(&[&fields[..], &["--log-format", "json"]].concat());
    http(server.address(), "GET /v1/books/no-such-book");
    server.until("two records", |server| records(server).len() == 2);
    let record = &records(&server)[1];
    assert_eq!(record["http_route"], "/v1/books/{id}");
    assert_eq!(record["code"], "NOT_FOUND");
    assert!(
        record["status_message"].as_str().unwrap().contains("no-such-book"),
        "{record}"
    );
    assert!(record.get("method").is_none() && record.get("metadata.x-tenant").is_none());
    let (mut server, _) = start(&fields);
    http(server.address(), "GET /v1/books/emma");
    let line = "descant.grpc";
    server.until("a line", |server| {
        server
            .err()
            .contains("grpc.response http_route=\"/v1/books/{id}\" code=\"OK\"")
    });
    assert!(!server.err().contains(line), "targets are for who looks closer");
}

#[test]
fn a_field_that_is_none_is_an_error_with_the_nearest_and_all() {
    let wrong = crate::process::descant(["serve", "--log-calls", "api", "--log-fields", "code,metod"]);
    assert_eq!(wrong.code, Some(2));
    for says in [
        "there is no field `metod`",
        "did you mean `method`?",
        "response_metadata.NAME and trailer.NAME",
    ] {
        assert!(wrong.err.contains(says), "{}", wrong.err);
    }
    assert_eq!(
        crate::process::descant(["serve", "--log-fields", "code"]).code,
        Some(2),
        "of what?"
    );
}

#[test]
fn messages_are_logged_whatever_the_level() {
    for (level, shown) in [("error", true), ("info", true), ("off", false)] {
        let (mut server, _) = start(&["--log-payloads=20", "--log-format", "json", "--log-level", level]);
        http(server.address(), "GET /v1/books/emma");
        let payloads = |server: &Server| {
            let lines = server.err();
            let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            lines
                .filter(|line| line["target"] == "descant.payload")
                .collect::<Vec<_>>()
        };
        if shown {
            server.until("both messages", |server| payloads(server).len() == 2);
            let payloads = payloads(&server);
            assert_eq!(payloads[0]["payload"], r#"{"id":"emma"}"#);
            assert_eq!(payloads[1]["payload"].as_str().unwrap().len(), 20);
            assert_eq!(
                (&payloads[1]["cut"], &payloads[1]["direction"]),
                (&true.into(), &"response".into())
            );
        } else {
            assert_eq!(payloads(&server).len(), 0);
        }
        assert!(!server.err().contains("grpc.request"));
    }
}
