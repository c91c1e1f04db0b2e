//! Letters of a folder that is selected.

use std::io::Write;
use std::num::{NonZeroU32, NonZeroU64};

use postroad_imap::client::UploadWriter;
use postroad_imap::command::{
    Access, Change, Command, CondStore, Extension, Fetch, FetchAttribute, FetchModifiers, Form,
    Head, Marking, Matching, QResync, Replies, Search, SearchKey, Section, SectionText, Select,
    Store,
};
use postroad_imap::receive::LiteralKind;
use postroad_imap::response::{Code, Content, Data, FetchItem, StatusResponse};
use postroad_imap::value::{
    Flag, Keyword, MailboxName, NameEncoding, Number, Numbers, SequenceSet, Set,
};
use postroad_tui::data::Marks;
use tokio::time::Instant;

use super::session::Session;
use super::wire::{Ear, Heard, Next};
use super::{Hint, ImapError};
use crate::limits;
use crate::mailbox::Missing;

/// UIDs in one command: RFC 7162 §4 and others want lines of less than 8 KiB.
const UIDS_AT_ONCE: usize = 500;
/// Octets of a message that are sent at once.
const PIECE_OCTETS: usize = 32 * 1024;

/// What lists and threads want of a header.
const FIELDS: [&str; 10] = [
    "DATE",
    "FROM",
    "SENDER",
    "REPLY-TO",
    "TO",
    "CC",
    "SUBJECT",
    "MESSAGE-ID",
    "IN-REPLY-TO",
    "REFERENCES",
];

const MARKS: [(Marks, Flag); 5] = [
    (Marks::SEEN, Flag::Seen),
    (Marks::ANSWERED, Flag::Answered),
    (Marks::FLAGGED, Flag::Flagged),
    (Marks::DELETED, Flag::Deleted),
    (Marks::DRAFT, Flag::Draft),
];

/// Keywords of a letter that are remembered (row U13).
const KEYWORDS_MAX: usize = 100;

/// RFC 5788's registry.
const FORWARDED: &str = "$Forwarded";

/// What a folder was when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Opened {
    /// What its UIDs count for.
    pub(crate) validity: u32,
    /// How many letters it has.
    pub(crate) exists: u32,
    /// Its highest mod-sequence; 0 where the server has none.
    pub(crate) mod_seq: u64,
}

/// What is remembered of a folder, for the server to tell what has changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// What its UIDs counted for.
    pub(crate) validity: u32,
    /// Its highest mod-sequence then.
    pub(crate) mod_seq: u64,
}

/// What a list wants of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its number.
    pub(crate) uid: u32,
    /// Its flags.
    pub(crate) marks: Marks,
    /// Its keywords.
    pub(crate) keywords: Vec<String>,
    /// When it came, in seconds since 1970.
    pub(crate) arrived: i64,
    /// Its octets.
    pub(crate) size: u64,
    /// Some fields of its header.
    pub(crate) fields: Vec<u8>,
}

/// What became of letters that were moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// What the folder's UIDs count for that they are in now; 0 where the server doesn't tell.
    pub(crate) validity: u32,
    /// Their UIDs before and now, as far as the server tells.
    pub(crate) pairs: Vec<(u32, u32)>,
}

/// Marks as the server calls them.
fn letter_flags(marks: Marks) -> Vec<Flag> {
    let mut flags: Vec<Flag> =
        MARKS.iter().filter(|(mark, _)| marks.has(*mark)).map(|(_, flag)| flag.clone()).collect();
    if marks.has(Marks::FORWARDED) {
        flags.extend(Keyword::parse(FORWARDED.as_bytes()).map(Flag::Keyword));
    }
    flags
}

/// The marks that flags are.
fn marks_of(flags: &[Flag]) -> Marks {
    flags.iter().fold(Marks::NONE, |marks, flag| {
        let mark = MARKS.iter().find(|(_, known)| known == flag).map(|(mark, _)| *mark);
        let mark = mark.or_else(|| match flag {
            Flag::Recent => Some(Marks::RECENT),
            Flag::Keyword(keyword) if keyword.as_str().eq_ignore_ascii_case(FORWARDED) => {
                Some(Marks::FORWARDED)
            }
            _ => None,
        });
        mark.map_or(marks, |mark| marks.with(mark))
    })
}

/// UID and flags of a FETCH response, as far as it has them.
pub(crate) fn told(items: &[FetchItem]) -> (Option<u32>, Option<Marks>) {
    let uid = items.iter().find_map(|item| match item {
        FetchItem::Uid(uid) => Some(uid.get()),
        _ => None,
    });
    let marks = items.iter().find_map(|item| match item {
        FetchItem::Flags(flags) => Some(marks_of(flags)),
        _ => None,
    });
    (uid, marks)
}

/// The keywords of a FETCH response, but that which is a mark.
fn keywords(items: &[FetchItem]) -> Vec<String> {
    let flags = items.iter().filter_map(|item| match item {
        FetchItem::Flags(flags) => Some(flags),
        _ => None,
    });
    let keyword = |flag: &Flag| match flag {
        Flag::Keyword(keyword) if !keyword.as_str().eq_ignore_ascii_case(FORWARDED) => {
            Some(keyword.as_str().to_owned())
        }
        _ => None,
    };
    flags.flatten().filter_map(keyword).take(KEYWORDS_MAX).collect()
}

fn set(uids: &[u32]) -> Option<SequenceSet> {
    Set::from_numbers(uids.iter().copied()).map(SequenceSet::Set)
}

/// One after the other; where both have as many.
fn pairs(from: &Set, to: &Set) -> Vec<(u32, u32)> {
    let each = |set: &Set| -> Vec<u32> {
        let ends = |number: &Number| match number {
            Number::Is(number) => number.get(),
            Number::Largest => 0,
        };
        let ranges = set.ranges().iter().map(|(begin, end)| (ends(begin), ends(end)));
        // Row U13: no more than anybody moves at once.
        ranges.flat_map(|(begin, end)| begin..=end).take(UIDS_AT_ONCE * 2).collect()
    };
    let (from, to) = (each(from), each(to));
    if from.len() == to.len() { from.into_iter().zip(to).collect() } else { Vec::new() }
}

impl Session {
    /// Selects a folder. Where something is remembered of it and the server can do that, it tells what has changed.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn select(
        &mut self,
        mailbox: &MailboxName,
        resumed: Option<Resumed>,
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<Opened, ImapError> {
        let qresync = resumed.filter(|_| self.has(&Extension::QResync)).and_then(|resumed| {
            let uid_validity = NonZeroU32::new(resumed.validity)?;
            let mod_seq = NonZeroU64::new(resumed.mod_seq)?;
            Some(QResync { uid_validity, mod_seq, known_uids: None, matches: None })
        });
        let condstore = match self.can("CONDSTORE") || self.can("QRESYNC") {
            true if qresync.is_none() => CondStore::Asked,
            _ => CondStore::No,
        };
        let access = Access::ReadWrite;
        let select = Select { access, mailbox: mailbox.clone(), condstore, qresync };
        let mut opened = Opened::default();
        self.run(&Command::Select(select), &mut |heard| {
            match heard {
                Heard::Remark(status) => match status.code {
                    Some(Code::UidValidity(validity)) => opened.validity = validity.get(),
                    Some(Code::HighestModSeq(mod_seq)) => opened.mod_seq = mod_seq,
                    _ => {}
                },
                Heard::Data(data) => {
                    if let Data::Exists(exists) = data {
                        opened.exists = exists;
                    }
                    ear(data)?;
                }
                Heard::Begins(_) | Heard::Content(_) => {}
            }
            Ok(())
        })
        .await?;
        if opened.validity == 0 {
            // RFC 9051 §2.3.1.1 wants one.
            return Err(self.wire.broken("a folder without UIDVALIDITY"));
        }
        Ok(opened)
    }

    /// UIDs and flags of all letters from a UID on; only of those that have changed since, where that is said.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn marks(
        &mut self,
        from: u32,
        changed_since: Option<u64>,
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<(), ImapError> {
        let Some(from) = NonZeroU32::new(from) else { return Ok(()) };
        let fetch = Fetch {
            set: SequenceSet::Set(Set::range(Number::Is(from), Number::Largest)),
            attributes: vec![FetchAttribute::Uid, FetchAttribute::Flags],
            modifiers: FetchModifiers { changed_since, ..FetchModifiers::default() },
        };
        self.run(&Command::Fetch(Numbers::Uid, fetch), &mut |heard| match heard {
            Heard::Data(data) => ear(data),
            _ => Ok(()),
        })
        .await
        .map(drop)
    }

    /// What lists want of letters; of those that are gone nothing.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn headers(
        &mut self,
        uids: &[u32],
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<Vec<Header>, ImapError> {
        let Some(set) = set(uids) else { return Ok(Vec::new()) };
        let fields = FIELDS.iter().map(|name| name.as_bytes().to_vec()).collect();
        let fetch = Fetch {
            set,
            attributes: vec![
                FetchAttribute::Uid,
                FetchAttribute::Flags,
                FetchAttribute::InternalDate,
                FetchAttribute::Rfc822Size,
                FetchAttribute::Section {
                    section: Section { part: Vec::new(), text: SectionText::HeaderFields(fields) },
                    marking: Marking::Peek,
                    partial: None,
                },
            ],
            modifiers: FetchModifiers::default(),
        };
        let mut headers = Vec::new();
        self.run(&Command::Fetch(Numbers::Uid, fetch), &mut |heard| {
            let Heard::Data(data) = heard else { return Ok(()) };
            if let Data::Fetch { items, .. } = &data {
                // Those that nobody asked for are told all the same: they may have other flags.
                headers.extend(header(items).filter(|header| uids.contains(&header.uid)));
            }
            ear(data)
        })
        .await?;
        Ok(headers)
    }

    /// Reads a whole letter, without marking it as read.
    ///
    /// # Errors
    /// As [`Session::run`]; where it is gone, or longer than `octets_max`; what the sink said.
    pub(crate) async fn letter(
        &mut self,
        uid: u32,
        octets_max: u64,
        sink: &mut (dyn Write + Send),
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<(), ImapError> {
        let Some(set) = set(&[uid]) else { return Err(ImapError::Gone) };
        let fetch = Fetch {
            set,
            attributes: vec![
                FetchAttribute::Uid,
                FetchAttribute::Section {
                    section: Section::default(),
                    marking: Marking::Peek,
                    partial: None,
                },
            ],
            modifiers: FetchModifiers::default(),
        };
        // What comes piece by piece can only be this letter, and comes once.
        let (mut came, mut streams) = (false, 0);
        let unasked = self.wire.broken("a letter that nobody asked for");
        let mut unasked = Some(unasked);
        self.run(&Command::Fetch(Numbers::Uid, fetch), &mut |heard| {
            match heard {
                Heard::Begins(octets) => {
                    streams += 1;
                    if octets > octets_max {
                        return Err(ImapError::TooLarge { octets });
                    }
                    if streams > 1 {
                        return unasked.take().map_or(Ok(()), Err);
                    }
                }
                Heard::Content(octets) => sink.write_all(&octets).map_err(ImapError::Kept)?,
                Heard::Data(data) => {
                    if let Data::Fetch { items, .. } = &data
                        && told(items).0 == Some(uid)
                    {
                        came |= whole(items, sink, streams)?;
                    }
                    ear(data)?;
                }
                Heard::Remark(_) => {}
            }
            Ok(())
        })
        .await?;
        if came { Ok(()) } else { Err(ImapError::Gone) }
    }

    /// Changes flags.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn mark(
        &mut self,
        uids: &[u32],
        change: Change,
        marks: Marks,
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<(), ImapError> {
        for uids in uids.chunks(UIDS_AT_ONCE) {
            let done = self.mark_some(uids, change, marks, ear).await;
            match done {
                // A server may take no keywords.
                Err(ImapError::Refused { .. }) if marks.has(Marks::FORWARDED) => {
                    let others = marks.without(Marks::FORWARDED);
                    self.mark_some(uids, change, others, ear).await?;
                }
                done => done?,
            }
        }
        Ok(())
    }

    async fn mark_some(
        &mut self,
        uids: &[u32],
        change: Change,
        marks: Marks,
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<(), ImapError> {
        self.store(uids, change, letter_flags(marks), ear).await
    }

    /// Changes keywords.
    ///
    /// # Errors
    /// As [`Session::run`]: a server may take none.
    pub(crate) async fn mark_keywords(
        &mut self,
        uids: &[u32],
        change: Change,
        keywords: &[Keyword],
    ) -> Result<(), ImapError> {
        for uids in uids.chunks(UIDS_AT_ONCE) {
            let flags = keywords.iter().cloned().map(Flag::Keyword).collect();
            self.store(uids, change, flags, &mut |_| Ok(())).await?;
        }
        Ok(())
    }

    async fn store(
        &mut self,
        uids: &[u32],
        change: Change,
        flags: Vec<Flag>,
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<(), ImapError> {
        let Some(set) = set(uids).filter(|_| !flags.is_empty()) else { return Ok(()) };
        let store = Store { set, unchanged_since: None, change, replies: Replies::Told, flags };
        self.run(&Command::Store(Numbers::Uid, store), &mut |heard| match heard {
            Heard::Data(data) => ear(data),
            _ => Ok(()),
        })
        .await
        .map(drop)
    }

    /// Moves letters; those that are gone are left out.
    ///
    /// # Errors
    /// As [`Session::run`]: some may be moved.
    pub(crate) async fn move_to(
        &mut self,
        uids: &[u32],
        to: &MailboxName,
        missing: Missing,
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<Moved, ImapError> {
        let mut all = Moved::default();
        for uids in uids.chunks(UIDS_AT_ONCE) {
            let moved = match self.move_some(uids, to, ear).await {
                Err(ImapError::Refused { hint: Hint::Create, .. }) if missing == Missing::Made => {
                    self.make(to).await?;
                    self.move_some(uids, to, ear).await?
                }
                moved => moved?,
            };
            all.validity = moved.validity;
            all.pairs.extend(moved.pairs);
        }
        Ok(all)
    }

    /// Copies letters, into a folder that is made where it isn't there; those that are gone are left out.
    ///
    /// # Errors
    /// As [`Session::run`]: some may be copied.
    pub(crate) async fn copy_to(
        &mut self,
        uids: &[u32],
        to: &MailboxName,
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<(), ImapError> {
        for uids in uids.chunks(UIDS_AT_ONCE) {
            let Some(set) = set(uids) else { continue };
            let command = Command::Copy(Numbers::Uid, set, to.clone());
            let mut told = |heard: Heard| match heard {
                Heard::Data(data) => ear(data),
                _ => Ok(()),
            };
            match self.run(&command, &mut told).await {
                Err(ImapError::Refused { hint: Hint::Create, .. }) => {
                    self.make(to).await?;
                    self.run(&command, &mut told).await?;
                }
                copied => drop(copied?),
            }
        }
        Ok(())
    }

    async fn move_some(
        &mut self,
        uids: &[u32],
        to: &MailboxName,
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<Moved, ImapError> {
        let Some(set) = set(uids) else { return Ok(Moved::default()) };
        // RFC 6851; without it by COPY, which changes nothing here until it is done.
        let moves = self.can("MOVE") || self.can("IMAP4REV2");
        let command = match moves {
            true => Command::Move(Numbers::Uid, set, to.clone()),
            false => Command::Copy(Numbers::Uid, set, to.clone()),
        };
        let mut moved = Moved::default();
        let ended = self
            .run(&command, &mut |heard| match heard {
                Heard::Data(data) => ear(data),
                Heard::Remark(status) => {
                    moved.hear(&status);
                    Ok(())
                }
                Heard::Begins(_) | Heard::Content(_) => Ok(()),
            })
            .await?;
        moved.hear(&ended);
        if !moves {
            self.remove_some(uids, ear).await?;
        }
        Ok(moved)
    }

    /// Removes letters for good.
    ///
    /// # Errors
    /// As [`Session::run`]: some may be gone.
    pub(crate) async fn remove(
        &mut self,
        uids: &[u32],
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<(), ImapError> {
        for uids in uids.chunks(UIDS_AT_ONCE) {
            self.remove_some(uids, ear).await?;
        }
        Ok(())
    }

    async fn remove_some(
        &mut self,
        uids: &[u32],
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<(), ImapError> {
        self.mark_some(uids, Change::Add, Marks::DELETED, ear).await?;
        let set = if self.can("UIDPLUS") || self.can("IMAP4REV2") {
            set(uids)
        } else if self.deleted().await?.iter().all(|uid| uids.contains(uid)) {
            None
        } else {
            // EXPUNGE would remove what others have marked (RFC 4315 §2.1): these stay marked.
            return Ok(());
        };
        self.run(&Command::Expunge(set), &mut |heard| match heard {
            Heard::Data(data) => ear(data),
            _ => Ok(()),
        })
        .await
        .map(drop)
    }

    /// Letters that are marked to be removed.
    async fn deleted(&mut self) -> Result<Vec<u32>, ImapError> {
        let key = SearchKey::Flag(Matching::Set, Flag::Deleted);
        let search = Search { returns: None, charset: None, key };
        let mut found = Vec::new();
        self.run(&Command::Search(Numbers::Uid, search), &mut |heard| {
            if let Heard::Data(Data::Search { numbers, .. }) = heard {
                found.extend(numbers);
            }
            Ok(())
        })
        .await?;
        Ok(found)
    }

    /// Files a letter, in a folder that is made where it isn't there.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn file(
        &mut self,
        mailbox: &MailboxName,
        marks: Marks,
        content: &[u8],
    ) -> Result<(), ImapError> {
        match self.file_once(mailbox, marks, content).await {
            Err(ImapError::Refused { hint: Hint::Create, .. }) => {
                self.make(mailbox).await?;
                self.file_once(mailbox, marks, content).await
            }
            filed => filed,
        }
    }

    async fn file_once(
        &mut self,
        mailbox: &MailboxName,
        marks: Marks,
        content: &[u8],
    ) -> Result<(), ImapError> {
        let until = Instant::now() + limits::IMAP_COMMAND;
        let append = Command::Append(mailbox.clone());
        let (tag, literals) = (self.wire.next_tag()?, self.wire.literals);
        let mut upload = UploadWriter::begin(&append, &tag, literals, NameEncoding::Utf7);
        upload.message(&Head { flags: letter_flags(marks), date: None, form: Form::Whole });
        let octets = content.len() as u64;
        let head = upload.literal(octets, LiteralKind::Text);
        let deaf: Ear<'_> = &mut |_| Ok(());
        if let Some(ended) = self.wire.send_pieces(&head, &tag, until, deaf).await? {
            return self.wire.ended(ended, "APPEND").map(drop);
        }
        // Where the message isn't sent at once the server says when.
        if !literals.at_once(octets)
            && let Next::Ended(ended) = self.wire.next(&tag, until, deaf).await?
        {
            return self.wire.ended(ended, "APPEND").map(drop);
        }
        for piece in content.chunks(PIECE_OCTETS) {
            self.wire.send(piece).await?;
        }
        upload.message_end();
        if let Some(ended) = self.wire.send_pieces(&upload.end(), &tag, until, deaf).await? {
            return self.wire.ended(ended, "APPEND").map(drop);
        }
        self.wire.end(&tag, "APPEND", until, deaf).await.map(drop)
    }
}

impl Moved {
    /// RFC 4315 §3, RFC 6851 §4.3
    fn hear(&mut self, status: &StatusResponse) {
        if let Some(Code::CopyUid { uid_validity, from, to }) = &status.code {
            self.validity = *uid_validity;
            self.pairs.extend(pairs(from, to));
        }
    }
}

/// Writes the letter where it came in the response; whether it is all there.
fn whole(
    items: &[FetchItem],
    sink: &mut (dyn Write + Send),
    streams: u32,
) -> Result<bool, ImapError> {
    for item in items {
        if let FetchItem::Section { section, origin: None, content } = item
            && *section == Section::default()
        {
            match content {
                Content::Octets(octets) if streams == 0 => {
                    sink.write_all(octets).map_err(ImapError::Kept)?;
                    return Ok(true);
                }
                Content::Streamed(_) => return Ok(streams == 1),
                Content::Octets(_) | Content::Nil => {}
            }
        }
    }
    Ok(false)
}

fn header(items: &[FetchItem]) -> Option<Header> {
    let (uid, marks) = told(items);
    let (uid, marks, keywords) = (uid?, marks?, keywords(items));
    let mut header = Header { uid, marks, keywords, arrived: 0, size: 0, fields: Vec::new() };
    let mut is_whole = false;
    for item in items {
        match item {
            FetchItem::InternalDate(date) => header.arrived = date.seconds(),
            FetchItem::Size(octets) => header.size = *octets,
            FetchItem::Section { section, content, .. }
                if matches!(section.text, SectionText::HeaderFields(_)) =>
            {
                is_whole = true;
                if let Content::Octets(octets) = content {
                    header.fields.clone_from(octets);
                }
            }
            _ => {}
        }
    }
    is_whole.then_some(header)
}
