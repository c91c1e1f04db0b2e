//! A folder of a Maildir on this host, for commands: letters have numbers in the order in which they came to the folder,
//! and names that stay whatever becomes of their files' flags.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use postroad_catalog::pattern::Pattern;
use postroad_catalog::read::Extent;
use postroad_catalog::{
    Catalog, CatalogError, Folder as Opened, Letters, Numbered, Order, Search, Step, Who, read_some,
};
use postroad_disk::OsDisk;
use postroad_store::{
    Existence, FlagChange, FolderError, FolderName, Letter, LetterFlags,
    MailboxError as StoreMailboxError, MailboxName, Maildir, Renamed,
};

use super::{
    Edit, Entry, FLAGS, MailboxError, Mark, Missing, NUMBER_DIGITS_MAX, Remember, letters_of,
    short_id,
};
use crate::limits;
use crate::undo::{Deed, Renaming, Was};

/// What RFC 6154 §2 calls the folder that deleted letters go to, and what it is called where there is none yet.
const TRASH: (&str, &str) = ("\\Trash", "Trash");

/// A folder that was looked at.
#[derive(Debug)]
pub struct Folder {
    catalog: Arc<Catalog>,
    opened: Opened,
    /// What numbers count: sorted.
    uids: Vec<u32>,
}

impl Folder {
    /// Looks at a Maildir, or at one of its folders.
    ///
    /// # Errors
    /// Where it is none, or can't be read.
    pub fn open(root: &Path) -> Result<Self, MailboxError> {
        let (inbox, name) = place(root);
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let catalog = Arc::new(Catalog::new(Arc::new(OsDisk), inbox, &host));
        Self::look(catalog, &name).map_err(|error| match error {
            CatalogError::Mailbox(StoreMailboxError::NoMailbox { .. })
            | CatalogError::Folder(FolderError::NonExistent) => {
                MailboxError::NoMaildir { path: root.to_owned() }
            }
            error => error.into(),
        })
    }

    fn look(catalog: Arc<Catalog>, name: &MailboxName) -> Result<Self, CatalogError> {
        let mut opened = catalog.open(name)?;
        opened.refresh()?;
        let uids = opened.uids();
        Ok(Self { catalog, opened, uids })
    }

    /// All folders of the Maildir, the inbox first.
    pub(crate) fn all(&self) -> Result<Vec<MailboxName>, MailboxError> {
        let listed = self.catalog.folders()?;
        Ok(listed
            .into_iter()
            .filter(|folder| folder.existence == Existence::Exists)
            .map(|folder| folder.name)
            .collect())
    }

    /// Looks at another folder of the Maildir.
    pub(crate) fn other(&self, name: &MailboxName) -> Result<Self, MailboxError> {
        Ok(Self::look(Arc::clone(&self.catalog), name)?)
    }

    /// Looks at another folder of the Maildir, by what people call it.
    pub(super) fn called(&self, name: &str) -> Result<Self, MailboxError> {
        Self::look(Arc::clone(&self.catalog), &name_of(name)?).map_err(|error| match error {
            CatalogError::Folder(FolderError::NonExistent) => {
                MailboxError::NoFolder { name: name.to_owned() }
            }
            error => error.into(),
        })
    }

    /// Begins to look for letters, the newest first.
    pub(crate) fn search(&mut self, pattern: &Pattern, who: &Who) -> Search {
        let uids = self.uids.iter().rev().copied().collect();
        let numbered = Numbered::Back(self.uids.len().saturating_sub(1));
        let letters = Letters { uids, numbered, ..Letters::default() };
        Search::new(&mut self.opened, pattern, who, letters)
    }

    /// Goes on with it: letters that were found, and how far it is.
    pub(crate) fn search_on(&mut self, search: &mut Search) -> (Vec<Entry>, Step) {
        let step = search.step(&mut self.opened);
        let number = |uid: &u32| Some(self.uids.binary_search(uid).ok()? + 1);
        let numbers: Vec<usize> = step.found.iter().filter_map(number).collect();
        (numbers.into_iter().filter_map(|number| self.entry(number)).collect(), step)
    }

    /// Letters by their numbers as conversations have them, which are in the order in which they began, and how deep each stands
    /// in its own. Headers that nobody has read yet are read.
    pub(crate) fn threads(&mut self) -> Vec<(usize, u8)> {
        loop {
            let uids = self.opened.unknown(limits::HEADERS_TOGETHER);
            if uids.is_empty() {
                break;
            }
            let read = read_some(&self.opened.letter_files(&uids), Extent::Header);
            let read: Vec<_> =
                read.into_iter().filter_map(|(uid, read)| Some((uid, read.ok()?))).collect();
            self.opened.remember(&read);
        }
        let heads = self.opened.heads(Order::Threads);
        let number = |uid: u32| Some(self.uids.binary_search(&uid).ok()? + 1);
        heads.iter().filter_map(|head| Some((number(head.uid)?, head.depth))).collect()
    }

    /// Indexes the texts of letters; `tell` hears that it takes a while.
    pub(crate) fn index(&mut self, tell: &mut dyn FnMut()) -> Result<(), MailboxError> {
        let mut told = false;
        Ok(self.opened.index(limits::INDEXED_TOGETHER_MIN, &mut |done, exists| {
            if !told && done < exists {
                told = true;
                tell();
            }
        })?)
    }

    pub(super) fn len(&self) -> usize {
        self.uids.len()
    }

    /// The letter of a number, where there is one.
    pub(crate) fn entry(&mut self, number: usize) -> Option<Entry> {
        let uid = *self.uids.get(number.checked_sub(1)?)?;
        let name = text(&self.opened.identity(uid)?);
        let flags = self.opened.flags(uid)?;
        let (seconds, micros) = self.opened.arrival(uid)?;
        let arrived = Timestamp::from_microsecond(micros_since(seconds, micros)).ok();
        Some(Entry {
            number,
            id: short_id(&name),
            flags: letters_of(flags),
            keywords: self.opened.keywords(uid),
            // One that is gone is said to be gone when it is read.
            octets: self.opened.file_octets(uid).unwrap_or_default(),
            arrived: arrived.filter(|_| seconds > 0),
            name,
        })
    }

    /// The letter that `key` means, as [`super::Mailbox::find`] says.
    pub(super) fn find(&mut self, key: &str) -> Result<Entry, MailboxError> {
        let unknown = || MailboxError::Unknown { key: key.to_owned() };
        let is_number = key.len() <= NUMBER_DIGITS_MAX && key.bytes().all(|it| it.is_ascii_digit());
        let number = match key {
            "" => return Err(unknown()),
            "latest" => self.len(),
            _ => match self.named(key) {
                Some(number) => number,
                None if is_number => key.parse().map_err(|_| unknown())?,
                None => self.with_id(&key.to_lowercase())?.ok_or_else(unknown)?,
            },
        };
        self.entry(number).ok_or_else(unknown)
    }

    /// The number of a letter whose file is called so, whatever its flags and sizes.
    fn named(&self, name: &str) -> Option<usize> {
        let uid = self.opened.find(identity(name).as_bytes())?;
        Some(self.uids.binary_search(&uid).ok()? + 1)
    }

    /// The number of the one letter whose id begins so.
    fn with_id(&self, begin: &str) -> Result<Option<usize>, MailboxError> {
        let is_it = |uid: u32| {
            let identity = self.opened.identity(uid).unwrap_or_default();
            short_id(&text(&identity)).starts_with(begin)
        };
        let mut fitting = self.uids.iter().enumerate().filter(|(_, uid)| is_it(**uid));
        match (fitting.next(), fitting.next()) {
            (Some(_), Some(_)) => Err(MailboxError::Ambiguous { key: begin.to_owned() }),
            (found, _) => Ok(found.map(|(index, _)| index + 1)),
        }
    }

    /// The letter of an entry, which may be of another look at the folder.
    fn uid(&self, entry: &Entry) -> Result<u32, MailboxError> {
        let is_it = |uid: &u32| {
            let identity = self.opened.identity(*uid);
            identity.is_some_and(|it| text(&it) == entry.name)
        };
        let at = entry.number.checked_sub(1).and_then(|index| self.uids.get(index));
        let found = at.filter(|uid| is_it(uid)).or_else(|| self.uids.iter().find(|uid| is_it(uid)));
        found.copied().ok_or_else(|| MailboxError::Unknown { key: entry.id.clone() })
    }

    pub(crate) fn header(&mut self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        let letter = self.letter(entry)?;
        read(&letter, limits::HEADER_OCTETS_MAX)
    }

    pub(super) fn message(&mut self, entry: &Entry) -> Result<Vec<u8>, MailboxError> {
        let letter = self.letter(entry)?;
        let octets = letter.octets();
        if octets > limits::MESSAGE_OCTETS_MAX {
            return Err(MailboxError::TooLarge { id: entry.id.clone(), octets });
        }
        read(&letter, octets)
    }

    fn letter(&mut self, entry: &Entry) -> Result<Letter, MailboxError> {
        let uid = self.uid(entry)?;
        self.opened.open_letter(uid).map_err(|error| match error.is_gone() {
            true => MailboxError::Unknown { key: entry.id.clone() },
            false => error.into(),
        })
    }

    pub(super) fn mark(&mut self, entry: &Entry, mark: Mark) -> Result<(), MailboxError> {
        let uid = self.uid(entry)?;
        self.opened.set_flags(&[uid], FlagChange::Add(mark.flag()))?;
        Ok(())
    }

    /// Gives letters flags, and takes some away.
    pub(crate) fn tag(
        &mut self,
        entries: &[Entry],
        edit: &Edit,
        remember: Remember<'_>,
    ) -> Result<(), MailboxError> {
        let uids = self.uids_of(entries)?;
        // Those that can't be are said before anything is done.
        let add = edit.add.and(self.keyword_flags(&edit.add_keywords)?);
        let remove = edit.remove.and(self.keyword_flags(&edit.remove_keywords)?);
        let letters = entries.iter().map(|entry| match edit.has_keywords() {
            true => Was::with_keywords(entry),
            false => Was::of(entry),
        });
        remember(Deed::Flagged { folder: self.path().to_owned(), letters: letters.collect() });
        for change in [FlagChange::Remove(remove), FlagChange::Add(add)] {
            self.opened.set_flags(&uids, change)?;
        }
        Ok(())
    }

    fn keyword_flags(&mut self, keywords: &[String]) -> Result<LetterFlags, MailboxError> {
        match self.opened.keyword_flags(keywords) {
            Err(CatalogError::Mailbox(StoreMailboxError::NoKeyword { name })) => {
                Err(MailboxError::NoKeyword { name })
            }
            flags => Ok(flags?),
        }
    }

    /// Moves letters to the Trash; those that are there already are removed.
    pub(super) fn delete(
        &mut self,
        entries: &[Entry],
        remember: Remember<'_>,
    ) -> Result<(), MailboxError> {
        if entries.is_empty() {
            return Ok(());
        }
        let trash = self.catalog.folder_for(TRASH.0, TRASH.1)?;
        if trash == *self.opened.name() {
            let uids = self.uids_of(entries)?;
            self.opened.expunge(&uids)?;
            return Ok(());
        }
        let mut trash = self.catalog.open(&trash)?;
        let there = self.move_into(entries, &mut trash, remember)?;
        trash.set_flags(&there, FlagChange::Add(LetterFlags::SEEN))?;
        Ok(())
    }

    /// The same as [`Folder::move_to`], by what people call the folder.
    pub(super) fn move_to_named(
        &mut self,
        entries: &[Entry],
        to: &str,
        missing: Missing,
        remember: Remember<'_>,
    ) -> Result<bool, MailboxError> {
        self.move_to(entries, &name_of(to)?, missing, remember)
    }

    /// Moves letters into another folder of the Maildir; `false` where there is none, and none is to be made.
    pub(crate) fn move_to(
        &mut self,
        entries: &[Entry],
        to: &MailboxName,
        missing: Missing,
        remember: Remember<'_>,
    ) -> Result<bool, MailboxError> {
        let mut to = match self.catalog.open(to) {
            Err(CatalogError::Folder(FolderError::NonExistent)) => match missing {
                Missing::Refused => return Ok(false),
                Missing::Made => {
                    self.catalog.make(to)?;
                    self.catalog.open(to)?
                }
            },
            opened => opened?,
        };
        self.move_into(entries, &mut to, remember)?;
        Ok(true)
    }

    /// Gives their numbers there.
    fn move_into(
        &mut self,
        entries: &[Entry],
        to: &mut Opened,
        remember: Remember<'_>,
    ) -> Result<Vec<u32>, MailboxError> {
        let uids = self.uids_of(entries)?;
        let flags: HashMap<&str, &str> =
            entries.iter().map(|entry| (entry.name.as_str(), entry.flags.as_str())).collect();
        let was = |(name, now): &Renamed| {
            let (name, now) = (text(name), text(now));
            let flags = flags.get(name.as_str()).copied().unwrap_or_default().to_owned();
            Was { now: Some(now).filter(|now| *now != name), name, flags, keywords: None }
        };
        let (from, into) = (self.path().to_owned(), to.place().root().to_owned());
        let moved = self.opened.move_told(&uids, to, &mut |renamed| {
            let letters = renamed.iter().map(was).collect();
            remember(Deed::Moved { from: from.clone(), to: into.clone(), letters });
        })?;
        Ok(moved.into_iter().map(|(_, uid)| uid).collect())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.opened.place().root()
    }

    fn uids_of(&self, entries: &[Entry]) -> Result<Vec<u32>, MailboxError> {
        entries.iter().map(|entry| self.uid(entry)).collect()
    }

    /// Removes copies for good; says how many aren't here.
    pub(crate) fn remove(&mut self, copies: &[Was]) -> Result<usize, MailboxError> {
        let (found, missing) = find_by(&self.opened, copies.iter(), Was::name_before);
        let uids: Vec<u32> = found.iter().map(|(uid, _)| *uid).collect();
        self.opened.expunge(&uids)?;
        Ok(missing.len())
    }

    /// Gives letters the flags back that they had; says how many aren't here.
    pub(crate) fn give_flags_back(&mut self, letters: &[Was]) -> Result<usize, MailboxError> {
        let (found, missing) = find_by(&self.opened, letters.iter(), Was::name_before);
        give_flags(&mut self.opened, &found)?;
        Ok(missing.len())
    }

    /// Moves letters back into the folder that they came from, with the flags that they had; says how many aren't here, nor
    /// there. `tell` hears before that what each was called there, and what it is called next.
    pub(crate) fn move_back(
        &mut self,
        letters: &[Was],
        to: &Path,
        tell: &mut dyn FnMut(&[Renaming]),
    ) -> Result<usize, MailboxError> {
        let mut to = self.catalog.open(&place(to).1)?;
        to.refresh()?;
        let (found, missing) = find_by(&self.opened, letters.iter(), Was::name_now);
        let uids: Vec<u32> = found.iter().map(|(uid, _)| *uid).collect();
        let before: HashMap<&str, &str> =
            found.iter().map(|(_, was)| (was.name_now(), was.name_before())).collect();
        let moved = self.opened.move_told(&uids, &mut to, &mut |renamed| {
            let pair = |(now, next): &Renamed| {
                Some(((*before.get(text(now).as_str())?).to_owned(), text(next)))
            };
            tell(&renamed.iter().filter_map(pair).collect::<Vec<_>>());
        })?;
        let found: HashMap<u32, &Was> = found.into_iter().collect();
        let moved = moved.into_iter().filter_map(|(old, new)| Some((new, *found.get(&old)?)));
        let moved: Vec<(u32, &Was)> = moved.collect();
        give_flags(&mut to, &moved)?;
        // Some were never moved, or a crash came between moving them back and forgetting it.
        let (_, missing) = find_by(&to, missing.into_iter(), Was::name_before);
        Ok(missing.len() + found.len() - moved.len())
    }
}

/// A letter as it is before something is done to it; nothing of one that is gone.
pub(crate) fn was(folder: &Opened, uid: u32) -> Option<Was> {
    let flags = letters_of(folder.flags(uid)?);
    let name = text(&folder.identity(uid)?);
    Some(Was { name, now: None, flags, keywords: None })
}

/// Letters of a folder by a name, and those that aren't there.
fn find_by<'w>(
    folder: &Opened,
    letters: impl Iterator<Item = &'w Was>,
    name: impl Fn(&Was) -> &str,
) -> (Vec<(u32, &'w Was)>, Vec<&'w Was>) {
    let names = folder.uids().into_iter().filter_map(|uid| Some((folder.identity(uid)?, uid)));
    let names: HashMap<Vec<u8>, u32> = names.collect();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for was in letters {
        match names.get(identity(name(was)).as_bytes()) {
            Some(uid) => found.push((*uid, was)),
            None => missing.push(was),
        }
    }
    (found, missing)
}

/// Gives letters the flags that they had; and the keywords, where those were changed.
fn give_flags(folder: &mut Opened, letters: &[(u32, &Was)]) -> Result<(), MailboxError> {
    let mut by_flags: HashMap<&str, Vec<u32>> = HashMap::new();
    for (uid, was) in letters {
        by_flags.entry(was.flags.as_str()).or_default().push(*uid);
    }
    for (letters, uids) in by_flags {
        let (had, not) = FLAGS.iter().partition(|(_, letter)| letters.contains(*letter));
        let all = |flags: Vec<&(LetterFlags, char)>| {
            flags.into_iter().fold(LetterFlags::default(), |all, (flag, _)| all.and(*flag))
        };
        for change in [FlagChange::Remove(all(not)), FlagChange::Add(all(had))] {
            folder.set_flags(&uids, change)?;
        }
    }
    for (uid, keywords) in
        letters.iter().filter_map(|(uid, was)| Some((*uid, was.keywords.as_ref()?)))
    {
        let now = folder.keywords(uid);
        let (now, had) = (folder.keyword_flags(&now)?, folder.keyword_flags(keywords)?);
        for change in [FlagChange::Remove(now.without(had)), FlagChange::Add(had)] {
            folder.set_flags(&[uid], change)?;
        }
    }
    Ok(())
}

/// Whether a Maildir has a letter. Nothing is opened, and nothing made: `mail -e` is asked by scripts, of any mailbox.
///
/// # Errors
/// Where it is none, or can't be read.
pub(super) fn has_letters(root: &Path) -> Result<bool, MailboxError> {
    // The crate says "empty" where it may not look.
    for part in ["new", "cur"] {
        let path = root.join(part);
        match std::fs::read_dir(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(MailboxError::NoMaildir { path: root.to_owned() });
            }
            Err(source) => return Err(MailboxError::Disk { operation: "list", path, source }),
        }
    }
    let maildir = maildir::Maildir::from(root.to_owned());
    Ok(maildir.list_new().next().is_some() || maildir.list_cur().next().is_some())
}

/// The Maildir that a path is in, and which of its folders it is.
fn place(root: &Path) -> (Maildir, MailboxName) {
    let folder = || {
        let name = root.file_name()?.to_str()?.strip_prefix('.')?;
        let name = FolderName::on_disk(name).ok()?;
        let inbox = root.parent()?;
        // Maildir++: it stands in its Maildir.
        inbox.join("cur").is_dir().then(|| (Maildir::at(inbox), MailboxName::Folder(name)))
    };
    folder().unwrap_or_else(|| (Maildir::at(root), MailboxName::Inbox))
}

/// A folder's name, as people type it.
fn name_of(name: &str) -> Result<MailboxName, MailboxError> {
    let name = MailboxName::from_utf8(name).map_err(FolderError::from);
    Ok(name.map_err(CatalogError::from)?)
}

/// A file's name without what programs append to it: sizes (`,S=`) and flags.
fn identity(name: &str) -> &str {
    name.split([',', ':']).next().unwrap_or(name)
}

fn text(identity: &[u8]) -> String {
    String::from_utf8_lossy(identity).into_owned()
}

fn micros_since(seconds: u64, micros: u32) -> i64 {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    seconds.saturating_mul(1_000_000).saturating_add(i64::from(micros.min(999_999)))
}

/// The first octets of a letter, so many at most.
fn read(letter: &Letter, most: u64) -> Result<Vec<u8>, MailboxError> {
    let wanted = usize::try_from(letter.octets().min(most)).unwrap_or(usize::MAX);
    let mut octets = vec![0; wanted];
    let read = letter.read_at(&mut octets, 0).map_err(CatalogError::from)?;
    octets.truncate(read);
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maildir(files: &[(&str, &str)]) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir(dir.path().join(part)).unwrap();
        }
        for (path, content) in files {
            std::fs::write(dir.path().join(path), content).unwrap();
        }
        let folder = Folder::open(dir.path()).unwrap();
        (dir, folder)
    }

    fn entries(folder: &mut Folder) -> Vec<Entry> {
        (1..=folder.len()).filter_map(|number| folder.entry(number)).collect()
    }

    #[test]
    fn letters_are_listed_by_arrival_whatever_their_flags() {
        let (dir, mut folder) = maildir(&[
            ("cur/200.M5P1.h:2,RS", "b"),
            ("new/100.M9P1.h", "a"),
            ("cur/200.M000009P1.h", "c: without flags"),
            ("new/300.h:2,F", "d"),
            ("new/.hidden", ""),
        ]);
        let shown = |folder: &mut Folder| -> Vec<(String, String)> {
            entries(folder).into_iter().map(|entry| (entry.name, entry.flags)).collect()
        };
        let expected =
            [("100.M9P1.h", ""), ("200.M5P1.h", "RS"), ("200.M000009P1.h", ""), ("300.h", "F")];
        let expected = expected.map(|(name, flags)| (name.to_owned(), flags.to_owned()));
        assert_eq!(shown(&mut folder), expected);
        // What comes later is behind them, whenever it says that it came.
        std::fs::write(dir.path().join("new/50.h"), "e").unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        assert_eq!(shown(&mut folder).last().unwrap().0, "50.h");
        let entry = folder.find("latest").unwrap();
        assert_eq!((entry.number, entry.octets, entry.arrived.unwrap().as_second()), (5, 1, 50));
    }

    #[test]
    fn conversations_are_known_by_what_letters_name() {
        let (_root, mut folder) = maildir(&[
            ("cur/100.a.h:2,S", "Message-ID: <1@x>\nSubject: plan\nDate: 1 Jan 2024 01:00 +0000\n"),
            (
                "cur/101.b.h:2,S",
                "Message-ID: <2@x>\nSubject: lunch\nDate: 1 Jan 2024 02:00 +0000\n",
            ),
            (
                "new/102.c.h",
                "Message-ID: <3@x>\nIn-Reply-To: <1@x>\nSubject: Re: plan\nDate: 1 Jan 2024 03:00 +0000\n",
            ),
        ]);
        assert_eq!(folder.threads(), [(1, 0), (3, 1), (2, 0)]);
    }

    #[test]
    fn ids_stay_when_flags_and_sizes_in_names_change_and_marks_are_kept() {
        let (dir, mut folder) = maildir(&[("new/100.h", "a")]);
        let entry = folder.entry(1).unwrap();
        for (mark, name) in
            [(Mark::Seen, "100.h:2,S"), (Mark::Replied, "100.h:2,RS"), (Mark::Seen, "100.h:2,RS")]
        {
            folder.mark(&entry, mark).unwrap();
            assert!(dir.path().join("cur").join(name).exists(), "{name}");
        }
        let cur = |name: &str| dir.path().join("cur").join(name);
        std::fs::rename(cur("100.h:2,RS"), cur("100.h,S=1,W=1:2,FRS")).unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        for key in ["1", "latest", "100.h", "100.h,S=1:2,", entry.id.as_str(), &entry.id[..5]] {
            assert_eq!(folder.find(key).unwrap().id, entry.id, "{key}");
        }
        for key in ["0", "2", "", "zzzzzzzzz", "999999999999999999999"] {
            assert!(matches!(folder.find(key), Err(MailboxError::Unknown { .. })), "{key}");
        }
        assert_eq!(folder.message(&entry).unwrap(), b"a");
    }

    #[test]
    fn deleted_letters_are_in_the_trash() {
        let (dir, mut folder) = maildir(&[("cur/100.h:2,R", "a"), ("new/200.h", "b")]);
        folder.delete(&[], &mut |_| {}).unwrap();
        let all = entries(&mut folder);
        folder.delete(&all, &mut |_| {}).unwrap();
        assert_eq!(Folder::open(dir.path()).unwrap().len(), 0);
        let mut trash = Folder::open(&dir.path().join(".Trash")).unwrap();
        let all = entries(&mut trash);
        let flags: Vec<&str> = all.iter().map(|entry| entry.flags.as_str()).collect();
        assert_eq!(flags, ["RS", "S"]);
        trash.delete(&all, &mut |_| {}).unwrap();
        assert_eq!(Folder::open(&dir.path().join(".Trash")).unwrap().len(), 0);
        assert!(!dir.path().join(".Trash/.Trash").exists());
    }

    #[test]
    fn what_was_moved_comes_back_whatever_it_is_called_and_nothing_else_does() {
        let (dir, mut folder) = maildir(&[("cur/100.h:2,F", "a"), ("new/200.h", "b")]);
        let all = entries(&mut folder);
        let mut deeds = Vec::new();
        let to = MailboxName::from_utf8("Lists").unwrap();
        let mut remember = |deed| deeds.push(deed);
        assert!(!folder.move_to(&all, &to, Missing::Refused, &mut remember).unwrap());
        assert!(folder.move_to(&all, &to, Missing::Made, &mut remember).unwrap());
        let [Deed::Moved { from, to, letters }] = &deeds[..] else { panic!("{deeds:?}") };
        assert_eq!((from.as_path(), to.as_path()), (dir.path(), &*dir.path().join(".Lists")));
        let mut lists = Folder::open(to).unwrap();
        let there = entries(&mut lists);
        let names: Vec<&str> = there.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, letters.iter().map(Was::name_now).collect::<Vec<_>>());
        let edit = Edit { add: LetterFlags::SEEN, remove: LetterFlags::FLAGGED, ..Edit::default() };
        lists.tag(&there, &edit, &mut |_| {}).unwrap();
        let mut told = Vec::new();
        let missing = lists.move_back(letters, from, &mut |names| told.extend_from_slice(names));
        assert_eq!(missing.unwrap(), 0);
        let mut folder = Folder::open(dir.path()).unwrap();
        let back: Vec<_> =
            entries(&mut folder).into_iter().map(|entry| (entry.name, entry.flags)).collect();
        let expected = [("100.h", "F"), ("200.h", "")].map(|(name, flags)| {
            let (_, now) = told.iter().find(|(before, _)| before == name).unwrap();
            (now.clone(), flags.to_owned())
        });
        assert_eq!(back, expected);
        // The same once more, as after a crash before it was forgotten: by its new name each is there already.
        let mut again = letters.clone();
        for (was, (name, _)) in again.iter_mut().zip(&expected) {
            was.name.clone_from(name);
        }
        assert_eq!(lists.move_back(&again, from, &mut |_| {}).unwrap(), 0);
        assert_eq!(lists.move_back(letters, from, &mut |_| {}).unwrap(), 2);
    }

    #[test]
    fn a_folder_that_is_none_is_said_to_be_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Folder::open(dir.path()), Err(MailboxError::NoMaildir { .. })));
        assert!(matches!(has_letters(dir.path()), Err(MailboxError::NoMaildir { .. })));
        let (dir, mut folder) = maildir(&[("new/100.h", "a")]);
        assert!(has_letters(dir.path()).unwrap());
        let entry = folder.entry(1).unwrap();
        std::fs::remove_file(dir.path().join("new/100.h")).unwrap();
        assert!(matches!(folder.message(&entry), Err(MailboxError::Unknown { .. })));
        assert!(!has_letters(dir.path()).unwrap());
        std::fs::write(dir.path().join("cur/200.h"), "without flags").unwrap();
        assert!(has_letters(dir.path()).unwrap());
    }
}
