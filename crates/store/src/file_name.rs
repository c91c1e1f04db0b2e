//! What a letter's file is called: `seconds.M123456P4242Q7R9f3c21aa.host,S=octets,W=octets`.
//!
//! Seconds and M (microseconds) are the time, P is the process, Q counts its letters, R is drawn once per
//! process (process numbers are reused, and hosts in containers share one name): the unique part as
//! <https://cr.yp.to/proto/maildir.html> asks for it. S is the file's length and W its length with CRLF,
//! as Dovecot writes them, so that nobody has to read a letter to know its size. Before them stands `K=` and the
//! delivery's key, where it has one (`key.rs`): other programs leave alone what they don't know there. Should a name be taken all
//! the same, nothing is replaced: the next name is tried.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::key::DeliveryKey;

/// Files in tmp/ older than this belong to nobody any more (maildir(5)).
pub(crate) const TMP_AGE_MAX: Duration = Duration::from_secs(36 * 60 * 60);

/// Octets of the host's name that go into a file's name.
const HOST_OCTETS_MAX: usize = 64;

/// Gives names that no other process gives.
#[derive(Debug)]
pub(crate) struct FileNames {
    host: String,
    process: u32,
    drawn: u32,
    count: AtomicU64,
}

impl FileNames {
    pub(crate) fn new(host: &str) -> Self {
        Self {
            host: escape_host(host),
            process: std::process::id(),
            drawn: drawn_by_the_kernel(),
            count: AtomicU64::new(0),
        }
    }

    /// A name that was never given before, without the sizes: what a file is called in tmp/.
    pub(crate) fn next(&self, now: SystemTime) -> String {
        let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        format!(
            "{}.M{:06}P{}Q{}R{:08x}.{}",
            since_1970.as_secs(),
            since_1970.subsec_micros(),
            self.process,
            self.count.fetch_add(1, Ordering::Relaxed),
            self.drawn,
            self.host
        )
    }
}

/// What a file is called in new/.
pub(crate) fn in_full(
    unique: &str,
    key: Option<DeliveryKey>,
    octets: u64,
    octets_with_crlf: u64,
) -> String {
    let key = key.map(|key| key.field()).unwrap_or_default();
    format!("{unique}{key},S={octets},W={octets_with_crlf}")
}

/// Whether a file in tmp/ of that name belongs to nobody any more: every writer of Maildirs begins a name
/// with the time in seconds. What doesn't begin so is left alone.
pub(crate) fn is_abandoned(name: &[u8], now: SystemTime) -> bool {
    let digits = name.iter().take_while(|b| b.is_ascii_digit()).count();
    let seconds = name
        .split_at_checked(digits)
        .filter(|(_, rest)| rest.starts_with(b"."))
        .and_then(|(digits, _)| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    seconds.is_some_and(|seconds| seconds.saturating_add(TMP_AGE_MAX.as_secs()) < now)
}

/// The host's name as it may stand in a file's: `/` and `:` as maildir(5) writes them, and so `,` and
/// whatever isn't printable.
fn escape_host(host: &str) -> String {
    let mut escaped = String::new();
    for byte in host.bytes().take(HOST_OCTETS_MAX) {
        match byte {
            b'/' | b':' | b',' | b'\\' | 0..=b' ' | 0x7f.. => {
                // Writing into a String can't fail.
                let _ = write!(escaped, "\\{byte:03o}");
            }
            _ => escaped.push(char::from(byte)),
        }
    }
    if escaped.is_empty() { "localhost".to_owned() } else { escaped }
}

/// Where the kernel gives nothing, time and process number have to do: a clash costs one more try.
pub(crate) fn drawn_by_the_kernel() -> u32 {
    let mut octets = [0; 4];
    match rustix::rand::getrandom(&mut octets[..], rustix::rand::GetRandomFlags::empty()) {
        Ok(_) | Err(_) => u32::from_ne_bytes(octets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn m05_host_names_cannot_part_a_path_or_a_name() {
        for (host, escaped) in [
            ("mx.example", "mx.example"),
            ("a/b:c", "a\\057b\\072c"),
            ("a,S=1", "a\\054S=1"),
            ("a\n\0", "a\\012\\000"),
            ("", "localhost"),
        ] {
            assert_eq!(escape_host(host), escaped, "{host:?}");
        }
    }

    #[test]
    fn m05_names_are_never_given_twice() {
        let (one, two) = (FileNames::new("h"), FileNames::new("h"));
        let names: std::collections::HashSet<_> =
            (0..1000).flat_map(|_| [one.next(at(1)), two.next(at(1))]).collect();
        assert_eq!(names.len(), 2000);
    }

    #[test]
    fn abandoned_is_what_says_an_old_time() {
        let now = at(1_000_000);
        for (name, abandoned) in [
            (&b"1000.M1P2.host"[..], true),
            (b"870399.x", true),
            (b"870400.x", false),
            (b"1000000.x", false),
            (b"99999999999999999999999.x", false),
            (b"1000", false),
            (b"x.1000", false),
            (b"", false),
        ] {
            assert_eq!(is_abandoned(name, now), abandoned, "{name:?}");
        }
    }
}
