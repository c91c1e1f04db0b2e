//! What POP3 clients have fetched, and what they have deleted where that isn't removed at once: a small file beside the
//! inbox's letters. POP3 locks its maildrop, so there is one session at a time that changes it.
//!
//! ```text
//! 1796025528                       UIDVALIDITY
//! 1 17 1796025600 deleted          from this letter to that one: first fetched (seconds since 1970; 0: never), deleted
//! 18 18 1796112000 there
//! ```
//! Letters that follow each other in the mailbox and have the same said of them are one line. A file of another UIDVALIDITY
//! says nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::mailbox::{Mailbox, MailboxError};
use crate::small_file;

/// The file.
const FILE: &str = "postroad-pop3";

/// What is known of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pop3Letter {
    /// When a POP3 client has first fetched it, or deleted it without that, in seconds since 1970; 0: never.
    pub since: u64,
    /// Whether one has deleted it: POP3 shows it no more.
    pub deleted: bool,
}

/// What is known of letters by their UIDs.
pub type Pop3Letters = BTreeMap<u32, Pop3Letter>;

impl Mailbox {
    /// What POP3 clients have done, as far as it was kept.
    ///
    /// # Errors
    /// What the disk said.
    pub fn pop3_letters(&self) -> Result<Pop3Letters, MailboxError> {
        let file = small_file::read(self.disk(), &self.folder().root().join(FILE))?;
        let lines = parse(&file, self.uid_validity());
        let entries = self.entries().map(|entry| entry.uid());
        Ok(entries.filter_map(|uid| Some((uid, *find(&lines, uid)?))).collect())
    }

    /// Keeps it, durably; of letters that are there.
    ///
    /// # Errors
    /// What the disk said.
    pub fn keep_pop3_letters(&self, letters: &Pop3Letters) -> Result<(), MailboxError> {
        let path = self.folder().root().join(FILE);
        let all = self.entries().map(|entry| (entry.uid(), letters.get(&entry.uid()).copied()));
        let text = text(self.uid_validity(), all);
        small_file::check_octets("write", &path, text.len() as u64)?;
        Ok(small_file::replace(self.disk(), &self.tmp_path(), &path, text.as_bytes())?)
    }
}

/// A line of the file.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    last: u32,
    letter: Pop3Letter,
}

fn find(lines: &BTreeMap<u32, Line>, uid: u32) -> Option<&Pop3Letter> {
    let (_, line) = lines.range(..=uid).next_back()?;
    (uid <= line.last).then_some(&line.letter)
}

fn parse(file: &[u8], uid_validity: u32) -> BTreeMap<u32, Line> {
    let text = String::from_utf8_lossy(file);
    let mut lines = text.lines();
    let is_of_those = lines.next().is_some_and(|line| line.parse() == Ok(uid_validity));
    let line = |line: &str| {
        let mut words = line.split(' ');
        let first = words.next()?.parse().ok()?;
        let last = words.next()?.parse().ok()?;
        let since = words.next()?.parse().ok()?;
        let deleted = match words.next()? {
            "deleted" => true,
            "there" => false,
            _ => return None,
        };
        Some((first, Line { last, letter: Pop3Letter { since, deleted } }))
    };
    lines.filter(|_| is_of_those).filter_map(line).collect()
}

fn text(uid_validity: u32, all: impl Iterator<Item = (u32, Option<Pop3Letter>)>) -> String {
    let mut runs: Vec<(u32, Line)> = Vec::new();
    // Whether the letter before was of the last run.
    let mut goes_on = false;
    for (uid, letter) in all {
        let Some(letter) = letter.filter(|letter| *letter != Pop3Letter::default()) else {
            goes_on = false;
            continue;
        };
        match runs.last_mut() {
            Some((_, line)) if goes_on && line.letter == letter => line.last = uid,
            Some(_) | None => runs.push((uid, Line { last: uid, letter })),
        }
        goes_on = true;
    }
    let mut text = format!("{uid_validity}\n");
    for (first, Line { last, letter: Pop3Letter { since, deleted } }) in runs {
        let state = if deleted { "deleted" } else { "there" };
        // Writing to a String doesn't fail.
        let _ = writeln!(text, "{first} {last} {since} {state}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postroad_disk::OsDisk;

    use super::*;
    use crate::{Mailboxes, Maildir};

    fn there(since: u64) -> Pop3Letter {
        Pop3Letter { since, deleted: false }
    }

    fn gone(since: u64) -> Pop3Letter {
        Pop3Letter { since, deleted: true }
    }

    #[test]
    fn letters_of_which_the_same_is_said_are_one_line() {
        let (fetched, deleted) = (there(7), gone(7));
        let all = [
            (1, Some(deleted)),
            (2, Some(deleted)),
            (5, Some(deleted)),
            (6, None),
            (7, Some(deleted)),
            (8, Some(fetched)),
            (9, Some(Pop3Letter::default())),
        ];
        let text = text(3, all.into_iter());
        assert_eq!(text, "3\n1 5 7 deleted\n7 7 7 deleted\n8 8 7 there\n");
        let lines = parse(text.as_bytes(), 3);
        for (uid, letter) in all {
            let letter = letter.filter(|letter| *letter != Pop3Letter::default());
            assert_eq!(find(&lines, uid).copied(), letter, "{uid}");
        }
        assert!(parse(text.as_bytes(), 4).is_empty(), "of another mailbox");
    }

    #[test]
    fn what_is_no_line_is_left_out() {
        for file in [&b""[..], b"x", b"\xff\n1 1 1 deleted", b"4\n1 1 1 deleted\n"] {
            assert!(parse(file, 3).is_empty(), "{file:?}");
        }
        let lines = parse(b"3\n\n1\n1 2 x deleted\n5 2 1 deleted\n7 7 1 deleted\n9 9 1", 3);
        assert_eq!(
            [1, 2, 5, 7, 9].map(|uid| find(&lines, uid).is_some()),
            [false, false, false, true, false]
        );
    }

    #[test]
    fn it_is_kept_for_letters_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["tmp", "new", "cur"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for name in ["new/1.a", "new/2.b", "new/3.c"] {
            std::fs::write(dir.path().join(name), "A: 1\n\n").unwrap();
        }
        let all = Arc::new(Mailboxes::new(Arc::new(OsDisk), "host"));
        let mut mailbox = all.open(&Maildir::at(dir.path())).unwrap();
        mailbox.refresh().unwrap();
        assert!(mailbox.pop3_letters().unwrap().is_empty());
        let letters = Pop3Letters::from([(1, gone(5)), (3, there(6)), (9, gone(1))]);
        mailbox.keep_pop3_letters(&letters).unwrap();
        let kept = mailbox.pop3_letters().unwrap();
        assert_eq!(kept, Pop3Letters::from([(1, gone(5)), (3, there(6))]));
    }
}
