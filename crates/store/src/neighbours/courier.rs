//! Courier's files: `courierimapuiddb`, `courierimapkeywords/`, `courierimapsubscribed`.
//!
//! ```text
//! 1 796009240 4                version, UIDVALIDITY, the next UID
//! 1 1276528487.M364837.kurkku  UID and name, without flags
//! ```
//! Keywords are in `courierimapkeywords/:list`: their names, an empty line, and `name:0 2` for each letter that has some.
//! Beside it lie files of changes, `.N.name`, with a letter's keywords line by line: the one with the greatest N counts, in
//! place of what the list says (<https://www.courier-mta.org/imap/README.imapkeywords.html>).

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;

use postroad_disk::{Disk, DiskError};

use super::{Format, Numbered, Numbers};
use crate::limits::{COURIER_KEYWORDS_MAX, KEYWORD_OCTETS_MAX};
use crate::{FolderName, MailboxName, Maildir, small_file};

pub(super) const FORMAT: Format = Format { file: "courierimapuiddb", head, line };

/// Who is subscribed to what: `INBOX.Lists` line by line.
pub(crate) const SUBSCRIBED: &str = "courierimapsubscribed";

const KEYWORDS: &str = "courierimapkeywords";
const LIST: &str = ":list";

fn head(line: &str) -> Option<Numbers> {
    let mut words = line.strip_prefix("1 ")?.split(' ').map(str::parse);
    match (words.next(), words.next()) {
        (Some(Ok(uid_validity)), Some(Ok(uid_next))) => Numbers::new(uid_validity, uid_next),
        _ => None,
    }
}

fn line(line: &[u8]) -> Option<Numbered> {
    let end = memchr::memchr(b' ', line)?;
    let (uid, name) = line.split_at_checked(end)?;
    let uid = str::from_utf8(uid).ok()?.parse().ok()?;
    Some(Numbered { uid, name: name.get(1..)?.to_vec(), uidl: None })
}

/// The mailboxes that Courier's list names.
pub(crate) fn subscribed(file: &[u8]) -> Vec<MailboxName> {
    let named = |line: &str| match line.split_once('.') {
        Some(("INBOX", name)) => {
            FolderName::on_disk(name).ok().map(|name| MailboxName::Folder(name.as_we_write_it()))
        }
        None if line == "INBOX" => Some(MailboxName::Inbox),
        Some(_) | None => None,
    };
    String::from_utf8_lossy(file).lines().filter_map(named).collect()
}

/// The keywords that letters of a folder have with Courier, by their names without flags.
///
/// # Errors
/// What the disk said.
pub(super) fn keywords(
    disk: &dyn Disk,
    folder: &Maildir,
) -> Result<BTreeMap<Vec<u8>, Vec<String>>, DiskError> {
    let directory = folder.root().join(KEYWORDS);
    let entries = match disk.read_dir(&directory) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(BTreeMap::new());
        }
        entries => entries?,
    };
    let mut list = List::default();
    small_file::blocks_of_lines(disk, &directory.join(LIST), |lines| list.take(lines))?;
    let mut changes: Vec<(u64, Vec<u8>, &std::ffi::OsStr)> = Vec::new();
    for entry in &entries {
        if let Some((number, name)) = change(entry.name.as_bytes()) {
            changes.push((number, name.to_vec(), &entry.name));
        }
    }
    changes.sort();
    let mut keywords = list.letters;
    for (_, letter, file) in changes {
        let file = small_file::read(disk, &directory.join(file))?;
        keywords.insert(letter, names(&file));
    }
    keywords.retain(|_, names| !names.is_empty());
    Ok(keywords)
}

/// A file of changes: when it counts, and for which letter. One without a number came last.
fn change(file: &[u8]) -> Option<(u64, &[u8])> {
    let Some(numbered) = file.strip_prefix(b".") else {
        return (file != LIST.as_bytes()).then_some((u64::MAX, file));
    };
    let end = memchr::memchr(b'.', numbered)?;
    let (number, name) = numbered.split_at_checked(end)?;
    Some((str::from_utf8(number).ok()?.parse().ok()?, name.get(1..)?))
}

fn names(lines: &[u8]) -> Vec<String> {
    let lines = lines.split(|octet| *octet == b'\n');
    lines.filter_map(keyword).take(COURIER_KEYWORDS_MAX).collect()
}

/// RFC 9051 §9: an atom.
fn keyword(text: &[u8]) -> Option<String> {
    let is_atom = |octet: &u8| octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(octet);
    let is_one = (1..=KEYWORD_OCTETS_MAX).contains(&text.len()) && text.iter().all(is_atom);
    is_one.then(|| String::from_utf8(text.to_vec()).ok())?
}

/// The file `:list`, as its lines come.
#[derive(Debug, Default)]
struct List {
    /// By their numbers.
    names: Vec<Option<String>>,
    has_all_names: bool,
    letters: BTreeMap<Vec<u8>, Vec<String>>,
}

impl List {
    fn take(&mut self, lines: &[u8]) {
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        for line in lines.split(|octet| *octet == b'\n') {
            if self.has_all_names {
                self.letter(line);
            } else if line.is_empty() {
                self.has_all_names = true;
            } else if self.names.len() < COURIER_KEYWORDS_MAX {
                self.names.push(keyword(line));
            }
        }
    }

    fn letter(&mut self, line: &[u8]) -> Option<()> {
        let end = memchr::memrchr(b':', line)?;
        let (name, numbers) = line.split_at_checked(end)?;
        let numbers = str::from_utf8(numbers.get(1..)?).ok()?;
        let named = |number: &str| self.names.get(number.parse::<usize>().ok()?)?.clone();
        let names: Vec<String> = numbers.split(' ').filter_map(named).collect();
        self.letters.insert(name.to_vec(), names);
        Some(())
    }
}

pub(super) fn fuzz(octets: &[u8]) {
    let mut list = List::default();
    list.take(octets);
    assert!(list.names.len() <= COURIER_KEYWORDS_MAX, "too many keywords");
    let _ = (subscribed(octets), names(octets), change(octets));
}

#[cfg(test)]
mod tests {
    use postroad_disk::OsDisk;

    use super::*;
    use crate::neighbours::first_numbers;

    #[test] // As courier-imap 1.0.16 and maildirkw write them.
    fn what_courier_writes_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Maildir::at(dir.path());
        let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
        write("courierimapuiddb", "1 796009240 4\n1 1.a.h,S=2\n2 2.b.h\n3 3.c.h\n");
        let numbers = first_numbers(&OsDisk, &folder).unwrap().unwrap();
        assert_eq!((numbers.uid_validity, numbers.uid_next), (796_009_240, 4));
        let letters: Vec<(u32, &[u8])> =
            numbers.letters.iter().map(|letter| (letter.uid, letter.name.as_slice())).collect();
        assert_eq!(letters, [(1, &b"1.a.h,S=2"[..]), (2, b"2.b.h"), (3, b"3.c.h")]);

        assert_eq!(keywords(&OsDisk, &folder).unwrap(), BTreeMap::new());
        std::fs::create_dir(dir.path().join(KEYWORDS)).unwrap();
        let list = "work\nFoo$bar\nhome\nurgent\n\n1.a.h,S=2:1 0\n2.b.h:2 3 0\n4.d:9 x 1\n";
        write("courierimapkeywords/:list", list);
        write("courierimapkeywords/.5986698.1.a.h,S=2", "Foo$bar\nwork\nb(d\n");
        write("courierimapkeywords/.10.2.b.h", "urgent\n");
        write("courierimapkeywords/.9.2.b.h", "home\n");
        write("courierimapkeywords/3.c.h", "");
        let keywords = keywords(&OsDisk, &folder).unwrap();
        let all: Vec<String> = keywords
            .iter()
            .map(|(name, names)| format!("{} {}", String::from_utf8_lossy(name), names.join(" ")))
            .collect();
        assert_eq!(all, ["1.a.h,S=2 Foo$bar work", "2.b.h urgent", "4.d Foo$bar"]);
    }

    #[test]
    fn subscriptions_of_courier() {
        let list = "INBOX.Lists\nINBOX.Entwürfe\nINBOX\n#shared.x\nINBOX.a/b\nINBOX.R&-D\n";
        let names: Vec<String> =
            subscribed(list.as_bytes()).iter().map(MailboxName::to_utf8).collect();
        assert_eq!(names, ["Lists", "Entwürfe", "INBOX", "R&D"]);
    }
}
