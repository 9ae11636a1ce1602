//! Reading a service config.

use std::{sync::Arc, time::Duration};

use descant_descriptors::near;
use serde_json::{Map, Value};

use super::{
    Codes, HedgingPolicy, MOST_ATTEMPTS, MethodConfig, Name, Policy, RetryPolicy, RetryThrottling, ServiceConfig,
    ServiceConfigError, ServiceConfigFault, Step,
};
use crate::Code;

/// Letters of a value that are repeated.
const SHOWN: usize = 60;
/// Seconds of the longest time: `google.protobuf.Duration`.
const LONGEST: u64 = 315_576_000_000;

const DURATION: &str = "it is a text of seconds such as \"0.1s\" or \"30s\"";
const CODE: &str = "it is the name of a code such as \"UNAVAILABLE\", or its number";

/// Keys of `grpc.service_config.ServiceConfig`, and what says the same here.
const ELSEWHERE: [(&str, &str); 3] = [
    ("loadBalancingConfig", BALANCE),
    ("loadBalancingPolicy", BALANCE),
    (
        "healthCheckConfig",
        "`health` says which service the servers are asked for",
    ),
];
const BALANCE: &str = "`balance` says which server, or address, a call goes to";
/// The same of `MethodConfig`.
const ELSEWHERE_OF_METHODS: [(&str, &str); 2] = [
    ("maxRequestMessageBytes", "`limits.message_bytes` bounds requests"),
    ("maxResponseMessageBytes", "`message_bytes` bounds replies"),
];

pub(super) fn read(json: &str) -> Result<ServiceConfig, ServiceConfigError> {
    let mut reader = Reader::default();
    let config = match serde_json::from_str(json) {
        Ok(value) => reader.config(&value),
        Err(error) => {
            reader.fault(format!("this is no JSON: {error}"), "");
            None
        }
    };
    ServiceConfigError::among(reader.faults)?;
    let config = config.unwrap_or_default();
    let passed_over = reader.passed_over;
    Ok(ServiceConfig { passed_over, ..config })
}

/// Walks through the JSON, and notes what is wrong. A part that cannot be used is `None`, and told of.
#[derive(Default)]
struct Reader {
    place: Vec<Step>,
    faults: Vec<ServiceConfigFault>,
    /// Keys that gRPC knows, and that say nothing here.
    passed_over: Vec<ServiceConfigFault>,
}

impl Reader {
    fn fault(&mut self, what: impl Into<String>, mend: impl Into<String>) {
        self.faults
            .push(ServiceConfigFault::new(self.place.clone(), what, mend));
    }

    /// Something other stands here than what is due.
    fn unfit<T>(&mut self, found: &Value, due: &str) -> Option<T> {
        self.unfit_near(found, due, &[])
    }

    /// The same where one of these words may be meant.
    fn unfit_near<T>(&mut self, found: &Value, due: &str, words: &[&str]) -> Option<T> {
        let mut shown: String = found.to_string().chars().take(SHOWN).collect();
        if shown.len() < found.to_string().len() {
            shown.push_str("...");
        }
        let what = format!("{shown} does not fit here");
        let near = found.as_str().and_then(|found| near::nearest(found, words));
        let fault = ServiceConfigFault::new(self.place.clone(), what, due);
        self.faults.push(fault.near(near).quoting());
        None
    }

    fn within<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.place.push(step);
        let read = read(self);
        self.place.pop();
        read
    }

    /// A map with no keys but these.
    fn map<'v>(&mut self, value: &'v Value, keys: &[&str]) -> Option<&'v Map<String, Value>> {
        self.map_beside(value, keys, &[])
    }

    /// The same with keys that are passed over; what says the same here stands beside each.
    fn map_beside<'v>(
        &mut self,
        value: &'v Value,
        keys: &[&str],
        elsewhere: &[(&str, &str)],
    ) -> Option<&'v Map<String, Value>> {
        let known = || keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let Value::Object(map) = value else {
            return self.unfit(value, &format!("it is an object with the keys {}", known()));
        };
        for (key, value) in map.iter().filter(|(key, _)| !keys.contains(&key.as_str())) {
            if let Some((_, instead)) = elsewhere.iter().find(|(known, _)| known == key) {
                if !value.is_null() {
                    self.pass_over(key, instead);
                }
                continue;
            }
            let shown: String = key.chars().take(SHOWN).collect();
            let mut place = self.place.clone();
            place.push(Step::Key(key.clone()));
            let what = format!("there is no key {shown:?} here");
            let fault = ServiceConfigFault::new(place, what, format!("there is {}", known()));
            let names: Vec<_> = keys
                .iter()
                .chain(elsewhere.iter().map(|(key, _)| key))
                .copied()
                .collect();
            self.faults.push(fault.near(near::nearest(key, &names)).of_key());
        }
        Some(map)
    }

    fn pass_over(&mut self, key: &str, instead: &str) {
        let mut place = self.place.clone();
        place.push(Step::Key(key.to_owned()));
        let what = format!("`{key}` is passed over: what it says has no effect");
        self.passed_over
            .push(ServiceConfigFault::new(place, what, instead).of_key());
    }

    /// The value of a key, if it is there.
    fn optional<T>(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        read: impl FnOnce(&mut Self, &Value) -> Option<T>,
    ) -> Option<T> {
        let value = map.get(key).filter(|value| !value.is_null())?;
        self.within(Step::Key(key.to_owned()), |reader| read(reader, value))
    }

    /// The same for a key that has to be there.
    fn needed<T>(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        due: &str,
        read: impl FnOnce(&mut Self, &Value) -> Option<T>,
    ) -> Option<T> {
        if map.get(key).is_none_or(Value::is_null) {
            self.fault(format!("there is no `{key}`"), format!("add it: {due}"));
            return None;
        }
        self.optional(map, key, read)
    }

    fn list<T>(
        &mut self,
        value: &Value,
        due: &str,
        mut read: impl FnMut(&mut Self, &Value) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            return self.unfit(value, due);
        };
        let read = |(index, item)| self.within(Step::Item(index), |reader| read(reader, item));
        // Each is looked at, whatever is wrong with those before.
        let items: Vec<_> = items.iter().enumerate().map(read).collect();
        items.into_iter().collect()
    }

    fn config(&mut self, value: &Value) -> Option<ServiceConfig> {
        let map = self.map_beside(value, &["methodConfig", "retryThrottling"], &ELSEWHERE)?;
        let methods = self.optional(map, "methodConfig", |reader, value| {
            reader.list(value, "it is a list of objects", Self::method_config)
        });
        let throttling = self.optional(map, "retryThrottling", Self::throttling);
        let mut config = ServiceConfig {
            throttling,
            ..ServiceConfig::default()
        };
        for (names, method) in methods.unwrap_or_default() {
            let method = Arc::new(method);
            for name in names {
                if config.methods.insert(name.key(), Arc::clone(&method)).is_some() {
                    let what = "this name is there twice";
                    let mend = "what is said of a method stands in one place: leave one of them out";
                    self.faults
                        .push(ServiceConfigFault::new(name.place.clone(), what, mend));
                }
                config.names.push(name);
            }
        }
        Some(config)
    }

    fn method_config(&mut self, value: &Value) -> Option<(Vec<Name>, MethodConfig)> {
        let keys = ["name", "timeout", "waitForReady", "retryPolicy", "hedgingPolicy"];
        let map = self.map_beside(value, &keys, &ELSEWHERE_OF_METHODS)?;
        let due = "a list of methods: [{ \"service\": \"pkg.Service\", \"method\": \"Method\" }]; {} is all that nothing else is said of";
        let names = self.needed(map, "name", due, |reader, value| {
            let names = reader.list(value, "it is a list of objects", Self::name)?;
            if names.is_empty() {
                reader.fault("it names no method", format!("write {due}"));
            }
            Some(names)
        });
        let timeout = self.optional(map, "timeout", Self::time);
        let wait_for_ready = self.optional(map, "waitForReady", |reader, value| match value {
            Value::Bool(wait) => Some(*wait),
            other => reader.unfit(other, "it is true or false"),
        });
        let retry = self.optional(map, "retryPolicy", Self::retry);
        let hedge = self.optional(map, "hedgingPolicy", Self::hedge);
        let has = |key| map.get(key).is_some_and(|policy: &Value| !policy.is_null());
        if has("retryPolicy") && has("hedgingPolicy") {
            self.fault("it has both `retryPolicy` and `hedgingPolicy`", "keep one of them");
        }
        let config = MethodConfig {
            timeout,
            wait_for_ready: wait_for_ready.unwrap_or_default(),
            policy: retry.map(Policy::Retry).or(hedge.map(Policy::Hedge)),
        };
        Some((names?, config))
    }

    fn name(&mut self, value: &Value) -> Option<Name> {
        let map = self.map(value, &["service", "method"])?;
        let text = |reader: &mut Self, value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            other => reader.unfit(other, "it is a text"),
        };
        let service = self.optional(map, "service", text).unwrap_or_default();
        let method = self.optional(map, "method", text).unwrap_or_default();
        if service.is_empty() && !method.is_empty() {
            self.fault("a method without its service", "add `service`, its full name");
            return None;
        }
        let place = self.place.clone();
        Some(Name { service, method, place })
    }

    fn retry(&mut self, value: &Value) -> Option<RetryPolicy> {
        let keys = [
            "maxAttempts",
            "initialBackoff",
            "maxBackoff",
            "backoffMultiplier",
            "retryableStatusCodes",
        ];
        let map = self.map(value, &keys)?;
        let max_attempts = self.needed(map, "maxAttempts", ATTEMPTS, Self::attempts);
        let initial_backoff = self.needed(map, "initialBackoff", "the first pause, such as \"0.1s\"", Self::time);
        let max_backoff = self.needed(map, "maxBackoff", "the longest pause, such as \"1s\"", Self::time);
        let due = "by how much each pause is longer than the one before, such as 2";
        let multiplier = self.needed(map, "backoffMultiplier", due, |reader, value| {
            match number(value).filter(|number| *number > 0.0 && number.is_finite()) {
                Some(number) => Some(number),
                None => reader.unfit(value, "it is a number above 0, such as 2 or 1.6"),
            }
        });
        let due = "which failures are worth another attempt, such as [\"UNAVAILABLE\"]";
        let codes = self.needed(map, "retryableStatusCodes", due, |reader, value| {
            let codes = reader.codes(value)?;
            if codes == Codes::default() {
                reader.fault("no failure is worth another attempt", format!("name {due}"));
            }
            Some(codes)
        });
        Some(RetryPolicy {
            max_attempts: max_attempts?,
            initial_backoff: initial_backoff?,
            max_backoff: max_backoff?,
            multiplier: multiplier?,
            codes: codes?,
        })
    }

    fn hedge(&mut self, value: &Value) -> Option<HedgingPolicy> {
        let map = self.map(value, &["maxAttempts", "hedgingDelay", "nonFatalStatusCodes"])?;
        let max_attempts = self.needed(map, "maxAttempts", ATTEMPTS, Self::attempts);
        let delay = self.optional(map, "hedgingDelay", Self::time_or_none);
        let non_fatal = self.optional(map, "nonFatalStatusCodes", Self::codes);
        Some(HedgingPolicy {
            max_attempts: max_attempts?,
            delay: delay.unwrap_or_default(),
            non_fatal: non_fatal.unwrap_or_default(),
        })
    }

    fn throttling(&mut self, value: &Value) -> Option<RetryThrottling> {
        let map = self.map(value, &["maxTokens", "tokenRatio"])?;
        let due = "how many tokens there are at most, from 1 to 1000";
        let max_tokens = self.needed(map, "maxTokens", due, |reader, value| {
            match whole(value).filter(|tokens| (1..=1000).contains(tokens)) {
                Some(tokens) => Some(tokens * 1000),
                None => reader.unfit(value, "it is a whole number from 1 to 1000"),
            }
        });
        let due = "how much of a token a success brings, such as 0.1";
        let token_ratio = self.needed(map, "tokenRatio", due, |reader, value| {
            // Decimals after the third do not count: gRFC A6.
            let thousandths = number(value).map(|ratio| (ratio * 1000.0 + 1e-6).floor());
            match thousandths.filter(|ratio| (1.0..=1e6).contains(ratio)) {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A million at most.
                Some(ratio) => Some(ratio as u32),
                None => reader.unfit(value, "it is a number from 0.001 to 1000"),
            }
        });
        Some(RetryThrottling {
            max_tokens: max_tokens?,
            token_ratio: token_ratio?,
        })
    }

    /// More than the most are that many: gRFC A6, "Validation of retryPolicy".
    fn attempts(&mut self, value: &Value) -> Option<u32> {
        match whole(value).filter(|attempts| *attempts >= 2) {
            Some(attempts) => Some(attempts.min(MOST_ATTEMPTS)),
            None => self.unfit(
                value,
                "it is a whole number from 2 on; the first attempt counts, and more than 5 are 5",
            ),
        }
    }

    fn time(&mut self, value: &Value) -> Option<Duration> {
        match self.time_or_none(value)? {
            Duration::ZERO => self.unfit(value, "it is longer than nothing"),
            time => Some(time),
        }
    }

    fn time_or_none(&mut self, value: &Value) -> Option<Duration> {
        match value.as_str().and_then(duration) {
            Some(time) => Some(time),
            None => self.unfit(value, DURATION),
        }
    }

    fn codes(&mut self, value: &Value) -> Option<Codes> {
        let codes = self.list(
            value,
            "it is a list of codes such as [\"UNAVAILABLE\"]",
            |reader, value| {
                let code = match value {
                    Value::String(name) => Code::from_name(&name.to_ascii_uppercase()),
                    other => whole(other)
                        .and_then(|number| i32::try_from(number).ok())
                        .filter(|number| *number <= 16)
                        .map(Code::from),
                };
                match code {
                    Some(Code::Ok) => {
                        reader.fault("OK is no failure", "leave it out");
                        None
                    }
                    Some(code) => Some(code),
                    None => reader.unfit_near(value, CODE, &failures()),
                }
            },
        )?;
        Some(codes.into_iter().collect())
    }
}

/// The names of all codes but `OK`.
fn failures() -> Vec<&'static str> {
    (1..=16).map(|number| Code::from(number).name()).collect()
}

const ATTEMPTS: &str = "how many attempts there are at most, the first one counted, from 2 to 5";

/// A whole number, which JSON of protobuf may have as a text or with a zero behind the point.
fn whole(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            let whole = number.as_u64().and_then(|number| u32::try_from(number).ok());
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is whole and in range.
            let float = || {
                let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
                (0.0..=f64::from(u32::MAX)).contains(&float).then_some(float as u32)
            };
            whole.or_else(float)
        }
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    }
}

/// As the JSON of `google.protobuf.Duration`: `1.5s`; at most nine digits behind the point. Either side of the point may be empty: gRFC A6
/// itself writes `.1s`.
fn duration(text: &str) -> Option<Duration> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.strip_suffix('s')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if !digits(whole) || !digits(part) || whole.len() + part.len() == 0 || part.len() > 9 {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let seconds = whole.parse().ok().filter(|seconds| *seconds <= LONGEST)?;
    let nanos = format!("{part:0<9}").parse().ok()?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests;
