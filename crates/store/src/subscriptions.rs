//! Who is subscribed to which folders: the file `subscriptions` in a Maildir, as Dovecot writes it.
//!
//! One name a line, parts joined by dots; in version 2, which begins with a header, by tabs.
//!
//! Processes of ours take turns. Dovecot changes it under a dot lock, `subscriptions.lock`. We take none: where both
//! write in the same moment, one of two changes is lost, and it is about who sees a folder at once, not about letters.

use std::collections::BTreeSet;
use std::path::Path;

use postroad_disk::{Disk, DiskError};

use crate::limits::SUBSCRIPTIONS_MAX;
use crate::neighbours::{COURIER_SUBSCRIBED, courier_subscribed};
use crate::{Change, FolderName, Folders, MailboxName, StoreError, small_file};

const FILE: &str = "subscriptions";
const VERSION_2: &[u8] = b"V\t2\n\n";

/// Subscribes to a folder, if that isn't done already, by way of a new file `by`.
///
/// # Errors
/// What the disk said: the file is as it was.
pub(crate) fn add(
    disk: &dyn Disk,
    by: &Path,
    maildir: &Path,
    name: &FolderName,
) -> Result<(), DiskError> {
    let file = maildir.join(FILE);
    let _turn = small_file::turn(disk, maildir)?;
    match with(small_file::read(disk, &file)?, name) {
        Some(content) => small_file::replace(disk, by, &file, &content),
        None => Ok(()),
    }
}

/// The file with that line; `None` where it has it.
fn with(mut file: Vec<u8>, name: &FolderName) -> Option<Vec<u8>> {
    with_line(file_line(&file, &name.to_string()), &mut file).then_some(file)
}

/// A mailbox as the file writes it.
fn file_line(file: &[u8], name: &str) -> String {
    match file.starts_with(VERSION_2) {
        true => name.replace('.', "\t"),
        false => name.to_owned(),
    }
}

fn with_line(line: String, file: &mut Vec<u8>) -> bool {
    if file.split(|octet| *octet == b'\n').any(|other| other == line.as_bytes()) {
        return false;
    }
    if !file.is_empty() && !file.ends_with(b"\n") {
        file.push(b'\n');
    }
    file.extend_from_slice(line.as_bytes());
    file.push(b'\n');
    true
}

/// The file without the lines that name that mailbox; `None` where it has none.
fn without(file: &[u8], name: &MailboxName) -> Option<Vec<u8>> {
    let is_it = |line: &&[u8]| named(file, line).as_ref() == Some(name);
    let lines: Vec<&[u8]> = file.split(|octet| *octet == b'\n').collect();
    let rest: Vec<&[u8]> = lines.iter().copied().filter(|line| !is_it(line)).collect();
    (rest.len() < lines.len()).then(|| rest.join(&b'\n'))
}

/// The mailbox that a line names.
fn named(file: &[u8], line: &[u8]) -> Option<MailboxName> {
    let line = str::from_utf8(line).ok()?;
    let name = match file.starts_with(VERSION_2) {
        true => line.replace('\t', "."),
        false => line.to_owned(),
    };
    match name.eq_ignore_ascii_case("INBOX") {
        true => Some(MailboxName::Inbox),
        false => Some(MailboxName::Folder(FolderName::on_disk(&name).ok()?.as_we_write_it())),
    }
}

fn parse(file: &[u8]) -> BTreeSet<MailboxName> {
    let begin = if file.starts_with(VERSION_2) { VERSION_2.len() } else { 0 };
    let lines = file.get(begin..).unwrap_or_default().split(|octet| *octet == b'\n');
    lines.filter_map(|line| named(file, line)).take(SUBSCRIPTIONS_MAX).collect()
}

impl Folders<'_> {
    /// The mailboxes that are subscribed to; they need not be there.
    ///
    /// # Errors
    /// What the disk said.
    pub fn subscribed(&self) -> Result<BTreeSet<MailboxName>, StoreError> {
        let file = self.courier().mark(self.inbox(), FILE)?;
        Ok(parse(if file.is_empty() { self.first()? } else { file }.as_slice()))
    }

    /// What the file begins with where there is none: what another program has kept elsewhere.
    fn first(&self) -> Result<Vec<u8>, StoreError> {
        if self.courier().disk().stat(&self.inbox().root().join(FILE)).is_ok() {
            return Ok(Vec::new());
        }
        let file = self.courier().mark(self.inbox(), COURIER_SUBSCRIBED)?;
        let line = |name: &MailboxName| {
            name.folder().map_or_else(|| "INBOX".to_owned(), ToString::to_string) + "\n"
        };
        Ok(courier_subscribed(&file).iter().map(line).collect::<String>().into_bytes())
    }

    fn change(&self, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Result<Change, StoreError> {
        let first = self.first()?;
        self.courier().change_mark(self.inbox(), FILE, |file| {
            change(if file.is_empty() { &first } else { file })
        })
    }

    /// Subscribes to a mailbox, which need not be there.
    ///
    /// # Errors
    /// What the disk said: the list is as it was, or as it is to be.
    pub fn subscribe(&self, name: &MailboxName) -> Result<Change, StoreError> {
        self.change(|file| {
            let name = name.folder().map_or_else(|| "INBOX".to_owned(), ToString::to_string);
            let mut changed = file.to_vec();
            with_line(file_line(file, &name), &mut changed).then_some(changed)
        })
    }

    /// Subscribes to it no more.
    ///
    /// # Errors
    /// As there.
    pub fn unsubscribe(&self, name: &MailboxName) -> Result<Change, StoreError> {
        self.change(|file| without(file, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroad_disk::OsDisk;

    #[test]
    fn lines_of_both_versions() {
        let name = FolderName::parse("Lists.rust").unwrap();
        for (before, after) in [
            ("", Some("Lists.rust\n")),
            ("INBOX\n", Some("INBOX\nLists.rust\n")),
            ("INBOX", Some("INBOX\nLists.rust\n")),
            ("Lists.rust.x\n", Some("Lists.rust.x\nLists.rust\n")),
            ("Lists.rust\nINBOX\n", None),
            ("V\t2\n\n", Some("V\t2\n\nLists\trust\n")),
            ("V\t2\n\nLists\trust\n", None),
        ] {
            let got = with(before.into(), &name).map(|file| String::from_utf8(file).unwrap());
            assert_eq!(got.as_deref(), after, "{before:?}");
        }
    }

    #[test]
    fn lines_that_go_and_what_is_left() {
        let name = MailboxName::from_utf8("Entwürfe.a").unwrap();
        for (before, after) in [
            ("", None),
            ("Entw&APw-rfe.a\n", Some("")),
            ("INBOX\nEntw&APw-rfe.a\nx\n", Some("INBOX\nx\n")),
            ("Entwürfe.a\nx", Some("x")),
            ("Entw&APw-rfe\n", None),
            ("V\t2\n\nEntw&APw-rfe\ta\nx\n", Some("V\t2\n\nx\n")),
        ] {
            let got =
                without(before.as_bytes(), &name).map(|file| String::from_utf8(file).unwrap());
            assert_eq!(got.as_deref(), after, "{before:?}");
        }
        assert_eq!(without(b"a\ninbox\n", &MailboxName::Inbox).unwrap(), b"a\n");
    }

    #[test]
    fn lists_and_what_is_no_name() {
        let names =
            |file: &[u8]| -> Vec<String> { parse(file).iter().map(MailboxName::to_utf8).collect() };
        let list = "x\nInbox\n../u2\n\nEntw&APw-rfe\na/b\nEntwürfe\nx.y\n";
        assert_eq!(names(list.as_bytes()), ["INBOX", "Entwürfe", "x", "x.y"]);
        assert_eq!(names(b"V\t2\n\nx\ty\nINBOX\n\xff\n"), ["INBOX", "x.y"]);
    }

    #[test]
    fn a_folder_is_named_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let name = FolderName::parse("Lists").unwrap();
        for _ in 0..2 {
            add(&OsDisk, &path("new"), dir.path(), &name).unwrap();
            assert_eq!(std::fs::read(path(FILE)).unwrap(), b"Lists\n");
            assert!(!path("new").exists());
        }
    }
}
