//! STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3).

use postroad_imap::command::{Access, Change, Extension, Replies, Store};
use postroad_imap::encode::FetchWriter;
use postroad_imap::response::Code;
use postroad_imap::value::{Numbers, Set};
use postroad_store::{FlagChange, LetterFlags, Mailbox};

use super::ending::{Done, Ended, Refused};
use super::quota;
use super::selected::{NoSuchNumber, number};
use super::session::Session;

pub(super) fn store(
    session: &mut Session,
    numbers: Numbers,
    wanted: &Store,
    out: &mut Vec<u8>,
) -> Ended {
    if wanted.unchanged_since.is_some() {
        session.enabled.add(Extension::CondStore);
    }
    let enabled = session.enabled.clone();
    let shared = std::sync::Arc::clone(&session.shared);
    let selected = session.selected_mut()?;
    if selected.access == Access::ReadOnly {
        return Err(Refused::no_with(Code::ReadOnly, "The mailbox is open for reading"));
    }
    let places = selected.places(numbers, &wanted.set)?;
    let uids: Vec<u32> = selected.uids_at(&places).collect();
    let open = std::sync::Arc::clone(&selected.open);
    let mut inside = open.inside();
    let mailbox = &mut inside.mailbox;
    let names: Vec<&str> = wanted.flags.iter().map(|flag| flag.as_str()).collect();
    let flags = match wanted.change {
        // What no letter has needs no name.
        Change::Remove => mailbox.known_flags(&names).0,
        Change::Add | Change::Replace => mailbox.flags_of(&names)?,
    };
    let change = match wanted.change {
        Change::Add => FlagChange::Add(flags),
        Change::Remove => FlagChange::Remove(flags),
        Change::Replace => FlagChange::Replace(flags),
    };
    selected.tell_keywords(mailbox, &enabled, out);
    let before = mailbox.highest_modseq();
    let set = |mailbox: &mut Mailbox| mailbox.set_flags(&uids, change, wanted.unchanged_since);
    let may_count = match change {
        FlagChange::Add(flags) | FlagChange::Remove(flags) => flags.contains(LetterFlags::DELETED),
        FlagChange::Replace(_) => true,
    };
    let changed = match may_count {
        true => quota::reflagged(&shared, mailbox, &uids, set)?,
        false => set(mailbox)?,
    };
    let after = mailbox.highest_modseq();
    // What this client has done itself it need not be told again.
    selected.own.extend(before + 1..=after);
    let told = match wanted.replies {
        Replies::Told => uids.as_slice(),
        Replies::Silent => changed.changed.as_slice(),
    };
    for &uid in told {
        let (Some(entry), Some(place)) = (mailbox.entry(uid), selected.place_of(uid)) else {
            continue;
        };
        match wanted.replies {
            Replies::Told => selected.write_flags(&entry, mailbox, place, &enabled, out),
            // RFC 7162 §3.1.3: its mod-sequence a client has to know all the same.
            Replies::Silent if enabled.mod_seqs() => {
                let mut line = FetchWriter::begin(number(place), out);
                line.uid(uid, out);
                line.mod_seq(entry.modseq(), out);
                line.end(out);
            }
            Replies::Silent => {}
        }
    }
    drop(inside);
    open.tell();
    let modified = Set::from_numbers(match numbers {
        Numbers::Uid => changed.modified,
        Numbers::Sequence => {
            let place = |uid: u32| selected.place_of(uid).map(number);
            changed.modified.into_iter().filter_map(place).collect()
        }
    });
    match (modified, changed.gone.is_empty()) {
        (Some(modified), _) => {
            Ok(Done::with(Code::Modified(modified), "Others were changed meanwhile"))
        }
        (None, false) => Ok(Done::with(Code::ExpungeIssued, "Some letters are gone")),
        (None, true) => Ok(Done::new("Stored")),
    }
}

/// RFC 9051 §2.3.1.2.
impl From<NoSuchNumber> for Refused {
    fn from(_: NoSuchNumber) -> Self {
        Self::bad("No letter has such a number")
    }
}
