//! What is known of one folder at a server: kept on disk, so that it is shown before the network answers.
//!
//! ```text
//! imap/ACCOUNT/FOLDER/list             "PRimap1\n"  UIDVALIDITY (u32)  mod-sequence (u64)  letters (u32)
//!                                      of each: UID (u32)  marks (u8)          crc of all before (u32)
//! imap/ACCOUNT/FOLDER/postroad-cache   what their headers say, as beside a Maildir's letters
//! imap/ACCOUNT/FOLDER/letters/V-UID    letters that were read; V is the UIDVALIDITY
//! ```
//! Little-endian. All of it can be had from the server again: nothing is synced, and what isn't whole isn't believed.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use postroad_catalog::facts::Read;
use postroad_catalog::threads::{Place, Table};
use postroad_catalog::{Judge, Person, RawRow, Told};
use postroad_disk::OsDisk;
use postroad_imap::value::MailboxName;
use postroad_store::{Cache, CacheKey, Columns, Maildir, Written};
use postroad_tui::data::{By, FolderCounts, Head, Marks, Order, Way};

use super::pending::Overlay;
use super::places::{self, LETTERS};
use super::view::{News, View, sorted};
use crate::full::limits::MIRROR_KEPT_EVERY;
use crate::full::mail::mapped;
use crate::imap::Header;
use crate::limits::IMAP_LETTERS_MAX;

const MAGIC: &[u8; 8] = b"PRimap1\n";
const HEAD_OCTETS: usize = 8 + 4 + 8 + 4;
const LETTER_OCTETS: usize = 5;
const CRC_OCTETS: usize = 4;

/// Marks as bits of the file.
const BITS: [Marks; 7] = [
    Marks::SEEN,
    Marks::ANSWERED,
    Marks::FLAGGED,
    Marks::DELETED,
    Marks::DRAFT,
    Marks::FORWARDED,
    Marks::RECENT,
];

/// A folder.
#[derive(Debug)]
pub(super) struct Mirror {
    pub(super) name: MailboxName,
    folder: PathBuf,
    /// What its letters' numbers count for; 0 where it was never seen.
    pub(super) validity: u32,
    mod_seq: u64,
    /// By number.
    letters: Vec<(u32, Marks)>,
    cache: Option<Cache>,
    /// What the cache doesn't take.
    apart: HashMap<u32, (Columns, RawRow)>,
    /// Letters of which nothing came when they were asked for.
    unreadable: HashSet<u32>,
    /// Since when what is on disk isn't what is known.
    changed: Option<Instant>,
}

impl Mirror {
    /// What is known of a folder of an account, whose folder on disk this is.
    pub(super) fn open(account: &std::path::Path, name: MailboxName) -> Self {
        let folder = account.join(places::file_name(name.as_str()));
        let known = read(&folder.join("list")).unwrap_or_default();
        let mut mirror = Self {
            name,
            folder,
            validity: known.validity,
            mod_seq: known.mod_seq,
            letters: known.letters,
            cache: None,
            apart: HashMap::new(),
            unreadable: HashSet::new(),
            changed: None,
        };
        mirror.open_cache();
        mirror
    }

    fn open_cache(&mut self) {
        // A cache is begun in tmp/, as beside a Maildir's letters.
        if self.validity == 0 || places::make(&self.folder.join("tmp")).is_err() {
            return;
        }
        let mailbox_id = places::hash(&self.folder.to_string_lossy());
        let key = CacheKey { mailbox_id, uid_validity: self.validity };
        self.cache = Cache::open(Arc::new(OsDisk), &Maildir::at(&self.folder), key).ok();
    }

    /// The folder as the network's thread watches it.
    pub(super) fn view(&self) -> View {
        let uids = self.letters.iter().map(|(uid, _)| *uid).collect();
        View::new(self.name.clone(), self.validity, self.mod_seq, uids)
    }

    /// Where a letter is, or would be.
    pub(super) fn letter_path(
        account: &std::path::Path,
        name: &MailboxName,
        validity: u32,
        uid: u32,
    ) -> PathBuf {
        let folder = account.join(places::file_name(name.as_str()));
        folder.join(LETTERS).join(format!("{validity}-{uid}"))
    }

    /// Takes what has changed.
    pub(super) fn take(&mut self, validity: u32, mod_seq: u64, news: &News) {
        if validity != self.validity {
            // RFC 9051 §2.3.1.1: all numbers are void, and all that is known by them.
            self.validity = validity;
            self.letters.clear();
            self.cache = None;
            self.apart.clear();
            self.unreadable.clear();
            self.let_go_of_others();
            self.open_cache();
        }
        if news.whole {
            self.letters.clear();
        }
        if !news.letters.is_empty() {
            self.letters.extend(&news.letters);
            self.letters = sorted(std::mem::take(&mut self.letters));
        }
        self.lose(&news.gone);
        if self.mod_seq != mod_seq || !news.is_nothing() {
            self.mod_seq = mod_seq;
            self.changed.get_or_insert_with(Instant::now);
        }
    }

    /// Letters that are kept by numbers of before. Some may have come by these already: of a folder that wasn't open.
    fn let_go_of_others(&self) {
        let own = format!("{}-", self.validity);
        let kept = std::fs::read_dir(self.folder.join(LETTERS)).into_iter().flatten().flatten();
        for letter in kept.filter(|it| !it.file_name().to_string_lossy().starts_with(&own)) {
            let _ = std::fs::remove_file(letter.path());
        }
    }

    /// All letters, by number.
    pub(super) fn letters(&self) -> &[(u32, Marks)] {
        &self.letters
    }

    /// These are gone.
    pub(super) fn lose(&mut self, uids: &[u32]) {
        if uids.is_empty() {
            return;
        }
        let gone: HashSet<u32> = uids.iter().copied().collect();
        self.letters.retain(|(uid, _)| !gone.contains(uid));
        self.apart.retain(|uid, _| !gone.contains(uid));
        for uid in gone {
            let path = self.folder.join(LETTERS).join(format!("{}-{uid}", self.validity));
            let _ = std::fs::remove_file(path);
        }
        self.changed.get_or_insert_with(Instant::now);
    }

    /// These have other marks.
    pub(super) fn mark(&mut self, uids: &[u32], add: Marks, remove: Marks) {
        for uid in uids {
            if let Ok(at) = self.letters.binary_search_by_key(uid, |(uid, _)| *uid)
                && let Some((_, marks)) = self.letters.get_mut(at)
            {
                *marks = marks.with(add).without(remove);
            }
        }
        self.changed.get_or_insert_with(Instant::now);
    }

    /// Nobody's letters are new to who has seen the list.
    pub(super) fn take_in(&mut self) {
        self.letters.iter_mut().for_each(|(_, marks)| *marks = marks.without(Marks::RECENT));
        self.changed.get_or_insert_with(Instant::now);
    }

    /// What is marked on a letter.
    pub(super) fn marks(&self, uid: u32) -> Option<Marks> {
        let at = self.letters.binary_search_by_key(&uid, |(uid, _)| *uid).ok()?;
        self.letters.get(at).map(|(_, marks)| *marks)
    }

    /// All letters in an order; those of which nothing is known are taken to be as old as the oldest behind them. With what
    /// is to be done with them.
    pub(super) fn heads(&mut self, overlay: &Overlay, order: Order) -> Vec<Head> {
        let mut heads = Vec::with_capacity(self.letters.len());
        let mut oldest = u32::MAX;
        for (uid, marks) in self.letters.iter().rev() {
            let Some(flags) = overlay.of(*uid, *marks) else { continue };
            let columns = columns(&mut self.cache, &self.apart, *uid).unwrap_or_default();
            let sent = columns.sent.map_or(columns.arrived, |sent| sent.at);
            let sent = u32::try_from(sent.max(0)).unwrap_or(u32::MAX);
            if sent > 0 {
                oldest = oldest.min(sent);
            }
            let sent = if sent == 0 && oldest != u32::MAX { oldest } else { sent };
            heads.push((columns, Head { uid: *uid, sent, flags, depth: 0 }));
        }
        match order.by {
            By::Sent | By::Threads => heads.sort_unstable_by_key(|(_, head)| (head.sent, head.uid)),
            By::Arrived => heads.sort_unstable_by_key(|(it, head)| (it.arrived, head.uid)),
            By::Octets => heads.sort_unstable_by_key(|(it, head)| (it.size, head.uid)),
            By::Number => heads.sort_unstable_by_key(|(_, head)| head.uid),
            By::From | By::Subject | By::To => {
                let key = |(_, head): &(Columns, Head)| (self.words(head.uid, order.by), head.uid);
                heads.sort_by_cached_key(key);
            }
        }
        let mut heads: Vec<Head> = heads.into_iter().map(|(_, head)| head).collect();
        if order.by == By::Threads {
            heads = self.threaded(&heads);
        }
        match order.way {
            Way::Up => heads,
            Way::Down => mapped::upside_down(&heads),
        }
    }

    fn threaded(&mut self, heads: &[Head]) -> Vec<Head> {
        let mut table = Table::default();
        for (place, head) in heads.iter().enumerate() {
            let cache = self.cache.as_mut();
            let facts = cache.and_then(|it| it.get(head.uid, identity(head.uid).as_bytes()));
            table.take(place, i64::from(head.sent), facts.as_ref());
        }
        let stand = |place: Place| {
            let head = *heads.get(place.letter)?;
            let repeats = if place.repeats { Marks::REPEATS } else { Marks::NONE };
            Some(Head { depth: place.depth, flags: head.flags.with(repeats), ..head })
        };
        table.places().into_iter().filter_map(stand).collect()
    }

    /// What letters are ordered by that are ordered by words.
    fn words(&mut self, uid: u32, by: By) -> String {
        let Some(row) = self.row(uid) else { return String::new() };
        let who = |person: Option<Person>| {
            let person = person.unwrap_or_default();
            person.name.filter(|name| !name.trim().is_empty()).unwrap_or(person.address)
        };
        match by {
            By::From => who(row.from).to_lowercase(),
            By::To => who(row.to).to_lowercase(),
            _ => {
                let subject = row.subject.to_lowercase();
                subject.trim_start_matches("re:").trim_start().to_owned()
            }
        }
    }

    /// How much is in it.
    pub(super) fn counts(&self, overlay: &Overlay) -> FolderCounts {
        let shown = self.letters.iter().filter_map(|(uid, marks)| overlay.of(*uid, *marks));
        let (mut letters, mut unread) = (0, 0);
        for marks in shown {
            letters += 1;
            unread += u32::from(!marks.has(Marks::SEEN));
        }
        FolderCounts { letters, unread }
    }

    /// What a list shows of a letter, where that is known.
    pub(super) fn row(&mut self, uid: u32) -> Option<RawRow> {
        self.marks(uid)?;
        let facts = self.cache.as_mut().and_then(|it| it.get(uid, identity(uid).as_bytes()));
        facts
            .and_then(|facts| RawRow::of(&facts))
            .or_else(|| self.apart.get(&uid).map(|(_, row)| row.clone()))
    }

    /// Whether a letter is like a pattern, as far as what is known of it tells: of recipients behind the first one, and of
    /// those who were told, only texts in any case.
    pub(super) fn is_like(&mut self, uid: u32, judge: &Judge, told: &Told) -> bool {
        let columns = columns(&mut self.cache, &self.apart, uid).unwrap_or_default();
        let told = Told { arrived: columns.arrived, octets: Some(columns.size), ..*told };
        let facts = self.cache.as_mut().and_then(|it| it.get(uid, identity(uid).as_bytes()));
        if let Some(is_meant) = facts.and_then(|facts| judge.is_like_cached(&facts, &told)) {
            return is_meant;
        }
        let header = self.row(uid).map(|row| header_of(&row)).unwrap_or_default();
        judge.is_like(header.as_bytes(), &told)
    }

    /// The newest letters of which nothing is known, so many at most.
    pub(super) fn unknown(&mut self, newest: usize) -> Vec<u32> {
        let Self { letters, cache, apart, unreadable, .. } = self;
        let uids = letters.iter().rev().map(|(uid, _)| *uid);
        let lacks = |uid: &u32| columns(cache, apart, *uid).is_none() && !unreadable.contains(uid);
        let mut unknown: Vec<u32> = uids.filter(lacks).take(newest).collect();
        unknown.reverse();
        unknown
    }

    /// Remembers what came of letters whose headers were asked for.
    pub(super) fn remember(&mut self, asked: &[u32], headers: &[Header]) {
        let mut all = self.cache.as_mut().is_some_and(|cache| cache.refresh().is_ok());
        let mut read = Vec::new();
        for header in headers.iter().filter(|header| asked.contains(&header.uid)) {
            let facts = Read::of_header(&header.fields, header.size, header.arrived);
            if let Some(cache) = &mut self.cache {
                let written =
                    cache.remember(header.uid, identity(header.uid).as_bytes(), &facts.facts());
                all &= matches!(written, Ok(Written::All));
            }
            read.push((header.uid, facts));
        }
        all &= self.cache.as_mut().is_some_and(|it| matches!(it.flush(), Ok(Written::All)));
        if !all {
            for (uid, facts) in &read {
                let facts = facts.facts();
                if let Some(row) = RawRow::of(&facts) {
                    self.apart.insert(*uid, (facts.columns, row));
                }
            }
        }
        let came: HashSet<u32> = read.iter().map(|(uid, _)| *uid).collect();
        self.unreadable.extend(asked.iter().filter(|uid| !came.contains(uid)));
    }

    /// Writes down what is known, if it has changed long enough ago, or `at_once`.
    pub(super) fn keep(&mut self, at_once: AtOnce) {
        let is_due = |since: Instant| since.elapsed() >= MIRROR_KEPT_EVERY;
        if self.validity == 0
            || !self.changed.is_some_and(|since| at_once == AtOnce::Yes || is_due(since))
        {
            return;
        }
        self.changed = None;
        let known = Known {
            validity: self.validity,
            mod_seq: self.mod_seq,
            letters: std::mem::take(&mut self.letters),
        };
        let written = places::make(&self.folder)
            .and_then(|()| places::write(&self.folder.join("list"), &known.to_octets()));
        if let Err(error) = written {
            tracing::warn!(%error, "what is known of a folder isn't kept");
        }
        self.letters = known.letters;
    }
}

/// Whoever ends, or closes it, keeps what is known; and what has gone leaves the cache, where that is worth it.
impl Drop for Mirror {
    fn drop(&mut self) {
        self.keep(AtOnce::Yes);
        let Self { cache, letters, .. } = self;
        if let Some(cache) = cache {
            let is_there = |uid: u32| letters.binary_search_by_key(&uid, |(uid, _)| *uid).is_ok();
            let _ = cache.tidy(is_there);
        }
    }
}

/// Whether to write before it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtOnce {
    Yes,
    No,
}

/// A header that says what a list shows of a letter.
fn header_of(row: &RawRow) -> String {
    let person = |person: &Option<Person>| {
        let person = person.clone().unwrap_or_default();
        format!("{} <{}>", person.name.unwrap_or_default(), person.address)
    };
    let fields =
        [("From", person(&row.from)), ("To", person(&row.to)), ("Subject", row.subject.clone())];
    // Nothing in it begins a line.
    let line =
        |(name, value): (&str, String)| format!("{name}: {}\r\n", value.replace(['\r', '\n'], " "));
    fields.into_iter().map(line).chain(["\r\n".to_owned()]).collect()
}

fn identity(uid: u32) -> String {
    uid.to_string()
}

fn columns(
    cache: &mut Option<Cache>,
    apart: &HashMap<u32, (Columns, RawRow)>,
    uid: u32,
) -> Option<Columns> {
    let cached = cache.as_mut().and_then(|cache| cache.columns(uid, identity(uid).as_bytes()));
    cached.or_else(|| apart.get(&uid).map(|(columns, _)| *columns))
}

/// What the file `list` holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    validity: u32,
    mod_seq: u64,
    letters: Vec<(u32, Marks)>,
}

fn read(path: &std::path::Path) -> Option<Known> {
    let most = (HEAD_OCTETS + CRC_OCTETS + LETTER_OCTETS * IMAP_LETTERS_MAX) as u64;
    Known::of(&postroad_disk::read_whole(path, most).ok()?)
}

impl Known {
    fn of(octets: &[u8]) -> Option<Self> {
        let (text, crc) = octets.split_last_chunk::<CRC_OCTETS>()?;
        if crc32fast::hash(text) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (magic, rest) = text.split_first_chunk::<8>()?;
        let (validity, rest) = rest.split_first_chunk::<4>()?;
        let (mod_seq, rest) = rest.split_first_chunk::<8>()?;
        let (_count, rest) = rest.split_first_chunk::<4>()?;
        let (letters, []) = rest.as_chunks::<LETTER_OCTETS>() else { return None };
        let letter = |&[a, b, c, d, bits]: &[u8; LETTER_OCTETS]| {
            let marks = BITS.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
            let marks = marks.fold(Marks::NONE, |all, (_, mark)| all.with(*mark));
            (u32::from_le_bytes([a, b, c, d]), marks)
        };
        let known = Self {
            validity: u32::from_le_bytes(*validity),
            mod_seq: u64::from_le_bytes(*mod_seq),
            letters: letters.iter().map(letter).collect(),
        };
        let is_sorted = known.letters.is_sorted_by(|one, other| one.0 < other.0);
        (magic == MAGIC && is_sorted).then_some(known)
    }

    fn to_octets(&self) -> Vec<u8> {
        let most = HEAD_OCTETS + CRC_OCTETS + self.letters.len() * LETTER_OCTETS;
        let mut octets = Vec::with_capacity(most);
        octets.extend_from_slice(MAGIC);
        octets.extend_from_slice(&self.validity.to_le_bytes());
        octets.extend_from_slice(&self.mod_seq.to_le_bytes());
        let count = u32::try_from(self.letters.len()).unwrap_or(u32::MAX);
        octets.extend_from_slice(&count.to_le_bytes());
        for (uid, marks) in &self.letters {
            octets.extend_from_slice(&uid.to_le_bytes());
            let bits = BITS.iter().enumerate().filter(|(_, mark)| marks.has(**mark));
            octets.push(bits.fold(0, |all, (at, _)| all | (1 << at)));
        }
        let crc = crc32fast::hash(&octets);
        octets.extend_from_slice(&crc.to_le_bytes());
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(uid: u32, text: &str) -> Header {
        let fields = text.as_bytes().to_vec();
        Header { uid, marks: Marks::NONE, keywords: Vec::new(), arrived: 100, size: 7, fields }
    }

    fn news(letters: &[(u32, Marks)]) -> News {
        News { whole: true, letters: letters.to_vec(), gone: Vec::new() }
    }

    #[test]
    fn what_was_known_is_there_again_and_another_numbering_voids_it() {
        let account = tempfile::tempdir().unwrap();
        let none = Overlay::default();
        let mut mirror = Mirror::open(account.path(), MailboxName::inbox());
        assert_eq!((mirror.validity, mirror.heads(&none, Order::default()).len()), (0, 0));
        mirror.take(7, 30, &news(&[(5, Marks::SEEN), (9, Marks::NONE)]));
        assert_eq!(mirror.unknown(1), [9]);
        mirror.remember(
            &[9, 5],
            &[header(9, "From: a@b.example\r\nSubject: hi\r\nDate: 1 Jan 2026 00:00:00 +0000\r\n")],
        );
        // What never came isn't asked for for ever.
        assert!(mirror.unknown(10).is_empty());
        let path = Mirror::letter_path(account.path(), &mirror.name, 7, 9);
        places::make(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"x").unwrap();
        drop(mirror);

        let mut mirror = Mirror::open(account.path(), MailboxName::inbox());
        let heads = mirror.heads(&none, Order::default());
        let shown: Vec<_> = heads.iter().map(|head| (head.uid, head.flags)).collect();
        assert_eq!(shown, [(5, Marks::SEEN), (9, Marks::NONE)]);
        assert_eq!(mirror.row(9).unwrap().subject, "hi");
        assert_eq!(mirror.counts(&none), FolderCounts { letters: 2, unread: 1 });
        assert!(path.exists());
        mirror.take(8, 1, &news(&[(1, Marks::NONE)]));
        assert!(mirror.row(9).is_none() && mirror.row(1).is_none() && !path.exists());
        assert_eq!(mirror.unknown(10), [1]);
        drop(mirror);
        assert_eq!(Mirror::open(account.path(), MailboxName::inbox()).validity, 8);
    }

    #[test]
    fn a_file_that_is_not_whole_is_none() {
        let known = Known { validity: 7, mod_seq: 1 << 40, letters: vec![(1, Marks::SEEN)] };
        let octets = known.to_octets();
        assert_eq!(Known::of(&octets), Some(known));
        for at in 0..octets.len() {
            let mut damaged = octets.clone();
            damaged[at] ^= 1;
            assert_eq!(Known::of(&damaged), None, "{at}");
            assert_eq!(Known::of(&octets[..at]), None, "{at}");
        }
    }

    #[test]
    fn what_is_gone_is_gone_and_marks_are_others() {
        let account = tempfile::tempdir().unwrap();
        let none = Overlay::default();
        let mut mirror = Mirror::open(account.path(), MailboxName::inbox());
        mirror.take(7, 30, &news(&[(5, Marks::SEEN), (9, Marks::NONE)]));
        let change = News {
            whole: false,
            letters: vec![(9, Marks::FLAGGED), (9, Marks::SEEN), (12, Marks::NONE)],
            gone: vec![5],
        };
        mirror.take(7, 31, &change);
        let shown: Vec<_> = mirror
            .heads(&none, Order::default())
            .iter()
            .map(|head| (head.uid, head.flags))
            .collect();
        assert_eq!(shown, [(9, Marks::SEEN), (12, Marks::NONE)]);
        mirror.mark(&[12, 77], Marks::FLAGGED, Marks::NONE);
        assert_eq!(mirror.marks(12), Some(Marks::FLAGGED));
    }
}
