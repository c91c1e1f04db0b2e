//! A pattern, run over a folder: the same letters as reading all of them finds, and most aren't read.
//!
//! ```text
//! Pattern ─▶ Condition: the index of texts rules letters out ─▶ flags, lengths and dates ─▶ fields that are cached
//!                                                                         ─▶ what is left is read, by several threads
//! ```
//! Letters are looked at in the order in which they are given, so those of the first page are found first. One step looks at
//! some of them, and may be the last one: whoever has the folder does other things between two of them.

use std::sync::Arc;

use postroad_message::Part;
use postroad_store::{Facts, Letter, MailboxError};

use crate::error::CatalogError;
use crate::facts::Read;
use crate::folder::Folder;
use crate::limits::{JUDGED_AT_ONCE, JUDGED_FIRST, LOOKED_AT_ONCE, READ_WITHOUT_CACHE_MAX};
use crate::object_id::Hashing;
use crate::order::Marks;
use crate::pattern::Pattern;
use crate::read::{Extent, LetterFile, ReadLetter, by_threads};

mod condition;
mod sought;

#[cfg(test)]
mod tests;

use condition::{Condition, Content, Known, Reads};

/// Who looks for letters.
#[derive(Debug, Clone, Default)]
pub struct Who {
    /// Their addresses.
    pub addresses: Vec<String>,
}

/// Letters that are to be looked at.
#[derive(Debug, Clone, Default)]
pub struct Letters {
    /// Their numbers in the folder, in the order in which they are to be found.
    pub uids: Vec<u32>,
    /// How a list that has them numbers them.
    pub numbered: Numbered,
    /// Letters whose marks are others than on disk, for whoever looks.
    pub marks: Vec<(u32, Marks)>,
    /// Those that are tagged, sorted.
    pub tagged: Vec<u32>,
}

/// How a list numbers letters, which are all of it or a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbered {
    /// The first of them stands here, counted from 0, and the others behind it, round the list's end.
    On(usize),
    /// They stand before it, round the list's beginning.
    Back(usize),
}

impl Default for Numbered {
    fn default() -> Self {
        Self::On(0)
    }
}

/// A search that is going on.
#[derive(Debug)]
pub struct Search {
    condition: Arc<Condition>,
    reads: Reads,
    asks_columns: bool,
    letters: Letters,
    next: usize,
    /// Letters that are judged together: few at first.
    at_once: usize,
    /// Letters that were read since that is sooner done than to open the cache.
    read_without_cache: usize,
}

/// How far a search is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// Letters that were found in this step, in their order.
    pub found: Vec<u32>,
    /// How many have been looked at, in all.
    pub looked_at: usize,
    /// Whether there are no more.
    pub is_over: bool,
    /// Letters that can't be read now: whether they are meant isn't known.
    pub unreadable: usize,
}

impl Search {
    /// Begins one; asks the folder's index, which takes a millisecond or so.
    pub fn new(folder: &mut Folder, pattern: &Pattern, who: &Who, mut letters: Letters) -> Self {
        let mut condition = Condition::of(pattern, who);
        condition.ask_index(folder, &letters.uids);
        condition.ask_keywords(folder);
        letters.marks.sort_unstable_by_key(|(uid, _)| *uid);
        Self {
            reads: condition.reads(),
            asks_columns: condition.asks_columns(),
            condition: Arc::new(condition),
            letters,
            next: 0,
            at_once: JUDGED_FIRST,
            read_without_cache: 0,
        }
    }

    /// Looks at some letters. Those that were read and aren't cached yet are remembered.
    pub fn step(&mut self, folder: &mut Folder) -> Step {
        let mut step = Step::default();
        let (mut found, open) = self.known(folder);
        let spared = self.spares_cache(folder, open.len());
        let mut to_read = match spared {
            true => self.to_read(folder, open),
            false => self.cached(folder, open, &mut found),
        };
        let condition = Arc::clone(&self.condition);
        let judged = by_threads(&to_read, &|letter: &ToRead| {
            letter.file.file.open().and_then(|file| letter.judge(&condition, &file))
        });
        let mut read = Vec::new();
        for (letter, judged) in to_read.drain(..).zip(judged) {
            // It was renamed meanwhile, or is gone.
            let judged = match judged {
                Err(MailboxError::Gone { .. }) => match folder.open_letter(letter.uid) {
                    Ok(file) => letter.judge(&condition, &file),
                    Err(error) if error.is_gone() => continue,
                    Err(CatalogError::Mailbox(error)) => Err(error),
                    Err(CatalogError::Folder(_)) => Err(MailboxError::Gone { uid: letter.uid }),
                },
                judged => judged,
            };
            match judged {
                Ok((is_meant, facts)) => {
                    read.extend(facts.map(|facts| (letter.uid, facts)));
                    if is_meant {
                        found.push((letter.known.at, letter.uid));
                    }
                }
                Err(_) => step.unreadable += 1,
            }
        }
        if !read.is_empty() && !spared {
            folder.remember(&read);
        }
        found.sort_unstable_by_key(|(at, _)| *at);
        step.found = found.into_iter().map(|(_, uid)| uid).collect();
        step.looked_at = self.next;
        step.is_over = self.next >= self.letters.uids.len();
        self.at_once = (self.at_once * 2).min(JUDGED_AT_ONCE);
        step
    }

    /// Goes on until enough letters are left open by what is known without the cache's file. Gives those that are found,
    /// and those that are left.
    fn known(&mut self, folder: &mut Folder) -> (Vec<(usize, u32)>, Vec<Open>) {
        let (mut found, mut open) = (Vec::new(), Vec::new());
        let end = self.next.saturating_add(LOOKED_AT_ONCE);
        while self.next < end
            && open.len() < self.at_once
            && let Some(&uid) = self.letters.uids.get(self.next)
        {
            let at = self.next;
            self.next += 1;
            let mut known = Known::new(at, self.number(at));
            known.is_tagged = self.letters.tagged.binary_search(&uid).is_ok();
            let mut holds = self.condition.holds(&known);
            if holds.is_none() {
                let Some(marks) = self.marks(folder, uid) else { continue };
                (known.marks, known.flags) = (Some(marks), folder.flags(uid));
                holds = self.condition.holds(&known);
            }
            if holds.is_none() && self.asks_columns {
                known.columns = folder.columns(uid);
                holds = self.condition.holds(&known);
            }
            match holds {
                Some(true) => found.push((at, uid)),
                Some(false) => {}
                None => open.push(Open { uid, known }),
            }
        }
        (found, open)
    }

    fn number(&self, at: usize) -> u64 {
        let all = self.letters.uids.len().max(1);
        let place = match self.letters.numbered {
            Numbered::On(first) => (first + at) % all,
            Numbered::Back(first) => (first % all + all - at) % all,
        };
        place as u64 + 1
    }

    fn marks(&self, folder: &Folder, uid: u32) -> Option<Marks> {
        let marks = &self.letters.marks;
        match marks.binary_search_by_key(&uid, |(uid, _)| *uid) {
            Ok(at) => marks.get(at).map(|(_, marks)| *marks),
            Err(_) => folder.marks(uid),
        }
    }

    /// Whether so few letters are open that they are read sooner than the cache is.
    fn spares_cache(&mut self, folder: &Folder, open: usize) -> bool {
        let read = self.read_without_cache + open;
        let spares = folder.is_cache_closed() && read <= READ_WITHOUT_CACHE_MAX;
        if spares {
            self.read_without_cache = read;
        }
        spares
    }

    /// Looks at what is cached of letters: in the order of the cache's file, which is read from front to back then. Gives
    /// those that have to be read.
    fn cached(
        &self,
        folder: &mut Folder,
        mut open: Vec<Open>,
        found: &mut Vec<(usize, u32)>,
    ) -> Vec<ToRead> {
        open.sort_unstable_by_key(|open| open.uid);
        let mut left = Vec::new();
        for Open { uid, known } in open {
            let holds = match self.reads >= Reads::Fields {
                true => folder.with_facts(uid, |facts| {
                    let content = facts.fields.map_or(Content::Unread, Content::Fields);
                    self.condition.holds(&Known { content, ..known })
                }),
                false => None,
            };
            match holds.flatten() {
                Some(true) => found.push((known.at, uid)),
                Some(false) => {}
                None => left.push(Open { uid, known }),
            }
        }
        self.to_read(folder, left)
    }

    /// The files of letters; of those that are first wanted they are first opened.
    fn to_read(&self, folder: &mut Folder, mut left: Vec<Open>) -> Vec<ToRead> {
        left.sort_unstable_by_key(|open| open.known.at);
        let uids: Vec<u32> = left.iter().map(|open| open.uid).collect();
        let mut files = folder.letter_files(&uids).into_iter().peekable();
        let to_read = left.into_iter().filter_map(|Open { uid, known }| {
            let file = files.next_if(|file| file.uid() == uid)?;
            let is_cached = known.columns.is_some()
                || !folder.is_cache_closed() && folder.columns(uid).is_some();
            let extent = match self.reads {
                Reads::Letter => Extent::Parts,
                // Nobody knows how long it is.
                _ if !is_cached && file.wire_octets.is_none() => Extent::Octets,
                _ => Extent::Header,
            };
            let known = Known { content: Content::Unread, ..known };
            Some(ToRead { uid, known, file, extent, is_cached })
        });
        to_read.collect()
    }
}

/// What others have told of a letter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    /// What is marked on it.
    pub marks: Marks,
    /// What a list numbers it with.
    pub number: u64,
    /// When it came, in seconds since 1970.
    pub arrived: i64,
    /// Its octets on the wire, where they aren't counted: of no more of it than its header something is known.
    pub octets: Option<u64>,
}

/// Whether a letter is like a pattern, of which nothing is known but what it says, and what was told: at a server.
pub fn is_like(pattern: &Pattern, who: &Who, letter: &[u8], told: &Told) -> bool {
    Judge::new(pattern, who).is_like(letter, told)
}

/// A pattern, made ready for letters that are in no folder of ours.
#[derive(Debug)]
pub struct Judge(Condition);

impl Judge {
    /// Makes a pattern ready.
    pub fn new(pattern: &Pattern, who: &Who) -> Self {
        Self(Condition::of(pattern, who))
    }

    /// Whether a letter is like it, of which nothing is known but what it says, and what was told.
    pub fn is_like(&self, letter: &[u8], told: &Told) -> bool {
        let part = Part::of(letter);
        let header = letter.get(part.header.clone()).unwrap_or_default();
        let octets = told.octets.unwrap_or_else(|| postroad_message::wire::octets(letter));
        let facts = Read::of_header(header, octets, told.arrived);
        let known = Known {
            marks: Some(told.marks),
            columns: Some(facts.facts().columns),
            content: Content::Letter(letter, &part),
            ..Known::new(0, told.number)
        };
        self.0.holds(&known).unwrap_or(false)
    }

    /// The same, as far as what is cached of it tells; `None` where more has to be known.
    pub fn is_like_cached(&self, facts: &Facts<'_>, told: &Told) -> Option<bool> {
        let known = Known {
            marks: Some(told.marks),
            columns: Some(facts.columns),
            content: facts.fields.map_or(Content::Unread, Content::Fields),
            ..Known::new(0, told.number)
        };
        self.0.holds(&known)
    }
}

/// A letter of which more has to be known.
struct Open {
    uid: u32,
    known: Known<'static>,
}

/// A letter that is read.
struct ToRead {
    uid: u32,
    known: Known<'static>,
    file: LetterFile,
    extent: Extent,
    is_cached: bool,
}

impl ToRead {
    /// Reads it, and says whether it is meant; what it says, where that isn't cached.
    fn judge(
        &self,
        condition: &Condition,
        file: &Letter,
    ) -> Result<(bool, Option<Read>), MailboxError> {
        let letter = ReadLetter::read(file, self.extent)?;
        let facts = match self.is_cached {
            true => None,
            false => letter.facts(self.file.wire_octets, None, Hashing::Spared),
        };
        let columns =
            self.known.columns.or_else(|| facts.as_ref().map(|facts| facts.facts().columns));
        let content = match self.extent {
            Extent::Parts => Content::Letter(&letter.octets, &letter.part),
            Extent::Header | Extent::Octets => Content::Header(letter.header()),
        };
        let known = Known { columns, content, ..self.known };
        // Nothing is left open once it was read.
        Ok((condition.holds(&known).unwrap_or(false), facts))
    }
}
