//! Sessions on real Maildirs, without a connection: lines go in, lines come out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use postroad_imap::limits::AFTER_LOGIN;
use postroad_imap::receive::{Receiver, Step};
use postroad_observe::trace::Journal;

use super::append::Reply;
use super::ending::{Done, Refused};
use super::extensions::Extensions;
use super::session::{Begun, Progress, Session, expunges_after};
use super::shared::Shared;
use crate::pop3::Sizes;
use crate::worker::Ward;

mod catenate;
mod commands;
mod extensions;
mod hostile_letters;
mod hostile_search;
mod indexed;
mod message_limit;
mod mod_seqs;
mod model;
mod notify;
mod parked;
mod quota;
mod reading;
mod rebuilt;
mod renumbered;
mod search;
mod search_model;
mod statuses;
mod uid_only;

/// A user's Maildir, and sessions on it.
struct Place {
    dir: tempfile::TempDir,
    ward: Ward,
}

impl Place {
    fn new() -> Self {
        Self::in_directory(tempfile::tempdir().unwrap())
    }

    fn in_directory(dir: tempfile::TempDir) -> Self {
        let root = dir.path().join("alice");
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(root.join(part)).unwrap();
        }
        let ward = Ward {
            user: "alice".to_owned(),
            scripts: None,
            host: "our.example".to_owned(),
            journal: Journal::none(),
            pop3_deleted: crate::pop3::Deleted::Remove,
            sizes: Sizes::default(),
            shared: Arc::new(Shared::new(root, "our.example")),
            extensions: Extensions::default(),
            rest: crate::worker::Rest::new(None),
        };
        Self { dir, ward }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("alice")
    }

    /// A letter that another program has put there.
    fn put(&self, name: &str, letter: &str) {
        std::fs::write(self.root().join(name), letter).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.root().join(from), self.root().join(to)).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        names(&self.root().join(folder))
    }

    fn connect(&self) -> Client {
        let session = Session::new(&self.ward);
        Client { session, receiver: Receiver::new(AFTER_LOGIN), tag: 0 }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries.map(|entry| name(entry).into_string().unwrap()).collect();
    names.sort();
    names
}

/// A client without a connection.
struct Client {
    session: Session,
    receiver: Receiver,
    tag: u32,
}

impl Client {
    /// What the session says to these octets, where that is text.
    fn send(&mut self, octets: &[u8]) -> String {
        String::from_utf8(self.octets(octets)).unwrap()
    }

    /// What the session says to these octets.
    fn octets(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.receiver.push(octets);
        loop {
            match self.receiver.step() {
                Step::NeedInput => return out,
                Step::Continue => out.extend_from_slice(b"+ Go on\r\n"),
                Step::Command(tag, command) => {
                    let expunges = expunges_after(&command);
                    let ended = match self.session.begin(tag.clone(), command, &mut out) {
                        Begun::Ended(ended) => ended,
                        Begun::Work(mut work) => loop {
                            // The client takes each piece.
                            let mut piece = Vec::new();
                            let progress = work.step(&mut self.session, &mut piece);
                            out.append(&mut piece);
                            match progress {
                                Progress::More => {}
                                Progress::Ended(ended) => break ended,
                            }
                        },
                        Begun::Upload => continue,
                        Begun::Idle | Begun::Compress => Err(Refused::no("not here")),
                        Begun::Logout => Ok(Done::new("Logged out")),
                    };
                    self.session.end(tag, expunges, ended, &mut out);
                    self.receiver.set_names(self.session.names());
                }
                Step::Upload(step) => match self.session.upload(step, &mut out) {
                    Reply::Next => {}
                    Reply::Accept => self.receiver.accept(),
                    Reply::Refuse => self.receiver.refuse(),
                    Reply::Ended(tag, ended) => {
                        self.session.end(tag, super::changes::Expunges::Now, ended, &mut out);
                    }
                },
                Step::Bad(tag, error) => {
                    let tag = tag.map_or("*".to_owned(), |tag| tag.as_str().to_owned());
                    out.extend_from_slice(format!("{tag} BAD {error}\r\n").as_bytes());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// What the session says without being asked.
    fn unasked(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        self.session.tell_unasked(&mut out);
        String::from_utf8(out).unwrap().split_terminator("\r\n").map(str::to_owned).collect()
    }

    /// What the session says to a command, line by line, with `a` for its tag.
    fn command(&mut self, command: &str) -> Vec<String> {
        self.tag += 1;
        let tag = format!("t{}", self.tag);
        let said = self.send(format!("{tag} {command}\r\n").as_bytes());
        let line = |line: &str| match line.strip_prefix(&format!("{tag} ")) {
            Some(rest) => format!("a {rest}"),
            None => line.to_owned(),
        };
        said.split_terminator("\r\n").map(line).collect()
    }

    /// The same where it has to succeed; without the last line.
    fn ok(&mut self, command: &str) -> Vec<String> {
        let mut lines = self.command(command);
        let last = lines.pop().unwrap_or_default();
        assert!(last.starts_with("a OK"), "{command}: {lines:?} {last}");
        lines
    }
}
