//! A folder that is open: its letters as a list, what is done with them.
//!
//! A list is there before any letter is read: [`Folder::heads`] is made of the register and the cache's columns, or of files'
//! names. What the cache lacks ([`Folder::unknown`]) is read without the folder at hand ([`read_some`]), and remembered
//! ([`Folder::remember`]).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use postroad_message::BaseSubject;
use postroad_store::{
    Columns, Counts, Entry, FlagChange, Flags, Letter, LetterFlags, MailboxError, MailboxName,
    Maildir, Renamed, Stored,
};

use crate::catalog::Inside;
use crate::error::{CatalogError, of_letter};
use crate::facts::Read;
use crate::kept::Kept;
use crate::order::{Head, Marks, Order, listed};
use crate::plain::Plain;
use crate::read::LetterFile;
use crate::row::{Apart, Person, RawRow};
use crate::threads::Arranged;

mod finding;

/// An open folder. One thread has it.
#[derive(Debug)]
pub struct Folder {
    pub(crate) inside: Arc<Inside>,
    name: MailboxName,
    place: Maildir,
    pub(crate) kind: Kind,
    apart: Apart,
    /// Letters from here on were given by [`Folder::unknown`].
    asked_from: u32,
    pub(crate) threads: Arranged,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Kept(Box<Kept>),
    Plain(Plain, WhyPlain),
}

/// Why nothing of ours is written in a folder.
#[derive(Debug)]
pub enum WhyPlain {
    /// Another program numbers its letters.
    Another,
    /// The register can't be made or read.
    Unwritable(MailboxError),
}

impl fmt::Display for WhyPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Another => {
                f.write_str("another program keeps the numbers of this folder's letters")
            }
            Self::Unwritable(_) => f.write_str("nothing can be remembered in this folder"),
        }
    }
}

impl std::error::Error for WhyPlain {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Another => None,
            Self::Unwritable(error) => Some(error),
        }
    }
}

/// What a look at a folder has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Letters that are new, sorted.
    pub added: Vec<u32>,
    /// How many are gone.
    pub removed: usize,
    /// Letters with other flags, sorted.
    pub flags: Vec<u32>,
    /// The folder was made anew: all numbers are void, and the letters that are there have others.
    pub renumbered: bool,
}

impl Changed {
    /// Whether all is as it was.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Folder {
    pub(crate) fn new(inside: Arc<Inside>, name: MailboxName, place: Maildir, kind: Kind) -> Self {
        Self {
            inside,
            name,
            place,
            kind,
            apart: Apart::default(),
            asked_from: u32::MAX,
            threads: Arranged::default(),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &MailboxName {
        &self.name
    }

    /// Where it is.
    pub fn place(&self) -> &Maildir {
        &self.place
    }

    /// What its letters' numbers count for: another one makes all of them void. 0 where they are good for as long as this
    /// is open.
    pub fn validity(&self) -> u32 {
        match &self.kind {
            Kind::Kept(kept) => kept.mailbox.uid_validity(),
            Kind::Plain(..) => 0,
        }
    }

    /// Why nothing is written in it, if that is so.
    pub fn why_plain(&self) -> Option<&WhyPlain> {
        match &self.kind {
            Kind::Kept(_) => None,
            Kind::Plain(_, why) => Some(why),
        }
    }

    /// How many letters there are.
    pub fn exists(&self) -> usize {
        match &self.kind {
            Kind::Kept(kept) => kept.mailbox.exists(),
            Kind::Plain(plain, _) => plain.letters().len(),
        }
    }

    /// All letters, in an order. No letter is read, and no file is asked for.
    pub fn heads(&mut self, order: Order) -> Vec<Head> {
        let mut heads = Vec::with_capacity(self.exists());
        // What counts beside the date that is shown.
        let mut numbers = Vec::new();
        self.each(|uid, columns, marks, came| {
            let sent = columns.and_then(|columns| columns.sent).map_or(came, |sent| sent.at);
            let read = if columns.is_some() { Marks::READ } else { Marks::default() };
            let (sent, marks) = (listed(sent), marks.and(read));
            heads.push(Head { uid, sent, marks, depth: 0, repeats: false });
            match order {
                Order::Arrived => numbers.push(u64::try_from(came).unwrap_or_default()),
                Order::Octets => numbers.push(columns.map_or(0, |columns| columns.size)),
                _ => {}
            }
        });
        match order {
            // In the order of their numbers they come.
            Order::Number => heads,
            Order::Sent => {
                heads.sort_unstable_by(Head::by_time);
                heads
            }
            Order::Threads => {
                heads.sort_unstable_by(Head::by_time);
                self.threaded(heads)
            }
            Order::Arrived => by_key(heads, numbers.into_iter()),
            // Of letters as long as each other the one that was sent last is last.
            Order::Octets => {
                let sent: Vec<u32> = heads.iter().map(|head| head.sent).collect();
                by_key(heads, numbers.into_iter().zip(sent))
            }
            Order::From | Order::Subject | Order::To => {
                let keys: Vec<_> =
                    heads.iter().map(|head| (self.text(head.uid, order), head.sent)).collect();
                by_key(heads, keys.into_iter())
            }
        }
    }

    /// What a letter is ordered by, where that is a text.
    fn text(&mut self, uid: u32, order: Order) -> String {
        let Some(row) = self.row(uid) else { return String::new() };
        let person = |person: Option<Person>| {
            let person = person.unwrap_or_default();
            person.name.filter(|name| !name.is_empty()).unwrap_or(person.address)
        };
        let text = match order {
            Order::From => person(row.from),
            Order::To => person(row.to),
            _ => BaseSubject::of(row.subject.as_bytes()).text,
        };
        text.to_lowercase()
    }

    /// Each letter by its number, with what was read of it, and when it came, as far as its name tells.
    fn each(&mut self, mut tell: impl FnMut(u32, Option<Columns>, Marks, i64)) {
        let apart = &self.apart;
        match &mut self.kind {
            Kind::Kept(kept) => {
                let (mailbox, mut cache) = kept.parts();
                for entry in mailbox.entries() {
                    let uid = entry.uid();
                    let cached = cache.as_mut().and_then(|it| it.columns(uid, entry.identity()));
                    let columns = cached.or_else(|| apart.columns(uid));
                    let new = if entry.is_new() { Marks::NEW } else { Marks::default() };
                    // Names are taken apart only where nothing else tells.
                    let came = columns.map(|columns| columns.arrived);
                    let came = came.unwrap_or_else(|| named(entry.arrival()));
                    tell(uid, columns, marks(entry.flags()).and(new), came);
                }
            }
            Kind::Plain(plain, _) => {
                for letter in plain.letters() {
                    let (uid, stored) = (letter.uid, &letter.stored);
                    let new = if stored.is_new() { Marks::NEW } else { Marks::default() };
                    let marks = marks(stored.flags()).and(new);
                    let columns = apart.columns(uid);
                    let came = columns.map(|columns| columns.arrived);
                    tell(uid, columns, marks, came.unwrap_or_else(|| named(stored.arrival())));
                }
            }
        }
    }

    /// What a list shows of a letter, where that is remembered. No letter is opened.
    pub fn row(&mut self, uid: u32) -> Option<RawRow> {
        if let Kind::Kept(kept) = &mut self.kind {
            let (mailbox, cache) = kept.parts();
            let entry = mailbox.entry(uid)?;
            let facts = cache.and_then(|cache| cache.get(uid, entry.identity()));
            if let Some(row) = facts.and_then(|facts| RawRow::of(&facts)) {
                return Some(row);
            }
        }
        self.apart.row(uid)
    }

    /// The newest letters of which nothing is remembered, so many at most, sorted by their numbers. Each is given once,
    /// until something has changed: one that can't be read isn't asked for for ever.
    pub fn unknown(&mut self, newest: usize) -> Vec<u32> {
        let (apart, from, mut unknown) = (&self.apart, self.asked_from, Vec::new());
        match &mut self.kind {
            Kind::Kept(kept) => {
                let (mailbox, mut cache) = kept.parts();
                let mut lacks = |entry: &Entry<'_>| {
                    let uid = entry.uid();
                    let cached = cache.as_mut().and_then(|it| it.columns(uid, entry.identity()));
                    cached.is_none() && apart.columns(uid).is_none()
                };
                let older = mailbox.entries_in(0..=from.saturating_sub(1)).rev();
                let some = older.filter(|entry| lacks(entry)).take(newest);
                unknown.extend(some.map(|entry| entry.uid()));
            }
            Kind::Plain(plain, _) => {
                let older = plain.letters().iter().rev().filter(|letter| letter.uid < from);
                let some = older.filter(|letter| apart.columns(letter.uid).is_none()).take(newest);
                unknown.extend(some.map(|letter| letter.uid));
            }
        }
        self.asked_from = unknown.last().copied().unwrap_or(1);
        unknown.reverse();
        unknown
    }

    /// The files of letters, to be read without the folder at hand; those that are gone are left out.
    pub fn letter_files(&self, uids: &[u32]) -> Vec<LetterFile> {
        let file = |uid: &u32| match &self.kind {
            Kind::Kept(kept) => {
                let wire_octets = kept.mailbox.entry(*uid)?.wire_octets();
                Some(LetterFile { file: kept.mailbox.letter_file(*uid).ok()?, wire_octets })
            }
            Kind::Plain(plain, _) => Some(self.inside.letter_file(*uid, plain.get(*uid)?)),
        };
        uids.iter().filter_map(file).collect()
    }

    /// Opens a letter, wherever others have moved it meanwhile.
    ///
    /// # Errors
    /// Where it is gone, and what the disk said.
    pub fn open_letter(&mut self, uid: u32) -> Result<Letter, CatalogError> {
        Ok(match &mut self.kind {
            Kind::Kept(kept) => kept.mailbox.open_letter(uid)?,
            Kind::Plain(plain, _) => {
                let inside = &self.inside;
                let open = |stored: &Stored| inside.letter_file(uid, stored).file.open();
                plain.with_letter(&inside.courier, uid, open)?
            }
        })
    }

    /// Remembers what letters say: in the folder's cache, and where that can't be, for as long as this is open.
    pub fn remember(&mut self, some: &[(u32, Read)]) {
        match &mut self.kind {
            Kind::Kept(kept) => kept.remember(some, &mut self.apart),
            Kind::Plain(..) => some.iter().for_each(|(uid, read)| self.apart.keep(*uid, read)),
        }
    }

    /// Looks at what others have changed.
    ///
    /// # Errors
    /// Where the folder can't be read: what is in view stays.
    pub fn refresh(&mut self) -> Result<Changed, CatalogError> {
        let changed = match &mut self.kind {
            Kind::Kept(kept) => kept.refresh()?,
            Kind::Plain(plain, _) => plain.refresh(&self.inside.courier)?,
        };
        if changed.renumbered {
            self.apart.forget();
        }
        if !changed.is_nothing() {
            self.asked_from = u32::MAX;
        }
        Ok(changed)
    }

    /// Changes flags. Gives the letters that have others now, sorted.
    ///
    /// # Errors
    /// What the disk said: some may be changed, and the next look tells which.
    pub fn set_flags(
        &mut self,
        uids: &[u32],
        change: FlagChange,
    ) -> Result<Vec<u32>, CatalogError> {
        Ok(match &mut self.kind {
            Kind::Kept(kept) => kept.mailbox.set_flags(uids, change, None)?.changed,
            Kind::Plain(plain, _) => plain.set_flags(&self.inside.courier, uids, change)?,
        })
    }

    /// Has letters that came since be new no more, as whoever has seen the list does. Gives those that were.
    ///
    /// # Errors
    /// What the disk said: some may be taken in.
    pub fn take_in(&mut self) -> Result<Vec<u32>, CatalogError> {
        Ok(match &mut self.kind {
            Kind::Kept(kept) => kept.mailbox.take_in()?,
            Kind::Plain(plain, _) => {
                let new = plain.letters().iter().filter(|letter| letter.stored.is_new());
                let new: Vec<u32> = new.map(|letter| letter.uid).collect();
                let none = FlagChange::Add(LetterFlags::default());
                plain.set_flags(&self.inside.courier, &new, none)?
            }
        })
    }

    /// Moves letters into another folder of the mailbox, durably: after a crash they are here, or there. Gives for each its
    /// old number and its new one; those that are gone are left out.
    ///
    /// # Errors
    /// What the disk said; of folders that aren't ours some letters may be moved.
    pub fn move_to(
        &mut self,
        uids: &[u32],
        to: &mut Self,
    ) -> Result<Vec<(u32, u32)>, CatalogError> {
        self.move_told(uids, to, &mut |_| {})
    }

    /// The same; before anything is moved `tell` hears what is to be. Some may stay all the same.
    ///
    /// # Errors
    /// As [`Folder::move_to`].
    pub fn move_told(
        &mut self,
        uids: &[u32],
        to: &mut Self,
        tell: &mut dyn FnMut(&[Renamed]),
    ) -> Result<Vec<(u32, u32)>, CatalogError> {
        if let (Kind::Kept(from), Kind::Kept(to)) = (&mut self.kind, &mut to.kind) {
            return Ok(from.mailbox.move_told(uids, &mut to.mailbox, tell)?);
        }
        // Names stay there, but for one that is taken.
        let stays = |uid: &u32| self.identity(*uid).map(|identity| (identity.clone(), identity));
        tell(&uids.iter().filter_map(stays).collect::<Vec<_>>());
        let mut moved = Vec::new();
        for &uid in uids {
            match self.refile(uid, &to.place) {
                Err(MailboxError::Gone { .. }) => {}
                stored => moved.push((uid, stored?.identity().to_owned())),
            }
        }
        self.refresh()?;
        to.refresh()?;
        let numbers = to.numbers();
        let pair = |(uid, identity): (u32, Vec<u8>)| Some((uid, *numbers.get(&identity)?));
        Ok(moved.into_iter().filter_map(pair).collect())
    }

    fn refile(&mut self, uid: u32, to: &Maildir) -> Result<Stored, MailboxError> {
        let courier = &self.inside.courier;
        let refile = |stored: &Stored| {
            let moved = courier.refile(stored, to, &Flags::default());
            moved.map(|(stored, _)| stored).map_err(|error| of_letter(uid, error))
        };
        match &mut self.kind {
            Kind::Kept(kept) => {
                let stored = kept.mailbox.entry(uid).ok_or(MailboxError::Gone { uid })?.stored();
                refile(&stored)
            }
            Kind::Plain(plain, _) => plain.with_letter(courier, uid, refile),
        }
    }

    /// Letters' numbers, by what stays the same of their names.
    fn numbers(&self) -> HashMap<Vec<u8>, u32> {
        match &self.kind {
            Kind::Kept(kept) => {
                let entries = kept.mailbox.entries();
                entries.map(|entry| (entry.identity().to_owned(), entry.uid())).collect()
            }
            Kind::Plain(plain, _) => {
                let letters = plain.letters().iter();
                letters.map(|it| (it.stored.identity().to_owned(), it.uid)).collect()
            }
        }
    }

    /// Removes letters for good. Gives those that are gone by it, sorted.
    ///
    /// # Errors
    /// What the disk said: some may be gone.
    pub fn expunge(&mut self, uids: &[u32]) -> Result<Vec<u32>, CatalogError> {
        Ok(match &mut self.kind {
            Kind::Kept(kept) => kept.mailbox.expunge(uids)?,
            Kind::Plain(plain, _) => plain.remove(&self.inside.courier, uids)?,
        })
    }

    /// What stays the same of a letter's file name whatever becomes of it, and is no other letter's.
    pub fn identity(&self, uid: u32) -> Option<Vec<u8>> {
        match &self.kind {
            Kind::Kept(kept) => Some(kept.mailbox.entry(uid)?.identity().to_owned()),
            Kind::Plain(plain, _) => Some(plain.get(uid)?.identity().to_owned()),
        }
    }

    /// The letter of an identity. Looks at all of them.
    pub fn find(&self, identity: &[u8]) -> Option<u32> {
        match &self.kind {
            Kind::Kept(kept) => {
                let mut entries = kept.mailbox.entries();
                entries.find(|entry| entry.identity() == identity).map(|entry| entry.uid())
            }
            Kind::Plain(plain, _) => {
                let mut letters = plain.letters().iter();
                letters.find(|it| it.stored.identity() == identity).map(|it| it.uid)
            }
        }
    }

    /// All letters' numbers, sorted.
    pub fn uids(&self) -> Vec<u32> {
        match &self.kind {
            Kind::Kept(kept) => kept.mailbox.entries().map(|entry| entry.uid()).collect(),
            Kind::Plain(plain, _) => plain.letters().iter().map(|letter| letter.uid).collect(),
        }
    }

    /// When a letter came, as far as its file's name tells: seconds since 1970, and microseconds; 0 where it doesn't.
    pub fn arrival(&self, uid: u32) -> Option<(u64, u32)> {
        match &self.kind {
            Kind::Kept(kept) => Some(kept.mailbox.entry(uid)?.arrival()),
            Kind::Plain(plain, _) => Some(plain.get(uid)?.arrival()),
        }
    }

    /// Octets of a letter's file: its name tells, or the disk.
    ///
    /// # Errors
    /// Where it is gone, and what the disk said.
    pub fn file_octets(&mut self, uid: u32) -> Result<u64, CatalogError> {
        match &mut self.kind {
            Kind::Kept(kept) => Ok(kept.mailbox.file_octets(uid)?),
            Kind::Plain(..) => Ok(self.open_letter(uid)?.octets()),
        }
    }

    /// The flags of a letter.
    pub fn flags(&self, uid: u32) -> Option<LetterFlags> {
        match &self.kind {
            Kind::Kept(kept) => Some(kept.mailbox.entry(uid)?.flags()),
            Kind::Plain(plain, _) => Some(plain.get(uid)?.flags()),
        }
    }

    /// The keywords of a letter. Of letters that another program numbers none are known.
    pub fn keywords(&self, uid: u32) -> Vec<String> {
        let Kind::Kept(kept) = &self.kind else { return Vec::new() };
        let Some(flags) = kept.mailbox.entry(uid).map(|entry| entry.flags()) else {
            return Vec::new();
        };
        let system = SAME.iter().fold(LetterFlags::default(), |all, (flag, _)| all.and(*flag));
        let names = kept.mailbox.flag_names(flags.without(system));
        names.into_iter().map(str::to_owned).collect()
    }

    /// The flags of keywords whose names are so. Of letters that another program numbers none are known.
    pub(crate) fn keywords_like(&self, is_so: impl Fn(&str) -> bool) -> LetterFlags {
        let Kind::Kept(kept) = &self.kind else { return LetterFlags::default() };
        let names: Vec<&str> = kept.mailbox.keywords().filter(|name| is_so(name)).collect();
        kept.mailbox.known_flags(&names).0
    }

    /// The flags that keywords are in this folder, which knows them from now on.
    ///
    /// # Errors
    /// Where one can be none, or another program numbers the letters; and what the disk said.
    pub fn keyword_flags(&mut self, keywords: &[String]) -> Result<LetterFlags, CatalogError> {
        match &mut self.kind {
            Kind::Kept(kept) => Ok(kept.mailbox.flags_of(keywords)?),
            Kind::Plain(..) if keywords.is_empty() => Ok(LetterFlags::default()),
            Kind::Plain(..) => Err(MailboxError::NoKeyword { name: keywords.join(" ") }.into()),
        }
    }

    /// What a list of folders says of it; only letters that are there, and those that weren't seen, where it isn't ours.
    pub fn counts(&self) -> Counts {
        match &self.kind {
            Kind::Kept(kept) => Counts::of(&kept.mailbox),
            Kind::Plain(plain, _) => {
                let mut counts = Counts::default();
                for letter in plain.letters() {
                    counts.exists += 1;
                    counts.recent += u32::from(letter.stored.is_new());
                    counts.unseen += u32::from(!letter.stored.flags().contains(LetterFlags::SEEN));
                }
                counts
            }
        }
    }
}

const SAME: [(LetterFlags, Marks); 6] = [
    (LetterFlags::DRAFT, Marks::DRAFT),
    (LetterFlags::FLAGGED, Marks::FLAGGED),
    (LetterFlags::FORWARDED, Marks::FORWARDED),
    (LetterFlags::ANSWERED, Marks::ANSWERED),
    (LetterFlags::SEEN, Marks::SEEN),
    (LetterFlags::DELETED, Marks::DELETED),
];

fn marks(flags: LetterFlags) -> Marks {
    let there = SAME.iter().filter(|(flag, _)| flags.contains(*flag));
    there.fold(Marks::default(), |marks, (_, mark)| marks.and(*mark))
}

/// In the order of their keys; of letters with the same key the one that came last is last.
fn by_key<K: Ord>(heads: Vec<Head>, keys: impl Iterator<Item = K>) -> Vec<Head> {
    let mut both: Vec<(K, Head)> = keys.zip(heads).collect();
    both.sort_unstable_by(|(one, a), (other, b)| one.cmp(other).then(a.uid.cmp(&b.uid)));
    both.into_iter().map(|(_, head)| head).collect()
}

/// The second that a file's name tells.
fn named((seconds, _): (u64, u32)) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
