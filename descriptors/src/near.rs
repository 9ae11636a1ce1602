//! The name that a misspelt one is meant as, of a few that are known.

use strsim::osa_distance;

/// Letters that may differ.
const NEAR: usize = 3;
/// Letters of a name that are looked at.
const LONGEST: usize = 120;

/// The known name that is nearest, or that begins so; `None`: none resembles it. Case, `-` and `_` make no difference.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = folded(name);
    let far = known
        .iter()
        .map(|known| (osa_distance(&name, &folded(known)), *known))
        .min();
    let near = far.filter(|(distance, _)| *distance <= NEAR && distance * 2 <= name.len());
    let begins = |known: &&&str| name.len() >= NEAR && folded(known).starts_with(&name);
    near.map(|(_, near)| near).or(known.iter().find(begins).copied())
}

fn folded(name: &str) -> String {
    let letters = name.chars().take(LONGEST);
    letters
        .filter(|letter| !matches!(letter, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_is_misspelt_is_found() {
        let known = ["grpc", "grpc-web", "retryPolicy", "max_calls"];
        for (name, near) in [
            ("grpcweb", Some("grpc-web")),
            ("GRPC_WEB", Some("grpc-web")),
            ("retry_polcy", Some("retryPolicy")),
            ("max-cals", Some("max_calls")),
            ("retry", Some("retryPolicy")),
            ("rest", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &known), near, "{name}");
        }
    }
}
