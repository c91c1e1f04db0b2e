//! SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2; RFC 7162).

use std::num::{NonZeroU32, NonZeroU64};

use postroad_imap::command::{Access, CondStore, Extension, QResync, Select};
use postroad_imap::response::{
    Code, Data, ListItem, MailboxAttribute, Status, StatusResponse, Vanishing,
};
use postroad_imap::value::{Flag, Keyword, Set};
use postroad_store::{LetterFlags, Mailbox, SEPARATOR};

use super::changes::count;
use super::ending::{Done, Ended};
use super::expunge;
use super::selected::{Selected, number};
use super::session::Session;

pub(super) fn select(session: &mut Session, wanted: &Select, out: &mut Vec<u8>) -> Ended {
    // RFC 9051 §6.3.2: the one before is closed, whatever comes of this. Nothing is expunged by that.
    if session.selected.take().is_some() {
        let closed = StatusResponse::untagged(Status::Ok, "The one before is closed");
        session.say_status(&closed.with(Code::Closed), out);
    }
    // RFC 7162 §3.1: both ask for mod-sequences from now on.
    if wanted.condstore == CondStore::Asked || wanted.qresync.is_some() {
        session.enabled.add(Extension::CondStore);
    }
    // It is told where they are, in any case.
    session.knows_mod_seqs = true;
    let folder = session.find(&wanted.mailbox)?;
    let open = session.shared.open(&folder)?;
    let selected = {
        let mut inside = open.inside();
        let mailbox = &mut inside.mailbox;
        mailbox.refresh()?;
        let mut selected = Selected {
            open: std::sync::Arc::clone(&open),
            name: wanted.mailbox.clone(),
            access: wanted.access,
            uid_validity: mailbox.uid_validity(),
            key: mailbox.cache_key(),
            uids: mailbox.uids(),
            told: 0,
            gone_told: 0,
            own: Vec::new(),
            flags_told: known_flags(mailbox).len(),
            recent: Vec::new(),
            saved: Vec::new(),
        };
        selected.take_in(mailbox)?;
        selected.told = mailbox.highest_modseq();
        selected.gone_told = selected.told;
        describe(session, &selected, mailbox, out);
        if let Some(known) = &wanted.qresync {
            resynchronise(session, &selected, mailbox, known, out);
        }
        selected
    };
    session.selected = Some(selected);
    Ok(match wanted.access {
        Access::ReadWrite => Done::with(Code::ReadWrite, "The mailbox is open"),
        Access::ReadOnly => Done::with(Code::ReadOnly, "The mailbox is open for reading"),
    })
}

/// What a client has to know of the mailbox.
fn describe(session: &Session, selected: &Selected, mailbox: &Mailbox, out: &mut Vec<u8>) {
    session.say(&Data::Flags(known_flags(mailbox)), out);
    session.say(&Data::Exists(count(selected.exists())), out);
    let rev2 = session.enabled.rev2();
    if !rev2 {
        session.say(&Data::Recent(count(selected.recent_letters(mailbox))), out);
    }
    let mut remark = |code: Code, text: &str| {
        session.say_status(&StatusResponse::untagged(Status::Ok, text).with(code), out);
    };
    // RFC 3501 §7.1: the first one, by its sequence number; the second revision has SEARCH for that.
    let is_told = !rev2 && !session.enabled.uid_only();
    if let Some(unseen) = first_unseen(mailbox).filter(|_| is_told) {
        remark(Code::Unseen(unseen), "The first that wasn't read");
    }
    remark(permanent_flags(mailbox, selected.access), "Those stay");
    if let Some(validity) = NonZeroU32::new(mailbox.uid_validity()) {
        remark(Code::UidValidity(validity), "UIDs are valid for as long");
    }
    if let Some(next) = NonZeroU32::new(mailbox.uid_next()) {
        remark(Code::UidNext(next), "The next letter's UID, at least");
    }
    // RFC 7162 §3.1.2.1.
    remark(Code::HighestModSeq(mailbox.highest_modseq()), "The last change's");
    // RFC 8474 §4.
    remark(Code::MailboxId(mailbox.mailbox_id()), "Whatever its name will be");
    if rev2 {
        // RFC 9051 §6.3.2: with the name as it is here.
        let item = ListItem {
            attributes: Vec::<MailboxAttribute>::new(),
            separator: Some(SEPARATOR),
            mailbox: selected.name.clone(),
            extended: Vec::new(),
        };
        session.say(&Data::List(item), out);
    }
}

/// Those that stay when the session is over.
pub(super) fn permanent_flags(mailbox: &Mailbox, access: Access) -> Code {
    Code::PermanentFlags(match access {
        Access::ReadOnly => Vec::new(),
        Access::ReadWrite if mailbox.takes_keywords() => {
            [known_flags(mailbox), vec![Flag::Any]].concat()
        }
        Access::ReadWrite => known_flags(mailbox),
    })
}

/// All flags and keywords that letters have here, or may have.
pub(super) fn known_flags(mailbox: &Mailbox) -> Vec<Flag> {
    let system = [Flag::Answered, Flag::Flagged, Flag::Deleted, Flag::Seen, Flag::Draft];
    let forwarded = Keyword::parse(b"$Forwarded").into_iter();
    let keywords = mailbox.keywords().filter_map(|name| Keyword::parse(name.as_bytes()));
    let mut flags = system.to_vec();
    for keyword in forwarded.chain(keywords).map(Flag::Keyword) {
        if !flags.contains(&keyword) {
            flags.push(keyword);
        }
    }
    flags
}

/// In a mailbox that was just opened: all letters are in view.
fn first_unseen(mailbox: &Mailbox) -> Option<NonZeroU32> {
    let mut entries = mailbox.entries();
    let unseen = entries.position(|entry| !entry.flags().contains(LetterFlags::SEEN));
    unseen.and_then(|place| NonZeroU32::new(number(place)))
}

/// What a client has missed (RFC 7162 §3.2.5).
fn resynchronise(
    session: &Session,
    selected: &Selected,
    mailbox: &Mailbox,
    known: &QResync,
    out: &mut Vec<u8>,
) {
    // Its numbers are of another mailbox, as far as we know.
    if known.uid_validity.get() != selected.uid_validity {
        return;
    }
    let since: NonZeroU64 = known.mod_seq;
    let mut gone = mailbox.expunged_since(since.get());
    if let Some(uids) = &known.known_uids {
        gone = intersect(&gone, &uids.resolve(selected.uids.last().copied().unwrap_or_default()));
    }
    if let Some(uids) = Set::from_ranges(gone) {
        session.say(&Data::Vanished { when: Vanishing::Earlier, uids }, out);
    }
    for entry in mailbox.changed_since(since.get()) {
        if let Some(place) = selected.place_of(entry.uid()) {
            selected.write_flags(&entry, mailbox, place, &session.enabled, out);
        }
    }
}

/// What is in both; sorted ranges.
pub(super) fn intersect(
    gone: &[(u32, u32)],
    known: &[std::ops::RangeInclusive<u32>],
) -> Vec<(u32, u32)> {
    let mut both = Vec::new();
    let mut known = known.iter().peekable();
    for &(from, to) in gone {
        while known.next_if(|range| *range.end() < from).is_some() {}
        let mut ahead = known.clone();
        while let Some(range) = ahead.next_if(|range| *range.start() <= to) {
            both.push((from.max(*range.start()), to.min(*range.end())));
        }
    }
    both
}

/// CLOSE: what is to be deleted goes, silently.
pub(super) fn close(session: &mut Session) -> Ended {
    let access = session.selected()?.access;
    if access == Access::ReadWrite {
        expunge::expunge(session, None)?;
    }
    session.selected = None;
    Ok(Done::new("Closed"))
}

pub(super) fn unselect(session: &mut Session) -> Ended {
    session.selected()?;
    session.selected = None;
    Ok(Done::new("Closed, and nothing was expunged"))
}
