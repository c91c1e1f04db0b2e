//! The letters of a Maildir, by the names of their files (<https://cr.yp.to/proto/maildir.html>):
//!
//! ```text
//! 1700000000.M123456P4242Q7.host,S=1234,W=1270:2,S
//! └────────── unique ──────────┘└── sizes ───┘└flags┘
//! ```
//! Names are octets and stay octets. What is unique in a name stays the same wherever the letter moves
//! and whatever flags it gets; sizes and flags may change.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use aws_lc_rs::digest;
use postroad_pop3::unique_id::UniqueId;

use super::{MaildropError, system};
use crate::limits;

/// Where letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folder {
    New,
    Cur,
}

impl Folder {
    /// In the order in which they are listed: a letter moves from new/ to cur/, never back, so in this
    /// order it is seen once or twice, and not missed.
    pub(super) const ALL: [Self; 2] = [Self::New, Self::Cur];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Cur => "cur",
        }
    }
}

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) folder: Folder,
    pub(super) name: OsString,
}

impl Letter {
    /// The name without its flags.
    pub(super) fn base(&self) -> &[u8] {
        let name = self.name.as_bytes();
        name.split(|octet| *octet == b':').next().unwrap_or(name)
    }

    /// What is unique in the name.
    fn unique(&self) -> &[u8] {
        match self.base().split(|octet| *octet == b',').next() {
            Some(unique) if !unique.is_empty() => unique,
            Some(_) | None => self.name.as_bytes(),
        }
    }

    /// The unique-id: what is unique in the name, hashed where RFC 1939 §7 doesn't allow it as it is.
    pub(super) fn unique_id(&self) -> UniqueId {
        let unique = self.unique();
        UniqueId::parse(unique).unwrap_or_else(|| {
            let digest = digest::digest(&digest::SHA256, unique);
            let mut octets = [0; digest::SHA256_OUTPUT_LEN];
            octets.copy_from_slice(digest.as_ref());
            UniqueId::of_digest(&octets)
        })
    }

    /// The octets on the wire, where the name says so (`W=`) and says it sanely: with CRLF a letter is
    /// longer than without, and at most twice as long and two. And no letter is so long that the sum of a
    /// maildrop's could overflow.
    pub(super) fn octets_on_the_wire(&self) -> Option<u64> {
        let (octets, with_crlf) = (self.size(b"S=")?, self.size(b"W=")?);
        let sane = octets..=octets.saturating_mul(2).saturating_add(2);
        (sane.contains(&with_crlf) && with_crlf <= limits::LETTER_OCTETS_MAX).then_some(with_crlf)
    }

    fn size(&self, tag: &[u8]) -> Option<u64> {
        let mut fields = self.base().split(|octet| *octet == b',').skip(1);
        let digits = fields.find_map(|field| field.strip_prefix(tag))?;
        let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        all_digits.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
    }

    /// Sorts by the time of delivery: the seconds that a name begins with, then the name.
    fn age(&self) -> (u64, &[u8]) {
        let name = self.base();
        let digits = name.iter().take_while(|octet| octet.is_ascii_digit());
        let seconds = digits
            .fold(0u64, |n, digit| n.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        (seconds, name)
    }
}

/// All letters, oldest first.
pub(super) fn list(root: &Path) -> Result<Vec<Letter>, MaildropError> {
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut letters = Vec::new();
    for folder in Folder::ALL {
        let listed = list_folder(root, folder)?;
        letters.extend(listed.into_iter().filter(|letter| seen.insert(letter.base().to_owned())));
    }
    letters.sort_by(|a, b| a.age().cmp(&b.age()));
    Ok(letters)
}

/// Notes where the letters are now; those that are nowhere stay as they were.
pub(super) fn find_again(root: &Path, letters: &mut [Letter]) -> Result<(), MaildropError> {
    // By what is unique: a program may add sizes to a name.
    let now: HashMap<Vec<u8>, Letter> =
        list(root)?.into_iter().map(|letter| (letter.unique().to_owned(), letter)).collect();
    for letter in letters {
        if let Some(found) = now.get(letter.unique()) {
            *letter = found.clone();
        }
    }
    Ok(())
}

/// Lists a folder, again where it changed meanwhile: a listing may miss a file that is renamed just
/// then, and a client would think that its letter is gone.
fn list_folder(root: &Path, folder: Folder) -> Result<Vec<Letter>, MaildropError> {
    let path = root.join(folder.name());
    let stamp = || fs::metadata(&path).map(|meta| changed(&meta));
    let mut before = stamp().map_err(system("list", &path))?;
    for _ in 1..limits::LISTINGS_MAX {
        let letters = list_once(&path, folder).map_err(system("list", &path))?;
        let after = stamp().map_err(system("list", &path))?;
        if after == before {
            return Ok(letters);
        }
        before = after;
    }
    list_once(&path, folder).map_err(system("list", &path))
}

fn changed(meta: &Metadata) -> (i64, i64) {
    (meta.mtime(), meta.mtime_nsec())
}

fn list_once(path: &Path, folder: Folder) -> io::Result<Vec<Letter>> {
    let mut letters = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        // Files whose names begin with a dot are no letters; nor is what isn't a file.
        if !name.as_bytes().starts_with(b".") && entry.file_type()?.is_file() {
            letters.push(Letter { folder, name });
        }
    }
    Ok(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(name: &[u8]) -> Letter {
        Letter { folder: Folder::Cur, name: OsString::from(std::ffi::OsStr::from_bytes(name)) }
    }

    #[test] // Tests RFC 1939 §7.
    fn unique_ids_come_from_what_is_unique() {
        let long = format!("1700000000.{}", "x".repeat(60));
        for (name, id) in [
            ("1700000000.M1P2Q3.host,S=1,W=2:2,S", "1700000000.M1P2Q3.host"),
            ("1700000000.M1P2Q3.host", "1700000000.M1P2Q3.host"),
            ("1700000000.M1P2Q3.host:2,", "1700000000.M1P2Q3.host"),
            (&long[..70], &long[..70]),
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (" ", "36a9e7f1c95b82ffb99743e0c5c4ce95d83c9a430aac59f84ef3cbfab6145068"),
        ] {
            assert_eq!(letter(name.as_bytes()).unique_id().as_str(), id, "{name}");
        }
        for name in [long.as_bytes(), b"caf\xe9", b"a b", b",S=1"] {
            let id = letter(name).unique_id();
            assert!(id.as_str().len() == 64 || name == b",S=1", "{id}");
        }
    }

    #[test]
    fn sizes_in_names_that_are_believed() {
        for (name, octets) in [
            ("1.a,S=10,W=12", Some(12)),
            ("1.a,W=12,S=10:2,S", Some(12)),
            ("1.a,S=10,W=22", Some(22)),
            ("1.a,S=10,W=23", None),
            ("1.a,S=10,W=9", None),
            ("1.a,W=12", None),
            ("1.a,S=10", None),
            ("1.a,S=1x,W=12", None),
            ("1.a,S=10,W=99999999999999999999", None),
            ("1.a,S=10000000000000000000,W=10000000000000000001", None),
            ("1.a:2,S=10,W=12", None),
        ] {
            assert_eq!(letter(name.as_bytes()).octets_on_the_wire(), octets, "{name}");
        }
    }

    #[test]
    fn letters_are_in_the_order_of_their_coming() {
        let mut names = ["10.a", "9.b", "x", "10.M2", "99999999999999999999999.c", "10.M1,S=1:2,S"];
        names.sort_by(|a, b| letter(a.as_bytes()).age().cmp(&letter(b.as_bytes()).age()));
        assert_eq!(
            names,
            ["x", "9.b", "10.M1,S=1:2,S", "10.M2", "10.a", "99999999999999999999999.c"]
        );
    }
}
