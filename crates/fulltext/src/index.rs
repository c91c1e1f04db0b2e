//! The file of a folder, open.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use postroad_disk::{Disk, DiskError, DiskFile};
use postroad_message::Needle;
use postroad_store::{Appended, AppendedFile, CacheKey, Maildir, Written};

use crate::Batch;
use crate::limits::{GONE_TO_SPARE, LETTERS_MAX, SEGMENT_LETTERS_MAX, SMALL_SEGMENTS_TO_SPARE};
use crate::rows;
use crate::segment::{self, GROUP_ROWS, GROUPS, Group, HEAD_OCTETS, Segment};

/// The file's name in a folder.
pub const FILE: &str = "postroad-text";

/// What is known of the texts of a folder's letters.
#[derive(Debug)]
pub struct Index {
    key: CacheKey,
    file: AppendedFile<Segments>,
}

#[derive(Debug, Default)]
struct Segments(Vec<Segment>);

impl Appended for Segments {
    fn read_on(
        &mut self,
        file: &dyn DiskFile,
        mut end: u64,
        length: u64,
    ) -> Result<u64, DiskError> {
        while self.letters() < LETTERS_MAX
            && let Some(segment) = Segment::read(file, end, length)?
        {
            end = segment.end();
            self.0.push(segment);
        }
        Ok(end)
    }
}

impl Segments {
    fn letters(&self) -> usize {
        self.0.iter().map(|segment| segment.uids.len()).sum()
    }

    /// The UIDs of all, sorted; a letter that is in two segments is there twice.
    fn uids(&self) -> Vec<u32> {
        // Mostly each segment is before or behind another: so they are put in order, and there is nothing left to sort.
        let mut segments: Vec<&[u32]> = self.0.iter().map(|segment| &*segment.uids).collect();
        segments.sort_unstable_by_key(|uids| uids.first().copied());
        let mut uids = segments.concat();
        if !uids.is_sorted() {
            uids.sort_unstable();
        }
        uids
    }

    fn is_untidy(&self, there: &[u32]) -> bool {
        let letters = self.letters();
        let gone = without(&self.uids(), there).count();
        let needed = letters.div_ceil(SEGMENT_LETTERS_MAX);
        gone > letters / 4 && (gone >= GONE_TO_SPARE || gone == letters)
            || self.0.len() > needed + needed / 4 + SMALL_SEGMENTS_TO_SPARE
    }

    /// Writes all that is there into another file.
    fn write_anew(
        &self,
        old: &dyn DiskFile,
        new: &mut dyn DiskFile,
        there: &[u32],
    ) -> Result<(), DiskError> {
        let mut end = HEAD_OCTETS as u64;
        let (mut batch, mut written) = (Batch::new(SEGMENT_LETTERS_MAX), HashSet::new());
        for segment in &self.0 {
            let kept =
                |(_, uid): &(usize, u32)| there.binary_search(uid).is_ok() && written.insert(*uid);
            let letters = segment.uids.iter().copied().enumerate();
            let mut kept: Vec<(usize, u32)> = letters.filter(kept).collect();
            while !kept.is_empty() {
                let count = kept.len().min(batch.room());
                let some: Vec<_> = kept.drain(..count).collect();
                copy(old, segment, &some, &mut batch)?;
                if batch.is_full() {
                    end += write(new, &mut batch, end)?;
                }
            }
        }
        write(new, &mut batch, end)?;
        Ok(())
    }
}

/// Whether all was told that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was.
    All,
    /// The file was damaged, and is gone: its letters are unknown from now on.
    Damaged,
}

impl Index {
    /// The index of a folder: an empty one where there is none that is right. It is made when something is written.
    ///
    /// # Errors
    /// What the disk said; then letters have to be read, and that is all.
    pub fn open(disk: Arc<dyn Disk>, folder: &Maildir, key: CacheKey) -> Result<Self, DiskError> {
        let head = segment::file_head(key).to_vec();
        Ok(Self { key, file: AppendedFile::open(disk, folder, FILE, head)? })
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
        if found.is_some_and(|mut index| {
            index.file.end() >= length && index.is_sound().is_ok_and(|it| it)
        }) {
            return Ok(Told::All);
        }
        disk.remove(&path)?;
        Ok(Told::Damaged)
    }

    fn is_sound(&mut self) -> Result<bool, DiskError> {
        let Some((file, segments)) = self.file.parts() else { return Ok(false) };
        for segment in &segments.0 {
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
        self.file.refresh()
    }

    /// How many letters it knows; one that is in two segments counts twice.
    pub fn len(&self) -> usize {
        self.file.known().letters()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.file.known().0.is_empty()
    }

    /// Those of the letters (sorted) that it doesn't know.
    pub fn unknown(&self, uids: &[u32]) -> Vec<u32> {
        without(uids, &self.file.known().uids()).collect()
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
        let Some((file, segments)) = self.file.parts().filter(|_| !rows.is_empty()) else {
            return Ok(Told::All);
        };
        for segment in &segments.0 {
            let Some(may_have) = segment.with_all(file, &rows)? else {
                self.file.remove()?;
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
        self.file.append(|known, file, end| {
            // Else somebody was quicker.
            let known: HashSet<u32> = known.uids().into_iter().collect();
            if batch.uids().iter().any(|uid| !known.contains(uid)) {
                file.write_all_at(&[&batch.segment()], end)?;
            }
            Ok(end)
        })
    }

    /// Writes the file anew, without letters that aren't among these (sorted) any more and segments that are small, if that
    /// is worth it.
    ///
    /// # Errors
    /// What the disk said; the file is as it was.
    pub fn tidy(&mut self, there: &[u32]) -> Result<Written, DiskError> {
        match self.file.known().is_untidy(there) {
            true => self.file.write_anew(|known, old, new| known.write_anew(old, new, there)),
            false => Ok(Written::All),
        }
    }
}

/// Those that aren't among others; both are sorted.
fn without<'u>(uids: &'u [u32], others: &'u [u32]) -> impl Iterator<Item = u32> + 'u {
    let mut others = others.iter().peekable();
    uids.iter().copied().filter(move |uid| {
        while others.next_if(|other| **other < *uid).is_some() {}
        others.peek().is_none_or(|other| **other != *uid)
    })
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
