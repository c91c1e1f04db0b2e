//! STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3).

use std::sync::Arc;

use postroad_imap::command::{Access, Change, Extension, Replies, Store};
use postroad_imap::encode::FetchWriter;
use postroad_imap::response::Code;
use postroad_imap::value::{Numbers, Set};
use postroad_store::{Entry, FlagChange, LetterFlags, Mailbox};

use super::ending::{Done, Ended, Refused};
use super::selected::{NoSuchNumber, number};
use super::session::Session;
use super::{message_limit, quota};

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
    let (shared, limit) = (Arc::clone(&session.shared), session.extensions.message_limit());
    let selected = session.selected_mut()?;
    if selected.access == Access::ReadOnly {
        return Err(Refused::no_with(Code::ReadOnly, "The mailbox is open for reading"));
    }
    let mut places = selected.places(numbers, &wanted.set)?;
    let limited = message_limit::cut_places(selected, &mut places, limit);
    let uids: Vec<u32> = selected.uids_at(&places).collect();
    let open = Arc::clone(&selected.open);
    let mut inside = open.inside();
    let mailbox = &mut inside.mailbox;
    selected.check_numbers(mailbox)?;
    let change = change(mailbox, wanted)?;
    selected.tell_keywords(mailbox, &enabled, out);
    let before = match wanted.replies {
        Replies::Told => Vec::new(),
        Replies::Silent => known_before(mailbox, &uids),
    };
    let set = |mailbox: &mut Mailbox| mailbox.set_flags(&uids, change, wanted.unchanged_since);
    let may_count = match change {
        FlagChange::Add(flags) | FlagChange::Remove(flags) => flags.contains(LetterFlags::DELETED),
        FlagChange::Replace(_) => true,
    };
    let changed = match may_count {
        true => quota::reflagged(&shared, mailbox, &uids, set)?,
        false => set(mailbox)?,
    };
    // RFC 9051 §6.4.6: what others have changed as well, a silent client has to be told.
    let also_by_others = |uid: u32, entry: &Entry<'_>| {
        let known = before.binary_search_by_key(&uid, |(uid, ..)| *uid).ok();
        known.and_then(|at| before.get(at)).is_some_and(|(_, flags, modseq)| {
            let is_told = *modseq <= selected.told || selected.own.contains(modseq);
            !is_told || entry.flags() != change.of(*flags)
        })
    };
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
            Replies::Silent if also_by_others(uid, &entry) => {
                selected.write_flags(&entry, mailbox, place, &enabled, out);
            }
            // RFC 7162 §3.1.3: its mod-sequence a client has to know all the same.
            Replies::Silent if enabled.mod_seqs() => {
                let mut line = FetchWriter::begin(enabled.named(place, uid), out);
                if !enabled.uid_only() {
                    line.uid(uid, out);
                }
                line.mod_seq(entry.modseq(), out);
                line.end(out);
            }
            Replies::Silent => {}
        }
    }
    // What this client has done itself it need not be told again.
    selected.own.extend(changed.modseqs);
    drop(inside);
    open.tell();
    let modified = Set::from_numbers(match numbers {
        Numbers::Uid => changed.modified,
        Numbers::Sequence => {
            let place = |uid: u32| selected.place_of(uid).map(number);
            changed.modified.into_iter().filter_map(place).collect()
        }
    });
    session.limited = limited;
    match (modified, changed.gone.is_empty()) {
        (Some(modified), _) => {
            Ok(Done::with(Code::Modified(modified), "Others were changed meanwhile"))
        }
        (None, false) => Ok(Done::with(Code::ExpungeIssued, "Some letters are gone")),
        (None, true) => Ok(Done::new("Stored")),
    }
}

/// What is asked for, in the mailbox's flags.
fn change(mailbox: &mut Mailbox, wanted: &Store) -> Result<FlagChange, Refused> {
    let names: Vec<&str> = wanted.flags.iter().map(|flag| flag.as_str()).collect();
    Ok(match wanted.change {
        // What no letter has needs no name.
        Change::Remove => FlagChange::Remove(mailbox.known_flags(&names).0),
        Change::Add => FlagChange::Add(mailbox.flags_of(&names)?),
        Change::Replace => FlagChange::Replace(mailbox.flags_of(&names)?),
    })
}

/// Flags and mod-sequences of letters as the client may know them, by UID.
fn known_before(mailbox: &Mailbox, uids: &[u32]) -> Vec<(u32, LetterFlags, u64)> {
    let entries = uids.iter().filter_map(|uid| mailbox.entry(*uid));
    entries.map(|entry| (entry.uid(), entry.flags(), entry.modseq())).collect()
}

/// RFC 9051 §2.3.1.2.
impl From<NoSuchNumber> for Refused {
    fn from(_: NoSuchNumber) -> Self {
        Self::bad("No letter has such a number")
    }
}
