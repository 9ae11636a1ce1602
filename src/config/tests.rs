//! What settings mean, and what they say of what is wrong.

mod validator;

use std::{env::VarError, fs, sync::Arc};

use super::{
    Config, ConfigError, Handlers, Origin, Setting, TimeOrOff,
    fault::Faults,
    node::Node,
    schema,
    settings::Settings,
    shape::{Shape, Table},
};

fn read_with(text: &str, flags: &[(&str, &[&str])]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("descant.yaml");
    fs::write(&path, text).unwrap();
    let mut builder = Config::builder().file(&path);
    for (name, values) in flags {
        builder = builder.flag(*name, values.iter().copied());
    }
    let environment = |name: &str| match name {
        "PORT" => Ok("8080".to_owned()),
        "EMPTY" => Ok(String::new()),
        "SECRET" => Ok("hunter2: [*x]".to_owned()),
        "CODE" => Ok("UNAVALABLE".to_owned()),
        _ => Err(VarError::NotPresent),
    };
    builder.within(&environment)
}

fn read(text: &str) -> Result<Config, ConfigError> {
    read_with(text, &[])
}

#[test]
fn what_nobody_says_anything_of_is_as_in_rust() {
    let config = read("").unwrap();
    assert_eq!(config.limits(), crate::Limits::default());
    assert_eq!(config.rest(), crate::RestOptions::default());
    let fields = config.settings().log.fields.0.iter().map(|field| field.value.clone());
    assert_eq!(fields.collect::<Vec<_>>(), crate::LogField::defaults());
    assert_eq!(config.settings().listen.0[0].address.0, crate::Server::DEFAULT_ADDRESS);
    let built = Config::builder().build().unwrap();
    assert_eq!(built.settings(), config.settings());
}

/// Snippets of the table are YAML, and mean something.
#[test]
fn every_default_and_every_flag_can_be_read() {
    fn walk(table: &Table) {
        for key in table.keys {
            let shape = (key.shape)();
            for yaml in key
                .default
                .iter()
                .chain(key.flags.iter().filter_map(|flag| flag.means.as_ref()))
            {
                assert!(descant_descriptors::yaml::read(yaml).unwrap().is_some(), "{}", key.name);
                let node = Node::snippet(Origin::Default, yaml, &["x".to_owned()]);
                schema::to_json(&node, &shape);
            }
            assert!(!key.about().is_empty(), "{}", key.name);
            let inner = match &shape {
                Shape::List { of, .. } => &**of,
                other => other,
            };
            if let Shape::Map(table) = inner {
                walk(table);
            }
        }
    }
    let Shape::Map(table) = Settings::shape() else { panic!() };
    walk(table);
}

#[test]
fn a_file_says_and_options_win() {
    let text = "listen: ':1'\nlimits: { grace: 5s, idle: off, streams: 7 }\nwatch: true\nobserve: true\n";
    let config = read(text).unwrap();
    let settings = config.settings();
    assert_eq!(settings.listen.0[0].address.0, ":1");
    assert_eq!(settings.limits.idle.value, TimeOrOff(None));
    assert_eq!(config.limits().streams, 7);
    assert!(matches!(settings.limits.grace.origin, Origin::File { line: 2, .. }));
    let typed = read_with(
        text,
        &[
            ("--grace", &["9s"]),
            ("--no-observe", &["true"]),
            ("--listen", &[":2", "unix:/x"]),
            ("--to", &["http://a:1"]),
        ],
    );
    let config = typed.unwrap();
    let settings = config.settings();
    assert_eq!(
        (settings.limits.grace.as_secs(), settings.limits.grace.origin),
        (9, Origin::Flag("--grace"))
    );
    assert!(!*settings.observe && *settings.watch);
    let addresses: Vec<_> = settings
        .listen
        .0
        .iter()
        .map(|listen| listen.address.0.as_str())
        .collect();
    assert_eq!(addresses, [":2", "unix:/x"]);
    assert_eq!(settings.routes[0].proxy.as_ref().unwrap().url.0[0].0, "http://a:1");
}

#[test]
fn one_listener_needs_no_list() {
    let list = read("listen: [{ address: ':1' }]").unwrap();
    for alone in ["listen: ':1'", "listen: { address: ':1' }"] {
        let addresses = |config: &Config| {
            config
                .settings()
                .listen
                .0
                .iter()
                .map(|one| one.address.value.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(addresses(&read(alone).unwrap()), addresses(&list), "{alone}");
    }
}

#[test]
fn paths_are_relative_to_whoever_says_them() {
    let config = read_with(
        "descriptors: [a.binpb, /b.binpb]\nready_file: r",
        &[("--http-rules", &["c.yaml"])],
    )
    .unwrap();
    let settings = config.settings();
    let folder = config.file().unwrap().parent().unwrap();
    assert_eq!(settings.descriptors.0[0].value, folder.join("a.binpb"));
    assert_eq!(settings.descriptors.0[1].value.to_str(), Some("/b.binpb"));
    assert_eq!(settings.ready_file.as_ref().unwrap().value, folder.join("r"));
    assert_eq!(settings.http_rules.0[0].value.to_str(), Some("c.yaml"));
}

#[test]
fn a_default_may_have_variables_of_its_own() {
    let value = |text: &str| {
        let config = read(&format!("rest: {{ ignore_parameters: ['{text}'] }}")).map_err(|error| error.to_string())?;
        let values = &config.settings().rest.ignore_parameters.0;
        Ok::<_, String>(values[0].value.clone())
    };
    for (text, wanted) in [
        ("a${NONE:-${PORT}}b", "a8080b"),
        ("${NONE:-${EMPTY:-${PORT}}}", "8080"),
        ("${NONE:-x${EMPTY:-y}}z", "xyz"),
        ("${NONE:-$$}${PORT}", "$8080"),
        ("${NONE:-$${}}", "${}"),
        // One that is not needed may be wrong.
        ("${PORT:-${NONE}}", "8080"),
    ] {
        assert_eq!(value(text).as_deref(), Ok(wanted), "{text}");
    }
    for (text, says) in [
        ("${NONE:-${NONE}}", "the variable `NONE` is not set"),
        ("${NONE:-${PORT}", "`${` has no `}`"),
        ("${NONE:-$PORT}", "a `$` stands alone"),
        ("${${PORT}}", "names no variable"),
    ] {
        let error = value(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
    let nested = |depth: usize| value(&format!("{}x{}", "${NONE:-".repeat(depth), "}".repeat(depth)));
    assert_eq!(nested(16).as_deref(), Ok("x"));
    for depth in [17, 50_000] {
        assert!(nested(depth).unwrap_err().contains("more than 16 deep"));
    }
    assert!(value(&"${".repeat(100_000)).unwrap_err().contains("has no `}`"));
}

#[test]
fn variables_are_put_in_after_parsing() {
    let config = read(
        "listen: 'localhost:${PORT}'\nrest: { ignore_parameters: ['${SECRET}', 'a$$b', '${EMPTY:-c}', '${NONE:-d}'] }",
    );
    let config = config.unwrap();
    assert_eq!(config.settings().listen.0[0].address.0, "localhost:8080");
    let names: Vec<_> = config
        .settings()
        .rest
        .ignore_parameters
        .0
        .iter()
        .map(|name| name.value.as_str())
        .collect();
    assert_eq!(names, ["hunter2: [*x]", "a$b", "c", "d"]);
    let printed = config.to_yaml();
    assert!(
        !printed.contains("hunter2") && printed.contains("\"${SECRET}\"  # descant.yaml:2, from ${SECRET}"),
        "{printed}"
    );
    assert!(
        printed.contains("- address: \"localhost:8080\"  # descant.yaml:1, from localhost:${PORT}"),
        "{printed}"
    );
    assert!(printed.contains("\"a$$b\""), "{printed}");
    assert!(!config.to_json().to_string().contains("hunter2"));
    // Nor does a message tell what a variable holds.
    for text in [
        "routes: [{ match: '*', proxy: 'http://${SECRET}' }]",
        "limits: { grace: '${SECRET}' }",
        "log: { level: '${SECRET}' }",
        "${NOT: -a",
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        let is_value = text.contains("${SECRET}");
        let mend = "\n  hint: look at the variables of the environment in it";
        assert_eq!(error.contains(mend), is_value, "{error}");
        assert_eq!(error.contains("the value of `"), is_value, "{error}");
    }
}

#[test]
fn merge_keys_bring_entries_along() {
    let text = "
listen:
- &first { address: ':1', tls: { certificate: a, key: b } }
- { <<: *first, address: ':2' }
limits: { keepalive: off }
";
    let config = read(text).unwrap();
    let [first, second] = config.settings().listen.0.as_slice() else {
        panic!()
    };
    assert_eq!(second.address.0, ":2");
    assert_eq!(first.tls, second.tls);
    assert_eq!(config.limits().keepalive, None);
}

#[test]
fn what_is_printed_says_the_same() {
    let text = "
listen: [':1', { address: 'unix:/run/x', tls: { certificate: [a, b], key: [c, d], client_ca: e } }]
descriptors: [/a.binpb]
routes:
- match: a.B/C
  proxy: { url: 'http://h:1', message_bytes: 1MiB }
- { match: '*', echo: {} }
cors: { origins: [localhost], headers: ['*'] }
admin: off
workers: 3
log: { level: 'off', calls: all }
limits: { grace: 1m 30s, message_bytes: 5000, depth: 30 }
";
    let config = read(text).unwrap();
    let printed = config.to_yaml();
    let again = read(&printed).unwrap();
    assert_eq!(again.limits(), config.limits());
    assert_eq!(again.rest(), config.rest());
    let without_comments = |printed: &str| -> Vec<String> {
        printed
            .lines()
            .map(|line| line.rsplit_once("  # ").map_or(line, |(said, _)| said).to_owned())
            .collect()
    };
    // Relative paths aside, whose file lies elsewhere.
    assert_eq!(
        without_comments(&again.to_yaml()),
        without_comments(&printed),
        "{printed}"
    );
    let all = Config::builder().build().unwrap().to_yaml();
    let again = read(&all).unwrap();
    assert_eq!(without_comments(&again.to_yaml()), without_comments(&all), "{all}");
}

/// Beside what is said a default may be what must not be said.
#[test]
fn what_nobody_says_is_printed_as_a_comment() {
    let text = "
descriptors: [/a.binpb]
routes: [{ match: '*', proxy: { url: 'http://h:1', protocol: rest } }]
limits: { grace: 5s }
";
    let config = read(text).unwrap();
    config.check_schema_interval().unwrap();
    let printed = config.to_yaml();
    let again = read(&printed).unwrap();
    again.check_schema_interval().unwrap();
    assert!(again.settings().admin.address.origin.is_default());
    for line in [
        "# admin:",
        "# listen:",
        "routes:",
        "      protocol: rest  # descant.yaml:3",
        "      # codec: proto  # default",
        "limits:",
        "  grace: 5s  # descant.yaml:4",
        "  # age: 30m  # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
}

#[test]
fn what_is_told_of_calls_needs_them_observed() {
    let typed = [
        ("--log-calls", "api", "calls that are not observed are not logged"),
        (
            "--log-payloads",
            "1KiB",
            "messages of calls that are not observed are not logged",
        ),
        ("--otlp", "http://c:4318", "calls that are not observed have no spans"),
    ];
    for (option, value, what) in typed {
        let error = read_with("observe: false", &[(option, &[value])])
            .unwrap_err()
            .to_string();
        let mend = "leave it out, or `observe: false` in the file";
        assert_eq!(error, format!("{option}: {what}\n  hint: {mend}"));
        let config = read_with("observe: true", &[(option, &[value])]).unwrap();
        assert!(*config.settings().observe);
    }
    let told = "log: { calls: api, payloads: 1KiB }\notlp: 'http://c:4318'\n";
    let error = read(&format!("observe: false\n{told}")).unwrap_err();
    assert_eq!(error.lines().count(), 3, "{error}");
    // What is typed wins.
    assert!(read_with(told, &[("--no-observe", &[])]).is_ok());
}

#[test]
fn tls_of_the_file_is_not_lost_to_an_address_that_is_typed() {
    let text = "listen: [{ address: ':1', tls: { certificate: a, key: b } }]";
    let error = read_with(text, &[("--listen", &[":2"])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--listen: it takes the place of listeners that speak TLS, which would be lost\n  \
         hint: give --tls-cert and --tls-key as well, or change the address in the file"
    );
    let both = [("--listen", &[":2"][..]), ("--tls-cert", &["c"]), ("--tls-key", &["d"])];
    let config = read_with(text, &both).unwrap();
    let listen = &config.settings().listen.0[0];
    assert_eq!(listen.tls.as_ref().unwrap().key.0[0].value.to_str(), Some("d"));
    let text = "listen: [{ address: ':1', tls: { certificate: a, key: b, client_ca: c } }]";
    let error = read_with(text, &both).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--listen: it takes the place of listeners that ask clients for certificates, which would not be asked for any more\n  \
         hint: give --tls-client-ca as well, or change the address in the file"
    );
    let all = [&both[..], &[("--tls-client-ca", &["e"])]].concat();
    assert!(read_with(text, &all).is_ok());
    // Without a file as well.
    let typed = Config::builder()
        .flag("--tls-cert", ["c"])
        .flag("--tls-key", ["d"])
        .build()
        .unwrap();
    assert!(typed.settings().listen.0[0].tls.is_some());
}

#[test]
fn a_certificate_that_cannot_be_read_is_where_the_file_names_it() {
    let config = read("listen: [{ address: ':1', tls: { certificate: gone.crt, key: gone.key } }]").unwrap();
    let error = config.listeners().unwrap_err();
    assert!(
        error.is_tls() && error.to_string().contains("descant.yaml:1:47: "),
        "{error}"
    );
}

/// Equal or not, each route has a proxy of its own, and keeps it.
#[test]
fn a_route_keeps_its_proxy() {
    let all_of = |routes: &str, before: &Handlers| {
        let config = read(&format!("descriptors: a\nroutes: [{routes}]")).unwrap();
        let handlers = config.handlers(before).unwrap();
        let counts = |route| handlers.of(route).unwrap().upstreams().remove(0);
        let counts: Vec<_> = config.settings().routes.iter().map(counts).collect();
        (handlers, counts)
    };
    let route = |pattern: &str, more: &str| format!("{{ match: {pattern}, proxy: {{ url: 'http://h:1', {more} }} }}, ");
    let (first, counts) = all_of(&[route("a.A", ""), route("b.B", "")].concat(), &Handlers::default());
    assert!(!Arc::ptr_eq(&counts[0], &counts[1]));
    let turned = [
        route("b.B", "connect_timeout: 10s"),
        route("c.C", ""),
        route("a.A", "schema_interval: 1s"),
    ];
    let (second, kept) = all_of(&turned.concat(), &first);
    assert!(Arc::ptr_eq(&kept[0], &counts[1]) && Arc::ptr_eq(&kept[2], &counts[0]));
    assert!(counts.iter().all(|count| !Arc::ptr_eq(count, &kept[1])));
    let (_, renamed) = all_of(&route("d.D", ""), &second);
    assert!(kept.iter().any(|kept| Arc::ptr_eq(kept, &renamed[0])));
    let (_, changed) = all_of(&route("a.A", "max_calls: 1"), &second);
    assert!(kept.iter().all(|kept| !Arc::ptr_eq(kept, &changed[0])));
}

/// A limit that peers have holds for as long as the server runs, and so do those that follow it.
#[test]
fn a_proxy_takes_messages_as_large_as_peers_may_send() {
    let most = |text: &str, before: &Handlers| {
        let config = read(&format!("descriptors: a\n{text}")).unwrap();
        let handlers = config.handlers(before).unwrap();
        let (proxy, _) = handlers.only().unwrap();
        let chosen = proxy.chosen();
        let replies = (chosen.message_bytes, chosen.header_bytes);
        (replies, handlers)
    };
    let none = Handlers::default();
    let plain = "routes: [{ match: '*', proxy: 'http://h:1' }]";
    let own = "routes: [{ match: '*', proxy: { url: 'http://h:1', message_bytes: 4MiB, header_bytes: 8KiB } }]";
    let limits = "limits: { message_bytes: 5000, header_bytes: 20KiB }";
    assert_eq!(most(plain, &none).0, (4 << 20, 16 << 10));
    let (followed, before) = most(&format!("{plain}\n{limits}"), &none);
    assert_eq!(followed, (5000, 20 << 10));
    assert_eq!(most(&format!("{own}\n{limits}"), &none).0, (4 << 20, 8 << 10));
    // After a reload.
    assert_eq!(most(plain, &before).0, (5000, 20 << 10));
    assert_eq!(most(own, &before).0, (4 << 20, 8 << 10));
}

#[test]
fn what_a_path_holds_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("${SECRET}-calls.json");
    fs::write(folder.path().join("hunter2: [*x]-calls.json"), "{}").unwrap();
    let file = file.display();
    let text =
        format!("descriptors: a\nroutes: [{{ match: '*', proxy: {{ url: 'http://h:1', service_config: '{file}' }} }}]");
    let config = read(&text).unwrap();
    for printed in [config.to_yaml(), config.to_json().to_string()] {
        assert!(
            printed.contains("${SECRET}-calls.json") && !printed.contains("hunter2"),
            "{printed}"
        );
    }
}

#[test]
fn what_a_service_config_has_of_variables_is_not_told() {
    let with = |method: &str| {
        let text =
            "descriptors: a\nroutes: [{ match: '*', proxy: { url: 'http://h:1', service_config: { methodConfig: ";
        read(&format!("{text}[{method}] }} }} }}]"))
    };
    for method in [
        "{ name: [{}], timeout: '${SECRET}' }",
        "{ name: [{}], retryPolicy: { retryableStatusCodes: ['${SECRET}'] } }",
        "{ name: { service: '${SECRET}' } }",
    ] {
        let error = with(method).unwrap_err().to_string();
        let told = "the value of `${SECRET}` does not fit here";
        assert!(error.contains(told) && !error.contains("hunter2"), "{error}");
    }
    // What it resembles would be as good as told.
    let text = "{ name: [{}], retryPolicy: { retryableStatusCodes: ['${CODE}'] } }";
    let error = with(text).unwrap_err().to_string();
    assert!(
        error.contains("`${CODE}`") && !error.contains("did you mean"),
        "{error}"
    );
    let error = with("{ name: [{}], timeout: 5 }").unwrap_err().to_string();
    assert!(error.contains("5 does not fit here"), "{error}");
    let proto = tempfile::Builder::new().suffix(".proto").tempfile().unwrap();
    let text = "syntax = \"proto3\"; package p; message M {} service S { rpc A(M) returns (M); }";
    fs::write(proto.path(), text).unwrap();
    let schema = crate::Schema::builder().path(proto.path()).build().unwrap();
    for name in [
        "service: '${SECRET}'".to_owned(),
        "service: '${SECRET}', method: 'a$$b'".to_owned(),
        "service: p.S, method: '${SECRET}'".to_owned(),
    ] {
        let config = with(&format!("{{ name: [{{ {name} }}], waitForReady: '${{NONE:-true}}' }}")).unwrap();
        for (printed, dollar) in [(config.to_yaml(), "$$"), (config.to_json().to_string(), "$")] {
            let shows = printed.contains("${SECRET}") && !printed.contains("hunter2");
            assert!(shows && printed.contains("\"waitForReady\":true"), "{printed}");
            let doubled = !name.contains("a$") || printed.contains(&format!("a{dollar}b"));
            assert!(doubled, "{printed}");
        }
        let calls = config.settings().routes[0]
            .proxy
            .as_ref()
            .unwrap()
            .service_config
            .as_ref();
        let mut faults = Faults::default();
        calls.unwrap().check(&schema, &mut faults);
        let error = config.outcome(faults).unwrap_err().to_string();
        assert!(error.contains("`${SECRET}`") && !error.contains("hunter2"), "{error}");
        for warning in config.warnings(&schema) {
            let warning = warning.to_string();
            assert!(
                warning.contains("`${SECRET}`") && !warning.contains("hunter2"),
                "{warning}"
            );
        }
    }
}
