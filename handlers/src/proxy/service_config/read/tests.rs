use super::*;

fn told(json: &str) -> String {
    read(json).unwrap_err().to_string()
}

/// What is said of a `retryPolicy` that differs in this from a sound one.
fn of_retry(key: &str, value: &str) -> String {
    let sound = [
        ("maxAttempts", "3"),
        ("initialBackoff", "\"0.1s\""),
        ("maxBackoff", "\"1s\""),
        ("backoffMultiplier", "2"),
        ("retryableStatusCodes", "[14]"),
    ];
    let fields = sound.iter().map(|(name, sound)| {
        let value = if *name == key { value } else { sound };
        format!("\"{name}\": {value}")
    });
    let fields = fields.collect::<Vec<_>>().join(",");
    let json = format!("{{ \"methodConfig\": [{{ \"name\": [{{}}], \"retryPolicy\": {{ {fields} }} }}] }}");
    read(&json).map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn all_that_is_known_is_read() {
    let config = read(
        r#"{
            "methodConfig": [
                { "name": [{ "service": "a.B", "method": "C" }, { "service": "a.D" }], "timeout": "1.000000001s", "waitForReady": true },
                { "name": [{}], "retryPolicy": { "maxAttempts": 9, "initialBackoff": "0.1s", "maxBackoff": "1s",
                    "backoffMultiplier": 1.6, "retryableStatusCodes": ["UNAVAILABLE", "aborted", 8] } },
                { "name": [{ "service": "a.B" }], "hedgingPolicy": { "maxAttempts": "3", "hedgingDelay": "0s",
                    "nonFatalStatusCodes": [14.0] } }
            ],
            "retryThrottling": { "maxTokens": 10, "tokenRatio": 0.1239 }
        }"#,
    )
    .unwrap();
    let waits = &config.methods["/a.B/C"];
    assert_eq!((waits.timeout, waits.wait_for_ready), (Some(Duration::new(1, 1)), true));
    assert!(Arc::ptr_eq(waits, &config.methods["/a.D/"]));
    let Some(Policy::Retry(retry)) = &config.methods[""].policy else {
        panic!("{config:?}")
    };
    assert_eq!((retry.max_attempts, retry.multiplier), (5, 1.6));
    assert_eq!(
        (retry.initial_backoff, retry.max_backoff),
        (Duration::from_millis(100), Duration::from_secs(1))
    );
    for (code, has) in [
        (Code::Unavailable, true),
        (Code::Aborted, true),
        (Code::ResourceExhausted, true),
        (Code::Internal, false),
    ] {
        assert_eq!(retry.codes.has(code), has, "{code:?}");
    }
    let Some(Policy::Hedge(hedge)) = &config.methods["/a.B/"].policy else {
        panic!("{config:?}")
    };
    assert_eq!((hedge.max_attempts, hedge.delay), (3, Duration::ZERO));
    assert!(hedge.non_fatal.has(Code::Unavailable));
    let throttling = config.throttling.unwrap();
    assert_eq!((throttling.max_tokens, throttling.token_ratio), (10_000, 123));
}

#[test]
fn nothing_may_be_said() {
    for json in ["{}", r#"{ "methodConfig": [] }"#, r#"{ "methodConfig": null }"#] {
        assert!(read(json).unwrap().is_empty());
    }
}

#[test]
fn what_is_set_elsewhere_is_passed_over() {
    let config = read(
        r#"{
            "loadBalancingConfig": [{ "round_robin": {} }],
            "loadBalancingPolicy": "ROUND_ROBIN",
            "healthCheckConfig": { "serviceName": "a.B" },
            "methodConfig": [{ "name": [{}], "timeout": "1s", "maxRequestMessageBytes": 1, "maxResponseMessageBytes": null }]
        }"#,
    )
    .unwrap();
    assert!(!config.is_empty());
    let mut told: Vec<_> = config.passed_over().iter().map(ToString::to_string).collect();
    told.sort_unstable();
    let passed = |key: &str| format!("`{key}` is passed over: what it says has no effect");
    assert_eq!(
        told,
        [
            format!(
                "healthCheckConfig: {}; `health` says which service the servers are asked for",
                passed("healthCheckConfig")
            ),
            format!("loadBalancingConfig: {}; {BALANCE}", passed("loadBalancingConfig")),
            format!("loadBalancingPolicy: {}; {BALANCE}", passed("loadBalancingPolicy")),
            format!(
                "methodConfig[0].maxRequestMessageBytes: {}; `limits.message_bytes` bounds requests",
                passed("maxRequestMessageBytes")
            ),
        ]
    );
}

#[test]
fn faults_of_a_policy_are_told() {
    let place = "methodConfig[0].retryPolicy";
    let attempts = "it is a whole number from 2 on; the first attempt counts, and more than 5 are 5";
    for (key, value, told) in [
        ("maxAttempts", "1", format!("1 does not fit here; {attempts}")),
        ("maxAttempts", "2.5", format!("2.5 does not fit here; {attempts}")),
        ("maxAttempts", "\"many\"", format!("\"many\" does not fit here; {attempts}")),
        ("initialBackoff", "\"0s\"", "\"0s\" does not fit here; it is longer than nothing".into()),
        ("initialBackoff", "\"100ms\"", format!("\"100ms\" does not fit here; {DURATION}")),
        ("maxBackoff", "1", format!("1 does not fit here; {DURATION}")),
        ("maxBackoff", "\"-1s\"", format!("\"-1s\" does not fit here; {DURATION}")),
        ("maxBackoff", "\"0.1234567891s\"", format!("\"0.1234567891s\" does not fit here; {DURATION}")),
        ("backoffMultiplier", "0", "0 does not fit here; it is a number above 0, such as 2 or 1.6".into()),
        ("retryableStatusCodes", "\"UNAVAILABLE\"",
            "\"UNAVAILABLE\" does not fit here; it is a list of codes such as [\"UNAVAILABLE\"]".into()),
        ("retryableStatusCodes", "[]",
            "no failure is worth another attempt; name which failures are worth another attempt, such as [\"UNAVAILABLE\"]".into()),
    ] {
        assert_eq!(of_retry(key, value), format!("{place}.{key}: {told}"));
    }
    for (value, told) in [
        ("\"GONE\"", format!("\"GONE\" does not fit here; {CODE}")),
        ("17", format!("17 does not fit here; {CODE}")),
        ("0", "OK is no failure; leave it out".into()),
    ] {
        let found = of_retry("retryableStatusCodes", &format!("[14, {value}]"));
        assert_eq!(found, format!("{place}.retryableStatusCodes[1]: {told}"));
    }
    assert_eq!(
        of_retry("maxBackoff", "null"),
        format!("{place}: there is no `maxBackoff`; add it: the longest pause, such as \"1s\"")
    );
}

#[test]
fn other_faults_are_told_all_at_once() {
    let found = told(
        r#"{
            "methodConfig": [
                { "name": [{ "service": "a.B" }], "time_out": "1s", "waitForReady": "yes" },
                { "name": [{ "service": "a.B" }, { "method": "C" }] },
                { "timeout": "1s" },
                { "name": [] },
                { "name": [{ "service": "c.D" }], "hedgingPolicy": { "maxAttempts": 1 },
                  "retryPolicy": { "maxAttempts": 2, "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 1, "retryableStatusCodes": [14] } }
            ],
            "retryThrottling": { "maxTokens": 1001, "tokenRatio": 0 },
            "loadBalancingConfg": []
        }"#,
    );
    let expected = r#"loadBalancingConfg: there is no key "loadBalancingConfg" here; did you mean `loadBalancingConfig`?
methodConfig[0].time_out: there is no key "time_out" here; did you mean `timeout`?
methodConfig[0].waitForReady: "yes" does not fit here; it is true or false
methodConfig[1].name[1]: a method without its service; add `service`, its full name
methodConfig[2]: there is no `name`; add it: a list of methods: [{ "service": "pkg.Service", "method": "Method" }]; {} is all that nothing else is said of
methodConfig[3].name: it names no method; write a list of methods: [{ "service": "pkg.Service", "method": "Method" }]; {} is all that nothing else is said of
methodConfig[4].hedgingPolicy.maxAttempts: 1 does not fit here; it is a whole number from 2 on; the first attempt counts, and more than 5 are 5
methodConfig[4]: it has both `retryPolicy` and `hedgingPolicy`; keep one of them
retryThrottling.maxTokens: 1001 does not fit here; it is a whole number from 1 to 1000
retryThrottling.tokenRatio: 0 does not fit here; it is a number from 0.001 to 1000"#;
    let mut sorted: Vec<_> = found.lines().collect();
    sorted.sort_unstable();
    assert_eq!(sorted.join("\n"), expected);
}

#[test]
fn what_is_misspelt_is_told_with_what_is_near() {
    let found = told(
        r#"{
            "methodConfg": [],
            "methodConfig": [
                { "name": [{ "methd": "C" }], "waitForRedy": true, "retryPolcy": {} },
                { "name": [{ "service": "a.B" }], "hedgingPolicy": { "maxAttempts": 2, "nonFatalStatusCodes": ["UNAVALABLE", "OKAY"] } }
            ],
            "colour": 1
        }"#,
    );
    let expected = format!(
        r#"colour: there is no key "colour" here; there is `methodConfig`, `retryThrottling`
methodConfg: there is no key "methodConfg" here; did you mean `methodConfig`?
methodConfig[0].name[0].methd: there is no key "methd" here; did you mean `method`?
methodConfig[0].retryPolcy: there is no key "retryPolcy" here; did you mean `retryPolicy`?
methodConfig[0].waitForRedy: there is no key "waitForRedy" here; did you mean `waitForReady`?
methodConfig[1].hedgingPolicy.nonFatalStatusCodes[0]: "UNAVALABLE" does not fit here; did you mean `UNAVAILABLE`?
methodConfig[1].hedgingPolicy.nonFatalStatusCodes[1]: "OKAY" does not fit here; {CODE}"#
    );
    let mut sorted: Vec<_> = found.lines().collect();
    sorted.sort_unstable();
    assert_eq!(sorted.join("\n"), expected);
}

#[test]
fn a_name_is_there_once() {
    let found = told(r#"{ "methodConfig": [{ "name": [{}] }, { "name": [{ "service": "" }] }] }"#);
    assert!(
        found.starts_with("methodConfig[1].name[0]: this name is there twice; "),
        "{found}"
    );
}

#[test]
fn what_is_no_json_is_told() {
    assert!(told("{").starts_with("this is no JSON: EOF while parsing"));
    assert!(told("[]").starts_with("[] does not fit here; it is an object"));
}

#[test]
fn times_are_written_as_the_json_of_durations() {
    for (text, millis) in [
        ("1s", 1000),
        ("0.1s", 100),
        (".1s", 100),
        ("1.s", 1000),
        ("01.500s", 1500),
    ] {
        assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
    }
    for text in ["s", ".s", "1", "-1s", "1.0000000001s", "1,5s", "1ms", "1.5.5s"] {
        assert_eq!(duration(text), None, "{text}");
    }
}
