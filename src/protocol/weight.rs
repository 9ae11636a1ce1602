//! How much a client likes what it accepts.

/// How much a client likes something, in thousandths: RFC 9110, section 12.4.2. What is no weight is none.
pub(crate) fn weight(range: &str) -> u32 {
    let parameters = range
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='));
    let weights = parameters.filter(|(name, _)| name.trim_ascii().eq_ignore_ascii_case("q"));
    let Some((_, weight)) = weights.last() else {
        return 1000;
    };
    let (whole, part) = weight.trim_ascii().split_once('.').unwrap_or((weight.trim_ascii(), ""));
    let mut digits = part
        .bytes()
        .chain(*b"000")
        .take(3)
        .map(|digit| char::from(digit).to_digit(10));
    let part = digits.try_fold(0, |sum, digit| Some(sum * 10 + digit?));
    match (whole, part) {
        ("1", Some(_)) => 1000,
        ("0", Some(part)) => part,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_thousandths() {
        for (range, wanted) in [
            ("a", 1000),
            ("a;q=1.000", 1000),
            ("a; q=0.25", 250),
            ("a;Q=.5", 0),
            ("a;q=0.1234", 123),
            ("a;q=x", 0),
        ] {
            assert_eq!(weight(range), wanted, "{range}");
        }
    }
}
