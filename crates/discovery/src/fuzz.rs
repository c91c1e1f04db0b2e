//! What the fuzz target in `tests/fuzz` runs, and a plain test over its seeds.

use postroad_protocol::address::Address;

use crate::autoconfig;

/// A provider's file: what is taken from it names hosts and can be shown.
pub fn autoconfig(file: &[u8]) {
    let Ok(us) = Address::parse("us@our.example") else { return };
    let file = autoconfig::read(file, &us).unwrap_or_default();
    assert!(!file.issuer.unwrap_or_default().scope.chars().any(char::is_control), "a scope");
    for service in file.services {
        let shown = format!("{service} {}", service.user);
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
    }
}
