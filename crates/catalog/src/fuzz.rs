//! What the fuzz target in `tests/fuzz` runs, and a plain test over its seeds.

use jiff::Zoned;

use crate::pattern::Pattern;
use crate::{Marks, Told, Who, is_like};

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 1] = [("pattern", pattern)];

/// A pattern that somebody has typed, and behind its line a letter.
///
/// # Panics
/// Where a pattern isn't the same when it is shown and typed again.
pub fn pattern(octets: &[u8]) {
    let end = octets.iter().position(|octet| *octet == b'\n').unwrap_or(octets.len());
    let (typed, letter) = octets.split_at(end);
    let now = "2026-12-01T12:00:00+01:00[+01:00]".parse::<Zoned>().expect("a date");
    let typed = String::from_utf8_lossy(typed);
    let Ok(pattern) = Pattern::parse(&typed, &now) else { return };
    assert_eq!(Pattern::parse(&pattern.to_string(), &now).as_ref(), Ok(&pattern), "{typed}");
    let who = Who { addresses: vec!["me@our.example".to_owned()] };
    let told = Told { marks: Marks::SEEN, number: 1, ..Told::default() };
    let is_meant = is_like(&pattern, &who, letter, &told);
    let other = Pattern::Not(Box::new(pattern));
    assert_ne!(is_meant, is_like(&other, &who, letter, &told), "{typed}");
}
