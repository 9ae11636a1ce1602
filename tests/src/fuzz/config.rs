//! Configurations that nobody should have written.

use descant::Config;

/// No message needs more, however much is wrong.
const LONGEST: usize = 1 << 20;

/// Reads a configuration; what is printed of one that is sound says the same.
///
/// # Panics
/// If it does not.
pub fn config(input: &[u8]) {
    let read = |text: &[u8]| Config::builder().text("descant.yaml", text).build();
    let config = match read(input) {
        Ok(config) => config,
        Err(error) => {
            assert!(error.count() > 0 && error.to_string().len() < LONGEST);
            assert!(error.lines().all(|line| !line.contains('\n')));
            return;
        }
    };
    let printed = config.to_yaml();
    let again = match read(printed.as_bytes()) {
        Ok(again) => again,
        Err(error) => panic!("what is printed is unsound: {error}\n{printed}"),
    };
    assert_eq!(again.settings(), config.settings(), "{printed}");
    assert!(again.needs_restart(&config).is_empty(), "{printed}");
    let _ = (config.limits(), config.rest(), config.to_json());
}
