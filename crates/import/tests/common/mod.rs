//! What an imported script does with a letter.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use postroad_import::{Files, Imported, Whose};
use postroad_protocol::address::Address;
use postroad_sieve::{Action, Content, Facts, Filing, Memo, MemoKind, Message, Past};

pub(crate) const WHOSE: Whose<'_> = Whose { file: ".rules", home: "/home/joe", user: "joe" };

/// Files by their paths.
#[derive(Default)]
pub(crate) struct Disk(pub(crate) BTreeMap<&'static str, &'static str>);

impl Files for Disk {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).map(|text| text.as_bytes().to_vec())
    }
}

/// Whether everything, or nothing, was seen before.
struct Seen(bool);

impl Past for Seen {
    fn remembers(&self, kind: MemoKind, _: &[u8]) -> bool {
        self.0 && kind == MemoKind::Duplicate
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Seen,
    Unseen,
}

/// What is done, in a line; `<>` is the sender where the letter begins with `From `.
#[track_caller]
pub(crate) fn done(imported: &Imported, letter: &str, before: Before) -> String {
    let script = match postroad_sieve::compile("imported", imported.sieve.as_bytes()) {
        Ok(script) => script,
        Err(problems) => panic!("{problems}\n{}", imported.sieve),
    };
    let (from, letter) = match letter.strip_prefix("From ") {
        Some(rest) => {
            let (line, letter) = rest.split_once('\n').unwrap();
            (line.split(' ').next().unwrap(), letter)
        }
        None => ("ann@x.example", letter),
    };
    let own = [Address::parse("joe@our.example").unwrap()];
    let past = Seen(before == Before::Seen);
    let facts = Facts {
        envelope_from: Some(from),
        envelope_to: Some("joe@our.example"),
        own_addresses: &own,
        past: &past,
        ..Facts::default()
    };
    let outcome = script.run(&Message::new(letter.as_bytes()), &facts);
    assert_eq!(outcome.error, None, "{}", imported.sieve);
    let memos = outcome.memos.iter().filter(|memo: &&Memo| memo.kind == MemoKind::Duplicate);
    let mut done: Vec<String> =
        outcome.actions.iter().map(|decision| described(&decision.action)).collect();
    done.extend(memos.map(|_| "remember".to_owned()));
    match done.is_empty() {
        true => "discard".to_owned(),
        false => done.join("; "),
    }
}

fn edited(content: &Content) -> String {
    match content {
        Content::Original => String::new(),
        Content::Edited { header, .. } => {
            let header = String::from_utf8_lossy(header);
            let added = header.lines().filter(|line| line.starts_with("X-"));
            added.map(|line| format!(" with {line}")).collect()
        }
    }
}

fn described(action: &Action) -> String {
    let how = |filing: &Filing| edited(&filing.content);
    match action {
        Action::Keep(filing) => format!("keep{}", how(filing)),
        Action::FileInto { mailbox, filing } => format!("into {mailbox}{}", how(filing)),
        Action::Redirect { to, content } => format!("to {to}{}", edited(content)),
        Action::Pipe(pipe) => {
            let arguments = pipe.arguments.iter().map(|a| format!(" {}", a.escape_ascii()));
            format!("| {}{}", pipe.program, arguments.collect::<String>())
        }
        Action::Vacation(reply) => format!("answer {}", reply.to),
        Action::Reject { .. } => "reject".to_owned(),
        Action::Notify(_) => "notify".to_owned(),
    }
}
