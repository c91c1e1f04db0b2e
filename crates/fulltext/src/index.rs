//! The file of a folder, open.
//!
//! | who | how |
//! |---|---|
//! | readers, any number | without a lock; what is appended meanwhile is seen at [`Index::refresh`] |
//! | a writer at a time | holds the file's lock (fcntl(2)) while it appends; who doesn't get it writes nothing |
//! | [`Index::tidy`] | writes the file anew, without letters that are gone, and renames it over the old one, of which readers keep the rest |

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use postroad_disk::{Disk, DiskError, DiskFile};
use postroad_message::Needle;
use postroad_store::{CacheKey, Maildir};

use crate::Batch;
use crate::limits::{GONE_TO_SPARE, LETTERS_MAX, SEGMENT_LETTERS_MAX, SMALL_SEGMENTS_TO_SPARE};
use crate::rows;
use crate::segment::{self, GROUP_ROWS, GROUPS, Group, HEAD_OCTETS, Segment};

/// The file's name in a folder.
pub const FILE: &str = "postroad-text";

/// What is known of the texts of a folder's letters.
#[derive(Debug)]
pub struct Index {
    disk: Arc<dyn Disk>,
    folder: Maildir,
    key: CacheKey,
    /// What is read from; `None` where there is none of ours.
    file: Option<Box<dyn DiskFile>>,
    /// The file's number: a new one has come to its place when it is another.
    number: u64,
    /// How far it was read and is right.
    end: u64,
    segments: Vec<Segment>,
}

/// Whether all was told that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was.
    All,
    /// The file was damaged, and is gone: its letters are unknown from now on.
    Damaged,
}

/// Whether something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was, or there was nothing to write.
    All,
    /// Somebody else is writing, and ours isn't.
    NotOurTurn,
}

impl Index {
    /// The index of a folder: an empty one where there is none that is right. It is made when something is written.
    ///
    /// # Errors
    /// What the disk said; then letters have to be read, and that is all.
    pub fn open(disk: Arc<dyn Disk>, folder: &Maildir, key: CacheKey) -> Result<Self, DiskError> {
        let mut index = Self {
            disk,
            folder: folder.clone(),
            key,
            file: None,
            number: 0,
            end: 0,
            segments: Vec::new(),
        };
        index.refresh()?;
        Ok(index)
    }

    /// The index that a folder has, whosever letters it knows; `None` where there is none of ours.
    ///
    /// # Errors
    /// What the disk said.
    pub fn found(disk: Arc<dyn Disk>, folder: &Maildir) -> Result<Option<Self>, DiskError> {
        let mut head = [0; HEAD_OCTETS];
        match disk.open_read(&folder.root().join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?.read_at(&mut head, 0)?,
        };
        segment::key_of(&head).map(|key| Self::open(disk, folder, key)).transpose()
    }

    /// Looks at all of a folder's index, and removes it where it is damaged: it comes again as letters are indexed.
    ///
    /// # Errors
    /// What the disk said.
    pub fn mend(disk: Arc<dyn Disk>, folder: &Maildir) -> Result<Told, DiskError> {
        let path = folder.root().join(FILE);
        let length = match disk.stat(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Told::All),
            stat => stat?.octets,
        };
        let found = Self::found(Arc::clone(&disk), folder)?;
        if found.is_some_and(|index| index.end >= length && index.is_sound().is_ok_and(|it| it)) {
            return Ok(Told::All);
        }
        disk.remove(&path)?;
        Ok(Told::Damaged)
    }

    fn is_sound(&self) -> Result<bool, DiskError> {
        let Some(file) = self.file.as_deref() else { return Ok(false) };
        for segment in &self.segments {
            if !segment.is_sound(file)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whose letters it knows.
    pub fn key(&self) -> CacheKey {
        self.key
    }

    /// Takes up what others have written since.
    ///
    /// # Errors
    /// What the disk said.
    pub fn refresh(&mut self) -> Result<(), DiskError> {
        match self.disk.stat(&self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.forget();
                Ok(())
            }
            Ok(stat) if self.file.is_some() && stat.number == self.number => self.read_on(),
            Ok(stat) => self.reopen(stat.number),
            Err(error) => Err(error),
        }
    }

    /// How many letters it knows; one that is in two segments counts twice.
    pub fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.uids.len()).sum()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Those of the letters that it doesn't know, in their order.
    pub fn unknown(&self, uids: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut known: Vec<u32> =
            self.segments.iter().flat_map(|segment| &segment.uids).copied().collect();
        known.sort_unstable();
        uids.into_iter().filter(|uid| known.binary_search(uid).is_err()).collect()
    }

    /// Tells each letter that certainly hasn't got the needle, neither in its body nor in a field. What was told before
    /// damage was seen is right.
    ///
    /// # Errors
    /// What the disk said: then no more are told.
    pub fn lacking(
        &mut self,
        needle: &Needle,
        mut each: impl FnMut(u32),
    ) -> Result<Told, DiskError> {
        let rows = rows::asked(needle);
        let Some(file) = self.file.as_deref().filter(|_| !rows.is_empty()) else {
            return Ok(Told::All);
        };
        for segment in &self.segments {
            let Some(may_have) = segment.with_all(file, &rows)? else {
                self.forget();
                self.disk.remove(&self.path())?;
                return Ok(Told::Damaged);
            };
            let places = segment.uids.iter().enumerate();
            places.filter(|(place, _)| !may_have.has(*place)).for_each(|(_, uid)| each(*uid));
        }
        Ok(Told::All)
    }

    /// Adds letters. They are forgotten where that can't be: they are as they were, unknown.
    ///
    /// # Errors
    /// What the disk said.
    pub fn add(&mut self, batch: &Batch) -> Result<Written, DiskError> {
        if batch.is_empty() {
            return Ok(Written::All);
        }
        let Some(mut file) = self.locked()? else { return Ok(Written::NotOurTurn) };
        if self.unknown(batch.uids().iter().copied()).is_empty() {
            // Somebody else was quicker.
            return Ok(Written::All);
        }
        if file.len()? > self.end {
            // A torn tail: what is behind it would never be found.
            file.truncate(self.end)?;
        }
        file.write_all_at(&[&batch.segment()], self.end)?;
        self.read_on()?;
        Ok(Written::All)
    }

    /// Writes the file anew, without letters that aren't there any more and segments that are small, if that is worth
    /// it.
    ///
    /// # Errors
    /// What the disk said; the file is as it was.
    pub fn tidy(&mut self, is_there: impl Fn(u32) -> bool) -> Result<Written, DiskError> {
        if !self.is_untidy(&is_there) {
            return Ok(Written::All);
        }
        let Some(_locked) = self.locked()? else { return Ok(Written::NotOurTurn) };
        let by = self.by();
        // The file beside it is nobody's where that failed.
        let new = self.write_anew(&by, is_there);
        match new.and_then(|()| self.disk.rename(&by, &self.path())) {
            Ok(()) => self.refresh().map(|()| Written::All),
            Err(error) => {
                let _ = self.disk.remove(&by);
                Err(error)
            }
        }
    }

    fn is_untidy(&self, is_there: impl Fn(u32) -> bool) -> bool {
        let uids = self.segments.iter().flat_map(|segment| &segment.uids);
        let letters = self.len();
        let gone = uids.filter(|uid| !is_there(**uid)).count();
        let needed = letters.div_ceil(SEGMENT_LETTERS_MAX);
        gone > letters / 4 && (gone >= GONE_TO_SPARE || gone == letters)
            || self.segments.len() > needed + needed / 4 + SMALL_SEGMENTS_TO_SPARE
    }

    fn path(&self) -> PathBuf {
        self.folder.root().join(FILE)
    }

    /// A name in tmp/, where what a crash leaves is swept.
    fn by(&self) -> PathBuf {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Where a number of a process comes again, the name is taken, and we try another time.
        self.folder.root().join("tmp").join(format!("{FILE}.{}.{count}", std::process::id()))
    }

    /// Reads the file that is there now.
    fn reopen(&mut self, number: u64) -> Result<(), DiskError> {
        self.forget();
        let file = self.disk.open_read(&self.path())?;
        let mut head = [0; HEAD_OCTETS];
        if file.read_at(&mut head, 0)? == HEAD_OCTETS && head == segment::file_head(self.key) {
            (self.file, self.number, self.end) = (Some(file), number, HEAD_OCTETS as u64);
            self.read_on()?;
        }
        Ok(())
    }

    fn forget(&mut self) {
        (self.file, self.number, self.end) = (None, 0, 0);
        self.segments.clear();
    }

    /// Reads the segments behind those that were read.
    fn read_on(&mut self) -> Result<(), DiskError> {
        let Some(file) = &self.file else { return Ok(()) };
        let length = file.len()?;
        if length < self.end {
            // Somebody has cut it off.
            return self.reopen(self.number);
        }
        while self.len() < LETTERS_MAX
            && let Some(segment) = Segment::read(file.as_ref(), self.end, length)?
        {
            self.end = segment.end();
            self.segments.push(segment);
        }
        Ok(())
    }

    /// The file, locked, with all that it holds known; `None` where it is somebody else's turn.
    fn locked(&mut self) -> Result<Option<Box<dyn DiskFile>>, DiskError> {
        let path = self.path();
        let mut file = match self.disk.open_locked(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create()?;
                self.disk.open_locked(&path)
            }
            file => file,
        };
        if file.is_ok() {
            self.refresh()?;
            if self.file.is_none() {
                // Another mailbox's, or of no version that we know.
                self.create_over()?;
                file = self.disk.open_locked(&path);
                self.refresh()?;
            }
        }
        match file {
            Ok(file) => Ok(self.file.is_some().then_some(file)),
            Err(error) if is_taken(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an empty one, unless somebody else just does.
    fn create(&self) -> Result<(), DiskError> {
        let by = self.by();
        self.write_head(&by)?;
        match self.disk.rename_noreplace(&by, &self.path()) {
            Err(error) => {
                let _ = self.disk.remove(&by);
                if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
            }
            Ok(()) => Ok(()),
        }
    }

    /// Makes an empty one in place of one that is none of ours.
    fn create_over(&self) -> Result<(), DiskError> {
        let by = self.by();
        self.write_head(&by)?;
        self.disk.rename(&by, &self.path())
    }

    fn write_head(&self, by: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        let mut file = self.disk.create_new(by)?;
        file.write_all_at(&[&segment::file_head(self.key)], 0)?;
        Ok(file)
    }

    /// Writes all that is there into another file.
    fn write_anew(&self, by: &Path, is_there: impl Fn(u32) -> bool) -> Result<(), DiskError> {
        let mut new = self.write_head(by)?;
        let mut end = HEAD_OCTETS as u64;
        let Some(old) = self.file.as_deref() else { return Ok(()) };
        let (mut batch, mut written) = (Batch::new(SEGMENT_LETTERS_MAX), HashSet::new());
        for segment in &self.segments {
            let kept = |(_, uid): &(usize, u32)| is_there(*uid) && written.insert(*uid);
            let letters = segment.uids.iter().copied().enumerate();
            let mut kept: Vec<(usize, u32)> = letters.filter(kept).collect();
            while !kept.is_empty() {
                let count = kept.len().min(batch.room());
                let some: Vec<_> = kept.drain(..count).collect();
                copy(old, segment, &some, &mut batch)?;
                if batch.is_full() {
                    end += write(new.as_mut(), &mut batch, end)?;
                }
            }
        }
        write(new.as_mut(), &mut batch, end)?;
        Ok(())
    }
}

/// Appends a batch, which is empty then; gives its octets.
fn write(file: &mut dyn DiskFile, batch: &mut Batch, end: u64) -> Result<u64, DiskError> {
    if batch.is_empty() {
        return Ok(0);
    }
    let octets = batch.segment();
    file.write_all_at(&[&octets], end)?;
    batch.clear();
    Ok(octets.len() as u64)
}

/// Adds letters of a segment to a batch that has room for them; of one that is damaged, none.
fn copy(
    file: &dyn DiskFile,
    segment: &Segment,
    letters: &[(usize, u32)],
    batch: &mut Batch,
) -> Result<(), DiskError> {
    let before = batch.len();
    let mut to = vec![None; segment.uids.len()];
    for (from, uid) in letters {
        let place = batch.begin(*uid);
        if let (Some(to), Some(place)) = (to.get_mut(*from), place) {
            *to = Some(place);
            if segment.always.has(*from) {
                batch.set_always(place);
            }
        }
    }
    let mut group = Group::default();
    for number in 0..GROUPS {
        let is_right = group.read(file, segment, number)?;
        for within in 0..GROUP_ROWS {
            let row = group.row(within, segment.uids.len()).filter(|_| is_right);
            let Some(row) = row else {
                batch.forget_from(before);
                return Ok(());
            };
            let places = row.places().filter_map(|from| *to.get(from)?);
            places.for_each(|place| batch.set(place, number * GROUP_ROWS + within));
        }
    }
    Ok(())
}

/// Whether somebody else writes. Where there are no locks, nobody does.
fn is_taken(error: &DiskError) -> bool {
    let no_locks = [rustix::io::Errno::NOLCK, rustix::io::Errno::NOSYS].map(|it| it.raw_os_error());
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotFound | io::ErrorKind::Unsupported
    ) || error.source.raw_os_error().is_some_and(|number| no_locks.contains(&number))
}
