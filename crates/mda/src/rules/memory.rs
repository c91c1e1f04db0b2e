//! What scripts ask to be remembered: whom `vacation` has told, what `duplicate` has seen.
//!
//! One small file in the mailbox, a line each: until when (seconds since 1970), and the hash of the key. What
//! is over is dropped when the next line is written, and beyond [`limits::MEMOS_KEPT_MAX`] what is over first.

use std::cell::OnceCell;
use std::time::SystemTime;

use postroad_sieve::{Memo, MemoKind, Past};
use postroad_store::StoreError;
use sha2::{Digest as _, Sha256};

use super::Mailbox;
use crate::limits;

/// The file.
const FILE: &str = "postroad-rules-memory";

/// Octets of the hash that are kept.
const HASH_OCTETS: usize = 16;

/// Adds to what a mailbox remembers.
pub(super) fn add(memos: &[Memo], mailbox: Mailbox<'_>) -> Result<(), StoreError> {
    if memos.is_empty() {
        return Ok(());
    }
    let Mailbox { courier, inbox } = mailbox;
    courier.change_mark(inbox, FILE, |known| Some(with(known, memos, now()).into())).map(drop)
}

/// What one mailbox remembers; read when a script asks.
pub(super) struct Memory<'a> {
    mailbox: Mailbox<'a>,
    file: OnceCell<Option<Vec<u8>>>,
}

impl<'a> Memory<'a> {
    pub(super) fn of(mailbox: Mailbox<'a>) -> Self {
        Self { mailbox, file: OnceCell::new() }
    }
}

impl Past for Memory<'_> {
    fn remembers(&self, kind: MemoKind, key: &[u8]) -> bool {
        let Mailbox { courier, inbox } = self.mailbox;
        match self.file.get_or_init(|| courier.mark(inbox, FILE).ok()) {
            Some(file) => holds(file, &hash(kind, key), now()),
            // Who can't know tells nobody twice, and drops no letter as a duplicate.
            None => kind == MemoKind::Vacation,
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn hash(kind: MemoKind, key: &[u8]) -> String {
    let kind: &[u8] = match kind {
        MemoKind::Vacation => b"vacation ",
        MemoKind::Duplicate => b"duplicate ",
    };
    let hash = Sha256::digest([kind, key].concat());
    hash.iter().take(HASH_OCTETS).map(|octet| format!("{octet:02x}")).collect()
}

/// The lines that are lines, and not over.
fn lines(file: &[u8], now: u64) -> impl Iterator<Item = (u64, &str)> {
    let text = std::str::from_utf8(file).unwrap_or_default();
    text.lines().filter_map(move |line| {
        let (until, hash) = line.split_once(' ')?;
        let until = until.parse().ok().filter(|until| *until > now)?;
        Some((until, hash))
    })
}

fn holds(file: &[u8], hash: &str, now: u64) -> bool {
    lines(file, now).any(|(_, other)| other == hash)
}

fn with(file: &[u8], memos: &[Memo], now: u64) -> String {
    let added: Vec<(u64, String)> = memos
        .iter()
        .map(|memo| (now.saturating_add(memo.seconds), hash(memo.kind, &memo.key)))
        .collect();
    let is_added = |hash: &str| added.iter().any(|(_, other)| other == hash);
    let mut all: Vec<(u64, &str)> = lines(file, now).filter(|(_, hash)| !is_added(hash)).collect();
    all.extend(added.iter().map(|(until, hash)| (*until, hash.as_str())));
    all.sort_unstable();
    let surplus = all.len().saturating_sub(limits::MEMOS_KEPT_MAX);
    all.iter().skip(surplus).map(|(until, hash)| format!("{until} {hash}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memo(key: &str, seconds: u64) -> Memo {
        Memo { kind: MemoKind::Vacation, key: key.into(), seconds }
    }

    #[test]
    fn remembered_until_it_is_over() {
        let file = with(b"", &[memo("a", 100), memo("b", 10)], 1_000);
        let told = |file: &str, key: &str, now| {
            holds(file.as_bytes(), &hash(MemoKind::Vacation, key.as_bytes()), now)
        };
        assert!(told(&file, "a", 1_099) && !told(&file, "a", 1_100));
        assert!(told(&file, "b", 1_009) && !told(&file, "b", 1_010) && !told(&file, "c", 0));
        assert!(!holds(file.as_bytes(), &hash(MemoKind::Duplicate, b"a"), 0));
        // Told again later, and what is over is gone.
        let file = with(file.as_bytes(), &[memo("a", 100)], 1_050);
        assert_eq!(file.lines().count(), 1);
        assert!(told(&file, "a", 1_149));
    }

    #[test]
    fn what_is_over_first_goes_first_beyond_the_bound() {
        let memos: Vec<Memo> =
            (0..=limits::MEMOS_KEPT_MAX).map(|n| memo(&n.to_string(), 1 + n as u64)).collect();
        let file = with(b"not a line\n", &memos, 0);
        assert_eq!(file.lines().count(), limits::MEMOS_KEPT_MAX);
        assert!(file.starts_with("2 "));
        assert!(file.len() < 1024 * 1024);
    }
}
