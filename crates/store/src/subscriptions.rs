//! Who is subscribed to which folders: the file `subscriptions` in a Maildir, as Dovecot writes it.
//!
//! One name a line, parts joined by dots; in version 2, which begins with a header, by tabs.
//!
//! Processes of ours take turns. Dovecot changes it under a dot lock, `subscriptions.lock`. We take none: where both
//! write in the same moment, one of two changes is lost, and it is about who sees a folder at once, not about letters.

use std::path::Path;

use postroad_disk::{Disk, DiskError};

use crate::{FolderName, small_file};

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
    let name = name.to_string();
    let line = match file.starts_with(VERSION_2) {
        true => name.replace('.', "\t"),
        false => name,
    };
    if file.split(|octet| *octet == b'\n').any(|other| other == line.as_bytes()) {
        return None;
    }
    if !file.is_empty() && !file.ends_with(b"\n") {
        file.push(b'\n');
    }
    file.extend_from_slice(line.as_bytes());
    file.push(b'\n');
    Some(file)
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
