//! What a search wants of a folder: what is known of letters without reading them, and the index of their texts.

use postroad_fulltext::SEGMENT_LETTERS_MAX;
use postroad_message::Needle;
use postroad_store::{Columns, Facts};

use super::{Folder, Kind, marks};
use crate::error::CatalogError;
use crate::index::ToIndex;
use crate::order::Marks;

impl Folder {
    /// What a list marks a letter with.
    pub fn marks(&self, uid: u32) -> Option<Marks> {
        let (flags, is_new) = match &self.kind {
            Kind::Kept(kept) => {
                let entry = kept.mailbox.entry(uid)?;
                (entry.flags(), entry.is_new())
            }
            Kind::Plain(plain, _) => {
                let stored = plain.get(uid)?;
                (stored.flags(), stored.is_new())
            }
        };
        Some(marks(flags).and(if is_new { Marks::NEW } else { Marks::default() }))
    }

    /// Lengths and dates of a letter, where they are remembered.
    pub(crate) fn columns(&mut self, uid: u32) -> Option<Columns> {
        if let Kind::Kept(kept) = &mut self.kind {
            let (mailbox, cache) = kept.parts();
            let entry = mailbox.entry(uid)?;
            let cached = cache.and_then(|it| it.columns(uid, entry.identity()));
            if cached.is_some() {
                return cached;
            }
        }
        self.apart.columns(uid)
    }

    /// Whether there may be a cache, and nobody has asked for it yet.
    pub(crate) fn is_cache_closed(&self) -> bool {
        matches!(&self.kind, Kind::Kept(kept) if kept.is_closed())
    }

    /// Looks at what the cache has of a letter.
    pub(crate) fn with_facts<T>(
        &mut self,
        uid: u32,
        look: impl FnOnce(&Facts<'_>) -> T,
    ) -> Option<T> {
        let Kind::Kept(kept) = &mut self.kind else { return None };
        let (mailbox, cache) = kept.parts();
        let entry = mailbox.entry(uid)?;
        cache?.get(uid, entry.identity()).map(|facts| look(&facts))
    }

    /// Tells each letter that certainly hasn't got a text, neither in its body nor in a field nor as a file's name; none where
    /// there is no index that can be used.
    pub(crate) fn lacking(&mut self, needle: &Needle, each: &mut dyn FnMut(u32)) {
        if let Kind::Kept(kept) = &mut self.kind
            && let Some(index) = kept.index()
        {
            // Where it is damaged, or can't be read, letters that aren't told are read.
            let _ = index.lacking(needle, each);
        }
    }

    /// The newest letters that the index of texts doesn't know, to be indexed without the folder at hand; `None` where
    /// those are fewer than `least`, and where there is no index.
    pub fn to_index(&mut self, least: usize) -> Option<ToIndex> {
        let Kind::Kept(kept) = &mut self.kind else { return None };
        let uids: Vec<u32> = kept.mailbox.entries().map(|entry| entry.uid()).collect();
        let unknown = kept.index()?.unknown(&uids);
        if unknown.len() < least.max(1) {
            // What has gone goes, and small pieces become large ones; where that can't be, it is as it was.
            let _ = kept.index()?.tidy(&uids);
            return None;
        }
        let index = kept.another_index().ok()?;
        let from = unknown.len().saturating_sub(SEGMENT_LETTERS_MAX);
        let files = self.letter_files(unknown.get(from..).unwrap_or_default());
        Some(ToIndex::new(index, files))
    }

    /// Indexes all letters but the last few, fewer than `least`; `tell` hears how many are known of how many. Blocks, for
    /// long.
    ///
    /// # Errors
    /// What the disk said of the index.
    pub fn index(
        &mut self,
        least: usize,
        tell: &mut dyn FnMut(usize, usize),
    ) -> Result<(), CatalogError> {
        let mut done = 0;
        while let Some(some) = self.to_index(least) {
            match some.run(&|| true)? {
                // Others write it, or these can't be read.
                0 => break,
                indexed => done += indexed,
            }
            tell(done, self.exists());
        }
        Ok(())
    }
}
