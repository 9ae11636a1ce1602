//! Whether the JSON Schema says the same as the reader.

use super::{super::Config, read};

/// Both take a text, or both refuse it.
fn expectation() -> impl Fn(&str, bool) {
    let validator = jsonschema::validator_for(&Config::json_schema()).unwrap();
    move |text, is_one| {
        let value: serde_json::Value = serde_yaml_ng::from_str(text).unwrap();
        let taken = (read(text).is_ok(), validator.is_valid(&value));
        assert_eq!(taken, (is_one, is_one), "{text}");
    }
}

/// What the reader takes of times fits the schema, and what it refuses does not.
#[test]
fn times_are_read_as_the_schema_has_them() {
    let expect = expectation();
    for (time, is_one) in [
        ("30s", true),
        ("1.5s", true),
        ("0.5s", true),
        ("5mins", true),
        ("2hrs", true),
        ("30secs", true),
        ("100millis", true),
        ("70µs", true),
        ("1h 30min", true),
        ("1h30min", true),
        ("1.s", false),
        (".5s", false),
        ("5", false),
        ("5 parsecs", false),
        ("-1s", false),
        ("0s", false),
        ("0", false),
    ] {
        expect(&format!("limits: {{ message: '{time}' }}"), is_one);
    }
    for key in ["limits: { message: ", "limits: { grace: ", "cors: { max_age: "] {
        for (time, is_time) in [
            ("0", true),
            ("'0'", true),
            ("0s", true),
            ("5", false),
            ("-1", false),
            ("0.5", false),
        ] {
            expect(&format!("{key}{time} }}"), is_time && !key.contains("message"));
        }
    }
    for (proxy, is_one) in [
        ("", false),
        ("[]", false),
        ("http://h:1", true),
        ("['http://h:1', 'http://h:2']", true),
        ("{ url: [] }", false),
        (
            "{ url: 'http://h:1', service_config: { methodConfig: [{ name: [{}], timeout: '${T:-2s}' }] } }",
            true,
        ),
        (
            "{ url: 'http://h:1', service_config: { methodConfig: [{ name: [{}], timeout: 2 }] } }",
            false,
        ),
        (
            "{ url: 'http://h:1', service_config: { loadBalancingConfig: [], methodConfig: [{ name: [{}], maxRequestMessageBytes: 1 }] } }",
            true,
        ),
        (
            "{ url: 'http://h:1', service_config: { loadBalancingConfg: [] } }",
            false,
        ),
    ] {
        expect(
            &format!("descriptors: a\nroutes:\n- match: '*'\n  proxy: {proxy}\n"),
            is_one,
        );
    }
}

/// The same for sizes, and for what is no text where a text is due.
#[test]
fn sizes_and_words_are_read_as_the_schema_has_them() {
    let expect = expectation();
    for (size, is_one) in [
        ("0", true),
        ("'0'", true),
        ("0KiB", true),
        ("5", false),
        ("'5'", false),
        ("1048575", false),
        ("'1048575'", false),
        ("1048576", true),
        ("'1048576'", true),
        ("'1048580 B'", true),
        ("'1049000'", true),
        ("'01100000'", true),
        ("1023KiB", false),
        ("1024KiB", true),
        ("1MiB", true),
        ("2 GiB", true),
    ] {
        expect(&format!("limits: {{ memory: {size} }}"), is_one);
    }
    for (size, is_one) in [
        ("0", false),
        ("0KiB", false),
        ("'10'", false),
        ("'1023'", false),
        ("1023B", false),
        ("'1024'", true),
        ("'01024'", true),
        ("1030 B", true),
        ("'1100'", true),
        ("'2000'", true),
        ("'10000'", true),
        ("1KiB", true),
    ] {
        expect(&format!("limits: {{ header_bytes: {size} }}"), is_one);
    }
    let proxy = "descriptors: a\nroutes: [{ match: '*', proxy: { url: 'http://h:1', ";
    for (text, is_one) in [
        ("watch: 'true'".to_owned(), true),
        ("watch: 'yes'".to_owned(), false),
        ("watch: yes".to_owned(), false),
        ("ready_file: 7".to_owned(), true),
        ("ready_file: true".to_owned(), true),
        ("ready_file: ''".to_owned(), false),
        ("descriptors: [1.5]".to_owned(), true),
        ("rest: { ignore_parameters: [1, true, a] }".to_owned(), true),
        ("cors: { origins: ['*'], headers: [1] }".to_owned(), true),
        (format!("{proxy} health: 42 }} }}]"), true),
        (format!("{proxy} authority: 42 }} }}]"), true),
    ] {
        expect(&text, is_one);
    }
}
